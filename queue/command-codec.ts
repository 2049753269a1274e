// One command as bytes, and back. The number of each kind is in command-kind.ts.

import { assert } from "./assert.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { LogRecord } from "./codec.ts";
import type { Command, NewMessage, Origin } from "./command.ts";
import { isWider, kindNumber, widerNumber } from "./command-kind.ts";
import { readChoice, readManaging, writeChoice, writeManaging } from "./manage-codec.ts";
import * as messages from "./message-codec.ts";
import { readPublishing, writePublishing } from "./topic-codec.ts";
import {
  readAllOptions,
  readChanges,
  readOptions,
  writeChanges,
  writeNewOptions,
  writeOptions,
} from "./option-codec.ts";
import { readRefusal, writeRefusal } from "./value-codec.ts";
import { NewerRules } from "./version.ts";

function widerNumberOf(kind: Command["kind"]): number {
  assert(kind in widerNumber, "a kind of command without a second number");
  return widerNumber[kind as keyof typeof widerNumber];
}

type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;

export function writeCommand(writer: ByteWriter, origin: Origin, command: Command): void {
  const wider = isWider(command);
  writer.u8(wider ? widerNumberOf(command.kind) : kindNumber[command.kind]);
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
    case "update-queue":
    case "delete-queue":
      writeDefining(writer, command, wider);
      return;
    case "enqueue":
    case "enqueue-batch":
      writeProducing(writer, command, wider);
      return;
    case "subscribe":
    case "unsubscribe":
    case "receive":
      writeConsuming(writer, command, wider);
      return;
    case "settle":
      messages.writeLease(writer, command.lease);
      messages.writeSettlement(writer, command.settlement);
      return;
    case "raise-version":
      writer.int(command.version);
      return;
    case "refuse":
      writeRefusal(writer, command.refusal);
      return;
    case "resolve-parked":
    case "redrive":
    case "cancel":
    case "purge":
    case "pause-key":
    case "create-temporary-queue":
      writeManaging(writer, command);
      return;
    case "create-topic":
    case "update-topic":
    case "delete-topic":
    case "create-subscription":
    case "replay":
      writePublishing(writer, command);
      return;
    case "commit":
      messages.writeCommit(writer, command);
      return;
  }
}

function writeDefining(
  writer: ByteWriter,
  command: Of<"create-queue" | "update-queue" | "delete-queue">,
  wider: boolean,
): void {
  writer.text(command.name);
  switch (command.kind) {
    case "create-queue":
      writeOptions(writer, command.options);
      if (wider) writeNewOptions(writer, command.options);
      return;
    case "update-queue":
      writer.int(command.revision);
      writeChanges(writer, command.changes);
      return;
    case "delete-queue":
      writer.int(command.revision);
      writer.u8(command.ifEmpty ? 1 : 0);
      return;
  }
}

function writeProducing(
  writer: ByteWriter,
  command: Of<"enqueue" | "enqueue-batch">,
  wider: boolean,
): void {
  const write = wider ? messages.writeAnyMessage : messages.writeMessage;
  writer.text(command.queue);
  if (command.kind === "enqueue") {
    write(writer, command.message);
    return;
  }
  writer.int(command.messages.length);
  if (wider) writer.u8(command.perItem === true ? 1 : 0);
  for (const message of command.messages) write(writer, message);
}

function writeConsuming(
  writer: ByteWriter,
  command: Of<"subscribe" | "unsubscribe" | "receive">,
  wider: boolean,
): void {
  switch (command.kind) {
    case "subscribe":
      writer.int(command.consumer);
      writer.text(command.queue);
      writer.int(command.credit);
      writer.int(command.leaseMs);
      if (wider) writeChoice(writer, command.creditBytes, command.keys);
      return;
    case "unsubscribe":
      writer.int(command.consumer);
      return;
    case "receive":
      writer.text(command.queue);
      writer.int(command.maxMessages);
      writer.int(command.maxWaitMs);
      writer.int(command.leaseMs);
      if (wider) writeChoice(writer, command.maxBytes, command.keys);
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
      return { kind: "enqueue", queue: reader.text(), message: messages.readMessage(reader) };
    case kindNumber.settle:
      return {
        kind: "settle",
        lease: messages.readLease(reader),
        settlement: messages.readSettlement(reader),
      };
    case kindNumber["enqueue-batch"]: {
      const queue = reader.text();
      return {
        kind: "enqueue-batch",
        queue,
        messages: readBatch(reader, reader.int(), messages.readMessage),
      };
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
    case kindNumber.subscribe:
      return readSubscribe(reader);
    case widerNumber.subscribe: {
      const command = readSubscribe(reader);
      const { bytes, keys } = readChoice(reader);
      return { ...command, creditBytes: bytes, keys };
    }
    case kindNumber.unsubscribe:
      return { kind: "unsubscribe", consumer: reader.int() };
    case kindNumber.receive:
      return readReceive(reader);
    case widerNumber.receive: {
      const command = readReceive(reader);
      const { bytes, keys } = readChoice(reader);
      return { ...command, maxBytes: bytes, keys };
    }
    case kindNumber.tick:
      return { kind: "tick" };
    case kindNumber.refuse:
      return { kind: "refuse", refusal: readRefusal(reader) };
    case kindNumber["raise-version"]:
      return { kind: "raise-version", version: reader.int() };
    case kindNumber["resolve-parked"]:
      return readManaging(reader, "resolve-parked");
    case kindNumber.redrive:
      return readManaging(reader, "redrive");
    case kindNumber.cancel:
      return readManaging(reader, "cancel");
    case kindNumber.purge:
      return readManaging(reader, "purge");
    case kindNumber["pause-key"]:
      return readManaging(reader, "pause-key");
    case kindNumber["create-temporary-queue"]:
      return readManaging(reader, "create-temporary-queue");
    case kindNumber["create-topic"]:
      return readPublishing(reader, "create-topic");
    case kindNumber["update-topic"]:
      return readPublishing(reader, "update-topic");
    case kindNumber["delete-topic"]:
      return readPublishing(reader, "delete-topic");
    case kindNumber["create-subscription"]:
      return readPublishing(reader, "create-subscription");
    case kindNumber.replay:
      return readPublishing(reader, "replay");
    default:
      return readWider(reader, kind);
  }
}

function readWider(reader: ByteReader, kind: number): Command {
  switch (kind) {
    case widerNumber.enqueue:
      return { kind: "enqueue", queue: reader.text(), message: messages.readAnyMessage(reader) };
    case widerNumber["enqueue-batch"]: {
      const queue = reader.text();
      const count = reader.int();
      const perItem = reader.u8() === 1;
      const batch = readBatch(reader, count, messages.readAnyMessage);
      return { kind: "enqueue-batch", queue, messages: batch, ...(perItem ? { perItem } : {}) };
    }
    case widerNumber["create-queue"]:
      return { kind: "create-queue", name: reader.text(), options: readAllOptions(reader) };
    case widerNumber["update-queue"]: {
      const name = reader.text();
      const revision = reader.int();
      return { kind: "update-queue", name, revision, changes: readChanges(reader) };
    }
    case kindNumber.commit:
      return messages.readCommit(reader);
    default:
      throw new NewerRules(`a command of kind ${kind}`);
  }
}

function readBatch(
  reader: ByteReader,
  count: number,
  read: (reader: ByteReader) => NewMessage,
): NewMessage[] {
  return Array.from({ length: count }, () => read(reader));
}

function readSubscribe(reader: ByteReader): Of<"subscribe"> {
  const consumer = reader.int();
  const queue = reader.text();
  const credit = reader.int();
  return { kind: "subscribe", consumer, queue, credit, leaseMs: reader.int() };
}

function readReceive(reader: ByteReader): Of<"receive"> {
  const queue = reader.text();
  const maxMessages = reader.int();
  const maxWaitMs = reader.int();
  return { kind: "receive", queue, maxMessages, maxWaitMs, leaseMs: reader.int() };
}
