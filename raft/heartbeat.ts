// Heartbeats: leadership is alive, the commit index, and rounds that confirm reads.
//   HB1. The commit index told to a follower is bounded by what it is known to match (B5).
//   HB2. A round is answered at once, without waiting for the disk: the answer promises only that the sender's term is current.

import type { Core } from "./core.ts";
import type { Progress } from "./progress.ts";
import type { Leader } from "./role.ts";

/** A new round, to everybody. */
export function broadcastHeartbeat(core: Core, leader: Leader): void {
  leader.round += 1;
  leader.heartbeatAt = core.now;
  for (const peer of leader.peers.values()) sendHeartbeat(core, peer, leader.round);
}

/**
 * At each tick: tells followers how far the log is committed that have not learnt it from an append since the last one. Nobody
 * waits for a follower to know it, so under load no message is spent on that alone. A heartbeat without a round is the cheapest
 * message there is: the receiver looks up nothing in its log and does not answer, where an empty append would be answered after
 * the disk.
 */
export function tellCommit(core: Core, leader: Leader): void {
  for (const peer of leader.peers.values()) {
    if (peer.toldCommit >= Math.min(core.commit, peer.match)) continue;
    if (peer.mode.kind !== "snapshot") sendHeartbeat(core, peer, 0);
  }
}

function sendHeartbeat(core: Core, peer: Progress, round: number): void {
  const commit = Math.min(core.commit, peer.match);
  peer.toldCommit = Math.max(peer.toldCommit, commit);
  core.send({
    kind: "heartbeat",
    from: core.id,
    to: peer.id,
    term: core.term,
    commit,
    round,
  });
}
