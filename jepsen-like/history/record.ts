// One line of a history: what a process of ours asked, what it was told, what came to it by itself. Kept as JSON lines, one file
// for each process, written before the call goes out, so that a killed process leaves what it had asked (reliability.md §2.1).
//   H1. `time` is CLOCK_MONOTONIC in microseconds: of one host, and so comparable between its processes.
//   H2. `op` is unique within its process; a completion has the `op` of its invocation. No completion: unknown, for ever.
//   H3. `ok`: it took effect. `fail`: it certainly did not. `unknown`: it may have, or may yet.

/** What a process can ask for, with its arguments. Bodies are unique in a run: "<process>-<counter>". */
export type Asked =
  | {
      readonly f: "enqueue";
      readonly queue: string;
      readonly key: string;
      readonly body: string;
      /** Only then may the same body be asked for more than once: under the same name it is stored once (O1). */
      readonly dedupId?: string;
    }
  | {
      readonly f: "enqueue-batch";
      readonly queue: string;
      readonly messages: readonly { readonly key: string; readonly body: string }[];
    }
  /** A long poll; `messages` of its answer are also written as deliveries. */
  | { readonly f: "receive"; readonly queue: string; readonly max: number }
  | ({ readonly f: "ack" | "nack" | "reject" | "release" } & Lease)
  /** Acks and enqueues in one entry (O4). */
  | {
      readonly f: "commit";
      readonly acks: readonly Lease[];
      readonly enqueues: readonly {
        readonly queue: string;
        readonly key: string;
        readonly body: string;
      }[];
    }
  /** A linearizable read of the queue's counters. */
  | { readonly f: "get-queue"; readonly queue: string }
  /** A read of what is there, by the final drain: every message that is still in the queue. */
  | { readonly f: "browse"; readonly queue: string }
  | { readonly f: "create-queue"; readonly queue: string };

export interface Lease {
  readonly queue: string;
  readonly key: string;
  readonly keySeq: number;
  readonly token: number;
  /** Of the message that is leased. */
  readonly body: string;
}

/** Where a message went. */
export interface Placed {
  readonly body: string;
  readonly seq: number;
  readonly keySeq: number;
  readonly logIndex: number;
  readonly deduplicated: boolean;
}

/** What a call was told. Fields that its kind has not are absent. */
export interface Told {
  /** The entry that decided it; for a read: as of which entry (R14). */
  readonly logIndex?: number;
  /** Of enqueue, enqueue-batch, and the enqueues of a commit. */
  readonly placed?: readonly Placed[];
  /** Of a settlement: it had been settled by the same holder before. */
  readonly already?: boolean;
  /** Of a receive: how many came; 0 is the empty answer, which is linearizable too. */
  readonly received?: number;
  /** Of get-queue. */
  readonly counters?: Readonly<Record<string, number>>;
  /** Of browse: body and state of each, in order of key and keySeq. */
  readonly there?: readonly {
    readonly key: string;
    readonly keySeq: number;
    readonly body: string;
    readonly state: string;
  }[];
}

export type Invoked = {
  readonly type: "invoke";
  readonly process: string;
  readonly op: number;
  readonly time: number;
} & Asked;

export interface Completed {
  readonly type: "ok" | "fail" | "unknown";
  readonly process: string;
  readonly op: number;
  readonly time: number;
  readonly told?: Told;
  /** Of a failure or an unknown outcome: the client's reason, and its sentence. */
  readonly reason?: string;
  readonly message?: string;
}

/** A message that reached a process, by a stream or by a receive. */
export interface Delivered extends Lease {
  readonly type: "delivered";
  readonly process: string;
  /** Of the receive that it answers, and before which it was not leased; absent: it came by a stream. */
  readonly op?: number;
  readonly time: number;
  readonly seq: number;
  readonly deliveries: number;
  readonly attempts: number;
  /** "": granted for the first time; else why it comes again, in the client's words. */
  readonly redelivery: string;
  /**
   * Until when the lease lasts, by the client's reckoning, on the clock of `time`: counted from the arrival, so the server may end
   * it earlier by the time that the delivery travelled; renewed, it lasts longer (all that came by a stream is renewed).
   */
  readonly leaseEnds: number;
}

/** Something that a process did or saw besides: it attached to another leader, its lease was lost, it ended. */
export interface Noted {
  readonly type: "note";
  readonly process: string;
  readonly time: number;
  readonly what: "started" | "attached" | "lease-lost" | "session-lost" | "closing" | "ended";
  readonly detail?: Readonly<Record<string, string | number>>;
}

export type Line = Invoked | Completed | Delivered | Noted;

/** Now, as `time` has it (H1). */
export const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n);
