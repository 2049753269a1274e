// What shows from outside that a fault had effect (N2), and the small steps that faults share.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { View } from "../cluster/contract.ts";
import type { Scene } from "./fault.ts";

/** The fault cannot be had at this moment (no leader, too few nodes up): its turn passes, which is no failure. */
export class NotNow extends Error {
  override readonly name = "NotNow";
}

/** Something that must not happen did: a node that does not come back, a damaged node that serves. Fails the run. */
export class Broken extends Error {
  override readonly name = "Broken";
}

const lookEveryMs = 20;

/** Looks until there is something, at most so long; looks at least once. */
export async function until<T>(
  msMax: number,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T | undefined> {
  const deadline = performance.now() + msMax;
  for (;;) {
    const found = await look();
    if (found !== undefined || performance.now() > deadline) return found;
    await sleep(lookEveryMs);
  }
}

/** The state letter of /proc/PID/stat: "T" stopped, "S" sleeping, "Z" dead and not yet buried; undefined: gone. */
export function processState(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name, in parentheses, may hold anything, blanks and parentheses too.
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  } catch {
    return undefined;
  }
}

export const isGone = (pid: number): boolean => (processState(pid) ?? "Z") === "Z";

/** The smallest number of nodes that decides. */
export const majorityOf = (count: number): number => Math.floor(count / 2) + 1;

export const running = ({ cluster }: Scene): readonly number[] =>
  cluster.nodeIds.filter((id) => cluster.isRunning(id));

/** @throws {NotNow} when there is none. */
export async function leaderOf({ cluster, electionMs }: Scene): Promise<number> {
  const leader = await cluster.leader(8 * electionMs);
  if (leader === undefined) throw new NotNow("there is no leader");
  return leader;
}

/** The highest term that any node of these tells, and who leads in it; undefined when none answers. */
export async function reign(
  { cluster }: Scene,
  ids: readonly number[] = cluster.nodeIds,
): Promise<{ readonly term: number; readonly leaderId: number } | undefined> {
  const views = await Promise.all(ids.map((id) => cluster.observe(id)));
  return views
    .filter((view): view is View => view !== undefined)
    .sort((a, b) => b.term - a.term || b.leaderId - a.leaderId)[0];
}

/** Whether the members but one are all up, agree on a leader, and have everything: then that one's disk may be lost (P1). */
export async function othersHaveAll({ cluster }: Scene, id: number): Promise<boolean> {
  const others = cluster.nodeIds.filter((other) => other !== id);
  // One round is enough: what was applied here was committed by then, and all of them have it.
  const views = await Promise.all(others.map((other) => cluster.observe(other)));
  const applied = views.map((view) => view?.appliedIndex ?? -1);
  const ends = views.map((view) => view?.lastIndex ?? -1);
  return Math.min(...ends) >= Math.max(...applied) && Math.min(...applied) >= 0;
}

const names = (ids: readonly number[]): string =>
  ids.length === 1 ? `node ${ids.join()}` : `nodes ${ids.join(", ")}`;

/** "node 2, the leader" or "nodes 1, 3". */
export function named(ids: readonly number[], leader?: number): string {
  if (ids.length === 1) return names(ids) + (ids[0] === leader ? ", the leader" : "");
  return names(ids);
}

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
