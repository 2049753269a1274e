// The value of a queue's row: its options, its counters, and what it belongs to.

import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { Filter } from "./command.ts";
import { matchesAll } from "./filter.ts";
import {
  hasOldOptionsOnly,
  readNewOptions,
  readOptions,
  writeNewOptions,
  writeOptions,
} from "./option-codec.ts";
import type { Queue } from "./state.ts";
import { readFilter, writeFilter } from "./topic-codec.ts";

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
