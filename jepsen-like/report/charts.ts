// What the clients saw, over time: calls by outcome, those that did not succeed on a scale of their own, messages, latency.

import type { History } from "../checkers/contract.ts";
import { duration } from "./format.ts";
import { markup, type Markup } from "./markup.ts";
import { area, canvas, key, line, linear, logarithmic, strip } from "./plot.ts";
import { flowsOf, latenciesOf, outcomesOf, type Latencies, type Outcomes } from "./series.ts";
import type { Span } from "./span.ts";

export interface Charts {
  readonly strips: Markup;
  /** For the script's reading of one moment. */
  readonly outcomes: Outcomes;
  readonly latencies: Latencies;
}

export function charts(history: History, span: Span, background: Markup): Charts {
  const outcomes = outcomesOf(span, history);
  const latencies = latenciesOf(span, history);
  const strips = markup`${calls(outcomes, span, background)}${trouble(outcomes, span, background)}${latency(latencies, span, background)}${messages(history, span, background)}`;
  return { strips, outcomes, latencies };
}

/** Per second of a count per bucket. */
const rate = (span: Span): number => 1_000_000 / span.bucketUs;

function calls(outcomes: Outcomes, span: Span, background: Markup): Markup {
  const { ok, fail, unknown } = outcomes;
  const at = (series: Float64Array, bucket: number): number => (series[bucket] ?? 0) * rate(span);
  const failed = (bucket: number): number => at(unknown, bucket) + at(fail, bucket);
  const all = (bucket: number): number => failed(bucket) + at(ok, bucket);
  const { levels, height } = linear(largest(span, all));
  const areas = [
    area(
      "ok",
      span.buckets,
      (b) => height(failed(b)),
      (b) => height(all(b)),
    ),
    area(
      "fail",
      span.buckets,
      (b) => height(at(unknown, b)),
      (b) => height(failed(b)),
    ),
    area(
      "unknown",
      span.buckets,
      () => 0,
      (b) => height(at(unknown, b)),
    ),
  ];
  const name = markup`<b>Calls per second</b>${key("ok", "ok")}${key("fail", "failed")}${key("unknown", "unknown")}`;
  const layer = canvas(span, areas);
  return strip(
    { name, note: "by when they were answered", height: 120, levels, layer },
    background,
  );
}

function trouble(outcomes: Outcomes, span: Span, background: Markup): Markup {
  const { fail, unknown } = outcomes;
  const at = (series: Float64Array, bucket: number): number => (series[bucket] ?? 0) * rate(span);
  const both = (bucket: number): number => at(unknown, bucket) + at(fail, bucket);
  const { levels, height } = linear(largest(span, both), 2);
  const areas = [
    area(
      "fail",
      span.buckets,
      (b) => height(at(unknown, b)),
      (b) => height(both(b)),
    ),
    area(
      "unknown",
      span.buckets,
      () => 0,
      (b) => height(at(unknown, b)),
    ),
  ];
  const name = markup`<b>Without success</b>${key("fail", "failed")}${key("unknown", "unknown")}`;
  const layer = canvas(span, areas);
  return strip({ name, note: "per second, larger", height: 56, levels, layer }, background);
}

function latency({ p50, p99, max }: Latencies, span: Span, background: Markup): Markup {
  const name = markup`<b>Latency</b>${key("max", "longest")}${key("p99", "99 %")}${key("p50", "median")}`;
  const lowest = smallest(p50);
  const least = Number.isFinite(lowest) ? Math.max(1, lowest) : 1_000;
  const most = Math.max(
    least * 10,
    largest(span, (bucket) => max[bucket] ?? 0),
  );
  const { levels, height } = logarithmic(least, most, roundTime);
  const of = (series: Float64Array) => (bucket: number) => height(series[bucket] ?? NaN);
  const layer = canvas(span, [
    line("max", span.buckets, of(max)),
    line("p99", span.buckets, of(p99)),
    line("p50", span.buckets, of(p50)),
  ]);
  const note = "logarithmic; by when they were asked; without long polls";
  return strip({ name, note, height: 140, levels, layer }, background);
}

function messages(history: History, span: Span, background: Markup): Markup {
  const { enqueued, delivered, settled } = flowsOf(span, history);
  const at = (series: Float64Array) => (bucket: number) => (series[bucket] ?? 0) * rate(span);
  const most = Math.max(...[enqueued, delivered, settled].map((one) => largest(span, at(one))));
  const { levels, height } = linear(most, 3);
  const of = (series: Float64Array) => (bucket: number) => height(at(series)(bucket));
  const layer = canvas(span, [
    line("enqueued", span.buckets, of(enqueued)),
    line("delivered", span.buckets, of(delivered)),
    line("settled", span.buckets, of(settled)),
  ]);
  const name = markup`<b>Messages per second</b>${key("enqueued", "enqueued")}${key("delivered", "delivered")}${key("settled", "settled")}`;
  return strip(
    { name, note: "a batch counts as what it carries", height: 96, levels, layer },
    background,
  );
}

/** Powers of ten, in microseconds: "1 ms". */
const roundTime = (us: number): string => duration(us).replace(/\.0+ /, " ");

function largest(span: Span, value: (bucket: number) => number): number {
  let most = 0;
  for (let bucket = 0; bucket < span.buckets; bucket += 1) {
    const one = value(bucket);
    if (one > most) most = one;
  }
  return most;
}

function smallest(series: Float64Array): number {
  let least = Infinity;
  for (const value of series) if (value < least) least = value;
  return least;
}
