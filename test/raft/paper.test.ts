// Sentences of "In Search of an Understandable Consensus Algorithm (Extended Version)" (Ongaro, Ousterhout 2014) and of Ongaro's
// thesis "Consensus: Bridging Theory and Practice" (2014), each with the test that holds us to it.

import { describe, expect, test } from "vitest";
import { encodeMembership, origin, type Entry, type EntryId } from "../../raft/index.ts";
import { Cluster } from "./cluster.ts";
import { entry, randomFrom, votersOf } from "./harness.ts";
import { only, sentBy, Solo } from "./solo.ts";

const five = votersOf(1, 2, 3, 4, 5);

function logOfTerms(...terms: number[]): Entry[] {
  return terms.map((term, at) => entry(term, at + 1));
}

describe("Raft §5.1, terms", () => {
  test("if one server's current term is smaller than the other's, then it updates its current term to the larger value", () => {
    const solo = new Solo();
    const output = solo.hear(2, 7, { kind: "heartbeat", commit: 0, round: 1 });
    expect(solo.status.term).toBe(7);
    expect(output.persist?.hardState).toEqual({ term: 7, vote: undefined });
  });

  test.each(["candidate", "leader"] as const)(
    "if a %s discovers that its term is out of date, it immediately reverts to follower state",
    (role) => {
      const solo = new Solo();
      if (role === "leader") solo.lead();
      else solo.campaign(2);
      expect(solo.status.role).toBe(role);
      const term = solo.status.term + 3;
      solo.hear(2, term, { kind: "append-request", previous: origin, entries: [], commit: 0 });
      expect(solo.status).toMatchObject({ role: "follower", term, leader: 2 });
    },
  );

  test("if a server receives a request with a stale term number, it rejects the request", () => {
    const solo = new Solo({ hardState: { term: 5, vote: undefined } });
    const append = solo.hear(2, 4, {
      kind: "append-request",
      previous: origin,
      entries: [entry(4, 1)],
      commit: 1,
    });
    expect(only(sentBy(append), "append-reply")).toMatchObject([
      { term: 5, outcome: { kind: "refused" } },
    ]);
    const vote = solo.hear(2, 4, {
      kind: "vote-request",
      last: { term: 9, index: 9 },
      transfer: false,
    });
    expect(only(sentBy(vote), "vote-reply")).toMatchObject([{ term: 5, granted: false }]);
    expect(solo.status).toMatchObject({ term: 5, last: origin, leader: undefined });
  });
});

describe("Raft §5.2, leader election", () => {
  test("when servers start up, they begin as followers", () => {
    expect(new Solo().status.role).toBe("follower");
  });

  test("a server remains in follower state as long as it receives valid RPCs from a leader", () => {
    const solo = new Solo();
    for (let n = 0; n < 20; n += 1) {
      solo.hear(2, 1, { kind: "heartbeat", commit: 0, round: n + 1 });
      solo.tick(solo.config.electionTicks - 1);
    }
    expect(solo.status).toMatchObject({ role: "follower", leader: 2, term: 1 });
  });

  test("leaders send periodic heartbeats to all followers in order to maintain their authority", () => {
    const solo = new Solo({ membership: five });
    solo.lead(2, 3);
    const sent = solo.tick(solo.config.heartbeatTicks).flatMap(sentBy);
    expect(only(sent, "heartbeat").map(({ to }) => to)).toEqual([2, 3, 4, 5]);
  });

  test("if a follower receives no communication over the election timeout, it begins an election", () => {
    const solo = new Solo().follow(2, 1);
    solo.tick(solo.config.electionTicks - 1);
    expect(solo.status.role).toBe("follower");
    solo.tick();
    expect(solo.status.role).toBe("pre-candidate");
  });

  test("to begin an election, a follower increments its current term, votes for itself and issues RequestVote RPCs to each of the other servers", () => {
    const solo = new Solo({ membership: five, entries: logOfTerms(1, 2) });
    const output = solo.campaign(2, 3);
    expect(solo.status).toMatchObject({ role: "candidate", term: 3, vote: 1 });
    expect(output.persist?.hardState).toEqual({ term: 3, vote: 1 });
    // Our order: after the disk, so that a crash cannot take back what the request says.
    expect(output.sendNow).toEqual([]);
    expect(only(output.sendAfterPersist, "vote-request")).toMatchObject(
      [2, 3, 4, 5].map((to) => ({ to, term: 3, last: { term: 2, index: 2 } })),
    );
  });

  test.each([
    { voters: [1], grants: [], refusals: [], role: "leader" },
    { voters: [1, 2, 3], grants: [2], refusals: [], role: "leader" },
    { voters: [1, 2, 3], grants: [2], refusals: [3], role: "leader" },
    { voters: [1, 2, 3], grants: [], refusals: [2, 3], role: "candidate" },
    { voters: [1, 2, 3, 4, 5], grants: [2, 3], refusals: [], role: "leader" },
    { voters: [1, 2, 3, 4, 5], grants: [2], refusals: [], role: "candidate" },
    { voters: [1, 2, 3, 4, 5], grants: [2], refusals: [3, 4, 5], role: "candidate" },
    { voters: [1, 2, 3, 4], grants: [2], refusals: [], role: "candidate" },
    { voters: [1, 2, 3, 4], grants: [2, 3], refusals: [], role: "leader" },
    { voters: [1, 2, 3, 4, 5], grants: [2, 2, 2], refusals: [], role: "candidate" },
    { voters: [1, 2, 3, 4, 5], grants: [2, 8, 9], refusals: [], role: "candidate" },
  ])(
    "a candidate wins an election if it receives votes from a majority of the servers in the full cluster: %j",
    ({ voters, grants, refusals, role }) => {
      const solo = new Solo({ membership: votersOf(...voters) });
      const requests = solo.campaign(...voters.slice(1));
      solo.persisted(requests);
      for (const [ids, granted] of [
        [grants, true],
        [refusals, false],
      ] as const) {
        for (const from of ids) solo.hear(from, 1, { kind: "vote-reply", granted });
      }
      expect(solo.status.role).toBe(role);
    },
  );

  test.each([
    { vote: undefined, candidate: 2, granted: true },
    { vote: 2, candidate: 2, granted: true },
    { vote: 3, candidate: 2, granted: false },
  ])(
    "each server will vote for at most one candidate in a given term, on a first-come-first-served basis: %j",
    ({ vote, candidate, granted }) => {
      const solo = new Solo({ hardState: { term: 4, vote } });
      const output = solo.hear(candidate, 4, {
        kind: "vote-request",
        last: origin,
        transfer: false,
      });
      expect(only(output.sendAfterPersist, "vote-reply")).toMatchObject([{ granted }]);
    },
  );

  test("if the leader's term is at least as large as the candidate's current term, then the candidate recognizes the leader and returns to follower state", () => {
    for (const ahead of [0, 1]) {
      const solo = new Solo();
      solo.campaign(2);
      const term = solo.status.term + ahead;
      solo.hear(3, term, { kind: "append-request", previous: origin, entries: [], commit: 0 });
      expect(solo.status).toMatchObject({ role: "follower", leader: 3, term });
    }
  });

  test("if the term in the RPC is smaller than the candidate's current term, then the candidate rejects the RPC and continues in candidate state", () => {
    const solo = new Solo({ hardState: { term: 3, vote: undefined } });
    solo.campaign(2);
    const output = solo.hear(3, 3, { kind: "heartbeat", commit: 0, round: 1 });
    expect(only(sentBy(output), "heartbeat-reply")).toMatchObject([{ term: 4 }]);
    expect(solo.status).toMatchObject({ role: "candidate", term: 4 });
  });

  test("if votes are split, each candidate will time out and start a new election", () => {
    const solo = new Solo({ membership: five });
    solo.campaign(2, 3);
    solo.hear(2, 1, { kind: "vote-reply", granted: false });
    const again = solo.timeOut();
    expect(only(again.sendNow, "pre-vote-request")).toMatchObject(
      [2, 3, 4, 5].map((to) => ({ to, term: 2 })),
    );
    expect(solo.status.term).toBe(1);
  });

  test("A13: election timeouts are chosen randomly from a fixed interval, anew at every change of state", () => {
    const solo = new Solo({}, { random: randomFrom(3) });
    const seen = new Set<number>();
    for (let term = 1; term <= 300; term += 1) {
      solo.follow(2, term);
      let ticks = 0;
      while (solo.status.role === "follower" && ticks < 100) {
        solo.tick();
        ticks += 1;
      }
      seen.add(ticks);
    }
    const { electionTicks } = solo.config;
    expect([...seen].sort((a, b) => a - b)).toEqual(
      Array.from({ length: electionTicks }, (_, n) => electionTicks + n),
    );
  });
});

describe("Raft §5.3, log replication", () => {
  test("the leader appends the command to its log as a new entry, then issues AppendEntries RPCs in parallel to each of the other servers", () => {
    const solo = new Solo();
    solo.lead();
    for (const from of [2, 3]) solo.ack(from, 1);
    const output = solo.propose("a");
    expect(output.proposed).toEqual({ kind: "appended", id: { term: 1, index: 2 } });
    expect(output.persist?.entries).toMatchObject([{ index: 2, term: 1, kind: "command" }]);
    expect(only(output.sendNow, "append-request")).toMatchObject(
      [2, 3].map((to) => ({ to, previous: { term: 1, index: 1 }, entries: [{ index: 2 }] })),
    );
  });

  test.each([
    { voters: 3, acks: 0, committed: false },
    { voters: 3, acks: 1, committed: true },
    { voters: 5, acks: 1, committed: false },
    { voters: 5, acks: 2, committed: true },
  ])(
    "a log entry is committed once the leader that created the entry has replicated it on a majority of the servers: %j",
    ({ voters, acks, committed }) => {
      const ids = Array.from({ length: voters }, (_, n) => n + 1);
      const solo = new Solo({ membership: votersOf(...ids) });
      solo.persisted(solo.lead(...ids.slice(1)));
      for (const from of ids.slice(1, acks + 1)) solo.ack(from, 1);
      expect(solo.status.commit).toBe(committed ? 1 : 0);
    },
  );

  test("this also commits all preceding entries in the leader's log, including entries created by previous leaders", () => {
    const solo = new Solo({ entries: logOfTerms(1, 2), hardState: { term: 2, vote: undefined } });
    solo.persisted(solo.lead());
    const output = solo.ack(2, 3);
    expect(solo.status.commit).toBe(3);
    // The older entries are not in memory: they are fetched before anything is handed out.
    expect(output.fetches).toEqual([{ for: 1, from: 1, through: 2, bytesMax: 1 << 16 }]);
    const fetched = solo.step({ kind: "fetched", for: 1, from: 1, entries: logOfTerms(1, 2) });
    expect(fetched.committed.map(({ index }) => index)).toEqual([1, 2, 3]);
  });

  test("the leader keeps track of the highest index it knows to be committed, and includes it in future AppendEntries RPCs", () => {
    const solo = new Solo();
    solo.persisted(solo.lead());
    solo.ack(2, 1);
    const output = solo.propose("a");
    expect(only(output.sendNow, "append-request")).toMatchObject([{ to: 2, commit: 1 }]);
  });

  test("once a follower learns that a log entry is committed, it applies the entry to its local state machine (in log order)", () => {
    const solo = new Solo();
    const entries = logOfTerms(1, 1, 1);
    const output = solo.hear(2, 1, {
      kind: "append-request",
      previous: origin,
      entries,
      commit: 2,
    });
    // Ours: not before the own disk has them.
    expect(output.committed).toEqual([]);
    expect(solo.persisted(output).committed.map(({ index }) => index)).toEqual([1, 2]);
    const later = solo.hear(2, 1, { kind: "heartbeat", commit: 3, round: 0 });
    expect(later.committed.map(({ index }) => index)).toEqual([3]);
  });

  test("if the follower does not find an entry in its log with the same index and term, then it refuses the new entries", () => {
    const state = { entries: logOfTerms(1, 2), hardState: { term: 2, vote: undefined } };
    const cases: [EntryId, "accepted" | "refused"][] = [
      [{ term: 1, index: 1 }, "accepted"],
      [{ term: 2, index: 2 }, "accepted"],
      [{ term: 1, index: 2 }, "refused"],
      [{ term: 3, index: 3 }, "refused"],
    ];
    for (const [previous, kind] of cases) {
      const solo = new Solo(state);
      const output = solo.hear(2, 3, { kind: "append-request", previous, entries: [], commit: 0 });
      expect(only(sentBy(output), "append-reply")).toMatchObject([{ previous, outcome: { kind } }]);
    }
  });

  test.each([
    { previous: { term: 2, index: 2 }, append: [3], expected: [1, 2, 3] },
    { previous: { term: 1, index: 1 }, append: [3, 4], expected: [1, 3, 4] },
    { previous: origin, append: [1], expected: [1, 2] },
    { previous: origin, append: [3], expected: [3] },
    { previous: { term: 1, index: 1 }, append: [2], expected: [1, 2] },
  ])(
    "if an existing entry conflicts with a new one, delete the existing entry and all that follow it; append any new entries not already in the log (fig. 2): %j",
    ({ previous, append, expected }) => {
      const cluster = new Cluster({ logs: { 1: logOfTerms(1, 2) }, membership: votersOf(1, 2) });
      const entries = append.map((term, at) => entry(term, previous.index + at + 1));
      cluster.deliver({
        kind: "append-request",
        from: 2,
        to: 1,
        term: 4,
        previous,
        entries,
        commit: 0,
      });
      expect(cluster.at(1).log.map(({ term }) => term)).toEqual(expected);
    },
  );

  test("when a leader first comes to power, it initializes all nextIndex values to the index just after the last one in its log", () => {
    const solo = new Solo({ entries: logOfTerms(1, 1, 1) });
    const output = solo.lead();
    expect(only(output.sendNow, "append-request")).toMatchObject(
      [2, 3].map((to) => ({ to, previous: { term: 1, index: 3 } })),
    );
  });

  test.each([
    ["a", [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ["b", [1, 1, 1, 4]],
    ["c", [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ["d", [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ["e", [1, 1, 1, 4, 4, 4, 4]],
    ["f", [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ])(
    "fig. 7 (%s): the leader handles inconsistencies by forcing the followers' logs to duplicate its own",
    (_name, terms) => {
      const leaderLog = logOfTerms(1, 1, 1, 4, 4, 5, 5, 6, 6, 6);
      const cluster = new Cluster({
        logs: { 1: leaderLog, 2: logOfTerms(...terms), 3: [] },
        terms: { 1: 7, 2: 7, 3: 7 },
      });
      cluster.campaign(1);
      expect(cluster.at(1).status).toMatchObject({ role: "leader", term: 8 });
      expect(cluster.log(2)).toEqual(cluster.log(1));
      expect(cluster.log(3)).toEqual(cluster.log(1));
      cluster.tick();
      // B9: a round trip per diverging term at the most, the first append and the repaired one included.
      expect(cluster.at(2).status.commit).toBe(11);
    },
  );

  test("a leader never overwrites or deletes entries in its own log", () => {
    const solo = new Solo({ entries: logOfTerms(1, 1) });
    solo.lead();
    const { last } = solo.status;
    solo.hear(2, solo.status.term, {
      kind: "append-request",
      previous: origin,
      entries: [entry(2, 1)],
      commit: 0,
    });
    expect(solo.status).toMatchObject({ role: "leader", last });
  });
});

describe("Raft §5.4.1, election restriction", () => {
  const mine = { entries: logOfTerms(1, 2, 2), hardState: { term: 2, vote: undefined } };
  test.each([
    { last: { term: 2, index: 3 }, granted: true },
    { last: { term: 2, index: 4 }, granted: true },
    { last: { term: 3, index: 1 }, granted: true },
    { last: { term: 2, index: 2 }, granted: false },
    { last: { term: 1, index: 9 }, granted: false },
  ])(
    "the voter denies its vote if its own log is more up-to-date than that of the candidate: %j (A4)",
    ({ last, granted }) => {
      const output = new Solo(mine).hear(2, 4, { kind: "vote-request", last, transfer: false });
      expect(only(output.sendAfterPersist, "vote-reply")).toMatchObject([{ granted }]);
      const asked = new Solo(mine).hear(2, 4, { kind: "pre-vote-request", last });
      expect(only(sentBy(asked), "pre-vote-reply")).toMatchObject([{ granted }]);
    },
  );
});

describe("Raft §5.4.2, committing entries from previous terms", () => {
  test("only log entries from the leader's current term are committed by counting replicas (B1)", () => {
    const solo = new Solo({ entries: logOfTerms(1, 2), hardState: { term: 2, vote: undefined } });
    solo.lead();
    solo.ack(2, 2);
    solo.ack(3, 2);
    expect(solo.status.commit).toBe(0);
    solo.ack(2, 3);
    expect(solo.status.commit).toBe(0);
    solo.ack(3, 3);
    expect(solo.status.commit).toBe(3);
  });
});

describe("Raft §5.5, follower and candidate crashes", () => {
  test("Raft RPCs are idempotent, so this causes no harm", () => {
    const solo = new Solo();
    const append = {
      kind: "append-request",
      previous: origin,
      entries: logOfTerms(1, 1),
      commit: 1,
    } as const;
    solo.persisted(solo.hear(2, 1, append));
    const before = solo.status;
    const output = solo.hear(2, 1, append);
    expect(output.persist).toBeUndefined();
    expect(output.committed).toEqual([]);
    expect(solo.status).toEqual(before);
    expect(only(output.sendAfterPersist, "append-reply")).toMatchObject([
      { outcome: { kind: "accepted", match: 2 } },
    ]);
  });
});

describe("Raft §7, log compaction", () => {
  const snapshot = { last: { term: 3, index: 9 }, membership: votersOf(1, 2, 3) };
  const chunk = {
    kind: "snapshot-chunk",
    snapshot,
    chunk: 0,
    data: new Uint8Array(1),
    done: true,
  } as const;

  test("the leader must occasionally send snapshots to followers that lag behind, when it has already discarded the next log entry", () => {
    const solo = new Solo({ last: { term: 1, index: 8 }, entries: [entry(1, 9)] });
    solo.lead();
    const output = solo.hear(2, 2, {
      kind: "append-reply",
      previous: { term: 1, index: 9 },
      outcome: { kind: "refused", conflict: { term: 1, index: 3 } },
    });
    expect(output.snapshotReads).toEqual([{ to: 2, last: undefined, chunk: 0 }]);
    const read = { kind: "snapshot-read", to: 2, chunk: 0, data: chunk.data, done: true } as const;
    const sent = solo.step({ ...read, snapshot });
    expect(only(sentBy(sent), "snapshot-chunk")).toMatchObject([{ to: 2, snapshot, chunk: 0 }]);
  });

  test("the snapshot contains new information not already in the recipient's log: the follower discards its entire log", () => {
    const solo = new Solo({ entries: logOfTerms(1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2) });
    const written = solo.hear(2, 4, chunk);
    expect(written.snapshotWrite).toMatchObject({ snapshot, done: true });
    const output = solo.step({ kind: "snapshot-installed", snapshot });
    expect(solo.status).toMatchObject({
      last: snapshot.last,
      compacted: snapshot.last,
      commit: 9,
      applied: 9,
      durable: 9,
    });
    expect(only(output.sendAfterPersist, "append-reply")).toMatchObject([
      { outcome: { kind: "accepted", match: 9 } },
    ]);
  });

  test("if instead the follower receives a snapshot that describes a prefix of its log, entries following the snapshot are still valid and must be retained", () => {
    const entries = logOfTerms(1, 1, 3, 3, 3, 3, 3, 3, 3, 3, 3);
    const solo = new Solo({ entries });
    const output = solo.hear(2, 4, chunk);
    expect(output.snapshotWrite).toBeUndefined();
    expect(solo.status).toMatchObject({ last: { term: 3, index: 11 }, commit: 9 });
    expect(only(output.sendAfterPersist, "append-reply")).toMatchObject([
      { outcome: { kind: "accepted", match: 9 } },
    ]);
  });

  test("the snapshot includes the latest configuration in the log as of last included index (C4)", () => {
    const solo = new Solo();
    const membership = { voters: [1, 2, 3, 4], learners: [5], context: "" };
    solo.hear(2, 4, { ...chunk, snapshot: { ...snapshot, membership } });
    solo.step({ kind: "snapshot-installed", snapshot: { ...snapshot, membership } });
    expect(solo.status.membership).toEqual(membership);
    expect(solo.raft.snapshotIdAt(9)).toEqual({ ...snapshot, membership });
  });
});

describe("thesis §3.10, leadership transfer", () => {
  test("the target starts a new election without waiting for its election timeout, and its votes are not refused for a leader that was just heard", () => {
    const cluster = new Cluster();
    cluster.campaign(1);
    const { term, last } = cluster.at(1).status;
    cluster.deliver({ kind: "timeout-now", from: 1, to: 2, term, last });
    cluster.settle();
    expect(cluster.at(2).status).toMatchObject({ role: "leader", term: term + 1 });
    expect(cluster.at(1).status).toMatchObject({ role: "follower", leader: 2 });
  });
});

describe("thesis §4, membership", () => {
  test("§4.2.1: a learner receives log entries but is not counted towards a majority, and does not campaign", () => {
    const cluster = new Cluster({
      membership: { voters: [1, 2, 3], learners: [4, 5], context: "" },
    });
    cluster.campaign(1);
    cluster.propose(1, "a");
    cluster.settle();
    for (const id of [4, 5]) expect(cluster.log(id)).toEqual(cluster.log(1));
    cluster.isolate(2);
    cluster.isolate(3);
    cluster.propose(1, "b");
    cluster.settle();
    for (const id of [4, 5]) expect(cluster.log(id)).toEqual(cluster.log(1));
    expect(cluster.at(1).status.commit).toBe(2);
    cluster.tick(200, [4]);
    expect(cluster.at(4).status.role).toBe("follower");
    // Nor are they missed.
    cluster.heal();
    for (const id of [3, 4, 5]) cluster.isolate(id);
    cluster.tick(10, [1]);
    expect(cluster.at(1).status.commit).toBe(3);
  });

  test("§4.2.2: a server that is not part of its own latest configuration should still start new elections, as it might still be needed until that entry is committed (A12)", () => {
    const payload = encodeMembership(votersOf(2, 3));
    const remove: Entry = { index: 1, term: 1, kind: "membership", payload };
    const solo = new Solo();
    const append = { kind: "append-request", previous: origin, entries: [remove] } as const;
    solo.persisted(solo.hear(2, 1, { ...append, commit: 0 }));
    expect(solo.status.membership).toEqual(votersOf(2, 3));
    solo.tick(50);
    expect(solo.status.role).toBe("pre-candidate");
    // Its own vote is not counted: it is not a voter of the membership in force.
    solo.persisted(solo.campaign(2, 3));
    solo.hear(2, 2, { kind: "vote-reply", granted: true });
    expect(solo.status.role).toBe("candidate");
    solo.hear(3, 2, { kind: "vote-reply", granted: true });
    expect(solo.status.role).toBe("leader");

    const removed = new Solo();
    removed.persisted(removed.hear(2, 1, { ...append, commit: 1 }));
    removed.tick(100);
    expect(removed.status.role).toBe("follower");
  });

  test("§4.2.3: if a server receives a RequestVote request within the minimum election timeout of hearing from a current leader, it does not update its term or grant its vote", () => {
    const solo = new Solo().follow(2, 1);
    const request = { kind: "vote-request", last: { term: 9, index: 9 }, transfer: false } as const;
    solo.tick(solo.config.electionTicks - 1);
    const early = solo.hear(3, 9, request);
    expect(sentBy(early)).toEqual([]);
    expect(solo.status).toMatchObject({ term: 1, leader: 2 });
    solo.tick();
    const late = solo.hear(3, 9, request);
    expect(only(late.sendAfterPersist, "vote-reply")).toMatchObject([{ granted: true, term: 9 }]);
  });

  test("§4.2.3: nor does a leader that hears from its followers", () => {
    const solo = new Solo();
    solo.lead();
    const request = { kind: "vote-request", last: { term: 9, index: 9 }, transfer: false } as const;
    expect(sentBy(solo.hear(3, 9, request))).toEqual([]);
    expect(solo.status.role).toBe("leader");
  });
});

describe("thesis §6.2, finding the leader", () => {
  test("a leader steps down if an election timeout elapses without a successful round of heartbeats to a majority of its cluster", () => {
    const solo = new Solo({ membership: five });
    solo.persisted(solo.lead(2, 3));
    for (let n = 0; n < 10; n += 1) {
      solo.hear(2, 1, { kind: "heartbeat-reply", round: 1 });
      solo.hear(3, 1, { kind: "heartbeat-reply", round: 1 });
      solo.tick(solo.config.electionTicks - 1);
    }
    expect(solo.status.role).toBe("leader");
    solo.hear(2, 1, { kind: "heartbeat-reply", round: 1 });
    const [change] = solo.tick().map(({ roleChange }) => roleChange);
    expect(change).toMatchObject({ role: "follower", term: 1, leader: undefined });
    // A2: its vote in this term stays given.
    expect(solo.status.vote).toBe(1);
  });
});

describe("thesis §6.4, processing read-only queries more efficiently", () => {
  function leading(): Solo {
    const solo = new Solo();
    solo.persisted(solo.lead());
    return solo;
  }

  test("if the leader has not yet marked an entry from its current term committed, it waits until it has done so (D1)", () => {
    const solo = leading();
    const asked = solo.step({ kind: "read", id: 1 });
    expect(asked.reads).toEqual([]);
    expect(only(asked.sendNow, "heartbeat")).toEqual([]);
    const committed = solo.ack(2, 1);
    const [heartbeat] = only(committed.sendNow, "heartbeat").filter(({ round }) => round > 0);
    expect(heartbeat).toBeDefined();
    const { round } = heartbeat!;
    const output = solo.hear(2, 1, { kind: "heartbeat-reply", round });
    expect(output.reads).toEqual([{ id: 1, index: 1 }]);
  });

  test("the leader issues a new round of heartbeats and waits for their acknowledgements from a majority of the cluster", () => {
    const solo = leading();
    solo.ack(2, 1);
    const [beat] = solo.tick(2).flatMap(({ sendNow }) => only(sendNow, "heartbeat"));
    const asked = solo.step({ kind: "read", id: 7 });
    const [heartbeat] = only(asked.sendNow, "heartbeat");
    expect(heartbeat!.round).toBeGreaterThan(beat!.round);
    // An answer to an earlier round says nothing about now (D2).
    const stale = solo.hear(2, 1, { kind: "heartbeat-reply", round: beat!.round });
    expect(stale.reads).toEqual([]);
    const output = solo.hear(3, 1, { kind: "heartbeat-reply", round: heartbeat!.round });
    expect(output.reads).toEqual([{ id: 7, index: 1 }]);
  });

  test("to amortize the cost of confirming leadership, one round can serve any number of read-only queries that have accumulated", () => {
    const solo = leading();
    solo.ack(2, 1);
    const first = only(solo.step({ kind: "read", id: 1 }).sendNow, "heartbeat");
    const others = [2, 3, 4].map((id) => solo.step({ kind: "read", id }));
    expect(others.flatMap(sentBy)).toEqual([]);
    const output = solo.hear(2, 1, { kind: "heartbeat-reply", round: first[0]!.round });
    expect(output.reads.map(({ id }) => id)).toEqual([1]);
    const [next] = only(output.sendNow, "heartbeat");
    const rest = solo.hear(3, 1, { kind: "heartbeat-reply", round: next!.round });
    expect(rest.reads.map(({ id }) => id)).toEqual([2, 3, 4]);
  });

  test("a cluster of one confirms its leadership to itself", () => {
    const solo = new Solo({ membership: votersOf(1) });
    solo.persisted(solo.persisted(solo.timeOut()));
    expect(solo.step({ kind: "read", id: 1 }).reads).toEqual([{ id: 1, index: 1 }]);
  });
});

describe("thesis §9.6, preventing disruptions when a server rejoins the cluster", () => {
  test("a candidate only increments its term if it first learns from a majority of the cluster that they would be willing to grant it their votes", () => {
    const solo = new Solo({ membership: five });
    solo.tick(1000);
    expect(solo.status).toMatchObject({ role: "pre-candidate", term: 0 });
    solo.hear(2, 1, { kind: "pre-vote-reply", granted: true });
    expect(solo.status).toMatchObject({ role: "pre-candidate", term: 0 });
    solo.hear(3, 1, { kind: "pre-vote-reply", granted: true });
    expect(solo.status).toMatchObject({ role: "candidate", term: 1 });
  });

  test("a partitioned server can no longer disrupt the cluster when it rejoins (A10)", () => {
    const cluster = new Cluster();
    cluster.campaign(1);
    cluster.isolate(3);
    cluster.tick(100);
    expect(cluster.at(3).status).toMatchObject({ role: "pre-candidate", term: 1 });
    cluster.heal();
    cluster.tick(100);
    expect(cluster.at(1).status).toMatchObject({ role: "leader", term: 1 });
    expect(cluster.at(3).status).toMatchObject({ role: "follower", leader: 1 });
  });
});

describe("thesis §10.2.1, writing to the leader's disk in parallel", () => {
  test("the leader may even commit an entry before it has been written to its own disk, if a majority of followers have written it to theirs", () => {
    const solo = new Solo();
    const noop = solo.lead();
    solo.ack(2, 1);
    expect(solo.status.commit).toBe(0);
    const output = solo.ack(3, 1);
    expect(solo.status.commit).toBe(1);
    // Ours: applied it is only with the own disk behind it.
    expect(output.committed).toEqual([]);
    expect(solo.persisted(noop).committed).toHaveLength(1);
  });
});
