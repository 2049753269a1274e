// The time axis of a key with something wrong. What matters there lies microseconds apart, and seconds after the message was put in: in
// proportion, one of the two could not be seen.
//   K1. Earlier is further left, always, and every event has a place of its own.
//   K2. Between two events next to each other the room grows with the logarithm of the time between them.

import { coordinate } from "./format.ts";

/** Shorter times than this are hardly told apart. */
const finestUs = 200;
const ticksMax = 8;
/** Hundredths of the width, between the middles of two labels. */
const labelRoom = 12;
const edgeRoom = 4;

/** In hundredths of the width, for each moment; what lies outside is at the edge. */
export type PlaceAt = (time: number) => number;

export function scaleOf(from: number, to: number, events: readonly number[]): PlaceAt {
  const inside = events.filter((time) => time > from && time < to);
  const points = [...new Set([from, ...inside, to])].sort((a, b) => a - b);
  const places = [0];
  for (const [at, time] of points.entries())
    if (at > 0)
      places.push((places[at - 1] ?? 0) + Math.log1p((time - (points[at - 1] ?? time)) / finestUs));
  const width = places.at(-1) ?? 0;
  return (time) => {
    if (width === 0 || time <= from) return 0;
    if (time >= to) return 100;
    const after = firstAfter(points, time);
    const [start, end] = [points[after - 1] ?? from, points[after] ?? to];
    const [left, right] = [places[after - 1] ?? 0, places[after] ?? width];
    return coordinate(((left + ((right - left) * (time - start)) / (end - start)) / width) * 100);
  };
}

/** The index of the first that is greater. */
function firstAfter(ascending: readonly number[], value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? Infinity) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Moments to label: round ones would say nothing on such an axis, so they are events, `first` before others, as far as there is room. */
export function labelledOf(
  place: PlaceAt,
  first: readonly number[],
  events: readonly number[],
): number[] {
  const chosen: number[] = [];
  const others = events.toSorted((a, b) => a - b);
  for (const time of [...first, ...others]) {
    if (chosen.length === ticksMax) break;
    const at = place(time);
    const free = chosen.every((other) => Math.abs(place(other) - at) >= labelRoom);
    if (free && at >= edgeRoom && at <= 100 - edgeRoom) chosen.push(time);
  }
  return chosen.sort((a, b) => a - b);
}
