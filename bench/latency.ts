// Latencies with a bound on memory and three significant digits, whatever the number of samples. They travel, and are kept, as
// HdrHistogram's own text (V2, compressed, base64), so that repetitions can be added up and drawn again later.

import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from "hdr-histogram-js";

/** In milliseconds. */
export interface LatencySummary {
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** So many per cent took at most so many milliseconds. */
export interface CurvePoint {
  readonly percentile: number;
  readonly ms: number;
}

export class Latencies {
  readonly #microseconds: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 3,
  });

  /** All of these histograms together. */
  static of(encoded: readonly string[]): Latencies {
    const all = new Latencies();
    for (const text of encoded) all.#microseconds.add(decodeFromCompressedBase64(text));
    return all;
  }

  add(ms: number): void {
    this.#microseconds.recordValue(Math.min(600_000_000, Math.max(0, Math.round(ms * 1_000))));
  }

  get samples(): number {
    return this.#microseconds.totalCount;
  }

  /** Milliseconds that so many per cent did not exceed; 0 without samples. */
  at(percentile: number): number {
    return this.samples === 0 ? 0 : this.#microseconds.getValueAtPercentile(percentile) / 1_000;
  }

  summary(): LatencySummary {
    return {
      samples: this.samples,
      p50: this.at(50),
      p99: this.at(99),
      p999: this.at(99.9),
      max: this.samples === 0 ? 0 : this.#microseconds.maxValue / 1_000,
    };
  }

  /** As far as there are samples to say it: the last point has at least one sample above it. */
  curve(): readonly CurvePoint[] {
    const points: CurvePoint[] = [];
    // Ten points for each decade of what is left over: 90, 99, 99.9 %.
    for (let step = 0; step <= 50; step++) {
      const left = 10 ** (-step / 10);
      if (left * this.samples < 1) break;
      const percentile = 100 * (1 - left);
      points.push({ percentile, ms: this.at(percentile) });
    }
    return points;
  }

  encode(): string {
    return encodeIntoCompressedBase64(this.#microseconds);
  }

  reset(): void {
    this.#microseconds.reset();
  }
}
