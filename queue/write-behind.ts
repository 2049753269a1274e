// Messages on their way to the store, and rows read from it for the entry at hand.
//   W1. A row is looked for among what is pending, then in the batch being written, then among what was provided: the newest wins.
//   W2. One batch is out at a time. It is read from here until the store has it.
//   W3. A message that is settled before a batch took it never reaches the store: neither its row nor a delete.
//   W4. What was provided is forgotten when its entry is done.

import { assert } from "./assert.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { StoredMessage } from "./command.ts";
import { decodeMessage, encodeMessage } from "./row-codec.ts";
import type { Bytes, Write } from "./store.ts";

/** What a waiting row costs besides its content. */
const rowBytes = 160;

/** undefined: deleted. */
type Layer = Map<Bytes, StoredMessage | undefined>;

export class WriteBehind {
  private pending: Layer = new Map();
  private taken: Layer | undefined = undefined;
  private readonly provided = new Map<Bytes, Uint8Array | undefined>();
  private pendingBytes = 0;
  private takenBytes = 0;

  get bytes(): number {
    return this.pendingBytes + this.takenBytes;
  }

  get writing(): boolean {
    return this.taken !== undefined;
  }

  put(row: Bytes, message: StoredMessage): void {
    this.pending.set(row, message);
    this.pendingBytes += rowBytes + message.content.length;
  }

  delete(row: Bytes): void {
    const message = this.pending.get(row);
    if (message !== undefined) {
      this.pendingBytes -= rowBytes + message.content.length;
      this.pending.delete(row);
    } else {
      this.pending.set(row, undefined);
      this.pendingBytes += rowBytes;
    }
  }

  /** Drops what is pending below a prefix that a delete-range takes care of. */
  deleteAll(prefix: Bytes): void {
    for (const [row, message] of this.pending) {
      if (!row.startsWith(prefix)) continue;
      this.pendingBytes -= rowBytes + (message?.content.length ?? 0);
      this.pending.delete(row);
    }
  }

  /** A message as far as it can be known without the store; undefined: deleted. */
  message(row: Bytes): StoredMessage | undefined | "not-here" {
    const pending = this.pending.get(row);
    if (pending !== undefined) return pending;
    if (this.pending.has(row)) return undefined;
    const taken = this.taken?.get(row);
    if (taken !== undefined) return taken;
    if (this.taken?.has(row) === true) return undefined;
    const provided = this.provided.get(row);
    if (provided !== undefined) return decodeMessage(provided);
    return this.provided.has(row) ? undefined : "not-here";
  }

  provide(row: Bytes, value: Uint8Array | undefined): void {
    this.provided.set(row, value);
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
    for (const [row, message] of this.pending) {
      if (message === undefined) {
        into.push({ kind: "delete", key: row });
      } else {
        encodeMessage(writer, message);
        into.push({ kind: "put", key: row, value: writer.cut() });
      }
    }
    this.taken = this.pending;
    this.takenBytes = this.pendingBytes;
    this.pending = new Map();
    this.pendingBytes = 0;
  }

  stored(): void {
    assert(this.taken !== undefined, "W2: no batch is being written");
    this.taken = undefined;
    this.takenBytes = 0;
  }
}
