// The verdict of each check: what is wrong first, with its findings open.

import type { Finding, Verdict } from "../checkers/contract.ts";
import { cut, markup, type Markup } from "./markup.ts";
import type { Span } from "./span.ts";
import { whereOf, type Places } from "./wrong.ts";

const order = { violated: 0, inconclusive: 1, holds: 2, skipped: 3 } as const;
const findingsMax = 20;
const openMax = 5;

export function checks(verdicts: readonly Verdict[], span: Span, places: Places): Markup {
  const sorted = verdicts.toSorted((a, b) => order[a.result] - order[b.result]);
  const rows = sorted.map(
    (
      verdict,
    ) => markup`<tr class="${verdict.result}" id="${places.check(verdict)}"><td class="result">${verdict.result}</td>
<td><b>${verdict.check}</b>${verdict.why === undefined ? undefined : markup`<p>${cut(verdict.why, 1_000)}</p>`}${findings(verdict, span, places)}</td>
<td class="looked">${cut(verdict.looked)}</td></tr>
`,
  );
  return markup`<section id="checks"><h2>Checks</h2>
${
  rows.length === 0
    ? markup`<p class="note">None was made.</p>`
    : markup`<table class="stacks"><thead><tr><th>Result</th><th>Check</th><th>What was looked at</th></tr></thead><tbody>
${rows}</tbody></table>`
}</section>
`;
}

function findings({ findings, result }: Verdict, span: Span, places: Places): Markup | undefined {
  if (findings.length === 0) return undefined;
  const item = (finding: Finding): Markup =>
    markup`<li>${cut(finding.what, 600)}${whereOf(finding, span, places)}</li>`;
  const items = findings.slice(0, findingsMax).map(item);
  if (result !== "violated")
    return markup`<details><summary>${findings.length === 1 ? "1 finding" : `${findings.length} findings`}</summary><ol>${items}</ol></details>`;
  const more = items.slice(openMax);
  return markup`<ol>${items.slice(0, openMax)}</ol>${
    more.length === 0
      ? undefined
      : markup`<details><summary>${more.length} more</summary><ol start="${openMax + 1}">${more}</ol></details>`
  }`;
}
