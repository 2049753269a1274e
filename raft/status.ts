// What a member tells about itself: for operators, for the shell, and for the checks in invariants.ts.

import type { Core } from "./core.ts";
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
  /** Ticks since it was last heard. */
  readonly lastHeardTicks: number;
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
  /** A snapshot is being installed. */
  readonly installing: boolean;
  /** Of the leader only; empty on others. Ascending by id within voters, then learners. */
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
    installing: core.installing !== undefined,
    progress: progressOf(core),
  };
}

function progressOf(core: Core): ProgressStatus[] {
  if (core.role.kind !== "leader") return [];
  return [...core.role.peers.values()].map((peer) => ({
    id: peer.id,
    state: peer.mode.kind,
    match: peer.match,
    next: peer.next,
    inflight: peer.inflight,
    inflightBytes: peer.inflightBytes,
    lastHeardTicks: core.now - peer.heardAt,
  }));
}
