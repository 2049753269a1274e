// The payload of a log entry: the only encoding the log ever sees (G5).
//
//   version u8 = 1 · group u16 · stamp f64 · count u32 · then `count` records:
//   length u32 · kind u8 · session · sequence · floor · what the kind needs (command-codec.ts)
//
//   U1. decode(encode(x)) = x for every command. Numbers are whole and below 2^53, or f64.
//   U2. An unknown version or kind throws: the node stops, it does not guess.
//   U3. A message's content is a view into the payload, never a copy.

import { assert } from "./assert.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { readCommand, writeCommand } from "./command-codec.ts";
import type { Command, Origin } from "./command.ts";
import { NewerRules } from "./version.ts";

const formatVersion = 1;
const headerBytes = 15;
const stampAt = 3;
const countAt = 11;

export interface LogRecord {
  readonly origin: Origin;
  readonly command: Command;
}

export interface LogEntry {
  /** The leader's stamp, milliseconds since 1970. */
  readonly time: number;
  readonly group: number;
  readonly records: readonly LogRecord[];
}

/** Gathers the commands of one log entry. One writer is used again and again. */
export class EntryWriter {
  private readonly writer: ByteWriter;
  private readonly group: number;
  private records = 0;

  constructor(capacityBytes: number, group = 0) {
    this.writer = new ByteWriter(capacityBytes);
    this.group = group;
    this.reset();
  }

  /** Of the payload as it stands. */
  get bytes(): number {
    return this.writer.length;
  }

  get count(): number {
    return this.records;
  }

  add(origin: Origin, command: Command): void {
    const mark = this.writer.lengthMark();
    writeCommand(this.writer, origin, command);
    this.writer.patchLength(mark);
    this.records++;
  }

  /** The payload, stamped; the writer is empty again. */
  finish(stamp: number): Uint8Array {
    this.writer.patchF64(stampAt, stamp);
    this.writer.patchU32(countAt, this.records);
    const payload = this.writer.copy();
    this.reset();
    return payload;
  }

  reset(): void {
    this.writer.clear();
    this.records = 0;
    this.writer.u8(formatVersion);
    this.writer.u16(this.group);
    this.writer.f64(0);
    this.writer.u32(0);
    assert(this.writer.length === headerBytes, "the header's length");
  }
}

export function decodeEntry(payload: Uint8Array): LogEntry {
  const reader = new ByteReader(payload);
  const version = reader.u8();
  if (version !== formatVersion) throw new NewerRules(`a log entry of format ${version}`);
  const group = reader.u16();
  const time = reader.f64();
  const count = reader.u32();
  const records: LogRecord[] = [];
  for (let i = 0; i < count; i++) {
    const length = reader.u32();
    const end = reader.offset + length;
    records.push(readCommand(reader));
    if (reader.offset !== end) throw new Error("queue: a record is not as long as it says");
  }
  if (!reader.done) throw new Error("queue: something follows the last record");
  return { time, group, records };
}
