// Half of what the cluster can do: the rate at which a latency says something about a cluster that has work and is not overrun.

import type { Bench } from "./bench.ts";
import { measureLoad } from "./load.ts";

/** Messages a second, from a short saturated run over a queue of its own. */
export async function halfLoad(bench: Bench): Promise<number> {
  const order = { queues: [await bench.queue()] };
  const { figures } = await measureLoad(bench, order, { windowMs: bench.windowMs(5) });
  return Math.max(1, Math.round((figures["acked_per_s"] ?? 0) / 2));
}
