// One self-contained page of a run: it loads nothing and has no script.

import type { Report } from "../report.ts";
import { costs } from "./costs.ts";
import { curves } from "./curves.ts";
import { gaps } from "./gaps.ts";
import { head } from "./head.ts";
import { memoryOverBacklog, soakLatency, soakMemory } from "./lines.ts";
import { markup, trusted, type Markup } from "./markup.ts";
import { rates } from "./rates.ts";
import { style } from "./style.ts";
import { tables } from "./tables.ts";

export function page(report: Report): string {
  const body = markup`<main>${head(report)}
${section("Rates", "Medians of the repetitions; whiskers go from the lowest to the highest.", [rates(report)])}
${section("Latencies", "All repetitions together. To the right is the rest: of a thousand, 99.9 % leaves one.", latencies(report), "narrow")}
${section("When the leader is gone", "From the blow until a message that was first sent after it is confirmed, at 500 messages a second.", [pair([gaps(report, "failover"), gaps(report, "hang")])])}
${section("Over time, and over a backlog", "", [pair([memoryOverBacklog(report), soakLatency(report), soakMemory(report)])])}
${section("What a message costs", "CPU, disk and network of all nodes together, the clients' way to them included in the last; event loop and memory of the worst node.", [costs(report)])}
<section><h2>All figures</h2><p class="note">One machine and hour: an absolute figure is worth something beside others of the same run. The median, and from the lowest to the highest where there are several.</p>${tables(report)}</section>
</main>`;
  return markup`<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>raftq, measured ${report.at.slice(0, 10)}</title><style>${trusted(style)}</style></head>
<body>${body}</body></html>
`.markup;
}

function latencies(report: Report): readonly (Markup | undefined)[] {
  const confirm = "confirm";
  const way = "end to end";
  return [
    curves(report, "Enqueue until it is confirmed", [
      { item: "closed", histogram: confirm, name: "one at a time" },
      { item: "e2e1k", histogram: confirm, name: "at 1,000/s" },
      { item: "pipelined", histogram: confirm, name: "1,000 outstanding" },
      { item: "pipelined-1kib", histogram: confirm, name: "the same, 1 KiB" },
    ]),
    curves(report, "End to end", [
      { item: "e2e1k", histogram: way, name: "at 1,000/s" },
      { item: "e2e", histogram: way, name: "saturated" },
    ]),
    curves(report, "End to end at half load, with snapshots", [
      { item: "snapshot", label: "none", histogram: way, name: "none" },
      { item: "snapshot", label: "taken", histogram: way, name: "being taken" },
      { item: "snapshot", label: "sent", histogram: way, name: "sent to a new node" },
    ]),
  ];
}

function section(
  title: string,
  note: string,
  parts: readonly (Markup | undefined)[],
  kind = "",
): Markup | undefined {
  const there = parts.filter((part) => part !== undefined);
  if (there.length === 0) return undefined;
  const said = note === "" ? undefined : markup`<p class="note">${note}</p>`;
  return markup`<section class="${kind}"><h2>${title}</h2>${said}${there}</section>`;
}

function pair(parts: readonly (Markup | undefined)[]): Markup | undefined {
  const there = parts.filter((part) => part !== undefined);
  return there.length === 0 ? undefined : markup`<div class="pair">${there}</div>`;
}
