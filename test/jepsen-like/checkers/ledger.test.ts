import { describe, expect, test } from "vitest";
import { delivered, enqueue, evidence, message, settle, verdictOf, type Line } from "./told.ts";

/** The n-th transaction of an account. */
const transaction = (n: number, amount: number, balance: number): ReturnType<typeof message> =>
  message(n, { queue: "ledger", key: "a", body: `p-${n} ${amount} ${balance}` });

const [first, second, third] = [
  transaction(1, 5, 5),
  transaction(2, -7, -2),
  transaction(3, 1, -1),
];

/** Enqueued, and acked with the token of its number. */
function done(one: ReturnType<typeof message>, token = one.keySeq): Line[] {
  const at = one.keySeq * 100;
  return [
    enqueue(one, at, at + 1),
    delivered(one, token, at + 10),
    settle("ack", one, token, at + 20, at + 21),
  ];
}

describe("the balances", () => {
  test.each<[string, Line[]]>([
    ["all acked", [...done(first), ...done(second), ...done(third)]],
    ["the last ones are still there", [...done(first), enqueue(second, 200, 201)]],
    [
      "an ack without an answer",
      [
        ...done(first),
        ...[
          enqueue(second, 200, 201),
          delivered(second, 2, 210),
          settle("ack", second, 2, 220, undefined),
        ],
        ...done(third),
      ],
    ],
  ])("hold: %s", (_, lines) => {
    expect(verdictOf("ledger", evidence(lines)).result).toBe("holds");
  });

  test.each<[string, Line[], RegExp]>([
    ["one is missing", [...done(first), ...done(third)], /and never key_seq 2/],
    [
      "one was never acked",
      [...done(first), enqueue(second, 200, 201), ...done(third)],
      /and never key_seq 2 \(p-2 -7 -2\)/,
    ],
    [
      "a sum is wrong",
      [...done(first), ...done(transaction(2, -7, 3))],
      /had 5 before key_seq 2 \(p-2 -7 3\), and has 3 after it/,
    ],
    ["the first does not begin at nothing", done(transaction(1, 5, 6)), /had 0 before key_seq 1/],
    [
      "out of turn",
      [...done(first, 2), ...done(second, 1)],
      /acked key_seq 1 \(p-1 5 5\) after key_seq 2/,
    ],
    [
      "two have one place",
      [...done(first), ...done({ ...second, keySeq: 1 })],
      /has 1 key_seqs that are two transactions'/,
    ],
    [
      "it is no transaction",
      done(message(1, { queue: "ledger", key: "a" })),
      /Not a transaction: "p-1"/,
    ],
  ])("are wrong: %s", (_, lines, what) => {
    const { result, findings } = verdictOf("ledger", evidence(lines));
    expect(result).toBe("violated");
    expect(findings.map((finding) => finding.what).join("\n")).toMatch(what);
  });
});
