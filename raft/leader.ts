// Leadership: how it begins, what it does as time passes, and when it ends by itself.
//   LE1. A leader begins with an entry of its own term, so that it learns what is committed (§5.4.2, D1).
//   LE2. A leader that has not heard a quorum of voters for an election time-out steps down (CheckQuorum; A8).
//   LE3. A leader whose disk does not answer steps down (F8, R12).

import type { Core } from "./core.ts";
import { Deque } from "./deque.ts";
import { broadcastHeartbeat, tellCommit } from "./heartbeat.ts";
import { membersOf } from "./membership.ts";
import type { HeartbeatReply } from "./message.ts";
import { Progress } from "./progress.ts";
import { reachedByQuorum } from "./quorum.ts";
import { confirmReads, joinRound } from "./reads.ts";
import { appendNoop, replicate } from "./replication.ts";
import type { Leader } from "./role.ts";
import { tickSnapshot } from "./snapshot.ts";
import { giveUpHandOver } from "./transfer.ts";
import type { NodeId } from "./types.ts";

export function becomeLeader(core: Core, cause: string): void {
  const firstIndex = core.log.lastIndex + 1;
  const peers = new Map<NodeId, Progress>();
  const leaving = core.leaving();
  for (const id of [...membersOf(core.memberships.current), ...leaving]) {
    if (id !== core.id) peers.set(id, new Progress(id, firstIndex, core.now));
  }
  const leader: Leader = {
    kind: "leader",
    firstIndex,
    peers,
    leaving,
    handOver: undefined,
    matches: { get: (id) => (id === core.id ? core.log.durable : peers.get(id)?.match) },
    heard: { get: (id) => (id === core.id ? core.now : peers.get(id)?.heardAt) },
    rounds: { get: (id) => (id === core.id ? leader.round : peers.get(id)?.round) },
    heartbeatAt: core.now,
    round: 0,
    waitingReads: [],
    readsWaiting: 0,
    readRounds: new Deque(),
    uncommittedBytes: 0,
  };
  core.become(leader, cause);
  appendNoop(core, leader);
}

export function tickLeader(core: Core, leader: Leader): void {
  if (core.isDiskStalled) {
    core.becomeFollower(core.term, undefined, "the disk does not answer");
    return;
  }
  const heardAt = reachedByQuorum(core.memberships.current.voters, leader.heard);
  if (core.now - heardAt >= core.config.electionTicks) {
    core.becomeFollower(core.term, undefined, "no quorum was heard for an election time-out");
    return;
  }
  if (leader.handOver !== undefined && giveUpHandOver(core, leader, leader.handOver)) return;
  for (const peer of leader.peers.values()) tickSnapshot(core, peer);
  if (core.now - leader.heartbeatAt >= core.config.heartbeatTicks) {
    broadcastHeartbeat(core, leader);
    joinRound(core, leader);
  } else {
    tellCommit(core, leader);
  }
}

export function onHeartbeatReply(core: Core, leader: Leader, message: HeartbeatReply): void {
  const peer = leader.peers.get(message.from);
  if (peer === undefined) return;
  peer.heard(core.now);
  if (message.round <= leader.round) peer.round = Math.max(peer.round, message.round);
  unstick(core, peer);
  replicate(core, peer);
  confirmReads(core, leader);
}

/** B10: the follower is there, but what was sent to it seems not to be. */
function unstick(core: Core, peer: Progress): void {
  const { mode } = peer;
  switch (mode.kind) {
    case "probe":
      if (mode.sentAt !== undefined && core.now - mode.sentAt >= core.delays.probeTicks) {
        mode.sentAt = undefined;
      }
      break;
    case "replicate":
      if (mode.appends.length > 0 && core.now - mode.movedAt >= core.delays.lostTicks) {
        peer.probe(peer.match + 1);
      }
      break;
    case "snapshot":
      break;
  }
}

/** The link broke: what was under way may be lost. It is sent again when the follower answers a heartbeat. */
export function onUnreachable(core: Core, leader: Leader, id: NodeId): void {
  const peer = leader.peers.get(id);
  if (peer === undefined) return;
  if (peer.mode.kind === "replicate") peer.probe(peer.match + 1);
  if (peer.mode.kind === "probe") peer.mode.sentAt = core.now - core.delays.probeTicks;
}
