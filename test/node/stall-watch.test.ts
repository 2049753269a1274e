import { expect, test } from "vitest";
import { StallWatch } from "../../node/stall-watch.ts";
import type { StalledQueue } from "../../queue/index.ts";

const queue = (name: string): StalledQueue => ({ queue: name, sessions: [1] });

test("a queue that is stalled for ten seconds is told once", () => {
  const watch = new StallWatch();
  const told = [0, 5, 10, 15, 20, 100].map((seconds) =>
    watch.look(seconds * 1_000, () => [queue("q")]).map((each) => each.queue),
  );
  expect(told).toEqual([[], [], ["q"], [], [], []]);
});

test("between two looks nothing is asked", () => {
  const watch = new StallWatch();
  let asked = 0;
  for (let ms = 0; ms < 20_000; ms += 100) {
    watch.look(ms, () => {
      asked += 1;
      return [];
    });
  }
  expect(asked).toBe(4);
});

test("who goes on meanwhile is no alarm, and may stall again", () => {
  const watch = new StallWatch();
  const seen = [["q"], ["q"], [], ["q"], ["q", "r"], ["q", "r"], ["q", "r"]];
  const told = seen.map((names, i) =>
    watch.look(i * 5_000, () => names.map(queue)).map((each) => each.queue),
  );
  expect(told).toEqual([[], [], [], [], [], ["q"], ["r"]]);
});

test("a leader that was none meanwhile begins anew", () => {
  const watch = new StallWatch();
  watch.look(0, () => [queue("q")]);
  watch.forget();
  expect(watch.look(60_000, () => [queue("q")])).toEqual([]);
  expect(watch.look(70_000, () => [queue("q")])).toHaveLength(1);
});
