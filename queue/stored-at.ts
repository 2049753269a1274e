// Where the store has a message, and how it is found in what was read from there.

import { assert } from "./assert.ts";
import { Bundle, BundleReader } from "./bundle.ts";
import type { StoredMessage } from "./command.ts";
import { bundleRow, messageRow, runRow } from "./keys.ts";
import { RunReader, type Runs } from "./message-run.ts";
import { decodeMessage } from "./message-row.ts";
import type { Lane } from "./state.ts";
import type { Bytes } from "./store.ts";

/** A row with several messages, which does not change while it is there. */
export type RowReader = RunReader | BundleReader;

export class StoredAt {
  private readonly lane: Lane;
  /** Its own key_seq, in its lane. */
  private readonly keySeq: number;
  /**
   * The bundle that it lies in, or the runs of its lane, its own among them: neither keeps anything else alive. undefined: it
   * lies alone.
   */
  readonly group: Bundle | Runs | undefined;
  /** key_seq of the first message of its run; 0: it does not lie in one. */
  private readonly first: number;

  constructor(lane: Lane, keySeq: number, group?: Bundle | Runs, first = 0) {
    this.lane = lane;
    this.keySeq = keySeq;
    this.group = group;
    this.first = first;
  }

  get row(): Bytes {
    const { lane, keySeq, group, first } = this;
    const { id, messagePrefix } = lane.queue;
    if (group === undefined) return messageRow(messagePrefix, lane.name, keySeq);
    return group instanceof Bundle ? bundleRow(id, group.number) : runRow(id, lane.name, first);
  }

  /** `value`: what the store has in that row. undefined: the message is not there any more. */
  read(value: Uint8Array | undefined): StoredMessage | undefined {
    if (value === undefined) return undefined;
    return this.group === undefined ? decodeMessage(value) : this.readIn(this.open(value));
  }

  /** For it and the others of its row, which is one of its group. */
  open(value: Uint8Array): RowReader {
    assert(this.group !== undefined, "what lies alone is the whole row");
    if (this.group instanceof Bundle) return new BundleReader(value);
    return new RunReader(value, this.first);
  }

  /** Whether this is its row, among those of its group. */
  isIn(reader: RowReader): boolean {
    return reader instanceof BundleReader || reader.first === this.first;
  }

  readIn(reader: RowReader): StoredMessage | undefined {
    const { lane, keySeq } = this;
    return reader instanceof BundleReader
      ? reader.message(lane.name, keySeq)
      : reader.message(keySeq);
  }
}
