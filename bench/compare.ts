// What one case is of another one.

import { grouped } from "../cli/output.ts";
import type { Measured } from "./item.ts";

/** Adds to each its rate as a fraction of that of the case with the label `base`. */
export function relative(
  all: readonly Measured[],
  figure: string,
  base: string,
): readonly Measured[] {
  const whole = all.find(({ label }) => label === base)?.figures[figure];
  return all.map((one) => {
    const part = one.figures[figure];
    const ratio = whole === undefined || part === undefined ? undefined : part / whole;
    return { ...one, figures: { ...one.figures, [`${figure}_ratio`]: ratio } };
  });
}

/** 1, 16: "1 key", "16 keys". */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}
