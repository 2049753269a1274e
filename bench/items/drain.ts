import { nowMs } from "../body.ts";
import type { Item } from "../item.ts";
import { drained } from "../load.ts";
import { costs } from "../meter.ts";
import { preload } from "../preload.ts";

/** How fast one consumer empties a queue to which nobody adds. */
export const drain: Item = {
  name: "drain",
  title: "drain of a backlog",
  about: "--preload messages (200,000) are enqueued, then one consumer (500 credits) takes them",
  async run(bench) {
    const queue = await bench.queue();
    const count = bench.options.preload;
    const { ms } = await preload(bench, queue, count);
    await bench.endWorkers();
    const consumer = await bench.worker();
    const before = bench.meter();
    await bench.loopDelay();
    const startMs = nowMs();
    await consumer.call("consume", { queues: [queue], credit: 500, holdMs: 0, isChecked: true });
    const counts = await drained(consumer, count);
    const seconds = (nowMs() - startMs) / 1_000;
    const cost = costs(before, bench.meter(), counts.acked);
    const figures = {
      drained_per_s: counts.acked / seconds,
      preloaded: count,
      preloaded_per_s: count / (ms / 1_000),
      lost: count - counts.distinct,
      doubled: counts.doubled,
      out_of_order: counts.outOfOrder,
      redelivered: counts.redelivered,
      ...cost,
      ...(await bench.loopDelay()),
    };
    return [{ label: "", figures }];
  },
};
