// The messages of grants: those at hand, else from one multi-get. Runs that were read are kept for a while: the next message of
// the key is in them too.

import {
  StoredAt,
  type Bytes,
  type Grant,
  type KeyRange,
  type Machine,
  type MessagePlace,
  type OrderedStore,
  type Row,
  type StoredMessage,
} from "../queue/index.ts";
import { RunCache } from "./run-cache.ts";
import type { LoadedDelivery } from "./streams.ts";

export class Bodies {
  readonly #state: () => { readonly machine: Machine; readonly store: OrderedStore };
  readonly #failed: (store: OrderedStore, error: unknown) => void;
  readonly #runs = new RunCache();

  /**
   * `state` may change between calls: a snapshot replaces machine and store. `failed`: this store cannot be read, or what was
   * read cannot be understood (F2).
   */
  constructor(
    state: () => { machine: Machine; store: OrderedStore },
    failed: (store: OrderedStore, error: unknown) => void,
  ) {
    this.#state = state;
    this.#failed = failed;
  }

  /** Without a disk, if all of them are in memory. */
  inMemory(grants: readonly Grant[]): LoadedDelivery[] | undefined {
    const { machine, store } = this.#state();
    const loaded: LoadedDelivery[] = [];
    for (const grant of grants) {
      let message = grant.message ?? machine.message(grant);
      if (message instanceof StoredAt) {
        const run = this.#runs.get(store, message.row);
        if (run === undefined) return undefined;
        message = message.read(run);
      }
      loaded.push({ grant, message });
    }
    return loaded;
  }

  /** Rejects when the store cannot be read; `failed` has been told. */
  async load(grants: readonly Grant[]): Promise<LoadedDelivery[]> {
    const messages = await this.messages(grants);
    return grants.map((grant, i) => ({ grant, message: messages[i] }));
  }

  /** undefined: there is none at this place (any more). Rejects as `load`. */
  async messages(places: readonly MessagePlace[]): Promise<(StoredMessage | undefined)[]> {
    const { machine, store } = this.#state();
    const found = places.map((place) => machine.message(place));
    const values = new Map<Bytes, Uint8Array | undefined>();
    for (const at of found) {
      if (at instanceof StoredAt) values.set(at.row, this.#runs.get(store, at.row));
    }
    return this.#reading(store, async () => {
      await this.#read(store, values);
      return found.map((at) => {
        if (!(at instanceof StoredAt)) return at;
        const value = values.get(at.row);
        if (at.isRun && value !== undefined) this.#runs.keep(store, at.row, value);
        return at.read(value);
      });
    });
  }

  /** Fills in what is not known yet. */
  async #read(store: OrderedStore, values: Map<Bytes, Uint8Array | undefined>): Promise<void> {
    const absent: Bytes[] = [];
    for (const [row, value] of values) if (value === undefined) absent.push(row);
    if (absent.length === 0) return;
    const read = await store.getMany(absent);
    absent.forEach((row, i) => values.set(row, read[i]));
  }

  /** Rows as the store has them: the first ones in order, or with `reverse` the last ones, last first. Rejects as `load`. */
  rows({ from, to }: KeyRange, limit: number, reverse = false): Promise<Row[]> {
    const { store } = this.#state();
    return this.#reading(store, async () => {
      const found: Row[] = [];
      for await (const rows of store.range(from, to, { limit, reverse })) found.push(...rows);
      return found;
    });
  }

  /** Every row of a range, batch by batch. Rejects as `load`. */
  async eachRow({ from, to }: KeyRange, visit: (row: Row) => void): Promise<void> {
    const { store } = this.#state();
    await this.#reading(store, async () => {
      for await (const rows of store.range(from, to)) rows.forEach(visit);
    });
  }

  async #reading<T>(store: OrderedStore, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      this.#failed(store, error);
      throw error;
    }
  }
}
