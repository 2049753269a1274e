// A strip of the picture of the run: its name, its scale, and a plot as wide as all others, so that one moment is one vertical line.
// Positions are in per cent of the width, and paths in an SVG that is stretched: texts keep their size on every screen, and the
// script zooms by widening the layer alone.

import { coordinate, short } from "./format.ts";
import { markup, trusted, type Markup } from "./markup.ts";
import type { Span } from "./span.ts";

export interface Level {
  /** 0: the bottom; 100: the top. */
  readonly at: number;
  readonly label: string;
}

export interface Strip {
  readonly name: Markup;
  /** What is counted, and when. */
  readonly note?: string;
  readonly height: number;
  readonly levels: readonly Level[];
  /** What is drawn over the grid: it is zoomed. */
  readonly layer: Markup;
}

/** `background`: the same in all strips, zoomed too. */
export function strip(strip: Strip, background: Markup): Markup {
  const { name, note, height, levels, layer } = strip;
  const grid = levels.map(
    ({ at }) => markup`<i class="level" style="bottom:${coordinate(at)}%"></i>`,
  );
  const labels = levels.map(
    ({ at, label }) => markup`<span style="bottom:${coordinate(at)}%">${label}</span>`,
  );
  return markup`<div class="strip"><div class="name">${name}${note === undefined ? undefined : markup`<small>${note}</small>`}</div>
<div class="scale" style="height:${height}px">${labels}</div>
<div class="plot" style="height:${height}px">${grid}<div class="layer">${background}${layer}</div></div></div>
`;
}

/** The name of a series, beside its colour. */
export const key = (series: string, label: string): Markup =>
  markup`<span class="key"><i class="swatch ${series}"></i>${label}</span>`;

/** One unit wide for each bucket, 100 high. */
export function canvas(span: Span, paths: readonly Markup[]): Markup {
  return markup`<svg viewBox="0 0 ${span.buckets} 100" preserveAspectRatio="none" aria-hidden="true">${paths}</svg>`;
}

/** The area between two heights, a step for each bucket. `height(bucket)` in 0 … 100. */
export function area(
  series: string,
  buckets: number,
  low: (bucket: number) => number,
  high: (bucket: number) => number,
): Markup {
  const forth = steps(0, buckets, 1, high);
  const back = steps(buckets - 1, -1, -1, low);
  return forth === ""
    ? markup``
    : trusted(`<path class="area ${series}" d="M0 100${forth}${back}Z"/>`);
}

function steps(first: number, end: number, by: 1 | -1, height: (bucket: number) => number): string {
  let path = "";
  let last: number | undefined;
  for (let bucket = first; bucket !== end; bucket += by) {
    const y = coordinate(100 - height(bucket));
    if (y !== last) path += `${bucket === first ? "L" : "H"}${stepStart(bucket, first, by, y)}`;
    last = y;
  }
  return `${path}H${by === 1 ? end : 0}`;
}

function stepStart(bucket: number, first: number, by: 1 | -1, y: number): string {
  const x = by === 1 ? bucket : bucket + 1;
  return bucket === first ? `${x} ${y}` : `${x}V${y}`;
}

/** A line, a step for each bucket, with nothing where the height is NaN. */
export function line(series: string, buckets: number, height: (bucket: number) => number): Markup {
  let path = "";
  let last = NaN;
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const y = coordinate(100 - height(bucket));
    if (Number.isNaN(y)) {
      last = NaN;
      continue;
    }
    if (Number.isNaN(last)) path += `M${bucket} ${y}`;
    else if (y !== last) path += `V${y}`;
    path += `h1`;
    last = y;
  }
  return path === "" ? markup`` : trusted(`<path class="line ${series}" d="${path}"/>`);
}

export interface Scale {
  readonly levels: readonly Level[];
  /** 0 … 100 */
  readonly height: (value: number) => number;
}

/** From zero, to a round number that is not below `max`. */
export function linear(max: number, levelsMax = 4): Scale {
  const step = roundStep(max / levelsMax);
  const top = step * Math.max(1, Math.ceil(max / step));
  const levels: Level[] = [];
  for (let value = 0; value <= top * 1.001; value += step)
    levels.push({ at: (value / top) * 100, label: short(value) });
  return { levels, height: (value) => (value / top) * 100 };
}

function roundStep(least: number): number {
  if (!(least > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5, 10].find((step) => step * power >= least * 0.999) ?? 10) * power;
}

/** Decades; `label` names a power of ten. */
export function logarithmic(min: number, max: number, label: (value: number) => string): Scale {
  const low = Math.floor(Math.log10(min) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(max) - 1e-9));
  const levels: Level[] = [];
  for (let power = low; power <= high; power += 1)
    levels.push({ at: ((power - low) / (high - low)) * 100, label: label(10 ** power) });
  const height = (value: number): number =>
    Math.min(100, Math.max(0, ((Math.log10(value) - low) / (high - low)) * 100));
  return { levels, height };
}
