// `raftq.v1.ClientFrame` as the server reads it. Field numbers are those of queue.proto; written in client-frame.ts.

import {
  type AckMode,
  ackModeNumbers,
  type ClientCommand,
  type ClientFrame,
  operationTags,
  type SettleOp,
} from "./client-frame.ts";
import { readCommit } from "./commit.ts";
import {
  type MessageOptionsBytes,
  type NewMessageBytes,
  readNewMessage,
  readOptions,
} from "./new-message.ts";
import { MalformedFrame, Reader, repeatedMax } from "./wire.ts";

const noContent = Buffer.alloc(0);

/** Contents are views into `bytes`. @throws {MalformedFrame} */
export function decodeClientFrame(bytes: Uint8Array): ClientFrame {
  const reader = new Reader(bytes);
  let attach: ClientFrame["attach"];
  let firstOutstanding = 0;
  let heartbeat = 0;
  const commands: ClientCommand[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 10:
        attach = { sessionId: readSessionId(reader) };
        break;
      case 16:
        firstOutstanding = reader.varint();
        break;
      case 26:
        if (commands.length === repeatedMax)
          throw new MalformedFrame("too many commands in one frame");
        commands.push(readCommand(reader));
        break;
      case 32:
        heartbeat = reader.varint();
        break;
      default:
        reader.skip(tag);
    }
  }
  return { attach, firstOutstanding, commands, heartbeat };
}

function readSessionId(reader: Reader): string {
  let sessionId = "";
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) sessionId = reader.text();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return sessionId;
}

function readCommand(reader: Reader): ClientCommand {
  const outer = reader.enter();
  // The number comes first in every encoding we know of, but protobuf does not promise that: then it is set afterwards.
  let sequence = 0;
  let command: { -readonly [F in keyof ClientCommand]: ClientCommand[F] } | undefined;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8) {
      sequence = reader.varint();
      if (command !== undefined) command.sequence = sequence;
      continue;
    }
    command = readOperation(reader, tag, sequence) ?? command;
  }
  reader.leave(outer);
  return (command as ClientCommand | undefined) ?? { op: "unknown", sequence };
}

function readOperation(reader: Reader, tag: number, sequence: number): ClientCommand | undefined {
  switch (tag) {
    case operationTags.enqueue:
      return readEnqueue(reader, sequence);
    case operationTags.enqueueBatch:
      return readEnqueueBatch(reader, sequence);
    case operationTags.subscribe:
      return readSubscribe(reader, sequence);
    case operationTags.unsubscribe:
      return readUnsubscribe(reader, sequence);
    case operationTags.receive:
      return readReceive(reader, sequence);
    case operationTags.ack:
      return readSettle(reader, sequence, "ack");
    case operationTags.nack:
      return readSettle(reader, sequence, "nack");
    case operationTags.release:
      return readSettle(reader, sequence, "release");
    case operationTags.reject:
      return readSettle(reader, sequence, "reject");
    case operationTags.extend:
      return readSettle(reader, sequence, "extend");
    case operationTags.commit:
      return { op: "commit", sequence, ...readCommit(reader) };
    default:
      reader.skip(tag);
      return undefined;
  }
}

function readEnqueue(reader: Reader, sequence: number): ClientCommand {
  let queue = "";
  let keyBytes = "";
  let content: Uint8Array = noContent;
  let options: MessageOptionsBytes | undefined;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) queue = reader.name();
    else if (tag === 18) keyBytes = reader.byteString();
    else if (tag === 26) content = reader.bytes();
    else if (tag === 34) options = readOptions(reader);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { op: "enqueue", sequence, queue, keyBytes, content, options };
}

function readEnqueueBatch(reader: Reader, sequence: number): ClientCommand {
  let queue = "";
  const messages: NewMessageBytes[] = [];
  let perItem = false;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) queue = reader.name();
    else if (tag === 18) {
      if (messages.length === repeatedMax)
        throw new MalformedFrame("too many messages in one batch");
      messages.push(readNewMessage(reader));
    } else if (tag === 24) perItem = reader.boolean();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { op: "enqueueBatch", sequence, queue, messages, perItem };
}

function readSubscribe(reader: Reader, sequence: number): ClientCommand {
  let consumer = 0;
  let queue = "";
  let credit = 0;
  let leaseMs = 0;
  let creditBytes = 0;
  const keyBytes: string[] = [];
  let ackMode: AckMode | "unknown" = "EXPLICIT";
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8) consumer = reader.varint();
    else if (tag === 18) queue = reader.name();
    else if (tag === 24) credit = reader.varint();
    else if (tag === 32) leaseMs = reader.varint();
    else if (tag === 40) creditBytes = reader.varint();
    else if (tag === 50) pushKey(reader, keyBytes);
    else if (tag === 56) ackMode = ackModeOf(reader.int32());
    else reader.skip(tag);
  }
  reader.leave(outer);
  return {
    op: "subscribe",
    sequence,
    consumer,
    queue,
    credit,
    leaseMs,
    creditBytes,
    keyBytes,
    ackMode,
  };
}

function pushKey(reader: Reader, keys: string[]): void {
  if (keys.length === repeatedMax) throw new MalformedFrame("too many keys in one command");
  keys.push(reader.byteString());
}

function ackModeOf(number: number): AckMode | "unknown" {
  if (number === ackModeNumbers.EXPLICIT) return "EXPLICIT";
  return number === ackModeNumbers.ON_DELIVERY ? "ON_DELIVERY" : "unknown";
}

function readUnsubscribe(reader: Reader, sequence: number): ClientCommand {
  let consumer = 0;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8) consumer = reader.varint();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { op: "unsubscribe", sequence, consumer };
}

function readReceive(reader: Reader, sequence: number): ClientCommand {
  let queue = "";
  let maxMessages = 0;
  let maxWaitMs = 0;
  let leaseMs = 0;
  let maxBytes = 0;
  const keyBytes: string[] = [];
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) queue = reader.name();
    else if (tag === 16) maxMessages = reader.varint();
    else if (tag === 24) maxWaitMs = reader.varint();
    else if (tag === 32) leaseMs = reader.varint();
    else if (tag === 40) maxBytes = reader.varint();
    else if (tag === 50) pushKey(reader, keyBytes);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { op: "receive", sequence, queue, maxMessages, maxWaitMs, leaseMs, maxBytes, keyBytes };
}

function readSettle(reader: Reader, sequence: number, op: SettleOp): ClientCommand {
  let queue = "";
  let keyBytes = "";
  let keySeq = 0;
  let fencingToken = 0;
  let delayMs: number | undefined;
  let error = "";
  let leaseMs = 0;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 10:
        queue = reader.name();
        break;
      case 18:
        keyBytes = reader.byteString();
        break;
      case 24:
        keySeq = reader.varint();
        break;
      case 32:
        fencingToken = reader.varint();
        break;
      case 40:
        delayMs = reader.varint();
        break;
      case 50:
        error = reader.text();
        break;
      case 56:
        leaseMs = reader.varint();
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  return { op, sequence, queue, keyBytes, keySeq, fencingToken, delayMs, error, leaseMs };
}
