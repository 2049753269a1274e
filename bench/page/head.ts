// What a reader wants to know first.

import { casesOf, figureText, headline, spreadIn, wanted, type Report } from "../report.ts";
import { isMet, targetOf } from "../targets.ts";
import { markup, type Markup } from "./markup.ts";

interface First {
  readonly item: string;
  readonly figure: string;
  readonly says: string;
  readonly unit: string;
}

const firsts: readonly First[] = [
  { item: "pipelined", figure: "enqueued_per_s", says: "enqueued", unit: "/s" },
  { item: "e2e", figure: "acked_per_s", says: "end to end", unit: "/s" },
  { item: "drain", figure: "drained_per_s", says: "drained", unit: "/s" },
  { item: "closed", figure: "confirm_p50_ms", says: "one enqueue, p50", unit: "ms" },
  { item: "e2e1k", figure: "e2e_p50_ms", says: "end to end at 1,000/s, p50", unit: "ms" },
  { item: "e2e1k", figure: "e2e_p99_ms", says: "the same, p99", unit: "ms" },
  { item: "failover", figure: "median_ms", says: "leader killed: median", unit: "ms" },
  { item: "failover", figure: "worst_ms", says: "leader killed: worst", unit: "ms" },
  { item: "hang", figure: "worst_ms", says: "leader hung: worst", unit: "ms" },
  { item: "e2e", figure: "cpu_s_per_100k", says: "CPU per 100,000, all nodes", unit: "s" },
  { item: "backlog", figure: "above_empty_mib", says: "memory of the backlog", unit: "MiB" },
  { item: "backlog", figure: "start_whole_s", says: "start-up with it", unit: "s" },
];

export function head(report: Report): Markup {
  const date = `${report.at.slice(0, 16).replace("T", ", ")} UTC`;
  const figures = firsts.map((first) => figureOf(report, first));
  return markup`<header><p class="run">${date}</p><h1>raftq, measured</h1><p class="note">${headline(report)}</p></header>
<dl class="figures">${figures}</dl>
`;
}

/** Of several cases that have it: the one that is worst off, which is what is promised of all. */
function figureOf(report: Report, { item, figure, says, unit }: First): Markup {
  const found = report.items.find(({ name }) => name === item);
  const known = (found === undefined ? [] : casesOf(found)).flatMap((one) => {
    const spread = spreadIn(one, figure);
    return spread === undefined ? [] : [{ label: one.label, value: spread.median }];
  });
  const [worst] = known.sort((a, b) => b.value - a.value);
  if (worst === undefined) return markup``;
  const target = targetOf(item, worst.label, figure);
  const verdict =
    target === undefined
      ? undefined
      : markup`<small class="${isMet(target, worst.value) ? "met" : "missed"}">${wanted(target)} ${unit}</small>`;
  return markup`<div><dt>${says}</dt><dd>${figureText(worst.value)} <span>${unit}</span></dd>${verdict}</div>`;
}
