import { describe, expect, test } from "vitest";
import { Pacing, type Hold } from "../../node/pacing.ts";
import { VirtualTime } from "./fakes.ts";

const floor = 1_000;

/** A node whose queues are ahead when the test says so. */
function world(enqueueFloor = floor) {
  const time = new VirtualTime();
  const ahead = new Set<string>();
  /** What the consumers of each queue hold. */
  const leases = { each: 100 };
  const pacing = new Pacing({
    clock: time.clock(),
    enqueueFloor,
    leasesWhenAhead: (queue) => (ahead.has(queue) ? leases.each : 0),
  });
  const resumed: string[] = [];
  const unanswered: (() => void)[] = [];
  const settling = (settlements: number, queue = "q"): void => {
    for (let i = 0; i < settlements; i += 1) unanswered.push(pacing.settling(queue));
    pacing.look();
  };
  const settled = (settlements: number): void => {
    for (const answer of unanswered.splice(0, settlements)) answer();
    pacing.applied();
  };
  const hold = (name: string, messages: Record<string, number>): Hold | undefined =>
    pacing.hold(new Map(Object.entries(messages)), () => resumed.push(name));
  /** Settlements are under way in each of these, and have been for a while. */
  const busy = async (...queues: string[]): Promise<void> => {
    for (const queue of ["q", ...queues]) settling(100, queue);
    await time.advance(500);
  };
  return { time, ahead, leases, pacing, resumed, settling, settled, hold, busy };
}

describe("PA1: who is held", () => {
  test("a stream that brings for a queue that is ahead, while the node is busy", async () => {
    const { ahead, hold, busy } = world();
    ahead.add("q");
    await busy();
    expect(hold("one", { q: 10 })).toBeDefined();
  });

  test("nobody while the queue is not ahead", async () => {
    const { hold, busy } = world();
    await busy();
    expect(hold("one", { q: 10 })).toBeUndefined();
  });

  test("nobody who brings for another queue, too, that is not ahead: its consumers wait for that", async () => {
    const { ahead, hold, busy } = world();
    ahead.add("q");
    await busy("other");
    expect(hold("one", { q: 10, other: 1 })).toBeUndefined();
    ahead.add("other");
    expect(hold("one", { q: 10, other: 1 })).toBeDefined();
  });

  test("nobody with a floor of 0", async () => {
    const { ahead, hold, busy } = world(0);
    ahead.add("q");
    await busy();
    expect(hold("one", { q: 10 })).toBeUndefined();
  });

  test("nobody whose consumers are busy with what they hold, rather than waiting for it to be settled", async () => {
    const { ahead, leases, hold, busy } = world();
    ahead.add("q");
    await busy();
    leases.each = 310;
    expect(hold("one", { q: 10 })).toBeUndefined();
    leases.each = 290;
    expect(hold("one", { q: 10 })).toBeDefined();
  });

  test("nobody for a queue in which nothing is settled, however busy the others are", async () => {
    const { ahead, hold, busy } = world();
    ahead.add("other");
    await busy();
    expect(hold("one", { other: 10 })).toBeUndefined();
  });

  test("what is under way for long still counts; a queue that was quiet counts anew", async () => {
    const { ahead, time, leases, settled, pacing, hold, busy } = world();
    ahead.add("q");
    await busy();
    for (let i = 0; i < 5; i += 1) {
      await time.advance(2_000);
      pacing.applied();
    }
    expect(hold("one", { q: 10 })).toBeDefined();
    settled(100);
    await time.advance(2_000);
    pacing.applied();
    leases.each = 1;
    expect(hold("two", { q: 10 })).toBeUndefined();
    await busy();
    expect(hold("three", { q: 10 })).toBeDefined();
  });

  test.each([
    // Every 20 ms 500 are handed in, and answered after so long: 25, 50, 100, 400 of them under way on the mean.
    [1, false],
    [2, false],
    [4, true],
    [16, true],
  ])(
    "busy is what is under way on the mean, not at its most: 500 for %i of 20 ms: %s",
    async (ms, isHeld) => {
      const { ahead, time, leases, settling, settled, hold } = world();
      ahead.add("q");
      leases.each = 1;
      for (let round = 0; round < 50; round += 1) {
        settling(500);
        await time.advance(ms);
        settled(500);
        await time.advance(20 - ms);
      }
      expect(hold("one", { q: 1 }) !== undefined).toBe(isHeld);
    },
  );

  test("not busy any more soon after the last settlement was answered", async () => {
    const { ahead, time, settled, hold, busy } = world();
    ahead.add("q");
    await busy();
    settled(100);
    await time.advance(50);
    expect(hold("one", { q: 1 })).toBeUndefined();
  });
});

describe("PA2: when it goes on", () => {
  test("as soon as something is applied after which its queue is not ahead; others wait on", async () => {
    const { ahead, pacing, resumed, hold, busy } = world();
    ahead.add("q").add("other");
    await busy("other");
    hold("one", { q: 50 });
    hold("two", { other: 50 });
    hold("three", { q: 50, other: 50 });
    pacing.applied();
    expect(resumed).toEqual([]);
    ahead.delete("q");
    expect(resumed).toEqual([]);
    pacing.applied();
    expect(resumed).toEqual(["one", "three"]);
    pacing.applied();
    expect(resumed).toHaveLength(2);
  });

  test("when the node is not busy any more", async () => {
    const { ahead, time, leases, pacing, resumed, settled, hold, busy } = world();
    ahead.add("q");
    leases.each = 1;
    await busy();
    hold("one", { q: 100 });
    settled(100);
    expect(resumed).toEqual([]);
    await time.advance(40);
    pacing.applied();
    expect(resumed).toEqual(["one"]);
    await time.advance(1_000);
    expect(resumed).toEqual(["one"]);
  });

  test("all of them together at the floor, each in its turn, although nothing is ever applied", async () => {
    const { ahead, time, resumed, hold, busy } = world();
    ahead.add("q");
    await busy();
    hold("one", { q: 40 });
    hold("two", { q: 60 });
    await time.advance(39);
    expect(resumed).toEqual([]);
    await time.advance(1);
    expect(resumed).toEqual(["one"]);
    await time.advance(59);
    expect(resumed).toEqual(["one"]);
    await time.advance(1);
    expect(resumed).toEqual(["one", "two"]);
  });

  test("at three quarters of the rate at which is settled, where that is more than the floor", async () => {
    const { ahead, time, resumed, settling, settled, hold, busy } = world();
    ahead.add("q");
    await busy();
    for (let ms = 0; ms < 500; ms += 1) {
      settling(20);
      settled(20);
      await time.advance(1);
    }
    hold("one", { q: 300 });
    hold("two", { q: 150 });
    await time.advance(18);
    expect(resumed).toEqual([]);
    await time.advance(4);
    expect(resumed).toEqual(["one"]);
    await time.advance(6);
    expect(resumed).toEqual(["one"]);
    await time.advance(4);
    expect(resumed).toEqual(["one", "two"]);
  });

  test("after 200 ms at the latest, however many are before it", async () => {
    const { ahead, time, resumed, hold, busy } = world();
    ahead.add("q");
    await busy();
    for (const name of ["one", "two", "three"]) hold(name, { q: 1_000 });
    await time.advance(199);
    expect(resumed).toEqual([]);
    await time.advance(1);
    expect(resumed).toEqual(["one", "two", "three"]);
    // What they did not wait for puts nobody off.
    hold("four", { q: 50 });
    await time.advance(50);
    expect(resumed).toHaveLength(4);
  });

  test("who went on early, or ended, takes no turn from the others", async () => {
    const { ahead, time, pacing, resumed, hold, busy } = world();
    ahead.add("q").add("other");
    await busy("other");
    hold("one", { other: 100 });
    const ended = hold("two", { q: 50 });
    ahead.delete("other");
    pacing.applied();
    ended?.end();
    ended?.end();
    hold("three", { q: 20 });
    await time.advance(20);
    expect(resumed).toEqual(["one", "three"]);
    await time.advance(1_000);
    expect(resumed).toEqual(["one", "three"]);
  });

  test("who went on early gives back what its turn took, not what it would have taken without the limit", async () => {
    const { ahead, time, pacing, resumed, hold, busy } = world();
    ahead.add("q").add("other");
    await busy("other");
    hold("one", { q: 100 });
    hold("two", { other: 1_000 });
    ahead.delete("other");
    pacing.applied();
    hold("three", { q: 20 });
    await time.advance(119);
    expect(resumed).toEqual(["two", "one"]);
    await time.advance(1);
    expect(resumed).toEqual(["two", "one", "three"]);
  });
});
