// Rows on their way to the store, and rows read from it for the entry at hand: messages, and whatever else is no longer in
// memory once it is written.
//   W1. A row is looked for among what is pending, then in the batch being written, then among what was provided: the newest wins.
//   W2. One batch is out at a time. It is read from here until the store has it.
//   W3. A new message that is settled before a batch took it never reaches the store: neither its row nor a delete. What is
//       written as bytes may be in the store already: its delete always goes there.
//   W4. What was provided is forgotten when its entry is done.
//   W7. Ranges are deleted before anything else of their batch: what was put into one later stays.

import { assert } from "./assert.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { StoredMessage } from "./command.ts";
import { gaps, type KeyRange } from "./keys.ts";
import { decodeMessage, encodeMessage } from "./message-row.ts";
import type { Bytes, Write } from "./store.ts";

/** What a waiting row costs besides its content. */
const rowBytes = 160;

/** A new message, encoded when its batch is taken; bytes as they will lie in the store; undefined: deleted. */
type Value = StoredMessage | Uint8Array | undefined;

class Layer {
  readonly rows = new Map<Bytes, Value>();
  readonly ranges: KeyRange[] = [];
  bytes = 0;

  covers(row: Bytes): boolean {
    return this.ranges.some(({ from, to }) => row >= from && row < to);
  }
}

export class WriteBehind {
  private pending = new Layer();
  private taken: Layer | undefined = undefined;
  private readonly provided = new Map<Bytes, Uint8Array | undefined>();

  get bytes(): number {
    return this.pending.bytes + (this.taken?.bytes ?? 0);
  }

  get writing(): boolean {
    return this.taken !== undefined;
  }

  /** A message whose row never was in the store. */
  put(row: Bytes, message: StoredMessage): void {
    this.pending.rows.set(row, message);
    this.pending.bytes += rowBytes + message.content.length;
  }

  /** A row that may be in the store already. */
  putRow(row: Bytes, value: Uint8Array): void {
    this.forget(row);
    this.pending.rows.set(row, value);
    this.pending.bytes += rowBytes + value.length;
  }

  /** A message at a place where one was before. */
  putBack(row: Bytes, message: StoredMessage): void {
    const writer = new ByteWriter(64 + message.content.length);
    encodeMessage(writer, message);
    this.putRow(row, writer.cut());
  }

  delete(row: Bytes): void {
    const value = this.pending.rows.get(row);
    this.forget(row);
    if (value !== undefined && !(value instanceof Uint8Array)) return;
    this.pending.rows.set(row, undefined);
    this.pending.bytes += rowBytes;
  }

  deleteRange(range: KeyRange): void {
    this.dropPending(range);
    this.pending.ranges.push(range);
    this.pending.bytes += rowBytes;
  }

  /** As deleteRange, all but these rows, which are sorted. */
  deleteAllBut(range: KeyRange, kept: readonly Bytes[]): void {
    const spared = new Set(kept);
    for (const row of this.pending.rows.keys()) {
      if (row >= range.from && row < range.to && !spared.has(row)) this.forget(row);
    }
    for (const gap of gaps(range, kept)) {
      this.pending.ranges.push(gap);
      this.pending.bytes += rowBytes;
    }
  }

  /** Drops what is pending in a range that is deleted by somebody else's write. */
  dropPending({ from, to }: KeyRange): void {
    for (const row of this.pending.rows.keys()) {
      if (row >= from && row < to) this.forget(row);
    }
  }

  private forget(row: Bytes): void {
    const { rows } = this.pending;
    const value = rows.get(row);
    if (value === undefined && !rows.has(row)) return;
    this.pending.bytes -= rowBytes + sizeOf(value);
    rows.delete(row);
  }

  /** A message as far as it can be known without the store; undefined: there is none. */
  message(row: Bytes): StoredMessage | undefined | "not-here" {
    const value = this.find(row);
    return value instanceof Uint8Array ? decodeMessage(value) : value;
  }

  /** A row that is not a new message's, as far as it can be known without the store; undefined: there is none. */
  row(row: Bytes): Uint8Array | undefined | "not-here" {
    const value = this.find(row);
    assert(
      value === undefined || value === "not-here" || value instanceof Uint8Array,
      "a message, not bytes",
    );
    return value;
  }

  private find(row: Bytes): Value | "not-here" {
    const { pending, taken, provided } = this;
    const first = pending.rows.get(row);
    if (first !== undefined) return first;
    if (pending.rows.has(row) || pending.covers(row)) return undefined;
    if (taken !== undefined) {
      const second = taken.rows.get(row);
      if (second !== undefined) return second;
      if (taken.rows.has(row) || taken.covers(row)) return undefined;
    }
    const third = provided.get(row);
    if (third !== undefined) return third;
    return provided.has(row) ? undefined : "not-here";
  }

  /** Every change of this range that has not reached the store: whether the row is there. */
  changesIn({ from, to }: KeyRange): Map<Bytes, boolean> {
    const changes = new Map<Bytes, boolean>();
    for (const layer of [this.taken, this.pending]) {
      for (const [row, value] of layer?.rows ?? []) {
        if (row >= from && row < to) changes.set(row, value !== undefined);
      }
    }
    return changes;
  }

  provide(row: Bytes, value: Uint8Array | undefined): void {
    this.provided.set(row, value);
  }

  get isAnyProvided(): boolean {
    return this.provided.size > 0;
  }

  isProvided(row: Bytes): boolean {
    return this.provided.has(row);
  }

  /** The value that was provided for a row that never is pending; undefined: the store has no such row. */
  providedValue(row: Bytes): Uint8Array | undefined {
    assert(this.provided.has(row), "a row that apply needs was not provided");
    return this.provided.get(row);
  }

  entryDone(): void {
    if (this.provided.size > 0) this.provided.clear();
  }

  /** Appends everything pending to a batch, which is out from now on. */
  take(into: Write[], writer: ByteWriter): void {
    assert(this.taken === undefined, "W2: the last batch is still being written");
    for (const range of this.pending.ranges) into.push({ kind: "delete-range", ...range });
    for (const [row, value] of this.pending.rows) {
      if (value === undefined) {
        into.push({ kind: "delete", key: row });
      } else if (value instanceof Uint8Array) {
        into.push({ kind: "put", key: row, value });
      } else {
        encodeMessage(writer, value);
        into.push({ kind: "put", key: row, value: writer.cut() });
      }
    }
    this.taken = this.pending;
    this.pending = new Layer();
  }

  stored(): void {
    assert(this.taken !== undefined, "W2: no batch is being written");
    this.taken = undefined;
  }
}

function sizeOf(value: Value): number {
  if (value === undefined) return 0;
  return value instanceof Uint8Array ? value.length : value.content.length;
}
