import { describe, expect, test } from "vitest";
import { check, isPass } from "../../../../jepsen-like/checkers/index.ts";
import {
  browse,
  call,
  counters,
  delivered,
  enqueue,
  evidence,
  message,
  note,
  receive,
  settle,
  verdictOf,
  type Line,
} from "../told.ts";
import {
  one,
  two,
  fifo1,
  fifo2,
  bag1,
  bag2,
  dying,
  letter,
  got,
  gone,
  nothing,
} from "./histories.ts";

describe("holds, with everything odd in it", () => {
  test.each<[string, Line[]]>([
    ["nothing", []],
    ["a message comes and goes", [...gone, ...nothing]],
    ["it is still there", [enqueue(one, 0, 10), browse("q", 900, one)]],
    ["an enqueue without an answer did not happen", [enqueue(one, 0, undefined), ...nothing]],
    [
      "an enqueue without an answer happened late",
      [
        enqueue(one, 0, 50, { type: "unknown" }),
        delivered(one, 1, 300),
        settle("ack", one, 1, 301, 302),
      ],
    ],
    [
      "who attaches anew is given again what it holds (O2)",
      [...got, delivered(one, 1, 30), settle("ack", one, 1, 31, 32)],
    ],
    [
      "a failed enqueue is asked for again under its name",
      [
        enqueue(one, 0, 10, { type: "fail" }),
        enqueue(one, 12, 50, { type: "unknown" }),
        enqueue(one, 60, 70, { deduplicated: true, logIndex: 13 }),
        enqueue(two, 80, 90),
        browse("q", 900, one, two),
      ],
    ],
    [
      "an ack without an answer took effect, and is told so when it asks again",
      [
        ...got,
        settle("ack", one, 1, 21, 60, { type: "unknown" }),
        ...[enqueue(two, 30, 35), delivered(two, 2, 40)],
        settle("ack", one, 1, 70, 75, { already: true }),
        ...[settle("ack", two, 2, 80, 85), ...nothing],
      ],
    ],
    [
      "an ack without an answer came to nothing",
      [
        ...got,
        settle("ack", one, 1, 21, undefined),
        delivered(one, 2, 500, { deliveries: 2, attempts: 1, redelivery: "lease-expired" }),
        ...[settle("ack", one, 2, 501, 505), ...nothing],
      ],
    ],
    [
      "nack, release, a closed client, a killed one, a lost session",
      [
        ...got,
        settle("nack", one, 1, 21, 22),
        delivered(one, 2, 30, { deliveries: 2, attempts: 1, redelivery: "nack" }),
        settle("release", one, 2, 31, 50, { type: "unknown" }),
        delivered(one, 3, 40, { deliveries: 3, attempts: 1, redelivery: "release", process: "d" }),
        note("d", 41, "closing"),
        delivered(one, 4, 50, { deliveries: 4, attempts: 1, redelivery: "release", process: "e" }),
        delivered(one, 5, 90, {
          deliveries: 5,
          attempts: 1,
          redelivery: "session-ended",
          process: "f",
        }),
        call("f", 150, 160, { f: "receive", queue: "q", max: 1 }, { received: 0 }),
        note("f", 140, "session-lost"),
        delivered(one, 6, 100, { deliveries: 6, attempts: 1, redelivery: "session-ended" }),
        delivered(one, 9, 200, { deliveries: 9, attempts: 2, redelivery: "nack" }),
        ...[settle("ack", one, 9, 201, 202), ...nothing],
      ],
    ],
    [
      "an old delivery arrives after the new one was acked",
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 600)],
        settle("ack", one, 1, 601, 605, { type: "fail" }),
        delivered(one, 2, 450, {
          deliveries: 2,
          attempts: 1,
          redelivery: "lease-expired",
          process: "d",
        }),
        ...[settle("ack", one, 2, 451, 452, { process: "d" }), ...nothing],
      ],
    ],
    [
      "dead letters: seen there, acked there",
      [
        ...[enqueue(dying, 0, 10), delivered(dying, 1, 20), settle("reject", dying, 1, 21, 22)],
        browse("dying", 900),
        browse("dlq", 910, letter),
      ],
    ],
    [
      "concurrent enqueues change places; without order they come as they like",
      [
        ...[enqueue(one, 5, 20), enqueue(two, 0, 20), enqueue(bag1, 21, 22), enqueue(bag2, 23, 24)],
        ...[delivered(bag2, 1, 30), delivered(bag1, 2, 30)],
        ...[settle("ack", bag1, 2, 40, 41), settle("ack", bag2, 1, 42, 43)],
        ...[browse("q", 900, one, two), browse("bag", 920)],
      ],
    ],
    [
      "empty before, between and after; while the head is leased; while its enqueue is under way",
      [
        ...[receive("fifo", 0, 1, 2), enqueue(fifo1, 3, 20), receive("fifo", 0, 4, 10)],
        ...[receive("fifo", 1, 30, 41), delivered(fifo1, 1, 40, { op: 30 })],
        ...[enqueue(fifo2, 42, 45), receive("fifo", 0, 50, 55), settle("ack", fifo1, 1, 60, 65)],
        ...[receive("fifo", 1, 70, 75), delivered(fifo2, 2, 74, { op: 70 })],
        ...[settle("ack", fifo2, 2, 80, 120, { type: "unknown" }), receive("fifo", 0, 130, 131)],
        browse("fifo", 900),
      ],
    ],
    [
      "the next one comes after an ack without an answer: it took effect",
      [
        ...[enqueue(fifo1, 0, 10), enqueue(fifo2, 11, 12), delivered(fifo1, 1, 20)],
        ...[settle("ack", fifo1, 1, 21, undefined), delivered(fifo2, 2, 30)],
        ...[settle("ack", fifo2, 2, 31, 32), browse("fifo", 900)],
      ],
    ],
    [
      "counters within their bounds",
      [
        ...[enqueue(one, 0, 10), enqueue(two, 0.5, undefined)],
        counters("q", 5, { enqueued: 0, acked: 0, ready: 0 }),
        counters("q", 20, { enqueued: 2, acked: 0, ready: 1, leased: 1 }),
        ...[delivered(one, 1, 20), settle("ack", one, 1, 30, undefined)],
        counters("q", 40, { enqueued: 1, acked: 1, ready: 0, leased: 0 }),
      ],
    ],
  ])("%s", (_, lines) => {
    const verdicts = check(evidence(lines));
    expect(verdicts.filter(({ result }) => result === "violated")).toEqual([]);
  });
});

describe("a run passes", () => {
  const of = (...results: ("holds" | "violated" | "inconclusive" | "skipped")[]): boolean =>
    isPass(results.map((result) => ({ check: "c", result, looked: "", findings: [] })));

  test("when everything holds or does not apply", () => {
    expect(of("holds", "skipped")).toBe(true);
    const verdicts = check(evidence([...gone, ...nothing]));
    expect(isPass(verdicts.filter(({ check: name }) => !name.startsWith("witness")))).toBe(true);
    // Without logs nothing is proved.
    expect(isPass(verdicts)).toBe(false);
  });

  test("not when something is violated, open, or nothing was looked at", () => {
    expect(of("holds", "violated")).toBe(false);
    expect(of("holds", "inconclusive")).toBe(false);
    expect(of("skipped")).toBe(false);
    expect(of()).toBe(false);
  });
});

test("at most twenty findings are shown, the earliest first, and all are counted", () => {
  const lines = Array.from({ length: 30 }, (_, n) => delivered(message(30 - n), 1, 100 - n));
  const { findings, why } = verdictOf("Q2", evidence(lines));
  expect(findings).toHaveLength(20);
  expect(why).toContain("30 findings");
  expect(findings[0]?.times).toEqual([71_000]);
});
