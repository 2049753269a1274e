// The store in memory: for tests and simulation. Passes the same contract suite as the one on disk.

import type { Bytes, OrderedStore, RangeOptions, Row, StoreSnapshot, Write } from "./store.ts";

const rowsPerBatch = 256;

export class MemoryStore implements OrderedStore {
  private rows = new Map<Bytes, Uint8Array>();
  /** Keys in order; undefined: to be sorted again. */
  private sorted: readonly Bytes[] | undefined = [];
  private closed = false;

  getMany(keys: readonly Bytes[]): Promise<(Uint8Array | undefined)[]> {
    return this.settle(() => keys.map((key) => this.rows.get(named(key))?.slice()));
  }

  range(from: Bytes, to: Bytes, options: RangeOptions = {}): AsyncIterable<readonly Row[]> {
    return {
      [Symbol.asyncIterator]: () => {
        // A range sees one moment, whatever is written while it is read.
        const moment = this.closed ? this : this.copy();
        return moment.batches(from, to, options);
      },
    };
  }

  write(writes: readonly Write[]): Promise<void> {
    return this.settle(() => {
      for (const write of writes) this.one(write);
    });
  }

  snapshot(): StoreSnapshot {
    if (this.closed) throw new Error("the store is closed");
    return this.copy();
  }

  private copy(): MemoryStore {
    const copy = new MemoryStore();
    copy.rows = new Map(this.rows);
    copy.sorted = this.sorted;
    return copy;
  }

  flush(): Promise<void> {
    return this.settle(() => undefined);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  private one(write: Write): void {
    switch (write.kind) {
      case "put":
        if (!this.rows.has(named(write.key))) this.sorted = undefined;
        this.rows.set(write.key, write.value.slice());
        return;
      case "delete":
        if (this.rows.delete(named(write.key))) this.sorted = undefined;
        return;
      case "delete-range":
        for (const key of this.keysBetween(write.from, write.to)) this.rows.delete(key);
        this.sorted = undefined;
        return;
    }
  }

  private batches(from: Bytes, to: Bytes, options: RangeOptions): AsyncIterator<readonly Row[]> {
    const reverse = options.reverse ?? false;
    let left = options.limit ?? Infinity;
    let [low, high] = [from, to];
    return {
      next: () =>
        this.settle((): IteratorResult<readonly Row[], undefined> => {
          const between = this.keysBetween(low, high);
          const count = Math.min(left, rowsPerBatch, between.length);
          if (count <= 0) return { done: true, value: undefined };
          const keys = reverse ? between.slice(-count).reverse() : between.slice(0, count);
          left -= count;
          const last = keys.at(-1) ?? "";
          if (reverse) high = last;
          else low = `${last}\x00`;
          return { done: false, value: keys.map((key) => this.row(key)) };
        }),
    };
  }

  private row(key: Bytes): Row {
    return { key, value: this.rows.get(key)?.slice() ?? new Uint8Array(0) };
  }

  private keysBetween(from: Bytes, to: Bytes): readonly Bytes[] {
    this.sorted ??= [...this.rows.keys()].sort();
    return this.sorted.slice(lowerBound(this.sorted, from), lowerBound(this.sorted, to));
  }

  /** Runs now; an error is a rejection, as with a store that really waits. */
  private settle<T>(action: () => T): Promise<T> {
    if (this.closed) return Promise.reject(new Error("the store is closed"));
    try {
      return Promise.resolve(action());
    } catch (cause) {
      return Promise.reject(
        cause instanceof Error ? cause : new Error("the store failed", { cause }),
      );
    }
  }
}

function named(key: Bytes): Bytes {
  if (key === "") throw new Error("an empty key is not a key");
  return key;
}

/** Index of the first key that is not below `key`. */
function lowerBound(keys: readonly Bytes[], key: Bytes): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
