// What a step asks the shell to do. The names carry the order:
//   O1. `sendNow` may leave at once, before `persist` is durable.
//   O2. `persist` parts are written in the order in which they were handed out, hard state before entries.
//   O3. `sendAfterPersist` leaves only when the `persist` of the same output, or, if it has none, every `persist` handed
//       out before, is durable. Votes and acknowledgements are here.
//   O4. `committed` entries are applied in index order, each exactly once. They are durable on this node.
//   O5. A `snapshotWrite` that is `done` is installed after every `persist` and every `committed` handed out before it. No
//       entries are handed out, and none need to be kept, until the answer `snapshot-installed`; only hard states may be.

import type { Message } from "./message.ts";
import type { Entry, EntryId, HardState, NodeId, RoleKind, SnapshotId } from "./types.ts";

export interface Persist {
  /** Grows by one with each persist; comes back in the input `persisted`. */
  readonly sequence: number;
  readonly hardState: HardState | undefined;
  /** Remove every entry with an index above this one before appending (a real conflict only: B2). */
  readonly truncateAfter: number | undefined;
  readonly entries: readonly Entry[];
}

/** Why an entry was not appended. Nothing happened: the same may be asked again. */
export type ProposalRefusal =
  | "not-leader"
  /** Too many bytes are appended and not committed (I1): later. Commands only. */
  | "uncommitted-limit"
  /** Leadership is being handed over (D6): ask the next leader, or this one after an election time-out. */
  | "transferring"
  // The rest is about membership changes only.
  /** No entry of this leader's term is committed yet (C1, R7): later. */
  | "term-not-committed"
  /** The change before is not committed yet: later. */
  | "change-pending"
  | "already-member"
  | "not-a-member"
  /** Only a learner is promoted. */
  | "not-a-learner"
  /** The learner is not caught up or not heard (C6): `status().progress` tells how far it is. */
  | "lagging"
  /** A cluster has at least one voter. */
  | "last-voter"
  /** Above `votersMax` (7). */
  | "too-many-voters"
  /** Above `membersMax` (16), learners included. */
  | "too-many-members"
  /** The voters heard within an election time-out would be no quorum of the new membership: nothing could be committed. */
  | "quorum-unreachable";

export type Proposed =
  | { readonly kind: "appended"; readonly id: EntryId }
  | { readonly kind: "refused"; readonly reason: ProposalRefusal };

export type TransferOutcome =
  | { readonly kind: "started" }
  | {
      readonly kind: "refused";
      readonly reason:
        | "not-leader"
        /** Another one is under way. */
        | "transferring"
        | "is-leader"
        /** A learner or a stranger. */
        | "not-a-voter"
        /** A membership change is not committed yet: later. */
        | "change-pending"
        /** Not heard within an election time-out. */
        | "unreachable";
    };

interface LeaderHint {
  readonly term: number;
  /** undefined: no leader is known in this term. */
  readonly leader: NodeId | undefined;
}

/** A change of role, term or known leader, with its cause in words for the log line. */
interface RoleChange extends LeaderHint {
  readonly role: RoleKind;
  readonly cause: string;
}

export interface Fetch {
  /** The follower that needs the entries; this node itself when they are committed entries to apply. */
  readonly for: NodeId;
  readonly from: number;
  readonly through: number;
  readonly bytesMax: number;
}

export interface SnapshotRead {
  readonly to: NodeId;
  /** The snapshot under way, or undefined to begin with a fresh one (chunk 0). */
  readonly last: EntryId | undefined;
  readonly chunk: number;
}

export interface SnapshotWrite {
  readonly from: NodeId;
  readonly snapshot: SnapshotId;
  readonly chunk: number;
  readonly data: Uint8Array;
  /**
   * After this chunk is written the shell installs the snapshot and answers `snapshot-installed` instead of
   * `snapshot-written`. The whole log on disk is replaced by the snapshot: it never holds an entry worth keeping, as a log
   * that reaches the snapshot's last entry needs no snapshot (E1, fig. 13).
   */
  readonly done: boolean;
}

export interface ReadOutcome {
  readonly id: number;
  /** Serve the read once the state machine has applied `index`; undefined: leadership was lost, try elsewhere (D3). */
  readonly index: number | undefined;
  /** Set when it is not leadership that lacks: as many reads as may wait do so already (`readsWaitingMax`), try later. */
  readonly reason?: "too-many-reads";
}

export interface Output {
  readonly sendNow: readonly Message[];
  readonly persist: Persist | undefined;
  readonly sendAfterPersist: readonly Message[];
  readonly committed: readonly Entry[];
  readonly reads: readonly ReadOutcome[];
  /** Set by the inputs `propose` and `change-membership` only. */
  readonly proposed: Proposed | undefined;
  /** Set by the input `transfer` only. */
  readonly transfer: TransferOutcome | undefined;
  readonly fetches: readonly Fetch[];
  readonly snapshotReads: readonly SnapshotRead[];
  readonly snapshotWrite: SnapshotWrite | undefined;
  /** Set when role, term or known leader changed; the last change of this step. */
  readonly roleChange: RoleChange | undefined;
}

/** Collects what one step asks for. */
export class OutputBuilder {
  sendNow: Message[] = [];
  sendAfterPersist: Message[] = [];
  committed: Entry[] = [];
  reads: ReadOutcome[] = [];
  fetches: Fetch[] = [];
  snapshotReads: SnapshotRead[] = [];
  snapshotWrite: SnapshotWrite | undefined = undefined;
  proposed: Proposed | undefined = undefined;
  transfer: TransferOutcome | undefined = undefined;
  hardStateChanged = false;
  truncateAfter: number | undefined = undefined;
  entries: Entry[] = [];

  get hasPersist(): boolean {
    return this.hardStateChanged || this.truncateAfter !== undefined || this.entries.length > 0;
  }
}
