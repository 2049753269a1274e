// When is a history of a FIFO queue linearizable, if it is known which enqueue each dequeue took its value from? Henzinger, Sezgin
// and Vafeiadis (Aspect-oriented linearizability proofs, CONCUR 2013): exactly when none of four things happened.
//   F1. A value is taken before its enqueue begins.           } not here: such a pair is never made (matching.ts)
//   F2. A value is taken twice.                               }
//   F3. A value is overtaken: a's enqueue is before b's, and b's dequeue before a's, or a is never taken.
//   F4. "Empty" is said, and at every moment of that call some value is certainly in the queue: its enqueue has returned, and its
//       dequeue has not begun.
// They speak of calls that returned. For those that did not:
//   F5. An enqueue that never returned and whose value nobody took did not happen: leaving it out never hurts.
//   F6. Dequeues that never returned took what is left: the one invoked first the value whose enqueue returned first, and so on. No
//       other choice allows more: F3 and F4 only ask that a value be gone by some moment, never a later one for a value that came
//       earlier, and a dequeue that began earlier is good for all that a later one is good for.

import { countBelow } from "../ticks.ts";
import type { FifoHistory } from "./history.ts";

export interface Violation {
  readonly kind: "overtaken" | "not-empty";
  /** The enqueues whose values it is about: with where each went, it follows. */
  readonly enqueues: readonly number[];
  /** F3: who was overtaken, and by whom. F4: the empty answer. */
  readonly overtaken?: number;
  readonly by?: number;
  readonly empty?: number;
}

/** In `takenBy`: no dequeue that returned took this value. */
export const left = -1;

export class Theorem {
  readonly #history: FifoHistory;
  readonly #byInv: readonly number[];
  /** Those that returned. */
  readonly #byRet: readonly number[];
  readonly #rets: readonly number[];
  readonly #pendingInvs: readonly number[];
  /** When the dequeue of each value began and ended, as the matching has it. */
  readonly #from: number[];
  readonly #until: number[];
  /** The values that are left, as their enqueues returned, and the place of each among them. */
  #left: number[] = [];
  readonly #rank: number[];

  constructor(history: FifoHistory) {
    const { enqueues, pending } = history;
    const inv = (at: number): number => enqueues[at]?.inv ?? 0;
    const ret = (at: number): number => enqueues[at]?.ret ?? 0;
    const all = enqueues.map((_, at) => at);
    this.#history = history;
    this.#byInv = all.toSorted((a, b) => inv(a) - inv(b));
    this.#byRet = all.filter((at) => ret(at) !== Infinity).sort((a, b) => ret(a) - ret(b));
    this.#rets = this.#byRet.map(ret);
    this.#pendingInvs = pending.map((call) => call.inv).sort((a, b) => a - b);
    this.#from = all.map(() => Infinity);
    this.#until = all.map(() => Infinity);
    this.#rank = all.map(() => 0);
  }

  /** The smallest violation, if there is one. `takenBy`: for each enqueue the dequeue that took its value, or `left`. */
  violation(takenBy: ArrayLike<number>): Violation | undefined {
    this.#settle(takenBy);
    const overtaken = this.#overtaken(takenBy);
    const notEmpty = this.#notEmpty(takenBy);
    if (overtaken === undefined || notEmpty === undefined) return overtaken ?? notEmpty;
    return notEmpty.enqueues.length < overtaken.enqueues.length ? notEmpty : overtaken;
  }

  #settle(takenBy: ArrayLike<number>): void {
    for (let at = 0; at < takenBy.length; at++) {
      const dequeue = this.#history.dequeues[takenBy[at] ?? left];
      this.#from[at] = dequeue?.inv ?? Infinity;
      this.#until[at] = dequeue?.ret ?? Infinity;
    }
    this.#left = this.#byRet.filter((at) => takenBy[at] === left);
    for (const [rank, at] of this.#left.entries()) {
      this.#from[at] = this.#pendingInvs[rank] ?? Infinity; // F6
      this.#rank[at] = rank;
    }
  }

  /** F3, by a sweep: of all values enqueued before b, the one whose dequeue began last. */
  #overtaken(takenBy: ArrayLike<number>): Violation | undefined {
    let found: Violation | undefined;
    let before = 0;
    let last = left;
    for (const by of this.#byInv) {
      const inv = this.#history.enqueues[by]?.inv ?? 0;
      for (; (this.#rets[before] ?? Infinity) < inv; before++) {
        const next = this.#byRet[before] ?? left;
        if (last === left || this.#fromOf(next) > this.#fromOf(last)) last = next;
      }
      if ((this.#until[by] ?? Infinity) >= this.#fromOf(last)) continue;
      const enqueues = [...this.#reasons([last], takenBy), by];
      if (found === undefined || enqueues.length < found.enqueues.length)
        found = { kind: "overtaken", enqueues, overtaken: last, by };
    }
    return found;
  }

  /** F4: the moments at which the queue is certainly not empty are a few long intervals; no empty answer may lie in one. */
  #notEmpty(takenBy: ArrayLike<number>): Violation | undefined {
    if (this.#history.empties.length === 0) return undefined;
    const { holder, ends } = this.#occupied();
    let found: Violation | undefined;
    for (const [empty, { inv, ret }] of this.#history.empties.entries()) {
      if (ret >= (ends[countBelow(this.#rets, inv) - 1] ?? 0)) continue;
      const chain: number[] = [];
      for (let now = inv; now <= ret; now = this.#fromOf(chain.at(-1))) {
        chain.push(holder[countBelow(this.#rets, now) - 1] ?? left);
        if (chain.length >= (found?.enqueues.length ?? Infinity)) break;
      }
      const enqueues = this.#reasons(chain, takenBy);
      if (found === undefined || enqueues.length < found.enqueues.length)
        found = { kind: "not-empty", enqueues, empty };
    }
    return found;
  }

  /** For each value, as their enqueues returned: which of those until then stays longest, and until when the queue is not empty. */
  #occupied(): { readonly holder: number[]; readonly ends: number[] } {
    const holder: number[] = [];
    const ends: number[] = [];
    for (const [place, at] of this.#byRet.entries()) {
      const previous = holder[place - 1] ?? at;
      holder.push(this.#fromOf(at) >= this.#fromOf(previous) ? at : previous);
    }
    for (let place = holder.length - 1; place >= 0; place--) {
      const until = this.#fromOf(holder[place]);
      const goesOn = until > (this.#rets[place + 1] ?? Infinity);
      ends[place] = goesOn ? (ends[place + 1] ?? until) : until;
    }
    return { holder, ends };
  }

  #fromOf(at: number | undefined): number {
    return at === undefined || at === left ? -Infinity : (this.#from[at] ?? Infinity);
  }

  /** A value that is left is not gone by the k-th dequeue that never returned, because k others were left before it. */
  #reasons(enqueues: readonly number[], takenBy: ArrayLike<number>): number[] {
    const reasons = new Set(enqueues);
    for (const at of enqueues) {
      if (takenBy[at] !== left) continue;
      const others = Math.min(this.#rank[at] ?? 0, this.#pendingInvs.length);
      for (const other of this.#left.slice(0, others)) reasons.add(other);
    }
    return [...reasons];
  }
}
