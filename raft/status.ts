// What a member tells about itself: for operators, for the shell, and for the checks in invariants.ts.

import type { Core } from "./core.ts";
import { isVoter } from "./membership.ts";
import type { ProgressState } from "./progress.ts";
import type { EntryId, Membership, NodeId, RoleKind } from "./types.ts";

interface ProgressStatus {
  readonly id: NodeId;
  readonly state: ProgressState;
  /** Highest index known to be durable there. */
  readonly match: number;
  readonly next: number;
  /** Appends (or a snapshot chunk) under way. */
  readonly inflight: number;
  /** Bytes of those appends, when replicating. */
  readonly inflightBytes: number;
  /** Ticks since it was last heard; since this leadership began, or it was added, when it was never heard. */
  readonly lastHeardTicks: number;
  /** It votes; false: a learner, or a member whose removal is not committed yet. */
  readonly voter: boolean;
  /** Heard, and as close behind as a promotion asks for (C6). */
  readonly caughtUp: boolean;
  /** Ticks that the last round of catching up took (§4.2.1 of the thesis); undefined: the first one is under way. */
  readonly roundTicks: number | undefined;
}

export interface RaftStatus {
  readonly id: NodeId;
  readonly role: RoleKind;
  readonly term: number;
  readonly vote: NodeId | undefined;
  readonly leader: NodeId | undefined;
  readonly commit: number;
  /** Committed entries through here were handed out. */
  readonly handedOut: number;
  /** What the state machine reported as applied. */
  readonly applied: number;
  readonly last: EntryId;
  /** The log is on this node's disk through here. */
  readonly durable: number;
  readonly compacted: EntryId;
  /** The one in force: the newest in the log. */
  readonly membership: Membership;
  /** Index of the entry (or snapshot) that brought it. */
  readonly membershipIndex: number;
  /** It is committed: it will not be rolled back. A new machine that catches up sees old ones, of which it is no member yet. */
  readonly membershipCommitted: boolean;
  /**
   * This node was a member, and the committed membership is without it: its work is done, the shell should stop it (A11). A
   * leader hands over first. Known as long as the log holds an entry of its membership: note it before compacting.
   */
  readonly removed: boolean;
  /** To whom leadership is being handed over; of the leader only. */
  readonly transferee: NodeId | undefined;
  /** A snapshot is being installed. */
  readonly installing: boolean;
  /** Of the leader only; empty on others. Every other member, and those whose removal is not committed yet. */
  readonly progress: readonly ProgressStatus[];
}

export function statusOf(core: Core): RaftStatus {
  return {
    id: core.id,
    role: core.role.kind,
    term: core.term,
    vote: core.vote,
    leader: core.leader,
    commit: core.commit,
    handedOut: core.handedOut,
    applied: core.applied,
    last: core.log.last,
    durable: core.log.durable,
    compacted: core.log.compacted,
    membership: core.memberships.current,
    membershipIndex: core.memberships.currentIndex,
    membershipCommitted: !core.isChangePending,
    removed: core.isRemoved,
    transferee: core.role.kind === "leader" ? core.role.handOver?.to : undefined,
    installing: core.installing !== undefined,
    progress: progressOf(core),
  };
}

function progressOf(core: Core): ProgressStatus[] {
  if (core.role.kind !== "leader") return [];
  const { now, commit, config, memberships } = core;
  const progress: ProgressStatus[] = [];
  for (const peer of core.role.peers.values()) {
    progress.push({
      id: peer.id,
      state: peer.mode.kind,
      match: peer.match,
      next: peer.next,
      inflight: peer.inflight,
      inflightBytes: peer.inflightBytes,
      lastHeardTicks: now - peer.heardAt,
      voter: isVoter(memberships.current, peer.id),
      caughtUp: peer.isCaughtUp(now, config.electionTicks, commit),
      roundTicks: peer.roundTicks,
    });
  }
  return progress;
}
