// `raftq.v1.Commit`: conditions, settlements and messages of one step. Field numbers are those of queue.proto; CommitRequest says
// the same with other numbers, and goes through the loader.

import {
  newMessageSize,
  readNewMessage,
  writeNewMessage,
  type NewMessage,
  type NewMessageBytes,
} from "./new-message.ts";
import {
  fieldSize,
  MalformedFrame,
  numberSize,
  Reader,
  repeatedMax,
  stringSize,
  utf8Length,
  varintSize,
  Writer,
} from "./wire.ts";

/** Names a delivery. */
export interface LeaseName {
  readonly queue: string;
  readonly key: string;
  readonly keySeq: number;
  readonly fencingToken: number;
}

interface LeaseNameBytes {
  readonly queue: string;
  readonly keyBytes: string;
  readonly keySeq: number;
  readonly fencingToken: number;
}

/** What must be true for a commit to take effect. */
export type Condition =
  | {
      readonly kind: "tailIs";
      readonly queue: string;
      readonly key: string;
      readonly keySeq: number;
    }
  | {
      readonly kind: "lengthIs";
      readonly queue: string;
      readonly key: string;
      readonly messages: number;
    }
  | { readonly kind: "leaseHeld"; readonly lease: LeaseName };

export type ConditionBytes =
  | {
      readonly kind: "tailIs";
      readonly queue: string;
      readonly keyBytes: string;
      readonly keySeq: number;
    }
  | {
      readonly kind: "lengthIs";
      readonly queue: string;
      readonly keyBytes: string;
      readonly messages: number;
    }
  | { readonly kind: "leaseHeld"; readonly lease: LeaseNameBytes }
  /** None, or one that this version does not know. */
  | { readonly kind: "unknown" };

const settleNumbers = { ack: 1, nack: 2, release: 3, reject: 4 } as const;
type SettleKind = keyof typeof settleNumbers;

interface SettleDetails {
  /** Nack only; undefined: the queue's back-off. */
  readonly delayMs: number | undefined;
  /** Nack and reject only; else empty. */
  readonly error: string;
}

export interface CommitSettle extends SettleDetails {
  readonly kind: SettleKind;
  readonly lease: LeaseName;
}

export interface CommitSettleBytes extends SettleDetails {
  readonly kind: SettleKind | "unknown";
  /** undefined: it was left out. */
  readonly lease: LeaseNameBytes | undefined;
}

interface CommitEnqueue {
  readonly queue: string;
  readonly message: NewMessage;
}

interface CommitEnqueueBytes {
  readonly queue: string;
  readonly message: NewMessageBytes;
}

/** As the SDK says it. */
export interface CommitOperation {
  readonly op: "commit";
  readonly conditions: readonly Condition[];
  readonly settles: readonly CommitSettle[];
  readonly enqueues: readonly CommitEnqueue[];
}

/** As the server gets it. */
export interface CommitBytes {
  readonly conditions: readonly ConditionBytes[];
  readonly settles: readonly CommitSettleBytes[];
  readonly enqueues: readonly CommitEnqueueBytes[];
}

const conditionTags = { tailIs: 10, lengthIs: 18, leaseHeld: 26 } as const;

const settleKinds = new Map<number, SettleKind>(
  Object.entries(settleNumbers).map(([name, number]) => [number, name as SettleKind]),
);

const noMessage: NewMessageBytes = {
  keyBytes: "",
  content: Buffer.alloc(0),
  options: undefined,
};

// ---------------------------------------------------------------- writing

export function commitSize(commit: CommitOperation): number {
  let size = 0;
  for (const each of commit.conditions) size += fieldSize(fieldSize(conditionSize(each)));
  for (const each of commit.settles) size += fieldSize(settleSize(each));
  for (const each of commit.enqueues) size += fieldSize(enqueueSize(each));
  return size;
}

/** Writes the fields; the writer has `commitSize` bytes of room. */
export function writeCommit(writer: Writer, commit: CommitOperation): void {
  for (const each of commit.conditions) {
    const size = conditionSize(each);
    writer.head(10, fieldSize(size));
    writer.head(conditionTags[each.kind], size);
    writeCondition(writer, each);
  }
  for (const each of commit.settles) {
    writer.head(18, settleSize(each));
    writer.number(8, settleNumbers[each.kind]);
    writer.head(18, leaseSize(each.lease));
    writeLease(writer, each.lease);
    if (each.delayMs !== undefined) writer.head(24, each.delayMs);
    writer.text(34, each.error, utf8Length(each.error));
  }
  for (const each of commit.enqueues) {
    writer.head(26, enqueueSize(each));
    writer.text(10, each.queue, utf8Length(each.queue));
    writer.head(18, newMessageSize(each.message));
    writeNewMessage(writer, each.message);
  }
}

function conditionSize(condition: Condition): number {
  if (condition.kind === "leaseHeld") return leaseSize(condition.lease);
  const number = condition.kind === "tailIs" ? condition.keySeq : condition.messages;
  return (
    stringSize(utf8Length(condition.queue)) +
    stringSize(utf8Length(condition.key)) +
    numberSize(number)
  );
}

function writeCondition(writer: Writer, condition: Condition): void {
  if (condition.kind === "leaseHeld") {
    writeLease(writer, condition.lease);
    return;
  }
  writer.text(10, condition.queue, utf8Length(condition.queue));
  writer.text(18, condition.key, utf8Length(condition.key));
  writer.number(24, condition.kind === "tailIs" ? condition.keySeq : condition.messages);
}

function leaseSize(lease: LeaseName): number {
  return (
    stringSize(utf8Length(lease.queue)) +
    stringSize(utf8Length(lease.key)) +
    numberSize(lease.keySeq) +
    numberSize(lease.fencingToken)
  );
}

function writeLease(writer: Writer, lease: LeaseName): void {
  writer.text(10, lease.queue, utf8Length(lease.queue));
  writer.text(18, lease.key, utf8Length(lease.key));
  writer.number(24, lease.keySeq);
  writer.number(32, lease.fencingToken);
}

function settleSize(settle: CommitSettle): number {
  return (
    numberSize(settleNumbers[settle.kind]) +
    fieldSize(leaseSize(settle.lease)) +
    // Present although 0: that is what `optional` is for.
    (settle.delayMs === undefined ? 0 : 1 + varintSize(settle.delayMs)) +
    stringSize(utf8Length(settle.error))
  );
}

function enqueueSize({ queue, message }: CommitEnqueue): number {
  return stringSize(utf8Length(queue)) + fieldSize(newMessageSize(message));
}

// ---------------------------------------------------------------- reading

/** Reads the nested message that comes next. */
export function readCommit(reader: Reader): CommitBytes {
  const conditions: ConditionBytes[] = [];
  const settles: CommitSettleBytes[] = [];
  const enqueues: CommitEnqueueBytes[] = [];
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (conditions.length + settles.length + enqueues.length === repeatedMax)
      throw new MalformedFrame("too many operations in one commit");
    if (tag === 10) conditions.push(readCondition(reader));
    else if (tag === 18) settles.push(readSettle(reader));
    else if (tag === 26) enqueues.push(readEnqueue(reader));
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { conditions, settles, enqueues };
}

function readCondition(reader: Reader): ConditionBytes {
  let condition: ConditionBytes = { kind: "unknown" };
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === conditionTags.leaseHeld)
      condition = { kind: "leaseHeld", lease: readLease(reader) };
    else if (tag === conditionTags.tailIs || tag === conditionTags.lengthIs)
      condition = readCount(reader, tag);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return condition;
}

function readCount(reader: Reader, tag: 10 | 18): ConditionBytes {
  let queue = "";
  let keyBytes = "";
  let number = 0;
  const outer = reader.enter();
  for (let inner = reader.tag(); inner !== 0; inner = reader.tag()) {
    if (inner === 10) queue = reader.name();
    else if (inner === 18) keyBytes = reader.byteString();
    else if (inner === 24) number = reader.varint();
    else reader.skip(inner);
  }
  reader.leave(outer);
  return tag === conditionTags.tailIs
    ? { kind: "tailIs", queue, keyBytes, keySeq: number }
    : { kind: "lengthIs", queue, keyBytes, messages: number };
}

function readLease(reader: Reader): LeaseNameBytes {
  let queue = "";
  let keyBytes = "";
  let keySeq = 0;
  let fencingToken = 0;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) queue = reader.name();
    else if (tag === 18) keyBytes = reader.byteString();
    else if (tag === 24) keySeq = reader.varint();
    else if (tag === 32) fencingToken = reader.varint();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { queue, keyBytes, keySeq, fencingToken };
}

function readSettle(reader: Reader): CommitSettleBytes {
  let kind: CommitSettleBytes["kind"] = "unknown";
  let lease: LeaseNameBytes | undefined;
  let delayMs: number | undefined;
  let error = "";
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8) kind = settleKinds.get(reader.int32()) ?? "unknown";
    else if (tag === 18) lease = readLease(reader);
    else if (tag === 24) delayMs = reader.varint();
    else if (tag === 34) error = reader.text();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { kind, lease, delayMs, error };
}

function readEnqueue(reader: Reader): CommitEnqueueBytes {
  let queue = "";
  let message = noMessage;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) queue = reader.name();
    else if (tag === 18) message = readNewMessage(reader);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { queue, message };
}
