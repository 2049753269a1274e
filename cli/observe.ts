// One node's own view of the cluster, asked without a session: it answers also while there is no leader, which is when one
// looks at it most. `connect()` would wait for a leader first.

import { dialWith } from "../client/channel.ts";
import type { ClusterInfo } from "../client/index.ts";

export type ClusterView = ClusterInfo;

const answerMsMax = 2_000;
const dial = dialWith(undefined);

/** Undefined: it does not answer. */
export async function observe(
  endpoint: string,
  timeoutMs = answerMsMax,
): Promise<ClusterView | undefined> {
  // A channel of its own each time: what a channel remembers of a node that was down (back-off) would only delay the news
  // that it is up.
  const channel = dial(endpoint);
  try {
    const view = (await channel.unary("GetCluster", {}, timeoutMs)) as ClusterView & {
      readonly leader: ClusterView["leader"] | null;
    };
    // The wire says "none" with an empty leader.
    const leader = (view.leader?.nodeId ?? 0) === 0 ? undefined : (view.leader ?? undefined);
    return { ...view, leader };
  } catch {
    return undefined;
  } finally {
    channel.close();
  }
}
