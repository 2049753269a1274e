// Runs of messages as the store has them: of each lane the one that was read last. A run never changes, and whoever consumes a
// lane goes through one after the other.

import { RunReader, type Runs } from "../queue/index.ts";

/** Enough for a run of each of a thousand busy keys. */
const bytesMax = 32 * 1024 * 1024;

export class RunCache {
  /** By the runs of a lane, which keep nothing else alive: not the lane, nor its state. What was read first comes first. */
  readonly #readers = new Map<Runs, RunReader>();
  #bytes = 0;

  get(runs: Runs, first: number): RunReader | undefined {
    const reader = this.#readers.get(runs);
    return reader?.first === first ? reader : undefined;
  }

  keep(runs: Runs, first: number, value: Uint8Array): RunReader {
    this.#drop(runs);
    const reader = new RunReader(value, first);
    this.#readers.set(runs, reader);
    this.#bytes += value.length;
    for (const oldest of this.#readers.keys()) {
      if (this.#bytes <= bytesMax) break;
      this.#drop(oldest);
    }
    return reader;
  }

  #drop(runs: Runs): void {
    const reader = this.#readers.get(runs);
    if (reader === undefined) return;
    this.#readers.delete(runs);
    this.#bytes -= reader.value.length;
  }
}
