// When was there no service, and which change of leader had part in it?
//   G1. A gap is a time of at least `gapUsMin` in which no call of anyone succeeded and someone waited for one, up to a success. It begins
//       with the success before, or when the first of those that waited was asked: where nobody asks, nothing is missing. A long poll
//       that ended well waited because it should; a call without any answer was asked by a process that may have been gone at once.
//   G2. To a change of leader belongs the longest gap that touches the time from `beforeUs` before it was seen to `afterUs` after:
//       it is seen late, by an observer that asks now and then, and the clients find the new leader a little later.

import type { Call, History } from "../checkers/contract.ts";
import type { LeaderChange } from "./data.ts";
import { waits } from "./series.ts";

export const gapUsMin = 500_000;
export const beforeUs = 1_500_000;
const afterUs = 1_500_000;

export interface Gap {
  readonly from: number;
  readonly to: number;
}

export function gapsOf({ calls }: History): Gap[] {
  const silences = silencesOf(calls);
  const starts = silences.map(() => Infinity);
  for (const call of calls) {
    const { asked, told } = call;
    if (told === undefined || (waits(call) && told.type === "ok")) continue;
    const end = told.time;
    for (let at = firstEndingAfter(silences, asked.time); at < silences.length; at += 1) {
      const silence = silences[at];
      if (silence === undefined || silence.from >= end) break;
      starts[at] = Math.min(starts[at] ?? Infinity, Math.max(asked.time, silence.from));
    }
  }
  return silences.flatMap(({ to }, at) => {
    const from = starts[at] ?? Infinity;
    return to - from >= gapUsMin ? [{ from, to }] : [];
  });
}

/** Between successes, whether or not anyone asked. */
function silencesOf(calls: readonly Call[]): Gap[] {
  const times = Float64Array.from(
    calls.flatMap(({ told }) => (told?.type === "ok" ? [told.time] : [])),
  ).sort();
  const silences: Gap[] = [];
  for (const [at, to] of times.entries()) {
    const from = times[at - 1] ?? to;
    if (to - from >= gapUsMin) silences.push({ from, to });
  }
  return silences;
}

function firstEndingAfter(silences: readonly Gap[], time: number): number {
  let [low, high] = [0, silences.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((silences[middle]?.to ?? Infinity) > time) high = middle;
    else low = middle + 1;
  }
  return low;
}

export function gapAt(gaps: readonly Gap[], { time }: LeaderChange): Gap | undefined {
  const near = gaps.filter(({ from, to }) => from <= time + afterUs && to >= time - beforeUs);
  return near.toSorted((a, b) => b.to - b.from - (a.to - a.from))[0];
}

export function longest(gaps: readonly Gap[]): Gap | undefined {
  return gaps.toSorted((a, b) => b.to - b.from - (a.to - a.from))[0];
}
