// The messages of grants: from what is still waiting to be written, else from one multi-get.

import {
  decodeMessage,
  type Bytes,
  type Grant,
  type KeyRange,
  type Machine,
  type OrderedStore,
  type Row,
  type StoredMessage,
} from "../queue/index.ts";
import type { LoadedDelivery } from "./streams.ts";

export class Bodies {
  readonly #state: () => { readonly machine: Machine; readonly store: OrderedStore };
  readonly #failed: (store: OrderedStore, error: unknown) => void;

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
      const message = machine.message(grant.row);
      if (message === "not-here") return undefined;
      loaded.push({ grant, message });
    }
    return loaded;
  }

  /** Rejects when the store cannot be read; `failed` has been told. */
  async load(grants: readonly Grant[]): Promise<LoadedDelivery[]> {
    const messages = await this.messages(grants.map(({ row }) => row));
    return grants.map((grant, i) => ({ grant, message: messages[i] }));
  }

  /** undefined: there is none in this row (any more). Rejects as `load`. */
  async messages(rows: readonly Bytes[]): Promise<(StoredMessage | undefined)[]> {
    const { machine, store } = this.#state();
    const found = rows.map((row) => machine.message(row));
    const absent = rows.filter((_, i) => found[i] === "not-here");
    return this.#reading(store, async () => {
      const values = absent.length > 0 ? await store.getMany(absent) : [];
      let next = 0;
      return found.map((message) => {
        if (message !== "not-here") return message;
        const value = values[next++];
        return value === undefined ? undefined : decodeMessage(value);
      });
    });
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
