// Values of rows. Keys are in keys.ts; what a key says is not said again in its value.

import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { DeadLetter, Grant, StoredMessage } from "./command.ts";
import type {
  AnswerBlock,
  Consumer,
  Flight,
  FlightState,
  Lane,
  Queue,
  Receive,
  Session,
  SettledBy,
  State,
} from "./state.ts";
import { standardRules } from "./options.ts";
import { readAnswer, readOptions, writeAnswer, writeOptions } from "./value-codec.ts";
import { NewerRules } from "./version.ts";

/**
 * Of all rows; in the meta row. The second says the version of the rules too, and begins when that is first raised: a
 * release that knows no versions reads the rows of version 0, and refuses all others (G5).
 */
const rowFormat = { unversioned: 1, versioned: 2 } as const;
export const answersPerBlock = 32;

const ends: readonly Grant["redelivery"][] = [
  "",
  "nack",
  "release",
  "lease-expired",
  "session-ended",
];
const deadLetterCauses: readonly DeadLetter["cause"][] = ["exhausted", "rejected"];

export function encodeMessage(writer: ByteWriter, message: StoredMessage): void {
  writer.int(message.seq);
  writer.int(message.logIndex);
  writer.int(message.enqueuedAt);
  writer.byteString(message.key);
  const deadLetter = message.deadLetter;
  if (deadLetter === undefined) {
    writer.u8(0);
  } else {
    writer.u8(1 + deadLetterCauses.indexOf(deadLetter.cause));
    writer.int(deadLetter.attempts);
    writer.text(deadLetter.error);
    writer.text(deadLetter.queue);
    writer.byteString(deadLetter.messageId);
  }
  writer.raw(message.content);
}

/** The content is a view into the value. */
export function decodeMessage(value: Uint8Array): StoredMessage {
  const reader = new ByteReader(value);
  const seq = reader.int();
  const logIndex = reader.int();
  const enqueuedAt = reader.int();
  const key = reader.byteString();
  const deadLetter = readDeadLetter(reader);
  return { seq, logIndex, enqueuedAt, key, deadLetter, content: reader.rest() };
}

function readDeadLetter(reader: ByteReader): DeadLetter | undefined {
  const mark = reader.u8();
  if (mark === 0) return undefined;
  const cause = deadLetterCauses[mark - 1];
  if (cause === undefined) throw new Error("queue: an unknown cause of a dead letter");
  const attempts = reader.int();
  const error = reader.text();
  const queue = reader.text();
  return { cause, attempts, error, queue, messageId: reader.byteString() };
}

export function encodeMeta(writer: ByteWriter, state: State): void {
  writer.u16(state.version === 0 ? rowFormat.unversioned : rowFormat.versioned);
  writer.int(state.appliedIndex);
  writer.int(state.clusterTime);
  writer.int(state.leaseClock);
  writer.int(state.nextToken);
  writer.int(state.nextTicket);
  writer.int(state.nextSession);
  writer.int(state.nextQueue);
  writer.u32(state.digest.high);
  writer.u32(state.digest.low);
  if (state.version > 0) writer.int(state.version);
}

export interface MetaRow {
  readonly appliedIndex: number;
  readonly clusterTime: number;
  readonly leaseClock: number;
  readonly nextToken: number;
  readonly nextTicket: number;
  readonly nextSession: number;
  readonly nextQueue: number;
  readonly high: number;
  readonly low: number;
  readonly version: number;
}

/** @throws {NewerRules} for a state of rules that this release does not know. */
export function decodeMeta(
  value: Uint8Array,
  versionMax: number = standardRules.versionMax,
): MetaRow {
  const reader = new ByteReader(value);
  const format = reader.u16();
  if (format !== rowFormat.unversioned && format !== rowFormat.versioned)
    throw new NewerRules(`rows of format ${format}`);
  const meta = {
    appliedIndex: reader.int(),
    clusterTime: reader.int(),
    leaseClock: reader.int(),
    nextToken: reader.int(),
    nextTicket: reader.int(),
    nextSession: reader.int(),
    nextQueue: reader.int(),
    high: reader.u32(),
    low: reader.u32(),
    version: format === rowFormat.versioned ? reader.int() : 0,
  };
  if (meta.version > versionMax) throw new NewerRules(`a state of version ${meta.version}`);
  return meta;
}

export function encodeQueue(writer: ByteWriter, queue: Queue): void {
  writer.text(queue.name);
  writer.int(queue.createdAt);
  writeOptions(writer, queue.options);
  writer.int(queue.revision);
  writer.int(queue.lanesKnown);
  writer.int(queue.enqueued);
  writer.int(queue.acked);
  writer.int(queue.deadLettered);
  writer.int(queue.discarded);
  writer.int(queue.redelivered.nack);
  writer.int(queue.redelivered.release);
  writer.int(queue.redelivered.leaseExpired);
  writer.int(queue.redelivered.sessionEnded);
}

/** `make` gets what cannot change; the rest is filled in. Counters of what is in memory come from the lanes. */
export function decodeQueue(
  value: Uint8Array,
  make: (name: string, createdAt: number, options: Queue["options"]) => Queue,
): Queue {
  const reader = new ByteReader(value);
  const name = reader.text();
  const createdAt = reader.int();
  const queue = make(name, createdAt, readOptions(reader));
  queue.revision = reader.int();
  queue.lanesKnown = reader.int();
  queue.enqueued = reader.int();
  queue.acked = reader.int();
  queue.deadLettered = reader.int();
  queue.discarded = reader.int();
  queue.redelivered.nack = reader.int();
  queue.redelivered.release = reader.int();
  queue.redelivered.leaseExpired = reader.int();
  queue.redelivered.sessionEnded = reader.int();
  return queue;
}

export function encodeLane(writer: ByteWriter, lane: Lane): void {
  writer.int(lane.cursor);
  writer.int(lane.tail);
  writer.int(lane.bytes);
  writer.int(lane.ticket);
  writer.int(lane.settledSeq);
  writer.int(lane.settledToken);
  writer.u8(lane.settledBy);
  if (lane.queue.pool !== undefined) return;
  for (let flight = lane.firstFlight; flight !== undefined; flight = flight.nextOfLane) {
    writer.int(flight.keySeq);
    encodeFlight(writer, flight);
  }
}

/** Fills in a lane; what is in flight follows, one readFlight each, until the reader is done. */
export function readLane(reader: ByteReader, lane: Lane): void {
  lane.cursor = reader.int();
  lane.tail = reader.int();
  lane.bytes = reader.int();
  lane.ticket = reader.int();
  lane.settledSeq = reader.int();
  lane.settledToken = reader.int();
  lane.settledBy = reader.u8() as SettledBy;
}

export function encodeFlight(writer: ByteWriter, flight: Flight): void {
  writer.u8(flight.state);
  writer.u8(ends.indexOf(flight.ended));
  writer.int(flight.token);
  writer.int(flight.attempts);
  writer.int(flight.deliveries);
  writer.int(flight.deadline);
  writer.int(flight.leaseMs);
  writer.int(flight.session?.id ?? 0);
  writer.int(flight.consumerId);
  writer.text(flight.error);
}

/** Fills in a flight and returns the id of the session that holds it, 0: none. */
export function readFlight(reader: ByteReader, flight: Flight): number {
  flight.state = reader.u8() as FlightState;
  flight.ended = ends[reader.u8()] ?? "";
  flight.token = reader.int();
  flight.attempts = reader.int();
  flight.deliveries = reader.int();
  flight.deadline = reader.int();
  flight.leaseMs = reader.int();
  const session = reader.int();
  flight.consumerId = reader.int();
  flight.error = reader.text();
  return session;
}

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
}

export interface ConsumerRow {
  readonly queue: string;
  readonly credit: number;
  readonly leaseMs: number;
  readonly ticket: number;
}

export function decodeConsumer(value: Uint8Array): ConsumerRow {
  const reader = new ByteReader(value);
  const queue = reader.text();
  return { queue, credit: reader.int(), leaseMs: reader.int(), ticket: reader.int() };
}

export function encodeReceive(writer: ByteWriter, receive: Receive): void {
  writer.text(receive.queue.name);
  writer.int(receive.maxMessages);
  writer.int(receive.leaseMs);
  writer.int(receive.deadline);
  writer.int(receive.ticket);
}

export interface ReceiveRow {
  readonly queue: string;
  readonly maxMessages: number;
  readonly leaseMs: number;
  readonly deadline: number;
  readonly ticket: number;
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
  };
}
