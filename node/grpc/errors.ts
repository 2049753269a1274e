// What went wrong → gRPC status, raftq.v1.Error (reason, outcome, field, what to do).

import { Metadata, status, type ServiceError } from "@grpc/grpc-js";
import {
  encodeError,
  errorMetadataKey,
  type Leader,
  type Reason,
  type WireError,
} from "../../proto/frame.ts";
import type { Refusal } from "../../queue/index.ts";
import type { Unanswered } from "../proposer.ts";

const codes: Readonly<Record<Reason, status>> = {
  REASON_UNSPECIFIED: status.INTERNAL,
  NOT_LEADER: status.UNAVAILABLE,
  NO_LEADER: status.UNAVAILABLE,
  SHUTTING_DOWN: status.UNAVAILABLE,
  STALE_LEASE: status.FAILED_PRECONDITION,
  SEQUENCE_GAP: status.FAILED_PRECONDITION,
  QUEUE_NOT_EMPTY: status.FAILED_PRECONDITION,
  VERSION_TOO_OLD: status.FAILED_PRECONDITION,
  MESSAGE_LEASED: status.FAILED_PRECONDITION,
  ORDER_VIOLATION: status.FAILED_PRECONDITION,
  TOPIC_IN_USE: status.FAILED_PRECONDITION,
  TRANSFERRING: status.UNAVAILABLE,
  MEMBERSHIP_CHANGE_PENDING: status.FAILED_PRECONDITION,
  MEMBER_LAGGING: status.FAILED_PRECONDITION,
  QUORUM_AT_RISK: status.FAILED_PRECONDITION,
  LAST_VOTER: status.FAILED_PRECONDITION,
  TOO_MANY_MEMBERS: status.FAILED_PRECONDITION,
  ID_USED: status.FAILED_PRECONDITION,
  NOT_A_VOTER: status.FAILED_PRECONDITION,
  TRANSFER_FAILED: status.ABORTED,
  MEMBER_EXISTS: status.ALREADY_EXISTS,
  MEMBER_NOT_FOUND: status.NOT_FOUND,
  REVISION_CONFLICT: status.ABORTED,
  CONDITION_FAILED: status.ABORTED,
  KEY_SEQ_MISMATCH: status.ABORTED,
  QUEUE_DIFFERS: status.ALREADY_EXISTS,
  IDEMPOTENCY_CONFLICT: status.ALREADY_EXISTS,
  QUEUE_FULL: status.RESOURCE_EXHAUSTED,
  TOO_MANY_IN_FLIGHT: status.RESOURCE_EXHAUSTED,
  DISK_WATERMARK: status.RESOURCE_EXHAUSTED,
  KEY_REQUIRED: status.INVALID_ARGUMENT,
  TOO_LARGE: status.INVALID_ARGUMENT,
  MALFORMED: status.INVALID_ARGUMENT,
  DELAY_NOT_ALLOWED: status.INVALID_ARGUMENT,
  QUEUE_NOT_FOUND: status.NOT_FOUND,
  MESSAGE_NOT_FOUND: status.NOT_FOUND,
  SESSION_EXPIRED: status.NOT_FOUND,
  TOPIC_NOT_FOUND: status.NOT_FOUND,
};

const nothing = {
  field: "",
  leader: undefined,
  retryAfterMs: 0,
  currentToken: 0,
  state: "",
  currentKeySeq: 0,
} as const;

/** Decided by the state machine, or refused at its door: it certainly did not take effect. Fields are spelled as the API does. */
export function refused(refusal: Refusal): WireError {
  const { reason, message, field, currentToken, state, retryAfterMs, currentKeySeq } = refusal;
  return {
    reason,
    outcome: "NOT_APPLIED",
    field,
    message,
    leader: undefined,
    retryAfterMs,
    currentToken,
    state,
    code: codes[reason],
    currentKeySeq: currentKeySeq ?? 0,
  };
}

/** A call of administration that would be unsafe or cannot be meant. */
export function adminRefused(
  reason: Reason,
  field: string,
  message: string,
  retryAfterMs = 0,
): WireError {
  const code = codes[reason];
  return { ...nothing, reason, outcome: "NOT_APPLIED", field, message, retryAfterMs, code };
}

export interface Whereabouts {
  readonly nodeId: number;
  readonly leader: Leader | undefined;
}

export function elsewhere(
  { nodeId, leader }: Whereabouts,
  outcome: "NOT_APPLIED" | "UNKNOWN" = "NOT_APPLIED",
): WireError {
  const reason = leader === undefined ? "NO_LEADER" : "NOT_LEADER";
  const advice =
    leader === undefined
      ? "no leader is known at present: try again, or another node"
      : `the leader is node ${leader.nodeId} at ${leader.endpoint}`;
  return {
    ...nothing,
    reason,
    outcome,
    message: `node ${nodeId} does not lead; ${advice}`,
    leader,
    code: codes[reason],
  };
}

/** `closing`: this node is shutting down, and is therefore no place to ask again. */
export function unanswered(why: Unanswered, whereabouts: Whereabouts, closing: boolean): WireError {
  const outcome = why.kind === "unknown" ? "UNKNOWN" : "NOT_APPLIED";
  if (closing || why.kind === "shutting-down") return shuttingDown(whereabouts.nodeId, outcome);
  return elsewhere(whereabouts, outcome);
}

export function shuttingDown(
  nodeId: number,
  outcome: "NOT_APPLIED" | "UNKNOWN" = "NOT_APPLIED",
): WireError {
  return {
    ...nothing,
    reason: "SHUTTING_DOWN",
    outcome,
    message: `node ${nodeId} is shutting down: use another node`,
    code: codes.SHUTTING_DOWN,
  };
}

/** A defect of ours, met while the call was carried out. */
export function defect(): WireError {
  return {
    ...nothing,
    reason: "REASON_UNSPECIFIED",
    outcome: "UNKNOWN",
    message: "an internal error, which the node's log describes; ask again with the same sequence",
    code: codes.REASON_UNSPECIFIED,
  };
}

export function sessionExpired(sessionId: string): WireError {
  return {
    ...nothing,
    reason: "SESSION_EXPIRED",
    outcome: "NOT_APPLIED",
    field: "session_id",
    message: `session ${sessionId} has expired or was closed: open a new one; nothing is executed for this one any more`,
    code: codes.SESSION_EXPIRED,
  };
}

/** As the loader of the .proto files wants it: one item of a unary answer. */
export function errorObject({ leader, ...error }: WireError): object {
  return { ...error, leader: leader ?? null };
}

/** The status of a call: code, a sentence, and the whole error in the trailing metadata. */
export function serviceError(error: WireError): Partial<ServiceError> {
  const metadata = new Metadata();
  metadata.set(errorMetadataKey, encodeError(error));
  const field = error.field === "" ? "" : ` (${error.field})`;
  const details = shortened(`${error.reason}${field}: ${error.message}`);
  return { code: codes[error.reason], details, metadata };
}

/** Details travel in a header, where every odd byte takes three; the whole text is in the metadata. */
function shortened(text: string): string {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= detailsBytesMax) return text;
  // A character cut in two becomes a replacement character: gRPC cannot send half of one.
  return `${bytes.toString("utf8", 0, detailsBytesMax)} …`;
}

const detailsBytesMax = 2_048;
