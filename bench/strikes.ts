// The leader is struck, again and again, under an open loop of 500 messages a second: how long until a message that was first sent
// after the blow is confirmed? Meanwhile a consumer holds each message for a while, so that every blow falls on leases; in the end
// each message must have come once, in the order of its key, and none a second time.

import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "./bench.ts";
import { nowMs } from "./body.ts";
import type { Measured } from "./item.ts";
import { histogramsOf, Load } from "./load.ts";
import { spreadOf } from "./statistics.ts";

const rate = 500;
const holdMs = 50;
const warmMs = 2_000;
/** Between two blows, when everybody is back. */
const restMs = 500;
const recoveryMsMax = 30_000;

export interface Strike {
  readonly times: number;
  readonly hit: (bench: Bench, leader: number) => Promise<void>;
  /** Afterwards, until the node follows again. */
  readonly mend: (bench: Bench, leader: number) => Promise<void>;
}

export async function strikes(bench: Bench, { times, hit, mend }: Strike): Promise<Measured> {
  const queues = [await bench.queue()];
  const load = await Load.start(bench, { queues, rate, holdMs, isChecked: true });
  await sleep(warmMs);
  await load.slice();
  const gaps: number[] = [];
  while (gaps.length < times) {
    const { nodeId } = await bench.cluster.leader();
    const struckMs = nowMs();
    const [, gap] = await Promise.all([hit(bench, nodeId), recovered(load, struckMs)]);
    gaps.push(gap);
    await mend(bench, nodeId);
    await sleep(restMs);
  }
  const slice = await load.slice();
  const produced = await load.stop();
  const counts = await load.drained(produced.confirmed);
  await bench.endWorkers();
  const spread = spreadOf(gaps);
  return {
    label: "",
    figures: {
      median_ms: spread?.median,
      worst_ms: spread?.max,
      best_ms: spread?.min,
      times,
      confirmed: produced.confirmed,
      errors: produced.errors,
      lost: counts === undefined ? undefined : produced.confirmed - counts.distinct,
      doubled: counts?.doubled,
      out_of_order: counts?.outOfOrder,
      redelivered: counts?.redelivered,
    },
    histograms: histogramsOf(slice),
    series: [{ name: "gap", points: gaps.map((gap, index) => [index + 1, gap] as const) }],
  };
}

/** Milliseconds until something that was first sent after the blow was confirmed. */
async function recovered({ producer }: Load, struckMs: number): Promise<number> {
  for (;;) {
    const { confirmedMs } = await producer.call("recovery", { sinceMs: struckMs });
    if (confirmedMs !== undefined) return confirmedMs - struckMs;
    if (nowMs() - struckMs > recoveryMsMax)
      throw new Error(`nothing was confirmed for ${recoveryMsMax} ms after a blow`);
    await sleep(20);
  }
}
