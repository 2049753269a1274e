// Brings nodes back that were ended. Two faults at once may restart the same node: whoever finds it down starts it.

import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "./contract.ts";

const startMsMax = 60_000;
const againMs = 50;

/** Starts those that are down. Returns those that ended by themselves instead. @throws when one does not answer in a minute. */
export async function startAll(
  cluster: Cluster,
  ids: readonly number[],
  timeoutMs = startMsMax,
): Promise<number[]> {
  const ended = ids.map((id) => endsOf(cluster, id));
  const up = await Promise.all(
    ids.map(async (id, at) => {
      const deadline = performance.now() + timeoutMs;
      const isUp = async (): Promise<boolean> =>
        cluster.isRunning(id) || (await cluster.start(id, deadline - performance.now()));
      // Ended while it was starting: by itself, or because somebody else told it to.
      while (!(await isUp())) {
        if (endsOf(cluster, id) !== ended[at]) return false;
        await sleep(againMs);
      }
      return true;
    }),
  );
  return ids.filter((_, at) => up[at] !== true);
}

function endsOf(cluster: Cluster, id: number): number {
  return cluster.deaths.filter((death) => death.nodeId === id).length;
}
