// Every check of a run, over its evidence.

import { blackBox } from "./black-box/index.ts";
import type { Check, Evidence, Verdict } from "./contract.ts";
import { fifo } from "./fifo.ts";
import { ledger } from "./ledger.ts";
import { witness } from "./witness/check.ts";

const checks: readonly Check[] = [witness, ...blackBox, fifo, ledger];

/** All verdicts, in a fixed order. */
export function check(evidence: Evidence): Verdict[] {
  return checks.flatMap((one) => one(evidence));
}

/** Nothing was violated, and nothing is open. */
export function isPass(verdicts: readonly Verdict[]): boolean {
  return (
    verdicts.some(({ result }) => result === "holds") &&
    verdicts.every(({ result }) => result === "holds" || result === "skipped")
  );
}
