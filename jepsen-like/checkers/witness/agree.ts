// Step 1: all nodes have one log. And what they say of the state that it made.
//   A1. At each index up to the barrier every node that has the barrier has the same term, chain and commands.
//   A2. A node that has not got to the barrier may have an end that never was committed: it agrees up to where it differs.
//   A3. An entry's chain is the one that the next entry begins with, as far as the logs say it.
//   A4. Nodes that have applied equally much have equal digests.

import type { LogEntry, NodeDigest, NodeLog, Verdict } from "../contract.ts";
import { counted } from "../black-box/findings.ts";
import { Findings } from "./findings.ts";

/** The log that all agree on, from its first known entry through the barrier; dense, or it ends where nobody has the next entry. */
export interface Agreed {
  readonly log: readonly LogEntry[];
  readonly verdict: Verdict;
}

export function agree(logs: readonly NodeLog[], barrier: number): Agreed {
  const findings = new Findings("witness 1: one log");
  const whole = logs.filter((log) => has(log, barrier));
  const rest = logs.filter((log) => !has(log, barrier));
  const union = new Map<number, { readonly entry: LogEntry; readonly nodeId: number }>();
  let compared = 0;
  for (const { nodeId, entries } of whole) {
    for (const entry of entries) {
      if (entry.index > barrier) break;
      const known = union.get(entry.index);
      if (known === undefined) union.set(entry.index, { entry, nodeId });
      else {
        compared++;
        const what = differs(known.entry, entry);
        if (what !== undefined)
          findings.add({
            what: `entry ${entry.index} has another ${what} on node ${nodeId} than on node ${known.nodeId}`,
          });
      }
    }
  }
  const ends: string[] = [];
  for (const log of rest) {
    const { same, differs: at } = prefix(log, union);
    compared += same;
    if (at !== undefined)
      ends.push(`node ${log.nodeId} left an uncommitted end from entry ${at} on`);
  }
  const log = denseFrom(union);
  linked(log, findings);
  const looked = [
    `${counted(log.length, "entry", "entries")} of ${counted(whole.length, "node")} with the barrier`,
    `${compared.toLocaleString("en")} compared`,
    ...(rest.length > 0 ? [`${counted(rest.length, "node")} that did not get to the barrier`] : []),
    ...ends,
  ].join("; ");
  return { log, verdict: findings.verdict(looked) };
}

function has({ entries }: NodeLog, index: number): boolean {
  const last = entries.at(-1)?.index ?? 0;
  return last >= index && (entries[0]?.index ?? Infinity) <= index;
}

/** What two entries at one index differ in; undefined: nothing. */
function differs(a: LogEntry, b: LogEntry): string | undefined {
  if (a === b) return undefined;
  if (a.term !== b.term) return "term";
  if (a.chain !== b.chain) return "chain";
  if (a.kind !== b.kind || a.stamp !== b.stamp) return "kind or stamp";
  return JSON.stringify(a.commands) === JSON.stringify(b.commands) ? undefined : "content";
}

/** A2. */
function prefix(
  { entries }: NodeLog,
  union: ReadonlyMap<number, { readonly entry: LogEntry }>,
): { readonly same: number; readonly differs: number | undefined } {
  let same = 0;
  for (const entry of entries) {
    const known = union.get(entry.index);
    if (known === undefined) continue;
    if (differs(known.entry, entry) !== undefined) return { same, differs: entry.index };
    same++;
  }
  return { same, differs: undefined };
}

function denseFrom(union: ReadonlyMap<number, { readonly entry: LogEntry }>): LogEntry[] {
  const log: LogEntry[] = [];
  let index = Infinity;
  for (const known of union.keys()) index = Math.min(index, known);
  for (let at = union.get(index); at !== undefined; at = union.get(++index)) log.push(at.entry);
  return log;
}

/** A3, and terms that never fall. */
function linked(log: readonly LogEntry[], findings: Findings): void {
  let before: LogEntry | undefined;
  for (const entry of log) {
    if (before !== undefined) {
      const said = entry.chainBefore ?? before.chain;
      if (said !== before.chain)
        findings.add({
          what: `entry ${entry.index} does not continue entry ${before.index}: its chain begins with ${said}`,
        });
      if (entry.term < before.term)
        findings.add({
          what: `entry ${entry.index} has term ${entry.term} after term ${before.term}`,
        });
    }
    before = entry;
  }
}

/** A4. */
export function equalDigests(digests: readonly NodeDigest[]): Verdict {
  const findings = new Findings("witness: equal states");
  const first = new Map<number, NodeDigest>();
  let compared = 0;
  for (const said of digests) {
    const known = first.get(said.appliedIndex);
    if (known === undefined) {
      first.set(said.appliedIndex, said);
      continue;
    }
    compared++;
    if (known.digest !== said.digest)
      findings.add({
        what: `nodes ${known.nodeId} and ${said.nodeId} have applied ${said.appliedIndex} entries and say ${known.digest} and ${said.digest}`,
      });
  }
  const looked = `${counted(digests.length, "digest")}, ${compared.toLocaleString("en")} compared`;
  if (compared > 0 || findings.count > 0) return findings.verdict(looked);
  const why = "no two nodes were asked at the same applied index";
  return { check: "witness: equal states", result: "inconclusive", looked, why, findings: [] };
}
