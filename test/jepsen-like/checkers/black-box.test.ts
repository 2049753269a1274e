import { describe, expect, test } from "vitest";
import { check, isPass } from "../../../jepsen-like/checkers/index.ts";
import {
  browse,
  call,
  counters,
  delivered,
  enqueue,
  evidence,
  lease,
  message,
  note,
  receive,
  settle,
  verdictOf,
  type Line,
} from "./told.ts";

const one = message(1);
const two = message(2);
const fifo1 = message(1, { queue: "fifo", key: "" });
const fifo2 = message(2, { queue: "fifo", key: "" });
const bag1 = message(1, { queue: "bag" });
const bag2 = message(2, { queue: "bag" });
const dying = message(1, { queue: "dying" });
const letter = message(1, { queue: "dlq" });
const nothing = [browse("q", 900), browse("dying", 910), browse("bag", 920), browse("dlq", 990)];
/** Enqueued, delivered and acked. */
const gone = [enqueue(one, 0, 10), delivered(one, 1, 20), settle("ack", one, 1, 21, 25)];

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
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 20), delivered(one, 1, 30)],
        settle("ack", one, 1, 31, 32),
      ],
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
        ...[enqueue(one, 0, 10), delivered(one, 1, 20)],
        settle("ack", one, 1, 21, 60, { type: "unknown" }),
        ...[enqueue(two, 30, 35), delivered(two, 2, 40)],
        settle("ack", one, 1, 70, 75, { already: true }),
        ...[settle("ack", two, 2, 80, 85), ...nothing],
      ],
    ],
    [
      "an ack without an answer came to nothing",
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 20), settle("ack", one, 1, 21, undefined)],
        delivered(one, 2, 500, { deliveries: 2, attempts: 1, redelivery: "lease-expired" }),
        ...[settle("ack", one, 2, 501, 505), ...nothing],
      ],
    ],
    [
      "nack, release, a closed client, a killed one, a lost session",
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 20), settle("nack", one, 1, 21, 22)],
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

describe("is violated", () => {
  test.each<[string, string, Line[], string | RegExp]>([
    [
      "Q1",
      "acknowledged and gone",
      [enqueue(one, 0, 10), ...nothing],
      /Lost: message p-1 of queue q/,
    ],
    [
      "Q1",
      "its ack failed for certain",
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 20)],
        ...[settle("ack", one, 1, 21, 22, { type: "fail" }), ...nothing],
      ],
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
      [...gone.slice(0, 2), settle("release", one, 1, 21, 22), settle("ack", one, 1, 23, 24)],
      /Settled twice: message p-1/,
    ],
    [
      "Q3",
      "settled before, and nobody had asked",
      [...gone.slice(0, 2), settle("ack", one, 1, 21, 22, { already: true })],
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
    [
      "Q4",
      "to two at once",
      [
        enqueue(one, 0, 10),
        delivered(one, 1, 20),
        delivered(one, 2, 30, { deliveries: 2, process: "d" }),
      ],
      /Leased to two: message p-1 .* as if it had never been granted/,
    ],
    [
      "Q4",
      "because of a nack that nobody asked for",
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 20)],
        delivered(one, 2, 30, { deliveries: 2, attempts: 1, redelivery: "nack" }),
      ],
      /nobody had asked for a nack/,
    ],
    [
      "Q4",
      "because of a nack that failed",
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 20)],
        settle("nack", one, 1, 21, 22, { type: "fail" }),
        delivered(one, 2, 30, { deliveries: 2, attempts: 1, redelivery: "nack" }),
      ],
      /nobody had asked for a nack/,
    ],
    [
      "Q4",
      "because of a release that nobody asked for",
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 20)],
        delivered(one, 2, 30, { deliveries: 2, redelivery: "release" }),
      ],
      /nobody had asked for a release/,
    ],
    [
      "Q4",
      "expired before its time",
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 20)],
        delivered(one, 2, 190, { deliveries: 2, attempts: 1, redelivery: "lease-expired" }),
      ],
      /cannot have expired before 0.200000 s/,
    ],
    [
      "Q4",
      "expired before its time: it was behind another",
      [
        ...[enqueue(one, 0, 10), enqueue(two, 0.5, 10), delivered(one, 1, 20)],
        ...[settle("ack", one, 1, 300, 301), delivered(two, 2, 310)],
        delivered(two, 3, 490, { deliveries: 2, attempts: 1, redelivery: "lease-expired" }),
      ],
      /message p-2 .* began at 0.300000 s at the earliest/,
    ],
    [
      "Q4",
      "expired before its time: it came by a receive",
      [
        ...[enqueue(one, 0, 10), receive("q", 1, 300, 311), delivered(one, 1, 310, { op: 300 })],
        delivered(one, 3, 490, { deliveries: 2, attempts: 1, redelivery: "lease-expired" }),
      ],
      /message p-1 .* began at 0.300000 s at the earliest/,
    ],
    [
      "Q4",
      "the session of one who goes on has ended",
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 20)],
        delivered(one, 2, 30, { deliveries: 2, redelivery: "session-ended", process: "d" }),
        receive("q", 0, 40, 41),
      ],
      /c went on, and knew nothing of it/,
    ],
    [
      "Q4",
      "a failure is forgotten",
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 20), settle("nack", one, 1, 21, 22)],
        delivered(one, 2, 30, { deliveries: 2, redelivery: "nack" }),
      ],
      /its failures went from 0 to 0/,
    ],
    [
      "Q4",
      "deliveries go back",
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 20, { deliveries: 2, redelivery: "release" })],
        delivered(one, 2, 30, { redelivery: "release" }),
      ],
      /as delivery 2 after 0 failures, and then with token 2 as delivery 1/,
    ],
    [
      "Q4",
      "the same lease, to two",
      [enqueue(one, 0, 10), delivered(one, 1, 20), delivered(one, 1, 30, { process: "d" })],
      /token 1, reached c and d/,
    ],
    [
      "Q4",
      "not fresh at first",
      [enqueue(one, 0, 10), delivered(one, 1, 20, { attempts: 1 })],
      /for the first time, as delivery 1 after 1 failures/,
    ],
    [
      "Q5",
      "overtaken: acked after the next one came",
      [
        ...[
          enqueue(one, 0, 10),
          enqueue(two, 11, 12),
          delivered(two, 2, 30),
          delivered(one, 1, 40),
        ],
        settle("ack", one, 1, 41, 42),
      ],
      /Overtaken: message p-1 .* acked only at 0.041000 s, and p-2 was delivered at 0.030000 s/,
    ],
    [
      "Q5",
      "overtaken: redelivered after the next one",
      [
        ...[
          enqueue(one, 0, 10),
          enqueue(two, 11, 12),
          delivered(one, 1, 20),
          delivered(two, 2, 30),
        ],
        delivered(one, 3, 40, { deliveries: 2, attempts: 1, redelivery: "nack" }),
      ],
      /Overtaken: message p-1 .* token 3 when p-2 had been granted with token 2/,
    ],
    [
      "Q5",
      "overtaken: it is still there",
      [enqueue(one, 0, 10), enqueue(two, 11, 12), delivered(two, 2, 30), browse("q", 900, one)],
      /Overtaken: message p-1 .* is still there/,
    ],
    [
      "Q5",
      "placed before what was there",
      [enqueue({ ...one, keySeq: 2 }, 0, 10), enqueue({ ...two, keySeq: 1 }, 11, 12)],
      /Out of place: message p-1 .* has key_seq 2, and p-2 has 1/,
    ],
    [
      "Q5",
      "overtaken in the whole queue, whatever the key",
      [
        ...[enqueue({ ...fifo1, key: "a" }, 0, 10), enqueue({ ...fifo2, key: "b" }, 11, 12)],
        ...[delivered({ ...fifo2, key: "b" }, 2, 30), browse("fifo", 900, fifo1)],
      ],
      /Overtaken: message p-1 of queue fifo/,
    ],
    [
      "Q6",
      "the next one before it was settled, both enqueued at once",
      [
        ...[
          enqueue(one, 0, 10),
          enqueue(two, 0.5, 10),
          delivered(one, 1, 20),
          delivered(two, 2, 30),
        ],
        settle("ack", one, 1, 31, 32),
      ],
      /Overtaken: message p-1 .* it has key_seq 1, and p-2 has 2/,
    ],
    [
      "Q6",
      "the tokens the other way round",
      [
        ...[
          enqueue(one, 0, 10),
          enqueue(two, 0.5, 10),
          delivered(one, 2, 20),
          delivered(two, 1, 30),
        ],
        settle("ack", one, 2, 21, 22),
      ],
      /Overtaken: message p-1 .* token 2 when p-2 had been granted with token 1/,
    ],
    [
      "Q6",
      "two with one place",
      [delivered(one, 1, 20), delivered({ ...two, keySeq: 1 }, 2, 30)],
      /Two with one place: message p-2 .* and p-1 both have key_seq 1/,
    ],
    [
      "Q6",
      "one with two places",
      [enqueue(one, 0, 10), delivered({ ...one, keySeq: 2 }, 1, 20)],
      /One with two places: message p-1 .* has key_seq 2 and key_seq 1/,
    ],
    [
      "Q6",
      "one is left out",
      [...gone, delivered(message(3), 3, 30)],
      /Left out: message p-3 .* after key_seq 2, which nobody ever got/,
    ],
    [
      "Q6",
      "the one before was never acked",
      [enqueue(one, 0, 10), delivered(one, 1, 20), delivered(two, 2, 30)],
      /Left out: message p-2 .* after p-1 \(key_seq 1\), which nobody ever acked/,
    ],
    [
      "Q7",
      "it was there all the time",
      [
        ...[enqueue(bag1, 0, 10), receive("bag", 0, 20, 30)],
        ...[receive("bag", 1, 40, 51), delivered(bag1, 1, 50, { op: 40 })],
      ],
      /Not empty: c .* queue bag .* first message p-1/,
    ],
    [
      "Q7",
      "one or the other was there at every moment",
      [
        ...[enqueue(bag1, 0, 10), enqueue(bag2, 20, 25), receive("bag", 0, 15, 60)],
        ...[receive("bag", 1, 40, 51), delivered(bag1, 1, 50, { op: 40 })],
        ...[receive("bag", 1, 70, 81), delivered(bag2, 2, 80, { op: 70 })],
      ],
      /Not empty: .* first message p-1/,
    ],
    [
      "Q7",
      "the one before it had been acked",
      [
        ...[...gone, enqueue(two, 11, 12), receive("q", 0, 30, 35)],
        ...[receive("q", 1, 40, 51), delivered(two, 2, 50, { op: 40 })],
      ],
      /Not empty: .* first message p-2/,
    ],
    [
      "Q8",
      "a later one has a smaller number",
      [enqueue({ ...bag1, seq: 2 }, 0, 10), enqueue({ ...bag2, seq: 1 }, 11, 12)],
      /Out of order: p enqueued p-1 .* seq 2\) and then p-2 .* seq 1\)/,
    ],
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
    [
      "Q11",
      "too many acked",
      [...gone, counters("q", 15, { acked: 1 })],
      /0 were asked to be acked/,
    ],
    [
      "Q11",
      "it does not add up",
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 20), settle("ack", one, 1, 21, 30)],
        counters("q", 90, { enqueued: 1, acked: 1, ready: 1 }),
      ],
      /Does not add up: .* of 1 messages of queue q 1 had been acked, .* and 1 were there/,
    ],
    [
      "Q12",
      "an ack with an old token",
      [
        ...gone,
        delivered(one, 2, 500, { deliveries: 2, attempts: 1, redelivery: "lease-expired" }),
      ],
      /An old token was accepted: the ack of c with token 1 .* message p-1 .* with token 2/,
    ],
    [
      "Q12",
      "a nack when another had it",
      [
        ...[enqueue(one, 0, 10), delivered(one, 1, 20)],
        delivered(one, 2, 500, { deliveries: 2, attempts: 1, redelivery: "lease-expired" }),
        settle("nack", one, 1, 510, 511),
      ],
      /An old token was accepted: the nack of c with token 1/,
    ],
    [
      "Q12",
      "one token for two",
      [
        ...[enqueue(bag1, 0, 10), enqueue(bag2, 11, 12), delivered(bag1, 1, 20)],
        delivered(bag2, 1, 30, { process: "d" }),
      ],
      /Token 1 of queue bag was given twice: for p-1 to c .* for p-2 to d/,
    ],
    [
      "exact FIFO",
      "overtaken",
      [
        ...[enqueue(fifo1, 0, 10), enqueue(fifo2, 11, 12)],
        ...[delivered(fifo2, 1, 20), settle("ack", fifo2, 1, 21, 22)],
        ...[delivered(fifo1, 2, 30), settle("ack", fifo1, 2, 31, 32), browse("fifo", 900)],
      ],
      /Queue fifo: Overtaken: the enqueue of "p-1"/,
    ],
    [
      "exact FIFO",
      "not empty",
      [
        ...[enqueue(fifo1, 0, 10), receive("fifo", 0, 11, 12), receive("fifo", 1, 15, 17)],
        ...[delivered(fifo1, 1, 16, { op: 15 }), settle("ack", fifo1, 1, 21, 22)],
      ],
      /Queue fifo: Not empty: .* held "p-1"/,
    ],
    [
      "exact FIFO",
      "an ack without an answer, and it was not empty before",
      [
        ...[enqueue(fifo1, 0, 10), receive("fifo", 0, 11, 12), receive("fifo", 1, 15, 17)],
        ...[delivered(fifo1, 1, 16, { op: 15 }), settle("ack", fifo1, 1, 21, undefined)],
        browse("fifo", 900),
      ],
      /Queue fifo: Not empty/,
    ],
    [
      "exact FIFO",
      "nobody sent it",
      [delivered(fifo1, 1, 20), settle("ack", fifo1, 1, 21, 22)],
      /"p-1" was dequeued, and nobody enqueued it/,
    ],
  ])("%s: %s", (name, _, lines, what) => {
    const verdict = verdictOf(name, evidence(lines));
    expect(verdict.result).toBe("violated");
    expect(verdict.findings.map((finding) => finding.what).join("\n")).toMatch(what);
  });
});

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
