// When was there no service, and which change of leader had part in it?
//   G1. A gap is a time of at least `gapUsMin` in which no call of anyone succeeded, between two that did.
//   G2. To a change of leader belongs the longest gap that touches the time from `beforeUs` before it was seen to `afterUs` after:
//       it is seen late, by an observer that asks now and then, and the clients find the new leader a little later.

import type { History } from "../checkers/contract.ts";
import type { LeaderChange } from "./data.ts";

export const gapUsMin = 500_000;
const beforeUs = 1_500_000;
const afterUs = 1_500_000;

export interface Gap {
  readonly from: number;
  readonly to: number;
}

export function gapsOf({ calls }: History): Gap[] {
  const times = Float64Array.from(
    calls.flatMap(({ told }) => (told?.type === "ok" ? [told.time] : [])),
  ).sort();
  const gaps: Gap[] = [];
  for (const [at, to] of times.entries()) {
    const from = times[at - 1] ?? to;
    if (to - from >= gapUsMin) gaps.push({ from, to });
  }
  return gaps;
}

export function gapAt(gaps: readonly Gap[], { time }: LeaderChange): Gap | undefined {
  const near = gaps.filter(({ from, to }) => from <= time + afterUs && to >= time - beforeUs);
  return near.toSorted((a, b) => b.to - b.from - (a.to - a.from))[0];
}

export function longest(gaps: readonly Gap[]): Gap | undefined {
  return gaps.toSorted((a, b) => b.to - b.from - (a.to - a.from))[0];
}
