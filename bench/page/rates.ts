// Rates as bars, with a whisker from the lowest to the highest repetition.

import { casesOf, figureText, spreadIn, type Report } from "../report.ts";
import type { Spread } from "../statistics.ts";
import { drawing, type Size } from "./frame.ts";
import { markup, type Markup } from "./markup.ts";
import { linear } from "./scale.ts";

interface Bar {
  readonly name: string;
  readonly colour: number;
  readonly spread: Spread;
}

/** The figures that are rates of a cluster that has as much to do as it can: what is drawn, and its colour. */
const kinds: readonly {
  readonly figure: string;
  readonly says: string;
  readonly colour: number;
}[] = [
  { figure: "enqueued_per_s", says: "enqueued", colour: 0 },
  { figure: "acked_per_s", says: "end to end", colour: 2 },
  { figure: "drained_per_s", says: "drained", colour: 4 },
  { figure: "acked_per_s_beside_parked", says: "beside a parked key", colour: 2 },
  { figure: "acked_per_s_without", says: "without a backlog", colour: 2 },
  { figure: "acked_per_s_beside", says: "beside a backlog", colour: 2 },
  { figure: "acked_per_s_within", says: "out of the backlog", colour: 2 },
  { figure: "acked_per_s_saturated", says: "saturated", colour: 2 },
];
/** Where the rate is asked for it is no finding; the rest would say the same twice. */
const skipped: Readonly<Record<string, readonly string[]>> = {
  closed: ["enqueued_per_s"],
  e2e1k: ["enqueued_per_s", "acked_per_s"],
  e2e: ["enqueued_per_s"],
  keys: ["enqueued_per_s"],
  clients: ["enqueued_per_s"],
  nodes: ["enqueued_per_s"],
  snapshot: ["enqueued_per_s", "acked_per_s"],
  soak: ["enqueued_per_s", "acked_per_s"],
};

const colours: Readonly<Record<number, string>> = {
  0: "enqueued and confirmed",
  2: "end to end: enqueued, consumed, acked",
  4: "drained: consumed, acked",
};

const row = 22;
const gap = 12;
const size: Size = { width: 1_000, height: 0, left: 300, right: 190, top: 4, bottom: 24 };

export function rates(report: Report): Markup | undefined {
  const groups = report.items
    .map((item) => ({ title: item.title, bars: barsOf(item) }))
    .filter(({ bars }) => bars.length > 0);
  if (groups.length === 0) return undefined;
  const bars = groups.flatMap((group) => group.bars);
  const scale = linear(Math.max(...bars.map(({ spread }) => spread.max)), 6);
  const wide = size.width - size.left - size.right;
  const across = (value: number): number => size.left + scale.at(value) * wide;
  let y = size.top;
  const drawn: Markup[] = [];
  for (const { bars: own } of groups) {
    for (const bar of own) {
      drawn.push(draw(bar, y, across));
      y += row;
    }
    y += gap;
  }
  const grid = scale.ticks.map(
    ({ at, label }) =>
      markup`<line class="grid" x1="${size.left + at * wide}" x2="${size.left + at * wide}" y1="${size.top}" y2="${y - gap}"/><text class="tick" x="${size.left + at * wide}" y="${y + 6}" text-anchor="middle">${label}</text>`,
  );
  const whole = { ...size, height: y + size.bottom - gap };
  const legend = [...new Map(bars.map(({ colour }) => [colour, colours[colour] ?? ""]))].map(
    ([colour, says]) => markup`<span class="key"><i class="k${colour}"></i>${says}</span>`,
  );
  const chart = drawing(whole, "Messages a second", markup`${grid}${drawn}`);
  return markup`<p class="note">${legend}</p>${chart}`;
}

function barsOf(item: Report["items"][number]): readonly Bar[] {
  return casesOf(item).flatMap((one) =>
    kinds.flatMap(({ figure, says, colour }) => {
      const spread = spreadIn(one, figure);
      if (spread === undefined || skipped[item.name]?.includes(figure) === true) return [];
      const isSaid = item.name === "backlog" || figure.includes("beside");
      const name = isSaid ? says : one.label === "" ? item.title : one.label;
      const where = item.name === "snapshot" ? `snapshot: ${name}` : name;
      return [{ name: where, colour, spread }];
    }),
  );
}

function draw({ name, colour, spread }: Bar, y: number, across: (value: number) => number): Markup {
  const { median, min, max, count } = spread;
  const middle = y + row / 2;
  const said =
    count === 1
      ? figureText(median)
      : `${figureText(median)}  (${figureText(min)} to ${figureText(max)})`;
  const whisker =
    count === 1
      ? undefined
      : markup`<path class="whisker" d="M${across(min)} ${middle}H${across(max)}M${across(min)} ${middle - 4}v8M${across(max)} ${middle - 4}v8"/>`;
  return markup`<text class="name" x="${size.left - 10}" y="${middle + 4}" text-anchor="end">${name}</text><rect class="bar c${colour}" x="${size.left}" y="${y + 3}" width="${Math.max(1, across(median) - size.left)}" height="${row - 6}" rx="2"/>${whisker}<text class="value" x="${across(max) + 8}" y="${middle + 4}">${said}</text>`;
}
