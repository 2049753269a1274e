import type { Bench } from "../bench.ts";
import type { Item, Measured } from "../item.ts";
import { measureLoad } from "../load.ts";

/** How many enqueues a second one producer gets confirmed with 1,000 on their way. */
export const pipelined: Item = {
  name: "pipelined",
  title: "enqueue, 1,000 outstanding",
  about: "one producer process with 1,000 enqueues on their way: confirmed a second",
  run: (bench) => measure(bench, bench.options.bytes),
};

export const pipelinedKibibyte: Item = {
  name: "pipelined-1kib",
  title: "enqueue, 1,000 outstanding, 1,024-byte bodies",
  about: "the same with bodies of 1,024 bytes, whatever --size says",
  run: (bench) => measure(bench, 1_024),
};

async function measure(bench: Bench, bytes: number): Promise<readonly Measured[]> {
  const order = { queues: [await bench.queue()], bytes, credit: 0 };
  return [await measureLoad(bench, order, { windowMs: bench.windowMs(5) })];
}
