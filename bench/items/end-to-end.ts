import { nowMs } from "../body.ts";
import {
  consumedFigures,
  cpuPer100k,
  drained,
  producedFigures,
  type Bench,
  type Figures,
  type Item,
} from "../item.ts";

const outstanding = 1_000;
const credit = 500;
const warmMs = 2_000;

/** One producer, one consumer, order per key, as fast as it goes. */
export const endToEnd: Item = {
  name: "e2e",
  title: "end to end, saturated",
  run: (bench) => measureEndToEnd(bench, { windowMs: bench.windowMs(7) }),
};

/** The same at 1,000 messages a second: the latency of a cluster that is not busy. */
export const endToEndSteady: Item = {
  name: "e2e1k",
  title: "end to end, 1,000/s",
  run: (bench) => measureEndToEnd(bench, { rate: 1_000, windowMs: bench.windowMs(5) }),
};

/** Defaults: the item's queue, the bench's keys, as fast as it goes. */
export interface EndToEndOrder {
  readonly queue?: string;
  readonly keys?: number;
  /** Messages a second; 0: as fast as answers come. */
  readonly rate?: number;
  readonly windowMs: number;
}

export async function measureEndToEnd(bench: Bench, order: EndToEndOrder): Promise<Figures> {
  const { queue = bench.queue, keys = bench.options.keys, rate = 0, windowMs } = order;
  const consumer = await bench.worker(credit);
  const producer = await bench.worker(outstanding);
  await consumer.call("consume", { queue, credit });
  const before = bench.serverCpuSeconds();
  const startMs = nowMs();
  await consumer.call("window", { fromMs: startMs + warmMs, toMs: startMs + warmMs + windowMs });
  const produced = await producer.call("produce", {
    queue,
    bytes: bench.options.bytes,
    keys,
    outstanding,
    warmMs,
    windowMs,
    rate,
    count: 0,
  });
  const atEnd = await consumer.call("counts", null);
  await drained(consumer, produced.confirmed);
  // The whole run, its last part too: what was enqueued in it has been delivered in it.
  const cpu = cpuPer100k(before, bench.serverCpuSeconds(), produced.confirmed);
  const consumed = await consumer.call("consumed", null);
  return {
    ...consumedFigures(consumed),
    ...producedFigures(produced),
    backlog_at_end: produced.confirmed - atEnd.acked,
    unacked_at_last: produced.confirmed - consumed.acked,
    cpu_s_per_100k: cpu,
    ...bench.residentMiB(),
  };
}
