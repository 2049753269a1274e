// Chance from a seed: what is drawn for one purpose does not shift what is drawn for another.

import { createHash } from "node:crypto";

export interface Random {
  /** In [0, 1). */
  next(): number;
  /** An integer, both ends included. */
  between(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** The same items in another order. */
  shuffled<T>(items: readonly T[]): T[];
  /** A stream of its own, for a purpose. */
  fork(purpose: string): Random;
}

/** Counter mode over SHA-256: slow, and good enough for a few thousand draws. */
export function randomFrom(seed: string | number): Random {
  let counter = 0;
  const next = (): number => {
    counter += 1;
    const hash = createHash("sha256").update(`${seed}/${counter}`).digest();
    return hash.readUIntBE(0, 6) / 2 ** 48;
  };
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  const pick = <T>(from: readonly T[]): T => {
    const item = from[between(0, from.length - 1)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  };
  return {
    next,
    between,
    chance: (probability) => next() < probability,
    pick,
    shuffled: <T>(items: readonly T[]) => {
      const left = [...items];
      const mixed: T[] = [];
      for (;;) {
        const [item] = left.splice(between(0, left.length - 1), 1);
        if (item === undefined) return mixed;
        mixed.push(item);
      }
    },
    fork: (purpose) => randomFrom(`${seed}:${purpose}`),
  };
}
