import { describe, expect, test } from "vitest";
import type { Verdict } from "../../../jepsen-like/checkers/contract.ts";
import type { Injected } from "../../../jepsen-like/nemesis/fault.ts";
import { overall, type Demands, type Happened } from "../../../jepsen-like/run/overall.ts";

const holds: Verdict = { check: "Q1 no loss", result: "holds", looked: "all", findings: [] };
const kill: Injected = {
  ...{ fault: "kill", what: "kills node 2", targets: [2], from: 0, to: 1 },
  observed: "pid 7 gone, now 8",
};
const unseen: Injected = { fault: "kill", what: "kills node 2", targets: [2], from: 0, to: 1 };

const good: Happened = {
  verdicts: [holds],
  counts: { invoked: 100, ok: 90, fail: 5, unknown: 5, delivered: 40 },
  leaderChanges: 5,
  injected: [kill],
  skipped: [],
  missing: [],
  drained: true,
};
const demands: Demands = { opsMin: 100, leaderChangesMin: 5, okShareMin: 0.5, named: ["kill"] };

const resultOf = (over: Partial<Happened>): string => overall({ ...good, ...over }, demands).result;
const reasonsOf = (over: Partial<Happened>): string =>
  overall({ ...good, ...over }, demands).reasons.join("; ");

describe("what a run comes to", () => {
  test("a run that shows what was asked for passes, and says what it showed", () => {
    expect(overall(good, demands)).toEqual({
      result: "PASS",
      reasons: [
        "100 calls, 90.0 % of them answered with success; 5 changes of leader; 1 of 1 fault seen to have effect; 1 check holds",
      ],
    });
  });

  test("V1: a violation fails it, whatever else is missing, and the reason is the finding", () => {
    const bad: Verdict = { ...holds, result: "violated", findings: [{ what: "p1-3 is lost" }] };
    const open: Verdict = { ...holds, result: "inconclusive", why: "no barrier" };
    expect(resultOf({ verdicts: [holds, bad, open], drained: false })).toBe("FAIL");
    expect(reasonsOf({ verdicts: [bad, open] })).toBe("Q1 no loss: p1-3 is lost");
  });

  test.each<[string, Partial<Happened>, RegExp]>([
    [
      "an open check",
      { verdicts: [holds, { ...holds, result: "inconclusive", why: "no barrier" }] },
      /no barrier/,
    ],
    ["no check at all", { verdicts: [] }, /no check was made/],
    ["only skipped checks", { verdicts: [{ ...holds, result: "skipped" }] }, /no check was made/],
    ["an unfinished drain", { drained: false }, /not drained/],
    ["something missing", { missing: ["the barrier could not be enqueued"] }, /barrier/],
    ["too few calls", { counts: { ...good.counts, ok: 89 } }, /99 calls; 100 are asked for/],
    ["too few successes", { counts: { ...good.counts, ok: 40, fail: 60 } }, /only 38.1 %/],
    ["no calls", { counts: { invoked: 0, ok: 0, fail: 0, unknown: 0, delivered: 0 } }, /no call/],
    ["too few changes of leader", { leaderChanges: 4 }, /4 changes of leader; 5/],
    ["a named fault that was not drawn", { injected: [] }, /kill was not drawn/],
    ["a named fault without effect", { injected: [unseen, unseen] }, /tried 2 times, and never/],
    [
      "a named fault that cannot be had",
      { injected: [], skipped: [{ fault: "kill", why: "no root" }] },
      /kill cannot be had here: no root/,
    ],
  ])("V2: %s makes it inconclusive", (_, over, reason) => {
    expect(resultOf(over)).toBe("INCONCLUSIVE");
    expect(reasonsOf(over)).toMatch(reason);
  });

  test("a fault that was seen once may fail to have effect another time", () => {
    expect(resultOf({ injected: [unseen, kill] })).toBe("PASS");
  });
});
