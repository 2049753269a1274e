// The page of a run: one file, which needs nothing else and no script.
//   R1. It loads nothing: the policy in its head forbids it, and lets no script run but the one below, by its hash; so not one that came
//       in with a message either (markup.ts, M1).
//   R2. Its size is bounded (3 MB) whatever the length of the run: charts are by bucket, lists have a maximum and say what is beyond it.
//   R3. Each verdict, and each kind of fault, injected or skipped, is on it.

import { createHash } from "node:crypto";
import { checks } from "./checks.ts";
import type { RunData } from "./data.ts";
import { faults } from "./faults.ts";
import { counted } from "./format.ts";
import { gapsOf } from "./gaps.ts";
import { head } from "./head.ts";
import { keyTimeline } from "./key-timeline.ts";
import { wrongKeys, type WrongKey } from "./keys.ts";
import { markup, trusted, type Markup } from "./markup.ts";
import { about, ends, leaders } from "./nodes.ts";
import { operations } from "./operations.ts";
import { script } from "./script.ts";
import { spanOf, type Span } from "./span.ts";
import { style } from "./style.ts";
import { timeline } from "./timeline.ts";
import { placesOf } from "./wrong.ts";

export type { HostFact, LeaderChange, Overall, RunData, RunFacts, SkippedFault } from "./data.ts";

/** Keys; the others are a click away, so that the picture of the run is not far below. */
const openMax = 3;

/** One self-contained HTML page, in UTF-8. */
export function report(data: RunData): string {
  const span = spanOf(data);
  const gaps = gapsOf(data.history);
  const wrong = wrongKeys(data.verdicts, data.history);
  const places = placesOf(data, wrong);
  const body = markup`<main>
${head(data, span, gaps, wrong, places)}${keys(wrong, span)}${timeline(data, span, gaps)}${checks(data.verdicts, span, places)}${faults(data, span)}${leaders(data, span, gaps)}${operations(data.history)}${ends(data, span)}${about(data)}</main>`;
  return page(`${data.overall.result} · raftq · seed ${data.facts.seed}`, body);
}

function keys(wrong: readonly WrongKey[], span: Span): Markup | undefined {
  if (wrong.length === 0) return undefined;
  const drawn = wrong.map((one, at) => keyTimeline(one, `key-${at + 1}`, span));
  const others = drawn.slice(openMax);
  return markup`<section id="keys"><h2>Keys with something wrong</h2>
<p class="legend"><span class="key"><i class="ring"></i>enqueued</span><span class="key"><i class="swatch lease"></i>leased</span><span class="key"><i class="swatch again"></i>leased again</span><span class="key"><i class="dot"></i>settled</span><span class="key"><i class="swatch unknown"></i>unknown</span><span class="key"><i class="swatch fail"></i>failed</span><span class="key"><i class="swatch finding"></i>named by a finding</span></p>
${drawn.slice(0, openMax)}${others.length === 0 ? undefined : markup`<details><summary>${counted(others.length, "more key")}</summary>${others}</details>`}</section>
`;
}

function page(title: string, body: Markup): string {
  const hash = createHash("sha256").update(script).digest("base64");
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'`;
  return markup`<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="color-scheme" content="light dark"><title>${title}</title><style>${trusted(style)}</style></head>
<body>${body}
<script>${trusted(script)}</script></body></html>
`.markup;
}
