// What the charts show, by bucket of time: one pass over the history for each.
//   B1. A call counts at the time of its answer, so a gap of service is a gap; a call without an answer, when it was asked.
//   B2. The latency of a call counts at the time at which it was asked, so that what a fault delayed stands under that fault. Only
//       calls that took effect, and no long polls: those wait because they shall.
//   B3. Quantiles are exact: of all latencies of the bucket, in order (nearest rank).

import type { Call, History } from "../checkers/contract.ts";
import { bucketOf, type Span } from "./span.ts";

export type Outcome = "ok" | "fail" | "unknown";

export interface Outcomes {
  readonly ok: Float64Array;
  readonly fail: Float64Array;
  readonly unknown: Float64Array;
}

/** In microseconds; NaN where a bucket has none. */
export interface Latencies {
  readonly p50: Float64Array;
  readonly p99: Float64Array;
  readonly max: Float64Array;
}

/** Messages, not calls: a batch counts as what it carries. */
export interface Flows {
  readonly enqueued: Float64Array;
  readonly delivered: Float64Array;
  readonly settled: Float64Array;
}

/** No answer: unknown, for ever (H2). */
export const outcomeOf = ({ told }: Call): Outcome => told?.type ?? "unknown";

export const waits = ({ asked }: Call): boolean => asked.f === "receive";

export function outcomesOf(span: Span, { calls }: History): Outcomes {
  const of = {
    ok: new Float64Array(span.buckets),
    fail: new Float64Array(span.buckets),
    unknown: new Float64Array(span.buckets),
  };
  for (const call of calls)
    add(of[outcomeOf(call)], bucketOf(span, (call.told ?? call.asked).time), 1);
  return of;
}

export function flowsOf(span: Span, { calls, delivered }: History): Flows {
  const flows = {
    enqueued: new Float64Array(span.buckets),
    delivered: new Float64Array(span.buckets),
    settled: new Float64Array(span.buckets),
  };
  for (const call of calls) {
    if (call.told?.type !== "ok") continue;
    const bucket = bucketOf(span, call.told.time);
    add(flows.enqueued, bucket, enqueuedBy(call));
    add(flows.settled, bucket, settledBy(call));
  }
  for (const { time } of delivered) add(flows.delivered, bucketOf(span, time), 1);
  return flows;
}

function enqueuedBy({ asked }: Call): number {
  if (asked.f === "enqueue") return 1;
  if (asked.f === "enqueue-batch") return asked.messages.length;
  return asked.f === "commit" ? asked.enqueues.length : 0;
}

function settledBy({ asked }: Call): number {
  if (asked.f === "commit") return asked.acks.length;
  return asked.f === "ack" || asked.f === "nack" || asked.f === "reject" || asked.f === "release"
    ? 1
    : 0;
}

export function latenciesOf(span: Span, { calls }: History): Latencies {
  const counted = calls.filter((call) => call.told?.type === "ok" && !waits(call));
  const starts = new Uint32Array(span.buckets + 1);
  for (const { asked } of counted) {
    const after = bucketOf(span, asked.time) + 1;
    starts[after] = (starts[after] ?? 0) + 1;
  }
  for (let at = 1; at <= span.buckets; at += 1)
    starts[at] = (starts[at] ?? 0) + (starts[at - 1] ?? 0);
  const next = starts.slice();
  const all = new Float64Array(counted.length);
  for (const { asked, told } of counted) {
    const bucket = bucketOf(span, asked.time);
    const place = next[bucket] ?? 0;
    next[bucket] = place + 1;
    all[place] = (told?.time ?? asked.time) - asked.time;
  }
  const of = {
    p50: new Float64Array(span.buckets),
    p99: new Float64Array(span.buckets),
    max: new Float64Array(span.buckets),
  };
  for (let bucket = 0; bucket < span.buckets; bucket += 1) {
    const some = all.subarray(starts[bucket], starts[bucket + 1]).sort();
    of.p50[bucket] = quantile(some, 0.5);
    of.p99[bucket] = quantile(some, 0.99);
    of.max[bucket] = quantile(some, 1);
  }
  return of;
}

/** Nearest rank; NaN of nothing. */
export function quantile(ascending: Float64Array, share: number): number {
  return ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)] ?? NaN;
}

function add(to: Float64Array, at: number, value: number): void {
  to[at] = (to[at] ?? 0) + value;
}
