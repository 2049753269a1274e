import type { Item, Measured } from "../item.ts";
import { measureLoad } from "../load.ts";
import { counted, relative } from "../compare.ts";

const counts = [1, 1_000, 100_000];

/** What the number of keys costs. One key is the strictest order there is: each message waits for the ack of the one before. */
export const keys: Item = {
  name: "keys",
  title: "end to end by number of keys",
  about: "end to end, saturated, over 1, 1,000 and 100,000 keys; with one, a message at a time",
  async run(bench) {
    const all: Measured[] = [];
    for (const count of counts) {
      if (all.length > 0) await bench.start();
      const order = { queues: [await bench.queue()], keys: count };
      const windowMs = bench.windowMs(5);
      const label = counted(count, "key");
      // What one key leaves behind would take minutes.
      all.push(await measureLoad(bench, order, { label, windowMs, isDrained: false }));
    }
    return relative(all, "acked_per_s", counted(1_000, "key"));
  },
};
