// What went wrong in other systems that do the same job, by the id of the trap; each test is the requirement drawn from it.

import { describe, expect, test } from "vitest";
import { encodeMembership, origin, type Entry, type Message } from "../../raft/index.ts";
import { readsWaitingMax } from "../../raft/config.ts";
import { bytesOf } from "../../raft/log.ts";
import { Cluster } from "./cluster.ts";
import { entry, votersOf } from "./harness.ts";
import { only, sentBy, Solo } from "./solo.ts";

const five = votersOf(1, 2, 3, 4, 5);

function logOfTerms(...terms: number[]): Entry[] {
  return terms.map((term, at) => entry(term, at + 1));
}

function membershipEntry(term: number, index: number, ...voters: number[]): Entry {
  const payload = encodeMembership(votersOf(...voters));
  return { term, index, kind: "membership", payload };
}

describe("A: terms, votes, elections", () => {
  test("A1: a vote leaves after the disk, with the hard state that it depends on in the same output", () => {
    const output = new Solo().hear(2, 3, { kind: "vote-request", last: origin, transfer: false });
    expect(output.sendNow).toEqual([]);
    expect(output.persist?.hardState).toEqual({ term: 3, vote: 2 });
    expect(only(output.sendAfterPersist, "vote-reply")).toMatchObject([{ granted: true, term: 3 }]);
  });

  test("A1: a vote in a term that was known before is persisted too", () => {
    const solo = new Solo({ hardState: { term: 3, vote: undefined } });
    const output = solo.hear(2, 3, { kind: "vote-request", last: origin, transfer: false });
    expect(output.persist?.hardState).toEqual({ term: 3, vote: 2 });
    expect(only(output.sendAfterPersist, "vote-reply")).toMatchObject([{ granted: true, term: 3 }]);
  });

  test("R2: no answer overtakes the term it is given in, also when the disk had it in an earlier step", () => {
    const solo = new Solo();
    const adopting = solo.hear(2, 3, { kind: "heartbeat", commit: 0, round: 1 });
    const [beat, probe] = [
      solo.hear(2, 3, { kind: "heartbeat", commit: 0, round: 2 }),
      solo.hear(2, 3, {
        kind: "append-request",
        previous: { term: 2, index: 7 },
        entries: [],
        commit: 0,
      }),
    ];
    for (const output of [adopting, beat, probe]) expect(output.sendNow).toEqual([]);
    expect(only(beat.sendAfterPersist, "heartbeat-reply")).toMatchObject([{ term: 3, round: 2 }]);
    expect(only(probe.sendAfterPersist, "append-reply")).toHaveLength(1);
    solo.persisted(adopting);
    const later = solo.hear(2, 3, { kind: "heartbeat", commit: 0, round: 3 });
    expect(only(later.sendNow, "heartbeat-reply")).toHaveLength(1);
  });

  test("A1, B7: a candidate's own vote counts only when it is durable", () => {
    const solo = new Solo();
    const requests = solo.campaign(2);
    solo.hear(2, 1, { kind: "vote-reply", granted: true });
    expect(solo.status.role).toBe("candidate");
    solo.persisted(requests);
    expect(solo.status.role).toBe("leader");
  });

  test("A2: stepping down in the same term keeps the vote", () => {
    const solo = new Solo();
    solo.persisted(solo.lead());
    solo.tick(solo.config.electionTicks);
    expect(solo.status).toMatchObject({ role: "follower", term: 1, vote: 1 });
    const last = { term: 9, index: 9 };
    const output = solo.hear(2, 1, { kind: "vote-request", last, transfer: false });
    expect(only(output.sendAfterPersist, "vote-reply")).toMatchObject([{ granted: false }]);

    const candidate = new Solo();
    candidate.campaign(2);
    candidate.hear(3, 1, { kind: "heartbeat", commit: 0, round: 1 });
    expect(candidate.status).toMatchObject({ role: "follower", term: 1, vote: 1 });
  });

  test("A3: after a restart the stored vote belongs to the stored term, and goes with it", () => {
    const solo = new Solo({ hardState: { term: 3, vote: 2 } });
    const request = { kind: "vote-request", last: origin, transfer: false } as const;
    const same = solo.hear(3, 3, request);
    expect(only(same.sendAfterPersist, "vote-reply")).toMatchObject([{ granted: false }]);
    const next = solo.hear(3, 4, request);
    expect(only(next.sendAfterPersist, "vote-reply")).toMatchObject([{ granted: true }]);
    expect(next.persist?.hardState).toEqual({ term: 4, vote: 3 });
  });

  test("A3: a log of a later term than the hard state is refused at start", () => {
    const state = { entries: logOfTerms(5), hardState: { term: 4, vote: undefined } };
    expect(() => new Solo(state)).toThrow("T1");
  });

  test("A5: the same request gets the same vote again, the same vote counts once", () => {
    const voter = new Solo();
    const request = { kind: "vote-request", last: origin, transfer: false } as const;
    voter.hear(2, 3, request);
    const again = voter.hear(2, 3, request);
    expect(again.persist).toBeUndefined();
    expect(only(again.sendAfterPersist, "vote-reply")).toMatchObject([{ granted: true }]);

    const candidate = new Solo({ membership: five });
    candidate.persisted(candidate.campaign(2, 3));
    for (let n = 0; n < 5; n += 1) candidate.hear(2, 1, { kind: "vote-reply", granted: true });
    expect(candidate.status.role).toBe("candidate");
  });

  test("A6: handling a PreVote changes nothing, in any role", () => {
    const roles: ((solo: Solo) => void)[] = [
      () => undefined,
      (solo) => solo.follow(2, 1),
      (solo) => solo.timeOut(),
      (solo) => solo.campaign(2),
      (solo) => solo.lead(),
    ];
    for (const enter of roles) {
      const solo = new Solo();
      enter(solo);
      const before = solo.status;
      for (const term of [0, 1, 2, 9]) {
        const last = { term: 9, index: 9 };
        const output = solo.hear(3, term, { kind: "pre-vote-request", last });
        expect(output.persist).toBeUndefined();
        expect(sentBy(output)).toHaveLength(1);
      }
      expect(solo.status).toEqual(before);
    }
  });

  test("A6: asking a follower for a pre-vote does not put off its own election", () => {
    const solo = new Solo().follow(2, 1);
    for (let n = 0; n < solo.config.electionTicks; n += 1) {
      solo.hear(3, 2, { kind: "pre-vote-request", last: origin });
      solo.tick();
    }
    expect(solo.status.role).toBe("pre-candidate");
  });

  test("A6: a late answer to a pre-vote does nothing after the election", () => {
    const solo = new Solo();
    solo.campaign(2);
    const before = solo.status;
    solo.hear(3, 1, { kind: "pre-vote-reply", granted: true });
    solo.hear(3, 2, { kind: "pre-vote-reply", granted: true });
    expect(solo.status).toEqual(before);
    solo.follow(2, 1).hear(3, 2, { kind: "pre-vote-reply", granted: true });
    expect(solo.status).toMatchObject({ role: "follower", term: 1 });
  });

  test("A7: a refused pre-vote brings the higher term, so that nodes of different terms elect somebody", () => {
    // Node 1 went through term 5 alone, node 3 is at term 1 with the same log, and the leader (2) is dead.
    const log = logOfTerms(1, 1);
    const cluster = new Cluster({ logs: { 1: log, 2: log, 3: log }, terms: { 1: 5, 2: 1, 3: 1 } });
    cluster.crash(2);
    cluster.tick(100);
    const roles = [1, 3].map((id) => cluster.at(id).status.role).sort();
    expect(roles).toEqual(["follower", "leader"]);
    // Also when only the one at the lower term has a log that can win.
    const other = new Cluster({
      logs: { 1: log.slice(0, 1), 2: log, 3: log },
      terms: { 1: 5, 2: 1, 3: 1 },
    });
    other.crash(2);
    other.tick(100);
    expect(other.at(3).status.role).toBe("leader");
  });

  test("A8: a node that hears only some of the others does not depose the leader", () => {
    const cluster = new Cluster();
    cluster.campaign(1);
    cluster.cut(1, 3);
    cluster.cut(3, 1);
    cluster.tick(200);
    expect(cluster.at(1).status).toMatchObject({ role: "leader", term: 1 });
  });

  test("A8: a leader that nobody answers steps down although it can still send", () => {
    const cluster = new Cluster();
    cluster.campaign(1);
    cluster.cut(2, 1);
    cluster.cut(3, 1);
    cluster.tick(cluster.at(1).status.progress.length * 20);
    expect(cluster.at(1).status.role).not.toBe("leader");
    cluster.tick(40);
    expect([2, 3].map((id) => cluster.at(id).status.role)).toContain("leader");
  });

  test("A11: a removed or unknown node raises no terms while a leader is heard", () => {
    const solo = new Solo().follow(2, 1);
    solo.hear(9, 77, { kind: "vote-request", last: { term: 76, index: 99 }, transfer: false });
    solo.hear(9, 77, { kind: "pre-vote-request", last: { term: 76, index: 99 } });
    expect(solo.status).toMatchObject({ term: 1, leader: 2 });
  });
});

describe("B: replication and commit", () => {
  test("B2: a late, shorter append removes nothing", () => {
    const solo = new Solo();
    const whole = { kind: "append-request", previous: origin, commit: 0 } as const;
    solo.persisted(solo.hear(2, 1, { ...whole, entries: logOfTerms(1, 1, 1) }));
    const late = solo.hear(2, 1, { ...whole, entries: logOfTerms(1) });
    expect(late.persist).toBeUndefined();
    expect(solo.status.last.index).toBe(3);
    expect(only(late.sendAfterPersist, "append-reply")).toMatchObject([
      { outcome: { kind: "accepted", match: 1 } },
    ]);
  });

  test("B2: rather than truncate a committed entry the process stops", () => {
    const solo = new Solo({ entries: logOfTerms(1, 1), applied: 2 });
    const append = { kind: "append-request", previous: origin, commit: 0 } as const;
    expect(() => solo.hear(2, 3, { ...append, entries: logOfTerms(2, 2) })).toThrow("AE2");
  });

  test("B3: a stale refusal moves nothing back", () => {
    const solo = new Solo();
    solo.persisted(solo.lead());
    solo.ack(2, 1);
    for (let n = 0; n < 4; n += 1) solo.propose("x");
    solo.ack(2, 4);
    const before = solo.status;
    for (const index of [0, 1, 3, 4, 9]) {
      const output = solo.hear(2, 1, {
        kind: "append-reply",
        previous: { term: 1, index },
        outcome: { kind: "refused", conflict: origin },
      });
      if (index < 5) expect(sentBy(output)).toEqual([]);
    }
    expect(solo.status).toEqual(before);
    // A late acknowledgement neither.
    solo.ack(2, 2);
    expect(solo.status).toEqual(before);
  });

  test("B3: a refusal above match leads back to a probe above match", () => {
    const solo = new Solo();
    solo.persisted(solo.lead());
    solo.ack(2, 1);
    for (let n = 0; n < 4; n += 1) solo.propose("x");
    const output = solo.hear(2, 1, {
      kind: "append-reply",
      previous: { term: 1, index: 4 },
      outcome: { kind: "refused", conflict: origin },
    });
    expect(solo.status.progress[0]).toMatchObject({ state: "probe", match: 1, next: 2 });
    expect(only(output.sendNow, "append-request")).toMatchObject([{ previous: { index: 1 } }]);
  });

  test("B3: while probing only the answer to the last question counts", () => {
    const entries = logOfTerms(1, 1, 1, 1, 1);
    const solo = new Solo({ entries, hardState: { term: 1, vote: undefined } });
    solo.lead();
    const before = solo.status;
    solo.hear(2, 2, {
      kind: "append-reply",
      previous: { term: 1, index: 3 },
      outcome: { kind: "refused", conflict: { term: 1, index: 1 } },
    });
    expect(solo.status).toEqual(before);
  });

  test("B3: an answer of an older term is void", () => {
    const solo = new Solo({ hardState: { term: 4, vote: undefined } });
    solo.persisted(solo.lead());
    solo.hear(2, 3, {
      kind: "append-reply",
      previous: origin,
      outcome: { kind: "accepted", match: 1 },
    });
    expect(solo.status).toMatchObject({ commit: 0, term: 5 });
  });

  test("B4: the disk's confirmation of an overwritten append makes nothing new durable", () => {
    const solo = new Solo();
    const first = solo.hear(2, 1, {
      kind: "append-request",
      previous: origin,
      entries: logOfTerms(1, 1, 1),
      commit: 0,
    });
    const second = solo.hear(3, 2, {
      kind: "append-request",
      previous: { term: 1, index: 1 },
      entries: [entry(2, 2), entry(2, 3)],
      commit: 3,
    });
    expect(second.persist).toMatchObject({ truncateAfter: 1, hardState: { term: 2 } });
    const early = solo.persisted(first);
    expect(early.committed.map(({ index }) => index)).toEqual([1]);
    expect(solo.status.durable).toBe(1);
    const late = solo.persisted(second);
    expect(late.committed.map(({ index, term }) => [index, term])).toEqual([
      [2, 2],
      [3, 2],
    ]);
  });

  test("B5: a follower commits no further than it is known to agree with the leader", () => {
    const solo = new Solo({ entries: logOfTerms(1, 1, 1, 1) });
    const previous = { term: 1, index: 1 };
    const append = { kind: "append-request", previous, entries: [], commit: 4 } as const;
    solo.hear(2, 2, append);
    expect(solo.status.commit).toBe(1);
    solo.hear(2, 2, { ...append, entries: [entry(1, 2)] });
    expect(solo.status.commit).toBe(2);
  });

  test("B5: a heartbeat's commit is bounded by what the follower is known to match", () => {
    const solo = new Solo();
    solo.persisted(solo.lead());
    solo.ack(2, 1);
    const beats = solo.tick(solo.config.heartbeatTicks).flatMap(sentBy);
    const rounds = only(beats, "heartbeat").filter(({ round }) => round > 0);
    expect(rounds.map(({ to, commit }) => [to, commit])).toEqual([
      [2, 1],
      [3, 0],
    ]);
  });

  test.each([1, 3])(
    "B7: in a cluster of %i the leader counts itself after its own disk",
    (size) => {
      const voters = Array.from({ length: size }, (_, n) => n + 1);
      const solo = new Solo({ membership: votersOf(...voters) });
      const noop = size === 1 ? solo.persisted(solo.timeOut()) : solo.lead(...voters.slice(1));
      if (size > 1) solo.ack(2, 1);
      expect(solo.status.commit).toBe(0);
      const output = solo.persisted(noop);
      expect(solo.status.commit).toBe(1);
      expect(output.committed).toHaveLength(1);
    },
  );

  test("B8: a follower acknowledges after its disk; the leader's message is sent before", () => {
    const solo = new Solo();
    const output = solo.lead();
    expect(only(output.sendNow, "append-request")).toHaveLength(2);
    const follower = new Solo().hear(2, 1, {
      kind: "append-request",
      previous: origin,
      entries: logOfTerms(1),
      commit: 0,
    });
    expect(follower.sendNow).toEqual([]);
    expect(only(follower.sendAfterPersist, "append-reply")).toHaveLength(1);
  });

  test("B9: repairing a log costs a round trip per diverging term at most, not per entry", () => {
    const mine = logOfTerms(1, ...Array.from({ length: 400 }, () => 9));
    const theirs = logOfTerms(1, ...Array.from({ length: 600 }, (_, n) => 2 + (n >> 7)));
    const cluster = new Cluster({
      logs: { 1: mine, 2: theirs, 3: [] },
      terms: { 1: 9, 2: 9, 3: 9 },
    });
    let appends = 0;
    cluster.observer.sent = (_node, { kind, to }) => {
      if (kind === "append-request" && to === 2) appends += 1;
    };
    cluster.campaign(1);
    cluster.tick(10);
    expect(cluster.log(2)).toEqual(cluster.log(1));
    // The first guess, one per diverging term, and the repair itself in one or two pieces.
    expect(appends).toBeLessThanOrEqual(5);
  });

  describe("B10: nothing that is lost makes replication stick", () => {
    const losses: [string, (message: Message) => boolean][] = [
      ["append", ({ kind, to }) => kind === "append-request" && to === 2],
      ["acknowledgement", ({ kind, from }) => kind === "append-reply" && from === 2],
    ];
    test.each(losses)("a lost %s, however many", (_name, isLost) => {
      const config = { inflightAppendsMax: 3 };
      const cluster = new Cluster({ config });
      cluster.campaign(1);
      for (const count of [1, 2, 3, 7]) {
        for (let n = 0; n < count; n += 1) cluster.propose(1, `${count}.${n}`);
        cluster.queue = cluster.queue.filter((message) => !isLost(message));
        // The disks of the followers work at once, so that acknowledgements are in the queue as well.
        for (const message of cluster.queue.splice(0)) cluster.deliver(message);
        for (const id of [2, 3]) cluster.at(id).syncDisk();
        cluster.queue = cluster.queue.filter((message) => !isLost(message));
        cluster.settle();
        cluster.tick(15);
        expect(cluster.log(2)).toEqual(cluster.log(1));
        expect(cluster.at(2).status.commit).toBe(cluster.at(1).status.last.index);
        expect(cluster.at(1).status.progress[0]).toMatchObject({ state: "replicate", inflight: 0 });
      }
    });

    test("a follower that was away is probed once, and caught up when it is back", () => {
      const cluster = new Cluster();
      cluster.campaign(1);
      cluster.crash(2);
      cluster.at(1).step({ kind: "unreachable", peer: 2 });
      let appends = 0;
      cluster.observer.sent = (_node, { kind, to }) => {
        if (kind === "append-request" && to === 2) appends += 1;
      };
      for (let n = 0; n < 20; n += 1) cluster.propose(1, `${n}`);
      cluster.tick(50);
      expect(appends).toBeLessThanOrEqual(1);
      cluster.start(2);
      cluster.tick(15);
      expect(cluster.log(2)).toEqual(cluster.log(1));
    });
  });
});

describe("C: membership", () => {
  test("C3: a membership entry that is truncated takes its membership with it", () => {
    const solo = new Solo();
    solo.hear(2, 1, {
      kind: "append-request",
      previous: origin,
      entries: [entry(1, 1), membershipEntry(1, 2, 1, 2, 3, 4)],
      commit: 1,
    });
    expect(solo.status.membership).toEqual(votersOf(1, 2, 3, 4));
    solo.hear(3, 2, {
      kind: "append-request",
      previous: { term: 1, index: 1 },
      entries: [entry(2, 2)],
      commit: 1,
    });
    expect(solo.status.membership).toEqual(votersOf(1, 2, 3));
  });

  test("C4: a snapshot's membership wins over a newer uncommitted one", () => {
    const solo = new Solo();
    solo.hear(2, 1, {
      kind: "append-request",
      previous: origin,
      entries: [entry(1, 1), membershipEntry(1, 2, 1, 2, 3, 4)],
      commit: 1,
    });
    const snapshot = { last: { term: 2, index: 2 }, membership: votersOf(1, 2, 3) };
    const data = new Uint8Array(0);
    solo.hear(3, 2, { kind: "snapshot-chunk", snapshot, chunk: 0, data, done: true });
    solo.step({ kind: "snapshot-installed", snapshot });
    expect(solo.status).toMatchObject({ membership: votersOf(1, 2, 3), last: snapshot.last });
  });

  test("C5: a node votes on request, whether or not it is a voter in its own view", () => {
    const solo = new Solo({ membership: { voters: [2, 3], learners: [1], context: "" } });
    const output = solo.hear(2, 1, { kind: "vote-request", last: origin, transfer: false });
    expect(only(output.sendAfterPersist, "vote-reply")).toMatchObject([{ granted: true }]);
  });
});

describe("D: reads and transfer", () => {
  test("D2: an answer to a round of an earlier leadership confirms nothing", () => {
    const solo = new Solo();
    solo.persisted(solo.lead());
    solo.ack(2, 1);
    for (let n = 0; n < 9; n += 1) solo.tick(2);
    solo.hear(3, 2, { kind: "heartbeat", commit: 0, round: 1 });
    solo.persisted(solo.lead());
    const { term, last } = solo.status;
    solo.ack(2, last.index);
    solo.step({ kind: "read", id: 1 });
    const old = solo.hear(2, 1, { kind: "heartbeat-reply", round: 5 });
    expect(old.reads).toEqual([]);
    // Nor does one that claims a round which was never begun.
    expect(solo.hear(2, term, { kind: "heartbeat-reply", round: 99 }).reads).toEqual([]);
  });

  test("D3: every pending read ends with leadership, whichever stage it is in", () => {
    const solo = new Solo();
    solo.persisted(solo.lead());
    solo.step({ kind: "read", id: 1 });
    solo.ack(2, 1);
    solo.step({ kind: "read", id: 2 });
    const output = solo.hear(3, 2, { kind: "heartbeat", commit: 0, round: 1 });
    expect(output.reads).toEqual([
      { id: 1, index: undefined },
      { id: 2, index: undefined },
    ]);
    expect(solo.step({ kind: "read", id: 3 }).reads).toEqual([{ id: 3, index: undefined }]);
  });

  test("D3: also when the leader steps down by itself", () => {
    const solo = new Solo();
    solo.persisted(solo.lead());
    solo.step({ kind: "read", id: 1 });
    const outcomes = solo.tick(solo.config.electionTicks).flatMap(({ reads }) => reads);
    expect(outcomes).toEqual([{ id: 1, index: undefined }]);
  });

  test("D5: a request to campaign is void in another term or before the log has caught up", () => {
    const last = { term: 2, index: 2 };
    for (const [term, state, role] of [
      [2, logOfTerms(1, 2), "candidate"],
      [1, logOfTerms(1, 2), "follower"],
      [3, logOfTerms(1, 2), "follower"],
      [2, logOfTerms(1), "follower"],
    ] as const) {
      const solo = new Solo({ entries: state, hardState: { term: 2, vote: undefined } });
      solo.follow(2, 2).hear(2, term, { kind: "timeout-now", last });
      expect(solo.status.role).toBe(role);
      expect(solo.status.term).toBe(role === "candidate" ? 3 : 2);
    }
  });

  test("D6: a campaign at the leader's request passes stickiness, with requests that say so", () => {
    const solo = new Solo().follow(2, 1);
    const output = solo.hear(2, 1, { kind: "timeout-now", last: origin });
    const requests = only(output.sendAfterPersist, "vote-request");
    expect(requests.map(({ transfer }) => transfer)).toEqual([true, true]);
    const voter = new Solo({}, {}, 3).follow(2, 1);
    const granted = voter.hear(1, 2, { kind: "vote-request", last: origin, transfer: true });
    expect(only(granted.sendAfterPersist, "vote-reply")).toMatchObject([{ granted: true }]);
  });
});

describe("E: snapshots", () => {
  const snapshot = { last: { term: 3, index: 9 }, membership: votersOf(1, 2, 3) };
  const data = new Uint8Array(1);
  const chunk = { kind: "snapshot-chunk", snapshot, chunk: 0, data, done: false } as const;

  test("E1: a log that diverges at the snapshot is dropped whole, so that appends go on after it", () => {
    const solo = new Solo({ entries: logOfTerms(...Array.from({ length: 20 }, () => 2)) });
    solo.hear(2, 3, { ...chunk, done: true });
    solo.step({ kind: "snapshot-installed", snapshot });
    const append = { kind: "append-request", previous: snapshot.last, commit: 10 } as const;
    const output = solo.hear(2, 3, { ...append, entries: [entry(3, 10)] });
    expect(output.persist).toMatchObject({ truncateAfter: undefined, entries: [{ index: 10 }] });
    expect(solo.persisted(output).committed.map(({ index }) => index)).toEqual([10]);
  });

  test.each(["pre-candidate", "candidate"] as const)(
    "E3: a %s takes a snapshot from the leader of its term",
    (role) => {
      const solo = new Solo();
      if (role === "candidate") solo.campaign(2);
      else solo.timeOut();
      expect(solo.status.role).toBe(role);
      const output = solo.hear(2, Math.max(1, solo.status.term), chunk);
      expect(output.snapshotWrite).toMatchObject({ chunk: 0, from: 2 });
      expect(solo.status).toMatchObject({ role: "follower", leader: 2 });
    },
  );

  test("E3: an old snapshot is not installed over a newer state; the leader hears how far this node is", () => {
    const solo = new Solo({
      entries: logOfTerms(...Array.from({ length: 12 }, () => 3)),
      applied: 11,
    });
    const output = solo.hear(2, 3, chunk);
    expect(output.snapshotWrite).toBeUndefined();
    expect(only(output.sendAfterPersist, "append-reply")).toMatchObject([
      { outcome: { kind: "accepted", match: 11 } },
    ]);
  });

  test("E3: chunks are taken in order, each once; the answer names the one that is wanted", () => {
    const solo = new Solo();
    const wanted = (output: ReturnType<Solo["hear"]>): number[] =>
      only(sentBy(output), "snapshot-chunk-reply").map(({ next }) => next);
    expect(wanted(solo.hear(2, 3, { ...chunk, chunk: 4 }))).toEqual([0]);
    expect(solo.hear(2, 3, chunk).snapshotWrite?.chunk).toBe(0);
    // The disk is busy with it.
    expect(solo.hear(2, 3, chunk).snapshotWrite).toBeUndefined();
    expect(solo.hear(2, 3, { ...chunk, chunk: 1 }).snapshotWrite).toBeUndefined();
    const { last } = snapshot;
    expect(wanted(solo.step({ kind: "snapshot-written", last, chunk: 0 }))).toEqual([1]);
    expect(wanted(solo.hear(2, 3, { ...chunk, chunk: 2 }))).toEqual([1]);
    expect(solo.hear(2, 3, { ...chunk, chunk: 1 }).snapshotWrite?.chunk).toBe(1);
    expect(wanted(solo.step({ kind: "snapshot-written", last, chunk: 1 }))).toEqual([2]);
    // An older snapshot that comes late does not displace this one.
    const older = { ...snapshot, last: { term: 3, index: 5 } };
    expect(solo.hear(2, 3, { ...chunk, snapshot: older }).snapshotWrite).toBeUndefined();
    expect(wanted(solo.step({ kind: "snapshot-rejected", last }))).toEqual([0]);
    expect(solo.hear(2, 3, chunk).snapshotWrite?.chunk).toBe(0);
  });

  test("E2, S3: while a snapshot is being installed the log stands still", () => {
    const solo = new Solo({ entries: logOfTerms(1, 1) });
    solo.hear(2, 3, { ...chunk, done: true });
    const previous = { term: 1, index: 2 };
    const append = { kind: "append-request", previous, entries: [entry(3, 3)], commit: 2 } as const;
    expect(sentBy(solo.hear(2, 3, append))).toEqual([]);
    const beat = solo.hear(2, 3, { kind: "heartbeat", commit: 2, round: 4 });
    expect(only(sentBy(beat), "heartbeat-reply")).toHaveLength(1);
    expect(beat.committed).toEqual([]);
    solo.tick(100);
    expect(solo.status).toMatchObject({ role: "follower", commit: 0, last: { index: 2 } });
    solo.step({ kind: "snapshot-installed", snapshot });
    expect(solo.status).toMatchObject({ commit: 9, installing: false });
  });

  test("E4: however long the installation takes, the leader neither forgets it nor sends it all again", () => {
    const solo = new Solo({ last: { term: 2, index: 9 }, entries: [entry(2, 10)], applied: 10 });
    solo.persisted(solo.lead());
    const mine = solo.raft.snapshotIdAt(10);
    const refused = solo.hear(2, 3, {
      kind: "append-reply",
      previous: { term: 2, index: 10 },
      outcome: { kind: "refused", conflict: origin },
    });
    expect(refused.snapshotReads).toEqual([{ to: 2, last: undefined, chunk: 0 }]);
    let chunks = 0;
    for (let n = 0; n < 100; n += 1) {
      const [output] = solo.tick();
      solo.hear(2, 3, { kind: "heartbeat-reply", round: 1 });
      const reads = n === 0 ? refused.snapshotReads : output!.snapshotReads;
      for (const { to } of reads) {
        const answer = { kind: "snapshot-read", to, snapshot: mine, chunk: 0, data } as const;
        solo.step({ ...answer, done: true });
        solo.hear(2, 3, { kind: "snapshot-chunk-reply", last: mine.last, next: 1 });
        chunks += 1;
      }
      expect(solo.status.progress[0]!.state).toBe("snapshot");
    }
    expect(chunks).toBeGreaterThan(1);
    expect(chunks).toBeLessThanOrEqual(1 + 100 / solo.config.electionTicks);
    solo.ack(2, 10);
    expect(solo.status.progress[0]!.state).toBe("replicate");
  });

  test("E7: a follower behind a log that was dropped whole gets a snapshot", () => {
    const cluster = new Cluster();
    cluster.campaign(1);
    cluster.crash(3);
    for (let n = 0; n < 5; n += 1) cluster.propose(1, `${n}`);
    cluster.settle();
    const leader = cluster.at(1);
    leader.flush();
    leader.compact(leader.machine.applied);
    expect(leader.status.compacted.index).toBe(6);
    cluster.start(3);
    cluster.tick(30);
    expect(cluster.at(3).machine).toEqual(leader.machine);
    cluster.propose(1, "after");
    cluster.settle();
    expect(cluster.log(3)).toEqual(["1.after"]);
  });

  test("E7: the same when the disk turns out to have dropped what memory still hoped for", () => {
    const solo = new Solo({ entries: logOfTerms(1, 1, 1), applied: 3 });
    solo.lead();
    const refused = solo.hear(2, 2, {
      kind: "append-reply",
      previous: { term: 1, index: 3 },
      outcome: { kind: "refused", conflict: origin },
    });
    expect(refused.fetches).toMatchObject([{ for: 2, from: 1, through: 3 }]);
    const output = solo.step({ kind: "fetched", for: 2, from: 1, entries: [] });
    expect(output.snapshotReads).toEqual([{ to: 2, last: undefined, chunk: 0 }]);
  });

  test("E7: a snapshot that the log has outrun while it was installed is followed by another", () => {
    const solo = new Solo({ last: { term: 1, index: 8 }, entries: [entry(1, 9)], applied: 9 });
    solo.persisted(solo.lead());
    const older = solo.raft.snapshotIdAt(9);
    solo.hear(2, 2, {
      kind: "append-reply",
      previous: { term: 1, index: 9 },
      outcome: { kind: "refused", conflict: origin },
    });
    solo.step({ kind: "snapshot-read", to: 2, snapshot: older, chunk: 0, data, done: true });
    solo.ack(3, 10);
    solo.step({ kind: "applied", index: 10 });
    solo.step({ kind: "compacted", index: 10 });
    const output = solo.ack(2, 9);
    expect(output.snapshotReads).toEqual([{ to: 2, last: undefined, chunk: 0 }]);
  });

  test("E8: dropping a log that the state machine has not applied stops the process", () => {
    const solo = new Solo({ entries: logOfTerms(1, 1), applied: 1 });
    expect(() => solo.step({ kind: "compacted", index: 2 })).toThrow("E8");
  });
});

describe("F8: a disk that does not answer", () => {
  test("a leader steps down after two election time-outs, and does not campaign until the disk is back", () => {
    const solo = new Solo();
    const noop = solo.lead();
    const stillAlive = (): void => {
      for (const from of [2, 3]) solo.hear(from, 1, { kind: "heartbeat-reply", round: 1 });
      solo.tick();
    };
    for (let n = 0; n < 2 * solo.config.electionTicks; n += 1) stillAlive();
    expect(solo.status.role).toBe("leader");
    stillAlive();
    expect(solo.status.role).toBe("follower");
    solo.tick(100);
    expect(solo.status.role).toBe("follower");
    solo.persisted(noop);
    solo.tick();
    expect(solo.status.role).toBe("pre-candidate");
  });
});

describe("I: memory", () => {
  test("I1: what is not committed is bounded in bytes, and starts anew with each leadership", () => {
    const cost = bytesOf(entry(1, 1, "0123456789"));
    const solo = new Solo({}, { uncommittedBytesMax: 3 * cost });
    solo.persisted(solo.lead());
    const outcomes = Array.from({ length: 5 }, () => solo.propose("0123456789").proposed?.kind);
    expect(outcomes).toEqual(["appended", "appended", "appended", "refused", "refused"]);
    expect(solo.propose("x").proposed).toEqual({ kind: "refused", reason: "uncommitted-limit" });
    solo.ack(2, 3);
    // Only by the disk of one follower so far: commit needs the own one or another.
    expect(solo.propose("x").proposed?.kind).toBe("refused");
    solo.ack(3, 3);
    expect(solo.propose("0123456789").proposed?.kind).toBe("appended");

    solo.follow(2, 7);
    const { last } = solo.status;
    solo.sync();
    solo.lead();
    expect(solo.status.last.index).toBe(last.index + 1);
    expect(solo.propose("0123456789").proposed?.kind).toBe("appended");
  });

  test("I1: reads that wait are bounded; one more is refused at once, with the reason, and room comes back", () => {
    const solo = new Solo();
    solo.persisted(solo.lead());
    solo.ack(2, 1);
    // Not by Solo: the invariants are checked after every step, and these are many.
    for (let id = 1; id <= readsWaitingMax; id += 1) solo.raft.step({ kind: "read", id });
    const id = readsWaitingMax + 1;
    const refused = [{ id, index: undefined, reason: "too-many-reads" }];
    expect(solo.step({ kind: "read", id }).reads).toEqual(refused);
    // The round of the first read confirms that one, and begins another for the rest.
    const { reads, sendNow } = solo.hear(2, 1, { kind: "heartbeat-reply", round: 1 });
    expect(reads).toEqual([{ id: 1, index: 1 }]);
    expect(only(sendNow, "heartbeat")[0]).toMatchObject({ round: 2 });
    expect(solo.step({ kind: "read", id: id + 1 }).reads).toEqual([]);
    expect(solo.step({ kind: "read", id: id + 2 }).reads).toHaveLength(1);
    const rest = solo.hear(2, 1, { kind: "heartbeat-reply", round: 2 });
    expect(rest.reads).toHaveLength(readsWaitingMax - 1);
  });

  test("I2: what is under way to one follower is bounded in count and in bytes", () => {
    const solo = new Solo({}, { inflightAppendsMax: 4 });
    solo.persisted(solo.lead());
    solo.ack(2, 1);
    for (let n = 0; n < 10; n += 1) solo.propose("x");
    expect(solo.status.progress[0]).toMatchObject({ state: "replicate", inflight: 4, next: 6 });
    // Never acknowledged at all: one probe.
    expect(solo.status.progress[1]).toMatchObject({ state: "probe", inflight: 1 });
    const output = solo.ack(2, 5);
    // The rest goes together.
    expect(only(output.sendNow, "append-request").map(({ entries }) => entries.length)).toEqual([
      6,
    ]);

    const bytes = new Solo({}, { inflightBytesMax: 1000 });
    bytes.persisted(bytes.lead());
    bytes.ack(2, 1);
    for (let n = 0; n < 20; n += 1) bytes.propose("x".repeat(400));
    expect(bytes.status.progress[0]!.inflightBytes).toBeLessThan(1000 + 500);
  });

  test("I2: a slow follower is served from disk in pieces, one at a time", () => {
    const config = { cacheBytesMax: 0, appendBytesMax: 300 };
    const cluster = new Cluster({ config });
    cluster.campaign(1);
    cluster.crash(3);
    cluster.at(1).step({ kind: "unreachable", peer: 3 });
    for (let n = 0; n < 30; n += 1) {
      cluster.propose(1, "x".repeat(100));
      cluster.settle();
    }
    const fetches: number[] = [];
    cluster.observer.stepped = (node, _input, _before, _after, output) => {
      if (node.id === 1) fetches.push(...output.fetches.map(({ from }) => from));
      expect(node.fetchWork.length).toBeLessThanOrEqual(1);
    };
    cluster.start(3);
    cluster.tick(40);
    expect(cluster.log(3)).toEqual(cluster.log(1));
    expect(fetches.length).toBeGreaterThanOrEqual(10);
    expect(new Set(fetches).size).toBe(fetches.length);
  });

  test("I2, B4: what was fetched for an earlier leadership is not sent when it was replaced since", () => {
    const hardState = { term: 1, vote: undefined };
    const solo = new Solo({ entries: logOfTerms(1, 1, 1, 1), hardState });
    const lacking = (index: number, term: number): ReturnType<Solo["hear"]> =>
      solo.hear(2, solo.status.term, {
        kind: "append-reply",
        previous: { term, index },
        outcome: { kind: "refused", conflict: { term: 1, index: 1 } },
      });
    solo.lead();
    expect(lacking(4, 1).fetches).toMatchObject([{ from: 2, through: 4 }]);
    const entries = [entry(3, 3)];
    const previous = { term: 1, index: 2 };
    solo.hear(3, 3, { kind: "append-request", previous, entries, commit: 0 });
    solo.sync();
    solo.lead();
    expect(lacking(3, 3).fetches).toMatchObject([{ from: 2, through: 2 }]);
    const old = logOfTerms(1, 1, 1, 1).slice(1);
    const output = solo.step({ kind: "fetched", for: 2, from: 2, entries: old });
    expect(sentBy(output)).toEqual([]);
    expect(output.fetches).toMatchObject([{ from: 2, through: 2 }]);
  });

  test("I2: a replay after a restart is fetched in pieces, at most two of them unapplied", () => {
    const entries = logOfTerms(...Array.from({ length: 100 }, () => 1));
    const cluster = new Cluster({
      membership: votersOf(1),
      logs: { 1: entries },
      config: { appendBytesMax: 30 },
    });
    const member = cluster.at(1);
    let lead = 0;
    for (let n = 0; n < 1000 && member.machine.applied < 101; n += 1) {
      member.step({ kind: "tick" });
      member.syncDisk();
      while (member.fetchWork.length > 0) member.fetch();
      lead = Math.max(lead, member.status.handedOut - member.machine.applied);
      member.apply();
    }
    expect(member.machine.applied).toBe(101);
    expect(lead).toBeLessThanOrEqual(2 * 10 + 1);
  });
});

describe("T7: what is late, strange or twice", () => {
  test("messages to somebody else, from oneself or out of shape change nothing", () => {
    const solo = new Solo().follow(2, 1);
    const before = solo.status;
    const append = {
      kind: "append-request",
      from: 2,
      to: 1,
      term: 1,
      previous: origin,
      entries: [entry(1, 1)],
      commit: 1,
    } as const;
    solo.step({ kind: "message", message: { ...append, to: 3 } });
    solo.step({ kind: "message", message: { ...append, from: 1 } });
    solo.step({ kind: "message", message: { ...append, entries: [entry(1, 2)] } });
    solo.step({ kind: "message", message: { ...append, entries: [entry(2, 1)] } });
    expect(solo.status).toEqual(before);
  });

  test("answers to questions that were never asked change nothing", () => {
    const solo = new Solo();
    solo.persisted(solo.lead());
    const before = solo.status;
    const { last } = before;
    const snapshot = { last, membership: votersOf(1, 2, 3) };
    const data = new Uint8Array(0);
    for (const to of [2, 9]) {
      solo.step({ kind: "fetched", for: to, from: 1, entries: [] });
      solo.step({ kind: "snapshot-read", to, snapshot, chunk: 0, data, done: true });
      solo.step({ kind: "snapshot-lost", to });
    }
    solo.step({ kind: "fetched", for: 1, from: 1, entries: [] });
    solo.step({ kind: "snapshot-written", last, chunk: 0 });
    solo.step({ kind: "snapshot-installed", snapshot });
    solo.step({ kind: "snapshot-rejected", last });
    solo.step({ kind: "unreachable", peer: 9 });
    solo.step({ kind: "leader-gone" });
    expect(solo.status).toEqual(before);
  });

  test("a shell that breaks its side stops the process", () => {
    const solo = new Solo({ entries: logOfTerms(1), applied: 1 });
    expect(() => solo.step({ kind: "persisted", sequence: 9 })).toThrow("O2");
    expect(() => solo.step({ kind: "applied", index: 9 })).toThrow("T3");
  });
});
