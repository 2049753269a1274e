// `raftq.v1.ServerFrame`: written by the server, read by the SDK. Field numbers are those of queue.proto.

import {
  deliverySize,
  readDelivery,
  writeDelivery,
  type Delivery,
  type DeliveryBytes,
} from "./delivery.ts";
import { errorSize, readError, writeError, type WireError } from "./error.ts";
import {
  fieldSize,
  MalformedFrame,
  numberSize,
  Reader,
  repeatedMax,
  stringSize,
  Writer,
} from "./wire.ts";

interface EnqueuedBytes {
  /** `<queue id>/<key>/<key_seq>`, one char per byte of UTF-8. */
  readonly messageIdBytes: string;
  readonly seq: number;
  readonly keySeq: number;
}

interface Enqueued {
  readonly messageId: string;
  readonly seq: number;
  readonly keySeq: number;
}

interface SharedResult {
  readonly done: { readonly kind: "done" };
  /** `already`: this very lease had settled the message before. */
  readonly settled: { readonly kind: "settled"; readonly already: boolean };
  readonly error: { readonly kind: "error"; readonly error: WireError };
}

/** One command's answer, as the server writes it. */
export type ReplyResult =
  | ({ readonly kind: "enqueued" } & EnqueuedBytes)
  | { readonly kind: "batchEnqueued"; readonly messages: readonly EnqueuedBytes[] }
  | { readonly kind: "received"; readonly deliveries: readonly DeliveryBytes[] }
  | SharedResult["done"]
  | SharedResult["settled"]
  | SharedResult["error"];

/** One command's answer, as the SDK reads it. */
export type ClientResult =
  | ({ readonly kind: "enqueued" } & Enqueued)
  | { readonly kind: "batchEnqueued"; readonly messages: readonly Enqueued[] }
  | { readonly kind: "received"; readonly deliveries: readonly Delivery[] }
  | SharedResult["done"]
  | SharedResult["settled"]
  | SharedResult["error"]
  /** A kind of answer that this version does not know. */
  | { readonly kind: "unknown" };

export interface Reply {
  readonly sequence: number;
  readonly logIndex: number;
  readonly result: ClientResult;
}

export interface ServerFrame {
  readonly attached: { readonly nextSequence: number; readonly ttlMs: number } | undefined;
  readonly term: number;
  readonly clusterTimeMs: number;
  readonly replies: readonly Reply[];
  readonly deliveries: readonly Delivery[];
  readonly heartbeat: number;
}

const resultTags = {
  done: 26,
  enqueued: 34,
  batchEnqueued: 42,
  received: 50,
  settled: 58,
  error: 66,
} as const;

/** Gathers a frame, answer by answer; `finish` hands it out and begins the next one. */
export class ServerFrameWriter {
  readonly #writer = new Writer();

  /** Bytes so far: send the frame before it grows beyond what a receiver takes. */
  get size(): number {
    return this.#writer.size;
  }

  /** Only in a stream's first frame. */
  attached(nextSequence: number, ttlMs: number): void {
    const size = numberSize(nextSequence) + numberSize(ttlMs);
    this.#writer.ensure(fieldSize(size));
    this.#writer.head(10, size);
    this.#writer.number(8, nextSequence);
    this.#writer.number(16, ttlMs);
  }

  addReply(sequence: number, logIndex: number, result: ReplyResult): void {
    const writer = this.#writer;
    const inner = resultSize(result);
    const size = numberSize(sequence) + numberSize(logIndex) + fieldSize(inner);
    writer.ensure(fieldSize(size));
    writer.head(34, size);
    writer.number(8, sequence);
    writer.number(16, logIndex);
    writer.head(resultTags[result.kind], inner);
    writeResult(writer, result);
  }

  /** Copies the content. */
  addDelivery(delivery: DeliveryBytes): void {
    const size = deliverySize(delivery);
    this.#writer.ensure(fieldSize(size));
    this.#writer.head(42, size);
    writeDelivery(this.#writer, delivery);
  }

  heartbeat(number: number): void {
    this.#writer.ensure(numberSize(number));
    this.#writer.number(48, number);
  }

  finish(term: number, clusterTimeMs: number): Buffer {
    this.#writer.ensure(numberSize(term) + numberSize(clusterTimeMs));
    this.#writer.number(16, term);
    this.#writer.number(24, clusterTimeMs);
    return this.#writer.take();
  }
}

function enqueuedSize(message: EnqueuedBytes): number {
  return (
    stringSize(message.messageIdBytes.length) + numberSize(message.seq) + numberSize(message.keySeq)
  );
}

function writeEnqueued(writer: Writer, message: EnqueuedBytes): void {
  writer.byteString(10, message.messageIdBytes);
  writer.number(16, message.seq);
  writer.number(24, message.keySeq);
}

function resultSize(result: ReplyResult): number {
  switch (result.kind) {
    case "enqueued":
      return enqueuedSize(result);
    case "batchEnqueued": {
      let size = 0;
      for (const message of result.messages) size += fieldSize(enqueuedSize(message));
      return size;
    }
    case "received": {
      let size = 0;
      for (const delivery of result.deliveries) size += fieldSize(deliverySize(delivery));
      return size;
    }
    case "done":
      return 0;
    case "settled":
      return result.already ? 2 : 0;
    case "error":
      return errorSize(result.error);
  }
}

function writeResult(writer: Writer, result: ReplyResult): void {
  switch (result.kind) {
    case "enqueued":
      writeEnqueued(writer, result);
      return;
    case "batchEnqueued":
      for (const message of result.messages) {
        writer.head(10, enqueuedSize(message));
        writeEnqueued(writer, message);
      }
      return;
    case "received":
      for (const delivery of result.deliveries) {
        writer.head(10, deliverySize(delivery));
        writeDelivery(writer, delivery);
      }
      return;
    case "done":
      return;
    case "settled":
      writer.number(8, result.already ? 1 : 0);
      return;
    case "error":
      writeError(writer, result.error);
  }
}

/** Contents of deliveries are views into `bytes`. @throws {MalformedFrame} */
export function decodeServerFrame(bytes: Uint8Array): ServerFrame {
  const reader = new Reader(bytes);
  let attached: ServerFrame["attached"];
  let term = 0;
  let clusterTimeMs = 0;
  let heartbeat = 0;
  const replies: Reply[] = [];
  const deliveries: Delivery[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 10:
        attached = readAttached(reader);
        break;
      case 16:
        term = reader.varint();
        break;
      case 24:
        clusterTimeMs = reader.varint();
        break;
      case 34:
        if (replies.length === repeatedMax)
          throw new MalformedFrame("too many replies in one frame");
        replies.push(readReply(reader));
        break;
      case 42:
        pushDelivery(reader, deliveries);
        break;
      case 48:
        heartbeat = reader.varint();
        break;
      default:
        reader.skip(tag);
    }
  }
  return { attached, term, clusterTimeMs, replies, deliveries, heartbeat };
}

function readAttached(reader: Reader): NonNullable<ServerFrame["attached"]> {
  let nextSequence = 0;
  let ttlMs = 0;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8) nextSequence = reader.varint();
    else if (tag === 16) ttlMs = reader.varint();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { nextSequence, ttlMs };
}

function pushDelivery(reader: Reader, deliveries: Delivery[]): void {
  if (deliveries.length === repeatedMax)
    throw new MalformedFrame("too many deliveries in one frame");
  const outer = reader.enter();
  deliveries.push(readDelivery(reader));
  reader.leave(outer);
}

function readReply(reader: Reader): Reply {
  let sequence = 0;
  let logIndex = 0;
  let result: ClientResult | undefined;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8) sequence = reader.varint();
    else if (tag === 16) logIndex = reader.varint();
    else result = readResult(reader, tag) ?? result;
  }
  reader.leave(outer);
  return { sequence, logIndex, result: result ?? { kind: "unknown" } };
}

function readResult(reader: Reader, tag: number): ClientResult | undefined {
  if ((tag & 7) !== 2 || tag < resultTags.done || tag > resultTags.error) {
    reader.skip(tag);
    return undefined;
  }
  const outer = reader.enter();
  const result = readResultFields(reader, tag);
  reader.leave(outer);
  return result;
}

function readResultFields(reader: Reader, tag: number): ClientResult | undefined {
  switch (tag) {
    case resultTags.enqueued: {
      const message = readEnqueued(reader);
      return {
        kind: "enqueued",
        messageId: message.messageId,
        seq: message.seq,
        keySeq: message.keySeq,
      };
    }
    case resultTags.settled:
      return { kind: "settled", already: readFlag(reader) };
    case resultTags.done:
      skipAll(reader);
      return { kind: "done" };
    case resultTags.error:
      return { kind: "error", error: readError(reader) };
    case resultTags.batchEnqueued:
      return { kind: "batchEnqueued", messages: readBatch(reader) };
    case resultTags.received: {
      const deliveries: Delivery[] = [];
      for (let inner = reader.tag(); inner !== 0; inner = reader.tag()) {
        if (inner === 10) pushDelivery(reader, deliveries);
        else reader.skip(inner);
      }
      return { kind: "received", deliveries };
    }
    default:
      return undefined;
  }
}

function readEnqueued(reader: Reader): Enqueued {
  let messageId = "";
  let seq = 0;
  let keySeq = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) messageId = reader.text();
    else if (tag === 16) seq = reader.varint();
    else if (tag === 24) keySeq = reader.varint();
    else reader.skip(tag);
  }
  return { messageId, seq, keySeq };
}

function readBatch(reader: Reader): Enqueued[] {
  const messages: Enqueued[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag !== 10) {
      reader.skip(tag);
      continue;
    }
    if (messages.length === repeatedMax) throw new MalformedFrame("too many messages in one reply");
    const outer = reader.enter();
    messages.push(readEnqueued(reader));
    reader.leave(outer);
  }
  return messages;
}

function readFlag(reader: Reader): boolean {
  let flag = false;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8) flag = reader.boolean();
    else reader.skip(tag);
  }
  return flag;
}

function skipAll(reader: Reader): void {
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) reader.skip(tag);
}
