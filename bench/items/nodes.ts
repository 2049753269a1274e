import type { Item, Measured } from "../item.ts";
import { measureLoad } from "../load.ts";
import { counted, relative } from "../compare.ts";

const counts = [3, 5];

/** What two more copies of everything cost. */
export const nodes: Item = {
  name: "nodes",
  title: "end to end by number of nodes",
  about: "end to end, saturated, with clusters of 3 and 5 nodes, whatever --nodes says",
  async run(bench) {
    const all: Measured[] = [];
    for (const count of counts) {
      await bench.start({ nodes: count });
      const order = { queues: [await bench.queue()] };
      const window = { label: counted(count, "node"), windowMs: bench.windowMs(7) };
      all.push(await measureLoad(bench, order, window));
    }
    return relative(all, "acked_per_s", counted(3, "node"));
  },
};
