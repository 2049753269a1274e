// The replicated log as this node knows it: every term, but only a window of the entries; the rest is on disk.
//   L1. Indexes are dense: compacted.index + 1 … lastIndex; the window is the end of that range.
//   L2. Terms never decrease from one entry to the next.
//   L3. A committed entry is never removed by a conflicting append (B2; checked where the commit index is known: follower.ts).
//   L4. durable <= lastIndex: only what the disk confirmed, and not the confirmation of an entry replaced since (B4).
//   L5. Entries not yet applied stay in the window, once they are in it; applied ones as long as they fit in cacheBytesMax.
// Nothing here takes time in proportion to the length of the log.

import { assert, must } from "./assert.ts";
import type { Restored } from "./config.ts";
import { Deque } from "./deque.ts";
import type { Entry, EntryId } from "./types.ts";

/** What an entry costs besides its payload, so that empty entries are bounded too. */
const entryOverheadBytes = 64;

export function bytesOf(entry: Entry): number {
  return entry.payload.byteLength + entryOverheadBytes;
}

export function isSame(a: EntryId, b: EntryId): boolean {
  return a.index === b.index && a.term === b.term;
}

/** §5.4.1: the later term wins; in the same term, the longer log (A4). */
export function isAtLeastAsUpToDate(candidate: EntryId, own: EntryId): boolean {
  if (candidate.term !== own.term) return candidate.term > own.term;
  return candidate.index >= own.index;
}

/** Entries that continue `previous` without a gap: checked once, at the door; trusted behind it. */
export function isSlice(previous: EntryId, entries: readonly Entry[], term: number): boolean {
  let { index, term: floor } = previous;
  for (const entry of entries) {
    index += 1;
    if (entry.index !== index || entry.term < floor || entry.term > term) return false;
    floor = entry.term;
  }
  return true;
}

interface TermRun {
  firstIndex: number;
  readonly term: number;
}

interface PersistUnderWay {
  readonly sequence: number;
  readonly sinceTick: number;
  /** The log is durable through here when this persist is. Clipped by truncation (B4). */
  through: number;
}

export class Log {
  readonly #cacheBytesMax: number;
  #compacted: EntryId;
  #runs: TermRun[];
  #lastIndex: number;
  #window = new Deque<Entry>();
  #windowFirst: number;
  #applied: number;
  #appliedBytes = 0;
  #durable: number;
  readonly #underWay = new Deque<PersistUnderWay>();

  constructor(restored: Restored, cacheBytesMax: number) {
    const { snapshot, lastIndex, termRuns, applied } = restored;
    this.#cacheBytesMax = cacheBytesMax;
    this.#compacted = snapshot.last;
    this.#runs = termRuns.map(({ firstIndex, term }) => ({ firstIndex, term }));
    this.#lastIndex = lastIndex;
    this.#windowFirst = lastIndex + 1;
    this.#applied = applied;
    this.#durable = lastIndex;
    assert(lastIndex >= snapshot.last.index, "L1: the log ends before its snapshot");
    assert(
      applied >= snapshot.last.index && applied <= lastIndex,
      "restored: applied is in the log",
    );
    const first = this.#runs[0];
    assert((first === undefined) === (lastIndex === snapshot.last.index), "L1: runs cover the log");
    assert(first === undefined || first.firstIndex === snapshot.last.index + 1, "L1: no gap");
    let { index, term } = snapshot.last;
    for (const run of this.#runs) {
      assert(run.firstIndex > index && run.firstIndex <= lastIndex, "L1: runs ascend");
      assert(run.term >= term, "L2: terms never decrease");
      index = run.firstIndex;
      term = run.term;
    }
  }

  get compacted(): EntryId {
    return this.#compacted;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  get last(): EntryId {
    const term = this.#runs.at(-1)?.term ?? this.#compacted.term;
    return { term, index: this.#lastIndex };
  }

  get durable(): number {
    return this.#durable;
  }

  /** The first index whose entry is in memory; lastIndex + 1 when none is. */
  get windowFirst(): number {
    return this.#windowFirst;
  }

  /** undefined: before the compacted index or after the last. */
  termAt(index: number): number | undefined {
    if (index > this.#lastIndex || index < this.#compacted.index) return undefined;
    const run = this.#runAt(index);
    return run === undefined ? this.#compacted.term : run.term;
  }

  /** The id of an index that is known to be in the log. */
  idAt(index: number): EntryId {
    return { index, term: must(this.termAt(index), "L1: an index of the log") };
  }

  /** Is this very entry in the log (or the one compacted through)? By log matching (§5.3), so is then all before it. */
  has(id: EntryId): boolean {
    return this.termAt(id.index) === id.term;
  }

  /** The last entry at or below `index` whose term is not above `term`; undefined when it was compacted away (B9). */
  lastNotAbove(index: number, term: number): EntryId | undefined {
    let candidate = Math.min(index, this.#lastIndex);
    for (let at = this.#runs.length - 1; at >= 0; at -= 1) {
      const run = must(this.#runs[at], "L1: a run");
      if (run.firstIndex > candidate) continue;
      if (run.term <= term) return { term: run.term, index: candidate };
      candidate = run.firstIndex - 1;
    }
    const reached = candidate >= this.#compacted.index && this.#compacted.term <= term;
    return reached ? this.#compacted : undefined;
  }

  /** undefined: not in memory. */
  entryAt(index: number): Entry | undefined {
    return this.#window.at(index - this.#windowFirst);
  }

  /** Entries from `from` on, which is in the window, as many as fit in `bytesMax` but at least one. */
  slice(from: number, bytesMax: number): Entry[] {
    const entries: Entry[] = [];
    let bytes = 0;
    for (let index = from; index <= this.#lastIndex; index += 1) {
      const entry = must(this.entryAt(index), "L1: a slice inside the window");
      bytes += bytesOf(entry);
      if (entries.length > 0 && bytes > bytesMax) break;
      entries.push(entry);
    }
    return entries;
  }

  append(entry: Entry): void {
    const { term } = this.last;
    assert(entry.index === this.#lastIndex + 1, "L1: an append without a gap");
    assert(entry.term >= term, "L2: terms never decrease");
    if (entry.term > term || this.#runs.length === 0) {
      this.#runs.push({ firstIndex: entry.index, term: entry.term });
    }
    this.#window.push(entry);
    this.#lastIndex = entry.index;
  }

  truncateAfter(index: number): void {
    assert(index < this.#lastIndex, "L1: truncating past the end");
    assert(index >= this.#compacted.index, "L1: truncating before the start");
    assert(index >= this.#applied, "L3: truncating an applied entry");
    while (this.#window.length > 0 && this.#windowFirst + this.#window.length - 1 > index) {
      this.#window.pop();
    }
    this.#windowFirst = Math.min(this.#windowFirst, index + 1);
    this.#lastIndex = index;
    while ((this.#runs.at(-1)?.firstIndex ?? 0) > index) this.#runs.pop();
    this.#clipDurable(index);
  }

  /** Applied entries may leave the window; how many stay is a matter of bytes (L5). */
  applied(index: number): void {
    for (let at = Math.max(this.#applied + 1, this.#windowFirst); at <= index; at += 1) {
      this.#appliedBytes += bytesOf(must(this.entryAt(at), "L5: unapplied entries stay"));
    }
    this.#applied = index;
    while (this.#appliedBytes > this.#cacheBytesMax) this.#dropFirst();
  }

  /** Forget entries that the disk has dropped. The caller has checked that they are applied (E8). */
  compact(index: number): void {
    assert(index <= this.#applied, "E8: compacting what is not applied");
    this.#compacted = this.idAt(index);
    while ((this.#runs[1]?.firstIndex ?? Infinity) <= index + 1) this.#runs.shift();
    const first = this.#runs[0];
    if (index === this.#lastIndex) this.#runs.length = 0;
    else if (first !== undefined) first.firstIndex = index + 1;
    while (this.#window.length > 0 && this.#windowFirst <= index) this.#dropFirst();
    this.#windowFirst = Math.max(this.#windowFirst, index + 1);
  }

  /** A snapshot took the place of the whole log (fig. 13; E1). */
  reset(last: EntryId): void {
    this.#compacted = last;
    this.#runs.length = 0;
    this.#lastIndex = last.index;
    this.#window.clear();
    this.#windowFirst = last.index + 1;
    this.#applied = last.index;
    this.#appliedBytes = 0;
    this.#clipDurable(last.index);
    this.#durable = last.index;
  }

  /** A persist was handed out that makes the log durable as it is now. */
  handedOut(sequence: number, tick: number): void {
    this.#underWay.push({ sequence, sinceTick: tick, through: this.#lastIndex });
  }

  persisted(sequence: number): void {
    for (;;) {
      const first = this.#underWay.at(0);
      if (first === undefined || first.sequence > sequence) break;
      this.#durable = Math.max(this.#durable, first.through);
      this.#underWay.shift();
    }
    assert(this.#durable <= this.#lastIndex, "L4: durable past the end");
  }

  /** Since when the disk owes an answer; undefined when it owes none. */
  get waitingSince(): number | undefined {
    return this.#underWay.at(0)?.sinceTick;
  }

  #clipDurable(index: number): void {
    this.#durable = Math.min(this.#durable, index);
    for (let at = 0; at < this.#underWay.length; at += 1) {
      const persist = must(this.#underWay.at(at), "a persist under way");
      persist.through = Math.min(persist.through, index);
    }
  }

  #dropFirst(): void {
    const entry = must(this.#window.shift(), "L5: an entry to drop");
    assert(entry.index <= this.#applied, "L5: unapplied entries stay");
    this.#appliedBytes -= bytesOf(entry);
    this.#windowFirst += 1;
  }

  #runAt(index: number): TermRun | undefined {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (must(this.#runs[middle], "L1: a run").firstIndex <= index) low = middle + 1;
      else high = middle;
    }
    return this.#runs[low - 1];
  }
}
