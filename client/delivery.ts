// A message in the hands of a consumer, and what can be done with it.

import { inspect } from "node:util";
import {
  decodeContent,
  type DeadLetterCause,
  type Delivery as WireDelivery,
} from "../proto/frame.ts";
import { asError, invalid, QueueError, status } from "./errors.ts";
import type { Lease, SettleDetails, Settled, SettleDone } from "./lease.ts";
import { integer, leaseMsMax } from "./options.ts";
import type { Decoder } from "./schema.ts";

export interface DeadLetterInfo {
  readonly cause: DeadLetterCause;
  readonly attempts: number;
  readonly error: string;
  /** Where it died. */
  readonly queue: string;
  readonly messageId: string;
}

export class Message<T> {
  readonly messageId: string;
  readonly queue: string;
  readonly key: string;
  /** Dense from 1 in the key. */
  readonly keySeq: number;
  /** Dense from 1 in the queue. */
  readonly seq: number;
  /** Failures so far: nacks and expired leases. */
  readonly attempts: number;
  /** Deliveries so far, this one included. */
  readonly deliveries: number;
  /** Why it comes again: nack, release, lease-expired, session-ended; empty the first time. */
  readonly redelivery: string;
  /** Cluster time in milliseconds since 1970. */
  readonly enqueuedAt: number;
  /** Cluster time in milliseconds since 1970; 0: it does not expire. */
  readonly expiresAt: number;
  readonly priority: number;
  /** Index of the log entry that enqueued it. */
  readonly logIndex: number;
  readonly leaseMs: number;
  /** Set in a dead-letter queue: where it comes from. */
  readonly deadLetter: DeadLetterInfo | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly correlationId: string;
  readonly replyTo: string;
  readonly traceparent: string;
  /** A view into a frame: copy it if you keep it for long. */
  readonly body: Uint8Array;
  readonly #decoder: Decoder<T>;
  #decoded: { readonly value: T } | undefined;

  constructor(wire: WireDelivery, decoder: Decoder<T>) {
    const content = contentOf(wire);
    this.messageId = wire.messageId;
    this.queue = wire.queue;
    this.key = wire.key;
    this.keySeq = wire.keySeq;
    this.seq = wire.seq;
    this.attempts = wire.attempts;
    this.deliveries = wire.deliveries;
    this.redelivery = wire.redelivery;
    this.enqueuedAt = wire.enqueuedAtMs;
    this.expiresAt = wire.expiresAtMs;
    this.priority = wire.priority;
    this.logIndex = wire.logIndex;
    this.leaseMs = wire.leaseMs;
    this.deadLetter = wire.deadLetter;
    this.headers = content.headers;
    this.contentType = content.contentType;
    this.correlationId = content.correlationId;
    this.replyTo = content.replyTo;
    this.traceparent = content.traceparent;
    this.body = content.body;
    this.#decoder = decoder;
  }

  /** Decoded at the first access. @throws {QueueError} reason CODEC or SCHEMA */
  get value(): T {
    return this.decode();
  }

  /** @internal */
  decode(): T {
    return (this.#decoded ??= { value: this.#decoder.decode(this.body) }).value;
  }
}

/** What a handler gets. All members may be taken apart: `({ message, signal, extend }) => …`. */
export class Handling<T> {
  protected readonly lease: Lease;
  readonly #decoder: Decoder<T>;
  #message: Message<T> | undefined;

  constructor(lease: Lease, decoder: Decoder<T>) {
    this.lease = lease;
    this.#decoder = decoder;
  }

  get message(): Message<T> {
    return (this.#message ??= new Message(this.lease.delivery, this.#decoder));
  }

  /** The decoded body. @throws {QueueError} reason CODEC or SCHEMA */
  get value(): T {
    return this.message.value;
  }

  /** Greater than every token given before: store it beside your effects to refuse a consumer that lost its lease. */
  get fencingToken(): number {
    return this.lease.delivery.fencingToken;
  }

  /** Fires when the lease is lost: stop, somebody else may have the message. */
  get signal(): AbortSignal {
    return this.lease.signal;
  }

  /** More time: the lease ends `leaseMs` (100 to 43,200,000; default: its present length) from now. */
  get extend(): (leaseMs?: number) => Promise<Settled> {
    return (leaseMs) => promised((done) => this.lease.extend(this.#leaseMs(leaseMs), done, true));
  }

  #leaseMs(leaseMs: number | undefined): number {
    return leaseMs === undefined
      ? this.lease.leaseMs
      : integer("leaseMs", leaseMs, 100, leaseMsMax);
  }
}

export interface NackOptions {
  /** 0 to 43,200,000; default: the queue's back-off. */
  readonly delayMs?: number | undefined;
  /** Kept with the message: at most 1,024 bytes of it. */
  readonly error?: unknown;
}

/** @throws {QueueError} MALFORMED */
export function nackDelay({ delayMs }: NackOptions): number | undefined {
  if (delayMs === undefined) return undefined;
  if (Number.isInteger(delayMs) && delayMs >= 0 && delayMs <= leaseMsMax) return delayMs;
  throw invalid(
    "delay_ms",
    `delayMs is ${delayMs}; expected a whole number from 0 to ${leaseMsMax}`,
  );
}

/** What `receive` and `receiveBatch` give: to be settled by exactly one of ack, nack, release, reject. */
export class Delivery<T> extends Handling<T> {
  /** Done: the message leaves the queue, its key advances. */
  ack(): Promise<Settled> {
    return this.#settle("ack", {});
  }

  /** Failed: it comes again after `delayMs` (0 to 43,200,000; default: the queue's back-off). `error` is kept with it. */
  nack(options: NackOptions = {}): Promise<Settled> {
    try {
      return this.#settle("nack", { delayMs: nackDelay(options), error: errorText(options.error) });
    } catch (error) {
      return Promise.reject(asError(error));
    }
  }

  /** Not now: ready again at once, no attempt counted. */
  release(): Promise<Settled> {
    return this.#settle("release", {});
  }

  /** Never: the queue's `onExhausted` at once. */
  reject(error?: unknown): Promise<Settled> {
    return this.#settle("reject", { error: errorText(error) });
  }

  #settle(op: "ack" | "nack" | "release" | "reject", details: SettleDetails): Promise<Settled> {
    return promised((done) => this.lease.settle(op, details, true, done));
  }
}

/** The lease behind it, for a commit. */
export function leaseOf(handling: Handling<unknown>): Lease {
  return handling["lease"];
}

/**
 * With a schema: why this message can be read by nobody, ever. Says so by the event `invalidMessage`; it is the caller who
 * rejects it.
 */
export function unreadable(handling: Handling<unknown>, decoder: Decoder<unknown>): string {
  if (!decoder.isStrict) return "";
  try {
    handling.message.decode();
    return "";
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    leaseOf(handling).tellInvalid(error);
    return error.message;
  }
}

/** What is kept with a message that failed: the error's text, without its stack. */
export function errorText(error: unknown): string {
  if (error === undefined) return "";
  if (typeof error === "string") return error;
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  return inspect(error, { depth: 1 });
}

function promised(start: (done: SettleDone) => void): Promise<Settled> {
  return new Promise((resolve, reject) => {
    start((error, settled) => {
      if (settled !== undefined) resolve(settled);
      else reject(asError(error));
    });
  });
}

function contentOf(wire: WireDelivery): ReturnType<typeof decodeContent> {
  try {
    return decodeContent(wire.content);
  } catch (cause) {
    throw new QueueError(
      `message ${wire.messageId} has malformed content: its producer is broken`,
      {
        reason: "CODEC",
        code: status.INVALID_ARGUMENT,
        outcome: "NOT_APPLIED",
        cause,
      },
    );
  }
}
