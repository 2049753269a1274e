import { describe, expect, test } from "vitest";
import type { Call } from "../../../jepsen-like/checkers/contract.ts";
import { count, duration, moment, percent, short } from "../../../jepsen-like/report/format.ts";
import { gapAt, gapsOf } from "../../../jepsen-like/report/gaps.ts";
import { labelledOf, scaleOf } from "../../../jepsen-like/report/key-scale.ts";
import { area, line, linear, logarithmic } from "../../../jepsen-like/report/plot.ts";
import { flowsOf, latenciesOf, outcomesOf, quantile } from "../../../jepsen-like/report/series.ts";
import { spanOf, ticksOf } from "../../../jepsen-like/report/span.ts";
import { emptyRun, goodRun } from "./sample.ts";

const second = 1_000_000;

function call(
  asked: number,
  told?: number,
  type: "ok" | "fail" | "unknown" = "ok",
  f: "enqueue" | "receive" = "enqueue",
): Call {
  const what = f === "enqueue" ? { f, queue: "q", key: "k", body: "b" } : { f, queue: "q", max: 1 };
  return {
    asked: { type: "invoke", process: "w", op: 1, time: asked, ...what },
    ...(told === undefined ? {} : { told: { type, process: "w", op: 1, time: told } }),
  };
}

const historyOf = (...calls: Call[]) => ({ calls, delivered: [], notes: [] });
const sum = (values: Float64Array): number => values.reduce((all, value) => all + value, 0);

describe("the span of a page", () => {
  test("holds every time of the run, in at most 1000 buckets (S1, S2)", () => {
    for (const seconds of [1, 59, 61, 150, 7_200, 400_000]) {
      const history = historyOf(call(5 * second, (5 + seconds) * second));
      const span = spanOf({ ...emptyRun(), history });
      expect(span.from).toBe(5 * second);
      expect(span.to).toBeGreaterThanOrEqual((5 + seconds) * second);
      expect(span.buckets).toBeLessThanOrEqual(1_000);
      expect(span.buckets * span.bucketUs).toBe(span.to - span.from);
    }
  });

  test("has ticks at round times only", () => {
    expect(ticksOf({ from: 0, to: 150 * second }, 8).map(({ label }) => label)).toEqual([
      "0:00",
      "0:20",
      "0:40",
      "1:00",
      "1:20",
      "1:40",
      "2:00",
      "2:20",
    ]);
    expect(ticksOf({ from: 1_234_000, to: 1_534_000 }, 4, 0).map(({ label }) => label)).toEqual([
      "0:01.3",
      "0:01.4",
      "0:01.5",
    ]);
    for (const hours of [1, 10, 100])
      expect(ticksOf({ from: 0, to: hours * 3_600 * second }, 8).length).toBeLessThanOrEqual(9);
  });
});

describe("what the charts show", () => {
  const history = historyOf(
    call(0, 1_000),
    call(0, 3 * second),
    call(2 * second, 2 * second + 500, "fail"),
    call(4 * second, 4 * second + 9, "unknown"),
    call(9 * second),
    call(0, 9 * second, "ok", "receive"),
  );
  const span = spanOf({ ...emptyRun(), history });
  const at = (values: Float64Array, time: number): number =>
    values[Math.floor(time / span.bucketUs)]!;

  test("calls count when they are answered; those never answered, as unknown, when they were asked (B1)", () => {
    const { ok, fail, unknown } = outcomesOf(span, history);
    expect([sum(ok), sum(fail), sum(unknown)]).toEqual([3, 1, 2]);
    expect(at(ok, 3 * second)).toBe(1);
    expect(at(fail, 2 * second)).toBe(1);
    expect(unknown.at(-1)).toBe(1);
  });

  test("latency counts when the call was asked, without long polls and what did not succeed (B2)", () => {
    const { p50, max } = latenciesOf(span, history);
    expect(p50[0]).toBe(1_000);
    expect(max[0]).toBe(3 * second);
    expect(p50.subarray(1).every(Number.isNaN)).toBe(true);
  });

  test("quantiles are those of all latencies, by nearest rank (B3)", () => {
    const ascending = Float64Array.from({ length: 1_000 }, (_, index) => index + 1);
    expect([0.5, 0.99, 1].map((share) => quantile(ascending, share))).toEqual([500, 990, 1_000]);
    expect(quantile(new Float64Array(0), 0.5)).toBeNaN();
  });

  test("all of a run is in its charts, and nothing twice", () => {
    const data = goodRun({ seconds: 30 });
    const whole = spanOf(data);
    const { ok, fail, unknown } = outcomesOf(whole, data.history);
    expect(sum(ok) + sum(fail) + sum(unknown)).toBe(data.history.calls.length);
    expect(sum(flowsOf(whole, data.history).delivered)).toBe(data.history.delivered.length);
  });
});

describe("the axis of a key", () => {
  const events = [10, 11, 500, 3 * second, 3 * second + 40];
  const place = scaleOf(0, 4 * second, events);

  test("is in order of time, and events have places of their own (K1)", () => {
    const places = events.map(place);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(new Set(places).size).toBe(events.length);
    expect([-1, 0, 4 * second, 5 * second].map(place)).toEqual([0, 0, 100, 100]);
    for (let time = 0; time < 4 * second; time += 9_973)
      expect(place(time)).toBeLessThanOrEqual(place(time + 9_973));
  });

  test("has room for what is short beside what is long (K2)", () => {
    expect(place(500) - place(11)).toBeGreaterThan(3);
    expect(place(3 * second) - place(500)).toBeLessThan(60);
  });

  test("of no length has one place", () => {
    expect(scaleOf(7, 7, [7])(7)).toBe(0);
  });

  test("has labels that do not touch, those of the findings before others", () => {
    const labels = labelledOf(place, [3 * second], events);
    expect(labels).toContain(3 * second);
    const places = labels.map(place);
    for (const [at, one] of places.entries())
      if (at > 0) expect(one - places[at - 1]!).toBeGreaterThanOrEqual(12);
  });
});

describe("gaps of service", () => {
  const history = historyOf(
    ...[0, 0.4, 0.6, 3, 3.1, 3.2].map((time) => call(time * second, time * second)),
    call(second, 2 * second, "fail"),
    call(second, 2 * second, "unknown"),
  );

  test("begin when someone waits, and end with a success only (G1)", () => {
    expect(gapsOf(history)).toEqual([{ from: second, to: 3 * second }]);
    const early = call(0.5 * second, 3 * second);
    expect(gapsOf(historyOf(...history.calls, early))).toEqual([
      { from: 0.6 * second, to: 3 * second },
    ]);
  });

  test("are none where nobody asks, or where a long poll waits as it should (G1)", () => {
    const idle = [call(0, 1_000), call(9 * second, 9 * second + 1_000)];
    expect(gapsOf(historyOf(...idle))).toEqual([]);
    expect(gapsOf(historyOf(...idle, call(2_000, 8 * second, "ok", "receive")))).toEqual([]);
    expect(gapsOf(historyOf(...idle, call(2_000)))).toEqual([]);
    const refused = call(second, 8 * second, "fail", "receive");
    expect(gapsOf(historyOf(...idle, refused))).toEqual([{ from: second, to: 9 * second + 1_000 }]);
  });

  test("are found for a call that waited through several of them", () => {
    const calls = [0, 2, 4].map((time) => call(time * second, time * second));
    const slow = call(0, 4 * second);
    expect(gapsOf(historyOf(...calls, slow))).toEqual([
      { from: 0, to: 2 * second },
      { from: 2 * second, to: 4 * second },
    ]);
  });

  test("belong to a change of leader that they touch (G2)", () => {
    const gaps = gapsOf(history);
    const change = (time: number) => gapAt(gaps, { time: time * second, term: 2, nodeId: 1 });
    expect(change(2.8)).toEqual(gaps[0]);
    expect(change(4)).toEqual(gaps[0]);
    expect(change(9)).toBeUndefined();
  });
});

describe("scales and paths", () => {
  test("a linear scale ends at a round number that is not below the greatest value", () => {
    for (const max of [0, 0.3, 1, 7, 99, 100, 101, 12_345]) {
      const { levels, height } = linear(max);
      expect(height(max)).toBeLessThanOrEqual(100.0001);
      expect(levels.length).toBeLessThanOrEqual(6);
      expect(levels.at(-1)!.at).toBeCloseTo(100);
    }
  });

  test("a logarithmic scale has whole decades", () => {
    const { levels, height } = logarithmic(1_500, 2_000_000, String);
    expect(levels.map(({ label }) => label)).toEqual([
      "1000",
      "10000",
      "100000",
      "1000000",
      "10000000",
    ]);
    expect(height(10_000)).toBe(25);
  });

  test("an area is a step for each bucket, there and back", () => {
    const { markup } = area(
      "ok",
      3,
      () => 0,
      (bucket) => [10, 10, 40][bucket]!,
    );
    expect(markup).toContain('d="M0 100L0 90H2V60H3L3 100H0Z"');
  });

  test("a line has nothing where there is no value", () => {
    const { markup } = line("p50", 4, (bucket) => [10, 20, NaN, 30][bucket]!);
    expect(markup).toContain('d="M0 90h1V80h1M3 70h1"');
    expect(line("p50", 2, () => NaN).markup).toBe("");
  });
});

test("numbers are as people read them", () => {
  expect([0, 999, 1_000, 41_201, 1_234_567].map(count)).toEqual([
    "0",
    "999",
    "1,000",
    "41,201",
    "1,234,567",
  ]);
  expect([840, 3_200, 1_850_000, 75_000_000, 725_000_000, 7_260_000_000].map(duration)).toEqual([
    "840 µs",
    "3.20 ms",
    "1.85 s",
    "75.0 s",
    "12 min 5 s",
    "2 h 1 min",
  ]);
  expect(moment(83_456_000)).toBe("1:23.456");
  expect(moment(3_723_456_000, 0)).toBe("1:02:03");
  expect(moment(59_999_600)).toBe("1:00.000");
  expect([
    percent(1, 1),
    percent(99_999, 100_000),
    percent(1, 100_000),
    percent(0, 5),
    percent(982, 1_000),
    percent(0, 0),
  ]).toEqual(["100 %", "> 99.9 %", "< 0.1 %", "0 %", "98.2 %", "–"]);
  expect([0, 0.5, 250, 1_200, 12_000, 1_500_000].map(short)).toEqual([
    "0",
    "0.5",
    "250",
    "1,200",
    "12 k",
    "1.5 M",
  ]);
});
