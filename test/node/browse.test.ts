// Reading a queue for people: what does not fit into memory or into a slice of the event loop.

import { expect, test } from "vitest";
import { Bodies } from "../../node/bodies.ts";
import { Browser } from "../../node/browse.ts";
import type { Clock } from "../../node/clock.ts";
import { message, Story } from "../queue/harness.ts";

/** A clock by which looking at it takes a millisecond. */
class SlowClock implements Clock {
  now = 0;
  turns = 0;
  monotonicMs(): number {
    return (this.now += 1);
  }
  wallMs(): number {
    return this.now;
  }
  soon(run: () => void): void {
    this.turns += 1;
    setImmediate(run);
  }
  every(): never {
    throw new Error("no timers here");
  }
  after(): never {
    throw new Error("no timers here");
  }
}

function browserOf(story: Story, clock = new SlowClock()): Browser {
  const { machine, store } = story.replica;
  const bodies = new Bodies(
    () => ({ machine, store }),
    (_store, error) => {
      throw error;
    },
  );
  const view = machine.browse("q");
  if (view === undefined) throw new Error("no queue q");
  return new Browser(clock, bodies, view);
}

test("Y1: many keys are looked through in slices; the page is right all the same", async () => {
  const story = new Story();
  await story.queue("q");
  const names = Array.from({ length: 10_000 }, (_, i) => `k${(i * 7_919) % 10_000}`);
  for (let i = 0; i < names.length; i += 1_000) {
    const messages = names.slice(i, i + 1_000).map((name) => message(name));
    await story.call({ kind: "enqueue-batch", queue: "q", messages });
  }
  const clock = new SlowClock();
  const browser = browserOf(story, clock);
  const { keys, isAll } = await browser.keys(() => true, "name", 50);
  const sorted = [...names].sort();
  expect(keys.map(({ lane }) => lane)).toEqual(sorted.slice(0, 50));
  expect(isAll).toBe(false);
  expect(clock.turns).toBeGreaterThan(5);

  const seen: string[] = [];
  let after: Parameters<Browser["messages"]>[0];
  for (let page = 0; page < 4; page += 1) {
    const { messages, next } = await browser.messages(after, undefined, 30);
    seen.push(...messages.map(({ at }) => at.lane));
    after = next;
  }
  expect(seen).toEqual(sorted.slice(0, 120));
});

test("paused keys that are not in memory are listed too, page by page", async () => {
  const limits = { lanesResidentMax: 1 };
  const story = new Story();
  await story.queue("q");
  for (const lane of ["a", "b", "c", "d"]) {
    await story.call({ kind: "pause-key", queue: "q", lane, paused: true });
  }
  await story.put("q", "live");
  await story.restart(limits);
  await story.pass(1);
  await story.replica.flush();
  expect(story.machine.state.queues.get("q")?.lanesEvicted).toBeGreaterThan(0);
  const browser = browserOf(story);
  const all = await browser.keys(() => true, "name", 10);
  expect(all.keys.map(({ lane, paused, messages }) => [lane, paused, messages])).toEqual([
    ...["a", "b", "c", "d"].map((lane) => [lane, true, 0]),
    ["live", false, 1],
  ]);
  const behind = await browser.keys(({ lane, paused }) => paused && lane > "b", "name", 1);
  expect(behind).toMatchObject({ keys: [{ lane: "c" }], isAll: false });
});

test("gaps are no messages: what was cancelled in the middle of a key", async () => {
  const story = new Story();
  await story.queue("q");
  for (let i = 0; i < 5; i += 1) await story.put("q", "k");
  for (const keySeq of [2, 4])
    await story.call({ kind: "cancel", message: { queue: "q", lane: "k", keySeq } });
  const browser = browserOf(story);
  const { messages, next } = await browser.messages(undefined, "k", 3);
  expect(messages.map(({ at }) => at.keySeq)).toEqual([1, 3, 5]);
  expect(next).toBeUndefined();
  expect(await browser.message("k", 2)).toBeUndefined();
  expect((await browser.message("k", 3))?.at).toMatchObject({ keySeq: 3, state: "ready" });
});

test("what is delayed without order is found in the store and on its way there, in order, once", async () => {
  const story = new Story();
  await story.queue("q", { ordering: "none" });
  const late = {
    ...{ dedupId: "", expectKeySeq: 0, notBefore: 0, expiresAt: 0, ttlMs: 0 },
    ...{ delayMs: 60_000, priority: 0, headers: {} },
  };
  const put = (body: string) =>
    story.call({ kind: "enqueue", queue: "q", message: { ...message("", body), extras: late } });
  for (const body of ["1", "2", "3"]) await put(body);
  const places = await browserOf(story).messages(undefined, undefined, 10);
  const [, second] = places.messages.map(({ at }) => at.keySeq);
  await story.replica.flush();
  await story.call({ kind: "cancel", message: { queue: "q", lane: "", keySeq: second ?? 0 } });
  for (const body of ["4", "5"]) await put(body);
  const seen: string[] = [];
  let after: Parameters<Browser["messages"]>[0];
  do {
    const { messages, next } = await browserOf(story).messages(after, undefined, 2);
    seen.push(...messages.map((one) => String.fromCharCode(...one.message.content)));
    expect(messages.every(({ at }) => at.state === "delayed")).toBe(true);
    after = next;
  } while (after !== undefined);
  expect(seen).toEqual(["1", "3", "4", "5"]);
  expect(await browserOf(story).message("", second ?? 0)).toBeUndefined();
});

test("one key only: also where keys mean nothing, as in ordering TOTAL and NONE", async () => {
  for (const ordering of ["key", "total", "none"] as const) {
    const story = new Story();
    await story.queue("q", { ordering });
    for (const key of ["a", "b", "a", "c"]) await story.put("q", key);
    const browser = browserOf(story);
    const ofA = await browser.messages(undefined, "a", 10);
    expect(ofA.messages.map((one) => one.message.seq)).toEqual([1, 3]);
    expect((await browser.messages(undefined, "z", 10)).messages).toEqual([]);
    const pages: number[] = [];
    let after: Parameters<Browser["messages"]>[0];
    do {
      const { messages, next } = await browser.messages(after, "a", 1);
      pages.push(...messages.map((one) => one.message.seq));
      after = next;
    } while (after !== undefined);
    expect(pages).toEqual([1, 3]);
  }
});

test("a queue stands still when somebody could get something: whoever takes all keys, or this one", async () => {
  const story = new Story();
  await story.queue("q");
  const session = await story.session();
  const subscribe = (consumer: number, keys: readonly string[]) =>
    story.in(session, {
      ...{ kind: "subscribe", consumer, queue: "q", credit: 1, leaseMs: 0 },
      keys,
    });
  await subscribe(1, ["a"]);
  await story.put("q", "b");
  expect(story.machine.stalledQueues()).toEqual([]);
  const queue = story.machine.state.queues.get("q");
  const [consumer] = queue?.consumers ?? [];
  if (queue === undefined || consumer === undefined) throw new Error("no consumer");
  // The state machine does not come into this state: somebody else has to put it there.
  consumer.keys = ["b"];
  expect(story.machine.stalledQueues()).toEqual([{ queue: "q", sessions: [session] }]);
  queue.options = { ...queue.options, paused: true };
  expect(story.machine.stalledQueues()).toEqual([]);
});
