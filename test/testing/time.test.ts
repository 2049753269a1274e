import { expect, test } from "vitest";
import { NotSimulated, withoutReality } from "../simulation/poison.ts";
import { SimClock } from "../../testing/clock.ts";
import { Process, Time } from "../../testing/time.ts";

/** Runs everything that is scheduled through `ms`. */
function through(time: Time, ms: number): Promise<void> {
  time.at(ms, undefined, () => undefined);
  return time.run(
    () => time.now >= ms,
    () => undefined,
  );
}

test("T1: after an event every promise goes on, then what was to run soon runs, then comes the next event", async () => {
  const time = new Time();
  const process = new Process("p");
  const said: string[] = [];
  time.at(1, process, () => {
    said.push("event");
    time.soon(process, () => {
      said.push("soon");
      void Promise.resolve().then(() => said.push("promise of soon"));
      time.soon(process, () => said.push("sooner"));
    });
    void (async () => {
      for (let i = 0; i < 20; i += 1) await Promise.resolve();
      said.push("promise");
    })();
  });
  time.at(1, process, () => said.push("next event"));
  await through(time, 2);
  expect(said).toEqual(["event", "promise", "soon", "promise of soon", "sooner", "next event"]);
});

test("T1: what the caller set in motion goes on before the first event, whether he runs in a microtask, a tick or a macrotask", async () => {
  const begin = async (): Promise<string[]> => {
    const said: string[] = [];
    const time = new Time();
    time.at(0, undefined, () => said.push("event"));
    void (async () => {
      for (let i = 0; i < 20; i += 1) await Promise.resolve();
      said.push("promise");
    })();
    await through(time, 1);
    return said;
  };
  const expected = ["promise", "event"];
  expect(await Promise.resolve().then(begin)).toEqual(expected);
  const inTick = new Promise((resolve) => process.nextTick(() => resolve(begin())));
  expect(await inTick).toEqual(expected);
  const inMacrotask = new Promise((resolve) => setImmediate(() => resolve(begin())));
  expect(await inMacrotask).toEqual(expected);
});

test("T2: events of one moment run in the order in which they were scheduled", async () => {
  const time = new Time();
  const said: number[] = [];
  for (const at of [3, 1, 2, 1, 3, 2, 1]) {
    const number = said.length;
    time.at(at, undefined, () => said.push(at * 100 + number));
  }
  for (let i = 0; i < 50; i += 1) time.at(2.5, undefined, () => said.push(i));
  await through(time, 4);
  expect(said.slice(0, 5)).toEqual([100, 100, 100, 200, 200]);
  expect(said.slice(5, 55)).toEqual(Array.from({ length: 50 }, (_, i) => i));
});

test("T3: what belongs to a process that has ended never runs", async () => {
  const time = new Time();
  const process = new Process("p");
  const said: string[] = [];
  time.at(2, process, () => said.push("of the first life"));
  time.at(1, undefined, () => {
    process.life += 1;
    time.at(3, process, () => said.push("of the second life"));
  });
  await through(time, 4);
  expect(said).toEqual(["of the second life"]);
});

test("T3: a process that stood still runs its timers, then its sockets, then what was to run soon", async () => {
  const time = new Time();
  const process = new Process("p");
  const clock = new SimClock(time, process);
  const said: string[] = [];
  clock.after(5, () => {
    said.push("timer");
    clock.soon(() => said.push("soon"));
  });
  time.at(2, process, () => said.push("socket"));
  time.at(1, undefined, () => time.pause(process));
  time.at(50, undefined, () => {
    expect(said).toEqual([]);
    time.resume(process);
  });
  await through(time, 60);
  expect(said).toEqual(["timer", "socket", "soon"]);
});

test("a timer that is stopped does not run, a regular one runs until it is", async () => {
  const time = new Time();
  const clock = new SimClock(time, new Process("p"));
  let count = 0;
  clock.after(3, () => (count += 100)).stop();
  const regular = clock.every(10, () => (count += 1));
  time.at(55, undefined, () => regular.stop());
  await through(time, 100);
  expect(count).toBe(5);
});

test("a clock that is fast is early, and never goes back", async () => {
  const time = new Time();
  const clock = new SimClock(time, new Process("p"), 2, 0.5);
  const seen: number[] = [];
  clock.after(10, () => seen.push(time.now, clock.monotonicMs(), clock.monotonicMs()));
  clock.after(11, () => seen.push(clock.monotonicMs()));
  await through(time, 20);
  expect(seen[0]).toBe(5);
  expect(seen.slice(1)).toEqual([10.5, 11, 11.5]);
});

test("what an event throws ends the run", async () => {
  const time = new Time();
  time.at(1, undefined, () => {
    throw new Error("broken");
  });
  await expect(through(time, 2)).rejects.toThrow("broken");
});

test("a world in which nothing can happen any more says so", async () => {
  const time = new Time();
  await expect(
    time.run(
      () => false,
      () => undefined,
    ),
  ).rejects.toThrow("nothing is left");
});

test("nothing real can be used within a world, and everything afterwards", async () => {
  const uses: (() => unknown)[] = [
    () => Date.now(),
    () => new Date(),
    () => Math.random(),
    () => performance.now(),
    () => process.hrtime(),
    () => setTimeout(() => undefined, 0),
    () => setImmediate(() => undefined),
    () => setInterval(() => undefined, 1),
  ];
  await withoutReality(async () => {
    for (const use of uses) expect(use).toThrow(NotSimulated);
    expect(new Date(5).getTime()).toBe(5);
    await Promise.resolve();
  });
  expect(Date.now()).toBeGreaterThan(0);
  expect(performance.now()).toBeGreaterThan(0);
  await expect(withoutReality(() => Promise.reject(new Error("ended")))).rejects.toThrow("ended");
  expect(Math.random()).toBeLessThan(1);
});
