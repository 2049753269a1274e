// When the log may forget: only what the store has made durable (E8), in steps of half of what is retained, so that
// followers that are a little behind still find their entries.

import type { Logger } from "pino";
import type { Membership } from "../raft/index.ts";
import type { DurableLog } from "./log/index.ts";

export class Compactor {
  readonly #log: DurableLog;
  readonly #retainBytes: number;
  readonly #logger: Logger;
  #running: Promise<number | undefined> | undefined;
  /** Another attempt is worth its flush only when the log has grown since the last one. */
  #nextAtBytes: number;

  constructor(log: DurableLog, retainBytes: number, logger: Logger) {
    this.#log = log;
    this.#retainBytes = retainBytes;
    this.#nextAtBytes = retainBytes;
    this.#logger = logger;
  }

  /**
   * Compacts if the log has outgrown its bound. `checkpoint` makes the store durable and says up to which index; `keepFrom` is
   * the first index that a snapshot under way still needs. Resolves to the index compacted through, or undefined.
   */
  async consider(
    checkpoint: () => Promise<number>,
    keepFrom: () => number,
    membershipAt: (index: number) => Membership,
  ): Promise<number | undefined> {
    if (this.#running !== undefined || this.#log.bytesOnDisk <= this.#nextAtBytes) return undefined;
    this.#running = this.#compact(checkpoint, keepFrom, membershipAt);
    try {
      return await this.#running;
    } finally {
      this.#running = undefined;
      const { bytesOnDisk } = this.#log;
      this.#nextAtBytes = Math.max(this.#retainBytes, bytesOnDisk + this.#retainBytes / 8);
    }
  }

  /** Resolves when nothing is being compacted. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  async #compact(
    checkpoint: () => Promise<number>,
    keepFrom: () => number,
    membershipAt: (index: number) => Membership,
  ): Promise<number | undefined> {
    const durable = await checkpoint();
    const { baseIndex, lastIndex } = this.#log;
    const through = Math.min(
      durable,
      keepFrom() - 1,
      baseIndex + Math.floor((lastIndex - baseIndex) / 2),
    );
    if (through <= baseIndex) return undefined;
    await this.#log.compact(through, membershipAt(through));
    this.#logger.info({ through, bytesOnDisk: this.#log.bytesOnDisk }, "log compacted");
    return through;
  }
}
