import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { quorumOf, reachedByQuorum, voteOutcome } from "../../raft/quorum.ts";

const voterSets = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 });

/** QR1 by brute force: all subsets of more than half. */
function quorums(voters: readonly number[]): number[][] {
  const found: number[][] = [];
  for (let bits = 0; bits < 1 << voters.length; bits += 1) {
    const subset = voters.filter((_, at) => (bits & (1 << at)) !== 0);
    if (subset.length * 2 > voters.length) found.push(subset);
  }
  return found;
}

describe("B6: quorum arithmetic against brute force", () => {
  test("the committed index is the largest that all of some quorum have reached", () => {
    const matches = fc.dictionary(fc.constantFrom(...Array.from("123456789")), fc.nat(20));
    fc.assert(
      fc.property(voterSets, matches, (voters, record) => {
        const reached = new Map(Object.entries(record).map(([id, index]) => [Number(id), index]));
        const expected = Math.max(
          ...quorums(voters).map((ids) => Math.min(...ids.map((id) => reached.get(id) ?? 0))),
        );
        expect(reachedByQuorum(voters, reached)).toBe(expected);
      }),
      { numRuns: 10_000 },
    );
  });

  test("an election is won when some quorum granted, lost when none can any more", () => {
    const answers = fc.dictionary(fc.constantFrom(...Array.from("123456789")), fc.boolean());
    fc.assert(
      fc.property(voterSets, answers, (voters, record) => {
        const votes = new Map(Object.entries(record).map(([id, vote]) => [Number(id), vote]));
        const all = quorums(voters);
        const won = all.some((ids) => ids.every((id) => votes.get(id) === true));
        const open = all.some((ids) => ids.every((id) => votes.get(id) !== false));
        expect(voteOutcome(voters, votes)).toBe(won ? "won" : open ? "pending" : "lost");
      }),
      { numRuns: 10_000 },
    );
  });

  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [6, 4],
    [7, 4],
  ])("QR1: of %i voters, %i are a quorum", (voters, quorum) => {
    expect(quorumOf(voters)).toBe(quorum);
  });

  test("QR2: numbers and votes of learners and strangers are not looked at", () => {
    const reached = new Map([
      [1, 5],
      [8, 9],
      [9, 9],
    ]);
    expect(reachedByQuorum([1, 2, 3], reached)).toBe(0);
    const votes = new Map([
      [1, true],
      [8, true],
      [9, true],
    ]);
    expect(voteOutcome([1, 2, 3], votes)).toBe("pending");
  });

  test("QR3: a set without voters decides nothing", () => {
    expect(reachedByQuorum([], new Map([[1, 5]]))).toBe(0);
    expect(voteOutcome([], new Map([[1, true]]))).toBe("pending");
  });
});
