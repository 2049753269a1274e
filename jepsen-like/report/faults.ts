// What was done to the cluster: a row for each kind of fault, then each time it was done, and what showed its effect (nemesis/fault.ts, N1, N2).

import type { RunData } from "./data.ts";
import { count, duration, moment } from "./format.ts";
import { kindOf } from "./lanes.ts";
import { cut, markup, type Markup } from "./markup.ts";
import type { Span } from "./span.ts";

const listedMax = 1_000;
/** So few stand there at once. */
const openMax = 20;

export function faults(data: RunData, span: Span): Markup {
  const names = [...new Set(data.injected.map(({ fault }) => fault))];
  const rows = names
    .map((name) => ({ name, times: data.injected.filter(({ fault }) => fault === name) }))
    .toSorted((a, b) => b.times.length - a.times.length)
    .map(({ name, times }) => {
      const seen = times.filter(({ observed }) => observed !== undefined).length;
      const us = times.reduce((sum, { from, to }) => sum + to - from, 0);
      return markup`<tr><td><span class="key"><i class="swatch ${kindOf(data, name)}"></i><b>${name}</b></span></td><td class="what">${what(data, name)}</td>
<td class="number">${count(times.length)}</td><td class="number${seen < times.length ? " lacking" : ""}">${count(seen)}</td><td class="number">${duration(us)}</td></tr>
`;
    });
  const skipped = data.skipped.map(
    ({
      fault,
      why,
    }) => markup`<tr class="skipped"><td><span class="key"><i class="swatch"></i><b>${fault}</b></span></td><td class="what">${what(data, fault)}</td><td class="why" colspan="3">skipped: ${cut(why)}</td></tr>
`,
  );
  if (rows.length + skipped.length === 0)
    return markup`<section id="faults"><h2>Faults</h2><p class="note">None was asked for.</p></section>
`;
  return markup`<section id="faults"><h2>Faults</h2>
<table class="kinds"><thead><tr><th>Fault</th><th class="what">What it does</th><th class="number">Injected</th><th class="number">Observed</th><th class="number">Together</th></tr></thead><tbody>
${rows}${skipped}</tbody></table>
${each(data, span)}</section>
`;
}

const what = ({ catalogue }: RunData, fault: string): string =>
  cut(catalogue.find(({ name }) => name === fault)?.what ?? "");

function each(data: RunData, span: Span): Markup | undefined {
  if (data.injected.length === 0) return undefined;
  const listed = data.injected.slice(0, listedMax);
  const beyond = data.injected.length - listed.length;
  const rows = listed.map(
    ({
      fault,
      what,
      from,
      to,
      observed,
    }) => markup`<tr><td class="number"><a href="#run" data-from="${from - span.from}" data-to="${to - span.from}">${moment(from - span.from, 1)}</a></td><td class="number">${duration(to - from)}</td><td><b>${fault}</b>: ${cut(what, 240)}</td><td${observed === undefined ? markup` class="lacking"` : undefined}>${observed === undefined ? "no visible effect: not counted" : cut(observed, 240)}</td></tr>
`,
  );
  return markup`<details${listed.length <= openMax ? markup` open` : undefined}><summary>Each of them, in order of time</summary>
<table><thead><tr><th class="number">At</th><th class="number">For</th><th>What</th><th>What showed it</th></tr></thead><tbody>
${rows}</tbody></table>${beyond > 0 ? markup`<p class="note">${count(beyond)} more are in nemesis.jsonl.</p>` : undefined}</details>`;
}
