import { describe, expect, test } from "vitest";
import { Latencies } from "../../bench/latency.ts";
import { median, spreadOf } from "../../bench/statistics.ts";

describe("several values", () => {
  test("the median is a value that was measured", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2);
    expect(median([7])).toBe(7);
    expect(median([])).toBeNaN();
  });

  test("a spread leaves out what is unknown, also after a way through JSON", () => {
    const read = JSON.parse(JSON.stringify([5, NaN, 1, 9])) as (number | null)[];
    expect(spreadOf([...read, undefined, NaN])).toEqual({ median: 5, min: 1, max: 9, count: 3 });
    expect(spreadOf([undefined, NaN])).toBeUndefined();
    expect(spreadOf([])).toBeUndefined();
  });
});

describe("latencies", () => {
  test("three digits are kept, from microseconds to minutes", () => {
    for (const ms of [0.01, 1.234, 98.7, 4_560, 123_000]) {
      const latencies = new Latencies();
      latencies.add(ms);
      expect(latencies.at(50) / ms).toBeCloseTo(1, 2);
    }
  });

  test("what cannot be is held within bounds: a clock that went back, a wait without end", () => {
    const latencies = new Latencies();
    latencies.add(-1);
    latencies.add(1e9);
    expect(latencies.samples).toBe(2);
    expect(latencies.at(0)).toBe(0);
    expect(latencies.summary().max).toBeLessThan(1e6);
  });

  test("without samples everything is zero", () => {
    expect(new Latencies().summary()).toEqual({ samples: 0, p50: 0, p99: 0, p999: 0, max: 0 });
    expect(new Latencies().curve()).toEqual([]);
  });

  test("histograms that travelled add up", () => {
    const parts = [0, 1].map((half) => {
      const part = new Latencies();
      for (let ms = 1; ms <= 50; ms++) part.add(ms + 50 * half);
      return part.encode();
    });
    const all = Latencies.of(parts);
    expect(all.samples).toBe(100);
    expect(all.at(50)).toBeCloseTo(50, 0);
    expect(all.at(99)).toBeCloseTo(99, 0);
    expect(Latencies.of([]).samples).toBe(0);
  });

  test("a slice begins with nothing of the one before", () => {
    const latencies = new Latencies();
    latencies.add(100);
    latencies.reset();
    latencies.add(1);
    expect(latencies.summary()).toMatchObject({ samples: 1, max: 1 });
  });

  test("a curve goes as far as there are samples to say it, and never down", () => {
    const latencies = new Latencies();
    for (let ms = 1; ms <= 1_000; ms++) latencies.add(ms);
    const curve = latencies.curve();
    expect(curve.at(-1)?.percentile).toBeCloseTo(99.9, 5);
    for (const [index, { ms }] of curve.entries())
      expect(ms).toBeGreaterThanOrEqual(curve[index - 1]?.ms ?? 0);
  });
});
