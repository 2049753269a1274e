// `raftq.v1.Delivery`: the server writes keys and ids as byte strings, the SDK reads them as text.

import {
  fieldSize,
  numberSize,
  Reader,
  stringSize,
  utf8Length,
  wideNumberSize,
  Writer,
} from "./wire.ts";

interface DeliveryNumbers {
  readonly queue: string;
  readonly keySeq: number;
  readonly seq: number;
  readonly fencingToken: number;
  readonly attempts: number;
  readonly deliveries: number;
  readonly leaseMs: number;
  readonly logIndex: number;
  readonly enqueuedAtMs: number;
  /** A serialized `raftq.v1.Content`. */
  readonly content: Uint8Array;
  /** 0: none, an answer to receive. */
  readonly consumer: number;
  /** nack, release, lease-expired, session-ended; empty the first time. */
  readonly redelivery: string;
  /** 0: it does not expire. */
  readonly expiresAtMs: number;
  readonly priority: number;
}

interface DeadLetterOrigin {
  readonly cause: DeadLetterCause;
  readonly attempts: number;
  readonly error: string;
  readonly queue: string;
}

/** As the server writes it. Byte strings have one char per byte of UTF-8. */
export interface DeliveryBytes extends DeliveryNumbers {
  readonly keyBytes: string;
  readonly messageIdBytes: string;
  readonly deadLetter: (DeadLetterOrigin & { readonly messageIdBytes: string }) | undefined;
}

/** As the SDK reads it. `content` is a view into the frame. */
export interface Delivery extends DeliveryNumbers {
  readonly key: string;
  readonly messageId: string;
  readonly deadLetter: (DeadLetterOrigin & { readonly messageId: string }) | undefined;
}

const causeNumbers = {
  DEAD_LETTER_CAUSE_UNSPECIFIED: 0,
  EXHAUSTED: 1,
  REJECTED: 2,
  EXPIRED: 3,
  SKIPPED: 4,
} as const;
export type DeadLetterCause = keyof typeof causeNumbers;

const causes = new Map<number, DeadLetterCause>(
  Object.entries(causeNumbers).map(([name, number]) => [number, name as DeadLetterCause]),
);

const noContent = Buffer.alloc(0);

export function deliverySize(delivery: DeliveryBytes): number {
  return (
    stringSize(utf8Length(delivery.queue)) +
    stringSize(delivery.keyBytes.length) +
    numberSize(delivery.keySeq) +
    numberSize(delivery.seq) +
    numberSize(delivery.fencingToken) +
    numberSize(delivery.attempts) +
    numberSize(delivery.deliveries) +
    numberSize(delivery.leaseMs) +
    numberSize(delivery.logIndex) +
    numberSize(delivery.enqueuedAtMs) +
    fieldSize(delivery.content.length) +
    numberSize(delivery.consumer) +
    (delivery.deadLetter === undefined ? 0 : fieldSize(deadLetterSize(delivery.deadLetter))) +
    stringSize(delivery.messageIdBytes.length) +
    stringSize(delivery.redelivery.length) +
    wideNumberSize(delivery.expiresAtMs) +
    wideNumberSize(delivery.priority)
  );
}

function deadLetterSize(deadLetter: NonNullable<DeliveryBytes["deadLetter"]>): number {
  return (
    numberSize(causeNumbers[deadLetter.cause]) +
    numberSize(deadLetter.attempts) +
    stringSize(utf8Length(deadLetter.error)) +
    stringSize(utf8Length(deadLetter.queue)) +
    stringSize(deadLetter.messageIdBytes.length)
  );
}

/** Writes the fields; the writer has `deliverySize` bytes of room. */
export function writeDelivery(writer: Writer, delivery: DeliveryBytes): void {
  writer.text(10, delivery.queue, utf8Length(delivery.queue));
  writer.byteString(18, delivery.keyBytes);
  writer.number(24, delivery.keySeq);
  writer.number(32, delivery.seq);
  writer.number(40, delivery.fencingToken);
  writer.number(48, delivery.attempts);
  writer.number(56, delivery.deliveries);
  writer.number(64, delivery.leaseMs);
  writer.number(72, delivery.logIndex);
  writer.number(80, delivery.enqueuedAtMs);
  writer.bytes(90, delivery.content);
  writer.number(96, delivery.consumer);
  const deadLetter = delivery.deadLetter;
  if (deadLetter !== undefined) {
    writer.head(106, deadLetterSize(deadLetter));
    writer.number(8, causeNumbers[deadLetter.cause]);
    writer.number(16, deadLetter.attempts);
    writer.text(26, deadLetter.error, utf8Length(deadLetter.error));
    writer.text(34, deadLetter.queue, utf8Length(deadLetter.queue));
    writer.byteString(42, deadLetter.messageIdBytes);
  }
  writer.byteString(114, delivery.messageIdBytes);
  writer.byteString(122, delivery.redelivery);
  writer.wideNumber(128, delivery.expiresAtMs);
  writer.wideNumber(136, delivery.priority);
}

/** Reads to the end of the present message. */
// One field per case: splitting it would hide that this is a table.
// eslint-disable-next-line max-lines-per-function
export function readDelivery(reader: Reader): Delivery {
  let queue = "";
  let key = "";
  let keySeq = 0;
  let seq = 0;
  let fencingToken = 0;
  let attempts = 0;
  let deliveries = 0;
  let leaseMs = 0;
  let logIndex = 0;
  let enqueuedAtMs = 0;
  let content: Uint8Array = noContent;
  let consumer = 0;
  let deadLetter: Delivery["deadLetter"];
  let messageId = "";
  let redelivery = "";
  let expiresAtMs = 0;
  let priority = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 10:
        queue = reader.name();
        break;
      case 18:
        key = reader.text();
        break;
      case 24:
        keySeq = reader.varint();
        break;
      case 32:
        seq = reader.varint();
        break;
      case 40:
        fencingToken = reader.varint();
        break;
      case 48:
        attempts = reader.varint();
        break;
      case 56:
        deliveries = reader.varint();
        break;
      case 64:
        leaseMs = reader.varint();
        break;
      case 72:
        logIndex = reader.varint();
        break;
      case 80:
        enqueuedAtMs = reader.varint();
        break;
      case 90:
        content = reader.bytes();
        break;
      case 96:
        consumer = reader.varint();
        break;
      case 106:
        deadLetter = readDeadLetter(reader);
        break;
      case 114:
        messageId = reader.text();
        break;
      case 122:
        redelivery = reader.text();
        break;
      case 128:
        expiresAtMs = reader.varint();
        break;
      case 136:
        priority = reader.int32();
        break;
      default:
        reader.skip(tag);
    }
  }
  return {
    queue,
    key,
    keySeq,
    seq,
    fencingToken,
    attempts,
    deliveries,
    leaseMs,
    logIndex,
    enqueuedAtMs,
    content,
    consumer,
    deadLetter,
    messageId,
    redelivery,
    expiresAtMs,
    priority,
  };
}

function readDeadLetter(reader: Reader): NonNullable<Delivery["deadLetter"]> {
  let cause: DeadLetterCause = "DEAD_LETTER_CAUSE_UNSPECIFIED";
  let attempts = 0;
  let error = "";
  let queue = "";
  let messageId = "";
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 8:
        cause = causeOf(reader.int32());
        break;
      case 16:
        attempts = reader.varint();
        break;
      case 26:
        error = reader.text();
        break;
      case 34:
        queue = reader.text();
        break;
      case 42:
        messageId = reader.text();
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  return { cause, attempts, error, queue, messageId };
}

function causeOf(number: number): DeadLetterCause {
  return causes.get(number) ?? "DEAD_LETTER_CAUSE_UNSPECIFIED";
}
