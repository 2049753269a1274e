// What is said of several values.

/** Of an even number of values: the lower one of the two in the middle, which was measured. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** Undefined: there are no values. JSON knows no NaN: it reads back as null. */
export function spreadOf(values: readonly (number | null | undefined)[]): Spread | undefined {
  const known = values
    .filter((value) => typeof value === "number")
    .filter((value) => !Number.isNaN(value));
  if (known.length === 0) return undefined;
  let [min, max] = [Infinity, -Infinity];
  for (const value of known) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return { median: median(known), min, max, count: known.length };
}
