// Writes a snapshot that is being received into a fresh store beside the present one.
//   V1. Memory is bounded by one chunk; a damaged chunk rejects the transfer, never the node.
//   V2. Nothing of the present state changes before the whole snapshot is durable (E5).

import type { Logger } from "pino";
import { decodeMeta, metaRow, type OrderedStore } from "../queue/index.ts";
import type { EntryId, SnapshotId, SnapshotWrite } from "../raft/index.ts";
import { assert } from "./assert.ts";
import { chunkSum, decodeChunk } from "./snapshot-chunk.ts";
import type { State, StateDirectory } from "./state-directory.ts";

export class SnapshotReceiver {
  readonly #states: StateDirectory;
  readonly #logger: Logger;
  #incoming:
    | {
        readonly store: OrderedStore;
        readonly generation: number;
        readonly last: EntryId;
        readonly chain: number;
        /** Checksum of the chunk that was taken last. */
        sum: number;
      }
    | undefined;

  constructor(states: StateDirectory, logger: Logger) {
    this.#states = states;
    this.#logger = logger;
  }

  /** Whether the chunk was good. Chunks come in order, chunk 0 begins anew (raft/snapshot.ts). */
  async take({ from, snapshot, chunk, data, done }: SnapshotWrite): Promise<boolean> {
    const decoded = decodeChunk(data);
    if (decoded === undefined) {
      this.#logger.warn({ from, chunk }, "snapshot: a damaged chunk; asking again");
      return false;
    }
    const { last } = snapshot;
    if (chunk === 0) {
      await this.#incoming?.store.close();
      this.#incoming = undefined;
      this.#logger.info({ from, index: last.index }, "snapshot: receiving");
      const { chain } = decoded;
      this.#incoming = { ...(await this.#states.begin()), last, chain, sum: 0 };
    }
    const incoming = this.#incoming;
    if (
      incoming?.last.index !== last.index ||
      incoming.last.term !== last.term ||
      incoming.chain !== decoded.chain ||
      incoming.sum !== decoded.before
    ) {
      this.#logger.warn({ from, chunk }, "snapshot: a chunk of another transfer; asking again");
      return false;
    }
    incoming.sum = chunkSum(data);
    const { store } = incoming;
    await store.write(decoded.rows.map(({ key, value }) => ({ kind: "put", key, value })));
    if (!done) return true;
    const [meta] = await store.getMany([metaRow]);
    const good = meta !== undefined && decodeMeta(meta).appliedIndex === last.index;
    if (!good)
      this.#logger.warn({ from }, "snapshot: not the state that it claims to be; asking again");
    return good;
  }

  /** Makes the received state the present one, and closes `old`. */
  async install(
    snapshot: SnapshotId,
    old: OrderedStore,
  ): Promise<{ readonly state: State; readonly chain: number }> {
    const incoming = this.#incoming;
    assert(incoming !== undefined, "V2: installing what was received");
    this.#incoming = undefined;
    const state = await this.#states.adopt(
      incoming.store,
      incoming.generation,
      { snapshot, chain: incoming.chain },
      old,
    );
    this.#logger.info({ index: snapshot.last.index }, "snapshot: installed");
    return { state, chain: incoming.chain };
  }

  async stop(): Promise<void> {
    await this.#incoming?.store.close();
    this.#incoming = undefined;
  }
}
