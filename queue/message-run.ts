// Messages of one lane that lie together in the store: a run. Most of what a row costs there, it costs once, however much is in it.
//
//   A run's value: for each message, by key_seq: key_seq − that of the message before (the first: 0) · length u32 · message-row.ts
//
//   MR1. A run is written once. Its messages are settled one by one; it goes when all of them are.
//   MR2. Which messages of it are there nobody can tell but the lane.

import { assert } from "./assert.ts";
import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { StoredMessage } from "./command.ts";
import { decodeMessage } from "./message-row.ts";

/** Where a run ends: whoever wants one message of it reads it whole. */
export const runMax = { messages: 64, bytes: 16 * 1024 } as const;

/** Adds a message to the run that the writer is at: its length and itself. `after`: key_seq of the one before, its own for the first. */
export function addToRun(
  writer: ByteWriter,
  after: number,
  keySeq: number,
  piece: Uint8Array,
): void {
  writer.int(keySeq - after);
  writer.raw(piece);
}

/** Finds messages in a run's value; those that are asked for one after the other without beginning again. */
export class RunReader {
  readonly value: Uint8Array;
  /** key_seq of its first message. */
  readonly first: number;
  private reader: ByteReader;
  /** key_seq and length of the message that the reader is at; 0: before the first; Infinity: behind the last. */
  private keySeq = 0;
  private length = 0;

  constructor(value: Uint8Array, first: number) {
    this.value = value;
    this.first = first;
    this.reader = this.rewound();
  }

  /** undefined: the run never had this one. The content is a view into the value. */
  message(keySeq: number): StoredMessage | undefined {
    if (keySeq < this.keySeq) this.reader = this.rewound();
    while (this.keySeq < keySeq && this.next());
    if (this.keySeq !== keySeq) return undefined;
    const { offset } = this.reader;
    return decodeMessage(this.value.subarray(offset, offset + this.length));
  }

  private rewound(): ByteReader {
    this.keySeq = 0;
    this.length = 0;
    return new ByteReader(this.value);
  }

  /** False: there is none. */
  private next(): boolean {
    const { reader } = this;
    reader.pass(this.length);
    this.length = 0;
    if (reader.done) {
      this.keySeq = Infinity;
      return false;
    }
    this.keySeq = (this.keySeq === 0 ? this.first : this.keySeq) + reader.int();
    this.length = reader.u32();
    return true;
  }
}

/** All that it was written with. */
export function* messagesOfRun(
  value: Uint8Array,
  first: number,
): Generator<readonly [keySeq: number, message: StoredMessage]> {
  const reader = new ByteReader(value);
  for (let at = first; !reader.done;) {
    at += reader.int();
    yield [at, decodeMessage(reader.raw(reader.u32()))];
  }
}

/** The runs of one lane, by the key_seq of their first messages: some sixteen bytes each. */
export class Runs {
  /** Ascending. */
  private firsts: number[] = [];
  /** Messages of each that are not settled. */
  private lives: number[] = [];
  /** What is before is gone: runs mostly go in the order in which they came. */
  private head = 0;

  get count(): number {
    return this.firsts.length - this.head;
  }

  add(first: number, messages: number): void {
    assert(messages > 0 && first > (this.firsts.at(-1) ?? 0), "MR1: runs follow each other");
    this.firsts.push(first);
    this.lives.push(messages);
  }

  /** The first key_seq of the run in which this message lies, if any does. */
  firstOf(keySeq: number): number | undefined {
    return this.firsts[this.at(keySeq)];
  }

  /** A message of a run is settled. Returns where the run begins if that was its last one. */
  leave(keySeq: number): number | undefined {
    const at = this.at(keySeq);
    const first = this.firsts[at];
    const live = this.lives[at];
    assert(first !== undefined && live !== undefined, "MR2: a message that lies in no run");
    if (live > 1) {
      this.lives[at] = live - 1;
      return undefined;
    }
    this.remove(at);
    return first;
  }

  /** Everything is settled but these, which lie in runs. Returns where the runs begin that are left. */
  leaveAllBut(keySeqs: readonly number[]): readonly number[] {
    const lives = new Map<number, number>();
    for (const keySeq of keySeqs) {
      const first = this.firstOf(keySeq);
      assert(first !== undefined, "MR2: a message that lies in no run");
      lives.set(first, (lives.get(first) ?? 0) + 1);
    }
    this.firsts = [...lives.keys()].sort((a, b) => a - b);
    this.lives = this.firsts.map((first) => lives.get(first) ?? 0);
    this.head = 0;
    return this.firsts;
  }

  write(writer: ByteWriter): void {
    writer.int(this.count);
    let last = 0;
    for (let at = this.head; at < this.firsts.length; at++) {
      const first = this.firsts[at] ?? 0;
      writer.int(first - last);
      writer.int(this.lives[at] ?? 0);
      last = first;
    }
  }

  static read(reader: ByteReader): Runs {
    const runs = new Runs();
    let first = 0;
    for (let left = reader.int(); left > 0; left--) {
      first += reader.int();
      runs.add(first, reader.int());
    }
    return runs;
  }

  /** For tests and invariants: where each begins, and how many of its messages are there. */
  *all(): Generator<{ readonly first: number; readonly messages: number }> {
    for (let at = this.head; at < this.firsts.length; at++) {
      yield { first: this.firsts[at] ?? 0, messages: this.lives[at] ?? 0 };
    }
  }

  /** Index of the last run that begins at this key_seq or before; −1: there is none. */
  private at(keySeq: number): number {
    let low = this.head;
    let high = this.firsts.length;
    // The first run, as nearly always.
    if (high - low > 1 && keySeq < (this.firsts[low + 1] ?? 0)) high = low + 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.firsts[middle] ?? 0) <= keySeq) low = middle + 1;
      else high = middle;
    }
    return low > this.head ? low - 1 : -1;
  }

  private remove(at: number): void {
    if (at > this.head) {
      this.firsts.splice(at, 1);
      this.lives.splice(at, 1);
      return;
    }
    this.head++;
    if (this.head < 64 || this.head * 2 < this.firsts.length) return;
    this.firsts = this.firsts.slice(this.head);
    this.lives = this.lives.slice(this.head);
    this.head = 0;
  }
}
