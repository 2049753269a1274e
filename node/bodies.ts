// The messages of grants: from what is still waiting to be written, else from one multi-get.

import {
  decodeMessage,
  type Grant,
  type Machine,
  type OrderedStore,
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
    const { machine, store } = this.#state();
    const found: (StoredMessage | "not-here" | undefined)[] = grants.map((grant) =>
      machine.message(grant.row),
    );
    const rows: string[] = [];
    grants.forEach((grant, i) => {
      if (found[i] === "not-here") rows.push(grant.row);
    });
    try {
      const values = rows.length > 0 ? await store.getMany(rows) : [];
      let next = 0;
      return grants.map((grant, i) => {
        const message = found[i];
        if (message !== "not-here") return { grant, message };
        const value = values[next++];
        return { grant, message: value === undefined ? undefined : decodeMessage(value) };
      });
    } catch (error) {
      this.#failed(store, error);
      throw error;
    }
  }
}
