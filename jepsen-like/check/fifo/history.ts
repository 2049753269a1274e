// The calls of one queue, by what they say.

import { callsOf, functionOf, Malformed, timesOf, valueOf, type Fields } from "../fields.ts";
import { toTicks, type Interval, type Timed } from "../ticks.ts";

export interface Call extends Interval {
  /** Its place in the history. */
  readonly index: number;
}

export interface ValueCall extends Call {
  readonly value: string;
}

export interface FifoHistory {
  readonly enqueues: readonly ValueCall[];
  /** Dequeues that returned a value. */
  readonly dequeues: readonly ValueCall[];
  /** Dequeues that returned "the queue is empty". */
  readonly empties: readonly Call[];
  /** Dequeues that never returned: each may have taken any value, or none. */
  readonly pending: readonly Call[];
}

const saidEmpty = JSON.stringify("empty");

export function readFifo(text: string): { calls: readonly Fields[]; history: FifoHistory } {
  const calls = callsOf(text);
  const read = calls.map((call, index) => readCall(call, `ops[${index}]`));
  const intervals = toTicks(read.map(({ times }) => times));
  const enqueues: ValueCall[] = [];
  const dequeues: ValueCall[] = [];
  const empties: Call[] = [];
  const pending: Call[] = [];
  for (const [index, { f, value }] of read.entries()) {
    const { inv, ret } = intervals[index] ?? { inv: 0, ret: Infinity };
    const call = { index, inv, ret };
    if (f === "enqueue") enqueues.push({ ...call, value });
    else if (ret === Infinity) pending.push(call);
    else if (value === saidEmpty) empties.push(call);
    else dequeues.push({ ...call, value });
  }
  return { calls, history: { enqueues, dequeues, empties, pending } };
}

function readCall(
  call: Fields,
  at: string,
): { f: "enqueue" | "dequeue"; value: string; times: Timed } {
  const f = functionOf(call, at, ["enqueue", "dequeue"]);
  const value = valueOf(call, at);
  const times = timesOf(call, at);
  if (f === "enqueue" && value === saidEmpty)
    throw new Malformed(
      `${at}.v`,
      'a value other than "empty", which is what a dequeue of nothing returns',
      "empty",
    );
  if (f === "dequeue" && times.ret === null && call["v"] !== null)
    throw new Malformed(`${at}.v`, "null, as it never returned", call["v"]);
  return { f, value, times };
}
