// Many seeds: what they did together, and whether that was enough to mean anything (vacuity).

import { add, noCounters, type Counters } from "./counters.ts";
import type { SeedResult } from "./run-seed.ts";

export interface Failure {
  readonly seed: number;
  readonly what: string;
  readonly faults: readonly string[];
  readonly events: readonly string[];
}

export interface Summary {
  readonly seeds: number;
  readonly failures: readonly Failure[];
  /** What should have happened and did not; empty: the batch means something. */
  readonly inconclusive: readonly string[];
  readonly simulatedHours: number;
  readonly steps: number;
  readonly counters: Counters;
  readonly seconds: number;
  readonly seedsPerSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** Fewer seeds than this are no batch: nothing is asked of them. */
export const batchMin = 50;

/** Needs no second node. */
const anywhere = [
  ...["elections", "crashes", "powerLosses", "tornWrites", "gracefulStops", "pauses", "partitions"],
  ...["clogs", "brokenConnections", "diskErrors", "diskFull", "diskStalls", "clockJumps"],
  ...["compactions", "clientDeaths", "ok", "fail", "unknown"],
] as readonly (keyof Counters)[];
const among = [
  ...["messages", "dropped", "doubled", "reordered", "damaged", "corruptVerdicts", "wipes"],
  ...["introductionsRefused", "snapshotsInstalled", "membershipChanges", "transfers"],
] as readonly (keyof Counters)[];

export class Batch {
  readonly #nodes: number | undefined;
  readonly #counters = noCounters();
  readonly #failures: Failure[] = [];
  readonly #tookMs: number[] = [];
  #simulatedMs = 0;
  #steps = 0;

  /** `nodes`: of every seed, if it was not left to them. */
  constructor(nodes: number | undefined) {
    this.#nodes = nodes;
  }

  get seeds(): number {
    return this.#tookMs.length;
  }

  get failures(): readonly Failure[] {
    return this.#failures;
  }

  add({ seed, failure, counters, simulatedMs, steps }: SeedResult, tookMs: number): void {
    add(this.#counters, counters);
    this.#simulatedMs += simulatedMs;
    this.#steps += steps;
    this.#tookMs.push(tookMs);
    if (failure !== undefined) this.#failures.push({ seed, ...failure });
  }

  summary(seconds: number): Summary {
    const sorted = [...this.#tookMs].sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    return {
      seeds: this.seeds,
      failures: this.#failures,
      inconclusive: this.#inconclusive(),
      simulatedHours: this.#simulatedMs / 3_600_000,
      steps: this.#steps,
      counters: this.#counters,
      seconds,
      seedsPerSecond: this.seeds / seconds,
      medianMs: at(0.5),
      p99Ms: at(0.99),
    };
  }

  #inconclusive(): string[] {
    if (this.seeds < batchMin) return [];
    const counters = this.#counters;
    const wanted = this.#nodes === 1 ? anywhere : [...anywhere, ...among];
    const missing = wanted.filter((name) => counters[name] === 0).map((name) => `no ${name}`);
    const { ok, fail, unknown } = counters;
    if (2 * ok < ok + fail + unknown) missing.push("fewer than half of the operations were ok");
    return missing;
  }
}

export function summaryText(summary: Summary): string {
  const { counters } = summary;
  const { ok, fail, unknown, ...events } = counters;
  const lines = [
    `${summary.seeds} seeds in ${summary.seconds.toFixed(1)} s (${summary.seedsPerSecond.toFixed(2)} a second; ` +
      `each ${summary.medianMs.toFixed(0)} ms in the median, ${summary.p99Ms.toFixed(0)} ms at p99)`,
    `${summary.simulatedHours.toFixed(2)} simulated hours, ${summary.steps} steps; ` +
      `operations: ${ok} ok, ${fail} fail, ${unknown} unknown`,
    Object.entries(events)
      .map(([name, count]) => `${words(name)} ${count}`)
      .join(", "),
  ];
  if (summary.inconclusive.length > 0)
    lines.push(`INCONCLUSIVE: ${summary.inconclusive.join(", ")}`);
  const { failures } = summary;
  lines.push(
    failures.length === 0
      ? "no violation"
      : `FAILED: seed${failures.length > 1 ? "s" : ""} ${failures.map(({ seed }) => seed).join(", ")}`,
  );
  return lines.join("\n");
}

function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** `nodes`: when it was given; a seed means another world without it. */
export function repeatCommand(seed: number, nodes: number | undefined): string {
  const given = nodes === undefined ? "" : ` --nodes ${nodes}`;
  return `npm run simulate -- --seed ${seed}${given} --trace`;
}

export function failureText(
  { seed, what, faults, events }: Failure,
  nodes: number | undefined,
): string {
  return [
    "the last hundred events:",
    ...events,
    "the last faults, the latest below:",
    ...faults,
    `seed ${seed} violates: ${what}`,
    `again: ${repeatCommand(seed, nodes)}`,
  ].join("\n");
}
