// Options, refusals and remembered answers as bytes, and back. Shared by log entries and rows. Numbers are for ever.

import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type {
  Answer,
  Enqueued,
  Grant,
  OnExhausted,
  Ordering,
  QueueInfo,
  QueueOptions,
  Reason,
  Refusal,
  Reply,
} from "./command.ts";
import { messagePrefix, messageRow } from "./keys.ts";

const orderings: readonly Ordering[] = ["key", "total", "none"];
const exhaustions: readonly OnExhausted[] = ["park", "dead-letter", "discard"];
const redeliveries: readonly Grant["redelivery"][] = [
  "",
  "nack",
  "release",
  "lease-expired",
  "session-ended",
];
const reasons: readonly Reason[] = [
  "STALE_LEASE",
  "QUEUE_NOT_FOUND",
  "MESSAGE_NOT_FOUND",
  "SESSION_EXPIRED",
  "QUEUE_DIFFERS",
  "QUEUE_NOT_EMPTY",
  "QUEUE_FULL",
  "REVISION_CONFLICT",
  "SEQUENCE_GAP",
  "KEY_REQUIRED",
  "TOO_LARGE",
  "TOO_MANY_IN_FLIGHT",
  "MALFORMED",
  "VERSION_TOO_OLD",
  "DISK_WATERMARK",
];

function writeOne<T>(writer: ByteWriter, all: readonly T[], value: T): void {
  const at = all.indexOf(value);
  if (at < 0) throw new Error(`queue: ${String(value)} has no number`);
  writer.u8(at);
}

function readOne<T>(reader: ByteReader, all: readonly T[]): T {
  const value = all[reader.u8()];
  if (value === undefined) throw new Error("queue: a number without a meaning");
  return value;
}

export function reasonNumber(reason: Reason): number {
  return reasons.indexOf(reason);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** How each option is written. The order is the order of the bits in an update: new options go to the end. */
const fields: { readonly [K in keyof QueueOptions]: Field<QueueOptions[K]> } = {
  ordering: {
    write: (writer, value) => writeOne(writer, orderings, value),
    read: (reader) => readOne(reader, orderings),
  },
  maxInFlightPerKey: int(),
  leaseMs: int(),
  maxAttempts: int(),
  retry: {
    write: (writer, value) => {
      writer.int(value.initialMs);
      writer.f64(value.multiplier);
      writer.int(value.maxMs);
    },
    read: (reader) => ({ initialMs: reader.int(), multiplier: reader.f64(), maxMs: reader.int() }),
  },
  onExhausted: {
    write: (writer, value) => writeOne(writer, exhaustions, value),
    read: (reader) => readOne(reader, exhaustions),
  },
  deadLetterQueue: {
    write: (writer, value) => writer.text(value),
    read: (reader) => reader.text(),
  },
  maxMessages: int(),
  maxBytes: int(),
  maxMessageBytes: int(),
  paused: {
    write: (writer, value) => writer.u8(value ? 1 : 0),
    read: (reader) => reader.u8() === 1,
  },
  labels: { write: writeLabels, read: readLabels },
};

interface Field<T> {
  readonly write: (writer: ByteWriter, value: T) => void;
  readonly read: (reader: ByteReader) => T;
}

export const optionNames = Object.keys(fields) as readonly (keyof QueueOptions)[];

function int(): Field<number> {
  return { write: (writer, value) => writer.int(value), read: (reader) => reader.int() };
}

/** Sorted by name: an object's own order is not the same everywhere (G1). */
function writeLabels(writer: ByteWriter, labels: QueueOptions["labels"]): void {
  const names = Object.keys(labels).sort();
  writer.int(names.length);
  for (const name of names) {
    writer.text(name);
    writer.text(labels[name] ?? "");
  }
}

function readLabels(reader: ByteReader): Record<string, string> {
  const labels: [string, string][] = [];
  for (let left = reader.int(); left > 0; left--) labels.push([reader.text(), reader.text()]);
  return Object.fromEntries(labels);
}

function writeField<K extends keyof QueueOptions>(
  writer: ByteWriter,
  name: K,
  value: QueueOptions[K],
): void {
  fields[name].write(writer, value);
}

function readField<K extends keyof QueueOptions>(
  reader: ByteReader,
  name: K,
  into: Partial<Mutable<Pick<QueueOptions, K>>>,
): void {
  into[name] = fields[name].read(reader);
}

export function writeOptions(writer: ByteWriter, options: QueueOptions): void {
  for (const name of optionNames) writeField(writer, name, options[name]);
}

export function readOptions(reader: ByteReader): QueueOptions {
  const options: Partial<Mutable<QueueOptions>> = {};
  for (const name of optionNames) readField(reader, name, options);
  return options as QueueOptions;
}

export function writeChanges(writer: ByteWriter, changes: Partial<QueueOptions>): void {
  let present = 0;
  optionNames.forEach((name, bit) => {
    if (changes[name] !== undefined) present |= 1 << bit;
  });
  writer.u32(present);
  for (const name of optionNames) {
    const value = changes[name];
    if (value !== undefined) writeField(writer, name, value);
  }
}

export function readChanges(reader: ByteReader): Partial<QueueOptions> {
  const present = reader.u32();
  if (present >>> optionNames.length !== 0) throw new Error("queue: an unknown option");
  const changes: Partial<Mutable<QueueOptions>> = {};
  optionNames.forEach((name, bit) => {
    if ((present & (1 << bit)) !== 0) readField(reader, name, changes);
  });
  return changes;
}

export function writeRefusal(writer: ByteWriter, refusal: Refusal): void {
  writeOne(writer, reasons, refusal.reason);
  writer.text(refusal.message);
  writer.text(refusal.field);
  writer.int(refusal.currentToken);
  writer.text(refusal.state);
  writer.int(refusal.retryAfterMs);
}

export function readRefusal(reader: ByteReader): Refusal {
  return {
    reason: readOne(reader, reasons),
    message: reader.text(),
    field: reader.text(),
    currentToken: reader.int(),
    state: reader.text(),
    retryAfterMs: reader.int(),
  };
}

function writeEnqueued(writer: ByteWriter, enqueued: Enqueued): void {
  writer.int(enqueued.queueId);
  writer.byteString(enqueued.lane);
  writer.int(enqueued.seq);
  writer.int(enqueued.keySeq);
}

function readEnqueued(reader: ByteReader): Enqueued {
  return {
    queueId: reader.int(),
    lane: reader.byteString(),
    seq: reader.int(),
    keySeq: reader.int(),
  };
}

function writeGrant(writer: ByteWriter, grant: Grant): void {
  writer.int(grant.session);
  writer.int(grant.consumer);
  writer.int(grant.queueId);
  writer.text(grant.queue);
  writer.byteString(grant.lane);
  writer.int(grant.keySeq);
  writer.int(grant.token);
  writer.int(grant.attempts);
  writer.int(grant.deliveries);
  writer.int(grant.leaseMs);
  writeOne(writer, redeliveries, grant.redelivery);
}

function readGrant(reader: ByteReader): Grant {
  const session = reader.int();
  const consumer = reader.int();
  const queueId = reader.int();
  const queue = reader.text();
  const lane = reader.byteString();
  const keySeq = reader.int();
  return {
    session,
    consumer,
    queueId,
    queue,
    lane,
    keySeq,
    token: reader.int(),
    attempts: reader.int(),
    deliveries: reader.int(),
    leaseMs: reader.int(),
    redelivery: readOne(reader, redeliveries),
    row: messageRow(messagePrefix(queueId), lane, keySeq),
  };
}

function writeQueueInfo(writer: ByteWriter, info: QueueInfo): void {
  writer.text(info.name);
  writeOptions(writer, info.options);
  for (const value of numbersOf(info)) writer.int(value);
}

function numbersOf(info: QueueInfo): readonly number[] {
  const { nack, release, leaseExpired, sessionEnded } = info.redelivered;
  return [
    ...[info.id, info.revision, info.createdAt, info.ready, info.leased, info.retrying],
    ...[info.parked, info.bytes, info.activeKeys, info.parkedKeys, info.consumers],
    ...[info.enqueued, info.acked, info.deadLettered, info.discarded],
    ...[nack, release, leaseExpired, sessionEnded],
  ];
}

function readQueueInfo(reader: ByteReader): QueueInfo {
  const name = reader.text();
  const options = readOptions(reader);
  const [id, revision, createdAt] = [reader.int(), reader.int(), reader.int()];
  return {
    ...{ id, name, options, revision, createdAt },
    ready: reader.int(),
    leased: reader.int(),
    retrying: reader.int(),
    parked: reader.int(),
    bytes: reader.int(),
    activeKeys: reader.int(),
    parkedKeys: reader.int(),
    consumers: reader.int(),
    enqueued: reader.int(),
    acked: reader.int(),
    deadLettered: reader.int(),
    discarded: reader.int(),
    redelivered: {
      nack: reader.int(),
      release: reader.int(),
      leaseExpired: reader.int(),
      sessionEnded: reader.int(),
    },
  };
}

const replyNumber = {
  "session-opened": 1,
  done: 2,
  queue: 3,
  enqueued: 4,
  "batch-enqueued": 5,
  received: 6,
  settled: 7,
  refused: 8,
} as const satisfies Record<Reply["kind"], number>;

export function writeAnswer(writer: ByteWriter, answer: Answer): void {
  const reply = answer.reply;
  writer.u8(replyNumber[reply.kind]);
  writer.int(answer.index);
  switch (reply.kind) {
    case "session-opened":
      writer.int(reply.session);
      return;
    case "done":
      return;
    case "queue":
      writer.u8(reply.created ? 1 : 0);
      writeQueueInfo(writer, reply.queue);
      return;
    case "enqueued":
      writeEnqueued(writer, reply.message);
      return;
    case "batch-enqueued":
      writer.int(reply.messages.length);
      for (const message of reply.messages) writeEnqueued(writer, message);
      return;
    case "received":
      writer.int(reply.grants.length);
      for (const grant of reply.grants) writeGrant(writer, grant);
      return;
    case "settled":
      writer.u8(reply.already ? 1 : 0);
      return;
    case "refused":
      writeRefusal(writer, reply.refusal);
      return;
  }
}

export function readAnswer(reader: ByteReader): Answer {
  const kind = reader.u8();
  const index = reader.int();
  return { index, reply: readReply(reader, kind) };
}

function readReply(reader: ByteReader, kind: number): Reply {
  switch (kind) {
    case replyNumber["session-opened"]:
      return { kind: "session-opened", session: reader.int() };
    case replyNumber.done:
      return { kind: "done" };
    case replyNumber.queue: {
      const created = reader.u8() === 1;
      return { kind: "queue", queue: readQueueInfo(reader), created };
    }
    case replyNumber.enqueued:
      return { kind: "enqueued", message: readEnqueued(reader) };
    case replyNumber["batch-enqueued"]: {
      const messages: Enqueued[] = [];
      for (let left = reader.int(); left > 0; left--) messages.push(readEnqueued(reader));
      return { kind: "batch-enqueued", messages };
    }
    case replyNumber.received: {
      const grants: Grant[] = [];
      for (let left = reader.int(); left > 0; left--) grants.push(readGrant(reader));
      return { kind: "received", grants };
    }
    case replyNumber.settled:
      return { kind: "settled", already: reader.u8() === 1 };
    case replyNumber.refused:
      return { kind: "refused", refusal: readRefusal(reader) };
    default:
      throw new Error(`queue: unknown answer ${kind}`);
  }
}
