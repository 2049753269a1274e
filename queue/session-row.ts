// The values of rows of sessions: what each was answered, and who takes messages in its name.

import { readAnswer, writeAnswer } from "./answer-codec.ts";
import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { AnswerBlock, Consumer, Receive, Session } from "./state.ts";
import type { Bytes } from "./store.ts";

export const answersPerBlock = 32;

export function encodeSession(writer: ByteWriter, session: Session): void {
  writer.text(session.name);
  writer.int(session.ttlMs);
  writer.int(session.lastSeen);
  writer.int(session.last);
  writer.int(session.floor);
  writer.u8(session.attached ? 1 : 0);
}

export function decodeSession(
  value: Uint8Array,
  make: (name: string, ttlMs: number, lastSeen: number) => Session,
): Session {
  const reader = new ByteReader(value);
  const name = reader.text();
  const ttlMs = reader.int();
  const session = make(name, ttlMs, reader.int());
  session.last = reader.int();
  session.floor = reader.int();
  session.attached = reader.u8() === 1;
  return session;
}

/** Slots without an answer are left out: nothing was applied there, or a receive still waits. */
export function encodeAnswers(writer: ByteWriter, block: AnswerBlock): void {
  for (let slot = 0; slot < answersPerBlock; slot++) {
    const answer = block.answers[slot];
    if (answer === undefined) continue;
    writer.u8(slot);
    writeAnswer(writer, answer);
  }
}

export function decodeAnswers(value: Uint8Array, block: AnswerBlock): void {
  const reader = new ByteReader(value);
  while (!reader.done) {
    const slot = reader.u8();
    block.answers[slot] = readAnswer(reader);
  }
}

export function encodeConsumer(writer: ByteWriter, consumer: Consumer): void {
  writer.text(consumer.queue.name);
  writer.int(consumer.credit);
  writer.int(consumer.leaseMs);
  writer.int(consumer.ticket);
  writeWish(writer, consumer.creditBytes, consumer.keys);
}

export interface ConsumerRow {
  readonly queue: string;
  readonly credit: number;
  readonly leaseMs: number;
  readonly ticket: number;
  readonly wish: Wish;
}

export function decodeConsumer(value: Uint8Array): ConsumerRow {
  const reader = new ByteReader(value);
  const queue = reader.text();
  const [credit, leaseMs, ticket] = [reader.int(), reader.int(), reader.int()];
  return { queue, credit, leaseMs, ticket, wish: readWish(reader) };
}

/** A bound of bytes, and keys: at the end of a taker's row, if it has one of them. */
export interface Wish {
  readonly bytes: number;
  readonly keys: readonly Bytes[];
}

function writeWish(writer: ByteWriter, bytes: number, keys: readonly Bytes[]): void {
  if (bytes === 0 && keys.length === 0) return;
  writer.int(bytes);
  for (const key of keys) writer.byteString(key);
}

function readWish(reader: ByteReader): Wish {
  const keys: Bytes[] = [];
  const bytes = reader.done ? 0 : reader.int();
  while (!reader.done) keys.push(reader.byteString());
  return { bytes, keys };
}

export function encodeReceive(writer: ByteWriter, receive: Receive): void {
  writer.text(receive.queue.name);
  writer.int(receive.maxMessages);
  writer.int(receive.leaseMs);
  writer.int(receive.deadline);
  writer.int(receive.ticket);
  writeWish(writer, receive.maxBytes, receive.keys);
}

export interface ReceiveRow {
  readonly queue: string;
  readonly maxMessages: number;
  readonly leaseMs: number;
  readonly deadline: number;
  readonly ticket: number;
  readonly wish: Wish;
}

export function decodeReceive(value: Uint8Array): ReceiveRow {
  const reader = new ByteReader(value);
  const queue = reader.text();
  return {
    queue,
    maxMessages: reader.int(),
    leaseMs: reader.int(),
    deadline: reader.int(),
    ticket: reader.int(),
    wish: readWish(reader),
  };
}
