// The time that the page shows, cut into buckets of equal length.
//   S1. It holds every time of the run, so nothing is drawn outside and nothing is left out for want of room.
//   S2. At most `bucketsMax` buckets, whatever the length: the size of the page does not grow with the run.

import type { RunData } from "./data.ts";
import { coordinate, moment } from "./format.ts";

const bucketsMax = 1_000;
const bucketSteps = [100, 200, 500].flatMap((ms) => [ms, ms * 10, ms * 100, ms * 1_000]);
const tickSeconds = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600];

export interface Span {
  /** Microseconds: the page's zero, and its end, which is the end of the last bucket. */
  readonly from: number;
  readonly to: number;
  readonly bucketUs: number;
  readonly buckets: number;
}

export function spanOf(data: RunData): Span {
  let from = Infinity;
  let last = -Infinity;
  const see = (time: number): void => {
    if (time < from) from = time;
    if (time > last) last = time;
  };
  for (const { asked, told } of data.history.calls) {
    see(asked.time);
    if (told !== undefined) see(told.time);
  }
  for (const { time } of data.history.delivered) see(time);
  for (const { time } of data.history.notes) see(time);
  for (const { time } of data.leaders) see(time);
  for (const { time } of data.deaths) see(time);
  for (const injected of data.injected) {
    see(injected.from);
    see(injected.to);
  }
  if (from > last) return spanBetween(0, data.facts.minutes * 60_000_000);
  return spanBetween(from, last);
}

function spanBetween(from: number, last: number): Span {
  const length = Math.max(last - from, 1);
  const steps = bucketSteps.toSorted((a, b) => a - b).map((ms) => ms * 1_000);
  const fitting = steps.find((us) => length / us <= bucketsMax);
  const bucketUs = fitting ?? Math.ceil(length / bucketsMax);
  const buckets = Math.max(1, Math.ceil(length / bucketUs));
  return { from, to: from + buckets * bucketUs, bucketUs, buckets };
}

export function bucketOf(span: Span, time: number): number {
  const bucket = Math.floor((time - span.from) / span.bucketUs);
  return Math.min(Math.max(bucket, 0), span.buckets - 1);
}

/** Where a time lies, in hundredths of the width; what lies outside (a key's timeline shows a part) is beyond 0 or 100. */
export function across(span: Pick<Span, "from" | "to">, time: number): number {
  const share = (time - span.from) / (span.to - span.from);
  return coordinate(Math.min(Math.max(share, -1), 2) * 100);
}

export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** Round times, at most `ticksMax`; labels count from `zero`. */
export function ticksOf(
  span: Pick<Span, "from" | "to">,
  ticksMax: number,
  zero = span.from,
): Tick[] {
  const length = (span.to - span.from) / 1_000_000;
  const fine = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, ...tickSeconds];
  const step =
    fine.find((seconds) => length / seconds <= ticksMax) ??
    7_200 * Math.ceil(length / 7_200 / ticksMax);
  const places = step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3;
  const ticks: Tick[] = [];
  const stepUs = step * 1_000_000;
  const first = Math.ceil((span.from - zero) / stepUs);
  for (let number = first; zero + number * stepUs <= span.to; number += 1) {
    const time = zero + number * stepUs;
    ticks.push({ at: across(span, time), label: moment(time - zero, places) });
  }
  return ticks;
}
