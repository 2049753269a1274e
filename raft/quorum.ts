// Majorities: pure functions over a set of voters.
//   QR1. A quorum is more than half of the voters: any two quorums share a voter.
//   QR2. Only voters count: numbers and votes of learners and strangers are not looked at (B6).
//   QR3. A set without voters decides nothing.

import type { NodeId } from "./types.ts";

/** A Map, or anything that can be asked like one. */
export interface Lookup<T> {
  get(id: NodeId): T | undefined;
}

export type VoteOutcome = "won" | "lost" | "pending";

export function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/**
 * The largest number that a quorum has reached; a voter not in the map has reached 0.
 * For match indexes this is the committed index (§5.3, §5.4.2); for ticks, when a quorum was last heard; for rounds of
 * heartbeats, the last round that a quorum has answered.
 */
export function reachedByQuorum(voters: readonly NodeId[], reached: Lookup<number>): number {
  if (voters.length === 0) return 0;
  const descending: number[] = [];
  for (const voter of voters) {
    const value = reached.get(voter) ?? 0;
    let at = descending.length;
    // Insertion sort: three to seven numbers, on the hot path of every acknowledgement.
    for (; at > 0; at -= 1) {
      const above = descending[at - 1] ?? 0;
      if (above >= value) break;
      descending[at] = above;
    }
    descending[at] = value;
  }
  return descending[quorumOf(voters.length) - 1] ?? 0;
}

/** §5.2: won with the votes of a quorum; lost when a quorum is out of reach. */
export function voteOutcome(voters: readonly NodeId[], votes: Lookup<boolean>): VoteOutcome {
  const needed = quorumOf(voters.length);
  let granted = 0;
  let open = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === undefined) open += 1;
    else if (vote) granted += 1;
  }
  if (voters.length === 0) return "pending";
  if (granted >= needed) return "won";
  return granted + open >= needed ? "pending" : "lost";
}
