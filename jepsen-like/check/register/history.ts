// The calls of one register, as constraints and effects.

import {
  callsOf,
  canonical,
  functionOf,
  Malformed,
  timesOf,
  valueOf,
  type Fields,
} from "../fields.ts";
import { toTicks, type Interval, type Timed } from "../ticks.ts";

/** What a call asks of the register's value, and what it makes of it. */
export interface Rule {
  /** The value must be this; undefined: it may be any. */
  readonly is: string | undefined;
  /** The value must not be this. */
  readonly isNot: string | undefined;
  /** The value afterwards; undefined: as before. */
  readonly becomes: string | undefined;
}

export interface RegisterCall extends Interval {
  /** Its place in the history. */
  readonly index: number;
  readonly rule: Rule;
}

export const initialValue = "null";

interface Read {
  readonly times: Timed;
  readonly rule: Rule;
}

/** Calls that certainly did nothing are left out, and so are reads without an answer: they say nothing. */
export function readRegister(text: string): {
  calls: readonly Fields[];
  history: readonly RegisterCall[];
} {
  const calls = callsOf(text);
  const read = calls.map((call, index) => readCall(call, `ops[${index}]`));
  const intervals = toTicks(read.map((call) => call?.times ?? { inv: 0, ret: null }));
  const history = read.flatMap((call, index) => {
    const { inv, ret } = intervals[index] ?? { inv: 0, ret: Infinity };
    return call === undefined ? [] : [{ index, inv, ret, rule: call.rule }];
  });
  return { calls, history };
}

function readCall(call: Fields, at: string): Read | undefined {
  const f = functionOf(call, at, ["read", "write", "cas"]);
  const times = timesOf(call, at);
  const ok = outcomeOf(call, at, times);
  // It may happen at any time from now on, or never: that nobody waits for it any more does not stop it.
  const open: Timed = ok === null ? { inv: times.inv, ret: null } : times;
  switch (f) {
    case "read": {
      const is = valueOf(call, at);
      return ok === true
        ? { times, rule: { is, isNot: undefined, becomes: undefined } }
        : undefined;
    }
    case "write": {
      const becomes = valueOf(call, at);
      return ok === false
        ? undefined
        : { times: open, rule: { is: undefined, isNot: undefined, becomes } };
    }
    case "cas": {
      const [old, next] = exchangeOf(call, at);
      return ok === false
        ? { times, rule: { is: undefined, isNot: old, becomes: undefined } }
        : { times: open, rule: { is: old, isNot: undefined, becomes: next } };
    }
  }
}

function outcomeOf(call: Fields, at: string, { ret }: Timed): boolean | null {
  const { ok } = call;
  if (typeof ok !== "boolean" && ok !== null)
    throw new Malformed(`${at}.ok`, "true, false, or null when it is unknown", ok);
  if (ret === null && ok !== null)
    throw new Malformed(`${at}.ok`, "null, as it never returned", ok);
  return ok;
}

function exchangeOf(call: Fields, at: string): [string, string] {
  const { v } = call;
  if (!Array.isArray(v) || v.length !== 2)
    throw new Malformed(`${at}.v`, "a list of two values: [old, new]", v);
  return [canonical(v[0], `${at}.v[0]`), canonical(v[1], `${at}.v[1]`)];
}
