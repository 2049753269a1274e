// Entries command by command, as tests want them.

import { entryPayload, RecordWriter, type Command, type Origin } from "../../queue/index.ts";

export class EntryWriter {
  readonly #group: number;
  readonly #records = new RecordWriter(64);
  #count = 0;

  constructor(group = 0) {
    this.#group = group;
  }

  get count(): number {
    return this.#count;
  }

  add(origin: Origin, command: Command): void {
    this.#records.add(origin, command);
    this.#count += 1;
  }

  /** The payload, stamped; the writer is empty again. */
  finish(stamp: number): Uint8Array {
    const count = this.#count;
    this.#count = 0;
    return entryPayload(stamp, count, [this.#records.cut()], this.#group);
  }
}
