// What every check gets, and what it says.

import type { Completed, Delivered, Invoked, Noted } from "../history/record.ts";

/** Invocation with its completion; none: the process never learned (unknown). */
export interface Call {
  readonly asked: Invoked;
  readonly told?: Completed;
}

/** All processes' histories together, in order of time. */
export interface History {
  readonly calls: readonly Call[];
  readonly delivered: readonly Delivered[];
  readonly notes: readonly Noted[];
}

/** What the queues of a run were declared to be: the rules that a check may rely on. */
export interface DeclaredQueue {
  readonly name: string;
  readonly ordering: "KEY" | "TOTAL" | "NONE";
  readonly leaseMs: number;
  readonly maxAttempts: number;
  readonly onExhausted: "PARK" | "DEAD_LETTER" | "DISCARD";
  readonly deadLetterQueue: string;
  /** What it is for: which checks apply. */
  readonly workload: string;
}

/** One entry of one node's log, as `raftq log --json` prints it. */
export interface LogEntry {
  readonly index: number;
  readonly term: number;
  readonly kind: string;
  /** Running hash over this entry and all before it. */
  readonly chain: string;
  /** The same of the entry before; it shows where a log is put together of pieces that do not belong together. */
  readonly chainBefore?: string;
  /** Milliseconds; 0 when the entry has none. */
  readonly stamp: number;
  readonly commands: readonly LogCommand[];
}

export interface LogCommand {
  readonly session: number;
  readonly sequence: number;
  readonly op: string;
  readonly [field: string]: unknown;
}

/** What one node's disk held when all was over. */
export interface NodeLog {
  readonly nodeId: number;
  /** Ascending and dense; the first need not be 1 (compaction). */
  readonly entries: readonly LogEntry[];
}

/** What one node said at the end, at equal applied index. */
export interface NodeDigest {
  readonly nodeId: number;
  readonly appliedIndex: number;
  readonly digest: string;
}

export interface Evidence {
  readonly queues: readonly DeclaredQueue[];
  readonly history: History;
  readonly logs: readonly NodeLog[];
  readonly digests: readonly NodeDigest[];
  /** Index of the barrier entry: everything that was ever asked is decided at or before it; 0: the run did not get there. */
  readonly barrier: number;
}

export interface Verdict {
  /** "Q1 no loss", "witness order" … */
  readonly check: string;
  /** "skipped": it does not apply, `why` says so. "inconclusive" fails the run, as "violated" does. */
  readonly result: "holds" | "violated" | "inconclusive" | "skipped";
  /** What was looked at: "41,201 deliveries of 39,874 messages". */
  readonly looked: string;
  readonly why?: string;
  /** At most twenty, the smallest first. */
  readonly findings: readonly Finding[];
}

export interface Finding {
  /** One sentence that names messages, times and numbers. */
  readonly what: string;
  readonly queue?: string;
  readonly key?: string;
  /** Microseconds, for the report's timelines. */
  readonly times?: readonly number[];
}

export type Check = (evidence: Evidence) => Verdict | readonly Verdict[];
