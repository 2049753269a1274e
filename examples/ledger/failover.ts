// Kills the leader without warning, under load, and measures how long nobody could write.

import type { LocalCluster } from "../../cli/local-cluster.ts";
import type { Producer } from "./producer.ts";

export interface Failover {
  readonly killedNode: number;
  readonly newLeader: number;
  readonly termBefore: number;
  readonly termAfter: number;
  /** Messages handled when the leader died. */
  readonly handledBefore: number;
  /** From the kill to the first confirmed enqueue that was sent after the kill. */
  readonly withoutServiceMs: number;
  /** From the restart until the killed node was a full member again. */
  readonly caughtUpMs: number;
}

/** `killed` is called in the moment after the kill: whoever holds traffic back lets it go on then. */
export async function failOver(
  cluster: LocalCluster,
  producer: Producer,
  handledBefore: number,
  killed: () => void,
): Promise<Failover> {
  const before = await cluster.leader();
  const killedAt = performance.now();
  const gone = cluster.kill(before.nodeId, "SIGKILL");
  const resumed = producer.confirmedAfter(killedAt);
  killed();
  await gone;
  const withoutServiceMs = (await resumed) - killedAt;
  const after = await cluster.leader();
  const restartedAt = performance.now();
  await cluster.restart(before.nodeId);
  await cluster.caughtUp(before.nodeId);
  return {
    killedNode: before.nodeId,
    newLeader: after.nodeId,
    termBefore: before.term,
    termAfter: after.term,
    handledBefore,
    withoutServiceMs,
    caughtUpMs: performance.now() - restartedAt,
  };
}
