// The queues and topics of the random histories: one for each kind of order, one for dead letters, two subscriptions.

import { defaultOptions, type Filter, type QueueOptions } from "../../../queue/index.ts";
import type { TopicOptions } from "../../../queue/index.ts";

export const base: QueueOptions = {
  ...defaultOptions("key"),
  leaseMs: 4000,
  maxAttempts: 3,
  retry: { initialMs: 0, multiplier: 2, maxMs: 0 },
};

const toTheDead = { onExhausted: "dead-letter", deadLetterQueue: "dead" } as const;

export const queues: Readonly<Record<string, QueueOptions>> = {
  key: {
    ...{ ...base, ...toTheDead, onExpiry: "dead-letter", dedupWindowMs: 5000 },
    ...{ orderedDelay: "block-key", historyMs: 3000 },
  },
  wide: {
    ...{ ...base, maxInFlightPerKey: 3, leaseMs: 300, maxAttempts: 2 },
    ...{ onExpiry: "discard", orderedDelay: "block-key", maxMessagesPerKey: 5 },
  },
  total: { ...base, ordering: "total", onExhausted: "discard", dedupWindowMs: 600 },
  none: {
    ...{ ...base, ...toTheDead, ordering: "none", onExpiry: "dead-letter", dedupWindowMs: 5000 },
    historyMs: 3000,
  },
  dead: { ...base, maxMessages: 20, maxAttempts: 3 },
};

export const topics: Readonly<Record<string, TopicOptions>> = {
  topic: {
    ...{ retentionMs: 20_000, retentionBytes: 0, maxMessageBytes: 1000, dedupWindowMs: 5000 },
    labels: {},
  },
  small: {
    ...{ retentionMs: 0, retentionBytes: 20, maxMessageBytes: 1000, dedupWindowMs: 0 },
    labels: {},
  },
};

export interface SubscriptionDefinition {
  readonly topic: string;
  readonly options: QueueOptions;
  readonly filter: Filter;
}

export const subscriptions: Readonly<Record<string, SubscriptionDefinition>> = {
  all: {
    topic: "topic",
    options: { ...base, ...toTheDead },
    filter: { keyPrefix: "", headers: {} },
  },
  some: {
    topic: "topic",
    options: { ...base, ordering: "none", maxMessages: 6, onExpiry: "discard", messageTtlMs: 6000 },
    filter: { keyPrefix: "b", headers: { color: "red" } },
  },
  lean: {
    topic: "small",
    options: { ...base, onExhausted: "park" },
    filter: { keyPrefix: "", headers: {} },
  },
};

/** The first are there from the beginning. The temporary one is for a session to make; the last three are subscriptions. */
export const queueNames = [...Object.keys(queues), "temporary", ...Object.keys(subscriptions)];
export const topicNames = Object.keys(topics);
/** What a producer may name. */
export const targetNames = [...queueNames, ...topicNames];
export const keys = ["a", "b\x00", "b\x00\x01", "", "c", "\xff"];
