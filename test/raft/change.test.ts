// Membership changes (§4 of the thesis; CH1–CH5 of raft/change.ts, M5, PR5), by trap.

import { describe, expect, test } from "vitest";
import {
  decodeMembership,
  encodeMembership,
  type Entry,
  type Membership,
  type MembershipChange,
  type NodeId,
  type Proposed,
} from "../../raft/index.ts";
import { membersMax, promotionLagMax, votersMax } from "../../raft/config.ts";
import { Cluster } from "./cluster.ts";
import { votersOf } from "./harness.ts";
import { only, sentBy, Solo } from "./solo.ts";

const context = "";
const add = (id: NodeId): MembershipChange => ({ kind: "add-learner", id, context });
const promote = (id: NodeId): MembershipChange => ({ kind: "promote", id, context });
const remove = (id: NodeId): MembershipChange => ({ kind: "remove", id, context });
const refusal = (reason: string): Proposed => ({ kind: "refused", reason }) as Proposed;

function clusterOf(voters: NodeId[], learners: NodeId[] = []): Cluster {
  const cluster = new Cluster({ membership: { voters, learners, context } });
  cluster.campaign(1);
  expect(cluster.at(1).status).toMatchObject({ role: "leader", membershipCommitted: true });
  return cluster;
}

/** A leader, alone in the test's hands, that has committed an entry of its term. */
function leaderOf(membership: Membership, config = {}): Solo {
  const solo = new Solo({ membership }, config);
  const supporters = membership.voters.filter((id) => id !== 1);
  solo.persisted(solo.lead(...supporters));
  for (const id of supporters) solo.ack(id, solo.status.last.index);
  return solo;
}

function ask(solo: Solo, change: MembershipChange): Proposed | undefined {
  return solo.step({ kind: "change-membership", change }).proposed;
}

describe("C1, R7: the counter-example of Ongaro 2015", () => {
  test("of two leaders with changes of different terms, the second must commit in its own first", () => {
    const cluster = new Cluster({ membership: { voters: [1, 2, 3, 4], learners: [5], context } });
    const part = (...ids: NodeId[]): void => {
      cluster.heal();
      for (const id of [1, 2, 3, 4, 5]) {
        for (const other of ids) {
          if (ids.includes(id)) continue;
          cluster.cut(id, other);
          cluster.cut(other, id);
        }
      }
    };
    cluster.campaign(1);
    // All know that the first entry of term 1 is committed.
    cluster.tick();
    // Term 1: "5 votes too" is on 1 and 5 only.
    part(1, 5);
    expect(cluster.change(1, promote(5))).toMatchObject({ kind: "appended" });
    cluster.settle();
    // Term 2: 2 is elected by 3 and 4, but its first entry does not reach 4.
    cluster.observer = {
      stepped: ({ id }, _input, _before, { role }) => {
        if (id === 2 && role === "leader") cluster.cut(2, 4);
      },
    };
    for (let n = 0; n < 40 && cluster.at(2).status.role !== "leader"; n += 1) {
      cluster.tick(1, n < 10 ? [2, 3, 4] : [2]);
    }
    expect(cluster.at(2).status).toMatchObject({ role: "leader", commit: 1 });
    expect(cluster.at(4).status.last.index).toBe(1);
    // With 3 alone it could commit "1 is no member" in {2, 3, 4}, and 1 the contrary in {1, 2, 3, 4, 5}, with 4 and 5.
    const early = cluster.change(2, remove(1));
    cluster.settle();
    cluster.observer = {};
    part(1, 4, 5);
    for (let n = 0; n < 60 && cluster.at(1).status.term < 3; n += 1) cluster.tick(1, [1, 4, 5]);
    cluster.tick(60, [1, 4, 5]);
    // ClusterChecks would have said that a committed entry was replaced.
    expect(cluster.at(1).status.membership.voters).toEqual([1, 2, 3, 4, 5]);
    expect(early).toEqual(refusal("term-not-committed"));
  });

  test("a leader whose own entry is not committed yet takes no change, but then it does", () => {
    const solo = new Solo();
    solo.persisted(solo.lead());
    expect(ask(solo, add(4))).toEqual(refusal("term-not-committed"));
    solo.ack(2, 1);
    expect(ask(solo, add(4))).toEqual({ kind: "appended", id: { term: 1, index: 2 } });
  });

  test("a change of an earlier leader counts as pending until the own entry commits it", () => {
    const payload = encodeMembership(votersOf(1, 2, 3, 4));
    const inherited: Entry = { term: 1, index: 1, kind: "membership", payload };
    const solo = new Solo({ entries: [inherited], hardState: { term: 1, vote: undefined } });
    solo.persisted(solo.lead(2, 3));
    expect(ask(solo, remove(4))).toEqual(refusal("term-not-committed"));
    solo.ack(2, 2);
    expect(ask(solo, remove(4))).toEqual(refusal("term-not-committed"));
    solo.ack(3, 2);
    expect(ask(solo, remove(4))).toMatchObject({ kind: "appended" });
  });

  test("CH1: one change at a time", () => {
    const solo = leaderOf(votersOf(1, 2, 3));
    ask(solo, add(4));
    expect(ask(solo, add(5))).toEqual(refusal("change-pending"));
    solo.sync();
    expect(ask(solo, add(5))).toEqual(refusal("change-pending"));
    solo.ack(2, 2);
    expect(ask(solo, add(5))).toMatchObject({ kind: "appended" });
  });
});

describe("what is refused, and with which word", () => {
  const membership = { voters: [1, 2, 3], learners: [4], context };

  test("by who is asked", () => {
    expect(ask(new Solo(), add(4))).toEqual(refusal("not-leader"));
    const solo = leaderOf(membership);
    solo.step({ kind: "transfer", to: 2 });
    expect(ask(solo, add(5))).toEqual(refusal("transferring"));
  });

  test.each([
    [add(4), "already-member"],
    [add(3), "already-member"],
    [promote(9), "not-a-member"],
    [promote(3), "not-a-learner"],
    [remove(9), "not-a-member"],
    [promote(4), "lagging"],
  ] as const)("%o: %s", (change, reason) => {
    const solo = leaderOf(membership);
    const { last } = solo.status;
    expect(ask(solo, change)).toEqual(refusal(reason));
    expect(solo.status.last).toEqual(last);
  });

  test("the last voter stays", () => {
    const solo = leaderOf({ voters: [1], learners: [2], context });
    expect(ask(solo, remove(1))).toEqual(refusal("last-voter"));
    expect(ask(solo, remove(2))).toMatchObject({ kind: "appended" });
  });

  test("voters and members are bounded", () => {
    const voters = Array.from({ length: votersMax }, (_, n) => n + 1);
    const learners = Array.from({ length: membersMax - votersMax }, (_, n) => votersMax + n + 1);
    const solo = leaderOf({ voters, learners, context });
    expect(ask(solo, promote(learners[0]!))).toEqual(refusal("too-many-voters"));
    expect(ask(solo, add(99))).toEqual(refusal("too-many-members"));
    expect(ask(solo, remove(learners[0]!))).toMatchObject({ kind: "appended" });
  });

  test("a context out of form throws: the shell's business", () => {
    const solo = leaderOf(membership);
    const change = { kind: "set-context", context: "é" } as const;
    expect(() => ask(solo, change)).toThrow("ASCII");
  });
});

describe("what is changed", () => {
  test("each change makes the membership that its name says, sorted, with the new context", () => {
    const cluster = clusterOf([1, 3]);
    const memberships: Membership[] = [];
    const take = (change: MembershipChange): void => {
      expect(cluster.change(1, change)).toMatchObject({ kind: "appended" });
      cluster.settle();
      expect(cluster.at(1).status.membershipCommitted).toBe(true);
      memberships.push(cluster.at(1).status.membership);
    };
    cluster.join(2);
    take({ kind: "add-learner", id: 2, context: "a" });
    take({ kind: "promote", id: 2, context: "b" });
    take({ kind: "set-context", context: "c" });
    take({ kind: "remove", id: 3, context: "d" });
    expect(memberships).toEqual([
      { voters: [1, 3], learners: [2], context: "a" },
      { voters: [1, 2, 3], learners: [], context: "b" },
      { voters: [1, 2, 3], learners: [], context: "c" },
      { voters: [1, 2], learners: [], context: "d" },
    ]);
    expect(cluster.at(2).status.membership).toEqual(memberships[3]);
  });

  test("M1: it is in force as soon as it is appended, and in the log as the entry says", () => {
    const solo = leaderOf(votersOf(1, 2, 3));
    const output = solo.step({ kind: "change-membership", change: remove(3) });
    expect(solo.status).toMatchObject({ membershipIndex: 2, membershipCommitted: false });
    expect(solo.status.membership.voters).toEqual([1, 2]);
    const [appended] = output.persist!.entries;
    expect(decodeMembership(appended!.payload)).toEqual(votersOf(1, 2));
  });

  test("from 1 to 7 voters and back, by way of everybody", () => {
    const cluster = new Cluster({ membership: votersOf(1) });
    cluster.campaign(1);
    for (let id = 2; id <= votersMax; id += 1) {
      cluster.grow(1, id);
      expect(cluster.at(1).status.membership.voters).toHaveLength(id);
    }
    cluster.propose(1, "a");
    cluster.settle();
    let leader = 1;
    for (let left = votersMax - 1; left >= 1; left -= 1) {
      // Each leader removes itself; whoever it hands over to goes on.
      expect(cluster.change(leader, remove(leader))).toMatchObject({ kind: "appended" });
      cluster.settle();
      const leaders = [...cluster.members.values()].filter(
        ({ status }) => status.role === "leader",
      );
      expect(leaders).toHaveLength(1);
      leader = leaders[0]!.id;
      expect(leaders[0]!.status.membership.voters).toHaveLength(left);
    }
    cluster.propose(leader, "b");
    cluster.settle();
    expect(cluster.log(leader).at(-1)).toContain("b");
    expect(cluster.at(leader).status.commit).toBe(cluster.at(leader).status.last.index);
  });
});

describe("C3, C4, C5, B6: changes in the log", () => {
  test("C3: a change that is truncated is undone everywhere, and its learner is served no more", () => {
    const cluster = clusterOf([1, 2, 3]);
    cluster.tick(3);
    cluster.isolate(1);
    cluster.change(1, add(4));
    expect(cluster.at(1).status.membership.learners).toEqual([4]);
    for (let n = 0; n < 60 && cluster.at(2).status.role !== "leader"; n += 1)
      cluster.tick(1, [2, 3]);
    cluster.heal();
    cluster.tick(12);
    expect(cluster.at(1).status).toMatchObject({
      role: "follower",
      membership: votersOf(1, 2, 3),
      membershipIndex: 0,
      membershipCommitted: true,
    });
  });

  test("M5: a log in which two voters change at once stops the process", () => {
    const payload = encodeMembership(votersOf(3, 4));
    const jump: Entry = { term: 1, index: 1, kind: "membership", payload };
    const append = { kind: "append-request", previous: { term: 0, index: 0 }, commit: 0 } as const;
    expect(() => new Solo().hear(2, 1, { ...append, entries: [jump] })).toThrow("M5");
  });

  test("C5: a learner that is a voter in the candidate's view votes for it", () => {
    const solo = new Solo({ membership: { voters: [2, 3], learners: [1], context } });
    const last = { term: 4, index: 9 };
    const output = solo.hear(2, 5, { kind: "vote-request", last, transfer: false });
    expect(only(output.sendAfterPersist, "vote-reply")).toMatchObject([{ granted: true }]);
  });

  test("B6: a learner's word commits nothing, a new voter's does, from the entry on", () => {
    const solo = leaderOf({ voters: [1, 2], learners: [3], context });
    solo.ack(3, 1);
    solo.propose("a");
    solo.sync();
    solo.ack(3, 2);
    expect(solo.status.commit).toBe(1);
    solo.ack(2, 2);
    expect(solo.status.commit).toBe(2);
    expect(ask(solo, promote(3))).toMatchObject({ kind: "appended" });
    solo.sync();
    // Itself and 3 are two of three.
    solo.ack(3, 3);
    expect(solo.status).toMatchObject({ commit: 3, membershipCommitted: true });
  });

  test("D3: a read that waits for somebody who is removed is confirmed by those who stay", () => {
    const solo = leaderOf({ voters: [1, 2], learners: [], context });
    solo.hear(2, 1, { kind: "heartbeat-reply", round: 0 });
    solo.step({ kind: "read", id: 7 });
    const change = { kind: "remove", id: 2, context } as const;
    const { reads, proposed } = solo.step({ kind: "change-membership", change });
    expect(proposed).toMatchObject({ kind: "appended" });
    expect(reads).toEqual([{ id: 7, index: 1 }]);
  });
});

describe("C6: a learner is promoted when it is caught up", () => {
  const membership = { voters: [1, 2, 3], learners: [4], context };
  const config = { electionTicks: 10, heartbeatTicks: 2 };

  /** Time passes, and the voters are heard. */
  function wait(solo: Solo, ticks: number, ...heard: NodeId[]): void {
    for (let n = 0; n < ticks; n += 1) {
      solo.tick();
      for (const id of [2, 3, ...heard]) {
        solo.hear(id, solo.status.term, { kind: "heartbeat-reply", round: 0 });
      }
    }
  }

  function learner(solo: Solo): { caughtUp: boolean; roundTicks: number | undefined } {
    return solo.status.progress.find(({ id }) => id === 4)!;
  }

  function load(solo: Solo): void {
    solo.propose("x");
    solo.sync();
    for (const id of [2, 3]) solo.ack(id, solo.status.last.index);
  }

  test("on an idle cluster it is as soon as it holds everything, however long that took", () => {
    const solo = leaderOf(membership, config);
    wait(solo, 55, 4);
    expect(learner(solo)).toMatchObject({ caughtUp: false, roundTicks: undefined });
    solo.ack(4, 1);
    expect(learner(solo)).toMatchObject({ caughtUp: true, roundTicks: 0 });
    // And it stays so: rest is not slowness.
    wait(solo, 100, 4);
    load(solo);
    wait(solo, 3, 4);
    solo.ack(4, 2);
    expect(learner(solo)).toMatchObject({ caughtUp: true, roundTicks: 0 });
    expect(ask(solo, promote(4))).toMatchObject({ kind: "appended" });
  });

  test("under steady load it is when a round took less than an election time-out, although it never holds everything", () => {
    const solo = leaderOf(membership, config);
    load(solo);
    wait(solo, 20, 4);
    // The first round, through entry 1, was slow.
    solo.ack(4, 1);
    expect(learner(solo)).toMatchObject({ caughtUp: false, roundTicks: 20 });
    expect(ask(solo, promote(4))).toEqual(refusal("lagging"));
    load(solo);
    load(solo);
    wait(solo, 9, 4);
    // The second one ends with entry 2, the last when it began; 3 and 4 belong to the next.
    solo.ack(4, 2);
    expect(solo.status.last.index).toBe(4);
    expect(learner(solo)).toMatchObject({ caughtUp: true, roundTicks: 9 });
    expect(ask(solo, promote(4))).toMatchObject({ kind: "appended" });
  });

  test("a round of a whole election time-out is too slow", () => {
    const solo = leaderOf(membership, config);
    load(solo);
    solo.ack(4, 1);
    load(solo);
    wait(solo, 10, 4);
    solo.ack(4, 2);
    expect(learner(solo)).toMatchObject({ caughtUp: false, roundTicks: 10 });
  });

  test("once caught up it must keep up: a round that does not end, silence, or too many entries behind", () => {
    const stuck = leaderOf(membership, config);
    stuck.ack(4, 1);
    load(stuck);
    wait(stuck, 9, 4);
    expect(learner(stuck).caughtUp).toBe(true);
    wait(stuck, 1, 4);
    expect(learner(stuck).caughtUp).toBe(false);

    const silent = leaderOf(membership, config);
    silent.ack(4, 1);
    wait(silent, 9);
    expect(learner(silent).caughtUp).toBe(true);
    wait(silent, 1);
    expect(learner(silent).caughtUp).toBe(false);
    expect(ask(silent, promote(4))).toEqual(refusal("lagging"));

    const behind = leaderOf(membership, config);
    behind.ack(4, 1);
    for (let n = 0; n < promotionLagMax; n += 1) load(behind);
    expect(learner(behind).caughtUp).toBe(true);
    load(behind);
    expect(learner(behind).caughtUp).toBe(false);
  });

  test("at the beginning of a leadership nobody is assumed to be heard or caught up", () => {
    const solo = leaderOf(membership, config);
    expect(learner(solo)).toMatchObject({ caughtUp: false, roundTicks: undefined });
  });
});

describe("CH3: a change that could not be committed is refused", () => {
  test("with two of three alive the dead one may go, the live one may not", () => {
    for (const [id, kind] of [
      [3, "appended"],
      [2, "refused"],
      [1, "refused"],
    ] as const) {
      const cluster = clusterOf([1, 2, 3]);
      cluster.isolate(3);
      cluster.tick(10);
      const answer = cluster.change(1, remove(id));
      expect(answer).toMatchObject({ kind });
      if (kind === "refused") expect(answer).toEqual(refusal("quorum-unreachable"));
      cluster.tick(3);
      expect(cluster.at(1).status).toMatchObject({ role: "leader", membershipCommitted: true });
    }
  });

  test("a promotion counts the new voter, which was heard", () => {
    // {1, 2} and a learner, 2 silent: two of three would be heard. {1, 2, 3, 4, 5} with one silent and two gone is another matter.
    const two = clusterOf([1, 2], [3]);
    two.isolate(2);
    two.tick(9);
    expect(two.change(1, promote(3))).toMatchObject({ kind: "appended" });
    two.tick(1);
    expect(two.at(1).status.membershipCommitted).toBe(true);

    const four = clusterOf([1, 2, 3], [4, 5]);
    four.change(1, promote(4));
    four.settle();
    four.isolate(3);
    four.tick(10);
    // 1, 2, 4 and 5 of five.
    expect(four.change(1, promote(5))).toMatchObject({ kind: "appended" });
  });

  test("who was never heard by this leader is not alive, however young its leadership", () => {
    const solo = new Solo();
    solo.persisted(solo.lead(2));
    solo.ack(2, 1);
    expect(ask(solo, remove(2))).toEqual(refusal("quorum-unreachable"));
    solo.hear(3, 1, { kind: "heartbeat-reply", round: 0 });
    expect(ask(solo, remove(2))).toMatchObject({ kind: "appended" });
  });

  test("a leader that goes is not counted", () => {
    const cluster = clusterOf([1, 2, 3]);
    cluster.isolate(3);
    cluster.tick(10);
    expect(cluster.change(1, remove(1))).toEqual(refusal("quorum-unreachable"));
    cluster.heal();
    cluster.tick(3);
    expect(cluster.change(1, remove(1))).toMatchObject({ kind: "appended" });
  });

  test("a learner comes and goes without any quorum being asked for", () => {
    const cluster = clusterOf([1, 2, 3], [4]);
    cluster.isolate(4);
    cluster.tick(10);
    expect(cluster.change(1, remove(4))).toMatchObject({ kind: "appended" });
  });
});

describe("C8, CH4, CH5, A11, A12: removal", () => {
  test("CH4: a removed follower gets the log until its removal is committed, and then the commit, once", () => {
    const solo = leaderOf(votersOf(1, 2, 3));
    const removal = solo.step({ kind: "change-membership", change: remove(3) });
    expect(only(sentBy(removal), "append-request").map(({ to }) => to)).toEqual([2, 3]);
    const later = solo.propose("a");
    expect(only(sentBy(later), "append-request").map(({ to }) => to)).toEqual([2, 3]);
    solo.sync();
    // The word of the removed counts for nothing.
    solo.ack(3, 3);
    expect(solo.status).toMatchObject({ commit: 1, membershipCommitted: false });
    const committed = solo.ack(2, 3);
    expect(solo.status).toMatchObject({ commit: 3, membershipCommitted: true });
    const words = sentBy(committed).filter(({ to }) => to === 3);
    expect(words).toMatchObject([{ kind: "append-request", entries: [], commit: 3 }]);
    expect(solo.status.progress.map(({ id }) => id)).toEqual([2]);
    solo.propose("b");
    const silence = solo.tick(4).flatMap(sentBy);
    expect(silence.filter(({ to }) => to === 3)).toEqual([]);
    expect(sentBy(solo.ack(3, 4))).toEqual([]);
  });

  test("CH4: the last word follows what is still on its way to a slower disk", () => {
    const solo = leaderOf(votersOf(1, 2, 3));
    solo.ack(3, 1);
    solo.step({ kind: "change-membership", change: remove(3) });
    solo.propose("a");
    solo.sync();
    const committed = solo.ack(2, 2);
    expect(solo.status).toMatchObject({ commit: 2, membershipCommitted: true });
    const previous = { term: 1, index: 3 };
    const words = sentBy(committed).filter(({ to }) => to === 3);
    expect(words).toMatchObject([{ kind: "append-request", previous, entries: [], commit: 2 }]);
    // What the removed makes of it, once it has the rest.
    const removed = new Solo({}, {}, 3);
    const payload = encodeMembership(votersOf(1, 2));
    const removal: Entry = { term: 1, index: 1, kind: "membership", payload };
    const append = { kind: "append-request", previous: { term: 0, index: 0 } } as const;
    removed.hear(1, 1, { ...append, entries: [removal], commit: 0 });
    const at = { term: 1, index: 1 };
    removed.hear(1, 1, { kind: "append-request", previous: at, entries: [], commit: 1 });
    expect(removed.status).toMatchObject({ membershipCommitted: true, removed: true });
  });

  test("A11: a new machine that reads of memberships from before its time was not removed", () => {
    const old: Entry = {
      term: 1,
      index: 1,
      kind: "membership",
      payload: encodeMembership(votersOf(1, 2)),
    };
    const joins: Entry = {
      ...old,
      index: 2,
      payload: encodeMembership({ voters: [1, 2], learners: [4], context }),
    };
    const leaves: Entry = { ...old, index: 3 };
    const solo = new Solo({ membership: { voters: [], learners: [], context } }, {}, 4);
    const states = [old, joins, leaves].flatMap((item) => {
      const previous = { term: Math.min(1, item.index - 1), index: item.index - 1 };
      const append = { kind: "append-request", previous } as const;
      solo.hear(1, 1, { ...append, entries: [item], commit: item.index - 1 });
      const uncommitted = solo.status.removed;
      solo.hear(1, 1, { ...append, entries: [item], commit: item.index });
      return [uncommitted, solo.status.removed];
    });
    expect(states).toEqual([false, false, false, false, false, true]);
  });

  test("CH4: a new leader serves who is leaving by a change that it found in its log, too", () => {
    const payload = encodeMembership(votersOf(1, 2));
    const removal: Entry = { term: 1, index: 1, kind: "membership", payload };
    const solo = new Solo({ entries: [removal], hardState: { term: 1, vote: undefined } });
    const first = solo.lead(2);
    expect(only(first.sendNow, "append-request").map(({ to }) => to)).toEqual([2, 3]);
    solo.persisted(first);
    const committed = solo.ack(2, 2);
    expect(solo.status).toMatchObject({ membershipCommitted: true });
    const words = sentBy(committed).filter(({ to }) => to === 3);
    expect(words).toMatchObject([{ kind: "append-request", commit: 2 }]);
    expect(solo.status.progress.map(({ id }) => id)).toEqual([2]);
  });

  test("A11, A12: a removed member does not campaign; one whose removal is not committed does", () => {
    const cluster = clusterOf([1, 2, 3]);
    cluster.change(1, remove(3));
    cluster.settle();
    expect(cluster.at(3).status).toMatchObject({
      membership: votersOf(1, 2),
      membershipCommitted: true,
    });
    cluster.tick(100, [3]);
    expect(cluster.at(3).status.role).toBe("follower");

    const doubtful = clusterOf([1, 2, 3]);
    doubtful.cut(2, 1);
    doubtful.cut(3, 1);
    doubtful.change(1, remove(3));
    doubtful.settle();
    expect(doubtful.at(3).status.membershipCommitted).toBe(false);
    doubtful.isolate(1);
    doubtful.tick(100, [3]);
    // 2 has the entry too, and both of {1, 2} would be needed: its pre-vote is asked for, and not won.
    expect(doubtful.at(3).status.role).toBe("pre-candidate");
  });

  test("A12: one whose removal is not committed may lead, and is then removed by what it commits", () => {
    const cluster = clusterOf([1, 2, 3]);
    cluster.tick(3);
    cluster.cut(2, 1);
    cluster.cut(3, 1);
    cluster.cut(1, 2);
    cluster.change(1, remove(3));
    cluster.settle();
    // 3 has its own removal, 2 has not: only 3 can win a vote of 2, and 2 alone is no quorum of {1, 2}.
    expect(cluster.at(3).status.membership.voters).toEqual([1, 2]);
    expect(cluster.at(2).status.membership.voters).toEqual([1, 2, 3]);
    for (let n = 0; n < 80 && cluster.at(1).status.role === "leader"; n += 1) cluster.tick(1, [1]);
    cluster.heal();
    for (let n = 0; n < 40 && cluster.at(3).status.membershipCommitted; n += 1)
      cluster.tick(1, [3]);
    for (let n = 0; n < 60; n += 1) cluster.tick(1, n < 40 ? [3] : [1, 2, 3]);
    const leaders = [...cluster.members.values()].filter(({ status }) => status.role === "leader");
    expect(leaders.map(({ id }) => id)).not.toContain(3);
    expect(leaders).toHaveLength(1);
    expect(leaders[0]!.status.membership.voters).toEqual([1, 2]);
  });

  test("A12: so may one that has restarted, and knows of nothing that is committed", () => {
    // 1 joined 2, became a voter, removed itself as the leader of {1, 2}, and crashed before anybody else had that entry.
    const memberships = [{ voters: [2], learners: [1], context }, votersOf(1, 2), votersOf(2)];
    const entries = memberships.map((membership, at): Entry => {
      const payload = encodeMembership(membership);
      return { term: 1, index: at + 1, kind: "membership", payload };
    });
    const membership = { voters: [], learners: [], context };
    const solo = new Solo({ entries, membership, hardState: { term: 1, vote: undefined } });
    expect(solo.status).toMatchObject({ commit: 0, membership: votersOf(2), removed: false });
    solo.timeOut();
    expect(solo.status.role).toBe("pre-candidate");
    // Not for ever: once it knows that its removal is committed it is out.
    const removed = new Solo({ entries, membership, hardState: { term: 1, vote: undefined } });
    removed.hear(2, 2, {
      kind: "append-request",
      previous: { term: 1, index: 3 },
      entries: [],
      commit: 3,
    });
    removed.tick(100);
    expect(removed.status).toMatchObject({ role: "follower", removed: true });
  });

  test("C8: a leader that removes itself does not count itself, and leads until that is committed", () => {
    const solo = leaderOf(votersOf(1, 2, 3));
    solo.hear(2, 1, { kind: "heartbeat-reply", round: 0 });
    solo.step({ kind: "change-membership", change: remove(1) });
    expect(solo.propose("a").proposed).toMatchObject({ kind: "appended" });
    solo.sync();
    solo.ack(2, 3);
    expect(solo.status).toMatchObject({ role: "leader", commit: 1 });
    const output = solo.ack(3, 2);
    expect(solo.status).toMatchObject({ role: "follower", commit: 2, leader: undefined, term: 1 });
    const last = { term: 1, index: 3 };
    expect(only(output.sendNow, "timeout-now")).toMatchObject([{ to: 2, term: 1, last }]);
    expect(solo.status.removed).toBe(true);
    solo.tick(100);
    expect(solo.status.role).toBe("follower");
  });

  test("CH5: when the best voter lacks something it is brought first, and nothing new is taken", () => {
    const solo = leaderOf(votersOf(1, 2, 3));
    solo.step({ kind: "change-membership", change: remove(1) });
    solo.propose("a");
    solo.sync();
    solo.ack(2, 2);
    solo.ack(3, 2);
    expect(solo.status).toMatchObject({ role: "leader", commit: 2, transferee: 2 });
    expect(solo.propose("b").proposed).toEqual(refusal("transferring"));
    const output = solo.ack(2, 3);
    expect(only(output.sendNow, "timeout-now")).toMatchObject([{ to: 2 }]);
    expect(solo.status.role).toBe("follower");
  });

  test("CH5: it is handed to one that is heard, not to one that held more and has fallen silent", () => {
    const solo = leaderOf(votersOf(1, 2, 3, 4));
    for (const id of [3, 4]) solo.ack(id, 1);
    solo.step({ kind: "change-membership", change: remove(1) });
    solo.propose("a");
    solo.sync();
    solo.ack(2, 3);
    for (let n = 0; n < solo.config.electionTicks; n += 1) {
      for (const id of [3, 4]) solo.hear(id, 1, { kind: "heartbeat-reply", round: 0 });
      solo.tick();
    }
    expect(solo.status).toMatchObject({ role: "leader", commit: 1 });
    solo.ack(3, 2);
    expect(solo.status).toMatchObject({ role: "leader", commit: 2, transferee: 3 });
  });

  test("CH5: when nobody is ready in an election time-out it goes all the same", () => {
    const solo = leaderOf(votersOf(1, 2, 3));
    solo.step({ kind: "change-membership", change: remove(1) });
    solo.propose("a");
    solo.sync();
    solo.ack(2, 2);
    solo.ack(3, 2);
    for (let n = 0; n < solo.config.electionTicks; n += 1) {
      expect(solo.status.role).toBe("leader");
      for (const id of [2, 3]) solo.hear(id, 1, { kind: "heartbeat-reply", round: 0 });
      solo.tick();
    }
    expect(solo.status.role).toBe("follower");
  });

  test("C8: no election time-out passes between the old leader and the new one", () => {
    const cluster = clusterOf([1, 2, 3]);
    cluster.propose(1, "a");
    cluster.change(1, remove(1));
    cluster.propose(1, "b");
    cluster.settle();
    const leaders = [2, 3].filter((id) => cluster.at(id).status.role === "leader");
    expect(leaders).toHaveLength(1);
    const leader = cluster.at(leaders[0]!);
    expect(leader.status.commit).toBe(leader.status.last.index);
    expect(cluster.log(leader.id)).toContain("1.b");
  });

  test("two voters: the leader removes itself, and the one that stays leads alone", () => {
    const cluster = clusterOf([1, 2]);
    cluster.change(1, remove(1));
    cluster.settle();
    expect(cluster.at(2).status).toMatchObject({ role: "leader", membership: votersOf(2) });
    cluster.propose(2, "a");
    cluster.settle();
    expect(cluster.at(2).status.commit).toBe(cluster.at(2).status.last.index);
  });

  test("B6: a vote of one who was removed is not counted", () => {
    const payload = encodeMembership(votersOf(1, 2));
    const removal: Entry = { term: 1, index: 1, kind: "membership", payload };
    const solo = new Solo({ entries: [removal], hardState: { term: 1, vote: undefined } });
    solo.persisted(solo.campaign(2));
    solo.hear(3, 2, { kind: "vote-reply", granted: true });
    expect(solo.status.role).toBe("candidate");
    solo.hear(2, 2, { kind: "vote-reply", granted: true });
    expect(solo.status.role).toBe("leader");
  });
});

describe("a new machine", () => {
  test("that replaces a dead one catches up by snapshot, is promoted, and serves", () => {
    const cluster = clusterOf([1, 2, 3]);
    for (let n = 0; n < 20; n += 1) cluster.propose(1, `m${n}`);
    cluster.settle();
    cluster.at(1).flush();
    cluster.at(1).compact(cluster.at(1).machine.applied);
    cluster.crash(3);
    cluster.tick(10);
    cluster.grow(1, 4);
    // Installing took no tick here: it holds everything.
    expect(cluster.at(1).status.membership.voters).toEqual([1, 2, 3, 4]);
    expect(cluster.change(1, remove(3))).toMatchObject({ kind: "appended" });
    cluster.settle();
    cluster.tick();
    expect(cluster.at(4).status.membership).toEqual(votersOf(1, 2, 4));
    expect(cluster.at(4).machine).toEqual(cluster.at(1).machine);
  });
});
