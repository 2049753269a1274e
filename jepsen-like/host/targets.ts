// Whom a fault of one host concerns, and what the faults of this folder have in common.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster, Death } from "../cluster/contract.ts";
import { startAll } from "../cluster/start-all.ts";
import type { Scene } from "../nemesis/fault.ts";

export type Which = "one" | "leader" | "majority" | "all";

/** Of the nodes that run. "leader": any one when none leads in time. */
export async function choose(scene: Scene, which: Which): Promise<number[]> {
  const running = scene.random.shuffled(scene.cluster.nodeIds).filter(isUp(scene.cluster));
  const [any] = running;
  if (any === undefined) throw new Error("no node runs");
  if (which === "all") return running;
  if (which === "majority")
    return running.slice(0, Math.floor(scene.cluster.nodeIds.length / 2) + 1);
  if (which === "one") return [any];
  const leader = await scene.cluster.leader(6 * scene.electionMs);
  return [leader ?? any];
}

export async function chooseOne(scene: Scene, which: "one" | "leader"): Promise<number> {
  const [id] = await choose(scene, which);
  if (id === undefined) throw new Error("no node runs");
  return id;
}

const isUp =
  (cluster: Cluster) =>
  (id: number): boolean =>
    cluster.isRunning(id);

export function pidOf(cluster: Cluster, id: number): number {
  const pid = cluster.pid(id);
  if (pid === undefined) throw new Error(`node ${id} does not run`);
  return pid;
}

export async function start(cluster: Cluster, ids: readonly number[]): Promise<void> {
  const not = await startAll(cluster, ids);
  if (not.length > 0) throw new Error(`did not start again: node ${not.join(", node ")}`);
}

/** Looks every 50 ms; undefined when the time is over. */
export async function until<T>(msMax: number, look: () => T | undefined): Promise<T | undefined> {
  const deadline = Date.now() + msMax;
  for (;;) {
    const found = look();
    if (found !== undefined || Date.now() > deadline) return found;
    await sleep(50);
  }
}

/** Ends of a node that came by themselves since this was called. */
export function deathsSince(cluster: Cluster, id: number): () => Death | undefined {
  const before = cluster.deaths.length;
  return () => cluster.deaths.slice(before).find((death) => death.nodeId === id);
}

export const howItEnded = ({ code, signal }: Death): string =>
  signal === null ? `with code ${code}` : `by ${signal}`;

/**
 * The end of a node that has to give up (R1), in words.
 * @throws when it went as if all were well, with code 0.
 */
export function gaveUp(death: Death): string {
  if (death.code === 0) throw new Error(`R1: node ${death.nodeId} ended with code 0`);
  return `node ${death.nodeId} ended by itself ${howItEnded(death)}`;
}

/** Lines that a server has logged since this was called. */
export async function logSince(file: string): Promise<() => Promise<readonly string[]>> {
  const read = async (): Promise<string> => await readFile(file, "utf8").catch(() => "");
  const before = (await read()).length;
  return async () => (await read()).slice(before).split("\n");
}

export const names = (ids: readonly number[]): string =>
  ids.length === 1 ? `node ${ids.join()}` : `nodes ${ids.join(", ")}`;
