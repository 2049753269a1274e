// What the run itself saw, as verdicts beside those of the checkers.

import type { Finding, Verdict } from "../checkers/contract.ts";
import type { Death } from "../cluster/contract.ts";
import type { Fault, Injected } from "../nemesis/fault.ts";
import { count, counted } from "../report/format.ts";

export interface Watched {
  readonly terms: number;
  readonly compared: number;
  /** Of the observer: B1 and B2. */
  readonly violations: readonly string[];
  /** Of the nemesis: a cluster that did not come back, a node that did not start. */
  readonly failures: readonly string[];
  readonly turns: number;
  readonly recoveryMsMax: number;
  /** Of the workers: what must never be seen. */
  readonly complaints: readonly string[];
  readonly deaths: readonly Death[];
  readonly injected: readonly Injected[];
  readonly catalogue: readonly Fault[];
}

const verdict = (check: string, looked: string, findings: readonly Finding[]): Verdict => ({
  check,
  result: findings.length === 0 ? "holds" : "violated",
  looked,
  findings: findings.slice(0, 20),
});

const sentences = (lines: readonly string[]): Finding[] => lines.map((what) => ({ what }));

export function ownChecks(watched: Watched): Verdict[] {
  const { violations, deaths } = watched;
  const ends = deaths.filter((death) => !isExcused(death, watched));
  return [
    verdict(
      "one leader in a term",
      `${counted(watched.terms, "term")} with a leader, asked of each node five times a second`,
      sentences(violations.filter((line) => line.includes("(B1)"))),
    ),
    verdict(
      "replicas agree under way",
      `${counted(watched.compared, "time")} two nodes at one index`,
      sentences(violations.filter((line) => line.includes("(B2)"))),
    ),
    verdict(
      "the cluster comes back",
      `${counted(watched.turns, "fault")}; at most ${(watched.recoveryMsMax / 1_000).toFixed(1)} s without a leader after one was healed`,
      sentences(watched.failures),
    ),
    verdict(
      "no process ends by itself",
      `${counted(deaths.length, "end")} by themselves, ${count(deaths.length - ends.length)} of them because of a fault of their disk or limits`,
      ends.map(({ nodeId, time, code, signal, lastLines }) => ({
        what: `node ${nodeId} ended with ${signal ?? `code ${code ?? "unknown"}`}: ${lastLines.at(-1) ?? ""}`,
        times: [time],
      })),
    ),
    verdict(
      "what the workers saw themselves",
      "tokens in their own database, processes that end when told to",
      sentences(watched.complaints),
    ),
  ];
}

const afterMs = 5_000;

/** A disk that fails, a limit that is reached: to end is what a node ought to do then. */
function isExcused({ nodeId, time }: Death, { injected, catalogue }: Watched): boolean {
  return injected.some(({ fault, targets, from, to }) => {
    const kind = catalogue.find(({ name }) => name === fault)?.kind;
    const mayEnd = kind === "disk" || kind === "limits";
    return mayEnd && targets.includes(nodeId) && time >= from && time <= to + afterMs * 1_000;
  });
}
