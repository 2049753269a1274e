// Why a part of a history cannot be, in words.

import type { Fields } from "../fields.ts";
import type { Call, FifoHistory, ValueCall } from "./history.ts";
import type { Found } from "./search.ts";
import type { Violation } from "./theorem.ts";

type Refuted = Exclude<Found, { readonly kind: "linearizable" | "unknown" }>;

export function sentence(calls: readonly Fields[], part: FifoHistory, found: Refuted): string {
  if (found.kind === "unmatched") return unmatched(calls, part, found.value);
  if (!found.certain)
    return (
      "Whichever enqueue each of these dequeues took its value from, " +
      "a value is overtaken or the queue said to be empty while it is not."
    );
  const { violation } = found;
  return violation.kind === "overtaken"
    ? overtaken(calls, part, violation)
    : notEmpty(calls, part, violation);
}

function unmatched(calls: readonly Fields[], part: FifoHistory, value: string): string {
  const { enqueues, dequeues } = part;
  const [put] = enqueues;
  const [took] = dequeues;
  if (put === undefined) return `${value} was dequeued, and nobody enqueued it.`;
  if (dequeues.length > enqueues.length)
    return `${value} was dequeued ${times(dequeues.length)}, and enqueued ${times(enqueues.length)}.`;
  if (enqueues.length === 1 && took !== undefined)
    return `${value} was dequeued by ${time(calls, took, "ret")}, and its enqueue began only at ${time(calls, put, "inv")}.`;
  return `The dequeues of ${value} cannot each have taken an enqueue of their own that had begun by then, first come, first served.`;
}

function overtaken(calls: readonly Fields[], part: FifoHistory, violation: Violation): string {
  const { enqueues, dequeues, pending } = part;
  const slow = enqueues[violation.overtaken ?? 0];
  const fast = enqueues[violation.by ?? 0];
  const behind =
    slow !== undefined && fast !== undefined
      ? `the enqueue of ${slow.value} returned at ${time(calls, slow, "ret")}, that of ${fast.value} began at ${time(calls, fast, "inv")}`
      : "";
  const fastTaken = dequeueOf(dequeues, fast);
  const slowTaken = dequeueOf(dequeues, slow);
  const first = `yet ${fast?.value ?? ""} was dequeued by ${time(calls, fastTaken, "ret")}`;
  if (slowTaken !== undefined)
    return `Overtaken: ${behind}; ${first}, when the dequeue of ${slow?.value ?? ""} had not begun (${time(calls, slowTaken, "inv")}).`;
  return `Overtaken: ${behind}; ${first}, and ${slow?.value ?? ""} was never dequeued${despite(pending)}.`;
}

function notEmpty(calls: readonly Fields[], part: FifoHistory, violation: Violation): string {
  const { enqueues, empties, pending } = part;
  const empty = empties[violation.empty ?? 0];
  const values = [...new Set(violation.enqueues.map((at) => enqueues[at]?.value ?? ""))];
  const between = `from ${time(calls, empty, "inv")} to ${time(calls, empty, "ret")}`;
  return `Not empty: at every moment ${between} the queue held ${values.join(" or ")}${despite(pending)}.`;
}

function despite(pending: readonly Call[]): string {
  if (pending.length === 0) return "";
  const they = pending.length === 1 ? "the dequeue" : "the dequeues";
  return `, whatever ${they} that never returned may have taken`;
}

function dequeueOf(
  dequeues: readonly ValueCall[],
  enqueue: ValueCall | undefined,
): ValueCall | undefined {
  return dequeues.find(({ value }) => value === enqueue?.value);
}

function time(calls: readonly Fields[], call: Call | undefined, which: "inv" | "ret"): string {
  return String(calls[call?.index ?? -1]?.[which]);
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
