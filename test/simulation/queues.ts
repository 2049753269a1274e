// The queues of a simulated world: one of each kind of order, exhaustion and bound.

import type { QueueOptions } from "../../client/index.ts";

export interface QueuePlan {
  readonly name: string;
  readonly leaseMs: number;
  readonly options: QueueOptions;
}

/** So short that the model of the checker knows it: longer ones come from nacks that name their delay. */
const retry = { initialMs: 9, multiplier: 1, maxMs: 9 };

function plan(name: string, leaseMs: number, options: QueueOptions): QueuePlan {
  return { name, leaseMs, options: { leaseMs, retry, ...options } };
}

/** A dead-letter queue before those that name it. */
export const queues: readonly QueuePlan[] = [
  plan("dead", 2_000, { ordering: "NONE", onExhausted: "DISCARD", maxAttempts: 4 }),
  plan("ledger", 3_000, { maxAttempts: 4 }),
  plan("wide", 1_000, {
    maxInFlightPerKey: 3,
    maxAttempts: 2,
    onExhausted: "DEAD_LETTER",
    deadLetterQueue: "dead",
  }),
  plan("total", 1_500, { ordering: "TOTAL", maxAttempts: 3, onExhausted: "DISCARD" }),
  plan("small", 2_000, { maxMessages: 12, maxAttempts: 5, onExhausted: "DISCARD" }),
];

/** Those in which a key has one message under way at a time. */
export const strictQueues: ReadonlySet<string> = new Set(["ledger", "small"]);
