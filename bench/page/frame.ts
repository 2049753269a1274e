// The frame of every chart: its size, its axes, and what stands beside them.

import { markup, type Markup } from "./markup.ts";
import type { Scale } from "./scale.ts";

export interface Size {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export const usual: Size = { width: 760, height: 320, left: 56, right: 150, top: 12, bottom: 44 };
/** Two of them stand beside each other. */
export const half: Size = { width: 500, height: 280, left: 50, right: 20, top: 12, bottom: 44 };

export interface Frame {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly size: Size;
  readonly axes: Markup;
}

export function frame(
  size: Size,
  x: Scale,
  y: Scale,
  names: { readonly x: string; readonly y: string },
): Frame {
  const { width, height, left, right, top, bottom } = size;
  const [wide, high] = [width - left - right, height - top - bottom];
  const across = (place: number): number => left + place * wide;
  const up = (place: number): number => top + (1 - place) * high;
  const rows = y.ticks.map(
    ({ at, label }) =>
      markup`<line class="grid" x1="${left}" x2="${left + wide}" y1="${up(at)}" y2="${up(at)}"/><text class="tick" x="${left - 7}" y="${up(at) + 4}" text-anchor="end">${label}</text>`,
  );
  const columns = x.ticks.map(
    ({ at, label }) =>
      markup`<line class="mark" x1="${across(at)}" x2="${across(at)}" y1="${top + high}" y2="${top + high + 4}"/><text class="tick" x="${across(at)}" y="${top + high + 17}" text-anchor="middle">${label}</text>`,
  );
  const axes = markup`${rows}${columns}<text class="axis" x="${left + wide}" y="${height - 6}" text-anchor="end">${names.x}</text><text class="axis" transform="translate(12 ${top}) rotate(-90)" text-anchor="end">${names.y}</text>`;
  return { x: (value) => across(x.at(value)), y: (value) => up(y.at(value)), size, axes };
}

export function drawing({ width, height }: Size, label: string, body: Markup): Markup {
  // Where there is no room it is scrolled: what is written in it has to be read.
  return markup`<div class="wide"><svg viewBox="0 0 ${width} ${height}" style="min-width:${width * 0.72}px" role="img" aria-label="${label}">${body}</svg></div>
`;
}

/** No colour of its own. */
export const inkColour = 6;

export interface Line {
  readonly name: string;
  /** 0 … 5: a colour, and its place in the order. */
  readonly colour: number;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export function polyline({ x, y }: Frame, { colour, points }: Line, dots: boolean): Markup {
  const path = points.map(([px, py]) => `${round(x(px))},${round(y(py))}`).join(" ");
  const marks = dots
    ? points.map(
        ([px, py]) => markup`<circle class="dot c${colour}" cx="${x(px)}" cy="${y(py)}" r="2.6"/>`,
      )
    : [];
  return markup`<polyline class="line c${colour}" points="${path}"/>${marks}`;
}

/** Names at the right end of the lines, moved apart where they would lie on each other. */
export function lineNames({ x, y, size }: Frame, lines: readonly Line[]): Markup {
  const ends = lines.flatMap(({ name, colour, points }) => {
    const [last] = points.slice(-1);
    return last === undefined ? [] : [{ name, colour, at: y(last[1]), x: x(last[0]) }];
  });
  ends.sort((a, b) => a.at - b.at);
  const apart = 16;
  for (const [index, end] of ends.entries()) {
    const above = ends[index - 1];
    if (above !== undefined) end.at = Math.max(end.at, above.at + apart);
  }
  // Pushed out at the bottom: all of them a little higher.
  const over = Math.max(0, (ends.at(-1)?.at ?? 0) - (size.height - size.bottom));
  const right = size.width - size.right;
  return markup`${ends.map(
    (end) =>
      markup`<text class="name t${end.colour}" x="${right + 10}" y="${end.at - over + 4}">${end.name}</text>`,
  )}`;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
