// A checker that always says yes would prove nothing: each way to cheat must be found, and named for what it is.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { generateLedger } from "../../examples/ledger/generate.ts";
import { prove, type Handled, type ProblemKind } from "../../examples/ledger/proof.ts";

const sent = generateLedger({ messages: 120, accounts: 9, seed: 3 });

function faithful(): Handled[] {
  return sent.map((row, index) => ({ row, keySeq: row.accountSeq, fencingToken: index + 1 }));
}

/** The kinds of problems, each once. */
function kinds(history: readonly Handled[], toleranceTenths = 0): Set<ProblemKind> {
  return new Set(prove(sent, history, toleranceTenths).problems.map((problem) => problem.kind));
}

/** Where the nth booking of an account stands in the faithful history. */
function placeOf(account: string, accountSeq: number): number {
  return sent.findIndex((row) => row.account === account && row.accountSeq === accountSeq);
}

const account = "1000";
const first = placeOf(account, 1);
const second = placeOf(account, 2);
const third = placeOf(account, 3);
const lastOfAccount = sent.findLastIndex((row) => row.account === account);

describe("a faithful history is proved", () => {
  test("in the order of the ledger", () => {
    expect(prove(sent, faithful(), 0)).toEqual({ accounts: 9, steps: 120, problems: [] });
  });

  test("in any order between the accounts", () => {
    const byAccount = faithful().sort((a, b) => Number(b.row.account) - Number(a.row.account));
    expect(kinds(byAccount)).toEqual(new Set());
  });
});

describe("a tampered history is not", () => {
  test("B1: a booking lost in the middle", () => {
    const history = faithful();
    history.splice(second, 1);
    expect(prove(sent, history, 0).problems).toEqual([
      {
        kind: "lost",
        account,
        detail: expect.stringMatching(/^1 of \d+ bookings were never handled: 2$/) as string,
      },
    ]);
  });

  test("B1: the last booking lost", () => {
    const history = faithful();
    history.splice(lastOfAccount, 1);
    expect(kinds(history)).toEqual(new Set(["lost"]));
  });

  test("B1: a whole account lost, and everything lost", () => {
    expect(kinds(faithful().filter(({ row }) => row.account !== account))).toEqual(
      new Set(["lost"]),
    );
    expect(prove(sent, [], 0).problems).toHaveLength(9);
  });

  test("B2: a booking handled twice, at once or at the end", () => {
    const history = faithful();
    const again = history[second]!;
    expect(kinds(history.toSpliced(second, 0, again))).toEqual(new Set(["doubled"]));
    expect(kinds([...history, again])).toEqual(new Set(["doubled"]));
  });

  test("B3: two bookings of an account swapped", () => {
    const history = faithful();
    [history[second], history[third]] = [history[third]!, history[second]!];
    expect(kinds(history)).toEqual(new Set(["out-of-order"]));
    const story = prove(sent, history, 0).problems.map((problem) => problem.detail);
    expect(story).toEqual(["booking 2 was handled after 3"]);
  });

  test("B3: the queue's numbers differ from the ledger's", () => {
    const history = faithful();
    history[second] = { ...history[second]!, keySeq: 3 };
    expect(kinds(history)).toEqual(new Set(["misnumbered"]));
  });

  test("B4 and B5: a balance changed on the way", () => {
    const history = faithful();
    const row = { ...history[second]!.row, balanceTenths: history[second]!.row.balanceTenths + 1 };
    history[second] = { ...history[second]!, row };
    expect(kinds(history)).toEqual(new Set(["altered", "wrong-balance"]));
    expect(kinds(history, 1)).toEqual(new Set(["altered"]));
  });

  test("B4: a text changed on the way, or a field left out", () => {
    const history = faithful();
    history[second] = { ...history[second]!, row: { ...history[second]!.row, symbol: "X" } };
    expect(kinds(history)).toEqual(new Set(["altered"]));
    const { symbol, ...rest } = faithful()[second]!.row;
    expect(symbol).toBeDefined();
    history[second] = { ...history[second], row: rest as Handled["row"] };
    expect(kinds(history)).toEqual(new Set(["altered"]));
  });

  test("B5: a ledger whose own balances do not chain, though it came as it was sent", () => {
    const wrong = sent.map((row, index) =>
      index === second ? { ...row, balanceTenths: row.balanceTenths + 5 } : row,
    );
    const history = wrong.map((row, index) => ({
      row,
      keySeq: row.accountSeq,
      fencingToken: index + 1,
    }));
    const problems = prove(wrong, history, 0).problems;
    // The step into the wrong balance, and the one out of it.
    expect(problems.map(({ kind }) => kind)).toEqual(["wrong-balance", "wrong-balance"]);
  });

  test("B5: the first balance of an account counts too", () => {
    const wrong = sent.map((row, index) =>
      index === first ? { ...row, balanceTenths: row.balanceTenths + 5 } : row,
    );
    const history = wrong.map((row, index) => ({
      row,
      keySeq: row.accountSeq,
      fencingToken: index + 1,
    }));
    expect(prove(wrong, history, 0).problems[0]?.detail).toMatch(/^booking 1: 0 before/);
  });

  test("B6: a fencing token that does not grow", () => {
    const history = faithful();
    history[second] = { ...history[second]!, fencingToken: history[first]!.fencingToken };
    expect(kinds(history)).toEqual(new Set(["stale-token"]));
  });

  test("bookings and accounts that nobody sent", () => {
    const history = faithful();
    const stranger = { ...history[0]!.row, account: "nobody" };
    expect(kinds([...history, { row: stranger, keySeq: 1, fencingToken: 999 }])).toEqual(
      new Set(["never-sent"]),
    );
    const extra = { ...history[first]!.row, accountSeq: 10_000 };
    expect(kinds([...history, { row: extra, keySeq: 10_000, fencingToken: 999 }])).toEqual(
      new Set(["never-sent"]),
    );
  });

  test("any removal, repetition or exchange within an account is found", () => {
    const place = fc.integer({ min: 0, max: sent.length - 1 });
    fc.assert(
      fc.property(place, place, fc.constantFrom("remove", "repeat", "exchange"), (a, b, how) => {
        const history = faithful();
        const sameAccount = sent[a]!.account === sent[b]!.account;
        if (how === "remove") history.splice(a, 1);
        else if (how === "repeat") history.splice(Math.max(a, b), 0, history[a]!);
        else [history[a], history[b]] = [history[b]!, history[a]!];
        const harmless = how === "exchange" && (a === b || !sameAccount);
        if (harmless && a === b) expect(kinds(history)).toEqual(new Set());
        else if (!harmless) expect(kinds(history).size).toBeGreaterThan(0);
      }),
    );
  });
});
