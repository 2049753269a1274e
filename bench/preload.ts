// Messages that wait for nobody.

import type { Bench } from "./bench.ts";
import type { Produced } from "./protocol.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** Enqueues so many messages by one producer process with 1,000 outstanding. */
export async function preload(
  bench: Bench,
  queue: string,
  count: number,
  producer?: WorkerProcess,
): Promise<Produced> {
  const worker = producer ?? (await bench.worker());
  const { bytes, keys } = bench.options;
  const produced = await worker.call("produce", {
    queues: [queue],
    bytes,
    keys,
    outstanding: 1_000,
    rate: 0,
    count,
  });
  if (produced.errors > 0)
    throw new Error(`${produced.errors} messages were not enqueued: ${produced.firstError}`);
  return produced;
}
