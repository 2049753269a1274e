// Is the history of one register linearizable? A search, exact unless it reaches a bound.
//   C1. What a call says can be left out: a history that has an order has one without it. An answer is left out altogether; a call
//       that changes the register stays, as one that may have happened at any time after its invocation, or never.

import type { Fields } from "../fields.ts";
import { shrink } from "../shrink.ts";
import { counterexample, type Bounds, type Counterexample, type Verdict } from "../verdict.ts";
import { readRegister, type RegisterCall } from "./history.ts";
import { search, withoutUseless, type Effort } from "./search.ts";

/** @throws Malformed */
export function checkRegister(text: string, bounds: Bounds): Verdict {
  const { calls, history } = readRegister(text);
  const found = search(history, { ...bounds, steps: 0 });
  if (found === "linearizable") return { linearizable: true };
  if (found !== "refuted") return { linearizable: "unknown", because: found.because };
  const effort = { ...bounds, steps: 0, stepsMax: bounds.shrinkStepsMax };
  return { linearizable: false, counterexample: smallest(calls, history, effort) };
}

function smallest(
  calls: readonly Fields[],
  history: readonly RegisterCall[],
  effort: Effort,
): Counterexample {
  let undecided = 0;
  const refuted = (held: readonly RegisterCall[]): boolean => {
    const found =
      effort.steps <= effort.stepsMax ? search(loosened(history, held), effort) : undefined;
    if (found !== "refuted" && found !== "linearizable") undecided += 1;
    return found === "refuted";
  };
  const returned = history.filter(({ ret }) => ret !== Infinity).sort((a, b) => a.ret - b.ret);
  // The shortest beginning that has no order: the call whose return ends it is the one that fits nowhere.
  let low = 0;
  let high = returned.length;
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (refuted(returned.slice(0, middle))) high = middle;
    else low = middle;
  }
  // A beginning of which nothing is known counts as one that has an order: then the call that is to blame may be an earlier one.
  const blamed = undecided === 0 ? returned[high - 1] : undefined;
  const kept = shrink(returned.slice(0, high), refuted);
  const part = withoutUseless(loosened(history, kept));
  return counterexample(
    "No order of these calls gives each its answer." +
      (blamed === undefined ? "" : ` Without that of ops[${blamed.index}] there is one.`),
    calls,
    part.map(({ index }) => index),
  );
}

/** C1: only some of the calls that returned by then are held to it. */
function loosened(
  history: readonly RegisterCall[],
  held: readonly RegisterCall[],
): readonly RegisterCall[] {
  const holds = new Set(held.map(({ index }) => index));
  const end = held.reduce((last, { ret }) => Math.max(last, ret), -1);
  return history.flatMap((call) => {
    if (holds.has(call.index)) return [call];
    if (call.rule.becomes === undefined || call.inv > end) return [];
    return [{ ...call, ret: Infinity }];
  });
}
