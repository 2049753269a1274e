// Rows with several messages as the store has them: bundles, and of each lane the run that was read last. They never change, and
// whoever consumes goes through one after the other.

import type { RowReader, StoredAt } from "../queue/index.ts";

/** Enough for a run of each of a thousand busy keys. */
const bytesMax = 32 * 1024 * 1024;

export class RowCache {
  /** By what keeps nothing else alive: not the lane, nor its state. What was read first comes first. */
  readonly #readers = new Map<StoredAt["group"], RowReader>();
  #bytes = 0;

  get(at: StoredAt): RowReader | undefined {
    const reader = this.#readers.get(at.group);
    return reader !== undefined && at.isIn(reader) ? reader : undefined;
  }

  /** `value`: what the store has in the row of a message that does not lie alone. */
  keep(at: StoredAt, value: Uint8Array): RowReader {
    const reader = at.open(value);
    this.#drop(at.group);
    this.#readers.set(at.group, reader);
    this.#bytes += value.length;
    for (const oldest of this.#readers.keys()) {
      if (this.#bytes <= bytesMax) break;
      this.#drop(oldest);
    }
    return reader;
  }

  #drop(group: StoredAt["group"]): void {
    const reader = this.#readers.get(group);
    if (reader === undefined) return;
    this.#readers.delete(group);
    this.#bytes -= reader.value.length;
  }
}
