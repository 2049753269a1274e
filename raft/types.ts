// The nouns of the consensus module. All numbers are safe integers (< 2^53).

/** A member of the cluster: a positive integer, chosen by the operator, never used again for another machine (C7). */
export type NodeId = number;

/** What names an entry of the replicated log. Compared by (term, index), never by index alone (A4). */
export interface EntryId {
  readonly term: number;
  readonly index: number;
}

/** The position before the first entry of an empty log. */
export const origin: EntryId = { term: 0, index: 0 };

/** `noop` opens a leader's term (D1); `command` is the state machine's; `membership` is Raft's own (§4). */
export type EntryKind = "noop" | "command" | "membership";

export interface Entry {
  readonly index: number;
  readonly term: number;
  readonly kind: EntryKind;
  /** Opaque to raft/, except for `membership` entries: see membership.ts. */
  readonly payload: Uint8Array;
}

/** What must be durable before any message that depends on it (R2, A1). */
export interface HardState {
  readonly term: number;
  readonly vote: NodeId | undefined;
}

/** Who votes and who only listens. Sorted ascending, disjoint. */
export interface Membership {
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** Opaque to raft/: what the shell keeps with the membership, say where the members are. ASCII, at most 32 KiB. */
  readonly context: string;
}

/**
 * One change of the membership (§4). `context` is the whole new one. An id is a positive safe integer that no other machine
 * has ever had (C7); a removed member comes back under a fresh id only. The core throws on an id or a context out of form.
 */
export type MembershipChange =
  | { readonly kind: "add-learner"; readonly id: NodeId; readonly context: string }
  /** A learner becomes a voter. */
  | { readonly kind: "promote"; readonly id: NodeId; readonly context: string }
  /** A voter, the leader itself included, or a learner. */
  | { readonly kind: "remove"; readonly id: NodeId; readonly context: string }
  /** The same members under a new context. */
  | { readonly kind: "set-context"; readonly context: string };

/** A snapshot's identity: the state after applying every entry up to and including `last`. */
export interface SnapshotId {
  readonly last: EntryId;
  /** The membership as of `last` (C4). */
  readonly membership: Membership;
}

export type RoleKind = "follower" | "pre-candidate" | "candidate" | "leader";
