// Everything that the page of a run is made from. Times are microseconds of CLOCK_MONOTONIC (history/record.ts, H1); the page's zero
// is the earliest of them, and its end the latest, so that nothing that happened lies outside it.

import type { History, NodeDigest, Verdict } from "../checkers/contract.ts";
import type { Death } from "../cluster/contract.ts";
import type { Fault, Injected } from "../nemesis/fault.ts";

export interface RunData {
  readonly facts: RunFacts;
  readonly overall: Overall;
  /** Each fault that the run could draw: its kind is its colour, its sentence explains it. */
  readonly catalogue: readonly Pick<Fault, "name" | "what" | "kind">[];
  readonly injected: readonly Injected[];
  readonly skipped: readonly SkippedFault[];
  /** In order of time. */
  readonly leaders: readonly LeaderChange[];
  readonly history: History;
  readonly verdicts: readonly Verdict[];
  /** Processes that ended without having been told to. */
  readonly deaths: readonly Death[];
  readonly digests: readonly NodeDigest[];
}

export interface RunFacts {
  readonly seed: string;
  readonly version: string;
  readonly nodes: number;
  /** As asked for; the page shows how long it took, too. */
  readonly minutes: number;
  /** What one types to repeat the run. */
  readonly command: string;
  /** When it began: ISO 8601. */
  readonly date: string;
  /** What may matter when another host disagrees: cores, kernel, disk, network between the nodes … */
  readonly host: readonly HostFact[];
}

export interface HostFact {
  readonly name: string;
  readonly value: string;
}

export interface Overall {
  readonly result: "PASS" | "FAIL" | "INCONCLUSIVE";
  /** A sentence each; of a pass, why it is conclusive. */
  readonly reasons: readonly string[];
}

/** A fault that was asked for and could not be had on this host. */
export interface SkippedFault {
  readonly fault: string;
  readonly why: string;
}

/** Seen from outside: a node said of itself that it leads, in a higher term than the leader before. */
export interface LeaderChange {
  readonly time: number;
  readonly term: number;
  readonly nodeId: number;
}
