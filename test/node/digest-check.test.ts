import { describe, expect, test } from "vitest";
import { compareDigests, StateDiffers } from "../../node/digest-check.ts";
import type { Checkpoint } from "../../queue/index.ts";

const at = (index: number, digest: string): Checkpoint => ({ index, digest });
const own = [at(1024, "a"), at(2048, "b")];

/** What node 1 finds, with these reports at index 2048. */
function verdict(voters: readonly number[], reports: Readonly<Record<number, string>>): string {
  const reported = new Map(
    Object.entries(reports).map(([id, digest]) => [Number(id), [at(2048, digest)]]),
  );
  return compareDigests(own, reported, voters).kind;
}

describe("R9: whose state is wrong", () => {
  test("D1: digests of other indexes say nothing", () => {
    const reported = new Map([[2, [at(1000, "x"), at(1025, "y"), at(2049, "z")]]]);
    expect(compareDigests(own, reported, [1, 2, 3])).toEqual({ kind: "equal" });
  });

  test.each([
    [[1, 2, 3], { 2: "b", 3: "b" }, "equal"],
    // D2
    [[1, 2, 3], { 2: "x", 3: "x" }, "wrong"],
    [[1, 2, 3, 4, 5], { 2: "x", 3: "x", 4: "x", 5: "b" }, "wrong"],
    // D3
    [[1, 2, 3], { 2: "x", 3: "y" }, "unequal"],
    [[1, 2, 3], { 2: "x", 3: "b" }, "unequal"],
    [[1, 2, 3], { 2: "x" }, "unequal"],
    [[1, 2], { 2: "x" }, "unequal"],
    [[1, 2, 3, 4], { 2: "x", 3: "x" }, "unequal"],
    [[1, 2, 3, 4, 5], { 2: "x", 3: "x", 4: "b" }, "unequal"],
    // Learners stop against voters, and nobody stops against learners (B6).
    [[2, 3, 4], { 2: "x", 3: "x" }, "wrong"],
    [[1, 2, 3], { 2: "x", 8: "x", 9: "x" }, "unequal"],
  ])("voters %j, node 1 has b, others have %j: %s", (voters, reports, expected) => {
    expect(verdict(voters, reports)).toBe(expected);
  });

  test("an older difference with a quorum counts more than a newer one without", () => {
    const reported = new Map([
      [2, [at(1024, "x"), at(2048, "y")]],
      [3, [at(1024, "x")]],
    ]);
    expect(compareDigests(own, reported, [1, 2, 3])).toMatchObject({ kind: "wrong", index: 1024 });
  });

  test("the error says which entry, which digest against whose, and what to do", () => {
    const difference = { index: 2048, own: "b", others: new Map([["x", [2, 3]]]) };
    const error = new StateDiffers(1, difference);
    expect(error).toMatchObject({ code: "DATA_LOSS", reason: "DIGEST_MISMATCH" });
    expect(error.message).toContain(
      "node 1 at entry 2048 has the digest b, at nodes 2 and 3 x: a quorum agrees against it",
    );
    expect(error.message).toContain("raftq cluster replace");
  });
});
