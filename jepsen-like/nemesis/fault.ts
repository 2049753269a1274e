// A fault: how it is begun, how one knows that it had effect, how it ends.
//   N1. A fault that cannot be had on this host says why; that is a counted skip, never a pass.
//   N2. A fault counts only when its effect was observed from outside, not when its command returned.
//   N3. Ending it restores what it took; what it breaks for good (a disk) is repaired as an operator would.

import type { Cluster } from "../cluster/contract.ts";
import type { Network, Trouble } from "../net/contract.ts";
import type { Random } from "./random.ts";

export interface Scene {
  readonly cluster: Cluster;
  readonly network: Network;
  readonly random: Random;
  /** Election time of the nodes, in milliseconds: the measure of all waits. */
  readonly electionMs: number;
  /** Where a fault may keep files (old copies of a data directory, images of disks). */
  readonly directory: string;
  /** One line for who watches. */
  say(line: string): void;
}

/** Catalogue entry. */
export interface Fault {
  /** As `--nemesis` takes it: "kill", "isolate-leader", "power-loss-all" … */
  readonly name: string;
  /** One sentence for `--help` and the report. */
  readonly what: string;
  readonly kind: "process" | "network" | "disk" | "clock" | "membership" | "limits";
  /** How often it is drawn, relative to the others; isolating one node most often (OSDI'18). Default 1. */
  readonly weight?: number;
  /** May go on beside another one. Default true. */
  readonly combines?: boolean;
  /** What it does between nodes; a network that cannot do that cannot have it (N1). Undefined: nothing, or a black hole will do. */
  readonly between?: Trouble;
  /** Undefined: it can be had here; else why not (N1). Asked once per run. */
  probe?(): Promise<string | undefined>;
  /** Before the cluster starts: it needs other directories, namespaces, wrapped commands. */
  prepare?(scene: Omit<Scene, "cluster" | "network">): Promise<void>;
  begin(scene: Scene): Promise<Ongoing>;
}

export interface Ongoing {
  /** What it does, to whom: "isolates node 2, the leader, for 1.8 s". */
  readonly what: string;
  readonly targets: readonly number[];
  /** How long it is meant to last; the schedule ends it then. */
  readonly ms: number;
  /** Ends it, and says what showed that it had effect; undefined: nothing did, and it does not count (N2). */
  end(): Promise<string | undefined>;
}

/** A line of nemesis.jsonl, for the report and the verdict. */
export interface Injected {
  readonly fault: string;
  readonly what: string;
  readonly targets: readonly number[];
  /** Microseconds of CLOCK_MONOTONIC. */
  readonly from: number;
  readonly to: number;
  /** Undefined: it had no visible effect. */
  readonly observed?: string;
}
