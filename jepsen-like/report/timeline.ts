// The picture of the run: what was done to the cluster, and below it, on the same axis, what the clients saw.

import { charts } from "./charts.ts";
import type { RunData } from "./data.ts";
import { coordinate, counted, duration, moment } from "./format.ts";
import { gapUsMin, type Gap } from "./gaps.ts";
import { drawnOf, kindOf, lanes } from "./lanes.ts";
import { markup, trusted, type Markup } from "./markup.ts";
import { key, strip } from "./plot.ts";
import { across, ticksOf, type Span, type Tick } from "./span.ts";
import { marksOf, type Mark } from "./wrong.ts";

const gapsDrawnMax = 500;
/** Of the width, in hundredths: narrower ones would be a grey all over a long run; they show when it is enlarged. */
const briefBelow = 0.1;
const ticksShown = 14;
/** Shown when the script has zoomed in. */
const fineTicks = 64;
/** Of the width, in hundredths: on a narrow screen such a label would stand half outside. */
const lastFrom = 94;

export function timeline(data: RunData, span: Span, gaps: readonly Gap[]): Markup {
  const marks = marksOf(data);
  const background = markup`${backgroundOf(span, gaps)}${foundLines(span, marks)}`;
  const { strips, outcomes, latencies } = charts(data.history, span, background);
  const kinds = [...new Set(data.injected.map(({ fault }) => kindOf(data, fault)))].toSorted();
  const legend = markup`${kinds.map((kind) => key(kind, kind))}${key("unseen", "no visible effect")}${key("leads", "leads")}${key("gap", `no call succeeded for ${duration(gapUsMin)} or longer`)}${marks.length > 0 ? key("finding", "named by a finding") : undefined}${data.deaths.length > 0 ? markup`<span class="key"><i class="cross">×</i>a process ended by itself</span>` : undefined}`;
  const beyond = data.injected.length - drawnOf(data).length;
  return markup`<section id="run"><h2>What happened when</h2>
<p class="legend">${legend}</p>
<div class="strips">${axis(span)}<div class="lanes">${marked(span, marks, background)}${lanes(data, span, background)}</div>${axis(span)}${strips}${axis(span)}</div>
<p class="note">${beyond > 0 ? `The last ${counted(beyond, "fault")} are in the table only. ` : ""}A step is ${duration(span.bucketUs)}. <span class="scripted">Drag to enlarge a part, Escape to see the whole.</span></p>
${readings(span, { ...outcomes, ...latencies })}</section>
`;
}

function axis(span: Span): Markup {
  const coarse = ticksOf(span, ticksShown);
  const fine = ticksOf(span, fineTicks).filter(({ at }) => !coarse.some((tick) => tick.at === at));
  const label = ({ at, label }: Tick, how: string): Markup =>
    markup`<span class="tick ${how}" style="left:${at}%">${label}</span>`;
  const layer = markup`${coarse.map((tick, number) => label(tick, `${number % 2 === 0 ? "" : "odd"}${tick.at > lastFrom ? " last" : ""}`))}${fine.map((tick) => label(tick, "fine"))}`;
  return markup`<div class="axis">${strip({ name: markup``, height: 20, levels: [], layer }, markup``)}</div>`;
}

/** Lines of the axis, and the gaps of service, behind all that is drawn. */
function backgroundOf(span: Span, gaps: readonly Gap[]): Markup {
  const lines = ticksOf(span, ticksShown).map(
    ({ at }) => markup`<i class="rule" style="left:${at}%"></i>`,
  );
  const bands = gaps
    .toSorted((a, b) => b.to - b.from - (a.to - a.from))
    .slice(0, gapsDrawnMax)
    .map(({ from, to }) => {
      const left = across(span, from);
      const width = coordinate(across(span, to) - left);
      return markup`<i class="gap${width < briefBelow ? " brief" : ""}" style="left:${left}%;width:${width}%"></i>`;
    });
  return markup`${bands}${lines}`;
}

/** Of many at one place, one line. */
function foundLines(span: Span, marks: readonly Mark[]): Markup {
  const places = new Set(marks.map(({ time }) => across(span, time)));
  return markup`${[...places].map((at) => markup`<i class="offence" style="left:${at}%"></i>`)}`;
}

/** Where what is wrong was seen: above all that was done. */
function marked(span: Span, marks: readonly Mark[], background: Markup): Markup | undefined {
  if (marks.length === 0) return undefined;
  const layer = markup`${marks.map(
    ({ time, title }) =>
      markup`<i class="mark" style="left:${across(span, time)}%" title="${`${title}\n${moment(time - span.from)}`}">▼</i>`,
  )}`;
  const name = markup`<b>What is wrong</b>`;
  return strip({ name, height: 22, levels: [], layer }, background);
}

/** The figures of each bucket, for the script. */
function readings(span: Span, series: Readonly<Record<string, Float64Array>>): Markup {
  const figures = Object.entries(series).map(([name, values]) => [
    name,
    [...values].map((value) => (Number.isNaN(value) ? null : Math.round(value))),
  ]);
  const all = {
    bucketUs: span.bucketUs,
    buckets: span.buckets,
    ...(Object.fromEntries(figures) as object),
  };
  return trusted(`<script type="application/json" id="readings">${JSON.stringify(all)}</script>`);
}
