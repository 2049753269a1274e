// What a running log knows about its files. Built by recovery.ts, changed by the writer only.

import type { Base } from "./base.ts";
import type { DiskFile } from "./disk.ts";
import { assert } from "./errors.ts";
import type { Segment } from "./segment.ts";

export interface Tail {
  readonly index: number;
  readonly term: number;
  readonly chain: number;
}

export interface LogState {
  base: Base;
  /** Ascending, contiguous; the last one is appended to. */
  readonly segments: Segment[];
  /** The file of the last segment, open for writing. */
  active: DiskFile | undefined;
  /** The last entry written; the base if there is none. */
  tail: Tail;
  readonly runs: TermRuns;
  readonly chains: RecentChains;
}

export function baseTail({ last, chain }: Base): Tail {
  return { index: last.index, term: last.term, chain };
}

/** The segment that holds `index`, if one does. */
export function segmentOf(state: LogState, index: number): Segment | undefined {
  let low = 0;
  let high = state.segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((state.segments[middle]?.header.first ?? 0) <= index) low = middle + 1;
    else high = middle;
  }
  const segment = state.segments[low - 1];
  return segment !== undefined && index <= segment.last ? segment : undefined;
}

export interface TermRun {
  readonly firstIndex: number;
  readonly term: number;
}

/** The terms of all entries above the base, as runs. */
export class TermRuns {
  private runs: TermRun[] = [];

  get all(): readonly TermRun[] {
    return this.runs.slice();
  }

  add(index: number, term: number): void {
    const last = this.runs.at(-1);
    assert(last === undefined || term >= last.term, "terms never decrease along the log");
    if (last?.term !== term) this.runs.push({ firstIndex: index, term });
  }

  dropAfter(index: number): void {
    while ((this.runs.at(-1)?.firstIndex ?? 0) > index) this.runs.pop();
  }

  dropThrough(index: number): void {
    const next = this.runs.findIndex(({ firstIndex }) => firstIndex > index + 1);
    const covering = next === -1 ? this.runs.length - 1 : next - 1;
    const run = this.runs[covering];
    if (run === undefined) return;
    this.runs = [
      { firstIndex: Math.max(run.firstIndex, index + 1), term: run.term },
      ...this.runs.slice(covering + 1),
    ];
  }

  clear(): void {
    this.runs = [];
  }
}

/** The chain of the latest entries, for digests and snapshots, without a read from disk. */
export class RecentChains {
  /** Default of DurableLogOptions: 256 KiB of memory. Unit: entries. */
  static readonly entriesDefault = 65_536;

  private readonly ring: Uint32Array;
  private first = 1;
  private last = 0;

  constructor(entries: number = RecentChains.entriesDefault) {
    this.ring = new Uint32Array(entries);
  }

  add(index: number, chain: number): void {
    if (index !== this.last + 1) this.first = index;
    this.last = index;
    this.first = Math.max(this.first, index - this.ring.length + 1);
    this.ring[index % this.ring.length] = chain;
  }

  at(index: number): number | undefined {
    return index < this.first || index > this.last
      ? undefined
      : this.ring[index % this.ring.length];
  }

  dropAfter(index: number): void {
    this.last = Math.min(this.last, index);
    this.first = Math.min(this.first, this.last + 1);
  }
}
