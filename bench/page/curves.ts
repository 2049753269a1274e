// How long things took, as curves over the percentiles: all repetitions together.

import { Latencies } from "../latency.ts";
import { casesOf, type ItemReport, type Report } from "../report.ts";
import { drawing, frame, lineNames, polyline, usual, type Line } from "./frame.ts";
import { markup, type Markup } from "./markup.ts";
import { logarithmic, percentiles } from "./scale.ts";

export interface Wanted {
  readonly item: string;
  /** Of which case; undefined: the item has only one. */
  readonly label?: string;
  readonly histogram: string;
  readonly name: string;
}

/** Undefined: nothing of it was measured. */
export function curves(
  report: Report,
  title: string,
  wanted: readonly Wanted[],
): Markup | undefined {
  const lines = wanted.flatMap((one, index) => {
    const points = pointsOf(report.items, one);
    return points.length < 2 ? [] : [{ name: one.name, colour: index, points }];
  });
  if (lines.length === 0) return undefined;
  const all = lines.flatMap(({ points }) => points);
  const ms = all.map(([, value]) => value).filter((value) => value > 0);
  const y = logarithmic(Math.min(...ms), Math.max(...ms));
  const x = percentiles(Math.max(...all.map(([percentile]) => percentile)));
  const axes = frame(usual, x, y, { x: "of all", y: "milliseconds" });
  const drawn = lines.map((line) => polyline(axes, line, false));
  return markup`<h3>${title}</h3>${drawing(usual, title, markup`${axes.axes}${drawn}${lineNames(axes, lines)}`)}`;
}

function pointsOf(items: readonly ItemReport[], wanted: Wanted): Line["points"] {
  const cases = items.filter(({ name }) => name === wanted.item).flatMap(casesOf);
  const histograms = cases
    .filter(({ label }) => wanted.label === undefined || label === wanted.label)
    .flatMap(({ all }) => all.flatMap(({ histograms: known }) => known?.[wanted.histogram] ?? []));
  return Latencies.of(histograms)
    .curve()
    .map(({ percentile, ms }) => [percentile, ms] as const);
}
