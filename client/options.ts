// What a user can say, with units, defaults and limits; and what the answers look like.

import type { Codec } from "./codec.ts";
import { invalid, type QueueError } from "./errors.ts";

export interface TlsOptions {
  /** PEM. Default: the system's authorities. */
  readonly ca?: Uint8Array | string | undefined;
  /** PEM, for mutual TLS: both or neither. */
  readonly cert?: Uint8Array | string | undefined;
  readonly key?: Uint8Array | string | undefined;
}

export interface ConnectOptions {
  /** host:port of client APIs; one that lives is enough, the leader is found from there. */
  readonly endpoints: readonly string[];
  /** For people: shown in status. At most 128 bytes; default empty. */
  readonly name?: string | undefined;
  /** A client that is silent for so long loses its session and its leases: 1,000 to 3,600,000; default 30,000. */
  readonly sessionTtlMs?: number | undefined;
  /** Calls sent and not answered, 1 to 100,000; default 10,000. More calls wait, in order, until there is room. */
  readonly maxOutstanding?: number | undefined;
  /** Calls waiting for room, 0 to 10,000,000; default 100,000. More are refused with TOO_MANY_IN_FLIGHT. */
  readonly maxWaiting?: number | undefined;
  /** A call without an answer for so long fails with TIMEOUT: 100 to 3,600,000; default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Default: no TLS. */
  readonly tls?: TlsOptions | undefined;
  /** Gives up connecting. Default: after `timeoutMs`. */
  readonly signal?: AbortSignal | undefined;
}

/** ConnectOptions, checked and complete. */
export interface Settings {
  readonly endpoints: readonly string[];
  readonly name: string;
  readonly sessionTtlMs: number;
  readonly maxOutstanding: number;
  readonly maxWaiting: number;
  readonly timeoutMs: number;
  readonly tls: TlsOptions | undefined;
}

export type Ordering = "KEY" | "TOTAL" | "NONE";
export type OnExhausted = "PARK" | "DEAD_LETTER" | "DISCARD";
export type OnExpiry = "REFUSE" | "DEAD_LETTER" | "DISCARD";
export type OrderedDelay = "REJECT" | "BLOCK_KEY";

/** A queue's options: meaning, units and limits as in queue.proto. What is left out takes its default, or stays as it is. */
export interface QueueOptions {
  /** Default KEY; cannot change. */
  readonly ordering?: Ordering | undefined;
  /** 1 to 1,000; default 1. */
  readonly maxInFlightPerKey?: number | undefined;
  /** 100 to 43,200,000; default 30,000. */
  readonly leaseMs?: number | undefined;
  /** 1 to 1,000; default 5. */
  readonly maxAttempts?: number | undefined;
  readonly retry?:
    | {
        /** Default 1,000. */
        readonly initialMs?: number | undefined;
        /** Default 2. */
        readonly multiplier?: number | undefined;
        /** Default 60,000. */
        readonly maxMs?: number | undefined;
      }
    | undefined;
  /** Default PARK (ordered). */
  readonly onExhausted?: OnExhausted | undefined;
  readonly deadLetterQueue?: string | undefined;
  /** 0: no limit (default). */
  readonly maxMessages?: number | undefined;
  /** 0: no limit (default). */
  readonly maxBytes?: number | undefined;
  /** 1 to 4,194,304; default 1,048,576. */
  readonly maxMessageBytes?: number | undefined;
  readonly paused?: boolean | undefined;
  /** Replaces all labels. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Messages expire so long after they were enqueued; needs `onExpiry`. 0: never (default), to 366 days. */
  readonly messageTtlMs?: number | undefined;
  /** What happens to a message that expires; REFUSE (default): nothing may expire. */
  readonly onExpiry?: OnExpiry | undefined;
  /** How long a `dedupId` is remembered. 0: not allowed (default), to 7 days. */
  readonly dedupWindowMs?: number | undefined;
  /** What a delay means where there is an order: refused (default), or the key waits. */
  readonly orderedDelay?: OrderedDelay | undefined;
  /** Quotas of one key. 0: no limit (default). */
  readonly maxMessagesPerKey?: number | undefined;
  readonly maxBytesPerKey?: number | undefined;
  /** What happens to a message is written down and kept for so long after it was settled. 0: not at all (default), to 30 days. */
  readonly historyMs?: number | undefined;
}

/** All of it must match. */
export interface Filter {
  /** Empty: every key. */
  readonly keyPrefix?: string | undefined;
  /** Headers that must be equal: at most 16. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** As it is answered: whole. */
export interface FilterInfo {
  readonly keyPrefix: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface QueueInfo {
  readonly id: number;
  readonly name: string;
  readonly options: {
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
    readonly maxMessages: number;
    readonly maxBytes: number;
    readonly maxMessageBytes: number;
    readonly paused: boolean;
    readonly labels: Readonly<Record<string, string>>;
    readonly messageTtlMs: number;
    readonly onExpiry: OnExpiry;
    readonly dedupWindowMs: number;
    readonly orderedDelay: OrderedDelay;
    readonly maxMessagesPerKey: number;
    readonly maxBytesPerKey: number;
    readonly historyMs: number;
  };
  readonly revision: number;
  /** Milliseconds since 1970, cluster time. */
  readonly createdAtMs: number;
  readonly ready: number;
  readonly leased: number;
  readonly retrying: number;
  readonly parked: number;
  /** Their time has not come yet. */
  readonly delayed: number;
  readonly bytes: number;
  readonly activeKeys: number;
  readonly parkedKeys: number;
  readonly pausedKeys: number;
  readonly consumers: number;
  readonly enqueued: number;
  readonly acked: number;
  readonly deadLettered: number;
  readonly discarded: number;
  readonly expired: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly redriven: number;
  readonly deduplicated: number;
  readonly redeliveredNack: number;
  readonly redeliveredRelease: number;
  readonly redeliveredLeaseExpired: number;
  readonly redeliveredSessionEnded: number;
  /** It ends with the session that created it. */
  readonly temporary: boolean;
  /** Of a subscription. `catchingUpFrom`: the topic's next sequence that it gets from what is retained; 0: up to date. */
  readonly subscription:
    | {
        readonly topic: string;
        readonly filter: FilterInfo;
        readonly catchingUpFrom: number;
      }
    | undefined;
}

export interface MemberInfo {
  readonly nodeId: number;
  readonly endpoint: string;
  readonly role: "ROLE_UNSPECIFIED" | "FOLLOWER" | "CANDIDATE" | "LEADER" | "LEARNER";
  readonly voter: boolean;
  /** -1: unknown, here and below. */
  readonly matchIndex: number;
  readonly lag: number;
  readonly lastHeardMs: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastIndex: number;
  readonly firstIndex: number;
  readonly stateDigest: string;
  /** What it said of itself at most five seconds ago; -1: nothing. Its rules, and the newest that its release knows. */
  readonly rulesVersion: number;
  readonly rulesVersionMax: number;
  readonly diskFreeBytes: number;
  /** Its disk is below the watermark (DISK_WATERMARK). */
  readonly diskLow: boolean;
  /** host:port for the other members; empty: not known. */
  readonly peerAddress: string;
  /** The identity of its disk, once the cluster has written it down; empty before. */
  readonly incarnation: string;
  /** Only the leader knows it of others: it has so much of the log that it can be promoted. */
  readonly caughtUp: boolean;
  /** Milliseconds that the last round of catching up took. */
  readonly roundMs: number;
}

export interface ClusterInfo {
  readonly clusterId: string;
  /** The node that answered. */
  readonly nodeId: number;
  readonly leader: LeaderInfo | undefined;
  readonly members: readonly MemberInfo[];
  readonly version: string;
  /** The log index of the membership in force, and whether the answering node knows it to be committed. */
  readonly membershipIndex: number;
  readonly membershipCommitted: boolean;
  /** Of the leader: the node that leadership is being handed over to; 0: none. */
  readonly transferTo: number;
}

/** A node that is to join: started with `raftq server --join`, or about to be. */
export interface NewMember {
  /** 1 to 2,147,483,648, never used before in this cluster. */
  readonly nodeId: number;
  /** host:port of its --peer-listen, as the other members reach it. */
  readonly peerAddress: string;
  /** host:port of its --listen, as clients reach it. */
  readonly clientAddress: string;
}

export interface MembershipChanged {
  /** False: it was so already. */
  readonly changed: boolean;
  /** The log index of the membership that has it. */
  readonly membershipIndex: number;
}

export interface LeaderInfo {
  readonly nodeId: number;
  /** host:port of its client API. */
  readonly endpoint: string;
  readonly term: number;
}

/** What a message says besides its value. */
export interface ContentOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default: the codec's. */
  readonly contentType?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly replyTo?: string | undefined;
  /** W3C trace context. */
  readonly traceparent?: string | undefined;
}

/** What may be asked for where a message is published. */
export interface PublishOptions extends ContentOptions {
  /** The ordering key; needed by ordering KEY. At most 256 bytes. */
  readonly key?: string | undefined;
  /**
   * Names the message for the `dedupWindowMs` of its queue: the same again is a success with `deduplicated`, with another body or
   * key it is IDEMPOTENCY_CONFLICT. At most 256 bytes.
   */
  readonly dedupId?: string | undefined;
}

export interface EnqueueOptions extends PublishOptions {
  /** Only if the message gets this key_seq; else KEY_SEQ_MISMATCH. */
  readonly expectKeySeq?: number | undefined;
  /** Not before this time, nor before `delayMs` are over: at most 366 days ahead. With an order: see `orderedDelay`. */
  readonly notBefore?: Time | undefined;
  readonly delayMs?: number | undefined;
  /** Not from this time on, nor after `ttlMs`: at most 366 days ahead. Needs the queue's `onExpiry`. */
  readonly expiresAt?: Time | undefined;
  readonly ttlMs?: number | undefined;
  /** 0 (default) to 9, the highest goes first: only with ordering NONE. */
  readonly priority?: number | undefined;
}

export interface SignalOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ListOptions extends SignalOptions {
  /** Only names that begin with this; default: all. */
  readonly prefix?: string | undefined;
  /** What the answering node has applied, instead of everything that was acknowledged before the call; default false. */
  readonly stale?: boolean | undefined;
}

export type BatchMessage<T> = EnqueueOptions & { readonly value: T };

export interface Enqueued {
  /** Unique for ever in this cluster. */
  readonly messageId: string;
  /** Dense from 1 in the queue. */
  readonly seq: number;
  /** Dense from 1 in the key. */
  readonly keySeq: number;
  /** Index of the log entry that enqueued it, or found that it was there. */
  readonly logIndex: number;
  /** The `dedupId` was seen before: these are the first message's ids. */
  readonly deduplicated: boolean;
}

/** Of one message of a batch with `perItem`. */
export type ItemOutcome =
  | { readonly enqueued: Enqueued; readonly error?: undefined }
  | { readonly enqueued?: undefined; readonly error: QueueError };

export interface ReceiveOptions {
  /** Deliveries that may be unsettled at once: 1 to 10,000; default 32. */
  readonly credit?: number | undefined;
  /** Bytes of deliveries that may be unsettled at once; one delivery is always made. Default: no bound. */
  readonly creditBytes?: number | undefined;
  /** Only of these keys, at most 100; default: all. Ordering KEY only. */
  readonly keys?: readonly string[] | undefined;
  /** 100 to 43,200,000; default: the queue's. Renewed automatically. */
  readonly leaseMs?: number | undefined;
  /** Ends the loop as `break` does. */
  readonly signal?: AbortSignal | undefined;
}

export interface ConsumeOptions extends ReceiveOptions {
  /** Handlers that run at once: 1 to 10,000; default 16. `credit` defaults to twice that. */
  readonly concurrency?: number | undefined;
  /**
   * `onDelivery`: the server settles as soon as the delivery is on its way: at most once for what a broken stream loses, and a
   * handler that throws changes nothing any more (event `handlerFailed`). Default: by the handler's end.
   */
  readonly ack?: "explicit" | "onDelivery" | undefined;
  /**
   * What the handler returns goes to the message's `replyTo`, in one step with the ack; a PermanentError goes there too. JSON, or
   * by the codec given. A message without `replyTo` is only acked. See `Client.request`.
   */
  readonly reply?: boolean | Codec<unknown> | undefined;
}

export interface ReceiveBatchOptions {
  /** 1 to 1,000; default 1. */
  readonly maxMessages?: number | undefined;
  /** 0 to 60,000; default 0: answer at once. */
  readonly maxWaitMs?: number | undefined;
  /** Bytes of the answer, 1 to 4,194,304 (default); one message is always given. */
  readonly maxBytes?: number | undefined;
  /** Only of these keys, at most 100; default: all. Ordering KEY only. */
  readonly keys?: readonly string[] | undefined;
  /** 100 to 43,200,000; default: the queue's. */
  readonly leaseMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A point in time: a Date, or milliseconds since 1970. */
export type Time = Date | number;

/** The longest lease, back-off and delay of a nack that the server takes. */
export const leaseMsMax = 43_200_000;

export function checkSettings(options: ConnectOptions): Settings {
  const endpoints = [...new Set(options.endpoints)];
  if (endpoints.length === 0) {
    throw invalid("endpoints", 'endpoints is empty: give at least one, such as "127.0.0.1:7400"');
  }
  for (const endpoint of endpoints) {
    if (!/^\S+:\d{1,5}$/.test(endpoint)) {
      throw invalid("endpoints", `endpoint ${JSON.stringify(endpoint)} is not host:port`);
    }
  }
  return {
    endpoints,
    name: options.name ?? "",
    sessionTtlMs: integer("sessionTtlMs", options.sessionTtlMs ?? 30_000, 1_000, 3_600_000),
    maxOutstanding: integer("maxOutstanding", options.maxOutstanding ?? 10_000, 1, 100_000),
    maxWaiting: integer("maxWaiting", options.maxWaiting ?? 100_000, 0, 10_000_000),
    timeoutMs: integer("timeoutMs", options.timeoutMs ?? 30_000, 100, 3_600_000),
    tls: options.tls,
  };
}

/** Milliseconds since 1970. @throws {QueueError} MALFORMED */
export function timeMs(field: string, time: Time): number {
  const ms = typeof time === "number" ? Math.round(time) : time.getTime();
  if (Number.isSafeInteger(ms) && ms > 0) return ms;
  throw invalid(field, `${field} is ${String(time)}; expected a Date, or milliseconds since 1970`);
}

export function integer(field: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalid(field, `${field} is ${value}; expected a whole number from ${min} to ${max}`);
  }
  return value;
}
