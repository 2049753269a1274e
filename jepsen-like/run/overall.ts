// What a run comes to, in one word. Pure.
//   V1. FAIL: something that must not happen did: a check is violated, of the checkers or of the run itself (own-checks.ts).
//   V2. INCONCLUSIVE: nothing was found, and too little was tried for that to mean something (reliability.md §5).
//   V3. PASS: neither.

import type { Verdict } from "../checkers/contract.ts";
import type { Injected } from "../nemesis/fault.ts";
import { count, counted } from "../report/format.ts";
import type { Counts } from "./tally.ts";

export interface Demands {
  /** Calls with an outcome. */
  readonly opsMin: number;
  /** Beyond the first leader. */
  readonly leaderChangesMin: number;
  /** Share of the calls with an outcome that were answered with success. */
  readonly okShareMin: number;
  /** Faults that were asked for by their own names: each must have been observed. */
  readonly named: readonly string[];
}

export interface Happened {
  readonly verdicts: readonly Verdict[];
  readonly counts: Counts;
  readonly leaderChanges: number;
  readonly injected: readonly Injected[];
  /** Faults that cannot be had here. */
  readonly skipped: readonly { readonly fault: string; readonly why: string }[];
  /** Why the run is not complete: sentences. */
  readonly missing: readonly string[];
  /** Everything that was produced was consumed or looked at, and the barrier is there. */
  readonly drained: boolean;
}

export interface Overall {
  readonly result: "PASS" | "FAIL" | "INCONCLUSIVE";
  readonly reasons: readonly string[];
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export function overall(happened: Happened, demands: Demands): Overall {
  const wrong = wrongs(happened);
  if (wrong.length > 0) return { result: "FAIL", reasons: wrong };
  const missing = lacks(happened, demands);
  if (missing.length > 0) return { result: "INCONCLUSIVE", reasons: missing };
  const { counts, leaderChanges, injected, verdicts } = happened;
  const seen = injected.filter(({ observed }) => observed !== undefined).length;
  const held = verdicts.filter(({ result }) => result === "holds").length;
  return {
    result: "PASS",
    reasons: [
      `${count(completed(counts))} calls, ${percent(okShare(counts))} of them answered with success; ` +
        `${counted(leaderChanges, "change")} of leader; ${count(seen)} of ${counted(injected.length, "fault")} seen to have effect; ${counted(held, "check holds", "checks hold")}`,
    ],
  };
}

/** V1. */
function wrongs({ verdicts }: Happened): string[] {
  return verdicts
    .filter(({ result }) => result === "violated")
    .map(({ check, findings }) => `${check}: ${findings[0]?.what ?? "violated"}`);
}

/** V2. */
function lacks(happened: Happened, demands: Demands): string[] {
  const { verdicts, counts, leaderChanges, drained, injected, skipped, missing } = happened;
  const open = verdicts.filter(({ result }) => result === "inconclusive");
  const lacking = [
    ...open.map(({ check, why }) => `${check}: ${why ?? "inconclusive"}`),
    ...missing,
  ];
  if (verdicts.every(({ result }) => result !== "holds")) lacking.push("no check was made");
  if (!drained) lacking.push("the queues were not drained in time");
  const calls = completed(counts);
  if (calls === 0) lacking.push("no call was made");
  else if (okShare(counts) < demands.okShareMin)
    lacking.push(
      `only ${percent(okShare(counts))} of the calls were answered with success, ${percent(demands.okShareMin)} are asked for`,
    );
  if (calls < demands.opsMin)
    lacking.push(`${count(calls)} calls; ${count(demands.opsMin)} are asked for`);
  if (leaderChanges < demands.leaderChangesMin)
    lacking.push(
      `${counted(leaderChanges, "change")} of leader; ${demands.leaderChangesMin} are asked for`,
    );
  for (const name of demands.named) {
    const of = injected.filter(({ fault }) => fault === name);
    const cannot = skipped.find(({ fault }) => fault === name);
    if (cannot !== undefined) lacking.push(`${name} cannot be had here: ${cannot.why}`);
    else if (of.length === 0) lacking.push(`${name} was not drawn: the run was too short for it`);
    else if (of.every(({ observed }) => observed === undefined))
      lacking.push(`${name} was tried ${of.length} times, and never seen to have effect`);
  }
  return lacking;
}

const completed = ({ ok, fail, unknown }: Counts): number => ok + fail + unknown;

function okShare(counts: Counts): number {
  const calls = completed(counts);
  return calls === 0 ? 0 : counts.ok / calls;
}
