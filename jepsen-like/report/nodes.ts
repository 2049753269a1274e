// The cluster's own side: who led and what the change cost, which processes ended by themselves, what the nodes' states were in the end.

import type { RunData } from "./data.ts";
import { count, counted, dated, duration, moment } from "./format.ts";
import { beforeUs, gapAt, gapUsMin, type Gap } from "./gaps.ts";
import { cut, markup, type Markup } from "./markup.ts";
import type { Span } from "./span.ts";
import { momentLink } from "./wrong.ts";

const leadersMax = 500;
const openMax = 12;
const deathsMax = 50;

export function leaders({ leaders, injected }: RunData, span: Span, gaps: readonly Gap[]): Markup {
  if (leaders.length === 0)
    return markup`<section id="leaders"><h2>Leaders</h2><p class="note">No node was seen to lead.</p></section>
`;
  const rows = leaders.slice(0, leadersMax).map((change, at) => {
    const gap = at === 0 ? undefined : gapAt(gaps, change);
    const until = leaders[at + 1]?.time ?? span.to;
    const cost =
      gap === undefined
        ? at === 0
          ? "–"
          : `< ${duration(gapUsMin)}`
        : duration(gap.to - gap.from);
    return markup`<tr><td class="number">${momentLink(span, change.time, moment(change.time - span.from, 1))}</td><td class="number">${change.term}</td><td>node ${change.nodeId}</td><td class="number">${duration(until - change.time)}</td><td class="number">${cost}</td><td>${meanwhile(injected, gap?.from ?? change.time - beforeUs, change.time)}</td></tr>
`;
  });
  const table = markup`<table class="narrow"><thead><tr><th class="number">Seen at</th><th class="number">Term</th><th>Leader</th><th class="number">For</th><th class="number">Gap of service</th><th>Faults meanwhile</th></tr></thead><tbody>
${rows}</tbody></table>`;
  const beyond = leaders.length - leadersMax;
  return markup`<section id="leaders"><h2>Leaders</h2>
${leaders.length <= openMax ? table : markup`<details><summary>${counted(leaders.length - 1, "change")}</summary>${table}</details>`}
<p class="note">The gap: the longest time without a successful call around the change. ${beyond > 0 ? `${count(beyond)} more changes are not listed.` : undefined}</p></section>
`;
}

function meanwhile(injected: RunData["injected"], since: number, until: number): string {
  const names = injected
    .filter(({ from, to }) => from <= until && to >= since)
    .map(({ fault }) => fault);
  return cut([...new Set(names)].join(", "), 160);
}

export function ends({ deaths, digests }: RunData, span: Span): Markup {
  const equal = new Set(digests.map(({ appliedIndex, digest }) => `${appliedIndex} ${digest}`))
    .size;
  const verdict =
    equal === 1
      ? "All nodes ended in the same state."
      : "The nodes did not end in the same state, or were not asked at the same index.";
  return markup`<section id="nodes"><h2>Nodes</h2>
${
  digests.length === 0
    ? markup`<p class="note">The nodes’ digests were not read.</p>`
    : markup`<p>${verdict}</p><table class="narrow"><thead><tr><th>Node</th><th class="number">Applied</th><th>Digest</th></tr></thead><tbody>
${digests.map(
  ({
    nodeId,
    appliedIndex,
    digest,
  }) => markup`<tr><td>node ${nodeId}</td><td class="number">${count(appliedIndex)}</td><td>${cut(digest, 80)}</td></tr>
`,
)}</tbody></table>`
}
${deaths.length === 0 ? markup`<p>No process ended by itself.</p>` : markup`<h3>Processes that ended by themselves</h3>${deaths.slice(0, deathsMax).map(death)}`}</section>
`;

  function death({ nodeId, time, code, signal, lastLines }: RunData["deaths"][number]): Markup {
    const how = signal === null ? `with code ${code ?? "unknown"}` : `by ${signal}`;
    return markup`<details><summary>Node ${nodeId}, at ${moment(time - span.from)}, ${how}</summary><pre>${lastLines
      .slice(-20)
      .map(
        (line) => markup`${cut(line, 300)}
`,
      )}</pre></details>
`;
  }
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

export function about({ facts }: RunData): Markup {
  const rows = [
    { name: "Seed", value: facts.seed },
    { name: "Version", value: facts.version },
    { name: "Nodes", value: String(facts.nodes) },
    { name: "Asked for", value: `${facts.minutes} min` },
    { name: "Begun", value: dated(facts.date) },
    ...facts.host.slice(0, 40).map(({ name, value }) => ({ name: capital(name), value })),
  ];
  return markup`<section id="about"><h2>About the run</h2>
<dl class="facts">${rows.map(({ name, value }) => markup`<div><dt>${name}</dt><dd>${cut(value, 300)}</dd></div>`)}</dl></section>
`;
}
