// Everything that was measured, in figures.

import {
  casesOf,
  figureNames,
  figureText,
  spreadIn,
  wanted,
  type CaseReport,
  type ItemReport,
  type Report,
} from "../report.ts";
import { isMet, targetOf } from "../targets.ts";
import { markup, type Markup } from "./markup.ts";
import { nameOf } from "./names.ts";

export function tables(report: Report): Markup {
  return markup`${report.items.map(table)}`;
}

function table(item: ItemReport): Markup {
  const cases = casesOf(item);
  const failures = item.failures.map((why) => markup`<p class="failed">Failed: ${why}</p>`);
  const isCompared = cases.length > 1;
  const heads = cases.map(({ label }) => markup`<th>${label}</th>`);
  const head = isCompared ? markup`<thead><tr><th></th>${heads}<th></th></tr></thead>` : undefined;
  const rows = figureNames(cases).map((figure) => rowOf(item, cases, figure));
  return markup`<section class="item"><h3>${item.title} <code>${item.name}</code></h3><p class="note">${item.about}</p>${failures}
<div class="wide"><table>${head}<tbody>${rows}</tbody></table></div></section>
`;
}

function rowOf(item: ItemReport, cases: readonly CaseReport[], figure: string): Markup {
  const { name, unit } = nameOf(figure);
  const cells = cases.map((one) => cellOf(item, one, figure));
  const target = cases
    .map((one) => targetOf(item.name, one.label, figure))
    .find((each) => each !== undefined);
  const aim = target === undefined ? undefined : markup`${wanted(target)}`;
  const unitCell = unit === "" ? undefined : markup` <small>${unit}</small>`;
  return markup`<tr><th>${name}${unitCell}</th>${cells}<td class="aim">${aim}</td></tr>`;
}

function cellOf(item: ItemReport, one: CaseReport, figure: string): Markup {
  const spread = spreadIn(one, figure);
  if (spread === undefined) return markup`<td class="none">–</td>`;
  const { median, min, max, count } = spread;
  const target = targetOf(item.name, one.label, figure);
  const kind = target === undefined ? "" : isMet(target, median) ? "met" : "missed";
  const range =
    count === 1 || min === max
      ? undefined
      : markup` <small>${figureText(min)} to ${figureText(max)}</small>`;
  return markup`<td class="${kind}">${figureText(median)}${range}</td>`;
}
