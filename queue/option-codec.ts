// Options of queues as bytes, and back. Shared by log entries and rows. Numbers are for ever.

import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { OnExhausted, OnExpiry, OrderedDelay, Ordering, QueueOptions } from "./command.ts";
import { readOne, readStrings, writeOne, writeStrings } from "./value-codec.ts";

const orderings: readonly Ordering[] = ["key", "total", "none"];
const exhaustions: readonly OnExhausted[] = ["park", "dead-letter", "discard"];
const expiries: readonly OnExpiry[] = ["refuse", "dead-letter", "discard"];
const delays: readonly OrderedDelay[] = ["reject", "block-key"];

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** How each option is written. The order is the order of the bits in an update: new options go to the end. */
const fields: { readonly [K in keyof QueueOptions]: Field<QueueOptions[K]> } = {
  ordering: {
    write: (writer, value) => writeOne(writer, orderings, value),
    read: (reader) => readOne(reader, orderings),
  },
  maxInFlightPerKey: int(),
  leaseMs: int(),
  maxAttempts: int(),
  retry: {
    write: (writer, value) => {
      writer.int(value.initialMs);
      writer.f64(value.multiplier);
      writer.int(value.maxMs);
    },
    read: (reader) => ({ initialMs: reader.int(), multiplier: reader.f64(), maxMs: reader.int() }),
  },
  onExhausted: {
    write: (writer, value) => writeOne(writer, exhaustions, value),
    read: (reader) => readOne(reader, exhaustions),
  },
  deadLetterQueue: {
    write: (writer, value) => writer.text(value),
    read: (reader) => reader.text(),
  },
  maxMessages: int(),
  maxBytes: int(),
  maxMessageBytes: int(),
  paused: {
    write: (writer, value) => writer.u8(value ? 1 : 0),
    read: (reader) => reader.u8() === 1,
  },
  labels: { write: writeStrings, read: readStrings },
  messageTtlMs: int(),
  onExpiry: {
    write: (writer, value) => writeOne(writer, expiries, value),
    read: (reader) => readOne(reader, expiries),
  },
  dedupWindowMs: int(),
  orderedDelay: {
    write: (writer, value) => writeOne(writer, delays, value),
    read: (reader) => readOne(reader, delays),
  },
  maxMessagesPerKey: int(),
  maxBytesPerKey: int(),
  historyMs: int(),
};

interface Field<T> {
  readonly write: (writer: ByteWriter, value: T) => void;
  readonly read: (reader: ByteReader) => T;
}

export const optionNames = Object.keys(fields) as readonly (keyof QueueOptions)[];

function int(): Field<number> {
  return { write: (writer, value) => writer.int(value), read: (reader) => reader.int() };
}

function writeField<K extends keyof QueueOptions>(
  writer: ByteWriter,
  name: K,
  value: QueueOptions[K],
): void {
  fields[name].write(writer, value);
}

function readField<K extends keyof QueueOptions>(
  reader: ByteReader,
  name: K,
  into: Partial<Mutable<Pick<QueueOptions, K>>>,
): void {
  into[name] = fields[name].read(reader);
}

/** Options of version 2 are written apart, and only where one of them is used: what is older stays as it is. */
const newOptionDefaults = {
  messageTtlMs: 0,
  onExpiry: "refuse",
  dedupWindowMs: 0,
  orderedDelay: "reject",
  maxMessagesPerKey: 0,
  maxBytesPerKey: 0,
  historyMs: 0,
} as const satisfies Partial<QueueOptions>;

const newOptionNames = Object.keys(newOptionDefaults) as (keyof typeof newOptionDefaults)[];
const isNew: ReadonlySet<string> = new Set(newOptionNames);
const oldOptionNames = optionNames.filter((name) => !isNew.has(name));

export function hasOldOptionsOnly(options: Partial<QueueOptions>): boolean {
  return newOptionNames.every(
    (name) => (options[name] ?? newOptionDefaults[name]) === newOptionDefaults[name],
  );
}

/** Whether an update says something of them. */
export function namesOldOptionsOnly(changes: Partial<QueueOptions>): boolean {
  return newOptionNames.every((name) => changes[name] === undefined);
}

export function writeOptions(writer: ByteWriter, options: QueueOptions): void {
  for (const name of oldOptionNames) writeField(writer, name, options[name]);
}

export function readOptions(reader: ByteReader): QueueOptions {
  const options: Partial<Mutable<QueueOptions>> = { ...newOptionDefaults };
  for (const name of oldOptionNames) readField(reader, name, options);
  return options as QueueOptions;
}

export function writeNewOptions(writer: ByteWriter, options: QueueOptions): void {
  for (const name of newOptionNames) writeField(writer, name, options[name]);
}

export function readNewOptions(reader: ByteReader): Partial<QueueOptions> {
  const options: Partial<Mutable<QueueOptions>> = {};
  for (const name of newOptionNames) readField(reader, name, options);
  return options;
}

export function writeAllOptions(writer: ByteWriter, options: QueueOptions): void {
  writeOptions(writer, options);
  writeNewOptions(writer, options);
}

export function readAllOptions(reader: ByteReader): QueueOptions {
  const old = readOptions(reader);
  return { ...old, ...readNewOptions(reader) };
}

export function writeChanges(writer: ByteWriter, changes: Partial<QueueOptions>): void {
  let present = 0;
  optionNames.forEach((name, bit) => {
    if (changes[name] !== undefined) present |= 1 << bit;
  });
  writer.u32(present);
  for (const name of optionNames) {
    const value = changes[name];
    if (value !== undefined) writeField(writer, name, value);
  }
}

export function readChanges(reader: ByteReader): Partial<QueueOptions> {
  const present = reader.u32();
  if (present >>> optionNames.length !== 0) throw new Error("queue: an unknown option");
  const changes: Partial<Mutable<QueueOptions>> = {};
  optionNames.forEach((name, bit) => {
    if ((present & (1 << bit)) !== 0) readField(reader, name, changes);
  });
  return changes;
}
