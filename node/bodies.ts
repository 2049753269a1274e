// The messages of grants: those at hand, else from one multi-get. Rows of several messages that were read are kept for a while:
// the next ones are in them too.

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
import { RowCache } from "./row-cache.ts";
import type { LoadedDelivery } from "./streams.ts";

export class Bodies {
  readonly #state: () => { readonly machine: Machine; readonly store: OrderedStore };
  readonly #failed: (store: OrderedStore, error: unknown) => void;
  readonly #rows = new RowCache();

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
    const { machine } = this.#state();
    const loaded: LoadedDelivery[] = [];
    for (const grant of grants) {
      const message = grant.message ?? this.#atHand(machine.message(grant));
      if (message instanceof StoredAt) return undefined;
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
    return this.#reading(store, async () => {
      // Before the reading: what is at hand now may not be so after it.
      const found = places.map((place) => this.#atHand(machine.message(place)));
      const rows = new Set<Bytes>();
      for (const at of found) if (at instanceof StoredAt) rows.add(at.row);
      const values = rows.size === 0 ? [] : await store.getMany([...rows]);
      const read = new Map([...rows].map((row, i) => [row, values[i]]));
      return found.map((at) => {
        const message = this.#atHand(at);
        return message instanceof StoredAt ? this.#kept(message, read.get(message.row)) : message;
      });
    });
  }

  /** Itself, if its row is not. */
  #atHand(message: StoredMessage | StoredAt | undefined): StoredMessage | StoredAt | undefined {
    if (!(message instanceof StoredAt) || message.group === undefined) return message;
    const row = this.#rows.get(message);
    return row === undefined ? message : message.readIn(row);
  }

  /** `value`: what was read. */
  #kept(at: StoredAt, value: Uint8Array | undefined): StoredMessage | undefined {
    if (at.group === undefined || value === undefined) return at.read(value);
    return at.readIn(this.#rows.keep(at, value));
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
