// `raftq.v1.ClientFrame` as the SDK writes it. Field numbers are those of queue.proto; read in client-frame-reader.ts.

import { commitSize, writeCommit, type CommitBytes, type CommitOperation } from "./commit.ts";
import {
  newMessageSize,
  optionsFieldSize,
  writeNewMessage,
  writeOptionsField,
  type MessageOptionsBytes,
  type NewMessage,
  type NewMessageBytes,
} from "./new-message.ts";
import { fieldSize, numberSize, stringSize, utf8Length, varintSize, Writer } from "./wire.ts";

/** What a command asks. `K` is how a key is spelled: text in the SDK, a byte string (`keyBytes`) in the server. */
interface Shared {
  readonly subscribe: {
    readonly op: "subscribe";
    readonly consumer: number;
    readonly queue: string;
    readonly credit: number;
    /** 0: the queue's. */
    readonly leaseMs: number;
  };
  readonly unsubscribe: { readonly op: "unsubscribe"; readonly consumer: number };
  readonly receive: {
    readonly op: "receive";
    readonly queue: string;
    readonly maxMessages: number;
    readonly maxWaitMs: number;
    readonly leaseMs: number;
  };
  readonly settle: {
    readonly op: SettleOp;
    readonly queue: string;
    readonly keySeq: number;
    readonly fencingToken: number;
    /** Nack only; undefined: the queue's back-off. */
    readonly delayMs: number | undefined;
    /** Nack and reject only; else empty. */
    readonly error: string;
    /** Extend only; else 0. */
    readonly leaseMs: number;
  };
}

export type SettleOp = "ack" | "nack" | "release" | "reject" | "extend";

/** `EXPLICIT`: the consumer settles; `ON_DELIVERY`: the server does, when the delivery is written to the stream. */
export type AckMode = "EXPLICIT" | "ON_DELIVERY";

/** A command as the SDK says it. */
export type ClientOperation =
  | ({ readonly op: "enqueue"; readonly queue: string } & NewMessage)
  | {
      readonly op: "enqueueBatch";
      readonly queue: string;
      readonly messages: readonly NewMessage[];
      /** Each for itself; absent: all or none. */
      readonly perItem?: boolean | undefined;
    }
  | (Shared["subscribe"] & {
      /** 0 or absent: no bound. */
      readonly creditBytes?: number | undefined;
      /** Absent: all. */
      readonly keys?: readonly string[] | undefined;
      readonly ackMode?: AckMode | undefined;
    })
  | Shared["unsubscribe"]
  | (Shared["receive"] & {
      readonly maxBytes?: number | undefined;
      readonly keys?: readonly string[] | undefined;
    })
  | (Shared["settle"] & { readonly key: string })
  | CommitOperation;

type Numbered<T> = T & { readonly sequence: number };

/** A command as the server gets it: values are as they came, nothing but UTF-8 is checked. */
export type ClientCommand =
  | Numbered<{
      readonly op: "enqueue";
      readonly queue: string;
      readonly keyBytes: string;
      readonly content: Uint8Array;
      readonly options: MessageOptionsBytes | undefined;
    }>
  | Numbered<{
      readonly op: "enqueueBatch";
      readonly queue: string;
      readonly messages: readonly NewMessageBytes[];
      readonly perItem: boolean;
    }>
  | Numbered<
      Shared["subscribe"] & {
        readonly creditBytes: number;
        readonly keyBytes: readonly string[];
        readonly ackMode: AckMode | "unknown";
      }
    >
  | Numbered<Shared["unsubscribe"]>
  | Numbered<
      Shared["receive"] & { readonly maxBytes: number; readonly keyBytes: readonly string[] }
    >
  | Numbered<Shared["settle"] & { readonly keyBytes: string }>
  | Numbered<{ readonly op: "commit" } & CommitBytes>
  /** An operation that this version does not know, or none: to be refused, so that its sequence is used up. */
  | Numbered<{ readonly op: "unknown" }>;

export interface ClientFrame {
  readonly attach: { readonly sessionId: string } | undefined;
  readonly firstOutstanding: number;
  readonly commands: readonly ClientCommand[];
  readonly heartbeat: number;
}

/** Tags of the operations in a Command. */
export const operationTags = {
  enqueue: 18,
  enqueueBatch: 26,
  subscribe: 34,
  unsubscribe: 42,
  receive: 50,
  ack: 58,
  nack: 66,
  release: 74,
  reject: 82,
  extend: 90,
  commit: 98,
} as const;

export const ackModeNumbers = { EXPLICIT: 0, ON_DELIVERY: 1 } as const;

/** Gathers a frame, field by field; `finish` hands it out and begins the next one. */
export class ClientFrameWriter {
  readonly #writer = new Writer();

  /** Bytes so far. */
  get size(): number {
    return this.#writer.size;
  }

  attach(sessionId: string): void {
    const length = utf8Length(sessionId);
    const size = stringSize(length);
    this.#writer.ensure(fieldSize(size));
    this.#writer.head(10, size);
    this.#writer.text(10, sessionId, length);
  }

  firstOutstanding(sequence: number): void {
    this.#writer.ensure(numberSize(sequence));
    this.#writer.number(16, sequence);
  }

  heartbeat(number: number): void {
    this.#writer.ensure(numberSize(number));
    this.#writer.number(32, number);
  }

  command(sequence: number, operation: ClientOperation): void {
    const writer = this.#writer;
    const inner = operationSize(operation);
    const size = numberSize(sequence) + fieldSize(inner);
    writer.ensure(fieldSize(size));
    writer.head(26, size);
    writer.number(8, sequence);
    writer.head(operationTags[operation.op], inner);
    writeOperation(writer, operation);
  }

  finish(): Buffer {
    return this.#writer.take();
  }
}

function operationSize(operation: ClientOperation): number {
  switch (operation.op) {
    case "enqueue":
      return (
        stringSize(utf8Length(operation.queue)) +
        stringSize(utf8Length(operation.key)) +
        fieldSize(operation.content.length) +
        optionsFieldSize(operation.options)
      );
    case "enqueueBatch": {
      let size = stringSize(utf8Length(operation.queue));
      for (const message of operation.messages) size += fieldSize(newMessageSize(message));
      return size + (operation.perItem === true ? 2 : 0);
    }
    case "subscribe":
      return (
        numberSize(operation.consumer) +
        stringSize(utf8Length(operation.queue)) +
        numberSize(operation.credit) +
        numberSize(operation.leaseMs) +
        numberSize(operation.creditBytes ?? 0) +
        keysSize(operation.keys) +
        numberSize(ackModeNumbers[operation.ackMode ?? "EXPLICIT"])
      );
    case "unsubscribe":
      return numberSize(operation.consumer);
    case "receive":
      return (
        stringSize(utf8Length(operation.queue)) +
        numberSize(operation.maxMessages) +
        numberSize(operation.maxWaitMs) +
        numberSize(operation.leaseMs) +
        numberSize(operation.maxBytes ?? 0) +
        keysSize(operation.keys)
      );
    case "ack":
    case "nack":
    case "release":
    case "reject":
    case "extend":
      return (
        stringSize(utf8Length(operation.queue)) +
        stringSize(utf8Length(operation.key)) +
        numberSize(operation.keySeq) +
        numberSize(operation.fencingToken) +
        // Present although 0: that is what `optional` is for.
        (operation.delayMs === undefined ? 0 : 1 + varintSize(operation.delayMs)) +
        stringSize(utf8Length(operation.error)) +
        numberSize(operation.leaseMs)
      );
    case "commit":
      return commitSize(operation);
  }
}

/** Elements of a repeated field are there although they are empty. */
function keysSize(keys: readonly string[] | undefined): number {
  let size = 0;
  for (const key of keys ?? []) size += fieldSize(utf8Length(key));
  return size;
}

function writeKeys(writer: Writer, keys: readonly string[] | undefined): void {
  for (const key of keys ?? []) {
    const length = utf8Length(key);
    writer.head(50, length);
    writer.utf8(key, length);
  }
}

function writeOperation(writer: Writer, operation: ClientOperation): void {
  switch (operation.op) {
    case "enqueue":
      writer.text(10, operation.queue, utf8Length(operation.queue));
      writer.text(18, operation.key, utf8Length(operation.key));
      writer.bytes(26, operation.content);
      writeOptionsField(writer, 34, operation.options);
      return;
    case "enqueueBatch":
      writer.text(10, operation.queue, utf8Length(operation.queue));
      for (const message of operation.messages) {
        writer.head(18, newMessageSize(message));
        writeNewMessage(writer, message);
      }
      writer.number(24, operation.perItem === true ? 1 : 0);
      return;
    case "subscribe":
      writer.number(8, operation.consumer);
      writer.text(18, operation.queue, utf8Length(operation.queue));
      writer.number(24, operation.credit);
      writer.number(32, operation.leaseMs);
      writer.number(40, operation.creditBytes ?? 0);
      writeKeys(writer, operation.keys);
      writer.number(56, ackModeNumbers[operation.ackMode ?? "EXPLICIT"]);
      return;
    case "unsubscribe":
      writer.number(8, operation.consumer);
      return;
    case "receive":
      writer.text(10, operation.queue, utf8Length(operation.queue));
      writer.number(16, operation.maxMessages);
      writer.number(24, operation.maxWaitMs);
      writer.number(32, operation.leaseMs);
      writer.number(40, operation.maxBytes ?? 0);
      writeKeys(writer, operation.keys);
      return;
    case "ack":
    case "nack":
    case "release":
    case "reject":
    case "extend":
      writer.text(10, operation.queue, utf8Length(operation.queue));
      writer.text(18, operation.key, utf8Length(operation.key));
      writer.number(24, operation.keySeq);
      writer.number(32, operation.fencingToken);
      if (operation.delayMs !== undefined) writer.head(40, operation.delayMs);
      writer.text(50, operation.error, utf8Length(operation.error));
      writer.number(56, operation.leaseMs);
      return;
    case "commit":
      writeCommit(writer, operation);
  }
}
