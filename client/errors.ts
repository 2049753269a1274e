// One error class for everything that can go wrong, with the closed list of reasons and what is known of the outcome.

import type { Leader, Reason as WireReason, WireError } from "../proto/frame.ts";

/**
 * NOT_APPLIED: it certainly did not take effect. APPLIED: it did. UNKNOWN: it may or may not (H3); the client has already
 * asked again as long as it could, so look at the queue, or make the operation harmless to repeat.
 */
export type Outcome = "NOT_APPLIED" | "APPLIED" | "UNKNOWN";

/** The reasons of queue.proto, and those that only a client can have. */
export type Reason =
  | Exclude<WireReason, "REASON_UNSPECIFIED">
  /** The caller's AbortSignal fired. */
  | "ABORTED"
  /** The client was closed. */
  | "CLOSED"
  /** No answer within `timeoutMs`. */
  | "TIMEOUT"
  /** None of the endpoints could be reached, or none of them leads. */
  | "UNREACHABLE"
  /** A value or message could not be encoded or decoded. */
  | "CODEC"
  /** A value or message does not match the queue's schema: a SchemaError. */
  | "SCHEMA"
  /** `request`: the consumer answered that it cannot be done. */
  | "REQUEST_FAILED"
  /** Anything else: see `message` and `code`. */
  | "OTHER";

/** gRPC status codes that the client itself gives or tells apart. */
export const status = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

export interface QueueErrorFields {
  readonly reason: Reason;
  /** gRPC status code. */
  readonly code: number;
  readonly outcome: Outcome;
  /** The offending field as spelled in queue.proto; empty: none. */
  readonly field?: string;
  /** When another try may succeed; 0: unknown. */
  readonly retryAfterMs?: number;
  /** STALE_LEASE: the message's newest token; 0: settled or unknown. */
  readonly currentToken?: number;
  /** STALE_LEASE: READY, LEASED, RETRYING, PARKED or SETTLED; else empty. */
  readonly state?: string;
  /** NOT_LEADER: where the leader is. */
  readonly leader?: Leader | undefined;
  /** KEY_SEQ_MISMATCH: what the message would have got. CONDITION_FAILED: what the number in question is. */
  readonly currentKeySeq?: number;
  readonly cause?: unknown;
}

export class QueueError extends Error {
  override readonly name: string = "QueueError";
  readonly reason: Reason;
  /** gRPC status code. */
  readonly code: number;
  readonly outcome: Outcome;
  readonly field: string;
  readonly retryAfterMs: number;
  readonly currentToken: number;
  readonly state: string;
  readonly leader: Leader | undefined;
  readonly currentKeySeq: number;

  constructor(message: string, fields: QueueErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.reason = fields.reason;
    this.code = fields.code;
    this.outcome = fields.outcome;
    this.field = fields.field ?? "";
    this.retryAfterMs = fields.retryAfterMs ?? 0;
    this.currentToken = fields.currentToken ?? 0;
    this.state = fields.state ?? "";
    this.leader = fields.leader;
    this.currentKeySeq = fields.currentKeySeq ?? 0;
  }
}

export interface SchemaIssue {
  readonly message: string;
  /** `address.lines.0`; empty: the value as a whole. */
  readonly path: string;
}

/** Nothing was sent, or the message was rejected: it does not match the queue's schema. */
export class SchemaError extends QueueError {
  override readonly name = "SchemaError";
  readonly issues: readonly SchemaIssue[];

  constructor(message: string, issues: readonly SchemaIssue[]) {
    super(message, { reason: "SCHEMA", code: status.INVALID_ARGUMENT, outcome: "NOT_APPLIED" });
    this.issues = issues;
  }
}

/** Thrown by a handler: this message will never succeed. It is rejected instead of tried again. */
export class PermanentError extends Error {
  override readonly name = "PermanentError";
}

/** The server's typed error as ours. `code` and `outcome` are the fallback for what it left out. */
export function errorFromWire(error: WireError, code: number, outcome: Outcome): QueueError {
  return new QueueError(error.message === "" ? `refused: ${error.reason}` : error.message, {
    reason: error.reason === "REASON_UNSPECIFIED" ? "OTHER" : error.reason,
    code: error.code === 0 ? code : error.code,
    outcome: error.outcome === "OUTCOME_UNSPECIFIED" ? outcome : error.outcome,
    field: error.field,
    retryAfterMs: error.retryAfterMs,
    currentToken: error.currentToken,
    state: error.state,
    leader: error.leader,
    currentKeySeq: error.currentKeySeq,
  });
}

export function invalid(field: string, message: string): QueueError {
  return new QueueError(message, {
    reason: "MALFORMED",
    code: status.INVALID_ARGUMENT,
    outcome: "NOT_APPLIED",
    field,
  });
}

export function abortedError(outcome: Outcome, cause: unknown): QueueError {
  const then =
    outcome === "NOT_APPLIED"
      ? "it had not been sent"
      : "it had been sent and may still take effect: look before doing it again";
  return new QueueError(`the call was aborted; ${then}`, {
    reason: "ABORTED",
    code: status.CANCELLED,
    outcome,
    cause,
  });
}

export function closedError(outcome: Outcome): QueueError {
  const then =
    outcome === "NOT_APPLIED"
      ? "the call was not sent"
      : "the call had been sent and may still take effect; drain() before close() waits for the answers";
  return new QueueError(`the client is closed; ${then}`, {
    reason: "CLOSED",
    code: status.CANCELLED,
    outcome,
  });
}

export function timeoutError(outcome: Outcome, afterMs: number): QueueError {
  const then =
    outcome === "NOT_APPLIED"
      ? "it had not been sent, so it is safe to call again"
      : "it had been sent and may still take effect: look before doing it again";
  return new QueueError(`no answer within ${afterMs} ms; ${then}`, {
    reason: "TIMEOUT",
    code: status.DEADLINE_EXCEEDED,
    outcome,
  });
}

/** The end of a session as one of its calls sees it. */
export function sessionError(cause: QueueError, outcome: "NOT_APPLIED" | "UNKNOWN"): QueueError {
  const then =
    outcome === "NOT_APPLIED"
      ? "the call had not been sent: it is safe to call again"
      : "the call had been sent and may have taken effect: look before doing it again";
  return new QueueError(`the session ended (${cause.message}); ${then}`, {
    reason: cause.reason,
    code: cause.code,
    outcome,
    cause,
  });
}

export function sessionStolen(id: string): QueueError {
  return new QueueError(
    `session ${id} is used by somebody else as well: it belongs to one client`,
    {
      reason: "SESSION_EXPIRED",
      code: status.FAILED_PRECONDITION,
      outcome: "UNKNOWN",
    },
  );
}

export function tooManyError(maxOutstanding: number, maxWaiting: number): QueueError {
  return new QueueError(
    `${maxOutstanding} calls are unanswered and ${maxWaiting} more wait: await earlier calls first, or raise maxWaiting`,
    { reason: "TOO_MANY_IN_FLIGHT", code: status.RESOURCE_EXHAUSTED, outcome: "NOT_APPLIED" },
  );
}

/** What was thrown, as something to reject with. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error
    ? thrown
    : new Error("something that is no Error was thrown", { cause: thrown });
}
