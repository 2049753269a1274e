// Runs of messages as the store has them: the ones used last. A run never changes, and its row is never used again.

import type { Bytes, OrderedStore } from "../queue/index.ts";

/** Enough for a run of each of a thousand busy keys. */
const bytesMax = 32 * 1024 * 1024;

export class RunCache {
  /** The longest unused first. */
  readonly #runs = new Map<Bytes, Uint8Array>();
  #store: OrderedStore | undefined;
  #bytes = 0;

  get(store: OrderedStore, row: Bytes): Uint8Array | undefined {
    if (store !== this.#store) return undefined;
    const run = this.#runs.get(row);
    if (run === undefined) return undefined;
    this.#runs.delete(row);
    this.#runs.set(row, run);
    return run;
  }

  keep(store: OrderedStore, row: Bytes, run: Uint8Array): void {
    // Another store, another life: a snapshot was installed.
    if (store !== this.#store) {
      this.#runs.clear();
      this.#bytes = 0;
      this.#store = store;
    }
    if (this.#runs.has(row)) return;
    this.#runs.set(row, run);
    this.#bytes += run.length;
    for (const [oldest, value] of this.#runs) {
      if (this.#bytes <= bytesMax) return;
      this.#runs.delete(oldest);
      this.#bytes -= value.length;
    }
  }
}
