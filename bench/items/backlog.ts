import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import { nowMs } from "../body.ts";
import type { Figures, Item, Series } from "../item.ts";
import { measureLoad } from "../load.ts";
import { preload } from "../preload.ts";

const steps = 10;
/** After a step, until what was applied is written and garbage has had a chance. */
const settleMs = 1_000;

/** What waiting messages cost: memory, the next start, and everybody else. */
export const backlog: Item = {
  name: "backlog",
  title: "a backlog: memory, start-up, throughput beside it",
  about:
    "--backlog messages wait (1,000,000; try 10,000,000): resident memory, start-up time, throughput beside them",
  async run(bench) {
    const count = bench.options.backlog;
    const live = { queues: [await bench.queue()] };
    const windowMs = bench.windowMs(5);
    const empty = bench.resident();
    const without = await measureLoad(bench, live, { windowMs });
    const deep = await bench.queue();
    const used = bench.resident();
    const { series, perSecond } = await fill(bench, deep, count);
    const loaded = bench.resident();
    const beside = await measureLoad(bench, live, { windowMs });
    // The same queue: its consumer takes from the head what has waited, its producer adds at the tail.
    const within = await measureLoad(bench, { queues: [deep] }, { windowMs, isDrained: false });
    const starts = await startAll(bench);
    const acked = without.figures["acked_per_s"] ?? NaN;
    const figures = {
      waiting: count,
      preloaded_per_s: perSecond,
      resident_empty_mib: Math.max(...empty),
      resident_used_mib: Math.max(...used),
      resident_waiting_mib: Math.max(...loaded),
      above_used_mib: Math.max(...loaded.map((mib, index) => mib - (used[index] ?? NaN))),
      above_empty_mib: Math.max(...loaded.map((mib, index) => mib - (empty[index] ?? NaN))),
      acked_per_s_without: acked,
      acked_per_s_beside: beside.figures["acked_per_s"],
      beside_ratio: (beside.figures["acked_per_s"] ?? NaN) / acked,
      acked_per_s_within: within.figures["acked_per_s"],
      within_ratio: (within.figures["acked_per_s"] ?? NaN) / acked,
      ...starts,
    };
    return [{ label: "", figures, series }];
  },
};

/** In steps, with a look at every node after each. */
async function fill(
  bench: Bench,
  queue: string,
  count: number,
): Promise<{ series: readonly Series[]; perSecond: number }> {
  const producer = await bench.worker();
  const points = bench.resident().map((mib) => [[0, mib] as readonly [number, number]]);
  let [sent, ms] = [0, 0];
  for (let step = 1; step <= steps; step++) {
    const until = Math.round((count * step) / steps);
    ms += (await preload(bench, queue, until - sent, producer)).ms;
    sent = until;
    await sleep(settleMs);
    for (const [index, mib] of bench.resident().entries()) points[index]?.push([sent, mib]);
  }
  await bench.endWorkers();
  const { nodeIds } = bench.cluster;
  const series = points.map((each, index) => ({
    name: `node ${nodeIds[index] ?? index}`,
    points: each,
  }));
  return { series, perSecond: count / (ms / 1_000) };
}

/** Each node in turn is killed and started: the longest time until it answers, and until it has everything again. */
async function startAll(bench: Bench): Promise<Figures> {
  const { cluster } = bench;
  let [up, whole] = [0, 0];
  for (const nodeId of cluster.nodeIds) {
    await cluster.kill(nodeId);
    const startMs = nowMs();
    await cluster.restart(nodeId, 120_000);
    up = Math.max(up, nowMs() - startMs);
    await cluster.caughtUp(nodeId, 120_000, 0);
    whole = Math.max(whole, nowMs() - startMs);
  }
  await sleep(settleMs);
  return {
    start_answers_s: up / 1_000,
    start_whole_s: whole / 1_000,
    resident_restarted_mib: Math.max(...bench.resident()),
  };
}
