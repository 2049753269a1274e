// `raftq.v1.ClientFrame` as the SDK writes it. Field numbers are those of queue.proto; read in client-frame-reader.ts.

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

interface NewMessage {
  readonly key: string;
  /** A serialized `raftq.v1.Content`. */
  readonly content: Uint8Array;
}

/** A command as the SDK says it. */
export type ClientOperation =
  | {
      readonly op: "enqueue";
      readonly queue: string;
      readonly key: string;
      readonly content: Uint8Array;
    }
  | {
      readonly op: "enqueueBatch";
      readonly queue: string;
      readonly messages: readonly NewMessage[];
    }
  | Shared["subscribe"]
  | Shared["unsubscribe"]
  | Shared["receive"]
  | (Shared["settle"] & { readonly key: string });

export interface NewMessageBytes {
  /** UTF-8, one char per byte. */
  readonly keyBytes: string;
  /** A view into the frame: a serialized `raftq.v1.Content`, not looked into. */
  readonly content: Uint8Array;
}

type Numbered<T> = T & { readonly sequence: number };

/** A command as the server gets it: values are as they came, nothing but UTF-8 is checked. */
export type ClientCommand =
  | Numbered<{
      readonly op: "enqueue";
      readonly queue: string;
      readonly keyBytes: string;
      readonly content: Uint8Array;
    }>
  | Numbered<{
      readonly op: "enqueueBatch";
      readonly queue: string;
      readonly messages: readonly NewMessageBytes[];
    }>
  | Numbered<Shared["subscribe"]>
  | Numbered<Shared["unsubscribe"]>
  | Numbered<Shared["receive"]>
  | Numbered<Shared["settle"] & { readonly keyBytes: string }>
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
} as const;

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
        fieldSize(operation.content.length)
      );
    case "enqueueBatch": {
      let size = stringSize(utf8Length(operation.queue));
      for (const message of operation.messages) size += fieldSize(messageSize(message));
      return size;
    }
    case "subscribe":
      return (
        numberSize(operation.consumer) +
        stringSize(utf8Length(operation.queue)) +
        numberSize(operation.credit) +
        numberSize(operation.leaseMs)
      );
    case "unsubscribe":
      return numberSize(operation.consumer);
    case "receive":
      return (
        stringSize(utf8Length(operation.queue)) +
        numberSize(operation.maxMessages) +
        numberSize(operation.maxWaitMs) +
        numberSize(operation.leaseMs)
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
  }
}

function messageSize(message: NewMessage): number {
  return stringSize(utf8Length(message.key)) + fieldSize(message.content.length);
}

function writeOperation(writer: Writer, operation: ClientOperation): void {
  switch (operation.op) {
    case "enqueue":
      writer.text(10, operation.queue, utf8Length(operation.queue));
      writer.text(18, operation.key, utf8Length(operation.key));
      writer.bytes(26, operation.content);
      return;
    case "enqueueBatch":
      writer.text(10, operation.queue, utf8Length(operation.queue));
      for (const message of operation.messages) {
        writer.head(18, messageSize(message));
        writer.text(10, message.key, utf8Length(message.key));
        writer.bytes(18, message.content);
      }
      return;
    case "subscribe":
      writer.number(8, operation.consumer);
      writer.text(18, operation.queue, utf8Length(operation.queue));
      writer.number(24, operation.credit);
      writer.number(32, operation.leaseMs);
      return;
    case "unsubscribe":
      writer.number(8, operation.consumer);
      return;
    case "receive":
      writer.text(10, operation.queue, utf8Length(operation.queue));
      writer.number(16, operation.maxMessages);
      writer.number(24, operation.maxWaitMs);
      writer.number(32, operation.leaseMs);
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
  }
}
