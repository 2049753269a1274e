// One command as bytes, and back. A kind's number is for ever: a new kind takes a new one.

import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { LogRecord } from "./codec.ts";
import type { Command, LeaseRef, NewMessage, Origin, Settlement } from "./command.ts";
import {
  readChanges,
  readOptions,
  readRefusal,
  writeChanges,
  writeOptions,
  writeRefusal,
} from "./value-codec.ts";
import { NewerRules } from "./version.ts";

export const kindNumber = {
  "open-session": 1,
  "close-session": 2,
  "keep-alive": 3,
  attach: 4,
  detach: 5,
  "create-queue": 6,
  "update-queue": 7,
  "delete-queue": 8,
  enqueue: 9,
  "enqueue-batch": 10,
  subscribe: 11,
  unsubscribe: 12,
  receive: 13,
  settle: 14,
  tick: 15,
  refuse: 16,
  "raise-version": 17,
} as const satisfies Record<Command["kind"], number>;

const settlementNumber = { ack: 1, nack: 2, release: 3, reject: 4, extend: 5 } as const;

export function writeCommand(writer: ByteWriter, origin: Origin, command: Command): void {
  writer.u8(kindNumber[command.kind]);
  writer.int(origin.session);
  writer.int(origin.sequence);
  writer.int(origin.floor);
  switch (command.kind) {
    case "close-session":
    case "attach":
    case "detach":
    case "tick":
      return;
    case "open-session":
      writer.text(command.name);
      writer.int(command.ttlMs);
      return;
    case "keep-alive":
      writer.int(command.sessions.length);
      for (const session of command.sessions) writer.int(session);
      return;
    case "create-queue":
      writer.text(command.name);
      writeOptions(writer, command.options);
      return;
    case "update-queue":
      writer.text(command.name);
      writer.int(command.revision);
      writeChanges(writer, command.changes);
      return;
    case "delete-queue":
      writer.text(command.name);
      writer.int(command.revision);
      writer.u8(command.ifEmpty ? 1 : 0);
      return;
    case "enqueue":
      writer.text(command.queue);
      writeMessage(writer, command.message);
      return;
    case "enqueue-batch":
      writer.text(command.queue);
      writer.int(command.messages.length);
      for (const message of command.messages) writeMessage(writer, message);
      return;
    case "subscribe":
      writer.int(command.consumer);
      writer.text(command.queue);
      writer.int(command.credit);
      writer.int(command.leaseMs);
      return;
    case "unsubscribe":
      writer.int(command.consumer);
      return;
    case "receive":
      writer.text(command.queue);
      writer.int(command.maxMessages);
      writer.int(command.maxWaitMs);
      writer.int(command.leaseMs);
      return;
    case "settle":
      writeLease(writer, command.lease);
      writeSettlement(writer, command.settlement);
      return;
    case "raise-version":
      writer.int(command.version);
      return;
    case "refuse":
      writeRefusal(writer, command.refusal);
      return;
  }
}

export function readCommand(reader: ByteReader): LogRecord {
  const kind = reader.u8();
  const origin = { session: reader.int(), sequence: reader.int(), floor: reader.int() };
  return { origin, command: readKind(reader, kind) };
}

function readKind(reader: ByteReader, kind: number): Command {
  switch (kind) {
    case kindNumber.enqueue:
      return { kind: "enqueue", queue: reader.text(), message: readMessage(reader) };
    case kindNumber.settle:
      return { kind: "settle", lease: readLease(reader), settlement: readSettlement(reader) };
    case kindNumber["enqueue-batch"]: {
      const queue = reader.text();
      const messages: NewMessage[] = [];
      for (let left = reader.int(); left > 0; left--) messages.push(readMessage(reader));
      return { kind: "enqueue-batch", queue, messages };
    }
    case kindNumber["open-session"]:
      return { kind: "open-session", name: reader.text(), ttlMs: reader.int() };
    case kindNumber["close-session"]:
      return { kind: "close-session" };
    case kindNumber["keep-alive"]: {
      const sessions: number[] = [];
      for (let left = reader.int(); left > 0; left--) sessions.push(reader.int());
      return { kind: "keep-alive", sessions };
    }
    case kindNumber.attach:
      return { kind: "attach" };
    case kindNumber.detach:
      return { kind: "detach" };
    case kindNumber["create-queue"]:
      return { kind: "create-queue", name: reader.text(), options: readOptions(reader) };
    case kindNumber["update-queue"]: {
      const name = reader.text();
      const revision = reader.int();
      return { kind: "update-queue", name, revision, changes: readChanges(reader) };
    }
    case kindNumber["delete-queue"]: {
      const name = reader.text();
      const revision = reader.int();
      return { kind: "delete-queue", name, revision, ifEmpty: reader.u8() === 1 };
    }
    default:
      return readConsuming(reader, kind);
  }
}

function readConsuming(reader: ByteReader, kind: number): Command {
  switch (kind) {
    case kindNumber.subscribe: {
      const consumer = reader.int();
      const queue = reader.text();
      const credit = reader.int();
      return { kind: "subscribe", consumer, queue, credit, leaseMs: reader.int() };
    }
    case kindNumber.unsubscribe:
      return { kind: "unsubscribe", consumer: reader.int() };
    case kindNumber.receive: {
      const queue = reader.text();
      const maxMessages = reader.int();
      const maxWaitMs = reader.int();
      return { kind: "receive", queue, maxMessages, maxWaitMs, leaseMs: reader.int() };
    }
    case kindNumber.tick:
      return { kind: "tick" };
    case kindNumber.refuse:
      return { kind: "refuse", refusal: readRefusal(reader) };
    case kindNumber["raise-version"]:
      return { kind: "raise-version", version: reader.int() };
    default:
      throw new NewerRules(`a command of kind ${kind}`);
  }
}

function writeMessage(writer: ByteWriter, message: NewMessage): void {
  writer.byteString(message.key);
  writer.blob(message.content);
}

function readMessage(reader: ByteReader): NewMessage {
  const key = reader.byteString();
  return { key, content: reader.blob() };
}

function writeLease(writer: ByteWriter, lease: LeaseRef): void {
  writer.text(lease.queue);
  writer.byteString(lease.lane);
  writer.int(lease.keySeq);
  writer.int(lease.token);
}

function readLease(reader: ByteReader): LeaseRef {
  const queue = reader.text();
  const lane = reader.byteString();
  const keySeq = reader.int();
  return { queue, lane, keySeq, token: reader.int() };
}

function writeSettlement(writer: ByteWriter, settlement: Settlement): void {
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

function readSettlement(reader: ByteReader): Settlement {
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
