import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import { halfLoad } from "../half-load.ts";
import type { Item, Measured } from "../item.ts";
import { figuresOf, histogramsOf, Load } from "../load.ts";

const slices = 6;
const warmMs = 15_000;

/** Does it stay as it began? Half load for --minutes, looked at six times. */
export const soak: Item = {
  name: "soak",
  title: "soak at half load",
  about: "--minutes (60) end to end at half load: memory and p99 of each sixth of them",
  isLong: true,
  async run(bench) {
    const rate = await halfLoad(bench);
    await bench.start();
    const load = await Load.start(bench, { queues: [await bench.queue()], rate });
    const minutes = bench.options.minutes;
    await sleep(Math.min(warmMs, minutes * 6_000));
    await Promise.all([load.slice(), bench.loopDelay()]);
    const all: Measured[] = [];
    for (let slice = 1; slice <= slices; slice++) {
      await sleep((minutes * 60_000) / slices);
      const to = Math.round((minutes * slice * 10) / slices) / 10;
      all.push(await look(bench, load, `to ${to} min`, rate));
    }
    const produced = await load.stop();
    const counts = await load.drained(produced.confirmed);
    const p99 = (one: Measured | undefined): number => one?.figures["e2e_p99_ms"] ?? NaN;
    const last = all.at(-1);
    if (last === undefined) return all;
    const figures = {
      ...last.figures,
      p99_of_first_ratio: p99(last) / p99(all[0]),
      errors: produced.errors,
      never_acked: produced.confirmed - (counts?.acked ?? 0),
    };
    return [...all.slice(0, -1), { ...last, figures }];
  },
};

async function look(bench: Bench, load: Load, label: string, rate: number): Promise<Measured> {
  const [slice, loopDelay] = await Promise.all([load.slice(), bench.loopDelay()]);
  const resident = bench.resident().map((mib, index) => {
    return [`resident_node_${bench.cluster.nodeIds[index] ?? index}_mib`, mib] as const;
  });
  return {
    label,
    figures: {
      rate_asked: rate,
      ...figuresOf(slice),
      ...loopDelay,
      ...Object.fromEntries(resident),
    },
    histograms: histogramsOf(slice),
  };
}
