// Latencies with a bound on memory and three significant digits, whatever the number of samples.

import { build, type Histogram } from "hdr-histogram-js";

/** In milliseconds. */
export interface LatencySummary {
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export class Latencies {
  readonly #microseconds: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 3,
  });

  add(ms: number): void {
    this.#microseconds.recordValue(Math.max(0, Math.round(ms * 1_000)));
  }

  summary(): LatencySummary {
    const histogram = this.#microseconds;
    const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1_000;
    return {
      samples: histogram.totalCount,
      p50: at(50),
      p99: at(99),
      p999: at(99.9),
      max: histogram.totalCount === 0 ? 0 : histogram.maxValue / 1_000,
    };
  }
}
