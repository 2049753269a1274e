// What was asked, and what came of it: by operation and outcome, and the reasons of what did not succeed.

import type { Call, History } from "../checkers/contract.ts";
import { count, duration } from "./format.ts";
import { cut, markup, type Markup } from "./markup.ts";
import { outcomeOf, quantile } from "./series.ts";

const reasonsMax = 20;

interface Row {
  readonly f: string;
  readonly of: { ok: number; fail: number; unknown: number };
  unanswered: number;
  /** Of those that took effect, in microseconds. */
  readonly latencies: number[];
}

export function operations(history: History): Markup {
  const rows = rowsOf(history.calls);
  if (rows.length === 0)
    return markup`<section id="operations"><h2>Operations</h2><p class="note">Nothing was asked.</p></section>
`;
  return markup`<section id="operations"><h2>Operations</h2>
<table><thead><tr><th>Operation</th><th class="number">ok</th><th class="number">failed</th><th class="number">unknown</th><th class="number">median</th><th class="number">99 %</th><th class="number">longest</th></tr></thead><tbody>
${rows.map(row)}</tbody></table>
<p class="note">Unknown: it may have taken effect, or not; in brackets those that were never answered. Latency: of those that took effect.</p>
${reasons(history.calls)}${redeliveries(history)}</section>
`;
}

function rowsOf(calls: readonly Call[]): Row[] {
  const rows = new Map<string, Row>();
  for (const call of calls) {
    const { f } = call.asked;
    let row = rows.get(f);
    if (row === undefined) {
      row = { f, of: { ok: 0, fail: 0, unknown: 0 }, unanswered: 0, latencies: [] };
      rows.set(f, row);
    }
    row.of[outcomeOf(call)] += 1;
    if (call.told === undefined) row.unanswered += 1;
    else if (call.told.type === "ok") row.latencies.push(call.told.time - call.asked.time);
  }
  return [...rows.values()].toSorted((a, b) => b.of.ok - a.of.ok);
}

function row({ f, of, unanswered, latencies }: Row): Markup {
  const ascending = Float64Array.from(latencies).sort();
  const at = (share: number): Markup =>
    markup`<td class="number">${duration(quantile(ascending, share))}</td>`;
  return markup`<tr><td>${f}</td><td class="number">${count(of.ok)}</td><td class="number">${count(of.fail)}</td><td class="number">${count(of.unknown)}${unanswered > 0 ? ` (${count(unanswered)})` : undefined}</td>${[0.5, 0.99, 1].map(at)}</tr>
`;
}

function reasons(calls: readonly Call[]): Markup | undefined {
  const tally = new Map<
    string,
    { f: string; outcome: string; reason: string; message: string; times: number }
  >();
  for (const call of calls) {
    const outcome = outcomeOf(call);
    if (outcome === "ok" || call.told === undefined) continue;
    const { reason = "no reason", message = "" } = call.told;
    const id = JSON.stringify([call.asked.f, outcome, reason]);
    const entry = tally.get(id);
    if (entry === undefined) tally.set(id, { f: call.asked.f, outcome, reason, message, times: 1 });
    else entry.times += 1;
  }
  if (tally.size === 0) return undefined;
  const rows = [...tally.values()].toSorted((a, b) => b.times - a.times).slice(0, reasonsMax);
  return markup`<h3>Why calls did not succeed</h3>
<table class="listed"><thead><tr><th class="number">Times</th><th>Operation</th><th>Reason, and what the first was told</th></tr></thead><tbody>
${rows.map(
  ({
    f,
    outcome,
    reason,
    message,
    times,
  }) => markup`<tr><td class="number">${count(times)}</td><td><span class="key"><i class="swatch ${outcome}"></i>${f}</span></td><td><b>${cut(reason, 80)}</b> <span class="at">${cut(message, 320)}</span></td></tr>
`,
)}</tbody></table>`;
}

function redeliveries({ delivered }: History): Markup | undefined {
  const tally = new Map<string, number>();
  for (const { redelivery } of delivered)
    if (redelivery !== "") tally.set(redelivery, (tally.get(redelivery) ?? 0) + 1);
  if (tally.size === 0) return undefined;
  const rows = [...tally].toSorted(([, a], [, b]) => b - a).slice(0, reasonsMax);
  return markup`<h3>Why messages were delivered again</h3>
<table class="listed"><thead><tr><th class="number">Times</th><th>Reason</th></tr></thead><tbody>
${rows.map(
  ([
    reason,
    times,
  ]) => markup`<tr><td class="number">${count(times)}</td><td>${cut(reason, 120)}</td></tr>
`,
)}</tbody></table>`;
}
