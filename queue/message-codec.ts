// New messages as commands carry them, and commits, as bytes and back.

import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { Command, Condition, LeaseRef, MessageExtras, NewMessage } from "./command.ts";
import type { Settlement } from "./command.ts";
import { readStrings, writeStrings } from "./value-codec.ts";

export function writeMessage(writer: ByteWriter, message: NewMessage): void {
  writer.byteString(message.key);
  writer.blob(message.content);
}

export function readMessage(reader: ByteReader): NewMessage {
  const key = reader.byteString();
  return { key, content: reader.blob() };
}

/** With what rules of version 2 may say. */
export function writeAnyMessage(writer: ByteWriter, message: NewMessage): void {
  writeMessage(writer, message);
  const extras = message.extras;
  writer.u8(extras === undefined ? 0 : 1);
  if (extras === undefined) return;
  writer.byteString(extras.dedupId);
  writer.int(extras.expectKeySeq);
  writer.int(extras.notBefore);
  writer.int(extras.expiresAt);
  writer.int(extras.ttlMs);
  writer.int(extras.delayMs);
  writer.int(extras.priority);
  writeStrings(writer, extras.headers);
}

export function readAnyMessage(reader: ByteReader): NewMessage {
  const message = readMessage(reader);
  return reader.u8() === 0 ? message : { ...message, extras: readExtras(reader) };
}

function readExtras(reader: ByteReader): MessageExtras {
  return {
    dedupId: reader.byteString(),
    expectKeySeq: reader.int(),
    notBefore: reader.int(),
    expiresAt: reader.int(),
    ttlMs: reader.int(),
    delayMs: reader.int(),
    priority: reader.int(),
    headers: readStrings(reader),
  };
}

export function writeLease(writer: ByteWriter, lease: LeaseRef): void {
  writer.text(lease.queue);
  writer.byteString(lease.lane);
  writer.int(lease.keySeq);
  writer.int(lease.token);
}

export function readLease(reader: ByteReader): LeaseRef {
  const queue = reader.text();
  const lane = reader.byteString();
  const keySeq = reader.int();
  return { queue, lane, keySeq, token: reader.int() };
}

const settlementNumber = { ack: 1, nack: 2, release: 3, reject: 4, extend: 5 } as const;

export function writeSettlement(writer: ByteWriter, settlement: Settlement): void {
  writer.u8(settlementNumber[settlement.kind]);
  switch (settlement.kind) {
    case "ack":
    case "release":
      return;
    case "nack":
      writer.int(settlement.delayMs === undefined ? 0 : settlement.delayMs + 1);
      writer.text(settlement.error);
      return;
    case "reject":
      writer.text(settlement.error);
      return;
    case "extend":
      writer.int(settlement.leaseMs);
      return;
  }
}

const ack: Settlement = { kind: "ack" };
const release: Settlement = { kind: "release" };

export function readSettlement(reader: ByteReader): Settlement {
  const kind = reader.u8();
  switch (kind) {
    case settlementNumber.ack:
      return ack;
    case settlementNumber.release:
      return release;
    case settlementNumber.nack: {
      const delay = reader.int();
      return { kind: "nack", delayMs: delay === 0 ? undefined : delay - 1, error: reader.text() };
    }
    case settlementNumber.reject:
      return { kind: "reject", error: reader.text() };
    case settlementNumber.extend:
      return { kind: "extend", leaseMs: reader.int() };
    default:
      throw new Error(`queue: unknown settlement ${kind}`);
  }
}

type Commit = Extract<Command, { kind: "commit" }>;

export function writeCommit(writer: ByteWriter, commit: Commit): void {
  writer.int(commit.conditions.length);
  for (const condition of commit.conditions) writeCondition(writer, condition);
  writer.int(commit.settles.length);
  for (const { lease, settlement } of commit.settles) {
    writeLease(writer, lease);
    writeSettlement(writer, settlement);
  }
  writer.int(commit.enqueues.length);
  for (const { queue, message } of commit.enqueues) {
    writer.text(queue);
    writeAnyMessage(writer, message);
  }
}

export function readCommit(reader: ByteReader): Commit {
  const conditions: Condition[] = [];
  for (let left = reader.int(); left > 0; left--) conditions.push(readCondition(reader));
  const settles: Commit["settles"][number][] = [];
  for (let left = reader.int(); left > 0; left--) {
    const lease = readLease(reader);
    settles.push({ lease, settlement: readSettlement(reader) });
  }
  const enqueues: Commit["enqueues"][number][] = [];
  for (let left = reader.int(); left > 0; left--) {
    const queue = reader.text();
    enqueues.push({ queue, message: readAnyMessage(reader) });
  }
  return { kind: "commit", settles, enqueues, conditions };
}

const conditionNumber = { tail: 1, length: 2, lease: 3 } as const;

function writeCondition(writer: ByteWriter, condition: Condition): void {
  writer.u8(conditionNumber[condition.kind]);
  if (condition.kind === "lease") {
    writeLease(writer, condition.lease);
    return;
  }
  writer.text(condition.queue);
  writer.byteString(condition.lane);
  writer.int(condition.kind === "tail" ? condition.keySeq : condition.messages);
}

function readCondition(reader: ByteReader): Condition {
  const kind = reader.u8();
  if (kind === conditionNumber.lease) return { kind: "lease", lease: readLease(reader) };
  const queue = reader.text();
  const lane = reader.byteString();
  const value = reader.int();
  if (kind === conditionNumber.tail) return { kind: "tail", queue, lane, keySeq: value };
  if (kind === conditionNumber.length) return { kind: "length", queue, lane, messages: value };
  throw new Error(`queue: unknown condition ${kind}`);
}
