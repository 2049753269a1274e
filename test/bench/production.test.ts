// The clock is a number here, and a millisecond of the timer is one call.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { sequenceOf, startOf } from "../../bench/body.ts";
import { Latencies } from "../../bench/latency.ts";
import { Production } from "../../bench/production.ts";
import type { ProduceOrder } from "../../bench/protocol.ts";
import type { EnqueueOptions, Queue } from "../../client/index.ts";

interface Sent {
  readonly key: string | undefined;
  readonly startMs: number;
  readonly sequence: number;
  readonly confirm: () => void;
  readonly refuse: () => void;
}

let clockMs = 0;

beforeEach(() => {
  clockMs = 1_000;
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  vi.spyOn(process, "hrtime").mockImplementation(() => [0, clockMs * 1e6]);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function fakeQueue(): { readonly queue: Queue<Uint8Array>; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  const enqueue = (body: Uint8Array, options: EnqueueOptions): Promise<void> =>
    new Promise((resolve, reject) => {
      sent.push({
        key: options.key,
        startMs: startOf(body),
        sequence: sequenceOf(body),
        confirm: () => resolve(),
        refuse: () => reject(new Error("refused")),
      });
    });
  return { queue: { enqueue } as unknown as Queue<Uint8Array>, sent };
}

const order: ProduceOrder = {
  queues: ["q"],
  bytes: 16,
  keys: 2,
  outstanding: 3,
  rate: 0,
  count: 0,
};

/** What was promised has been heard by everybody. */
const heard = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function tick(ms: number): void {
  clockMs += ms;
  vi.advanceTimersByTime(1);
}

describe("as fast as answers come", () => {
  test("never more on their way than asked for; keys in turn; so many and no more", async () => {
    const { queue, sent } = fakeQueue();
    const production = new Production([queue], { ...order, count: 5 });
    expect(sent.map(({ key }) => key)).toEqual(["key-0", "key-1", "key-0"]);
    clockMs += 7;
    sent[0]?.confirm();
    await heard();
    expect(sent).toHaveLength(4);
    for (const at of [1, 2, 3, 4]) {
      sent[at]?.confirm();
      await heard();
    }
    expect(await production.done).toMatchObject({ sent: 5, confirmed: 5, errors: 0, ms: 7 });
  });

  test("several queues in turn, each with all keys", () => {
    const [one, two] = [fakeQueue(), fakeQueue()];
    new Production([one.queue, two.queue], { ...order, outstanding: 6 });
    expect(one.sent.map(({ key }) => key)).toEqual(["key-0", "key-1", "key-0"]);
    expect(two.sent.map(({ key }) => key)).toEqual(["key-0", "key-1", "key-0"]);
  });

  test("an error is counted, its first text kept, and another message sent", async () => {
    const { queue, sent } = fakeQueue();
    const production = new Production([queue], order);
    sent[0]?.refuse();
    await heard();
    expect(sent).toHaveLength(4);
    production.stop();
    for (const each of sent) each.confirm();
    expect(await production.done).toMatchObject({
      confirmed: 3,
      errors: 1,
      firstError: "Error: refused",
    });
  });

  test("a slice has what came since the one before", async () => {
    const { queue, sent } = fakeQueue();
    const production = new Production([queue], order);
    clockMs += 4;
    sent[0]?.confirm();
    await heard();
    expect(production.slice()).toMatchObject({ ms: 4, count: 1 });
    clockMs += 10;
    const { ms, count, histogram } = production.slice();
    expect([ms, count, Latencies.of([histogram]).samples]).toEqual([10, 0, 0]);
  });
});

describe("at a fixed rate", () => {
  const steady = { ...order, rate: 1_000 };

  test("a message goes when it is due, answered or not", () => {
    const { queue, sent } = fakeQueue();
    new Production([queue], steady);
    for (let ms = 0; ms < 10; ms++) tick(1);
    expect(sent).toHaveLength(10);
  });

  test("what this process sends late counts from when it was due: no coordinated omission", () => {
    const { queue, sent } = fakeQueue();
    new Production([queue], steady);
    tick(1);
    tick(50);
    expect(sent).toHaveLength(51);
    expect(sent[0]?.startMs).toBe(1_001);
    expect(sent[1]?.startMs).toBe(1_002);
    expect(sent[40]?.startMs).toBe(1_041);
    // The timer's own unevenness is nobody's latency.
    expect(sent[50]?.startMs).toBe(1_051);
  });

  test("recovery: the first confirmation of what was first sent after the blow", async () => {
    const { queue, sent } = fakeQueue();
    const production = new Production([queue], steady);
    for (let ms = 0; ms < 5; ms++) tick(1);
    const struckMs = clockMs;
    for (let ms = 0; ms < 5; ms++) tick(1);
    // Sent before the blow: it says nothing about the time after.
    sent[0]?.confirm();
    await heard();
    expect(production.recovery(struckMs).confirmedMs).toBeUndefined();
    clockMs += 100;
    sent[7]?.confirm();
    await heard();
    clockMs += 1;
    sent[6]?.confirm();
    await heard();
    expect(production.recovery(struckMs).confirmedMs).toBe(struckMs + 5 + 100);
  });
});
