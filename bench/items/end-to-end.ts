import type { Item } from "../item.ts";
import { measureLoad } from "../load.ts";

/** One producer, one consumer, order per key, as fast as it goes. */
export const endToEnd: Item = {
  name: "e2e",
  title: "end to end, saturated",
  about:
    "one producer (1,000 outstanding), one consumer (500 credits), acks durable: acked a second",
  async run(bench) {
    const order = { queues: [await bench.queue()] };
    return [await measureLoad(bench, order, { windowMs: bench.windowMs(7) })];
  },
};

/** The same at 1,000 messages a second: the latency of a cluster that is not busy. */
export const endToEndSteady: Item = {
  name: "e2e1k",
  title: "end to end, 1,000/s",
  about:
    "the same at a fixed 1,000 messages a second, open loop: from when it was due to its handler",
  async run(bench) {
    const order = { queues: [await bench.queue()], rate: 1_000 };
    return [await measureLoad(bench, order, { windowMs: bench.windowMs(6) })];
  },
};
