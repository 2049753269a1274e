// How long the cluster confirmed nothing, blow by blow.

import { casesOf, figureText, type Report } from "../report.ts";
import { median } from "../statistics.ts";
import { targetOf } from "../targets.ts";
import { drawing, frame, half, inkColour, lineNames, type Size } from "./frame.ts";
import { markup, type Markup } from "./markup.ts";
import { linear } from "./scale.ts";

const size: Size = { ...half, right: 150 };

export function gaps(report: Report, name: string): Markup | undefined {
  const item = report.items.find((each) => each.name === name);
  const all = item === undefined ? [] : casesOf(item).flatMap((one) => one.all);
  const values = all.flatMap(({ series }) =>
    (series ?? []).flatMap(({ points }) => points.map(([, ms]) => ms)),
  );
  if (item === undefined || values.length === 0) return undefined;
  const middle = median(values);
  const limit = targetOf(name, "", "worst_ms")?.atMost;
  const y = linear(Math.max(...values, limit ?? 0));
  const plain = { ticks: [], at: (index: number) => (index + 0.5) / values.length };
  const axes = frame(size, plain, y, { x: "one blow after the other", y: "milliseconds" });
  const floor = axes.y(0);
  const wide = Math.min(14, (size.width - size.left - size.right) / values.length / 1.6);
  const bars = values.map(
    (ms, index) =>
      markup`<rect class="bar c${limit !== undefined && ms > limit ? 1 : 0}" x="${axes.x(index) - wide / 2}" y="${axes.y(ms)}" width="${wide}" height="${floor - axes.y(ms)}"><title>${figureText(ms)} ms</title></rect>`,
  );
  const wanted = limit === undefined ? [] : [{ ms: limit, says: "wanted below", kind: "limit" }];
  const levels = [{ ms: middle, says: "median", kind: "level" }, ...wanted];
  const lines = levels.map(
    ({ ms, kind }) =>
      markup`<line class="${kind}" x1="${size.left}" x2="${size.width - size.right}" y1="${axes.y(ms)}" y2="${axes.y(ms)}"/>`,
  );
  const names = lineNames(
    axes,
    levels.map(({ ms, says }) => ({
      name: `${says} ${figureText(ms)}`,
      colour: inkColour,
      points: [[0, ms]],
    })),
  );
  return markup`<figure><figcaption>${item.title}</figcaption>${drawing(size, item.title, markup`${axes.axes}${bars}${lines}${names}`)}</figure>`;
}
