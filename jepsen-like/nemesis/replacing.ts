// What an operator does with a node whose disk is not to be trusted any more (docs/operations.md): a new node with a new
// number takes its place. Needs the others: no other fault goes on meanwhile.

import { setTimeout as sleep } from "node:timers/promises";
import { Broken, othersHaveAll, NotNow, until } from "./effect.ts";
import type { Scene } from "./fault.ts";

const tries = 4;
const pauseMs = 1_000;

/** Resolves to the number of the new node. @throws {Broken} when the cluster does not let it happen. */
export async function replaceNode(scene: Scene, old: number): Promise<number> {
  const { cluster } = scene;
  if (cluster.isRunning(old)) await cluster.kill(old);
  const fresh = await insist(`node ${old} could not be replaced`, () => cluster.add());
  await insist(`node ${old} could not be removed`, () => cluster.remove(old));
  return fresh;
}

/** A change of the membership may be refused for reasons that pass: an election, the change before it. */
export async function insist<T>(complaint: string, work: () => Promise<T>): Promise<T> {
  let last: unknown;
  for (let attempt = 0; attempt < tries; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      last = error;
      await sleep(pauseMs);
    }
  }
  const why = last instanceof Error ? last.message : String(last);
  throw new Broken(`${complaint} in ${tries} attempts: ${why}`, { cause: last });
}

/** Picks a node whose disk may be lost now: all others are up and have everything (P1). @throws {NotNow} */
export async function expendable(scene: Scene, wishes: readonly number[]): Promise<number> {
  const { cluster, electionMs } = scene;
  if (!cluster.nodeIds.every((id) => cluster.isRunning(id))) throw new NotNow("a node is down");
  for (const id of wishes) {
    const safe = await until(4 * electionMs, async () =>
      (await othersHaveAll(scene, id)) ? true : undefined,
    );
    if (safe === true) return id;
  }
  throw new NotNow("the nodes have not all caught up");
}
