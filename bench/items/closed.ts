import type { Item } from "../item.ts";
import { measureLoad } from "../load.ts";

/** How long one enqueue takes when nothing else goes on: each waits for the one before it. */
export const closed: Item = {
  name: "closed",
  title: "enqueue, one at a time",
  about: "closed loop, 1 enqueue on its way: p50, p99 and p99.9 of the answer",
  async run(bench) {
    const order = { queues: [await bench.queue()], outstanding: 1, credit: 0 };
    return [await measureLoad(bench, order, { windowMs: bench.windowMs(5) })];
  },
};
