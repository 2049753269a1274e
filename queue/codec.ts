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

/** Records one behind the other, to be put into entries piece by piece. */
export class RecordWriter {
  private readonly writer: ByteWriter;

  constructor(capacityBytes: number) {
    this.writer = new ByteWriter(capacityBytes);
  }

  /** Written since the last cut. */
  get bytes(): number {
    return this.writer.length;
  }

  /** Leaves nothing behind when it throws. */
  add(origin: Origin, command: Command): void {
    const before = this.writer.length;
    const mark = this.writer.lengthMark();
    try {
      writeCommand(this.writer, origin, command);
    } catch (error) {
      this.writer.rewind(before);
      throw error;
    }
    this.writer.patchLength(mark);
  }

  /** The records since the last cut: a view that stays unchanged. */
  cut(): Uint8Array {
    return this.writer.cut();
  }
}

/** The payload of an entry of `count` records. `stamp`: of the leader, milliseconds since 1970. */
export function entryPayload(
  stamp: number,
  count: number,
  pieces: readonly Uint8Array[],
  group = 0,
): Uint8Array {
  let bytes = headerBytes;
  for (const piece of pieces) bytes += piece.length;
  const writer = new ByteWriter(bytes);
  writer.u8(formatVersion);
  writer.u16(group);
  writer.f64(stamp);
  writer.u32(count);
  assert(writer.length === headerBytes, "the header's length");
  for (const piece of pieces) writer.raw(piece);
  return writer.cut();
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
