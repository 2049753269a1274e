// What a member is, and what it knows only because it is that: no follower has a progress table to be wrong.

import type { Deque } from "./deque.ts";
import type { Progress } from "./progress.ts";
import type { Lookup } from "./quorum.ts";
import type { NodeId, RoleKind, SnapshotId } from "./types.ts";

/** A snapshot that arrives chunk by chunk. */
export interface Receiving {
  readonly snapshot: SnapshotId;
  /** The chunk being written, or else the one wanted. */
  next: number;
  writing: boolean;
}

export interface Follower {
  readonly kind: "follower";
  readonly leader: NodeId | undefined;
  /** Tick at which the leader was last heard; undefined: never, or it is known to be gone. */
  heardAt: number | undefined;
  /** Ticks are counted from here. */
  since: number;
  readonly timeoutTicks: number;
  /** Early PreVotes left after the hint that the leader is gone. */
  readonly hurriedPreVotes: number;
  receiving: Receiving | undefined;
}

export interface PreCandidate {
  readonly kind: "pre-candidate";
  readonly since: number;
  readonly timeoutTicks: number;
  readonly hurriedPreVotes: number;
  /** A set by voter: a repeated answer is the same answer (A5). */
  readonly votes: Map<NodeId, boolean>;
}

export interface Candidate {
  readonly kind: "candidate";
  readonly since: number;
  readonly timeoutTicks: number;
  readonly hurriedPreVotes: number;
  readonly votes: Map<NodeId, boolean>;
  /** The persist that carries the own vote: it counts when that is durable (A1, B7). */
  readonly ownVoteSequence: number;
}

interface ReadRound {
  readonly round: number;
  readonly index: number;
  readonly ids: readonly number[];
}

/** Leadership on its way to another (transfer.ts). */
interface HandOver {
  readonly to: NodeId;
  /** Tick of its beginning. */
  readonly since: number;
  /** It was told to campaign. */
  told: boolean;
}

export interface Leader {
  readonly kind: "leader";
  /** The index of the noop that opened this term: until it is committed no read is answered (D1). */
  readonly firstIndex: number;
  /** Who gets the log: the other members, and those that are leaving. */
  readonly peers: Map<NodeId, Progress>;
  /** Who is not in the membership in force any more, this node perhaps, until that is committed (CH4, CH5). */
  leaving: readonly NodeId[];
  handOver: HandOver | undefined;
  /** The quorum's view of peers, this node included. */
  readonly matches: Lookup<number>;
  readonly heard: Lookup<number>;
  readonly rounds: Lookup<number>;
  heartbeatAt: number;
  /** The last round of heartbeats sent; each round has a number of its own (D2). */
  round: number;
  /** Reads that no round has been started for. */
  waitingReads: number[];
  /** Those, and the ones in readRounds. */
  readsWaiting: number;
  readonly readRounds: Deque<ReadRound>;
  /** Bytes appended by this leader and not committed (I1). */
  uncommittedBytes: number;
}

export type Role = Follower | PreCandidate | Candidate | Leader;

/** Fig. 4 of the paper, with PreVote (thesis §9.6) and campaigns at a leader's request (§3.10). */
export const transitions: Readonly<Record<RoleKind, readonly RoleKind[]>> = {
  follower: ["follower", "pre-candidate", "candidate"],
  "pre-candidate": ["follower", "pre-candidate", "candidate"],
  candidate: ["follower", "pre-candidate", "leader"],
  leader: ["follower"],
};
