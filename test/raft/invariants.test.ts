// A check that always says "fine" proves nothing: each one is shown a state, or two, that it must object to.

import { describe, expect, test } from "vitest";
import { violations, type RaftStatus } from "../../raft/index.ts";
import { votersOf } from "./harness.ts";
import { Solo } from "./solo.ts";

type Progress = RaftStatus["progress"][number];

function leader(): RaftStatus {
  const solo = new Solo();
  solo.persisted(solo.lead());
  for (const id of [2, 3]) solo.ack(id, 1);
  solo.step({ kind: "applied", index: 1 });
  return solo.status;
}

const leading = leader();
const following: RaftStatus = { ...leading, role: "follower", leader: 2, progress: [] };
const at = { term: 1, index: 9 };

function withPeer(changes: Partial<Progress>): RaftStatus {
  const [first, ...others] = leading.progress;
  return { ...leading, progress: [{ ...first!, ...changes }, ...others] };
}

test("what is right is not objected to, and costs no allocation", () => {
  for (const status of [leading, following]) {
    expect(violations(undefined, status)).toEqual([]);
    expect(violations(status, status)).toBe(violations(undefined, status));
  }
});

test("nor is a new machine that has compacted its log before it met the first membership", () => {
  const compacted = { term: 1, index: 1 };
  const fresh = { ...following, membershipIndex: 1, membership: votersOf(), compacted };
  expect(violations(undefined, fresh)).toEqual([]);
});

describe("in one state", () => {
  test.each<[string, RaftStatus]>([
    ["T3", { ...following, applied: 2 }],
    ["T3", { ...following, commit: 0 }],
    ["AP1", { ...following, durable: 0 }],
    ["T3", { ...following, commit: 2 }],
    ["L4", { ...following, durable: 2 }],
    ["E8", { ...following, compacted: { term: 1, index: 2 } }],
    ["T1", { ...following, term: 0 }],
    ["T4", { ...leading, role: "follower" }],
    ["T4", { ...following, transferee: 2 }],
    ["M2", { ...following, membershipIndex: 2, membershipCommitted: false }],
    ["M1", { ...following, membershipCommitted: false }],
    ["M5", { ...following, membershipIndex: 1, membership: votersOf() }],
    ["M5", { ...following, membership: votersOf(1, 2, 3, 4, 5, 6, 7, 8) }],
    [
      "M5",
      {
        ...following,
        membership: {
          voters: [1],
          learners: Array.from({ length: 16 }, (_, n) => n + 2),
          context: "",
        },
      },
    ],
    ["A12", { ...following, role: "pre-candidate", membership: votersOf(2, 3) }],
    ["A12", { ...following, role: "candidate", membership: votersOf(2, 3) }],
    ["T4", { ...leading, leader: 2 }],
    ["S3", { ...leading, installing: true }],
    ["LE1", { ...leading, term: 2 }],
    ["PR1", withPeer({ match: 2, next: 3 })],
    ["PR2", withPeer({ next: 1 })],
    ["PR2", withPeer({ next: 3 })],
    ["CH4", withPeer({ id: 4 })],
    ["T4", { ...leading, progress: leading.progress.slice(1) }],
    ["T4", { ...leading, membership: { ...leading.membership, learners: [4] } }],
    [
      "TR5",
      {
        ...leading,
        last: { term: 1, index: 2 },
        membershipIndex: 2,
        membershipCommitted: false,
        transferee: 2,
      },
    ],
    ["TR2", { ...leading, transferee: 4 }],
    ["CH5", { ...leading, membership: votersOf(2, 3) }],
  ])("%s", (invariant, state) => {
    expect(violations(undefined, state).join()).toContain(`${invariant}: `);
  });
});

describe("between two states", () => {
  const grown: RaftStatus = { ...leading, last: at, durable: 9 };
  const pending = { ...grown, membershipIndex: 9, membershipCommitted: false };
  test.each<[string, RaftStatus, RaftStatus]>([
    ["T1", { ...following, term: 2 }, following],
    ["T3: commit", { ...following, commit: 2 }, following],
    ["T3: handed", { ...following, handedOut: 2 }, following],
    ["T3: applied", { ...following, applied: 2 }, following],
    ["L1", { ...following, compacted: at }, following],
    ["AE2", { ...following, commit: 9 }, following],
    ["M2", { ...following, membershipIndex: 1 }, following],
    ["T4: a leader that was", following, leading],
    ["T2", following, { ...following, vote: 2 }],
    ["election safety", following, { ...following, leader: 3 }],
    ["T4: a leader that campaigns", leading, { ...following, role: "candidate" }],
    ["T4: a leader truncated", grown, leading],
    ["TR1", { ...leading, transferee: 2 }, { ...grown, transferee: 2 }],
    [
      "CH1",
      { ...leading, membershipIndex: 1, membershipCommitted: false },
      { ...pending, membershipIndex: 9 },
    ],
    ["M5", leading, { ...pending, membership: votersOf(1, 4, 5) }],
    ["PR1", withPeer({ match: 1 }), withPeer({ match: 0 })],
  ])("%s", (invariant, before, after) => {
    const found = violations(before, after).join();
    expect(found).toContain(invariant.includes(":") ? invariant : `${invariant}: `);
  });

  test("PR1 is checked behind a member that has left the table, too", () => {
    const [first, second] = leading.progress;
    const before = { ...leading, progress: [first!, second!] };
    const after = { ...leading, progress: [{ ...second!, match: 0 }], membership: votersOf(1, 3) };
    expect(violations(before, after).join()).toContain("PR1: match of 3 moved back");
  });
});
