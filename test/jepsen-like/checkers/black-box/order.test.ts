import { browse, delivered, enqueue, message, receive, settle } from "../told.ts";
import { one, two, fifo1, fifo2, bag1, bag2, got, gone, areViolated } from "./histories.ts";

areViolated([
  [
    "Q5",
    "overtaken: acked after the next one came",
    [
      ...[enqueue(one, 0, 10), enqueue(two, 11, 12), delivered(two, 2, 30), delivered(one, 1, 40)],
      settle("ack", one, 1, 41, 42),
    ],
    /Overtaken: message p-1 .* acked only at 0.041000 s, and p-2 was delivered at 0.030000 s/,
  ],
  [
    "Q5",
    "overtaken: redelivered after the next one",
    [
      ...[enqueue(one, 0, 10), enqueue(two, 11, 12), delivered(one, 1, 20), delivered(two, 2, 30)],
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
      ...[enqueue(one, 0, 10), enqueue(two, 0.5, 10), delivered(one, 1, 20), delivered(two, 2, 30)],
      settle("ack", one, 1, 31, 32),
    ],
    /Overtaken: message p-1 .* it has key_seq 1, and p-2 has 2/,
  ],
  [
    "Q6",
    "the tokens the other way round",
    [
      ...[enqueue(one, 0, 10), enqueue(two, 0.5, 10), delivered(one, 2, 20), delivered(two, 1, 30)],
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
    [...got, delivered(two, 2, 30)],
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
]);
