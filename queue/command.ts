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
/** "refuse": expiry is not allowed in this queue, since its owner wrote no rule for it (P8). */
export type OnExpiry = "refuse" | "dead-letter" | "discard";
/** What a `not_before` does in an ordered queue. "block-key": the message and everything behind it in its key waits. */
export type OrderedDelay = "reject" | "block-key";

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
  /** From here on: rules of version 2 (version.ts). 0: messages do not expire by age. Needs `onExpiry`. */
  readonly messageTtlMs: number;
  readonly onExpiry: OnExpiry;
  /** 0: `dedup_id` is not allowed. */
  readonly dedupWindowMs: number;
  readonly orderedDelay: OrderedDelay;
  /** Quotas of one key; 0: no limit. */
  readonly maxMessagesPerKey: number;
  readonly maxBytesPerKey: number;
  /** How long what happened to a message can be looked up after it is settled; 0: nothing is written down. */
  readonly historyMs: number;
}

/** What makes a queue a subscription: it gets what is published to a topic and matches. */
export interface Filter {
  /** Empty: every key. */
  readonly keyPrefix: Bytes;
  /** All of them must be equal. At most 16. Names and values are byte strings of UTF-8. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Where a subscription begins. `sequence`: of the topic; `time`: of publishing, cluster time. */
export type StartFrom =
  | { readonly at: "new" }
  | { readonly at: "earliest" }
  | { readonly at: "sequence"; readonly sequence: number }
  | { readonly at: "time"; readonly time: number };

/** A topic keeps what was published for so long, for subscriptions to come and for replay; what goes beyond one of the bounds may go. */
export interface TopicOptions {
  /** 0 with `retentionBytes` 0: nothing is kept. */
  readonly retentionMs: number;
  readonly retentionBytes: number;
  /** As of a queue. */
  readonly maxMessageBytes: number;
  readonly dedupWindowMs: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface NewMessage {
  /** Empty for none; required by ordering KEY. UTF-8 bytes, at most 256. */
  readonly key: Bytes;
  /** Body, headers and the rest, as the bytes the producer sent (`raftq.v1.Content`): opaque here, stored and delivered as they are. */
  readonly content: Uint8Array;
  /** undefined: nothing but key and content, as nearly always. */
  readonly extras?: MessageExtras | undefined;
}

/** What a producer may ask for besides. Absent fields are 0 or empty. */
export interface MessageExtras {
  /** At most 256 bytes. Seen before within the queue's window: not stored again (O1). */
  readonly dedupId: Bytes;
  /** The message is stored only if it gets this key_seq. */
  readonly expectKeySeq: number;
  /** Cluster time before which it is not delivered. */
  readonly notBefore: number;
  /** Cluster time from which on it is not delivered. */
  readonly expiresAt: number;
  /** Milliseconds from the apply until it expires: for clients that do not know cluster time. The earlier of both counts. */
  readonly ttlMs: number;
  /** Milliseconds from the apply until it may be delivered. The later of both counts. */
  readonly delayMs: number;
  /** 0 to 9, highest first. Ordering NONE only. */
  readonly priority: number;
  /** Of the content, read by the door when the target may be a topic: filters compare them. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Names a message wherever it is. */
export interface MessageRef {
  readonly queue: string;
  readonly lane: Bytes;
  readonly keySeq: number;
}

/** What must be true for a commit to take effect. */
export type Condition =
  /** The last key_seq given in the key is this one; 0: none was. */
  | { readonly kind: "tail"; readonly queue: string; readonly lane: Bytes; readonly keySeq: number }
  /** So many messages are in the key. */
  | {
      readonly kind: "length";
      readonly queue: string;
      readonly lane: Bytes;
      readonly messages: number;
    }
  /** This lease is live: for the use of a fencing token that settles nothing. */
  | { readonly kind: "lease"; readonly lease: LeaseRef };

/** What becomes of a parked message (O5). */
export type Resolution =
  /** Its attempts begin anew. */
  | { readonly kind: "retry" }
  /** To the dead-letter queue, if there is one; otherwise it is gone, and counted. */
  | { readonly kind: "skip"; readonly error: string }
  /** Another content at the same place; its attempts begin anew. */
  | { readonly kind: "replace"; readonly content: Uint8Array };

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
  /** All or nothing; `perItem`: each for itself, in order (rules of version 2). */
  | {
      readonly kind: "enqueue-batch";
      readonly queue: string;
      readonly messages: readonly NewMessage[];
      readonly perItem?: boolean;
    }
  /** `credit`: leases this consumer may hold at once; settling gives its credit back. `leaseMs` 0: the queue's. Again with the same consumer: changes credit and lease. */
  | {
      readonly kind: "subscribe";
      readonly consumer: number;
      readonly queue: string;
      readonly credit: number;
      readonly leaseMs: number;
      /** Content bytes of leases that it may hold at once; 0 or absent: no bound. One message is always granted. */
      readonly creditBytes?: number;
      /** Only of these keys, at most 100; empty or absent: all. Ordering KEY only. */
      readonly keys?: readonly Bytes[];
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
      /** Content bytes in one answer; 0 or absent: 4 MiB. One message is always given. */
      readonly maxBytes?: number;
      /** As of subscribe. */
      readonly keys?: readonly Bytes[];
    }
  | { readonly kind: "settle"; readonly lease: LeaseRef; readonly settlement: Settlement }
  // From here to the tick: rules of version 2.
  /** All or nothing (O4): conditions, then settlements, then messages. An enqueue may name a topic. */
  | {
      readonly kind: "commit";
      readonly settles: readonly { readonly lease: LeaseRef; readonly settlement: Settlement }[];
      readonly enqueues: readonly { readonly queue: string; readonly message: NewMessage }[];
      readonly conditions: readonly Condition[];
    }
  /** `keySeq` 0: the first parked message of the key. */
  | {
      readonly kind: "resolve-parked";
      readonly message: MessageRef;
      readonly resolution: Resolution;
    }
  /** Puts dead letters back where they came from, at their old place (O5): at most 1,000. */
  | {
      readonly kind: "redrive";
      readonly queue: string;
      readonly letters: readonly { readonly lane: Bytes; readonly keySeq: number }[];
      readonly force: boolean;
      readonly dryRun: boolean;
    }
  /** Takes out a message that nobody holds (O6). */
  | { readonly kind: "cancel"; readonly message: MessageRef }
  /** Takes out everything that nobody holds, of one lane or (undefined) of all. */
  | {
      readonly kind: "purge";
      readonly queue: string;
      readonly lane: Bytes | undefined;
      readonly dryRun: boolean;
    }
  | {
      readonly kind: "pause-key";
      readonly queue: string;
      readonly lane: Bytes;
      readonly paused: boolean;
    }
  /** A queue that goes with the session that asks for it: for replies (O7). */
  | {
      readonly kind: "create-temporary-queue";
      readonly name: string;
      readonly options: QueueOptions;
    }
  /** Topics and queues share their names: enqueueing to a topic publishes. */
  | { readonly kind: "create-topic"; readonly name: string; readonly options: TopicOptions }
  | {
      readonly kind: "update-topic";
      readonly name: string;
      readonly revision: number;
      readonly changes: Partial<TopicOptions>;
    }
  /** Refused while it has subscriptions, unless `force`: then they stay as queues. */
  | {
      readonly kind: "delete-topic";
      readonly name: string;
      readonly revision: number;
      readonly force: boolean;
    }
  /** Creates the queue `name`. Idempotent, as create-queue is. */
  | {
      readonly kind: "create-subscription";
      readonly name: string;
      readonly topic: string;
      readonly options: QueueOptions;
      readonly filter: Filter;
      readonly start: StartFrom;
    }
  /** Goes back (or forth) in the topic: what was published from there on is appended again. */
  | { readonly kind: "replay"; readonly subscription: string; readonly start: StartFrom }
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
  | "DISK_WATERMARK"
  | "MESSAGE_LEASED"
  | "ORDER_VIOLATION"
  | "CONDITION_FAILED"
  | "KEY_SEQ_MISMATCH"
  | "IDEMPOTENCY_CONFLICT"
  | "DELAY_NOT_ALLOWED"
  | "TOPIC_NOT_FOUND"
  | "TOPIC_IN_USE";

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
  /** KEY_SEQ_MISMATCH, CONDITION_FAILED: the number as it is; else absent. */
  readonly currentKeySeq?: number;
}

export interface Enqueued {
  readonly queueId: number;
  readonly lane: Bytes;
  /** Dense from 1 within the queue. */
  readonly seq: number;
  /** Dense from 1 within the key. */
  readonly keySeq: number;
  /** Its dedup_id had been seen: these are the first message's numbers. */
  readonly deduplicated?: boolean;
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
  /** The message itself, if it was at hand. */
  readonly message: StoredMessage | undefined;
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
  /** `not_before` has not come. */
  readonly delayed: number;
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
  readonly expired: number;
  /** Taken out by cancel and purge; by a resolution SKIP; put back by redrive, counted where they left and where they came back. */
  readonly cancelled: number;
  readonly skipped: number;
  readonly redriven: number;
  readonly deduplicated: number;
  readonly pausedKeys: number;
  /** Of a temporary queue: its session; 0: none. */
  readonly owner: number;
  readonly subscription: SubscriptionInfo | undefined;
}

export interface SubscriptionInfo {
  readonly topic: string;
  readonly filter: Filter;
  /** Next sequence of the topic to be copied; 0: it is up to date. */
  readonly catchingUpFrom: number;
}

export interface TopicInfo {
  readonly id: number;
  readonly name: string;
  readonly options: TopicOptions;
  readonly revision: number;
  readonly createdAt: number;
  /** Last sequence published; the first one retained (last + 1: none is). */
  readonly last: number;
  readonly first: number;
  readonly bytes: number;
  /** By name. */
  readonly subscriptions: readonly string[];
}

export type Reply =
  | { readonly kind: "session-opened"; readonly session: number }
  | { readonly kind: "done" }
  | { readonly kind: "queue"; readonly queue: QueueInfo; readonly created: boolean }
  | { readonly kind: "enqueued"; readonly message: Enqueued }
  | { readonly kind: "batch-enqueued"; readonly messages: readonly Enqueued[] }
  /** Of a batch with `perItem`: one for each message, in their order. */
  | { readonly kind: "items-enqueued"; readonly items: readonly (Enqueued | Refusal)[] }
  | { readonly kind: "received"; readonly grants: readonly Grant[] }
  /** `already`: this very lease had settled the message before (ALREADY_SETTLED). */
  | { readonly kind: "settled"; readonly already: boolean }
  /** One for each enqueue, in their order. */
  | { readonly kind: "committed"; readonly messages: readonly Enqueued[] }
  | { readonly kind: "resolved"; readonly keySeq: number }
  /** `keySeq` of those that were (or, dry, would be) moved; `refused`: ORDER_VIOLATION; `gone`: not there (any more), or nowhere to go. */
  | {
      readonly kind: "redriven";
      readonly moved: number;
      readonly refused: number;
      readonly gone: number;
    }
  | { readonly kind: "purged"; readonly messages: number; readonly keys: number }
  | { readonly kind: "topic"; readonly topic: TopicInfo; readonly created: boolean }
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
  /** Cluster time; 0: none. */
  readonly notBefore: number;
  readonly expiresAt: number;
  readonly priority: number;
}

/** Why a message is in a dead-letter queue. */
export interface DeadLetter {
  readonly cause: "exhausted" | "rejected" | "expired" | "skipped";
  readonly attempts: number;
  readonly error: string;
  readonly queue: string;
  readonly messageId: Bytes;
}

/** Something of a queue that its consumers are told: at the leader only, once. */
export interface QueueEvent {
  readonly kind: "parked";
  readonly queue: string;
  readonly lane: Bytes;
  readonly keySeq: number;
  readonly attempts: number;
  readonly error: string;
}

/** One thing that happened to a message, of a queue that keeps history. */
export interface HistoryEvent {
  readonly kind:
    | "enqueued"
    | "delivered"
    | "acked"
    | "nacked"
    | "released"
    | "rejected"
    | "lease-expired"
    | "session-ended"
    | "parked"
    | "retried"
    | "replaced"
    | "skipped"
    | "dead-lettered"
    | "discarded"
    | "expired"
    | "cancelled"
    | "redriven";
  readonly logIndex: number;
  /** Cluster time. */
  readonly time: number;
  /** Of a delivery, and of what ended it; else 0 and empty. */
  readonly token: number;
  readonly session: number;
  readonly sessionName: string;
  readonly consumer: number;
  readonly error: string;
}
