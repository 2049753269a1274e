// Changes of the membership as the leader's shell carries them out (MC1-MC3), and transfers of leadership (TR1).

import { describe, expect, test } from "vitest";
import { Members } from "../../node/members.ts";
import {
  MembershipChanges,
  type ChangeOutcome,
  type ChangeRequest,
} from "../../node/membership-changes.ts";
import {
  decodeRoster,
  encodeRoster,
  rosterOf,
  withoutMembers,
  withRecord,
  type Roster,
} from "../../node/roster.ts";
import { Transfers, type TransferAnswer } from "../../node/transfers.ts";
import {
  encodeMembership,
  type Entry,
  type Membership,
  type MembershipChange,
  type NodeId,
  type ProposalRefusal,
  type RaftStatus,
  type TransferOutcome,
} from "../../raft/index.ts";

const addressOf = (id: NodeId) => ({ id, peer: `h${id}:1`, client: `h${id}:2` });
const patience = 20;

/** A leader's shell with a log of memberships, and no Raft. */
class World {
  readonly members: Members;
  readonly changes: MembershipChanges;
  readonly proposed: MembershipChange[] = [];
  refusal: ProposalRefusal | undefined;
  index = 10;
  term = 3;
  #pending: { readonly index: number; readonly membership: Membership } | undefined;

  constructor(ids: readonly NodeId[] = [1, 2, 3], known: readonly NodeId[] = []) {
    this.members = new Members({ clusterId: "c", nodeId: 1, incarnation: "disk-1" }, [], {
      known: (id) => (known.includes(id) ? `disk-${id}` : undefined),
      remember: () => undefined,
    });
    this.adopt(0, {
      voters: ids,
      learners: [],
      context: encodeRoster(rosterOf(ids.map(addressOf))),
    });
    this.changes = new MembershipChanges(this.members, patience, (change) => {
      if (this.refusal !== undefined) return { kind: "refused", reason: this.refusal };
      this.proposed.push(change);
      this.index += 1;
      this.#pending = { index: this.index, membership: after(this.members.membership, change) };
      this.members.adopt(this.index, this.#pending.membership);
      return { kind: "appended", id: { index: this.index, term: this.term } };
    });
  }

  get roster(): Roster {
    return this.members.roster;
  }

  adopt(index: number, membership: Membership): void {
    this.members.committed(index, membership);
    this.members.adopt(index, membership);
  }

  /** The entry under way is committed, as this leader's or as another's. */
  commit(term = this.term): void {
    const { index, membership } = this.#pending!;
    const payload = encodeMembership(membership);
    const entries: Entry[] = [{ index, term, kind: "membership", payload }];
    this.members.committedEntries(entries);
    this.changes.committed(entries);
  }

  ask(request: ChangeRequest): ChangeOutcome[] {
    const outcomes: ChangeOutcome[] = [];
    this.changes.ask(request, (outcome) => outcomes.push(outcome));
    return outcomes;
  }

  tick(count: number, leads = true): void {
    for (let i = 0; i < count; i += 1) this.changes.tick(leads);
  }
}

function after(membership: Membership, change: MembershipChange): Membership {
  const { context } = change;
  if (change.kind === "set-context") return { ...membership, context };
  const { id } = change;
  const voters = membership.voters.filter((voter) => voter !== id);
  const learners = membership.learners.filter((learner) => learner !== id);
  if (change.kind === "promote") voters.push(id);
  if (change.kind === "add-learner") learners.push(id);
  return { voters: voters.sort(ascending), learners: learners.sort(ascending), context };
}

function ascending(a: number, b: number): number {
  return a - b;
}

const add = (id: NodeId): ChangeRequest => ({ kind: "add-learner", member: addressOf(id) });

describe("a change of the membership", () => {
  test("is answered when it is committed, not before (P1)", () => {
    const world = new World();
    const outcomes = world.ask(add(4));
    expect(world.proposed).toMatchObject([{ kind: "add-learner", id: 4 }]);
    expect(outcomes).toEqual([]);
    world.commit();
    expect(outcomes).toEqual([{ kind: "done", changed: true, index: 11 }]);
    expect(world.roster.members.at(-1)).toEqual({ ...addressOf(4), incarnation: "" });
  });

  test("MC1: the next one waits for it", () => {
    const world = new World();
    const first = world.ask(add(4));
    const second = world.ask(add(5));
    world.tick(5);
    expect(world.proposed).toHaveLength(1);
    world.commit();
    expect([first.length, second.length]).toEqual([1, 0]);
    world.tick(1);
    expect(world.proposed).toHaveLength(2);
    world.commit();
    expect(second).toMatchObject([{ kind: "done", changed: true }]);
  });

  test("MC1, MC2: it waits for so long, and so many wait, and no longer and no more", () => {
    const world = new World();
    world.ask(add(4));
    const waiting = world.ask(add(5));
    const outcomes = Array.from({ length: 20 }, (_, i) => world.ask(add(10 + i)));
    expect(outcomes.filter((each) => each.length > 0)).toHaveLength(5);
    world.tick(patience - 1);
    expect(waiting).toEqual([]);
    world.tick(1);
    const refused: ChangeOutcome = { kind: "refused", reason: "change-pending" };
    expect([waiting, ...outcomes].every((each) => each.length === 1)).toBe(true);
    expect(waiting).toEqual([refused]);
    expect(world.proposed).toHaveLength(1);
  });

  test("MC1: a membership of an earlier leader that is not committed yet is waited for as well", () => {
    const world = new World();
    world.members.adopt(9, { ...world.members.membership, learners: [7] });
    const outcomes = world.ask(add(4));
    world.tick(3);
    expect(world.proposed).toEqual([]);
    world.adopt(9, world.members.membership);
    world.tick(1);
    world.commit();
    expect(outcomes).toMatchObject([{ kind: "done", changed: true }]);
  });

  test.each<[ProposalRefusal, ChangeOutcome]>([
    ["lagging", { kind: "refused", reason: "lagging" }],
    ["quorum-unreachable", { kind: "refused", reason: "quorum-unreachable" }],
    ["last-voter", { kind: "refused", reason: "last-voter" }],
    ["too-many-members", { kind: "refused", reason: "too-many-members" }],
    ["transferring", { kind: "refused", reason: "transferring" }],
    ["not-leader", { kind: "not-leader" }],
  ])("that raft/ refuses as %s is answered at once", (reason, outcome) => {
    const world = new World();
    world.refusal = reason;
    expect(world.ask({ kind: "remove", id: 2 })).toEqual([outcome]);
  });

  test.each<ProposalRefusal>(["term-not-committed", "change-pending", "uncommitted-limit"])(
    "that raft/ refuses as %s is tried again",
    (reason) => {
      const world = new World();
      world.refusal = reason;
      const outcomes = world.ask({ kind: "remove", id: 2 });
      world.tick(3);
      expect(outcomes).toEqual([]);
      world.refusal = undefined;
      world.tick(1);
      world.commit();
      expect(outcomes).toMatchObject([{ kind: "done" }]);
    },
  );
});

describe("MC3: what is so already is a success", () => {
  const four = withRecord(rosterOf([1, 2, 3].map(addressOf)), { ...addressOf(4), incarnation: "" });
  const with4: Membership = { voters: [1, 2, 3], learners: [4], context: encodeRoster(four) };

  test("the same learner again; but not at another address, nor under a number that was removed", () => {
    const world = new World();
    world.adopt(8, with4);
    expect(world.ask(add(4))).toEqual([{ kind: "done", changed: false, index: 8 }]);
    const elsewhere = { ...addressOf(4), client: "h9:9" };
    expect(world.ask({ kind: "add-learner", member: elsewhere })).toEqual([
      { kind: "refused", reason: "other-address" },
    ]);
    world.adopt(9, {
      voters: [1, 2, 3],
      learners: [],
      context: encodeRoster(withoutMembers(four, [4])),
    });
    expect(world.ask(add(4))).toEqual([{ kind: "refused", reason: "id-used" }]);
    expect(world.ask({ kind: "remove", id: 4 })).toEqual([
      { kind: "done", changed: false, index: 9 },
    ]);
    expect(world.proposed).toEqual([]);
  });

  test("a voter that is promoted; a stranger is not found", () => {
    const world = new World();
    expect(world.ask({ kind: "promote", id: 2 })).toEqual([
      { kind: "done", changed: false, index: 0 },
    ]);
    for (const kind of ["promote", "remove"] as const)
      expect(world.ask({ kind, id: 9 })).toEqual([{ kind: "refused", reason: "not-a-member" }]);
  });
});

describe("MC2: leadership is lost while a change is under way", () => {
  test("its own entry is committed by the next leader: done", () => {
    const world = new World();
    const [under, waiting] = [world.ask(add(4)), world.ask(add(5))];
    world.changes.lost();
    expect(waiting).toEqual([{ kind: "not-leader" }]);
    world.tick(patience - 1, false);
    world.commit();
    expect(under).toEqual([{ kind: "done", changed: true, index: 11 }]);
  });

  test("another entry takes its place: it certainly is not", () => {
    const world = new World();
    const outcomes = world.ask(add(4));
    world.changes.lost();
    world.commit(world.term + 1);
    expect(outcomes).toEqual([{ kind: "not-leader" }]);
  });

  test("nothing is heard of it: unknown, once", () => {
    const world = new World();
    const outcomes = world.ask(add(4));
    world.changes.lost();
    world.tick(patience, false);
    world.commit();
    expect(outcomes).toEqual([{ kind: "unknown" }]);
  });

  test("the node stops: unknown, or never begun", () => {
    const world = new World();
    const [under, waiting] = [world.ask(add(4)), world.ask(add(5))];
    world.changes.close();
    expect([under, waiting]).toEqual([[{ kind: "unknown" }], [{ kind: "shutting-down" }]]);
  });
});

describe("what the leader writes down by itself", () => {
  test("the disks of the members that it has met, in one entry, and not again", () => {
    const world = new World([1, 2, 3], [2]);
    world.tick(10);
    expect(world.proposed).toHaveLength(1);
    const [change] = world.proposed;
    expect(change?.kind).toBe("set-context");
    const disks = decodeRoster(change!.context).members.map(({ incarnation }) => incarnation);
    expect(disks).toEqual(["disk-1", "disk-2", ""]);
    world.commit();
    world.tick(100);
    expect(world.proposed).toHaveLength(1);
  });

  test("does not turn an administrator away: his change is next", () => {
    const world = new World([1, 2, 3], [2]);
    world.tick(10);
    const outcomes = world.ask(add(4));
    world.commit();
    world.tick(1);
    world.commit();
    expect(outcomes).toMatchObject([{ kind: "done", changed: true }]);
    expect(world.roster.members.map(({ incarnation }) => incarnation)).toEqual([
      "disk-1",
      "disk-2",
      "",
      "",
    ]);
  });
});

describe("a transfer of leadership", () => {
  function transferring(started: TransferOutcome = { kind: "started" }) {
    const status = {
      role: "leader" as RaftStatus["role"],
      transferee: undefined as NodeId | undefined,
      progress: [
        { id: 2, voter: true, match: 90, lastHeardTicks: 3 },
        { id: 3, voter: true, match: 99, lastHeardTicks: 900 },
        { id: 4, voter: true, match: 95, lastHeardTicks: 4 },
        { id: 5, voter: false, match: 99, lastHeardTicks: 1 },
      ],
    };
    const begun: NodeId[] = [];
    const transfers = new Transfers(
      50,
      () => status as unknown as RaftStatus,
      (to) => {
        begun.push(to);
        if (started.kind === "started") status.transferee = to;
        return started;
      },
    );
    const ask = (to: NodeId): TransferAnswer[] => {
      const answers: TransferAnswer[] = [];
      transfers.ask(to, (answer) => answers.push(answer));
      return answers;
    };
    return { transfers, status, begun, ask };
  }

  test("without a name goes to the voter that is alive and holds the most", () => {
    const { ask, begun } = transferring();
    ask(0);
    expect(begun).toEqual([4]);
  });

  test("without a name and another voter: there is nobody", () => {
    const { ask, status } = transferring();
    status.progress = [];
    expect(ask(0)).toEqual([{ kind: "refused", reason: "no-candidate", to: 0 }]);
  });

  test("TR1: is answered when another node is known to lead, whichever it is", () => {
    const { ask, transfers, status } = transferring();
    const answers = ask(2);
    const busy = ask(4);
    expect(busy).toEqual([{ kind: "refused", reason: "transferring", to: 4 }]);
    transfers.tick();
    status.role = "follower";
    transfers.tick();
    expect(answers).toEqual([]);
    transfers.ledBy(3);
    transfers.ledBy(2);
    expect(answers).toEqual([{ kind: "done", leader: 3 }]);
  });

  test("TR1: is answered when raft/ has given it up", () => {
    const { ask, transfers, status } = transferring();
    const answers = ask(2);
    transfers.tick();
    expect(answers).toEqual([]);
    status.transferee = undefined;
    transfers.tick();
    expect(answers).toEqual([{ kind: "refused", reason: "not-taken-over", to: 2 }]);
  });

  test("TR1: is answered when no leader comes to be known", () => {
    const { ask, transfers, status } = transferring();
    const answers = ask(2);
    status.role = "follower";
    for (let i = 0; i < 199; i += 1) transfers.tick();
    expect(answers).toEqual([]);
    transfers.tick();
    expect(answers).toEqual([{ kind: "unknown" }]);
  });

  test.each<[TransferOutcome, TransferAnswer]>([
    [
      { kind: "refused", reason: "unreachable" },
      { kind: "refused", reason: "unreachable", to: 2 },
    ],
    [
      { kind: "refused", reason: "not-a-voter" },
      { kind: "refused", reason: "not-a-voter", to: 2 },
    ],
    [
      { kind: "refused", reason: "is-leader" },
      { kind: "done", leader: 2 },
    ],
    [{ kind: "refused", reason: "not-leader" }, { kind: "not-leader" }],
  ])("that raft/ refuses: %j", (outcome, answer) => {
    const { ask } = transferring(outcome);
    expect(ask(2)).toEqual([answer]);
    // And the next one is not held up by it.
    expect(ask(2)).toEqual([answer]);
  });
});
