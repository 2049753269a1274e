// Runs of messages as the store has them: of each lane the one that was read last. A run never changes, and whoever consumes a
// lane goes through one after the other.

import type { RunReader, StoredAt } from "../queue/index.ts";

/** Enough for a run of each of a thousand busy keys. */
const bytesMax = 32 * 1024 * 1024;

export class RunCache {
  /** By lane; the one that was read first comes first. */
  readonly #runs = new Map<object, RunReader>();
  #bytes = 0;

  /** The run in which this message lies. */
  get({ lane, first }: StoredAt): RunReader | undefined {
    const run = this.#runs.get(lane);
    return run?.first === first ? run : undefined;
  }

  keep(at: StoredAt, value: Uint8Array): RunReader {
    this.#drop(at.lane);
    const run = at.reader(value);
    this.#runs.set(at.lane, run);
    this.#bytes += value.length;
    for (const lane of this.#runs.keys()) {
      if (this.#bytes <= bytesMax) break;
      this.#drop(lane);
    }
    return run;
  }

  #drop(lane: object): void {
    const run = this.#runs.get(lane);
    if (run === undefined) return;
    this.#runs.delete(lane);
    this.#bytes -= run.value.length;
  }
}
