import { describe, expect, test } from "vitest";
import {
  browse,
  call,
  delivered,
  enqueue,
  evidence,
  lease,
  message,
  settle,
  verdictOf,
} from "../told.ts";
import { one, two, dying, got, gone, nothing, areViolated } from "./histories.ts";

areViolated([
  [
    "Q1",
    "acknowledged and gone",
    [enqueue(one, 0, 10), ...nothing],
    /Lost: message p-1 of queue q/,
  ],
  [
    "Q1",
    "its ack failed for certain",
    [...got, settle("ack", one, 1, 21, 22, { type: "fail" }), ...nothing],
    /Lost: message p-1/,
  ],
  [
    "Q1",
    "between its neighbours",
    [
      ...[enqueue(one, 0, 10), enqueue(two, 11, 12), enqueue(message(3), 13, 14)],
      ...[delivered(one, 1, 20), settle("ack", one, 1, 21, 22)],
      ...[delivered(message(3), 2, 30), settle("ack", message(3), 2, 31, 32), ...nothing],
    ],
    /Lost: message p-2 .* those before and after it/,
  ],
  [
    "Q1",
    "on its way to the dead letters",
    [
      enqueue(dying, 0, 10),
      delivered(dying, 1, 20),
      settle("reject", dying, 1, 21, 22),
      ...nothing,
    ],
    /Lost: message p-1 of queue dying/,
  ],
  [
    "Q1",
    "half of a batch whose other half came",
    [
      call("p", 0, undefined, {
        ...{ f: "enqueue-batch", queue: "q" },
        messages: [one, two].map(({ key, body }) => ({ key, body })),
      }),
      ...[delivered(one, 1, 20), settle("ack", one, 1, 21, 22), ...nothing],
    ],
    /Lost: message p-2/,
  ],
  ["Q2", "nobody enqueued it", [delivered(one, 1, 20)], /message p-1 .* nobody ever enqueued it/],
  [
    "Q2",
    "its enqueue failed for certain",
    [enqueue(one, 0, 10, { type: "fail" }), delivered(one, 1, 20)],
    /message p-1 .* its enqueue had failed/,
  ],
  [
    "Q2",
    "it came before it was sent",
    [enqueue(one, 50, 60), delivered(one, 1, 20)],
    /began only at/,
  ],
  ["Q2", "it was seen, never sent", [browse("q", 20, one)], /message p-1 .* seen in the queue/],
  [
    "Q2",
    "with another key",
    [enqueue(one, 0, 10), delivered({ ...one, key: "other" }, 1, 20)],
    /with key other instead of k/,
  ],
  ["Q3", "acked twice", [...gone, settle("ack", one, 1, 30, 31)], /Settled twice: message p-1/],
  [
    "Q3",
    "acked by one and rejected by another",
    [...gone, delivered(one, 2, 30, { deliveries: 2 }), settle("reject", one, 2, 31, 32)],
    /Settled twice: message p-1/,
  ],
  [
    "Q3",
    "released and acked with one token",
    [...got, settle("release", one, 1, 21, 22), settle("ack", one, 1, 23, 24)],
    /Settled twice: message p-1/,
  ],
  [
    "Q3",
    "settled before, and nobody had asked",
    [...got, settle("ack", one, 1, 21, 22, { already: true })],
    /nobody had asked/,
  ],
  [
    "Q3",
    "acked and still there",
    [...gone, browse("q", 900, one)],
    /Acked and still there: message p-1/,
  ],
  [
    "Q3",
    "acked besides a commit that took effect",
    [
      ...gone,
      call("d", 15, undefined, { f: "commit", acks: [lease(one, 1)], enqueues: [two] }),
      delivered(two, 2, 50),
    ],
    /Settled twice: message p-1/,
  ],
]);

describe("cannot be told", () => {
  test("Q1: nobody looked at the queue at the end", () => {
    const { result, why } = verdictOf("Q1", evidence([enqueue(one, 0, 10)]));
    expect([result, why]).toEqual([
      "inconclusive",
      expect.stringContaining("message p-1 of queue q"),
    ]);
  });

  test("Q1: the queue was looked at before the enqueue had been answered", () => {
    const lines = [enqueue(one, 0, 10), browse("q", 5)];
    expect(verdictOf("Q1", evidence(lines)).result).toBe("inconclusive");
  });

  test("Q1: the dead letters were looked at before the queue that they come from", () => {
    const lines = [enqueue(dying, 0, 10), browse("dlq", 900), browse("dying", 910)];
    expect(verdictOf("Q1", evidence(lines)).result).toBe("inconclusive");
  });
});
