// What a member is told at start, and the times derived from it. All times are in ticks of the shell (default 10 ms).

import { assert } from "./assert.ts";
import type { HardState, Membership, NodeId, SnapshotId } from "./types.ts";

export interface RaftConfig {
  readonly id: NodeId;
  /** Ticks without a word from a leader before a campaign; the actual time-out is drawn from [n, 2n). Default 50. */
  readonly electionTicks: number;
  /** Ticks between heartbeats. Default 5. */
  readonly heartbeatTicks: number;
  /** Appends under way to one follower. Default 64. */
  readonly inflightAppendsMax: number;
  /** Bytes of appends under way to one follower, exceeded by at most one append (I2). Default 8 MiB. */
  readonly inflightBytesMax: number;
  /** Bytes of entries in one append message or one fetch, except that one entry always fits. Default 1 MiB. */
  readonly appendBytesMax: number;
  /** Bytes appended in this term but not committed, above which proposals are refused (I1). Default 64 MiB. */
  readonly uncommittedBytesMax: number;
  /** Bytes of applied entries kept in memory for slow followers; older ones are fetched from disk. Default 32 MiB. */
  readonly cacheBytesMax: number;
  /** Uniform in [0, 1): seeded per node and boot (A13). */
  readonly random: () => number;
}

// Limits that are not a matter of taste, with what is seen when they are reached.
/** Above it a promotion is refused: "too-many-voters". Every commit waits for more than half of them. */
export const votersMax = 7;
/** Voters and learners; above it a learner is refused: "too-many-members". The leader sends the whole log to each. */
export const membersMax = 16;
/** A learner that is so many entries behind what is committed is not promoted: "lagging" (C6). */
export const promotionLagMax = 1_000;
/** Reads that wait for their round; above it a read is refused: "too-many-reads". One is a number, 8 bytes. */
export const readsWaitingMax = 65_536;

/** What the disk said at start. */
export interface Restored {
  readonly hardState: HardState;
  /** The state before the first entry of the log: `last` is what was compacted through, `membership` is the one in force there. */
  readonly snapshot: SnapshotId;
  /** First index of each run of equal terms above the snapshot, ascending. */
  readonly termRuns: readonly { readonly firstIndex: number; readonly term: number }[];
  readonly lastIndex: number;
  /** Membership entries above the snapshot, ascending. */
  readonly memberships: readonly { readonly index: number; readonly membership: Membership }[];
  /** What the state machine has applied; at least `snapshot.last.index`, at most `lastIndex`. Applied implies committed. */
  readonly applied: number;
}

/** Waiting times that follow from the two configured ones. */
export interface Delays {
  /** After the hint `leader-gone` a campaign starts within this time: long enough that two followers rarely start together. */
  readonly hintTicks: number;
  /** A hurried PreVote is asked again after [n, 2n): the hint may reach the other voters a little later. */
  readonly hurriedPreVoteTicks: number;
  /** A hurried election is given up after [n, 2n): its votes were split. */
  readonly hurriedElectionTicks: number;
  /** Hurried PreVotes after one hint: together they outlast the stickiness of a voter that never got the hint. */
  readonly hurriedPreVotes: number;
  /** What a hurried election costs of `hurriedPreVotes`, so that a slow disk does not raise terms without end. */
  readonly hurriedElectionCost: number;
  /** A probe without an answer is sent again, once the follower is heard. */
  readonly probeTicks: number;
  /** Appends under way without any progress for so long are taken as lost (B10). Above the time of a slow fsync. */
  readonly lostTicks: number;
  /** A snapshot chunk without an answer is read and sent again, once the follower is heard. */
  readonly chunkTicks: number;
  /** A disk that has not answered for so long makes a leader step down and nobody a candidate (F8, R12). */
  readonly diskTicks: number;
}

export function delaysOf({ electionTicks, heartbeatTicks }: RaftConfig): Delays {
  return {
    hintTicks: 2 * heartbeatTicks,
    hurriedPreVoteTicks: heartbeatTicks,
    hurriedElectionTicks: 2 * heartbeatTicks,
    hurriedPreVotes: Math.ceil(electionTicks / heartbeatTicks) + 1,
    hurriedElectionCost: 4,
    probeTicks: 2 * heartbeatTicks,
    lostTicks: Math.max(2 * heartbeatTicks, Math.ceil(electionTicks / 2)),
    chunkTicks: electionTicks,
    diskTicks: 2 * electionTicks,
  };
}

export function assertConfig(config: RaftConfig): void {
  assert(Number.isSafeInteger(config.id) && config.id > 0, "config: id is a positive integer");
  assert(config.heartbeatTicks >= 1, "config: heartbeatTicks is at least 1");
  assert(
    config.electionTicks > config.heartbeatTicks,
    "config: electionTicks exceeds heartbeatTicks",
  );
  assert(config.inflightAppendsMax >= 1, "config: inflightAppendsMax is at least 1");
  assert(config.inflightBytesMax >= 1, "config: inflightBytesMax is at least 1");
  assert(config.appendBytesMax >= 1, "config: appendBytesMax is at least 1");
}
