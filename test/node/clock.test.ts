import { describe, expect, test } from "vitest";
import { startTicker, type Clock } from "../../node/clock.ts";

/** A clock whose turns and time the test moves by hand. */
function handClock() {
  let now = 0;
  let soon: (() => void)[] = [];
  let interval: (() => void) | undefined;
  const clock: Clock = {
    monotonicMs: () => now,
    wallMs: () => now,
    every: (_ms, run) => {
      interval = run;
      return { stop: () => (interval = undefined) };
    },
    after: () => ({ stop: () => undefined }),
    soon: (run) => void soon.push(run),
  };
  const turn = (): void => {
    const due = soon;
    soon = [];
    for (const run of due) run();
  };
  return {
    clock,
    turn,
    advance: (ms: number) => (now += ms),
    fire: () => interval?.(),
    wake: (ms: number) => {
      now += ms;
      interval?.();
      turn();
      turn();
    },
  };
}

describe("I3, R13: the consensus clock and a stalled event loop", () => {
  test("each interval is one tick", () => {
    const { clock, wake } = handClock();
    let ticks = 0;
    startTicker(clock, 10, () => (ticks += 1));
    for (let i = 0; i < 50; i += 1) wake(10);
    expect(ticks).toBe(50);
  });

  test("K3: a tick waits two turns, so that messages in the sockets are read before it", () => {
    const { clock, fire, turn, advance } = handClock();
    let ticks = 0;
    startTicker(clock, 10, () => (ticks += 1));
    advance(10);
    fire();
    expect(ticks).toBe(0);
    turn();
    expect(ticks).toBe(0);
    turn();
    expect(ticks).toBe(1);
  });

  test("K2: a stall of a second is a few ticks, not a hundred: no election because the loop stood still", () => {
    const { clock, wake } = handClock();
    let ticks = 0;
    startTicker(clock, 10, () => (ticks += 1));
    wake(1_000);
    expect(ticks).toBeLessThanOrEqual(3);
    const before = ticks;
    for (let i = 0; i < 10; i += 1) wake(10);
    expect(ticks - before).toBe(10);
  });

  test("late intervals lose no time: 15 ms twice are three ticks", () => {
    const { clock, wake } = handClock();
    let ticks = 0;
    startTicker(clock, 10, () => (ticks += 1));
    wake(15);
    wake(15);
    expect(ticks).toBe(3);
  });
});
