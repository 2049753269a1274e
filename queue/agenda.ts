// What is to happen at a time that may be days ahead: so it lies on disk, and costs no memory. What is short is a timer (timers.ts).
// There are two agendas. By cluster time delays end, messages expire, and histories are dropped: time in which no entry came counts.
// By the lease clock the windows of dedup_ids end, which keep a message from being stored twice: no wall clock that jumps may end
// one (P9). Those that began under rules before version 3 are left in the first.
//   Q1. Every item is a row of the store, of its place in time; it goes when it has been carried out, and only then.
//   Q2. In memory are all rows below the horizon, and none above it. Where the horizon is depends on this node, what is carried
//       out does not: at the beginning of an entry the first dueRowsPerEntryMax rows that are due, in the order of their keys.
//   Q3. A row may come to nothing: nobody looks for the rows of a message that is settled.

import { assert } from "./assert.ts";
import * as keys from "./keys.ts";
import type { DuePlace, KeyRange } from "./keys.ts";
import type { Limits, Rules } from "./options.ts";
import type { Bytes } from "./store.ts";
import type { WriteBehind } from "./write-behind.ts";

/** What an item is about. Part of its row: the numbers are for ever. */
export const dueKind = { delay: 1, expiry: 2, dedup: 3, history: 4 } as const;

/** A part of the store to be read, in order: see Machine.missingDue. */
export interface DueRange extends KeyRange {
  /** Rows at most. */
  readonly limit: number;
}

const rowsMaxDefault = 10_000;
const noValue = new Uint8Array(0);

export class Agenda {
  private readonly rows: WriteBehind;
  private readonly family: keys.DueFamily;
  private readonly range: KeyRange;
  /** Q2, in order, from `head` on. */
  private known: Bytes[] = [];
  private head = 0;
  private horizon: Bytes;
  private asked: { readonly range: DueRange; readonly changes: Map<Bytes, boolean> } | undefined;
  private readonly rowsKept: number;
  private readonly rowsPerEntryMax: number;

  constructor(rows: WriteBehind, of: keys.DueFamily, limits: Limits, rules: Rules) {
    this.rows = rows;
    this.family = of;
    this.range = keys.under(of);
    this.horizon = this.range.to;
    this.rowsPerEntryMax = rules.dueRowsPerEntryMax;
    this.rowsKept = Math.max(limits.agendaRowsMax ?? rowsMaxDefault, rules.dueRowsPerEntryMax);
  }

  /** Rows that are in memory. */
  get size(): number {
    return this.known.length - this.head;
  }

  /** Q2, for invariants.ts. */
  get isInOrder(): boolean {
    const known = this.known.slice(this.head);
    return known.every((row, at) => row < this.horizon && row > (known[at - 1] ?? ""));
  }

  add(place: DuePlace): void {
    const row = keys.dueRow(this.family, place);
    this.rows.putRow(row, noValue);
    if (row >= this.horizon) return;
    const at = this.indexOf(row);
    if (this.known[at] === row) return;
    this.known.splice(at, 0, row);
    if (this.size > 2 * this.rowsKept) this.trim();
  }

  remove(place: DuePlace): void {
    const row = keys.dueRow(this.family, place);
    this.rows.delete(row);
    if (row >= this.horizon) return;
    const at = this.indexOf(row);
    if (this.known[at] === row) this.known.splice(at, 1);
  }

  /** Takes the next item that is due; undefined: there is none. The caller counts (Q2). Times are of this agenda's clock. */
  take(time: number): DuePlace | undefined {
    const row = this.known[this.head];
    if (row === undefined || keys.dueOfRow(row) > time) return undefined;
    this.head++;
    if (this.head > this.rowsKept) {
      this.known = this.known.slice(this.head);
      this.head = 0;
    }
    this.rows.delete(row);
    return keys.partsOfDueRow(row);
  }

  isDue(time: number): boolean {
    const row = this.known[this.head];
    return row !== undefined && keys.dueOfRow(row) <= time;
  }

  /** The items of the next entry, if it comes at this time. */
  due(time: number): DuePlace[] {
    const due: DuePlace[] = [];
    for (let at = this.head; due.length < this.rowsPerEntryMax; at++) {
      const row = this.known[at];
      if (row === undefined || keys.dueOfRow(row) > time) break;
      due.push(keys.partsOfDueRow(row));
    }
    return due;
  }

  /** Time at which something is due, or may be; undefined: nothing is. */
  next(): number | undefined {
    const row = this.known[this.head];
    if (row !== undefined) return keys.dueOfRow(row);
    if (this.horizon === this.range.to) return undefined;
    return this.horizon.length < 7 ? 0 : keys.dueOfRow(this.horizon);
  }

  /** Nothing is known: the state comes from a store. */
  forget(): void {
    assert(this.size === 0, "Q2: an agenda that was used is forgotten");
    this.horizon = this.range.from;
  }

  /** What must be read before an entry of this time can begin; undefined: nothing. The answer is given to `provide`. */
  missing(time: number): DueRange | undefined {
    const end = keys.duePrefix(this.family, time + 1);
    if (this.horizon >= end || this.size >= this.rowsPerEntryMax) return undefined;
    return this.ask();
  }

  /** The beginning, if it is not known yet: what is next may lie far ahead. */
  first(): DueRange | undefined {
    return this.horizon === this.range.from ? this.ask() : undefined;
  }

  /** Whether an answer is to come. */
  get isAsking(): boolean {
    return this.asked !== undefined;
  }

  private ask(): DueRange {
    const range = { from: this.horizon, to: this.range.to, limit: this.rowsKept };
    // What has not reached the store is looked at now: it may get there while the store is being read.
    this.asked ??= { range, changes: this.rows.changesIn(range) };
    return this.asked.range;
  }

  /** The rows of the store in the range that was asked for: all of them, or as many as its limit. */
  provide(stored: readonly Bytes[]): void {
    const asked = this.asked;
    assert(asked !== undefined && asked.range.from === this.horizon, "Q2: nobody asked for these");
    this.asked = undefined;
    const last = stored.at(-1);
    const complete = stored.length < asked.range.limit || last === undefined;
    const horizon = complete ? asked.range.to : `${last}\x00`;
    const found = new Set(stored);
    for (const [row, there] of asked.changes) {
      if (!there) found.delete(row);
      else if (row < horizon) found.add(row);
    }
    this.known = [...this.known.slice(this.head), ...[...found].sort()];
    this.head = 0;
    this.horizon = horizon;
    if (this.size > 2 * this.rowsKept) this.trim();
  }

  private trim(): void {
    this.known = this.known.slice(this.head, this.head + this.rowsKept + 1);
    this.head = 0;
    this.horizon = this.known.pop() ?? this.horizon;
  }

  /** Index of the first known row that is not below. */
  private indexOf(row: Bytes): number {
    let [low, high] = [this.head, this.known.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.known[middle] ?? "") < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
