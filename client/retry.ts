// When to try again, where, and after how long. Pure: it is told what happened, it decides, others wait.

import type { Failure } from "./channel.ts";
import type { Reason as WireReason } from "../proto/frame.ts";
import { errorFromWire, QueueError, status, type Reason } from "./errors.ts";

/** What the end of a stream, or of an attempt, asks for. */
export type Verdict =
  /** Another node may do better, or this one later: the same calls, the same numbers. */
  | "elsewhere"
  /** The session is gone: nothing of it may be sent again (H2). */
  | "session-expired"
  /** It would end like this every time. */
  | "fatal";

const fatalCodes: ReadonlySet<number> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.PERMISSION_DENIED,
  status.UNIMPLEMENTED,
  status.UNAUTHENTICATED,
]);

/** No leader, for now. */
export function isOutage(reason: Reason | WireReason): boolean {
  return (
    reason === "NOT_LEADER" ||
    reason === "NO_LEADER" ||
    reason === "SHUTTING_DOWN" ||
    reason === "UNREACHABLE"
  );
}

/** Refusals that say nothing against the call itself. */
const elsewhereReasons: ReadonlySet<string | undefined> = new Set([
  "NOT_LEADER",
  "NO_LEADER",
  "SHUTTING_DOWN",
  "SEQUENCE_GAP",
  "TOO_MANY_IN_FLIGHT",
]);

export function verdictOf(failure: Failure): Verdict {
  const reason = failure.error?.reason;
  if (reason === "SESSION_EXPIRED") return "session-expired";
  if (elsewhereReasons.has(reason)) return "elsewhere";
  return fatalCodes.has(failure.code) ? "fatal" : "elsewhere";
}

/** Certainly refused before it reached the log, or not even sent: any call may be made again. */
export function neverApplied(failure: Failure): boolean {
  const { error } = failure;
  if (error === undefined) return failure.neverSent === true;
  if (error.outcome === "OUTCOME_UNSPECIFIED") return isOutage(error.reason);
  return error.outcome === "NOT_APPLIED";
}

const firstPauseMs = 20;
const longestPauseMs = 500;

/**
 * Pause before another round through all endpoints. Short at first, because an election takes a few hundred milliseconds;
 * then longer, because a cluster in trouble must not be hammered. The upper half is jitter.
 */
export function pauseMs(round: number, random: () => number): number {
  const limit = Math.min(longestPauseMs, 2 * firstPauseMs * 1.5 ** Math.min(round, 20));
  return limit * (0.5 + 0.5 * random());
}

/** How long to wait before the same call under a new number; undefined: the error is the answer. */
export function refusalPauseMs(error: QueueError, random: () => number): number | undefined {
  if (error.code !== status.RESOURCE_EXHAUSTED || error.outcome !== "NOT_APPLIED") return undefined;
  if (error.retryAfterMs <= 0) return undefined;
  return error.retryAfterMs * (1 + 0.2 * random());
}

/** A failure as the caller sees it. */
export function errorOf(failure: Failure, outcome: "NOT_APPLIED" | "UNKNOWN"): QueueError {
  if (failure.error !== undefined) return errorFromWire(failure.error, failure.code, outcome);
  return new QueueError(failure.message, {
    reason: failure.code === status.UNAVAILABLE ? "UNREACHABLE" : "OTHER",
    code: failure.code,
    outcome,
  });
}
