import { describe, expect, test } from "vitest";
import { Leadership } from "../../node/leadership.ts";
import { Machine, type Command, type Origin } from "../../queue/index.ts";
import { randomFrom, VirtualTime } from "./fakes.ts";

const nobody: Origin = { session: 0, sequence: 0, floor: 0 };

function world() {
  const time = new VirtualTime();
  const clock = time.clock(1_000_000);
  const leadership = new Leadership(clock);
  const machine = Machine.empty();
  let index = 0;
  const apply = (command: Command, stamp = leadership.stamp()): void => {
    index += 1;
    machine.begin({ index, time: stamp });
    machine.apply(nobody, command);
    machine.end();
  };
  const known = { byAll: 0 };
  const submitted: { command: Command; done: () => void }[] = [];
  const tick = (): void =>
    leadership.tick(
      machine,
      (_origin, command, done) => submitted.push({ command, done }),
      () => known.byAll,
    );
  return { time, clock, leadership, machine, apply, submitted, known, tick };
}

describe("L1, P9: stamps", () => {
  test("begin at the wall clock, and go on with the monotonic one whatever the wall clock does", async () => {
    const { time, clock, leadership } = world();
    leadership.begin(0);
    expect(leadership.stamp()).toBe(1_000_000);
    await time.advance(250);
    clock.wallSkewMs = -3_600_000;
    expect(leadership.stamp()).toBe(1_000_250);
    clock.wallSkewMs = 3_600_000;
    await time.advance(250);
    expect(leadership.stamp()).toBe(1_000_500);
  });

  test("a leader whose clock is behind goes on from cluster time", async () => {
    const { time, clock, leadership } = world();
    clock.wallSkewMs = -900_000;
    leadership.begin(1_000_000);
    expect(leadership.stamp()).toBe(1_000_001);
    await time.advance(100);
    expect(leadership.stamp()).toBe(1_000_101);
  });

  test("L2: a leader that had not applied everything when it began goes on from cluster time, once it has", async () => {
    const { time, clock, leadership, machine, apply, submitted, tick } = world();
    clock.wallSkewMs = -900_000;
    leadership.begin(machine.clusterTime);
    // From the last leader, whose clock was right: applied only now.
    apply({ kind: "open-session", name: "s", ttlMs: 2_000 }, 1_000_000);
    tick();
    expect(leadership.stamp()).toBe(1_000_001);
    await time.advance(1_500);
    expect(leadership.stamp()).toBe(1_001_501);
    tick();
    // Time goes on: somebody waits for it.
    expect(submitted.map(({ command }) => command.kind)).toEqual(["tick"]);
    clock.wallSkewMs = 900_000;
    tick();
    expect(leadership.stamp()).toBe(1_001_501);
  });

  test("never go back within a leadership, at any jump", async () => {
    const { time, clock, leadership } = world();
    const random = randomFrom(5);
    leadership.begin(0);
    let last = leadership.stamp();
    for (let i = 0; i < 200; i += 1) {
      clock.wallSkewMs = (random() - 0.5) * 7_200_000;
      await time.advance(random() * 20);
      const stamp = leadership.stamp();
      expect(stamp).toBeGreaterThanOrEqual(last);
      expect(Number.isInteger(stamp)).toBe(true);
      last = stamp;
    }
  });
});

describe("M4 of the state machine: time passes in the log while anything waits for it", () => {
  test("nothing waits: no tick", async () => {
    const { time, leadership, submitted, tick } = world();
    leadership.begin(0);
    await time.advance(60_000);
    tick();
    expect(submitted).toEqual([]);
  });

  test("something waits: a tick each second, and one when it is due; never two under way", async () => {
    const { time, leadership, apply, submitted, tick } = world();
    leadership.begin(0);
    apply({ kind: "open-session", name: "", ttlMs: 2_500 });
    await time.advance(999);
    tick();
    expect(submitted).toEqual([]);
    await time.advance(1);
    tick();
    tick();
    expect(submitted.map(({ command }) => command)).toEqual([{ kind: "tick" }]);
    await time.advance(5_000);
    tick();
    expect(submitted).toHaveLength(1);
    submitted[0]!.done();
    tick();
    expect(submitted).toHaveLength(2);
  });

  test("what is due in 300 ms is not kept waiting for a second", async () => {
    const { time, leadership, machine, apply, submitted, tick } = world();
    leadership.begin(0);
    apply({ kind: "open-session", name: "", ttlMs: 1_300 });
    await time.advance(1_000);
    apply({ kind: "tick" });
    const due = machine.nextDeadline() ?? 0;
    expect(due).toBeLessThan(400);
    await time.advance(due - 1);
    tick();
    expect(submitted).toEqual([]);
    await time.advance(1);
    tick();
    expect(submitted).toHaveLength(1);
  });

  test("a tick that was lost with an earlier leadership does not block those of the next one", async () => {
    const { time, leadership, apply, submitted, tick } = world();
    leadership.begin(0);
    apply({ kind: "open-session", name: "", ttlMs: 60_000 });
    await time.advance(1_000);
    tick();
    expect(submitted).toHaveLength(1);
    leadership.begin(2_000_000);
    await time.advance(1_000);
    tick();
    expect(submitted).toHaveLength(2);
  });
});

describe("sessions of connected clients are kept alive", () => {
  test("those that were heard, together, at most once a second", async () => {
    const { time, leadership, submitted, tick } = world();
    leadership.begin(0);
    await time.advance(1_000);
    for (const session of [3, 1, 2, 3]) leadership.alive(session);
    tick();
    expect(submitted.map(({ command }) => command)).toEqual([
      { kind: "keep-alive", sessions: [1, 2, 3] },
    ]);
    leadership.alive(1);
    await time.advance(500);
    tick();
    expect(submitted).toHaveLength(1);
    await time.advance(500);
    tick();
    expect(submitted[1]?.command).toEqual({ kind: "keep-alive", sessions: [1] });
  });
});

describe("G5: the version of the rules", () => {
  test("is raised once every member knows a newer one, again when a try was lost, and then no more", () => {
    const { leadership, apply, submitted, known, tick } = world();
    leadership.begin(0);
    tick();
    expect(submitted).toEqual([]);
    known.byAll = 1;
    tick();
    tick();
    expect(submitted.map(({ command }) => command)).toEqual([
      { kind: "raise-version", version: 1 },
    ]);
    submitted.pop()?.done();
    tick();
    expect(submitted).toHaveLength(1);
    apply({ kind: "raise-version", version: 1 });
    submitted.pop()?.done();
    tick();
    expect(submitted).toEqual([]);
  });
});
