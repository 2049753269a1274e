// Histories in short: enqueue(1, 0, 2) is invoked at 0 and returns at 2.

import { checkFifo } from "../../../jepsen-like/check/fifo/check.ts";
import { checkRegister } from "../../../jepsen-like/check/register/check.ts";
import type { Bounds, Counterexample, Verdict } from "../../../jepsen-like/check/verdict.ts";
import { standardBounds } from "../../../jepsen-like/check/verdict.ts";
import type { Op } from "./brute-force.ts";

type Time = number | null;

export const enqueue = (v: unknown, inv: number, ret: Time): Op => ({ f: "enqueue", v, inv, ret });
export const dequeue = (v: unknown, inv: number, ret: Time): Op => ({ f: "dequeue", v, inv, ret });
export const empty = (inv: number, ret: Time): Op => dequeue("empty", inv, ret);
export const lost = (inv: number): Op => dequeue(null, inv, null);

const okOf = (ret: Time, ok: boolean | null): boolean | null => (ret === null ? null : ok);
export const read = (v: unknown, inv: number, ret: Time, ok: boolean | null = true): Op => ({
  ...{ f: "read", v, inv, ret },
  ok: okOf(ret, ok),
});
export const write = (v: unknown, inv: number, ret: Time, ok: boolean | null = true): Op => ({
  ...{ f: "write", v, inv, ret },
  ok: okOf(ret, ok),
});
export const cas = (v: unknown, inv: number, ret: Time, ok: boolean | null = true): Op => ({
  ...{ f: "cas", v, inv, ret },
  ok: okOf(ret, ok),
});

export function fifo(ops: readonly Op[], bounds: Bounds = standardBounds): Verdict {
  return checkFifo(JSON.stringify({ ops }), bounds);
}

export function register(ops: readonly Op[], bounds: Bounds = standardBounds): Verdict {
  return checkRegister(JSON.stringify({ ops }), bounds);
}

/** Why not, and the places of the calls that show it. */
export function refutation(verdict: Verdict): { because: string; places: number[] } {
  if (verdict.linearizable !== false) return { because: String(verdict.linearizable), places: [] };
  const { because } = verdict.counterexample;
  return { because, places: verdict.counterexample.ops.map(({ op }) => op as number) };
}

/** The calls of a counter-example, as a history of its own. */
export function historyOf({ ops }: Counterexample): Op[] {
  return ops as unknown as Op[];
}
