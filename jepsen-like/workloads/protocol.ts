// What the controller and a worker process say to each other.

import type { Counts } from "./calls.ts";
import type { Write, Written } from "./database.ts";

/** The worker's only argument, as JSON. */
export interface WorkerOptions {
  /** "p3.2": the second life of slot "p3". */
  readonly process: string;
  readonly slot: string;
  readonly endpoints: readonly string[];
  readonly seed: string;
  /** Its history; must not exist. */
  readonly file: string;
  /** Of the life before this one. */
  readonly historyBefore?: string;
  readonly sessionTtlMs: number;
  readonly timeoutMs: number;
  /** Of the roles that are hasty. */
  readonly hastyTimeoutMs: number;
  readonly roles: readonly {
    readonly workload: string;
    readonly role: string;
    /** Steps per second. */
    readonly rate: number;
  }[];
}

export type ToWorker =
  /** Producers end. */
  | { readonly kind: "stop" }
  /** All end, then the process. */
  | { readonly kind: "close" }
  | { readonly kind: "written"; readonly id: number; readonly written: Written };

export type FromWorker =
  | { readonly kind: "counts"; readonly counts: Counts }
  /** All its producers have ended. */
  | { readonly kind: "stopped" }
  | { readonly kind: "complaint"; readonly what: string }
  | { readonly kind: "write"; readonly id: number; readonly write: Write };
