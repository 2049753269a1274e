// Answers as they are remembered, as bytes and back. Numbers are for ever.

import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { Answer, Enqueued, Grant, QueueInfo, Refusal, Reply } from "./command.ts";
import { readManaged, writeManaged } from "./manage-codec.ts";
import {
  hasOldOptionsOnly,
  readNewOptions,
  readOptions,
  writeNewOptions,
  writeOptions,
} from "./option-codec.ts";
import { readFilter, writeFilter } from "./topic-codec.ts";
import { readOne, readRefusal, writeOne, writeRefusal } from "./value-codec.ts";

const redeliveries: readonly Grant["redelivery"][] = [
  "",
  "nack",
  "release",
  "lease-expired",
  "session-ended",
];
/** Of version 2. */
function writeRefusalWithSeq(writer: ByteWriter, refusal: Refusal): void {
  writeRefusal(writer, refusal);
  writer.int(refusal.currentKeySeq === undefined ? 0 : refusal.currentKeySeq + 1);
}

function readRefusalWithSeq(reader: ByteReader): Refusal {
  const refusal = readRefusal(reader);
  const current = reader.int();
  return current === 0 ? refusal : { ...refusal, currentKeySeq: current - 1 };
}

function writeAnyEnqueued(writer: ByteWriter, enqueued: Enqueued): void {
  writeEnqueued(writer, enqueued);
  writer.u8(enqueued.deduplicated === true ? 1 : 0);
}

function readAnyEnqueued(reader: ByteReader): Enqueued {
  const enqueued = readEnqueued(reader);
  return reader.u8() === 1 ? { ...enqueued, deduplicated: true } : enqueued;
}

function writeItem(writer: ByteWriter, item: Enqueued | Refusal): void {
  writer.u8("reason" in item ? 1 : 0);
  if ("reason" in item) writeRefusalWithSeq(writer, item);
  else writeAnyEnqueued(writer, item);
}

function readItem(reader: ByteReader): Enqueued | Refusal {
  return reader.u8() === 1 ? readRefusalWithSeq(reader) : readAnyEnqueued(reader);
}

function writeList<T>(
  writer: ByteWriter,
  all: readonly T[],
  write: (writer: ByteWriter, one: T) => void,
): void {
  writer.int(all.length);
  for (const one of all) write(writer, one);
}

function readList<T>(reader: ByteReader, read: (reader: ByteReader) => T): T[] {
  const all: T[] = [];
  for (let left = reader.int(); left > 0; left--) all.push(read(reader));
  return all;
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
    message: undefined,
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
    ...noNewInfo,
  };
}

const noNewInfo = {
  delayed: 0,
  expired: 0,
  cancelled: 0,
  skipped: 0,
  redriven: 0,
  deduplicated: 0,
  pausedKeys: 0,
  owner: 0,
  subscription: undefined,
};

function newNumbersOf(info: QueueInfo): readonly number[] {
  const { delayed, expired, cancelled, skipped, redriven, deduplicated } = info;
  return [
    delayed,
    expired,
    cancelled,
    skipped,
    redriven,
    deduplicated,
    info.pausedKeys,
    info.owner,
  ];
}

function isOldInfo(info: QueueInfo): boolean {
  const { options, subscription } = info;
  const plain = subscription === undefined && newNumbersOf(info).every((one) => one === 0);
  return plain && hasOldOptionsOnly(options);
}

function writeAnyQueueInfo(writer: ByteWriter, info: QueueInfo): void {
  writeQueueInfo(writer, info);
  writeNewOptions(writer, info.options);
  for (const value of newNumbersOf(info)) writer.int(value);
  const { subscription } = info;
  writer.u8(subscription === undefined ? 0 : 1);
  if (subscription === undefined) return;
  writer.text(subscription.topic);
  writeFilter(writer, subscription.filter);
  writer.int(subscription.catchingUpFrom);
}

function readAnyQueueInfo(reader: ByteReader): QueueInfo {
  const old = readQueueInfo(reader);
  return {
    ...old,
    options: { ...old.options, ...readNewOptions(reader) },
    delayed: reader.int(),
    expired: reader.int(),
    cancelled: reader.int(),
    skipped: reader.int(),
    redriven: reader.int(),
    deduplicated: reader.int(),
    pausedKeys: reader.int(),
    owner: reader.int(),
    subscription:
      reader.u8() === 0
        ? undefined
        : { topic: reader.text(), filter: readFilter(reader), catchingUpFrom: reader.int() },
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
  committed: 9,
  resolved: 10,
  redriven: 11,
  purged: 12,
  topic: 13,
  "items-enqueued": 14,
} as const satisfies Record<Reply["kind"], number>;

/** Of answers that say what the first rules did not know. */
const widerNumber = { queue: 15, enqueued: 16, "batch-enqueued": 17, refused: 18 } as const;

type Widened = Extract<Reply, { kind: keyof typeof widerNumber }>;

function isWider(reply: Reply): boolean {
  if (reply.kind === "queue") return !isOldInfo(reply.queue);
  if (reply.kind === "enqueued") return isRepeated(reply.message);
  if (reply.kind === "batch-enqueued") return reply.messages.some(isRepeated);
  return reply.kind === "refused" && reply.refusal.currentKeySeq !== undefined;
}

function isRepeated(message: Enqueued): boolean {
  return message.deduplicated === true;
}

function writeWider(writer: ByteWriter, index: number, reply: Widened): void {
  writer.u8(widerNumber[reply.kind]);
  writer.int(index);
  switch (reply.kind) {
    case "queue":
      writer.u8(reply.created ? 1 : 0);
      writeAnyQueueInfo(writer, reply.queue);
      return;
    case "enqueued":
      writeAnyEnqueued(writer, reply.message);
      return;
    case "batch-enqueued":
      writeList(writer, reply.messages, writeAnyEnqueued);
      return;
    case "refused":
      writeRefusalWithSeq(writer, reply.refusal);
      return;
  }
}

function readWider(reader: ByteReader, kind: number): Reply {
  switch (kind) {
    case widerNumber.queue: {
      const created = reader.u8() === 1;
      return { kind: "queue", queue: readAnyQueueInfo(reader), created };
    }
    case widerNumber.enqueued:
      return { kind: "enqueued", message: readAnyEnqueued(reader) };
    case widerNumber["batch-enqueued"]:
      return { kind: "batch-enqueued", messages: readList(reader, readAnyEnqueued) };
    case widerNumber.refused:
      return { kind: "refused", refusal: readRefusalWithSeq(reader) };
    default:
      throw new Error(`queue: unknown answer ${kind}`);
  }
}

export function writeAnswer(writer: ByteWriter, answer: Answer): void {
  const reply = answer.reply;
  if (isWider(reply)) {
    writeWider(writer, answer.index, reply as Widened);
    return;
  }
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
    case "resolved":
    case "redriven":
    case "purged":
    case "topic":
      writeManaged(writer, reply);
      return;
    case "committed":
      writeList(writer, reply.messages, writeAnyEnqueued);
      return;
    case "items-enqueued":
      writeList(writer, reply.items, writeItem);
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
    case replyNumber.resolved:
      return readManaged(reader, "resolved");
    case replyNumber.redriven:
      return readManaged(reader, "redriven");
    case replyNumber.purged:
      return readManaged(reader, "purged");
    case replyNumber.topic:
      return readManaged(reader, "topic");
    case replyNumber.committed:
      return { kind: "committed", messages: readList(reader, readAnyEnqueued) };
    case replyNumber["items-enqueued"]:
      return { kind: "items-enqueued", items: readList(reader, readItem) };
    default:
      return readWider(reader, kind);
  }
}
