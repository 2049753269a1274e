// The verdict, for a terminal.

import type { Verdict } from "../checkers/contract.ts";
import { count, counted } from "../report/format.ts";
import type { RunVerdict } from "./evidence.ts";
import { placeIn } from "./place.ts";

const marks = { holds: "ok  ", violated: "BAD ", inconclusive: "??  ", skipped: "--  " } as const;
const shownMax = 3;

export function summary(verdict: RunVerdict): string {
  const { counts, leaderChanges, injected, observed, verdicts, skipped } = verdict;
  const lines = [
    "",
    ...verdicts.flatMap(linesOf),
    "",
    `calls: ${count(counts.ok)} ok, ${count(counts.fail)} failed, ${count(counts.unknown)} unknown; ${counted(counts.delivered, "delivery", "deliveries")}`,
    `changes of leader: ${count(leaderChanges)}; faults: ${count(injected)}, ${count(observed)} of them seen to have effect`,
    ...skipped.map(({ fault, why }) => `skipped: ${fault}: ${why}`),
    `page: ${placeIn(verdict.directory).page}`,
    `again: ${verdict.command}`,
    "",
    `${verdict.result}: ${verdict.reasons.join("\n  ")}`,
  ];
  return lines.join("\n");
}

function linesOf({ check, result, looked, why, findings }: Verdict): string[] {
  const head = `${marks[result]}${check}: ${why ?? looked}`;
  const shown = findings.slice(0, shownMax).map(({ what }) => `      ${what}`);
  const left = findings.length - shown.length;
  return [head, ...shown, ...(left > 0 ? [`      and ${left} more`] : [])];
}
