// What a workload is: its queues, and what the worker processes do with them.

import type { QueueOptions } from "../../client/index.ts";
import type { DeclaredQueue } from "../checkers/contract.ts";
import type { Random } from "../nemesis/random.ts";
import type { Calls } from "./calls.ts";
import type { Write, Written } from "./database.ts";

export interface Workload {
  /** As `--workloads` takes it. */
  readonly name: string;
  /** One sentence for `--help` and the report. */
  readonly what: string;
  /** In the order in which they are created: a dead-letter queue before the queue that names it. */
  readonly queues: readonly WorkloadQueue[];
  /** How many of a run's calls it gets, relative to the others. */
  readonly share: number;
  /** Calls that one step makes in the end, of all roles together: an enqueue and its ack are two. */
  readonly callsPerStep: number;
  readonly roles: readonly RoleOf[];
}

export interface WorkloadQueue {
  readonly declared: DeclaredQueue;
  readonly options: QueueOptions;
  /** "dead-letters": nothing takes from it; what is in it at the end is browsed. */
  readonly holds: "work" | "dead-letters";
}

export interface RoleOf {
  readonly name: string;
  /** In all worker processes, the steps shared out among them; or in one at a time (a killed one has a successor). */
  readonly runsIn: "all" | "one";
  /** Ends when producing ends; else it goes on, through the drain, until the process is told to close. */
  readonly produces: boolean;
  /** By a client of its own that soon gives up waiting. Default false. */
  readonly hasty?: boolean;
  readonly run: (stage: Stage) => Promise<void>;
}

/** What a role has to work with. It ends soon after its signal fires, and by nothing that a call may be answered with. */
export interface Stage {
  readonly calls: Calls;
  /** Of this role in this process: "p3.2" makes other draws than "p3.1". */
  readonly random: Random;
  /** Steps per second, this process's share. */
  readonly rate: number;
  /** Fires when a producer is to stop, or a consumer. */
  readonly ends: AbortSignal;
  /** "p3" of "p3.2": the same for all lives of a process. */
  readonly slot: string;
  /** Of the life before this one; undefined: this is the first. */
  readonly historyBefore: string | undefined;
  /** Outside the cluster, shared by all processes, and kept by the controller. */
  readonly database: (write: Write) => Promise<Written>;
  /** What should never be seen, in one sentence: it fails the run. */
  readonly complain: (what: string) => void;
}

interface Kept {
  readonly workload: string;
  readonly ordering?: DeclaredQueue["ordering"];
  readonly leaseMs?: number;
  readonly maxAttempts?: number;
  readonly onExhausted?: DeclaredQueue["onExhausted"];
  readonly deadLetterQueue?: string;
  readonly holds?: WorkloadQueue["holds"];
  readonly more?: QueueOptions;
}

/** What is told to the checks and to the cluster, from one source. Leases that end count as failures: the default has room for many. */
export function queueNamed(name: string, kept: Kept): WorkloadQueue {
  const { ordering = "KEY", leaseMs = 5_000, maxAttempts = 1_000, onExhausted = "PARK" } = kept;
  const { deadLetterQueue = "", workload, holds = "work", more = {} } = kept;
  const rules = { ordering, leaseMs, maxAttempts, onExhausted };
  return {
    declared: { name, ...rules, deadLetterQueue, workload },
    options: { ...rules, ...(deadLetterQueue === "" ? {} : { deadLetterQueue }), ...more },
    holds,
  };
}
