// A run that never was.

import { Latencies } from "../../bench/latency.ts";
import type { Measured } from "../../bench/item.ts";
import type { ItemReport, Report } from "../../bench/report.ts";

export function histogramOf(...all: readonly number[]): string {
  const latencies = new Latencies();
  for (const ms of all) latencies.add(ms);
  return latencies.encode();
}

/** From `least` to `least + 99` ms. */
export const hundred = (least: number): string =>
  histogramOf(...Array.from({ length: 100 }, (_, index) => least + index));

export function item(name: string, ...repetitions: readonly (readonly Measured[])[]): ItemReport {
  return { name, title: `title of ${name}`, about: `about ${name}`, repetitions, failures: [] };
}

export function one(figures: Measured["figures"], more: Partial<Measured> = {}): Measured {
  return { label: "", figures, ...more };
}

export function reportOf(...items: readonly ItemReport[]): Report {
  return {
    format: 2,
    at: "2026-11-21T10:20:30.000Z",
    revision: "abc1234",
    machine: {
      cpu: "Some CPU",
      cores: 2,
      memoryGiB: 24,
      platform: "linux-x64",
      kernel: "6.1",
      node: "20.20.2",
    },
    options: {
      bytes: 256,
      keys: 1_000,
      nodes: 3,
      seconds: undefined,
      backlog: 1_000_000,
      preload: 200_000,
      failovers: 20,
      minutes: 60,
    },
    items,
  };
}

const gaps = (name: string, ...all: readonly number[]): ItemReport =>
  item(name, [
    one(
      { median_ms: 90, worst_ms: Math.max(...all), lost: 0, redelivered: 0 },
      { series: [{ name: "gap", points: all.map((ms, index) => [index + 1, ms] as const) }] },
    ),
  ]);

/** Each kind of item, so each kind of chart. */
export function fullReport(): Report {
  const way = { confirm: hundred(1), "end to end": hundred(20) };
  return reportOf(
    item(
      "pipelined",
      [one({ enqueued_per_s: 40_000 }, { histograms: way })],
      [one({ enqueued_per_s: 44_000 }, { histograms: way })],
    ),
    item("closed", [one({ enqueued_per_s: 700, confirm_p99_ms: 9 }, { histograms: way })]),
    item("e2e", [one({ acked_per_s: 20_000, cpu_s_per_100k: 6.3 }, { histograms: way })]),
    item("drain", [one({ drained_per_s: 30_000, lost: 0 })]),
    item("keys", [
      one({ acked_per_s: 800 }, { label: "1 key" }),
      one({ acked_per_s: 20_000, acked_per_s_ratio: 1 }, { label: "1,000 keys" }),
      one({ acked_per_s: 9_000, acked_per_s_ratio: 0.45 }, { label: "100,000 keys" }),
    ]),
    gaps("failover", 95, 80, 240),
    gaps("hang", 800, 1_700),
    item("backlog", [
      one(
        { acked_per_s_without: 20_000, acked_per_s_beside: 19_000 },
        {
          label: "cluster",
          series: [1, 2, 3].map((node) => ({
            name: `node ${node}`,
            points: [
              [0, 120],
              [1_000_000, 160 + node],
            ] as const,
          })),
        },
      ),
      one({ above_empty_mib: 40 }, { label: "node 1" }),
      one({ above_empty_mib: 4_000 }, { label: "node 2" }),
    ]),
    item("snapshot", [
      one({ e2e_p99_ms: 7, acked_per_s_saturated: 9_000 }, { label: "none", histograms: way }),
      one({ e2e_p99_ms: 9, acked_per_s_saturated: 8_000 }, { label: "taken", histograms: way }),
    ]),
    item("soak", [
      one({ e2e_p50_ms: 3, e2e_p99_ms: 20, resident_node_1_mib: 200 }, { label: "to 30 min" }),
      one({ e2e_p50_ms: 3, e2e_p99_ms: 21, resident_node_1_mib: 204 }, { label: "to 60 min" }),
    ]),
  );
}
