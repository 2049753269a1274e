// Values of rows. Keys are in keys.ts; what a key says is not said again in its value.

import { readAnswer, writeAnswer } from "./answer-codec.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { DeadLetter, Filter, Grant, StoredMessage } from "./command.ts";
import { matchesAll } from "./filter.ts";
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
import { Spans } from "./spans.ts";
import type { Bytes } from "./store.ts";
import { readFilter, writeFilter } from "./topic-codec.ts";
import {
  hasOldOptionsOnly,
  readNewOptions,
  readOptions,
  writeNewOptions,
  writeOptions,
} from "./option-codec.ts";
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
const deadLetterCauses: readonly DeadLetter["cause"][] = [
  "exhausted",
  "rejected",
  "expired",
  "skipped",
];

/** The mark of a message: its cause in a dead-letter queue, 0 for none; and whether its times and its priority follow. */
const messageMark = { cause: 0x0f, extras: 0x80 } as const;

export function encodeMessage(writer: ByteWriter, message: StoredMessage): void {
  writer.int(message.seq);
  writer.int(message.logIndex);
  writer.int(message.enqueuedAt);
  writer.byteString(message.key);
  const deadLetter = message.deadLetter;
  const { notBefore, expiresAt, priority } = message;
  const extras = notBefore > 0 || expiresAt > 0 || priority > 0 ? messageMark.extras : 0;
  if (deadLetter === undefined) {
    writer.u8(extras);
  } else {
    writer.u8(extras + 1 + deadLetterCauses.indexOf(deadLetter.cause));
    writer.int(deadLetter.attempts);
    writer.text(deadLetter.error);
    writer.text(deadLetter.queue);
    writer.byteString(deadLetter.messageId);
  }
  if (extras > 0) {
    writer.int(notBefore);
    writer.int(expiresAt);
    writer.int(priority);
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
  const mark = reader.u8();
  const deadLetter = readDeadLetter(reader, mark & messageMark.cause);
  const times =
    (mark & messageMark.extras) === 0
      ? noTimes
      : { notBefore: reader.int(), expiresAt: reader.int(), priority: reader.int() };
  return { seq, logIndex, enqueuedAt, key, deadLetter, ...times, content: reader.rest() };
}

const noTimes = { notBefore: 0, expiresAt: 0, priority: 0 };

function readDeadLetter(reader: ByteReader, mark: number): DeadLetter | undefined {
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
  if (isPlain(queue)) return;
  writeNewOptions(writer, queue.options);
  for (const value of newCounters(queue)) writer.int(value);
  writeBelonging(writer, queue);
}

/** Nothing of version 2 was ever used: the row ends here, as it did before. */
function isPlain(queue: Queue): boolean {
  const belongs = queue.owner !== undefined || queue.subscription !== undefined;
  return (
    !belongs && hasOldOptionsOnly(queue.options) && newCounters(queue).every((one) => one === 0)
  );
}

function newCounters(queue: Queue): readonly number[] {
  const { expired, cancelled, skipped, redriven, deduplicated, pausedKeys } = queue;
  return [expired, cancelled, skipped, redriven, deduplicated, pausedKeys];
}

/** Of a temporary queue its session, of a subscription its topic; other queues end before. */
function writeBelonging(writer: ByteWriter, { owner, subscription }: Queue): void {
  if (owner === undefined && subscription === undefined) return;
  writer.int(owner?.id ?? 0);
  if (subscription === undefined) return;
  writer.int(subscription.topic.id);
  writeFilter(writer, subscription.filter);
  writer.int(subscription.position);
  writer.int(subscription.startTime);
}

/** What a queue belongs to, by id: session 0 and topic 0 for none. */
export interface Belonging {
  readonly owner: number;
  readonly topic: number;
  readonly filter: Filter;
  readonly position: number;
  readonly startTime: number;
}

function readBelonging(reader: ByteReader): Belonging {
  const owner = reader.done ? 0 : reader.int();
  if (reader.done) return { owner, topic: 0, filter: matchesAll, position: 0, startTime: 0 };
  const [topic, filter] = [reader.int(), readFilter(reader)];
  return { owner, topic, filter, position: reader.int(), startTime: reader.int() };
}

/** `make` gets what cannot change; the rest is filled in. Counters of what is in memory come from the lanes. */
export function decodeQueue(
  value: Uint8Array,
  make: (name: string, createdAt: number, options: Queue["options"]) => Queue,
): { readonly queue: Queue; readonly belonging: Belonging } {
  const reader = new ByteReader(value);
  const name = reader.text();
  const createdAt = reader.int();
  const options = readOptions(reader);
  const totals = readTotals(reader);
  const queue = make(
    name,
    createdAt,
    reader.done ? options : { ...options, ...readNewOptions(reader) },
  );
  Object.assign(queue, totals.plain);
  Object.assign(queue.redelivered, totals.redelivered);
  if (!reader.done) readNewCounters(reader, queue);
  return { queue, belonging: readBelonging(reader) };
}

function readTotals(reader: ByteReader) {
  return {
    plain: {
      revision: reader.int(),
      lanesKnown: reader.int(),
      enqueued: reader.int(),
      acked: reader.int(),
      deadLettered: reader.int(),
      discarded: reader.int(),
    },
    redelivered: {
      nack: reader.int(),
      release: reader.int(),
      leaseExpired: reader.int(),
      sessionEnded: reader.int(),
    },
  };
}

function readNewCounters(reader: ByteReader, queue: Queue): void {
  queue.expired = reader.int();
  queue.cancelled = reader.int();
  queue.skipped = reader.int();
  queue.redriven = reader.int();
  queue.deduplicated = reader.int();
  queue.pausedKeys = reader.int();
}

/** In the byte of how the last settlement was: what follows that is rarely there. */
const laneMark = {
  settledBy: 0x0f,
  paused: 0x10,
  gone: 0x20,
  blocked: 0x40,
  delayed: 0x80,
} as const;

export function encodeLane(writer: ByteWriter, lane: Lane): void {
  writer.int(lane.cursor);
  writer.int(lane.tail);
  writer.int(lane.bytes);
  writer.int(lane.ticket);
  writer.int(lane.settledSeq);
  writer.int(lane.settledToken);
  const delayed = lane.pool?.delayed ?? 0;
  writer.u8(
    lane.settledBy +
      (lane.paused ? laneMark.paused : 0) +
      (lane.gone === undefined ? 0 : laneMark.gone) +
      (lane.blocked === undefined ? 0 : laneMark.blocked) +
      (delayed === 0 ? 0 : laneMark.delayed),
  );
  lane.gone?.write(writer);
  lane.blocked?.write(writer);
  if (delayed > 0) writer.int(delayed);
  if (lane.pool !== undefined) return;
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
  const mark = reader.u8();
  lane.settledBy = (mark & laneMark.settledBy) as SettledBy;
  lane.paused = (mark & laneMark.paused) !== 0;
  if ((mark & laneMark.gone) !== 0) lane.gone = Spans.read(reader);
  if ((mark & laneMark.blocked) !== 0) lane.blocked = Spans.read(reader);
  if ((mark & laneMark.delayed) !== 0 && lane.pool !== undefined) lane.pool.delayed = reader.int();
}

/** The first byte of a flight: its state, whether its time has ended, and whether a field follows that is rarely there. */
const flightMark = { state: 0x0f, expired: 0x40, bytes: 0x80 } as const;

export function encodeFlight(writer: ByteWriter, flight: Flight): void {
  const expired = flight.expired ? flightMark.expired : 0;
  writer.u8(flight.state + expired + (flight.bytes > 0 ? flightMark.bytes : 0));
  writer.u8(ends.indexOf(flight.ended));
  writer.int(flight.token);
  writer.int(flight.attempts);
  writer.int(flight.deliveries);
  writer.int(flight.deadline);
  writer.int(flight.leaseMs);
  writer.int(flight.session?.id ?? 0);
  writer.int(flight.consumerId);
  writer.text(flight.error);
  if (flight.bytes > 0) writer.int(flight.bytes);
}

/** Fills in a flight and returns the id of the session that holds it, 0: none. */
export function readFlight(reader: ByteReader, flight: Flight): number {
  const mark = reader.u8();
  flight.state = (mark & flightMark.state) as FlightState;
  flight.expired = (mark & flightMark.expired) !== 0;
  flight.ended = ends[reader.u8()] ?? "";
  flight.token = reader.int();
  flight.attempts = reader.int();
  flight.deliveries = reader.int();
  flight.deadline = reader.int();
  flight.leaseMs = reader.int();
  const session = reader.int();
  flight.consumerId = reader.int();
  flight.error = reader.text();
  if ((mark & flightMark.bytes) !== 0) flight.bytes = reader.int();
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
