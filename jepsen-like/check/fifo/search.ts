// Is there a matching that the theorem accepts? Where values differ there is one, and nothing to search.
//   S1. A violation follows from where a few values went. If it is so in every matching, at least one of these goes elsewhere: a
//       branch for each, with those before it fixed, so that no matching is tried twice.
//   S2. A branch that fails for reasons of decisions further up fails for their other branches too: these are skipped (Prosser's
//       conflict-directed backjumping). So it costs nothing that a thousand other values could have gone elsewhere as well.

import type { FifoHistory } from "./history.ts";
import { Matching, type Component } from "./matching.ts";
import { Theorem, type Violation } from "./theorem.ts";

export type Found =
  | { readonly kind: "linearizable" }
  | { readonly kind: "unmatched"; readonly value: string }
  /** The violation of the likeliest matching, and all that was looked at to see that no other does better. */
  | {
      readonly kind: "violated";
      readonly violation: Violation;
      /** It holds in every matching. */
      readonly certain: boolean;
      readonly components: readonly Component[];
      readonly empties: readonly number[];
    }
  | { readonly kind: "unknown"; readonly because: string };

export interface Effort {
  /** Calls looked at. */
  steps: number;
  readonly stepsMax: number;
}

/** A stack of JavaScript's holds so many frames, and some more. */
const decisionsMax = 2_000;

class GivenUp extends Error {}

export function search(history: FifoHistory, effort: Effort): Found {
  const matching = Matching.of(history);
  if (!(matching instanceof Matching)) return { kind: "unmatched", value: matching.unmatched };
  try {
    return new Search(history, matching, effort).run();
  } catch (error) {
    if (error instanceof GivenUp) return { kind: "unknown", because: error.message };
    throw error;
  }
}

/** The decisions, by their depth, without which a branch would not have failed; undefined: it did not fail. */
type Conflict = ReadonlySet<number> | undefined;

class Search {
  readonly #theorem: Theorem;
  readonly #matching: Matching;
  readonly #effort: Effort;
  readonly #size: number;
  /** Of each group, the depths at which something was decided about it. */
  readonly #decided = new Map<number, number[]>();
  readonly #enqueues = new Set<number>();
  readonly #empties = new Set<number>();

  constructor(history: FifoHistory, matching: Matching, effort: Effort) {
    this.#theorem = new Theorem(history);
    this.#matching = matching;
    this.#effort = effort;
    this.#size = history.enqueues.length + history.dequeues.length + history.empties.length + 1;
  }

  run(): Found {
    const violation = this.#violation();
    if (violation === undefined) return { kind: "linearizable" };
    const certain = !violation.enqueues.some((at) => this.#matching.hasChoice(at));
    if (this.#refute(violation, 0) === undefined) return { kind: "linearizable" };
    const components = this.#matching
      .components()
      .filter(({ enqueues }) => enqueues.some((at) => this.#enqueues.has(at)));
    return { kind: "violated", violation, certain, components, empties: [...this.#empties] };
  }

  #violation(): Violation | undefined {
    this.#effort.steps += this.#size;
    if (this.#effort.steps > this.#effort.stepsMax)
      throw new GivenUp(
        `values occur more than once, and not all ways to tell them apart were tried within ${this.#effort.stepsMax} steps`,
      );
    return this.#theorem.violation(this.#matching.takenBy);
  }

  #refute(violation: Violation, depth: number): Conflict {
    if (depth > decisionsMax)
      throw new GivenUp(
        `values occur more than once, and telling them apart takes more than ${decisionsMax} decisions`,
      );
    for (const at of violation.enqueues) this.#enqueues.add(at);
    if (violation.empty !== undefined) this.#empties.add(violation.empty);
    const conflict = new Set<number>();
    const open: number[] = [];
    for (const at of violation.enqueues) {
      if (this.#matching.hasChoice(at)) open.push(at);
      else if (this.#matching.isFixed(at)) this.#blame(at, conflict);
    }
    const fixed: number[] = [];
    let failed: Conflict = conflict;
    for (const at of open) {
      const branch = this.#branch(at, depth);
      if (branch === undefined || !branch.has(depth)) {
        failed = branch; // Found, or S2: nothing here can mend it.
        break;
      }
      for (const other of branch) if (other !== depth) conflict.add(other);
      this.#matching.fix(at);
      this.#decide(at, depth);
      fixed.push(at);
    }
    for (const at of fixed.reverse()) {
      this.#undecide(at);
      this.#matching.release(at);
    }
    return failed;
  }

  #branch(enqueue: number, depth: number): Conflict {
    const group = this.#matching.group(enqueue);
    const saved = this.#matching.save(group);
    this.#decide(enqueue, depth);
    const { fact, possible } = this.#matching.forbid(enqueue);
    const conflict = possible ? this.#next(depth) : this.#exhausted(enqueue);
    this.#matching.allow(fact);
    this.#undecide(enqueue);
    this.#matching.restore(group, saved);
    return conflict;
  }

  #next(depth: number): Conflict {
    const violation = this.#violation();
    return violation === undefined ? undefined : this.#refute(violation, depth + 1);
  }

  /** No matching of this value is left: all that was decided about it is to blame. */
  #exhausted(enqueue: number): Conflict {
    this.#enqueues.add(enqueue);
    const conflict = new Set<number>();
    this.#blame(enqueue, conflict);
    return conflict;
  }

  #blame(enqueue: number, conflict: Set<number>): void {
    for (const depth of this.#decided.get(this.#matching.group(enqueue)) ?? []) conflict.add(depth);
  }

  #decide(enqueue: number, depth: number): void {
    const group = this.#matching.group(enqueue);
    const decided = this.#decided.get(group);
    if (decided === undefined) this.#decided.set(group, [depth]);
    else decided.push(depth);
  }

  #undecide(enqueue: number): void {
    this.#decided.get(this.#matching.group(enqueue))?.pop();
  }
}
