// P3, P4: order per key, and its price for other keys, which is none.

import { describe, expect, test } from "vitest";
import { only, places, Story } from "./harness.ts";

describe("P3: FIFO per key", () => {
  test("m2 is not delivered while m1 is not settled", async () => {
    const story = new Story();
    await story.queue("q");
    await story.session("q");
    await story.put("q", "a");
    const first = only(story.grants);
    await story.put("q", "a");
    expect(story.grants).toEqual([]);
    await story.pass(5000);
    expect(story.grants).toEqual([]);
    await story.ack(first);
    expect(places(story.grants)).toEqual(["a/2"]);
  });

  const hold = async (): Promise<Story> => {
    const story = new Story();
    await story.queue("q", { leaseMs: 5000, retry: { initialMs: 500, multiplier: 1, maxMs: 500 } });
    await story.session("q");
    await story.put("q", "a");
    const first = story.grants;
    await story.put("q", "a");
    story.grants = first;
    return story;
  };

  test("holds under nack with back-off", async () => {
    const story = await hold();
    await story.nack(only(story.grants));
    expect(story.grants).toEqual([]);
    await story.pass(2000);
    expect(story.grants).toMatchObject([
      { keySeq: 1, attempts: 1, deliveries: 2, redelivery: "nack" },
    ]);
  });

  test("holds under nack without delay, and release", async () => {
    const story = await hold();
    await story.nack(only(story.grants), 0);
    expect(story.grants).toMatchObject([{ keySeq: 1, attempts: 1, redelivery: "nack" }]);
    await story.settle(only(story.grants), { kind: "release" });
    expect(story.grants).toMatchObject([
      { keySeq: 1, attempts: 1, deliveries: 3, redelivery: "release" },
    ]);
  });

  test("holds under lease expiry", async () => {
    const story = await hold();
    await story.pass(5100);
    expect(story.grants).toMatchObject([
      { keySeq: 1, attempts: 1, deliveries: 2, redelivery: "lease-expired" },
    ]);
  });

  test("holds under parking", async () => {
    const story = await hold();
    await story.settle(only(story.grants), { kind: "reject", error: "never" });
    expect(story.grants).toEqual([]);
    expect(await story.pass(60_000)).toEqual([]);
    expect(story.machine.queueInfo("q")).toMatchObject({ ready: 1, parked: 1, parkedKeys: 1 });
  });

  test("holds under the end of the consumer's session and under a restart", async () => {
    const story = await hold();
    await story.restart();
    const other = await story.session("q");
    expect(story.grants).toEqual([]);
    await story.in(1, { kind: "close-session" });
    expect(story.grants).toMatchObject([
      { keySeq: 1, session: other, attempts: 0, deliveries: 2, redelivery: "session-ended" },
    ]);
  });

  test("with a window of 3, three are out at once; one that must be given again goes before a new one", async () => {
    const story = new Story();
    await story.queue("q", { maxInFlightPerKey: 3 });
    await story.session("q", 3);
    const grants = [];
    for (let i = 0; i < 5; i++) {
      await story.put("q", "a");
      grants.push(...story.grants);
    }
    expect(places(grants)).toEqual(["a/1", "a/2", "a/3"]);
    await story.settle(grants[1]!, { kind: "release" });
    expect(places(story.grants)).toEqual(["a/2"]);
    await story.ack(grants[2]!);
    expect(places(story.grants)).toEqual(["a/4"]);
    await story.nack(grants[0]!, 1000);
    expect(story.grants).toEqual([]);
    expect(places(await story.pass(2000))).toEqual(["a/1"]);
  });

  test("TOTAL: the whole queue is one line", async () => {
    const story = new Story();
    await story.queue("q", { ordering: "total" });
    await story.session("q");
    await story.put("q", "a");
    const first = only(story.grants);
    await story.put("q", "b");
    expect(story.grants).toEqual([]);
    await story.ack(first);
    expect(places(story.grants)).toEqual(["/2"]);
  });
});

describe("P4: isolation", () => {
  test("a parked key delays no other key and is not looked at", async () => {
    const story = new Story();
    await story.queue("q", { maxAttempts: 1 });
    await story.session("q", 2);
    for (const key of ["a", "a", "b", "b"]) await story.put("q", key);
    const [a, b] = story.machine.liveGrants(1);
    await story.nack(a!);
    await story.ack(b!);
    expect(places(story.grants)).toEqual(["b/2"]);
    const queue = story.machine.state.queues.get("q")!;
    expect(queue.ready.size).toBe(0);
    expect(queue.lanes.get("a")?.ring).toBeUndefined();
  });

  test("NONE: a message that is parked or retried blocks nothing", async () => {
    const story = new Story();
    await story.queue("q", { ordering: "none", maxAttempts: 2 });
    await story.session("q", 2);
    for (let i = 0; i < 6; i++) await story.put("q", "");
    const [one, two] = story.machine.liveGrants(1);
    await story.settle(one!, { kind: "reject", error: "" });
    expect(places(story.grants)).toEqual(["/3"]);
    await story.nack(two!, 100);
    expect(places(story.grants)).toEqual(["/4"]);
    expect(story.machine.queueInfo("q")).toMatchObject({
      parked: 1,
      retrying: 1,
      leased: 2,
      parkedKeys: 0,
    });
    await story.pass(200);
    await story.ack(story.machine.liveGrants(1)[0]!);
    expect(story.grants).toMatchObject([{ keySeq: 2, attempts: 1 }]);
  });

  test("keys take turns: one with a long queue does not keep others waiting", async () => {
    const story = new Story();
    await story.queue("q", { maxInFlightPerKey: 10 });
    for (const key of ["a", "a", "a", "b", "c", "c"]) await story.put("q", key);
    await story.session("q", 6);
    expect(places(story.grants)).toEqual(["a/1", "b/1", "c/1", "a/2", "c/2", "a/3"]);
  });

  test("consumers take turns, also after a restart", async () => {
    const story = new Story();
    await story.queue("q");
    const [one, two] = [await story.session("q", 2), await story.session("q", 2)];
    const turns = [];
    for (const key of ["a", "b", "c", "d", "e"]) {
      await story.put("q", key);
      turns.push(...story.grants.map((grant) => grant.session));
      await story.restart();
    }
    expect(turns).toEqual([one, two, one, two]);
  });
});

test("G1: the ring of ready keys has the same order on a node that was restored", async () => {
  const keys = ["z", "b", "y", "a", "x"];
  const order = async (restart: boolean): Promise<string[]> => {
    const story = new Story();
    await story.queue("q");
    for (const key of keys) await story.put("q", key);
    if (restart) await story.restart();
    await story.session("q");
    return places(story.grants);
  };
  expect(await order(false)).toEqual(["z/1", "b/1", "y/1", "a/1", "x/1"]);
  expect(await order(true)).toEqual(await order(false));
});
