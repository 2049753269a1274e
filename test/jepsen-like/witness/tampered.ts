// Good histories that are tampered with, one thing in each: the witness-order check must refuse them.

import { describe, expect, test } from "vitest";
import type {
  Call,
  Evidence,
  LogCommand,
  LogEntry,
  Verdict,
} from "../../../jepsen-like/checkers/contract.ts";
import { witness } from "../../../jepsen-like/checkers/witness/check.ts";
import type { Asked, Placed } from "../../../jepsen-like/history/record.ts";
import { TinyServer } from "./tiny-server.ts";

export const verdictsOf = (evidence: Evidence): Verdict[] => [witness(evidence)].flat();
export const bad = (evidence: Evidence): Verdict[] =>
  verdictsOf(evidence).filter(({ result }) => result !== "holds");

export type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;
export type Draft = Mutable<Evidence>;
export type Enqueue = Extract<Asked, { f: "enqueue" }>;

/** The log that all three nodes share: a change of an entry is one on every node. */
export const logOf = (draft: Draft): Mutable<LogEntry>[] => draft.logs[0]!.entries;
export const callsOf = (draft: Draft, f: string, type = "ok"): Mutable<Call>[] =>
  draft.history.calls.filter(({ asked, told }) => asked.f === f && told?.type === type);
export const indexOf = (call: Mutable<Call>): number => call.told!.told!.logIndex!;
export const firstsOf = (draft: Draft, f: string): Mutable<Call>[] =>
  callsOf(draft, f).filter(({ told }) => told!.told!.already !== true);
/** Reads of counters that say of which entry. */
export const readsOf = (draft: Draft): Mutable<Call>[] =>
  callsOf(draft, "get-queue").filter(({ told }) => told!.told!.logIndex! > 0);
export const placedOf = (call: Mutable<Call>): Mutable<Placed> => call.told!.told!.placed![0]!;
export const stored = (draft: Draft): Mutable<Call>[] =>
  callsOf(draft, "enqueue").filter((call) => !placedOf(call).deduplicated);

/** Those that are stored whatever else was. */
export const unnamed = (draft: Draft): Mutable<Call>[] =>
  stored(draft).filter(({ asked }) => !("dedupId" in asked));
/** What an answered call left in the log. */
export const commandOf = (draft: Draft, call: Mutable<Call>): Mutable<LogCommand> =>
  logOf(draft)[indexOf(call) - 1]!.commands[0]!;
/** The last one of each name. */
export function lastsBy<T>(list: readonly T[], nameOf: (one: T) => string): T[] {
  return [...new Map(list.map((one) => [nameOf(one), one])).values()];
}

/** All nodes lose the commands of an entry, and its repetitions. */
export function forget(draft: Draft, call: Mutable<Call>): void {
  const lost = commandOf(draft, call);
  for (const entry of logOf(draft))
    entry.commands = entry.commands.filter(
      ({ session, sequence }) => session !== lost.session || sequence !== lost.sequence,
    );
}

type Picker = <T>(from: readonly T[]) => T | undefined;
/** Some of them have no place for it: then it says false, and another seed is taken. */
type Change = (draft: Draft, pick: Picker) => boolean;

/** By what is wrong; `found`: what the check says of it. */
export function areFound(changes: Record<string, { found: RegExp; change: Change }>): void {
  describe("a bad history is found, by the step that is there for it:", () => {
    test.each(Object.entries(changes))("%s", (_name, { found, change }) => {
      let tried = 0;
      for (let seed = 1; seed <= 200 && tried < 12; seed++) {
        const draft = structuredClone(new TinyServer(seed).run(160)) as Draft;
        let picked = seed;
        const pick: Picker = (from) => from[picked++ % Math.max(1, from.length)];
        if (!change(draft, pick)) continue;
        tried++;
        const lines = bad(draft as Evidence).flatMap(({ check, findings }) =>
          findings.map(({ what }) => `${check}: ${what}`),
        );
        expect(
          lines.some((line) => found.test(line)),
          `seed ${seed}: ${lines.join("\n")}`,
        ).toBe(true);
      }
      expect(tried).toBeGreaterThanOrEqual(5);
    });
  });
}
