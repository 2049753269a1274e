// Which enqueue each dequeue took its value from. Where values differ there is one way; where a value was enqueued twice, many.
//   M1. Every dequeue that returned a value has one enqueue of that value, which did not begin after the dequeue returned (F1), and
//       no two have the same (F2).
//   M2. Calls with one value are exchangeable, so we may demand: of two enqueues of a value, one that both began and returned
//       earlier comes first, and so with dequeues. What is thereby known of an enqueue's place among those of its value must agree
//       with what is known of its dequeue's; k dequeues that never returned may have taken up to k in between.
//   M3. Decisions are only ever made and taken back in the order of a stack.

import { countBelow } from "../ticks.ts";
import type { FifoHistory, ValueCall } from "./history.ts";
import { left } from "./theorem.ts";

/** All calls with one value. */
interface Group {
  readonly enqueues: readonly number[];
  readonly dequeues: readonly number[];
}

/** Some calls with one value that have nothing to do with the others of that value. */
export type Component = Group;

/** A place among the calls of one value, from 0: at least and at most. */
interface Places {
  readonly least: number;
  readonly most: number;
}

export class Matching {
  /** By enqueue: its dequeue, or `left`. */
  readonly takenBy: number[];
  /** By dequeue: its enqueue. */
  readonly #source: number[];
  readonly #groups: readonly Group[];
  readonly #groupOf: number[];
  /** By dequeue, the likeliest first (M1, M2); and the same by enqueue. */
  readonly #sources: number[][];
  readonly #takers: number[][];
  /** Enqueues that returned so early that a dequeue must have their value (M2). */
  readonly #mustGo: boolean[];
  readonly #forbidden = new Set<number>();
  readonly #fixed: boolean[];
  readonly #dequeueCount: number;

  /** The likeliest matching; or the value for whose dequeues there is none. */
  static of(history: FifoHistory): Matching | { readonly unmatched: string } {
    const matching = new Matching(history);
    const order = history.dequeues.map((_, at) => at);
    order.sort((a, b) => (history.dequeues[a]?.ret ?? 0) - (history.dequeues[b]?.ret ?? 0));
    for (const dequeue of order) {
      if (!matching.#findSource(dequeue))
        return { unmatched: history.dequeues[dequeue]?.value ?? "" };
    }
    for (const [at, { value }] of history.enqueues.entries())
      if (!matching.#settle(at)) return { unmatched: value };
    return matching;
  }

  private constructor(history: FifoHistory) {
    const { enqueues, dequeues, pending } = history;
    this.takenBy = enqueues.map(() => left);
    this.#source = dequeues.map(() => left);
    this.#groupOf = enqueues.map(() => 0);
    this.#sources = dequeues.map(() => []);
    this.#takers = enqueues.map(() => []);
    this.#mustGo = enqueues.map(() => false);
    this.#fixed = enqueues.map(() => false);
    this.#dequeueCount = dequeues.length;
    this.#groups = groupsOf(history);
    for (const [number, group] of this.#groups.entries()) {
      for (const at of group.enqueues) this.#groupOf[at] = number;
      this.#limit(group, history, pending.length);
    }
  }

  /** Is there anything to decide about this enqueue at all? */
  hasChoice(enqueue: number): boolean {
    const group = this.#groups[this.group(enqueue)];
    return (group?.enqueues.length ?? 0) > 1 && !this.#fixed[enqueue];
  }

  isFixed(enqueue: number): boolean {
    return this.#fixed[enqueue] ?? false;
  }

  /** Decisions about one group do not touch another. */
  group(enqueue: number): number {
    return this.#groupOf[enqueue] ?? 0;
  }

  /** The calls that in every matching are matched with each other: each enqueue, with its dequeues and theirs, … */
  components(): Component[] {
    const components: Component[] = [];
    const seen = new Set<number>();
    for (const start of this.takenBy.keys()) {
      if (seen.has(start)) continue;
      seen.add(start);
      const enqueues = [start];
      const dequeues = new Set<number>();
      for (const enqueue of enqueues) {
        for (const dequeue of this.#takers[enqueue] ?? []) {
          if (dequeues.has(dequeue)) continue;
          dequeues.add(dequeue);
          for (const other of this.#sources[dequeue] ?? []) {
            if (seen.has(other)) continue;
            seen.add(other);
            enqueues.push(other);
          }
        }
      }
      components.push({ enqueues, dequeues: [...dequeues] });
    }
    return components;
  }

  /** What `restore` puts back. */
  save(group: number): readonly number[] {
    return (this.#groups[group]?.enqueues ?? []).map((at) => this.takenBy[at] ?? left);
  }

  restore(group: number, saved: readonly number[]): void {
    for (const [place, at] of (this.#groups[group]?.enqueues ?? []).entries()) {
      const taker = saved[place] ?? left;
      this.takenBy[at] = taker;
      if (taker !== left) this.#source[taker] = at;
    }
  }

  /** Where its value goes now stays. */
  fix(enqueue: number): void {
    this.#fixed[enqueue] = true;
  }

  release(enqueue: number): void {
    this.#fixed[enqueue] = false;
  }

  /** Its value goes elsewhere than now, and others make room; false: that is not possible. `allow` takes it back. */
  forbid(enqueue: number): { readonly fact: number; readonly possible: boolean } {
    const taker = this.takenBy[enqueue] ?? left;
    const fact = this.#fact(enqueue, taker);
    this.#forbidden.add(fact);
    if (taker === left) return { fact, possible: this.#settle(enqueue) };
    this.takenBy[enqueue] = left;
    const possible = this.#findSource(taker) && this.#settle(enqueue);
    return { fact, possible };
  }

  allow(fact: number): void {
    this.#forbidden.delete(fact);
  }

  #fact(enqueue: number, dequeue: number): number {
    return enqueue * (this.#dequeueCount + 1) + dequeue + 1;
  }

  #mayStay(enqueue: number): boolean {
    return !(this.#mustGo[enqueue] ?? false) && !this.#forbidden.has(this.#fact(enqueue, left));
  }

  #settle(enqueue: number): boolean {
    const isLeft = this.takenBy[enqueue] === left;
    return !isLeft || this.#mayStay(enqueue) || this.#findTaker(enqueue);
  }

  /** The shortest alternating path: an enqueue for a dequeue that has none, others of the value changing theirs. */
  #findSource(start: number): boolean {
    const cameFrom = new Map<number, number>();
    const waiting = [start];
    for (const dequeue of waiting) {
      for (const enqueue of this.#sources[dequeue] ?? []) {
        if (cameFrom.has(enqueue) || this.#fixed[enqueue]) continue;
        if (this.#forbidden.has(this.#fact(enqueue, dequeue))) continue;
        cameFrom.set(enqueue, dequeue);
        const taker = this.takenBy[enqueue] ?? left;
        if (taker !== left) {
          waiting.push(taker);
          continue;
        }
        for (let given = enqueue; given !== left;) {
          const to = cameFrom.get(given) ?? start;
          const freed = this.#source[to] ?? left;
          this.#match(given, to);
          given = to === start ? left : freed;
        }
        return true;
      }
    }
    return false;
  }

  /** The same from the other side: a dequeue for an enqueue that must not stay. Every dequeue has one already. */
  #findTaker(start: number): boolean {
    const cameFrom = new Map<number, number>();
    const waiting = [start];
    for (const enqueue of waiting) {
      for (const dequeue of this.#takers[enqueue] ?? []) {
        const holder = this.#source[dequeue] ?? left;
        if (cameFrom.has(dequeue) || this.#fixed[holder]) continue;
        if (this.#forbidden.has(this.#fact(enqueue, dequeue))) continue;
        cameFrom.set(dequeue, enqueue);
        if (!this.#mayStay(holder)) {
          waiting.push(holder);
          continue;
        }
        this.takenBy[holder] = left;
        for (let given = dequeue; given !== left;) {
          const to = cameFrom.get(given) ?? start;
          const freed = this.takenBy[to] ?? left;
          this.#match(to, given);
          given = to === start ? left : freed;
        }
        return true;
      }
    }
    return false;
  }

  #match(enqueue: number, dequeue: number): void {
    this.takenBy[enqueue] = dequeue;
    this.#source[dequeue] = enqueue;
  }

  /** Fills in which pairs M1 and M2 allow. */
  #limit(group: Group, { enqueues, dequeues }: FifoHistory, pendingCount: number): void {
    const puts = placesOf(group.enqueues, enqueues);
    const takes = placesOf(group.dequeues, dequeues);
    const byLeast = [...puts].sort(([, a], [, b]) => a.least - b.least);
    const leasts = byLeast.map(([, { least }]) => least);
    const mostSoFar: number[] = [];
    for (const [, { most }] of byLeast) mostSoFar.push(Math.max(most, mostSoFar.at(-1) ?? 0));
    const ret = (at: number): number => enqueues[at]?.ret ?? 0;
    for (const [dequeue, { least, most }] of takes) {
      const from = countBelow(mostSoFar, least);
      const to = countBelow(leasts, most + pendingCount + 1);
      const end = dequeues[dequeue]?.ret ?? 0;
      this.#sources[dequeue] = byLeast
        .slice(from, to)
        .filter(([at, place]) => place.most >= least && (enqueues[at]?.inv ?? 0) < end)
        .map(([at]) => at)
        .sort((a, b) => (ret(a) === ret(b) ? a - b : ret(a) - ret(b)));
      for (const at of this.#sources[dequeue]) this.#takers[at]?.push(dequeue);
    }
    for (const [at, { most }] of puts)
      this.#mustGo[at] = pendingCount === 0 && most < takes.size && ret(at) !== Infinity;
  }
}

function groupsOf({ enqueues, dequeues }: FifoHistory): Group[] {
  const groups = new Map<string, { enqueues: number[]; dequeues: number[] }>();
  const groupOf = (value: string): { enqueues: number[]; dequeues: number[] } => {
    let group = groups.get(value);
    if (group === undefined) groups.set(value, (group = { enqueues: [], dequeues: [] }));
    return group;
  };
  for (const [at, { value }] of enqueues.entries()) groupOf(value).enqueues.push(at);
  for (const [at, { value }] of dequeues.entries()) groupOf(value).dequeues.push(at);
  return [...groups.values()];
}

/** M2. Only a call that returned is certain to have had a place. */
function placesOf(group: readonly number[], calls: readonly ValueCall[]): Map<number, Places> {
  const byInv = group.toSorted((a, b) => (calls[a]?.inv ?? 0) - (calls[b]?.inv ?? 0));
  const least = byInv.map(counter(calls, (rets, ret) => countBelow(rets, ret)));
  const behind = byInv
    .toReversed()
    .map(counter(calls, (rets, ret) => rets.length - countBelow(rets, ret)))
    .reverse();
  return new Map(
    byInv.map((at, place) => [
      at,
      { least: least[place] ?? 0, most: group.length - 1 - (behind[place] ?? 0) },
    ]),
  );
}

/** Counts, call by call, among the returns of those that it was given before. */
function counter(
  calls: readonly ValueCall[],
  count: (rets: readonly number[], ret: number) => number,
): (at: number) => number {
  const rets: number[] = [];
  return (at) => {
    const ret = calls[at]?.ret ?? Infinity;
    const counted = count(rets, ret);
    if (ret !== Infinity) rets.splice(countBelow(rets, ret), 0, ret);
    return counted;
  };
}
