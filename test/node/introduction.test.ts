// Who may speak to whom (R5, C7, C5): node/introduction.ts and node/members.ts.

import { Metadata } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { introductionMetadata, introductionOf, refusalStatus } from "../../node/grpc/handshake.ts";
import type { Introduction, RefusalKind } from "../../node/introduction.ts";
import { Members } from "../../node/members.ts";
import {
  encodeRoster,
  rosterOf,
  withoutMembers,
  withRecord,
  type Roster,
} from "../../node/roster.ts";
import type { NodeId } from "../../raft/index.ts";

const addressOf = (id: NodeId) => ({ id, peer: `h${id}:7401`, client: `h${id}:7400` });
const three = rosterOf([1, 2, 3].map(addressOf));

function newcomer(nodeId: NodeId, incarnation = `disk-${nodeId}`): Members {
  const known = new Map<NodeId, string>();
  return new Members({ clusterId: "c", nodeId, incarnation }, [], {
    known: (peer) => known.get(peer),
    remember: (peer, name) => void known.set(peer, name),
  });
}

function adopts(members: Members, index: number, roster: Roster, committed = true): Members {
  const voters = roster.members.map(({ id }) => id);
  const membership = { voters, learners: [], context: encodeRoster(roster) };
  if (committed) members.committed(index, membership);
  members.adopt(index, membership);
  return members;
}

/** A node of a cluster of three. */
function member(nodeId: NodeId, incarnation?: string): Members {
  return adopts(newcomer(nodeId, incarnation), 0, three);
}

const disks = [1, 2, 3].reduce(
  (roster, id) => withRecord(roster, { ...addressOf(id), incarnation: `disk-${id}` }),
  three,
);

describe("an introduction", () => {
  test("of a member of this cluster is welcome", () => {
    expect(member(1).meet(member(2).introduce(1))).toBeUndefined();
  });

  const hello = member(2).introduce(1);
  test.each<[RefusalKind, Introduction, RegExp]>([
    ["protocol", { ...hello, protocol: "99" }, /same version/],
    ["wrong-cluster", { ...hello, clusterId: "d" }, /--cluster-id/],
    ["wrong-group", { ...hello, group: "7" }, /expected 0/],
    ["wrong-node", { ...hello, to: 3 }, /reached node 1/],
    ["malformed", { ...hello, nodeId: 1 }, /cannot be a peer/],
    ["malformed", { ...hello, nodeId: 0 }, /cannot be a peer/],
    ["malformed", { ...hello, incarnation: "" }, /which disk/],
    ["malformed", { ...hello, incarnation: "a b" }, /which disk/],
    ["stranger", { ...hello, nodeId: 9 }, /raftq cluster add/],
  ])("is refused: %s", (kind, said, words) => {
    const refusal = member(1).meet(said);
    expect(refusal).toMatchObject({ kind, final: false });
    expect(refusal?.message).toMatch(words);
  });

  test("travels as metadata; nothing at all is refused as another protocol", () => {
    expect(introductionOf(introductionMetadata(hello))).toEqual(hello);
    expect(member(1).meet(introductionOf(new Metadata()))?.kind).toBe("protocol");
    const odd = new Metadata();
    odd.set("raftq-node", "1e3");
    expect(introductionOf(odd).nodeId).toBe(0);
  });

  test("a refusal can travel as a header", () => {
    const refusal = member(1).meet({ ...hello, clusterId: "x".repeat(300) });
    const { details } = refusalStatus(refusal!, member(1).self);
    expect(() => encodeURI(details)).not.toThrow();
  });
});

describe("R5, C7: a node that lost its disk does not come back under its old number", () => {
  test("before its disk is in the membership: refused by whoever has met the old one, but not for good", () => {
    const one = member(1);
    one.meet(member(2).introduce(1));
    expect(one.meet(member(2, "wiped").introduce(1))).toMatchObject({
      kind: "other-disk",
      final: false,
    });
  });

  test("once its disk is in a committed membership: refused by everybody, for good, with what to do", () => {
    // It has met nobody.
    const one = adopts(newcomer(1), 5, disks);
    const refusal = one.meet(member(2, "wiped").introduce(1));
    expect(refusal).toMatchObject({ kind: "other-disk", final: true });
    expect(refusal?.message).toMatch(/raftq cluster replace 2 --with/);
    expect(one.meet(member(2).introduce(1))).toBeUndefined();
  });

  test("IN5: a membership that is not committed dismisses nobody", () => {
    const one = adopts(member(1), 5, disks, false);
    expect(one.meet(member(2, "wiped").introduce(1))).toMatchObject({ final: false });
    const removing = adopts(member(1), 5, withoutMembers(three, [2]), false);
    expect(removing.meet(member(2).introduce(1))).toBeUndefined();
    expect(removing.dismissal).toBeUndefined();
  });

  test("ME3: a node that finds another disk under its own number in the membership ends", () => {
    expect(adopts(newcomer(2, "copy"), 5, disks).dismissal?.message).toMatch(/another disk/);
    expect(adopts(newcomer(2), 5, disks).dismissal).toBeUndefined();
  });
});

describe("removed members", () => {
  const without2 = withoutMembers(disks, [2]);

  test("are refused for good under whatever disk, and still welcome are not: a link that was open is judged again", () => {
    const one = adopts(newcomer(1), 5, disks);
    const hello = adopts(newcomer(2), 5, disks).introduce(1);
    expect(one.meet(hello)).toBeUndefined();
    expect(one.judge(hello)).toBeUndefined();
    adopts(one, 6, without2);
    // Its link stays for its last words (C8), but it gets no new one.
    expect(one.judge(hello)).toBeUndefined();
    expect(one.links.get(2)).toBe("h2:7401");
    expect(one.meet(hello)).toMatchObject({ kind: "removed", final: true });
    one.letGo([2]);
    expect(one.judge(hello)).toMatchObject({ kind: "removed", final: true });
    expect(one.meet({ ...hello, incarnation: "new", membershipIndex: 99 })).toMatchObject({
      kind: "removed",
      final: true,
    });
  });

  test("learn it from the log as well, when it is committed", () => {
    const two = adopts(newcomer(2), 6, without2, false);
    expect(two.dismissal).toBeUndefined();
    expect(adopts(two, 6, without2).dismissal?.message).toMatch(/was removed/);
  });

  test("keep their link until the removal is committed (ME1)", () => {
    const one = adopts(newcomer(1), 5, disks);
    adopts(one, 6, without2, false);
    expect([...one.links.keys()]).toEqual([3, 2]);
    const { voters, learners, context } = one.membership;
    expect(one.committed(6, { voters, learners, context })).toEqual([2]);
    expect([...one.links.keys()].sort()).toEqual([2, 3]);
    one.letGo([2]);
    expect([...one.links.keys()]).toEqual([3]);
  });

  test("their numbers are kept as ranges, and never come back (RO1)", () => {
    const later = withoutMembers(withoutMembers(disks, [3]), [1]);
    expect(later.removed).toEqual([
      [1, 1],
      [3, 3],
    ]);
    expect(withoutMembers(later, [2]).removed).toEqual([[1, 3]]);
    expect(() => withRecord(later, { ...addressOf(3), incarnation: "" })).toThrow(/RO1/);
    expect(() => withRecord(disks, { ...addressOf(3), incarnation: "other" })).toThrow(/RO2/);
  });
});

describe("IN4: a node that is no member here", () => {
  const four = withRecord(three, { ...addressOf(4), incarnation: "" });

  test("is heard when it knows a later membership (C5: this node missed that it was added), and gets a link back", () => {
    const behind = member(3);
    const four4 = adopts(newcomer(4), 7, four);
    expect(behind.meet(four4.introduce(3))).toBeUndefined();
    expect(behind.links.get(4)).toBe("h4:7401");
    expect(behind.isMember(4)).toBe(false);
    // It stays until this node is as far.
    adopts(behind, 6, three);
    expect(behind.links.has(4)).toBe(true);
    adopts(behind, 8, three);
    expect(behind.links.has(4)).toBe(false);
  });

  test("is a stranger when it knows no more than what is committed here", () => {
    const there = adopts(newcomer(1), 7, three);
    expect(there.meet(adopts(newcomer(4), 7, four).introduce(1))?.kind).toBe("stranger");
  });

  test("a joiner, who knows nobody, hears a member of its cluster and can answer it", () => {
    const joiner = newcomer(4);
    const leader = adopts(member(1), 7, four, false);
    expect(leader.links.get(4)).toBe("h4:7401");
    expect(joiner.meet(leader.introduce(4))).toBeUndefined();
    expect(joiner.links).toEqual(new Map([[1, "h1:7401"]]));
    expect(leader.meet(joiner.introduce(1))).toBeUndefined();
    // But not somebody who knows as little.
    expect(joiner.meet(newcomer(5).introduce(4))?.kind).toBe("stranger");
  });

  test("guests are bounded in number", () => {
    const joiner = newcomer(4);
    for (let id = 100; id < 200; id += 1)
      joiner.meet({ ...member(1).introduce(4), nodeId: id, membershipIndex: 3 });
    expect(joiner.links.size).toBe(16);
  });
});

describe("what the leader writes down", () => {
  test("its own disk, the disks of those it has met, and where they say they are; nothing else, nothing twice", () => {
    const one = member(1);
    const moved = new Members(
      { clusterId: "c", nodeId: 2, incarnation: "disk-2" },
      [{ id: 2, peer: "new:1", client: "new:2" }],
      { known: () => undefined, remember: () => undefined },
    );
    one.meet(adopts(moved, 0, three).introduce(1));
    const record = one.toRecord;
    expect(record?.members).toEqual([
      { ...addressOf(1), incarnation: "disk-1" },
      { id: 2, peer: "new:1", client: "new:2", incarnation: "disk-2" },
      { ...addressOf(3), incarnation: "" },
    ]);
    adopts(one, 3, record!);
    expect(one.toRecord).toBeUndefined();
    expect(one.links.get(2)).toBe("new:1");
  });

  test("RO2: a disk that is written down stays", () => {
    const one = adopts(newcomer(1), 5, disks);
    one.meet(member(2, "wiped").introduce(1));
    expect(one.toRecord).toBeUndefined();
    // Nor does it change when this node had met another one before it knew.
    const misled = member(1);
    misled.meet(member(2, "wiped").introduce(1));
    adopts(misled, 5, disks);
    expect(misled.toRecord).toBeUndefined();
    expect(misled.meet(member(2).introduce(1))).toBeUndefined();
  });
});

describe("addresses", () => {
  test("of --member win over those in the log, for this node alone", () => {
    const given = [{ id: 2, peer: "here:1", client: "here:2" }];
    const one = new Members({ clusterId: "c", nodeId: 1, incarnation: "disk-1" }, given, {
      known: () => undefined,
      remember: () => undefined,
    });
    adopts(one, 5, disks);
    expect(one.links.get(2)).toBe("here:1");
    expect(one.address(2)?.client).toBe("here:2");
    expect(one.toRecord).toBeUndefined();
  });

  test("that are none are not believed", () => {
    const joiner = newcomer(4);
    joiner.meet({ ...member(1).introduce(4), membershipIndex: 3, peer: "no address" });
    expect(joiner.links.has(1)).toBe(false);
  });
});
