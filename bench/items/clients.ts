import type { Item, Measured } from "../item.ts";
import { measureLoad } from "../load.ts";
import { counted, relative } from "../compare.ts";

const counts = [1, 4, 16];

/**
 * What queues, sessions and connections cost: one producer and one consumer process hold so many clients each, every one with a
 * queue of its own; the 1,000 outstanding and the 500 credits are shared out. So it is the servers that have more to do, and not
 * a machine with 32 processes.
 */
export const clients: Item = {
  name: "clients",
  title: "end to end by number of queues and clients",
  about:
    "end to end, saturated, over 1, 4 and 16 queues, each with its own producing and consuming client",
  async run(bench) {
    const all: Measured[] = [];
    for (const count of counts) {
      if (all.length > 0) await bench.start();
      const queues: string[] = [];
      while (queues.length < count) queues.push(await bench.queue());
      const windowMs = bench.windowMs(5);
      const label = counted(count, "queue");
      all.push(await measureLoad(bench, { queues, clients: count }, { label, windowMs }));
    }
    return relative(all, "acked_per_s", counted(1, "queue"));
  },
};
