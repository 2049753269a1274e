// `raftq.v1.ServerFrame`: written by the server, read by the SDK. Field numbers are those of queue.proto.

import {
  deliverySize,
  readDelivery,
  writeDelivery,
  type Delivery,
  type DeliveryBytes,
} from "./delivery.ts";
import {
  batchSize,
  enqueuedSize,
  readBatch,
  readEnqueued,
  writeBatch,
  writeEnqueued,
  type Enqueued,
  type EnqueuedBytes,
  type ItemError,
} from "./enqueued.ts";
import { errorSize, readError, writeError, type WireError } from "./error.ts";
import {
  eventSize,
  readEvent,
  writeEvent,
  type QueueEvent,
  type QueueEventBytes,
} from "./queue-event.ts";
import { fieldSize, MalformedFrame, numberSize, Reader, repeatedMax, Writer } from "./wire.ts";

interface SharedResult {
  readonly done: { readonly kind: "done" };
  /** `already`: this very lease had settled the message before. */
  readonly settled: { readonly kind: "settled"; readonly already: boolean };
  readonly error: { readonly kind: "error"; readonly error: WireError };
}

/** One command's answer, as the server writes it. */
export type ReplyResult =
  | ({ readonly kind: "enqueued" } & EnqueuedBytes)
  | {
      readonly kind: "batchEnqueued";
      readonly messages: readonly EnqueuedBytes[];
      readonly errors: readonly ItemError[];
    }
  | { readonly kind: "committed"; readonly messages: readonly EnqueuedBytes[] }
  | { readonly kind: "received"; readonly deliveries: readonly DeliveryBytes[] }
  | SharedResult["done"]
  | SharedResult["settled"]
  | SharedResult["error"];

/** One command's answer, as the SDK reads it. */
export type ClientResult =
  | ({ readonly kind: "enqueued" } & Enqueued)
  | {
      readonly kind: "batchEnqueued";
      /** One for each message, in their order; empty in the place of one that was refused. */
      readonly messages: readonly Enqueued[];
      /** Of a batch with `perItem`. */
      readonly errors: readonly ItemError[];
    }
  | { readonly kind: "committed"; readonly messages: readonly Enqueued[] }
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
  readonly events: readonly QueueEvent[];
}

const noErrors: readonly ItemError[] = [];

const resultTags = {
  done: 26,
  enqueued: 34,
  batchEnqueued: 42,
  received: 50,
  settled: 58,
  error: 66,
  committed: 74,
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

  addEvent(event: QueueEventBytes): void {
    const size = eventSize(event);
    this.#writer.ensure(fieldSize(size));
    this.#writer.head(58, size);
    writeEvent(this.#writer, event);
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

function resultSize(result: ReplyResult): number {
  switch (result.kind) {
    case "enqueued":
      return enqueuedSize(result);
    case "batchEnqueued":
      return batchSize(result.messages, result.errors);
    case "committed":
      return batchSize(result.messages, noErrors);
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
      writeBatch(writer, result.messages, result.errors);
      return;
    case "committed":
      writeBatch(writer, result.messages, noErrors);
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
  const events: QueueEvent[] = [];
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
      case 58:
        if (events.length === repeatedMax) throw new MalformedFrame("too many events in one frame");
        events.push(readEvent(reader));
        break;
      default:
        reader.skip(tag);
    }
  }
  return { attached, term, clusterTimeMs, replies, deliveries, heartbeat, events };
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
  if ((tag & 7) !== 2 || tag < resultTags.done || tag > resultTags.committed) {
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
      const { messageId, seq, keySeq, deduplicated } = readEnqueued(reader);
      return { kind: "enqueued", messageId, seq, keySeq, deduplicated };
    }
    case resultTags.settled:
      return { kind: "settled", already: readFlag(reader) };
    case resultTags.done:
      skipAll(reader);
      return { kind: "done" };
    case resultTags.error:
      return { kind: "error", error: readError(reader) };
    case resultTags.batchEnqueued:
      return { kind: "batchEnqueued", ...readBatch(reader) };
    case resultTags.committed:
      return { kind: "committed", messages: readBatch(reader).messages };
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
