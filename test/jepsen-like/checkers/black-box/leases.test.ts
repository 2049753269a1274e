import { delivered, enqueue, receive, settle } from "../told.ts";
import { one, two, bag1, bag2, got, gone, areViolated } from "./histories.ts";

areViolated([
  [
    "Q4",
    "to two at once",
    [...got, delivered(one, 2, 30, { deliveries: 2, process: "d" })],
    /Leased to two: message p-1 .* as if it had never been granted/,
  ],
  [
    "Q4",
    "because of a nack that nobody asked for",
    [...got, delivered(one, 2, 30, { deliveries: 2, attempts: 1, redelivery: "nack" })],
    /nobody had asked for a nack/,
  ],
  [
    "Q4",
    "because of a nack that failed",
    [
      ...got,
      settle("nack", one, 1, 21, 22, { type: "fail" }),
      delivered(one, 2, 30, { deliveries: 2, attempts: 1, redelivery: "nack" }),
    ],
    /nobody had asked for a nack/,
  ],
  [
    "Q4",
    "because of a release that nobody asked for",
    [...got, delivered(one, 2, 30, { deliveries: 2, redelivery: "release" })],
    /nobody had asked for a release/,
  ],
  [
    "Q4",
    "expired before its time",
    [...got, delivered(one, 2, 190, { deliveries: 2, attempts: 1, redelivery: "lease-expired" })],
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
      ...got,
      delivered(one, 2, 30, { deliveries: 2, redelivery: "session-ended", process: "d" }),
      receive("q", 0, 40, 41),
    ],
    /c went on, and knew nothing of it/,
  ],
  [
    "Q4",
    "a failure is forgotten",
    [
      ...got,
      settle("nack", one, 1, 21, 22),
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
    [...got, delivered(one, 1, 30, { process: "d" })],
    /token 1, reached c and d/,
  ],
  [
    "Q4",
    "not fresh at first",
    [enqueue(one, 0, 10), delivered(one, 1, 20, { attempts: 1 })],
    /for the first time, as delivery 1 after 1 failures/,
  ],
  [
    "Q12",
    "an ack with an old token",
    [...gone, delivered(one, 2, 500, { deliveries: 2, attempts: 1, redelivery: "lease-expired" })],
    /An old token was accepted: the ack of c with token 1 .* message p-1 .* with token 2/,
  ],
  [
    "Q12",
    "a nack when another had it",
    [
      ...got,
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
]);
