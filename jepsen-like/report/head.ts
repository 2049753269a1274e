// The top of the page: the verdict, at one glance; why; and the figures that one asks for next.

import type { RunData } from "./data.ts";
import { count, counted, dated, duration, moment, percent } from "./format.ts";
import { longest, type Gap } from "./gaps.ts";
import type { WrongKey } from "./keys.ts";
import { markup, type Markup } from "./markup.ts";
import { outcomeOf } from "./series.ts";
import type { Span } from "./span.ts";
import { reasons, whereabouts, type Places } from "./wrong.ts";

const meanings = {
  PASS: "Nothing that the clients saw contradicts the promises.",
  FAIL: "What must never happen did.",
  INCONCLUSIVE: "Nothing wrong was seen, but too little was.",
} as const;

export function head(
  data: RunData,
  span: Span,
  gaps: readonly Gap[],
  wrong: readonly WrongKey[],
  places: Places,
): Markup {
  const { overall, facts } = data;
  return markup`<header class="${overall.result.toLowerCase()}">
<p class="run">raftq ${facts.version} · seed ${facts.seed} · ${counted(facts.nodes, "node")} · ${duration(span.to - span.from)} · ${dated(facts.date)}</p>
<h1>${overall.result}</h1>
<p class="meaning">${meanings[overall.result]}</p>
${whereabouts(data, wrong, span)}${reasons(data, span, places)}
<dl class="figures">${figures(data, span, gaps).map(({ name, value, note }) => markup`<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`)}</dl>
<p class="repeat"><span>To repeat it</span><code>${facts.command}</code></p>
${contents(wrong)}</header>
`;
}

/** The sections, in their order. */
function contents(wrong: readonly WrongKey[]): Markup {
  const sections = [
    ...(wrong.length > 0 ? [["keys", "Keys with something wrong"] as const] : []),
    ["run", "What happened when"] as const,
    ["checks", "Checks"] as const,
    ["faults", "Faults"] as const,
    ["leaders", "Leaders"] as const,
    ["operations", "Operations"] as const,
    ["nodes", "Nodes"] as const,
    ["about", "About the run"] as const,
  ];
  return markup`<nav>${sections.map(([id, name]) => markup`<a href="#${id}">${name}</a> `)}</nav>
`;
}

interface Figure {
  readonly name: string;
  readonly value: string;
  readonly note: string;
}

function figures(data: RunData, span: Span, gaps: readonly Gap[]): Figure[] {
  const { calls, delivered } = data.history;
  const of = { ok: 0, fail: 0, unknown: 0 };
  for (const call of calls) of[outcomeOf(call)] += 1;
  const again = delivered.reduce((sum, { redelivery }) => sum + (redelivery === "" ? 0 : 1), 0);
  const [first, ...changes] = data.leaders;
  const most = longest(gaps);
  const down = gaps.reduce((sum, { from, to }) => sum + to - from, 0);
  const seen = data.injected.filter(({ observed }) => observed !== undefined).length;
  const results = { holds: 0, violated: 0, inconclusive: 0, skipped: 0 };
  for (const { result } of data.verdicts) results[result] += 1;
  const others = (["violated", "inconclusive", "skipped"] as const)
    .filter((result) => results[result] > 0)
    .map((result) => `${results[result]} ${result}`);
  return [
    {
      name: "Calls",
      value: count(calls.length),
      note: `${percent(of.ok, calls.length)} ok, ${count(of.fail)} failed, ${count(of.unknown)} unknown`,
    },
    { name: "Deliveries", value: count(delivered.length), note: `${count(again)} of them again` },
    {
      name: "Changes of leader",
      value: count(changes.length),
      note:
        first === undefined
          ? "none was seen to lead"
          : `terms ${first.term} to ${changes.at(-1)?.term ?? first.term}`,
    },
    {
      name: "Longest gap of service",
      value: most === undefined ? "none" : duration(most.to - most.from),
      note:
        most === undefined
          ? ""
          : `at ${moment(most.from - span.from, 0)}; ${counted(gaps.length, "gap")}, ${duration(down)} together`,
    },
    {
      name: "Faults with effect",
      value: count(seen),
      note: `of ${count(data.injected.length)} injected${data.skipped.length === 0 ? "" : `; ${counted(data.skipped.length, "kind")} skipped`}`,
    },
    {
      name: "Checks that hold",
      value: `${results.holds} of ${data.verdicts.length}`,
      note: others.join(", "),
    },
  ];
}
