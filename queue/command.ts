// What can be asked of the queues, and what they answer. Values here are already validated in shape (lengths, ranges) at
// the door, in node/; what depends on state is decided by apply and comes back as a refusal, which is a value.

import type { Bytes } from "./store.ts";

/** Where in the log a command stands. Apply reads no other clock (P9, G2). */
export interface LogPosition {
  readonly index: number;
  /** The leader's stamp of this entry: milliseconds since 1970. Cluster time = max(previous + 1, stamp). */
  readonly time: number;
}

/** Who asks, for exactly-once (P6). `session` 0: none; `sequence` 0: not remembered, may run again when retried. */
export interface Origin {
  readonly session: number;
  /** Dense from 1 within a session. */
  readonly sequence: number;
  /** First sequence whose answer the client still waits for: everything below may be forgotten. */
  readonly floor: number;
}

export type Ordering = "key" | "total" | "none";
export type OnExhausted = "park" | "dead-letter" | "discard";

/** Defaults in options.ts; meaning in the contract's resources and in proto/queue.proto. */
export interface QueueOptions {
  readonly ordering: Ordering;
  readonly maxInFlightPerKey: number;
  readonly leaseMs: number;
  readonly maxAttempts: number;
  readonly retry: {
    readonly initialMs: number;
    readonly multiplier: number;
    readonly maxMs: number;
  };
  readonly onExhausted: OnExhausted;
  /** Empty: none. */
  readonly deadLetterQueue: string;
  /** 0: no limit. */
  readonly maxMessages: number;
  /** 0: no limit. */
  readonly maxBytes: number;
  readonly maxMessageBytes: number;
  readonly paused: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

export interface NewMessage {
  /** Empty for none; required by ordering KEY. UTF-8 bytes, at most 256. */
  readonly key: Bytes;
  /** Body, headers and the rest, as the bytes the producer sent (`raftq.v1.Content`): opaque here, stored and delivered as they are. */
  readonly content: Uint8Array;
}

/** Names a leased message: where it is, and the right to settle it (P5). */
export interface LeaseRef {
  readonly queue: string;
  /** Empty in ordering TOTAL and NONE, where a queue is one lane. */
  readonly lane: Bytes;
  readonly keySeq: number;
  readonly token: number;
}

export type Settlement =
  | { readonly kind: "ack" }
  /** Attempts + 1; stays at the head of its key. `delayMs` undefined: the queue's back-off. */
  | { readonly kind: "nack"; readonly delayMs: number | undefined; readonly error: string }
  /** Ready at once; counts a delivery only. */
  | { readonly kind: "release" }
  /** Permanent failure: `onExhausted` at once. */
  | { readonly kind: "reject"; readonly error: string }
  | { readonly kind: "extend"; readonly leaseMs: number };

export type Command =
  | { readonly kind: "open-session"; readonly name: string; readonly ttlMs: number }
  | { readonly kind: "close-session" }
  /** Many sessions showed life (the leader gathers them). */
  | { readonly kind: "keep-alive"; readonly sessions: readonly number[] }
  /** The session has a stream: its consumers take part. */
  | { readonly kind: "attach" }
  /** The session's stream is gone: its leases stay, its consumers get nothing new until it attaches again. */
  | { readonly kind: "detach" }
  | { readonly kind: "create-queue"; readonly name: string; readonly options: QueueOptions }
  /** `revision` 0: whatever the present one is. */
  | {
      readonly kind: "update-queue";
      readonly name: string;
      readonly revision: number;
      readonly changes: Partial<QueueOptions>;
    }
  | {
      readonly kind: "delete-queue";
      readonly name: string;
      readonly revision: number;
      readonly ifEmpty: boolean;
    }
  | { readonly kind: "enqueue"; readonly queue: string; readonly message: NewMessage }
  /** All or nothing. */
  | {
      readonly kind: "enqueue-batch";
      readonly queue: string;
      readonly messages: readonly NewMessage[];
    }
  /** `credit`: leases this consumer may hold at once; settling gives its credit back. `leaseMs` 0: the queue's. Again with the same consumer: changes credit and lease. */
  | {
      readonly kind: "subscribe";
      readonly consumer: number;
      readonly queue: string;
      readonly credit: number;
      readonly leaseMs: number;
    }
  /** No new grants; what is leased stays leased. */
  | { readonly kind: "unsubscribe"; readonly consumer: number }
  /** Answers when there is a message, or after `maxWaitMs` without one. */
  | {
      readonly kind: "receive";
      readonly queue: string;
      readonly maxMessages: number;
      readonly maxWaitMs: number;
      readonly leaseMs: number;
    }
  | { readonly kind: "settle"; readonly lease: LeaseRef; readonly settlement: Settlement }
  /** Lets cluster time pass. */
  | { readonly kind: "tick" }
  /** Every member knows these rules: from here on they apply (version.ts). Not above the present version: nothing happens. */
  | { readonly kind: "raise-version"; readonly version: number }
  /** Refused at the door; goes through the log so that its sequence number is used up and its answer remembered. */
  | { readonly kind: "refuse"; readonly refusal: Refusal };

/** The reasons that the state machine gives; the full closed list is in proto/queue.proto. */
export type Reason =
  | "STALE_LEASE"
  | "QUEUE_NOT_FOUND"
  | "MESSAGE_NOT_FOUND"
  | "SESSION_EXPIRED"
  | "QUEUE_DIFFERS"
  | "QUEUE_NOT_EMPTY"
  | "QUEUE_FULL"
  | "REVISION_CONFLICT"
  | "SEQUENCE_GAP"
  | "KEY_REQUIRED"
  | "TOO_LARGE"
  | "TOO_MANY_IN_FLIGHT"
  | "MALFORMED"
  | "VERSION_TOO_OLD"
  | "DISK_WATERMARK";

export interface Refusal {
  readonly reason: Reason;
  /** For people: what was wrong and what was expected. */
  readonly message: string;
  /** The offending field in the API's spelling, or empty. */
  readonly field: string;
  /** STALE_LEASE: the newest token of that message, 0 when it is settled or unknown; else 0. */
  readonly currentToken: number;
  /** STALE_LEASE: READY | LEASED | RETRYING | PARKED | SETTLED; else empty. */
  readonly state: string;
  /** QUEUE_FULL, TOO_MANY_IN_FLIGHT, DISK_WATERMARK: milliseconds to wait before another try; else 0. */
  readonly retryAfterMs: number;
}

export interface Enqueued {
  readonly queueId: number;
  readonly lane: Bytes;
  /** Dense from 1 within the queue. */
  readonly seq: number;
  /** Dense from 1 within the key. */
  readonly keySeq: number;
}

/** A lease given to a consumer: the consequence of an applied entry, the same on every node (O2). */
export interface Grant {
  readonly session: number;
  /** The consumer of `subscribe`; 0 for `receive`. */
  readonly consumer: number;
  readonly queueId: number;
  readonly queue: string;
  readonly lane: Bytes;
  readonly keySeq: number;
  /** Fencing token: grows with every grant of the whole state machine (P5). */
  readonly token: number;
  /** Failures so far: nacks and expired leases. */
  readonly attempts: number;
  /** Grants so far, this one included. */
  readonly deliveries: number;
  readonly leaseMs: number;
  /** Cause of the grant before this one's end, for people and counters: "" on the first delivery. */
  readonly redelivery: "" | "nack" | "release" | "lease-expired" | "session-ended";
  /** Row in which the message lies: see keys.ts. */
  readonly row: Bytes;
}

export interface QueueInfo {
  readonly id: number;
  readonly name: string;
  readonly options: QueueOptions;
  readonly revision: number;
  /** Cluster time. */
  readonly createdAt: number;
  /** Messages in each state; their sum is the depth. */
  readonly ready: number;
  readonly leased: number;
  readonly retrying: number;
  readonly parked: number;
  /** Content bytes of all messages; exact per key up to the rounding of a mean (no memory per waiting message). */
  readonly bytes: number;
  /** Keys that have messages. */
  readonly activeKeys: number;
  readonly parkedKeys: number;
  readonly consumers: number;
  /** Totals since creation. */
  readonly enqueued: number;
  readonly acked: number;
  readonly deadLettered: number;
  readonly discarded: number;
  readonly redelivered: {
    readonly nack: number;
    readonly release: number;
    readonly leaseExpired: number;
    readonly sessionEnded: number;
  };
}

export type Reply =
  | { readonly kind: "session-opened"; readonly session: number }
  | { readonly kind: "done" }
  | { readonly kind: "queue"; readonly queue: QueueInfo; readonly created: boolean }
  | { readonly kind: "enqueued"; readonly message: Enqueued }
  | { readonly kind: "batch-enqueued"; readonly messages: readonly Enqueued[] }
  | { readonly kind: "received"; readonly grants: readonly Grant[] }
  /** `already`: this very lease had settled the message before (ALREADY_SETTLED). */
  | { readonly kind: "settled"; readonly already: boolean }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** An answer, and the log index that decided it (R14). */
export interface Answer {
  readonly index: number;
  readonly reply: Reply;
}

/** A message as it lies in its row. */
export interface StoredMessage {
  readonly seq: number;
  readonly logIndex: number;
  /** Cluster time. */
  readonly enqueuedAt: number;
  readonly key: Bytes;
  readonly content: Uint8Array;
  readonly deadLetter: DeadLetter | undefined;
}

/** Why a message is in a dead-letter queue. */
export interface DeadLetter {
  readonly cause: "exhausted" | "rejected";
  readonly attempts: number;
  readonly error: string;
  readonly queue: string;
  readonly messageId: Bytes;
}
