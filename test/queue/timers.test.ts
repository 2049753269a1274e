import fc from "fast-check";
import { expect, test } from "vitest";
import { deadlineAfter, Timer, Timers, timerStepMs } from "../../queue/timers.ts";

class Alarm extends Timer {
  readonly rank: number;
  readonly order: number;

  constructor(rank: number, order: number) {
    super();
    this.rank = rank;
    this.order = order;
  }
}

const alarms = fc.uniqueArray(
  fc.record({ rank: fc.nat(2), order: fc.nat(1000), delay: fc.nat(5000), cleared: fc.boolean() }),
  { selector: (one) => `${one.rank}/${one.order}`, maxLength: 60 },
);

test("T1, T2: what is set and not cleared fires once, in the order of deadline, rank and id", () => {
  fc.assert(
    fc.property(alarms, fc.array(fc.nat(700)), fc.func(fc.nat()), (all, steps, shuffle) => {
      const timers = new Timers();
      const made = all.map((one) => ({ ...one, timer: new Alarm(one.rank, one.order) }));
      const shuffled = [...made].sort((a, b) => shuffle(a.order) - shuffle(b.order));
      for (const { timer, delay } of shuffled) timers.set(timer, deadlineAfter(0, delay));
      for (const { timer, cleared } of made) if (cleared) timers.clear(timer);
      const expected = made
        .filter((one) => !one.cleared)
        .map((one) => ({ ...one, deadline: Math.ceil(one.delay / timerStepMs) * timerStepMs }))
        .sort((a, b) => a.deadline - b.deadline || a.rank - b.rank || a.order - b.order);
      let clock = 0;
      for (const step of [0, ...steps, 10_000]) {
        clock += step;
        const due = expected.filter((one) => one.deadline <= clock);
        expect(timers.next()).toBe(expected[0]?.deadline);
        expect(new Set(timers.due(clock))).toEqual(new Set(due.map((one) => one.timer)));
        const fired: Timer[] = [];
        timers.advance(clock, (timer) => fired.push(timer));
        expect(fired).toEqual(due.map((one) => one.timer));
        expected.splice(0, due.length);
        expect(timers.count).toBe(expected.length);
      }
    }),
  );
});

test("T2: one that is cleared while its bucket fires does not fire; one that is set fires in its turn", () => {
  const timers = new Timers();
  const [first, second, third] = [new Alarm(0, 1), new Alarm(0, 2), new Alarm(0, 3)];
  for (const timer of [third, first, second]) timers.set(timer, 32);
  const later = new Alarm(0, 4);
  timers.set(later, 64);
  const fired: number[] = [];
  timers.advance(100, (timer) => {
    fired.push(timer.order);
    if (timer === first) {
      timers.clear(second);
      timers.clear(third);
      timers.set(third, 48);
    }
  });
  expect(fired).toEqual([1, 3, 4]);
  expect(timers.count).toBe(0);
});

test("T3: a million leases that were settled leave nothing behind", () => {
  const timers = new Timers();
  const timer = new Alarm(0, 1);
  for (let clock = 0; clock < 1_000_000; clock++) {
    timers.set(timer, deadlineAfter(clock * 16, 30_000));
    timers.clear(timer);
  }
  const { buckets, slots } = timers as unknown as {
    buckets: Map<number, unknown>;
    slots: { size: number };
  };
  expect(buckets.size).toBeLessThan(200);
  expect(slots.size).toBeLessThan(200);
  expect(timers.next()).toBeUndefined();
});
