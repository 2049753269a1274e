// From what a run left behind to its verdict and its page: the same whether the run has only just ended or is looked at again.

import { writeFileSync } from "node:fs";
import { check } from "../checkers/index.ts";
import type {
  DeclaredQueue,
  Evidence,
  NodeDigest,
  NodeLog,
  Verdict,
} from "../checkers/contract.ts";
import { historyFiles, readHistory } from "../history/reader.ts";
import { report, type LeaderChange, type RunFacts, type SkippedFault } from "../report/index.ts";
import { catalogue } from "../nemesis/catalogue.ts";
import { ownChecks, type Watched } from "./own-checks.ts";
import { overall, type Demands, type Overall } from "./overall.ts";
import { writeJson, type Place } from "./place.ts";
import type { Counts } from "./tally.ts";

/** run.json */
export interface RunRecord {
  readonly facts: RunFacts;
  readonly demands: Demands;
  readonly queues: readonly DeclaredQueue[];
  readonly leaders: readonly LeaderChange[];
  readonly digests: readonly NodeDigest[];
  /** 0: it was not reached. */
  readonly barrier: number;
  readonly drained: boolean;
  /** Why the run is not complete. */
  readonly missing: readonly string[];
  readonly skipped: readonly SkippedFault[];
  /** Turns that passed without their fault. */
  readonly passed: readonly string[];
  readonly watched: Omit<Watched, "catalogue">;
  readonly counts: Counts;
}

/** verdict.json */
export interface RunVerdict extends Overall {
  readonly seed: string;
  readonly directory: string;
  readonly command: string;
  readonly counts: Counts;
  readonly leaderChanges: number;
  readonly injected: number;
  readonly observed: number;
  readonly skipped: readonly SkippedFault[];
  readonly verdicts: readonly Verdict[];
}

/** Checks all of it; writes verdict.json and report.html. */
export async function conclude(
  place: Place,
  run: RunRecord,
  logs: readonly NodeLog[],
): Promise<RunVerdict> {
  const { history } = await readHistory(historyFiles(place.history));
  const { queues, digests, barrier, counts, skipped, watched, facts } = run;
  const evidence: Evidence = { queues, history, logs, digests, barrier };
  const verdicts = [...ownChecks({ ...watched, catalogue }), ...check(evidence)];
  const leaderChanges = Math.max(0, run.leaders.length - 1);
  const came = overall(
    {
      ...{ verdicts, counts, leaderChanges, skipped, drained: run.drained, missing: run.missing },
      injected: watched.injected,
    },
    run.demands,
  );
  const verdict: RunVerdict = {
    ...came,
    seed: facts.seed,
    directory: place.directory,
    command: facts.command,
    counts,
    leaderChanges,
    injected: watched.injected.length,
    observed: watched.injected.filter(({ observed }) => observed !== undefined).length,
    skipped,
    verdicts,
  };
  writeJson(place.verdict, verdict);
  const { injected, deaths } = watched;
  const { leaders } = run;
  const shown = { catalogue, injected, skipped, leaders, history, verdicts, deaths, digests };
  writeFileSync(place.page, report({ facts, overall: came, ...shown }));
  return verdict;
}
