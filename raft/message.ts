// What members say to each other, in the paper's words. Every message carries its sender's term.

import type { Entry, EntryId, NodeId, SnapshotId } from "./types.ts";

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: number;
}

/** Would you vote for me at `term`, were I to campaign? Changes nothing at the receiver (A6). `term` is the term asked for. */
export interface PreVoteRequest extends Envelope {
  readonly kind: "pre-vote-request";
  readonly last: EntryId;
}

/** A refusal carries the voter's own term, so that a candidate left behind catches up (A7). */
export interface PreVoteReply extends Envelope {
  readonly kind: "pre-vote-reply";
  readonly granted: boolean;
}

/** §5.2, §5.4.1. `transfer` bypasses vote stickiness (D6). */
export interface VoteRequest extends Envelope {
  readonly kind: "vote-request";
  readonly last: EntryId;
  readonly transfer: boolean;
}

export interface VoteReply extends Envelope {
  readonly kind: "vote-reply";
  readonly granted: boolean;
}

/** §5.3. With no entries it is a probe or a commit notice. */
export interface AppendRequest extends Envelope {
  readonly kind: "append-request";
  readonly previous: EntryId;
  readonly entries: readonly Entry[];
  readonly commit: number;
}

/**
 * The answer to an append. `previous` echoes the request, so that a stale answer is recognised (B3).
 * Accepted: `match` is the highest index that this follower holds *durably* and that is known to agree with the leader.
 * Refused: `conflict` names where to try next: the follower's last entry at or below `previous` whose term is not above
 * the request's, which skips a whole diverging term per round trip (B9).
 */
export interface AppendReply extends Envelope {
  readonly kind: "append-reply";
  readonly previous: EntryId;
  readonly outcome:
    | { readonly kind: "accepted"; readonly match: number }
    | { readonly kind: "refused"; readonly conflict: EntryId };
}

/**
 * Leadership is alive. `commit` is bounded by what the receiver is known to match (B5). `round` confirms reads (D2); round 0 only
 * tells the commit index and wants no answer.
 */
export interface Heartbeat extends Envelope {
  readonly kind: "heartbeat";
  readonly commit: number;
  readonly round: number;
}

export interface HeartbeatReply extends Envelope {
  readonly kind: "heartbeat-reply";
  readonly round: number;
}

/** One piece of a snapshot (§7). `chunk` counts from 0; the bytes are opaque to raft/. */
export interface SnapshotChunk extends Envelope {
  readonly kind: "snapshot-chunk";
  readonly snapshot: SnapshotId;
  readonly chunk: number;
  readonly data: Uint8Array;
  readonly done: boolean;
}

/** `next` is the chunk the follower wants: it resumes there after a broken link. Installing is acknowledged by `append-reply`. */
export interface SnapshotChunkReply extends Envelope {
  readonly kind: "snapshot-chunk-reply";
  readonly last: EntryId;
  readonly next: number;
}

/** Campaign at once (§3.10 of the thesis). Ignored unless `term` is current and the log ends exactly at `last` (D5). */
export interface TimeoutNow extends Envelope {
  readonly kind: "timeout-now";
  readonly last: EntryId;
}

export type Message =
  | PreVoteRequest
  | PreVoteReply
  | VoteRequest
  | VoteReply
  | AppendRequest
  | AppendReply
  | Heartbeat
  | HeartbeatReply
  | SnapshotChunk
  | SnapshotChunkReply
  | TimeoutNow;
