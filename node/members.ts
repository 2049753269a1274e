// Who the members are, where they are, and which disks they have: this node's live view, made of
//   the log     the membership in force and the last one known to be committed, each with its roster (roster.ts),
//   `--member`  what the operator of this node says about addresses: it wins, so that a cluster can be moved,
//   meetings    what members have said of themselves when they introduced themselves (introduction.ts, incarnations.ts).
//   ME1. A link is kept to every member of either membership, so also to one whose removal is not committed yet; to those who
//        left, until they are let go: a leader that removed itself still hands over (C8); and to every guest: a node that knows
//        a later membership than this one (IN4). To nobody else.
//   ME2. What a member says of itself counts only after its disk was found to be the right one (IN2).
//   ME3. This node's membership ends only on the word of a committed membership (IN5).

import { decodeMembership, type Entry, type Membership, type NodeId } from "../raft/index.ts";
import type { MemberAddress } from "./server-options.ts";
import type { Incarnations } from "./incarnations.ts";
import {
  isAddress,
  judge,
  peerGroup,
  peerProtocol,
  type Circle,
  type Introduction,
  type Refusal,
  type Self,
} from "./introduction.ts";
import {
  decodeRoster,
  emptyRoster,
  isRemoved,
  recordOf,
  withRecord,
  type MemberRecord,
  type Roster,
} from "./roster.ts";

/** This node is a member no longer: it must not be started again on this data directory. */
export class Dismissed extends Error {
  override readonly name = "Dismissed";
}

interface View {
  readonly index: number;
  readonly membership: Membership;
  readonly roster: Roster;
}

interface Guest {
  readonly peer: string;
  readonly membershipIndex: number;
}

/** Nodes that are no members here and may know better: a few at a time, those of a change that this node has missed. */
const guestsMax = 16;

const nobody: View = {
  index: 0,
  membership: { voters: [], learners: [], context: "" },
  roster: emptyRoster,
};

export class Members implements Circle {
  readonly self: Self;
  readonly #given: ReadonlyMap<NodeId, MemberAddress>;
  readonly #incarnations: Incarnations;
  readonly #said = new Map<NodeId, Pick<MemberAddress, "peer" | "client">>();
  readonly #guests = new Map<NodeId, Guest>();
  /** Who left, and where they are. */
  readonly #left = new Map<NodeId, string>();
  readonly #listeners: (() => void)[] = [];
  #inForce: View = nobody;
  #committed: View = nobody;
  /** There may be something to write down: see `toRecord`. */
  #hasNews = true;

  /** `given`: the addresses of `--member`. */
  constructor(self: Self, given: readonly MemberAddress[], incarnations: Incarnations) {
    this.self = self;
    this.#given = new Map(given.map((member) => [member.id, member]));
    this.#incarnations = incarnations;
  }

  // ---------------------------------------------------------------- what the log says

  /** The membership in force: the newest in the log (M1 of raft/membership.ts). */
  adopt(index: number, membership: Membership): void {
    this.#inForce = viewOf(index, membership);
    this.#changed();
  }

  /**
   * A membership is known to be committed; it may be older than the one in force. Returns who left with it: `letGo` is to be
   * called for them a little later.
   */
  committed(index: number, membership: Membership): readonly NodeId[] {
    const before = idsOf(this.#committed.membership);
    const addresses = this.links;
    this.#committed = viewOf(index, membership);
    const left = before.filter((id) => !idsOf(membership).includes(id));
    for (const id of left) {
      const peer = addresses.get(id);
      if (peer !== undefined) this.#left.set(id, peer);
    }
    for (const [id, guest] of this.#guests)
      if (guest.membershipIndex <= index) this.#guests.delete(id);
    this.#changed();
    return left;
  }

  /** Looks for a membership among entries that were committed. */
  committedEntries(entries: readonly Entry[]): readonly NodeId[] {
    const last = entries.findLast(({ kind }) => kind === "membership");
    return last === undefined ? [] : this.committed(last.index, decodeMembership(last.payload));
  }

  /** The links to those who left are not needed any more. */
  letGo(left: readonly NodeId[]): void {
    for (const id of left) this.#left.delete(id);
    this.#changed();
  }

  /** Called after every change of what this class answers. */
  onChange(run: () => void): void {
    this.#listeners.push(run);
  }

  /** The membership in force is known to be committed. */
  get isSettled(): boolean {
    return this.#inForce.index === this.#committed.index;
  }

  get membership(): Membership {
    return this.#inForce.membership;
  }

  get membershipIndex(): number {
    return this.#inForce.index;
  }

  get roster(): Roster {
    return this.#inForce.roster;
  }

  /** ME3: why this node must end; undefined: it need not. */
  get dismissal(): Dismissed | undefined {
    const { nodeId, clusterId, incarnation } = this.self;
    const { roster } = this.#committed;
    if (isRemoved(roster, nodeId)) {
      return new Dismissed(
        `node ${nodeId} was removed from cluster ${clusterId}: its data directory is of no use any more. To bring the machine ` +
          "back, empty the directory, start the node with --join under a number that was never used, and add it with `raftq cluster add`",
      );
    }
    const disk = recordOf(roster, nodeId)?.incarnation ?? "";
    if (disk === "" || disk === incarnation) return undefined;
    return new Dismissed(
      `node ${nodeId} of cluster ${clusterId} has another disk (${disk}) than this one (${incarnation}): never start two data ` +
        "directories under one number",
    );
  }

  // ---------------------------------------------------------------- where they are

  /** host:port of each peer that a link is kept to (ME1). */
  get links(): ReadonlyMap<NodeId, string> {
    const links = new Map(this.#left);
    for (const { membership } of [this.#inForce, this.#committed]) {
      for (const id of idsOf(membership)) {
        const peer = this.address(id)?.peer ?? "";
        if (id !== this.self.nodeId && peer !== "") links.set(id, peer);
      }
    }
    for (const [id, guest] of this.#guests) {
      const peer = this.#given.get(id)?.peer ?? guest.peer;
      if (peer !== "" && !links.has(id)) links.set(id, peer);
    }
    return links;
  }

  /** An empty text is an address that is not known. */
  address(id: NodeId): MemberAddress | undefined {
    const given = this.#given.get(id);
    if (given !== undefined) return given;
    const record = this.#recordOf(id);
    const said = this.#said.get(id);
    if (record === undefined && said === undefined) return undefined;
    return {
      id,
      peer: firstOf(said?.peer, record?.peer),
      client: firstOf(said?.client, record?.client),
    };
  }

  /** The incarnation that the log says; empty: not known yet. */
  incarnationOf(id: NodeId): string {
    return this.#recordOf(id)?.incarnation ?? "";
  }

  // ---------------------------------------------------------------- introductions

  introduce(to: NodeId): Introduction {
    const own = this.#given.get(this.self.nodeId) ?? this.#recordOf(this.self.nodeId);
    return {
      ...this.self,
      protocol: peerProtocol,
      group: peerGroup,
      to,
      peer: own?.peer ?? "",
      client: own?.client ?? "",
      membershipIndex: this.#inForce.index,
    };
  }

  /** undefined: welcome, and remembered. */
  meet(said: Introduction): Refusal | undefined {
    const refusal = judge(said, this);
    if (refusal !== undefined) return refusal;
    const { nodeId: peer, incarnation, membershipIndex } = said;
    this.#incarnations.remember(peer, incarnation);
    const addresses = { peer: addressOr(said.peer), client: addressOr(said.client) };
    if (this.isMember(peer)) this.#said.set(peer, addresses);
    else if (this.#guests.has(peer) || this.#guests.size < guestsMax)
      this.#guests.set(peer, { peer: addresses.peer, membershipIndex });
    this.#changed();
    return undefined;
  }

  /** Still welcome? For a link that was opened before the membership changed. */
  judge(said: Introduction): Refusal | undefined {
    if (this.#left.has(said.nodeId)) return undefined;
    const refusal = judge(said, this);
    // What a stranger knew when it came may have become known here since: it is no member, and Raft hears no votes of it.
    return refusal?.kind === "stranger" ? undefined : refusal;
  }

  get committedIndex(): number {
    return this.#committed.index;
  }

  isMember(id: NodeId): boolean {
    return [this.#inForce, this.#committed].some(({ membership }) =>
      idsOf(membership).includes(id),
    );
  }

  isRemoved(id: NodeId): boolean {
    return isRemoved(this.#committed.roster, id);
  }

  diskOf(id: NodeId): { readonly incarnation: string; readonly final: boolean } | undefined {
    const settled = recordOf(this.#committed.roster, id)?.incarnation ?? "";
    if (settled !== "") return { incarnation: settled, final: true };
    const incarnation = firstOf(this.incarnationOf(id), this.#incarnations.known(id));
    return incarnation === "" ? undefined : { incarnation, final: false };
  }

  // ---------------------------------------------------------------- what the leader writes down

  /** The roster with what this node has learned of the members and the log does not say yet; undefined: nothing. */
  get toRecord(): Roster | undefined {
    if (!this.#hasNews) return undefined;
    const { roster, membership } = this.#inForce;
    let better = roster;
    for (const id of idsOf(membership)) {
      const record = recordOf(roster, id);
      const next = this.#recordFor(id, record);
      if (record === undefined || !isSame(record, next)) better = withRecord(better, next);
    }
    this.#hasNews = better !== roster;
    return this.#hasNews ? better : undefined;
  }

  #recordFor(id: NodeId, record: MemberRecord | undefined): MemberRecord {
    const { self } = this;
    const own = id === self.nodeId;
    // Of another member only its own word: an address that is right from here may be wrong from elsewhere.
    const said = own ? this.#given.get(id) : this.#said.get(id);
    const known = record ?? this.#given.get(id);
    const disk = own ? self.incarnation : this.#incarnations.known(id);
    return {
      id,
      peer: firstOf(said?.peer, known?.peer),
      client: firstOf(said?.client, known?.client),
      incarnation: firstOf(record?.incarnation, disk),
    };
  }

  #recordOf(id: NodeId): MemberRecord | undefined {
    return recordOf(this.#inForce.roster, id) ?? recordOf(this.#committed.roster, id);
  }

  #changed(): void {
    this.#hasNews = true;
    for (const run of this.#listeners) run();
  }
}

function viewOf(index: number, membership: Membership): View {
  return { index, membership, roster: decodeRoster(membership.context) };
}

function idsOf({ voters, learners }: Membership): readonly NodeId[] {
  return [...voters, ...learners];
}

function isSame(a: MemberRecord, b: MemberRecord): boolean {
  return a.peer === b.peer && a.client === b.client && a.incarnation === b.incarnation;
}

function addressOr(text: string): string {
  return isAddress(text) ? text : "";
}

/** The first that is not empty. */
function firstOf(...texts: readonly (string | undefined)[]): string {
  return texts.find((text) => text !== undefined && text !== "") ?? "";
}
