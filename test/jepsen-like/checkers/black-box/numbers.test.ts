import { describe, expect, test } from "vitest";
import { counters, delivered, enqueue, evidence, note, settle, verdictOf } from "../told.ts";
import { one, two, bag1, bag2, got, gone, areViolated } from "./histories.ts";

areViolated([
  [
    "Q9",
    "stored twice under one name",
    [enqueue(one, 0, 10), enqueue({ ...one, seq: 2, keySeq: 2 }, 11, 12)],
    /Stored twice: message p-1/,
  ],
  [
    "Q9",
    "the second answer names another place",
    [enqueue(one, 0, 10), enqueue({ ...one, seq: 2 }, 11, 12, { deduplicated: true })],
    /In one queue twice: message p-1 .* seq 1 and 2/,
  ],
  [
    "Q9",
    "it was there already, by nobody's doing",
    [enqueue(one, 0, 10, { deduplicated: true })],
    /Not stored at all: .* message p-1/,
  ],
  [
    "Q9",
    "delivered under two numbers",
    [enqueue(bag1, 0, 10), delivered({ ...bag1, seq: 7 }, 1, 20)],
    /In one queue twice: message p-1/,
  ],
  [
    "Q9",
    "two messages with one number",
    [enqueue(bag1, 0, 10), enqueue({ ...bag2, seq: 1 }, 0.5, 12)],
    /Two with one number: message p-2 .* and p-1 both have seq 1/,
  ],
  [
    "Q10",
    "back in the log",
    [enqueue(bag1, 1, 10, { logIndex: 8 }), enqueue(bag2, 11, 12, { logIndex: 7 })],
    /Back in the log: p's enqueue \(op 1\) .* log index 8; p's enqueue \(op 11\) .* has 7/,
  ],
  [
    "Q10",
    "one entry for what came after the other",
    [enqueue(bag1, 1, 10, { logIndex: 8 }), enqueue(bag2, 11, 12, { logIndex: 8 })],
    /Back in the log/,
  ],
  [
    "Q10",
    "back in time",
    [
      note("p", 1, "attached", { endpoint: "a", term: 5 }),
      note("p", 40_000, "attached", { endpoint: "a", term: 4 }),
    ],
    /Back in time: p was attached to a in term 5 .* in term 4/,
  ],
  [
    "Q11",
    "too few enqueued",
    [enqueue(one, 0, 10), counters("q", 20, { enqueued: 0 })],
    /Miscounted: .* that 0 messages of queue q had been enqueued; 1 were certainly enqueued before/,
  ],
  [
    "Q11",
    "too many enqueued",
    [enqueue(one, 0, 10), enqueue(two, 60, 70), counters("q", 20, { enqueued: 2 })],
    /that 2 messages of queue q had been enqueued; 1 were asked/,
  ],
  ["Q11", "too few acked", [...gone, counters("q", 90, { acked: 0 })], /1 were certainly acked/],
  ["Q11", "too many acked", [...gone, counters("q", 15, { acked: 1 })], /0 were asked to be acked/],
  [
    "Q11",
    "it does not add up",
    [...got, settle("ack", one, 1, 21, 30), counters("q", 90, { enqueued: 1, acked: 1, ready: 1 })],
    /Does not add up: .* of 1 messages of queue q 1 had been acked, .* and 1 were there/,
  ],
]);

describe("cannot be told", () => {
  test.each<[string, Parameters<typeof evidence>[1]]>([
    ["one node only", { digests: [{ nodeId: 1, appliedIndex: 9, digest: "d" }] }],
    ["no barrier", { barrier: 0 }],
    ["before the barrier", { barrier: 10 }],
    [
      "a node that lags",
      { digests: [1, 2].map((nodeId) => ({ nodeId, appliedIndex: 8 + nodeId, digest: "d" })) },
    ],
  ])("Q13: %s", (_, more) => {
    expect(verdictOf("Q13", evidence([], more)).result).toBe("inconclusive");
  });
});

test("Q13: digests that differ at one index are found, also before the end", () => {
  const digests = [
    { nodeId: 1, appliedIndex: 5, digest: "a" },
    { nodeId: 2, appliedIndex: 5, digest: "b" },
    { nodeId: 1, appliedIndex: 9, digest: "c" },
    { nodeId: 2, appliedIndex: 9, digest: "c" },
  ];
  const { result, findings } = verdictOf("Q13", evidence([], { digests }));
  expect(result).toBe("violated");
  expect(findings.map(({ what }) => what)).toEqual([
    "Apart: at log index 5 node 1 has digest a, and node 2 has b.",
  ]);
});

test("Q14: counts what was not answered, and what of it took effect", () => {
  const lines = [
    enqueue(one, 0, 50, { type: "unknown" }),
    enqueue(two, 1, undefined),
    delivered(one, 1, 20),
  ];
  const { result, looked } = verdictOf("Q14", evidence(lines));
  expect([result, looked]).toEqual([
    "holds",
    "2 calls without an answer, 1 of them seen to have taken effect",
  ]);
});
