// Is the history of one plain FIFO queue linearizable? Exact; what it costs is in the README.
//   C1. A history stays linearizable when some values are left out, each with its enqueue and its dequeue, or some empty answers. So
//       a counter-example is a part that is not: some enqueues with all dequeues that may have taken their values, some empty
//       answers, and every dequeue that never returned and might have helped.

import type { Fields } from "../fields.ts";
import { shrink } from "../shrink.ts";
import { counterexample, type Bounds, type Counterexample, type Verdict } from "../verdict.ts";
import { readFifo, type FifoHistory, type ValueCall } from "./history.ts";
import type { Component } from "./matching.ts";
import { search, type Found } from "./search.ts";
import { sentence } from "./sentence.ts";

/** @throws Malformed */
export function checkFifo(text: string, bounds: Bounds): Verdict {
  const { calls, history } = readFifo(text);
  const found = search(history, { steps: 0, stepsMax: bounds.stepsMax });
  if (found.kind === "linearizable") return { linearizable: true };
  if (found.kind === "unknown") return { linearizable: "unknown", because: found.because };
  return { linearizable: false, counterexample: smallest(calls, history, found, bounds) };
}

type Refuted = Exclude<Found, { readonly kind: "linearizable" | "unknown" }>;
/** What can be left out (C1): some values, or an empty answer. */
type Unit = Component | { readonly empty: number };

function smallest(
  calls: readonly Fields[],
  history: FifoHistory,
  found: Refuted,
  { stepsMax, shrinkStepsMax }: Bounds,
): Counterexample {
  const effort = { steps: 0, stepsMax: shrinkStepsMax };
  let shown = found;
  const units = shrink(unitsOf(history, found), (some) => {
    if (effort.steps > effort.stepsMax) return false;
    const again = search(partOf(history, some), effort);
    if (again.kind === "linearizable" || again.kind === "unknown") return false;
    shown = again;
    return true;
  });
  const part = partOf(history, units);
  const again = search(part, { steps: 0, stepsMax });
  if (again.kind === "violated" || again.kind === "unmatched") shown = again;
  const all = [...part.enqueues, ...part.dequeues, ...part.empties, ...part.pending];
  return counterexample(
    sentence(calls, part, shown),
    calls,
    all.map(({ index }) => index),
  );
}

function unitsOf({ enqueues, dequeues }: FifoHistory, found: Refuted): Unit[] {
  if (found.kind === "violated")
    return [...found.components, ...found.empties.map((empty) => ({ empty }))];
  const all = (calls: readonly ValueCall[]): number[] =>
    [...calls.keys()].filter((at) => calls[at]?.value === found.value);
  return [{ enqueues: all(enqueues), dequeues: all(dequeues) }];
}

function partOf(history: FifoHistory, units: readonly Unit[]): FifoHistory {
  const kept = { enqueues: new Set(), dequeues: new Set(), empties: new Set() };
  for (const unit of units) {
    if ("empty" in unit) {
      kept.empties.add(unit.empty);
      continue;
    }
    for (const at of unit.enqueues) kept.enqueues.add(at);
    for (const at of unit.dequeues) kept.dequeues.add(at);
  }
  const enqueues = history.enqueues.filter((_, at) => kept.enqueues.has(at));
  const dequeues = history.dequeues.filter((_, at) => kept.dequeues.has(at));
  const empties = history.empties.filter((_, at) => kept.empties.has(at));
  // A dequeue that began when all of these had returned comes last, and helps none of them.
  const end = [...dequeues, ...empties].reduce((last, { ret }) => Math.max(last, ret), -1);
  const pending = history.pending.filter(({ inv }) => inv < end);
  return { enqueues, dequeues, empties, pending };
}
