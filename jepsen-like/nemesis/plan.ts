// What comes next, drawn from a seed. Pure: what it draws depends on the seed and the faults alone, never on what happened.
//   P1. Every fault has its turn before any comes again; after that they come by weight.
//   P2. Two at once only of different kinds, and only those that combine.
//   P3. What is drawn for one turn does not shift the next.

import type { Fault } from "./fault.ts";
import type { Random } from "./random.ts";

export interface Turn {
  readonly number: number;
  /** One, or two that begin together. */
  readonly faults: readonly Fault[];
  /** Quiet before it, in milliseconds. */
  readonly gapMs: number;
  /** Between the begin of the first and of the second. */
  readonly lagMs: number;
  readonly random: Random;
}

const gapMs = { from: 200, to: 2_000 } as const;
const secondAfterMsMax = 1_500;
const pairChance = 0.25;

export class Plan {
  readonly #faults: readonly Fault[];
  readonly #random: Random;
  readonly #first: Fault[];
  #turns = 0;

  /** @throws {RangeError} without faults. */
  constructor(faults: readonly Fault[], random: Random) {
    if (faults.length === 0) throw new RangeError("a plan needs at least one fault");
    this.#faults = faults;
    this.#random = random;
    this.#first = heavyFirst(faults, random.fork("first"));
  }

  next(): Turn {
    const number = ++this.#turns;
    const random = this.#random.fork(`turn ${number}`);
    const fault = this.#first.shift() ?? weighted(this.#faults, random);
    const gap = random.between(gapMs.from, gapMs.to);
    const lagMs = random.between(0, secondAfterMsMax);
    const partners = this.#faults.filter((other) => goTogether(fault, other));
    const isPair = random.chance(pairChance) && partners.length > 0;
    const faults = isPair ? [fault, weighted(partners, random)] : [fault];
    return { number, faults, gapMs: gap, lagMs, random };
  }
}

/** P2. */
export function goTogether(one: Fault, other: Fault): boolean {
  return one.kind !== other.kind && one.combines !== false && other.combines !== false;
}

const weightOf = ({ weight = 1 }: Fault): number => weight;

function weighted(faults: readonly Fault[], random: Random): Fault {
  let left = random.next() * faults.reduce((sum, fault) => sum + weightOf(fault), 0);
  for (const fault of faults) {
    left -= weightOf(fault);
    if (left < 0) return fault;
  }
  return random.pick(faults);
}

/** In random order, the heavy ones early as a rule: what a short run leaves out is what is rare in a long one. */
function heavyFirst(faults: readonly Fault[], random: Random): Fault[] {
  return faults
    .map((fault) => ({ fault, at: -Math.log(1 - random.next()) / weightOf(fault) }))
    .sort((a, b) => a.at - b.at)
    .map(({ fault }) => fault);
}
