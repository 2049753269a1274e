// Changes of the membership, as the leader carries them out for an administrator, and as it writes down by itself what it has
// learned of the members.
//   MC1. One at a time: the next one is looked at when the membership in force is committed (C1, R7).
//   MC2. Each is answered exactly once, after its entry is committed, or when it is known that it will not be, or when that can
//        no longer be found out here (R10).
//   MC3. What holds already is a success: a call may be made again after a lost answer.

import type { Entry, EntryId, MembershipChange, NodeId, Proposed } from "../raft/index.ts";
import type { MemberAddress } from "./server-options.ts";
import type { Members } from "./members.ts";
import type { Unanswered } from "./proposer.ts";
import {
  encodeRoster,
  isFull,
  isRemoved,
  recordOf,
  withoutMembers,
  withRecord,
  type Roster,
} from "./roster.ts";

export type ChangeRequest =
  | { readonly kind: "add-learner"; readonly member: MemberAddress }
  | { readonly kind: "promote"; readonly id: NodeId }
  | { readonly kind: "remove"; readonly id: NodeId };

export type ChangeRefusal =
  | "change-pending"
  | "transferring"
  | "lagging"
  | "quorum-unreachable"
  | "last-voter"
  | "too-many-voters"
  | "too-many-members"
  | "too-many-removed"
  | "id-used"
  | "other-address"
  | "not-a-member";

export type ChangeOutcome =
  /** `changed`: false, it was so already. `index`: of the membership that has it. */
  | { readonly kind: "done"; readonly changed: boolean; readonly index: number }
  | { readonly kind: "refused"; readonly reason: ChangeRefusal }
  | Unanswered;

interface Asked {
  readonly request: ChangeRequest;
  readonly respond: (outcome: ChangeOutcome) => void;
  /** Ticks that it may still wait for its turn. */
  ticksLeft: number;
}

/** More administrators at a time are told to come again. */
const askedMax = 16;
/** Between two attempts to write down what was learned: a refusal may stand for a while. */
const recordEveryTicks = 10;

export class MembershipChanges {
  readonly #members: Members;
  readonly #patienceTicks: number;
  readonly #propose: (change: MembershipChange) => Proposed;
  readonly #asked: Asked[] = [];
  /** Appended here and not committed. Without `asked` it is the leader's own note. */
  #underWay: { readonly id: EntryId; readonly asked: Asked | undefined } | undefined;
  #ticks = 0;

  /** `patienceTicks`: how long a change waits for the one before, and for news of its own entry after leadership was lost. */
  constructor(
    members: Members,
    patienceTicks: number,
    propose: (change: MembershipChange) => Proposed,
  ) {
    this.#members = members;
    this.#patienceTicks = patienceTicks;
    this.#propose = propose;
  }

  /**
   * The caller has made sure that this node leads and that its membership is the newest (a linearizable read). `respond` may be
   * called at once.
   */
  ask(request: ChangeRequest, respond: (outcome: ChangeOutcome) => void): void {
    if (this.#asked.length >= askedMax) respond({ kind: "refused", reason: "change-pending" });
    else {
      this.#asked.push({ request, respond, ticksLeft: this.#patienceTicks });
      this.#next();
    }
  }

  /** To be called at each tick; `leads`: this node leads, and its state machine is up to date. */
  tick(leads: boolean): void {
    this.#ticks += 1;
    if (!leads) {
      this.#giveUpWaiting();
      return;
    }
    for (const asked of this.#asked) asked.ticksLeft -= 1;
    this.#next();
    const late = this.#asked.filter(({ ticksLeft }) => ticksLeft <= 0);
    for (const asked of late) this.#refuse(asked, "change-pending");
    if (this.#ticks % recordEveryTicks === 0) this.#record();
  }

  /** These entries are committed, in order. To be called after the members have seen them. */
  committed(entries: readonly Entry[]): void {
    const underWay = this.#underWay;
    const last = entries.at(-1);
    if (underWay === undefined || last === undefined || last.index < underWay.id.index) return;
    const { id, asked } = underWay;
    const entry = entries.find(({ index }) => index === id.index);
    this.#underWay = undefined;
    if (entry === undefined) asked?.respond({ kind: "unknown" });
    // Another leader's entry has its place: it is not, and never will be, in the log.
    else if (entry.term !== id.term) asked?.respond({ kind: "not-leader" });
    else asked?.respond({ kind: "done", changed: true, index: id.index });
    // The next one has its turn at the next tick: this is within a step (N1).
  }

  /** Leadership is lost. What is under way may still be committed: there is a while to find out. */
  lost(): void {
    for (const { respond } of this.#asked.splice(0)) respond({ kind: "not-leader" });
    if (this.#underWay?.asked !== undefined) this.#underWay.asked.ticksLeft = this.#patienceTicks;
    else this.#underWay = undefined;
  }

  /** The node stops. */
  close(): void {
    for (const { respond } of this.#asked.splice(0)) respond({ kind: "shutting-down" });
    this.#underWay?.asked?.respond({ kind: "unknown" });
    this.#underWay = undefined;
  }

  #giveUpWaiting(): void {
    const asked = this.#underWay?.asked;
    if (asked === undefined) return;
    asked.ticksLeft -= 1;
    if (asked.ticksLeft > 0) return;
    this.#underWay = undefined;
    asked.respond({ kind: "unknown" });
  }

  #next(): void {
    while (this.#underWay === undefined && this.#members.isSettled) {
      const asked = this.#asked[0];
      if (asked === undefined) return;
      const decided = decide(asked.request, this.#members);
      if (decided.kind === "change") {
        const proposed = this.#propose(decided.change);
        if (proposed.kind === "appended") {
          // A cluster of one has not committed it yet either: that takes its disk.
          this.#underWay = { id: proposed.id, asked };
          this.#asked.shift();
          return;
        }
        const refusal = refusalOf(proposed.reason);
        if (refusal === "later") return;
        this.#answer(asked, refusal);
      } else this.#answer(asked, decided);
    }
  }

  #record(): void {
    if (this.#underWay !== undefined || !this.#members.isSettled) return;
    const roster = this.#members.toRecord;
    if (roster === undefined) return;
    const proposed = this.#propose({ kind: "set-context", context: encodeRoster(roster) });
    if (proposed.kind === "appended") this.#underWay = { id: proposed.id, asked: undefined };
  }

  #refuse(asked: Asked, reason: ChangeRefusal): void {
    this.#answer(asked, { kind: "refused", reason });
  }

  #answer(asked: Asked, outcome: ChangeOutcome): void {
    this.#asked.splice(this.#asked.indexOf(asked), 1);
    asked.respond(outcome);
  }
}

type Decision =
  | { readonly kind: "change"; readonly change: MembershipChange }
  | Exclude<ChangeOutcome, Unanswered>;

/** What the request means for the membership in force, which is committed. */
function decide(request: ChangeRequest, members: Members): Decision {
  const { roster, membershipIndex: index } = members;
  const { voters, learners } = members.membership;
  const asItIs: Decision = { kind: "done", changed: false, index };
  const id = request.kind === "add-learner" ? request.member.id : request.id;
  const isMember = voters.includes(id) || learners.includes(id);
  const refused = (reason: ChangeRefusal): Decision => ({ kind: "refused", reason });
  const change = (kind: "add-learner" | "promote" | "remove", next: Roster): Decision => ({
    kind: "change",
    change: { kind, id, context: encodeRoster(next) },
  });
  switch (request.kind) {
    case "add-learner": {
      const { peer, client } = request.member;
      if (isRemoved(roster, id)) return refused("id-used");
      if (!isMember)
        return change("add-learner", withRecord(roster, { id, peer, client, incarnation: "" }));
      const known = recordOf(roster, id);
      return known?.peer === peer && known.client === client ? asItIs : refused("other-address");
    }
    case "promote":
      if (!isMember) return refused("not-a-member");
      return voters.includes(id) ? asItIs : change("promote", roster);
    case "remove":
      if (isRemoved(roster, id)) return asItIs;
      if (!isMember) return refused("not-a-member");
      return isFull(roster)
        ? refused("too-many-removed")
        : change("remove", withoutMembers(roster, [id]));
  }
}

/** "later": the same may be proposed at the next tick. */
function refusalOf(
  reason: Extract<Proposed, { readonly kind: "refused" }>["reason"],
): "later" | ChangeOutcome {
  switch (reason) {
    case "not-leader":
      return { kind: "not-leader" };
    case "term-not-committed":
    case "change-pending":
    case "uncommitted-limit":
    // The decision was made on the membership in force: raft/ sees the same one, or a newer one in a moment.
    case "already-member":
    case "not-a-member":
    case "not-a-learner":
      return "later";
    case "transferring":
    case "lagging":
    case "last-voter":
    case "too-many-voters":
    case "too-many-members":
    case "quorum-unreachable":
      return { kind: "refused", reason };
  }
}
