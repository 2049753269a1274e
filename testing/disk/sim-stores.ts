// A store that forgets as RocksDB does under node/rocks-store.ts.

import type { Stores } from "../../node/state-directory.ts";
import { MemoryStore } from "../../queue/index.ts";
import type {
  Bytes,
  OrderedStore,
  RangeOptions,
  Row,
  StoreSnapshot,
  Write,
} from "../../queue/index.ts";

/** What a memory store holds now. */
function copyOf(store: MemoryStore): MemoryStore {
  const copy = store.snapshot();
  if (copy instanceof MemoryStore) return copy;
  throw new Error("a snapshot of a memory store is one");
}

export type StoreOperation = "open" | "destroy" | "get" | "range" | "write" | "flush" | "close";

/** Runs before each operation of a store: throw to make it fail, wait to make it slow. */
export type StoreGate = (operation: StoreOperation, path: string) => void | Promise<void>;

/**
 * Like RocksDB under node/rocks-store.ts (K3): what was flushed survives the end of the process and the loss of power, and
 * after that some prefix of the later batches may (it flushes by itself). One owner at a time.
 */
export class SimStores implements Stores {
  readonly #rows = new Map<string, { durable: MemoryStore; since: (readonly Write[])[] }>();
  readonly #open = new Map<string, SimStore>();
  gate: StoreGate;

  constructor(gate: StoreGate = () => undefined) {
    this.gate = gate;
  }

  get paths(): string[] {
    return [...this.#rows.keys()].sort();
  }

  async open(path: string): Promise<OrderedStore> {
    await this.gate("open", path);
    if (this.#open.has(path)) throw new Error(`${path} is in use`);
    const rows = this.#rows.get(path) ?? { durable: new MemoryStore(), since: [] };
    this.#rows.set(path, rows);
    const memory = copyOf(rows.durable);
    for (const batch of rows.since) void memory.write(batch);
    const store = new SimStore(path, memory, rows, this);
    this.#open.set(path, store);
    return store;
  }

  async destroy(path: string): Promise<void> {
    await this.gate("destroy", path);
    if (this.#open.has(path)) throw new Error(`${path} is in use`);
    this.#rows.delete(path);
  }

  closed(path: string): void {
    this.#open.delete(path);
  }

  /** The process is gone: nothing but what was flushed is left. */
  kill(): SimStores {
    return this.crash(() => 0);
  }

  /** The process is gone, perhaps with the machine, and more than what was flushed may be left. */
  crash(random: () => number): SimStores {
    const after = new SimStores();
    for (const [path, { durable, since }] of this.#rows) {
      const kept = since.slice(0, Math.floor(random() * (since.length + 1)));
      after.#rows.set(path, { durable: copyOf(durable), since: kept });
    }
    this.gate = () => new Promise(() => undefined);
    return after;
  }
}

class SimStore implements OrderedStore {
  readonly path: string;
  readonly #memory: MemoryStore;
  readonly #rows: { durable: MemoryStore; since: (readonly Write[])[] };
  readonly #stores: SimStores;
  #closed = false;

  constructor(
    path: string,
    memory: MemoryStore,
    rows: { durable: MemoryStore; since: (readonly Write[])[] },
    stores: SimStores,
  ) {
    this.path = path;
    this.#memory = memory;
    this.#rows = rows;
    this.#stores = stores;
  }

  async getMany(keys: readonly Bytes[]): Promise<(Uint8Array | undefined)[]> {
    await this.#enter("get");
    return this.#memory.getMany(keys);
  }

  async *range(from: Bytes, to: Bytes, options?: RangeOptions): AsyncIterable<readonly Row[]> {
    await this.#enter("range");
    for await (const rows of this.#memory.range(from, to, options)) {
      await this.#enter("range");
      yield rows;
    }
  }

  async write(writes: readonly Write[]): Promise<void> {
    await this.#enter("write");
    // Kept as bytes of its own: a batch must not change after it was handed over.
    const copy = writes.map((write) =>
      write.kind === "put" ? { ...write, value: write.value.slice() } : write,
    );
    this.#rows.since.push(copy);
    await this.#memory.write(copy);
  }

  snapshot(): StoreSnapshot {
    if (this.#closed) throw new Error(`${this.path} is closed`);
    return new SimSnapshot(this.#memory.snapshot(), () => this.#enter("range"));
  }

  async flush(): Promise<void> {
    await this.#enter("flush");
    for (const batch of this.#rows.since.splice(0)) await this.#rows.durable.write(batch);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#stores.gate("close", this.path);
    this.#stores.closed(this.path);
  }

  async #enter(operation: StoreOperation): Promise<void> {
    this.#assertOpen();
    await this.#stores.gate(operation, this.path);
    this.#assertOpen();
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error(`${this.path} is closed`);
  }
}

class SimSnapshot implements StoreSnapshot {
  readonly #rows: StoreSnapshot;
  readonly #enter: () => Promise<void>;
  #closed = false;

  constructor(rows: StoreSnapshot, enter: () => Promise<void>) {
    this.#rows = rows;
    this.#enter = enter;
  }

  async getMany(keys: readonly Bytes[]): Promise<(Uint8Array | undefined)[]> {
    await this.#check();
    return this.#rows.getMany(keys);
  }

  async *range(from: Bytes, to: Bytes, options?: RangeOptions): AsyncIterable<readonly Row[]> {
    for await (const rows of this.#rows.range(from, to, options)) {
      await this.#check();
      yield rows;
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  async #check(): Promise<void> {
    this.#assertOpen();
    await this.#enter();
    this.#assertOpen();
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error("the snapshot is closed");
  }
}
