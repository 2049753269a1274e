// What a checker says about one history.

import type { Fields } from "./fields.ts";

export type Verdict =
  | { readonly linearizable: true }
  | { readonly linearizable: false; readonly counterexample: Counterexample }
  /** Never without a reason: the bound that was reached. */
  | { readonly linearizable: "unknown"; readonly because: string };

export interface Counterexample {
  readonly because: string;
  /** The calls that matter, as the history has them, each with its place in it. */
  readonly ops: readonly Fields[];
}

/** How much work one history may cost before the answer is "unknown". */
export interface Bounds {
  /** Calls looked at, and looked at again. */
  readonly stepsMax: number;
  /** States kept by a search. */
  readonly statesMax: number;
  /** Steps spent on making a counter-example smaller. */
  readonly shrinkStepsMax: number;
}

export const standardBounds: Bounds = {
  stepsMax: 100_000_000,
  statesMax: 2_000_000,
  shrinkStepsMax: 5_000_000,
};

export function counterexample(
  because: string,
  calls: readonly Fields[],
  indices: Iterable<number>,
): Counterexample {
  const ops = [...new Set(indices)]
    .sort((a, b) => a - b)
    .map((index) => ({ op: index, ...calls[index] }));
  return { because, ops };
}
