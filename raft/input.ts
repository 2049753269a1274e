// Everything that can happen to a member. One input, one step, one output.

import type { Message } from "./message.ts";
import type { Entry, EntryId, MembershipChange, NodeId, SnapshotId } from "./types.ts";

export type Input =
  /** Time passed: one tick (its length is the shell's business; default 10 ms). */
  | { readonly kind: "tick" }
  | { readonly kind: "message"; readonly message: Message }
  /** Append one command entry, if leader. The answer is `output.proposed`. */
  | { readonly kind: "propose"; readonly payload: Uint8Array }
  /** Append one membership entry, if leader. The answer is `output.proposed`; it is in force when appended (C2), for good when committed. */
  | { readonly kind: "change-membership"; readonly change: MembershipChange }
  /**
   * Hand leadership over to `to` (§3.10 of the thesis), if leader. The answer is `output.transfer`; `status().transferee` tells
   * when it is over: the role has changed, or, an election time-out later, this node takes proposals again.
   */
  | { readonly kind: "transfer"; readonly to: NodeId }
  /** A linearizable read. `id` must never be used twice, not even for a retry of the same read (D2). */
  | { readonly kind: "read"; readonly id: number }
  /** Everything handed out as `persist` up to and including `sequence` is durable on this node's disk. */
  | { readonly kind: "persisted"; readonly sequence: number }
  /** The state machine has applied up to and including `index`. */
  | { readonly kind: "applied"; readonly index: number }
  /** The shell has dropped the log up to and including `index` (it is covered by a durable state: E8). */
  | { readonly kind: "compacted"; readonly index: number }
  /** Answer to `output.fetches`. Empty when the range is gone from the disk (compacted): a follower then gets a snapshot. */
  | {
      readonly kind: "fetched";
      readonly for: NodeId;
      readonly from: number;
      readonly entries: readonly Entry[];
    }
  /** Answer to `output.snapshotReads`. `snapshot` is the one being read; it may be newer than asked for when chunk is 0. */
  | {
      readonly kind: "snapshot-read";
      readonly to: NodeId;
      readonly snapshot: SnapshotId;
      readonly chunk: number;
      readonly data: Uint8Array;
      readonly done: boolean;
    }
  /** The snapshot being sent to `to` cannot be read any more: start again from chunk 0 of a new one. */
  | { readonly kind: "snapshot-lost"; readonly to: NodeId }
  /** Answer to `output.snapshotWrite`: this chunk is written; ask for the next one. */
  | { readonly kind: "snapshot-written"; readonly last: EntryId; readonly chunk: number }
  /** The snapshot being received cannot be used (a checksum, a full disk): forget it; the leader begins again with chunk 0. */
  | { readonly kind: "snapshot-rejected"; readonly last: EntryId }
  /** The whole snapshot is durable and has replaced the state machine and the log. */
  | { readonly kind: "snapshot-installed"; readonly snapshot: SnapshotId }
  /** The link to `peer` broke: what was in flight to it may be lost. */
  | { readonly kind: "unreachable"; readonly peer: NodeId }
  /** A hint that the leader's process is gone (its connection was closed): campaign early, by PreVote as always. */
  | { readonly kind: "leader-gone" };
