// `raftq.v1.Error`: one command's answer on the stream, and the trailing metadata of a refused unary call or stream.

import { fieldSize, numberSize, Reader, stringSize, utf8Length, Writer } from "./wire.ts";

/** Key of the trailing metadata that carries a serialized `raftq.v1.Error`. */
export const errorMetadataKey = "raftq-error-bin";

const reasonNumbers = {
  REASON_UNSPECIFIED: 0,
  NOT_LEADER: 1,
  NO_LEADER: 2,
  SHUTTING_DOWN: 3,
  TRANSFERRING: 4,
  STALE_LEASE: 10,
  SEQUENCE_GAP: 11,
  QUEUE_NOT_EMPTY: 12,
  VERSION_TOO_OLD: 13,
  MESSAGE_LEASED: 14,
  ORDER_VIOLATION: 15,
  TOPIC_IN_USE: 16,
  REVISION_CONFLICT: 20,
  CONDITION_FAILED: 21,
  KEY_SEQ_MISMATCH: 22,
  QUEUE_DIFFERS: 30,
  IDEMPOTENCY_CONFLICT: 31,
  QUEUE_FULL: 40,
  TOO_MANY_IN_FLIGHT: 41,
  DISK_WATERMARK: 42,
  KEY_REQUIRED: 50,
  TOO_LARGE: 51,
  MALFORMED: 52,
  DELAY_NOT_ALLOWED: 53,
  QUEUE_NOT_FOUND: 60,
  MESSAGE_NOT_FOUND: 61,
  SESSION_EXPIRED: 62,
  TOPIC_NOT_FOUND: 63,
  MEMBERSHIP_CHANGE_PENDING: 70,
  MEMBER_LAGGING: 71,
  QUORUM_AT_RISK: 72,
  LAST_VOTER: 73,
  TOO_MANY_MEMBERS: 74,
  ID_USED: 75,
  NOT_A_VOTER: 76,
  TRANSFER_FAILED: 77,
  MEMBER_EXISTS: 78,
  MEMBER_NOT_FOUND: 79,
} as const;

const outcomeNumbers = { OUTCOME_UNSPECIFIED: 0, NOT_APPLIED: 1, APPLIED: 2, UNKNOWN: 3 } as const;

/** The closed list of reasons: `raftq.v1.Reason`. */
export type Reason = keyof typeof reasonNumbers;
export type Outcome = keyof typeof outcomeNumbers;

export interface Leader {
  readonly nodeId: number;
  /** host:port of its client API. */
  readonly endpoint: string;
  readonly term: number;
}

/** `raftq.v1.Error`; numbers that do not apply are 0, texts empty. */
export interface WireError {
  readonly reason: Reason;
  readonly outcome: Outcome;
  readonly field: string;
  readonly message: string;
  readonly leader: Leader | undefined;
  readonly retryAfterMs: number;
  readonly currentToken: number;
  readonly state: string;
  /** gRPC status code. */
  readonly code: number;
  /** KEY_SEQ_MISMATCH: what the message would have got. CONDITION_FAILED: what the number in question is. */
  readonly currentKeySeq: number;
}

const reasons = new Map<number, Reason>(
  Object.entries(reasonNumbers).map(([name, number]) => [number, name as Reason]),
);
const outcomes = new Map<number, Outcome>(
  Object.entries(outcomeNumbers).map(([name, number]) => [number, name as Outcome]),
);

export function errorSize(error: WireError): number {
  return (
    numberSize(reasonNumbers[error.reason]) +
    numberSize(outcomeNumbers[error.outcome]) +
    stringSize(utf8Length(error.field)) +
    stringSize(utf8Length(error.message)) +
    (error.leader === undefined ? 0 : fieldSize(leaderSize(error.leader))) +
    numberSize(error.retryAfterMs) +
    numberSize(error.currentToken) +
    stringSize(utf8Length(error.state)) +
    numberSize(error.code) +
    numberSize(error.currentKeySeq)
  );
}

/** Writes the fields; the writer has `errorSize` bytes of room. */
export function writeError(writer: Writer, error: WireError): void {
  writer.number(8, reasonNumbers[error.reason]);
  writer.number(16, outcomeNumbers[error.outcome]);
  writer.text(26, error.field, utf8Length(error.field));
  writer.text(34, error.message, utf8Length(error.message));
  if (error.leader !== undefined) {
    writer.head(42, leaderSize(error.leader));
    writer.number(8, error.leader.nodeId);
    writer.text(18, error.leader.endpoint, utf8Length(error.leader.endpoint));
    writer.number(24, error.leader.term);
  }
  writer.number(48, error.retryAfterMs);
  writer.number(56, error.currentToken);
  writer.text(66, error.state, utf8Length(error.state));
  writer.number(72, error.code);
  writer.number(80, error.currentKeySeq);
}

function leaderSize(leader: Leader): number {
  return (
    numberSize(leader.nodeId) + stringSize(utf8Length(leader.endpoint)) + numberSize(leader.term)
  );
}

export function encodeError(error: WireError): Buffer {
  const writer = new Writer(Buffer.allocUnsafe(errorSize(error)));
  writeError(writer, error);
  return writer.only();
}

/** @throws {MalformedFrame} */
export function decodeError(bytes: Uint8Array): WireError {
  return readError(new Reader(bytes));
}

/** Reads to the end of the present message. Reasons that this version does not know become REASON_UNSPECIFIED. */
export function readError(reader: Reader): WireError {
  let reason: Reason = "REASON_UNSPECIFIED";
  let outcome: Outcome = "OUTCOME_UNSPECIFIED";
  let field = "";
  let message = "";
  let leader: Leader | undefined;
  let retryAfterMs = 0;
  let currentToken = 0;
  let state = "";
  let code = 0;
  let currentKeySeq = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 8:
        reason = reasons.get(reader.int32()) ?? "REASON_UNSPECIFIED";
        break;
      case 16:
        outcome = outcomes.get(reader.int32()) ?? "OUTCOME_UNSPECIFIED";
        break;
      case 26:
        field = reader.text();
        break;
      case 34:
        message = reader.text();
        break;
      case 42:
        leader = readLeader(reader);
        break;
      case 48:
        retryAfterMs = reader.varint();
        break;
      case 56:
        currentToken = reader.varint();
        break;
      case 66:
        state = reader.text();
        break;
      case 72:
        code = reader.int32();
        break;
      case 80:
        currentKeySeq = reader.varint();
        break;
      default:
        reader.skip(tag);
    }
  }
  return {
    reason,
    outcome,
    field,
    message,
    leader,
    retryAfterMs,
    currentToken,
    state,
    code,
    currentKeySeq,
  };
}

function readLeader(reader: Reader): Leader {
  let nodeId = 0;
  let endpoint = "";
  let term = 0;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8) nodeId = reader.varint();
    else if (tag === 18) endpoint = reader.text();
    else if (tag === 24) term = reader.varint();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { nodeId, endpoint, term };
}
