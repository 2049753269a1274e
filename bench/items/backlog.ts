import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import { nowMs } from "../body.ts";
import type { Figures, Item, Series } from "../item.ts";
import { measureLoad } from "../load.ts";
import { preload } from "../preload.ts";

const steps = 10;
/** After a step, until what was applied is written and garbage has had a chance. */
const settleMs = 1_000;
const startMsMax = 120_000;

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
    const restarted = bench.resident();
    const alone = without.figures["acked_per_s"] ?? NaN;
    const cluster = {
      waiting: count,
      preloaded_per_s: perSecond,
      acked_per_s_without: alone,
      acked_per_s_beside: beside.figures["acked_per_s"],
      beside_ratio: (beside.figures["acked_per_s"] ?? NaN) / alone,
      acked_per_s_within: within.figures["acked_per_s"],
      within_ratio: (within.figures["acked_per_s"] ?? NaN) / alone,
    };
    const nodes = bench.cluster.nodeIds.map((nodeId, index) => ({
      label: `node ${nodeId}`,
      figures: {
        resident_empty_mib: empty[index],
        resident_used_mib: used[index],
        resident_waiting_mib: loaded[index],
        above_empty_mib: (loaded[index] ?? NaN) - (empty[index] ?? NaN),
        above_used_mib: (loaded[index] ?? NaN) - (used[index] ?? NaN),
        ...starts[index],
        resident_restarted_mib: restarted[index],
      },
    }));
    return [{ label: "cluster", figures: cluster, series }, ...nodes];
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

/** Each node in turn is killed and started: how long until it answers, and until it has everything again. */
async function startAll(bench: Bench): Promise<readonly Figures[]> {
  const { cluster } = bench;
  const all: Figures[] = [];
  for (const nodeId of cluster.nodeIds) {
    await cluster.kill(nodeId);
    const startMs = nowMs();
    await cluster.restart(nodeId, startMsMax);
    const answers = (nowMs() - startMs) / 1_000;
    await cluster.caughtUp(nodeId, startMsMax, 0);
    all.push({ start_answers_s: answers, start_whole_s: (nowMs() - startMs) / 1_000 });
  }
  await sleep(settleMs);
  return all;
}
