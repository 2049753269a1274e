// Reads snapshots for followers that need entries which the log has dropped.
//   X1. A snapshot is one consistent view of the store; its id is the applied index that lies in that very view (F6).
//       While it is being found out nothing is compacted: the log must still know that index.
//   X2. One transfer per follower, one chunk in memory each (R11); a transfer that nobody asks for is closed.

import type { Logger } from "pino";
import {
  decodeMeta,
  metaRow,
  stateRange,
  type OrderedStore,
  type Row,
  type StoreSnapshot,
} from "../queue/index.ts";
import type { Input, NodeId, SnapshotId, SnapshotRead } from "../raft/index.ts";
import { assert } from "./assert.ts";
import type { Clock } from "./clock.ts";
import { chunkSum, encodeChunk } from "./snapshot-chunk.ts";

/** An open snapshot holds back RocksDB's compaction: not longer than this without anybody reading it. */
const idleMs = 60_000;

interface Transfer {
  readonly snapshot: SnapshotId;
  readonly view: StoreSnapshot;
  readonly batches: AsyncIterator<readonly Row[]>;
  readonly chain: number;
  pending: readonly Row[];
  chunk: number;
  data: Uint8Array;
  done: boolean;
  usedAt: number;
  /** It was given up, perhaps while a chunk was being read: what comes of that is no chunk. */
  closed: boolean;
}

interface Sources {
  /** Rows in one chunk; the last of them may exceed it. */
  readonly chunkBytes: number;
  readonly store: () => OrderedStore;
  readonly idAt: (index: number) => SnapshotId;
  readonly chainAt: (index: number) => Promise<number | undefined>;
  /** A view could not be closed. */
  readonly failed: (error: unknown) => void;
}

type ChunkRead = Extract<Input, { kind: "snapshot-read" }>;

export class SnapshotSender {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #sources: Sources;
  readonly #transfers = new Map<NodeId, Transfer>();
  /** Views whose index is not known yet (X1). */
  #opening = 0;

  constructor(clock: Clock, logger: Logger, sources: Sources) {
    this.#clock = clock;
    this.#logger = logger;
    this.#sources = sources;
  }

  /** The log must keep the entries from here on: they follow a snapshot that is being sent. 0: all of them. */
  get keepFrom(): number {
    let first = this.#opening > 0 ? 0 : Infinity;
    for (const { snapshot } of this.#transfers.values())
      first = Math.min(first, snapshot.last.index + 1);
    return first;
  }

  /** The chunk asked for; undefined: begin again with a new snapshot. */
  async read({ to, last, chunk }: SnapshotRead): Promise<ChunkRead | undefined> {
    if (last === undefined) await this.#begin(to);
    const transfer = this.#transfers.get(to);
    if (transfer === undefined) return undefined;
    const { snapshot } = transfer;
    if (
      last !== undefined &&
      (last.index !== snapshot.last.index || last.term !== snapshot.last.term)
    )
      return undefined;
    transfer.usedAt = this.#clock.monotonicMs();
    if (chunk === transfer.chunk + 1 && !transfer.done) await this.#advance(transfer);
    else if (chunk !== transfer.chunk) {
      await this.#close(to);
      return undefined;
    }
    if (transfer.closed) return undefined;
    return { kind: "snapshot-read", to, snapshot, chunk, data: transfer.data, done: transfer.done };
  }

  async #begin(to: NodeId): Promise<void> {
    await this.#close(to);
    this.#opening += 1;
    let transfer: Transfer | undefined;
    try {
      transfer = await this.#open();
      // Two may have begun at once: leadership was lost and won in between.
      await this.#close(to);
      if (transfer !== undefined) this.#transfers.set(to, transfer);
    } finally {
      this.#opening -= 1;
    }
    if (transfer === undefined) return;
    this.#logger.info({ peer: to, index: transfer.snapshot.last.index }, "snapshot: sending");
    await this.#advance(transfer);
  }

  /** Undefined: the log has no entry that could follow this state. */
  async #open(): Promise<Transfer | undefined> {
    const view = this.#sources.store().snapshot();
    const [meta] = await view.getMany([metaRow]);
    const index = meta === undefined ? 0 : decodeMeta(meta).appliedIndex;
    const chain = await this.#sources.chainAt(index);
    if (chain === undefined) {
      await view.close();
      return undefined;
    }
    return {
      snapshot: this.#sources.idAt(index),
      view,
      batches: view.range(stateRange.from, stateRange.to)[Symbol.asyncIterator](),
      chain,
      pending: [],
      chunk: -1,
      data: new Uint8Array(),
      done: false,
      usedAt: this.#clock.monotonicMs(),
      closed: false,
    };
  }

  async #advance(transfer: Transfer): Promise<void> {
    const rows: Row[] = [];
    let bytes = 0;
    let ended = false;
    try {
      while (bytes < this.#sources.chunkBytes && !ended) {
        if (transfer.pending.length === 0) {
          const next = await transfer.batches.next();
          ended = next.done === true;
          transfer.pending = next.done === true ? [] : next.value;
        }
        let taken = 0;
        for (const row of transfer.pending) {
          if (bytes >= this.#sources.chunkBytes) break;
          rows.push(row);
          bytes += row.key.length + row.value.length + 8;
          taken += 1;
        }
        transfer.pending = transfer.pending.slice(taken);
      }
    } catch (error) {
      // Its view was closed under it.
      if (transfer.closed) return;
      throw error;
    }
    assert(rows.length > 0 || ended, "X2: a chunk holds rows, or is the last one");
    transfer.chunk += 1;
    transfer.data = encodeChunk(transfer.chain, chunkSum(transfer.data), rows);
    transfer.done = ended;
  }

  /** X2: nobody says that a transfer is over; it is when its follower has asked for nothing for long. */
  tick(): void {
    if (this.#transfers.size === 0) return;
    const now = this.#clock.monotonicMs();
    for (const [to, transfer] of [...this.#transfers]) {
      if (now - transfer.usedAt > idleMs) this.#close(to).catch(this.#sources.failed);
    }
  }

  async #close(to: NodeId): Promise<void> {
    const transfer = this.#transfers.get(to);
    if (transfer === undefined) return;
    this.#transfers.delete(to);
    transfer.closed = true;
    await transfer.batches.return?.();
    await transfer.view.close();
  }

  async stop(): Promise<void> {
    for (const to of [...this.#transfers.keys()]) await this.#close(to);
  }
}
