// Committed entries → the state machine → RocksDB.
//   A1. Entries are applied in index order, each once, on one path, snapshot installs included (E2).
//   A2. Apply never waits: rows that it needs from disk are fetched before, and handed in as data.
//   A3. Everything that entries changed, and the applied index, go to the store in one atomic batch (R4, F6); one batch at
//       a time. The store may lag: the log is kept until the store has flushed (E8).
//   A4. Applying is sliced, so that the consensus clock never starves, and stops while too much waits for the store (I7). A
//       batch is taken in one go, so it is not left to grow beyond lanesPerBatch.
//   A5. The store is flushed after every flushBytes of entries: a restart applies no more than that again, and what came
//       while the last flush ran (rocks-store.ts K3).

import {
  decodeEntry,
  type Answer,
  type DueRange,
  type LogEntry,
  type Effects,
  type Machine,
  type OrderedStore,
  type Origin,
} from "../queue/index.ts";
import type { Entry } from "../raft/index.ts";
import { assert } from "./assert.ts";
import type { Clock, Timer } from "./clock.ts";
import { readDue } from "./open-machine.ts";

/** Longest slice of the event loop that applying takes at once. */
const sliceMs = 4;
/** Entries between two looks at the clock. */
const entriesPerLook = 4;
/** Payload of entries between two flushes: some 150,000 small messages, or a second at a restart. */
const flushBytes = 32 * 1024 * 1024;
/**
 * Changed lanes at which a batch is written: it is taken at once, some 3 us for each of them, and waiting longer would not let
 * more changes of a lane fall together where there are that many.
 */
export const lanesPerBatch = 8_192;
/** Commands of one entry between two looks at the clock. */
const commandsPerLook = 256;

export interface ApplierEvents {
  /** The answer to the command at `ordinal` of the entry; undefined: deferred, it comes as a completion. */
  answer(entry: Entry, ordinal: number, origin: Origin, answer: Answer | undefined): void;
  /** After a slice: what it set in motion, and up to where the state machine is now. */
  applied(index: number, effects: Effects): void;
  /** A broken store or state machine: the process must end (F2, G4). */
  failed(error: unknown): void;
}

interface Options {
  readonly writeBehindMs: number;
  readonly writeBehindBytesMax: number;
}

export class Applier {
  #machine: Machine;
  #store: OrderedStore;
  readonly #clock: Clock;
  readonly #options: Options;
  readonly #events: ApplierEvents;
  #backlog: Entry[] = [];
  #at = 0;
  #backlogBytes = 0;
  #current: { entry: Entry; decoded: LogEntry; ordinal: number; begun: boolean } | undefined;
  #running = false;
  #loop: Promise<void> = Promise.resolve();
  #stopped = false;
  #failed = false;
  #writing: Promise<void> | undefined;
  #unflushedBytes = 0;
  #flushing: Promise<void> | undefined;
  #timer: Timer | undefined;
  /** Applied index that the store's last finished batch carries. */
  #storedIndex: number;

  constructor(
    machine: Machine,
    store: OrderedStore,
    clock: Clock,
    options: Options,
    events: ApplierEvents,
  ) {
    this.#machine = machine;
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
    this.#events = events;
    this.#storedIndex = machine.appliedIndex;
  }

  get machine(): Machine {
    return this.#machine;
  }

  get store(): OrderedStore {
    return this.#store;
  }

  get storedIndex(): number {
    return this.#storedIndex;
  }

  /** Payload bytes committed and not applied. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** An entry has been applied in part: its rows are not to be taken, and the digest is of no index. */
  get midEntry(): boolean {
    return this.#current?.begun === true;
  }

  push(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#backlog.push(entry);
      this.#backlogBytes += entry.payload.length;
    }
    this.#pump();
  }

  #pump(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    // Not within the step that committed the entries: what applying sets in motion may propose (consensus.ts N1).
    this.#loop = Promise.resolve()
      .then(() => this.#run())
      .catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    this.#stopped = true;
    if (this.#failed) return;
    this.#failed = true;
    this.#events.failed(error);
  }

  async #run(): Promise<void> {
    while (this.#at < this.#backlog.length && !this.#stopped) {
      if (this.#isFull && !this.midEntry) {
        await this.#write();
        // Whoever stops or fails in the meantime expects that nothing is applied any more.
        if (this.#isOver) break;
      }
      const missing = this.#slice();
      this.#events.applied(this.#machine.appliedIndex, this.#machine.takeEffects());
      this.#scheduleWrite();
      if (missing instanceof Array) await this.#fetch(missing);
      else if (missing !== undefined) this.#machine.provideDue(await readDue(this.#store, missing));
      else if (this.#at < this.#backlog.length)
        await new Promise<void>((resolve) => this.#clock.soon(resolve));
    }
    this.#running = false;
  }

  get #isOver(): boolean {
    return this.#stopped;
  }

  get #isFull(): boolean {
    return this.#machine.writeBehindBytes > 2 * this.#options.writeBehindBytesMax;
  }

  /** Applies until the slice is used up, or until rows are missing: those. */
  #slice(): readonly string[] | DueRange | undefined {
    const end = this.#clock.monotonicMs() + sliceMs;
    for (let count = 1; this.#at < this.#backlog.length; count += 1) {
      const missing = this.#applyOne(end);
      if (missing === "more") return undefined;
      if (missing !== undefined) return missing;
      if (this.#isFull) break;
      if (count % entriesPerLook === 0 && this.#clock.monotonicMs() >= end) break;
    }
    if (this.#at > 1_024 || this.#at === this.#backlog.length) {
      this.#backlog.splice(0, this.#at);
      this.#at = 0;
    }
    return undefined;
  }

  /** "more": the slice is used up in the middle of the entry. */
  #applyOne(end: number): readonly string[] | DueRange | "more" | undefined {
    const machine = this.#machine;
    const entry = this.#backlog[this.#at];
    assert(
      entry !== undefined && entry.index === machine.appliedIndex + 1,
      "A1: entries are applied in index order",
    );
    if (entry.kind !== "command") {
      machine.skip(entry.index);
      this.#at += 1;
      this.#backlogBytes -= entry.payload.length;
      this.#unflushedBytes += entry.payload.length;
      return undefined;
    }
    let current = this.#current;
    if (current === undefined) {
      current = { entry, decoded: decodeEntry(entry.payload), ordinal: 0, begun: false };
      this.#current = current;
      const hinted = machine.hint(current.decoded.records);
      if (hinted.length > 0) return hinted;
    }
    const at = { index: entry.index, time: current.decoded.time };
    if (!current.begun) {
      const due = machine.missingDue(at);
      if (due !== undefined) return due;
      const missing = machine.missingToBegin(at);
      if (missing.length > 0) return missing;
      machine.begin(at);
      current.begun = true;
    }
    const records = current.decoded.records;
    let looked = current.ordinal;
    while (current.ordinal < records.length) {
      if (current.ordinal - looked >= commandsPerLook) {
        if (this.#clock.monotonicMs() >= end) return "more";
        looked = current.ordinal;
      }
      const record = records[current.ordinal];
      assert(record !== undefined, "a record for each ordinal");
      const missing = machine.missing(record.origin, record.command);
      if (missing.length > 0) return missing;
      const answer = machine.apply(record.origin, record.command);
      this.#events.answer(entry, current.ordinal, record.origin, answer);
      current.ordinal += 1;
    }
    machine.end();
    this.#current = undefined;
    this.#at += 1;
    this.#backlogBytes -= entry.payload.length;
    this.#unflushedBytes += entry.payload.length;
    return undefined;
  }

  async #fetch(rows: readonly string[]): Promise<void> {
    const values = await this.#store.getMany(rows);
    rows.forEach((row, i) => this.#machine.provide(row, values[i]));
  }

  #scheduleWrite(): void {
    const { writeBehindBytes, changedLanes } = this.#machine;
    if (writeBehindBytes >= this.#options.writeBehindBytesMax || changedLanes >= lanesPerBatch) {
      // While a batch is out, the next slice asks again, or the timer does.
      if (this.#writing === undefined) {
        void this.#write();
        return;
      }
    }
    this.#timer ??= this.#clock.after(this.#options.writeBehindMs, () => {
      this.#timer = undefined;
      void this.#write();
    });
  }

  /** Everything applied so far, up to the last whole entry, is in the store when this resolves, or it has failed. */
  async #write(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    if (this.#stopped || this.#machine.appliedIndex === this.#storedIndex || this.midEntry) return;
    this.#timer?.stop();
    this.#timer = undefined;
    this.#writing = this.#writeBatch();
    await this.#writing;
    this.#writing = undefined;
  }

  async #writeBatch(): Promise<void> {
    try {
      const index = this.#machine.appliedIndex;
      await this.#store.write(this.#machine.takeWrites());
      this.#machine.writesStored();
      this.#storedIndex = index;
      if (this.#unflushedBytes >= flushBytes) this.#flushing ??= this.#flush();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A5. */
  async #flush(): Promise<void> {
    this.#unflushedBytes = 0;
    try {
      await this.#store.flush();
    } catch (error) {
      this.#fail(error);
    }
    this.#flushing = undefined;
  }

  /** Writes what is applied, and makes it survive the loss of power. Resolves to the applied index that is safe (E8). */
  async checkpoint(): Promise<number> {
    await this.#write();
    const index = this.#storedIndex;
    this.#unflushedBytes = 0;
    await this.#store.flush();
    return index;
  }

  /** Waits for what is being read and written, so that the store can be replaced or closed (E2). */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.stop();
    await this.#loop;
    await this.#writing;
    await this.#flushing;
  }
}
