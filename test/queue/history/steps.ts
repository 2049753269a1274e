// Steps of random histories, such that fast-check can shrink them: small numbers, given a meaning by what happened before.

import fc from "fast-check";
import type { MessageExtras, QueueOptions, Resolution, Settlement } from "../../../queue/index.ts";
import type { TopicOptions } from "../../../queue/index.ts";
import { keys, queueNames, targetNames, topicNames } from "./queues.ts";

/** What a producer asks for besides: times are relative to the moment, `expect` to what the key has got so far. */
export interface Wish extends Partial<Omit<MessageExtras, "expectKeySeq">> {
  readonly expect?: number;
}

interface Sending {
  readonly queue: number;
  readonly key: number;
  readonly wish: Wish | undefined;
}

export type Step =
  | ({ readonly do: "enqueue" } & Sending)
  | {
      readonly do: "batch";
      readonly queue: number;
      readonly messages: readonly Omit<Sending, "queue">[];
      readonly perItem: boolean;
    }
  | {
      readonly do: "settle";
      readonly lease: number;
      readonly how: Settlement;
      readonly session: number;
    }
  | {
      readonly do: "commit";
      readonly session: number;
      readonly settles: readonly { readonly lease: number; readonly how: Settlement }[];
      readonly enqueues: readonly Sending[];
      readonly conditions: readonly {
        readonly kind: "tail" | "length" | "lease";
        readonly pick: number;
        readonly off: number;
      }[];
    }
  | { readonly do: "tick"; readonly ms: number }
  | { readonly do: "open"; readonly ttlMs: number }
  | { readonly do: "close"; readonly session: number }
  | { readonly do: "attach"; readonly session: number }
  | { readonly do: "detach"; readonly session: number }
  | { readonly do: "gap"; readonly session: number }
  | { readonly do: "keep-alive"; readonly session: number }
  | {
      readonly do: "subscribe";
      readonly session: number;
      readonly consumer: number;
      readonly queue: number;
      readonly credit: number;
      readonly creditBytes: number;
      readonly keys: readonly number[];
    }
  | { readonly do: "unsubscribe"; readonly session: number; readonly consumer: number }
  | {
      readonly do: "receive";
      readonly session: number;
      readonly queue: number;
      readonly max: number;
      readonly maxBytes: number;
      readonly waitMs: number;
      readonly keys: readonly number[];
    }
  | { readonly do: "repeat"; readonly call: number }
  | { readonly do: "update"; readonly queue: number; readonly changes: Partial<QueueOptions> }
  | { readonly do: "delete"; readonly queue: number }
  | { readonly do: "create"; readonly queue: number }
  | { readonly do: "temporary"; readonly session: number }
  | { readonly do: "resolve"; readonly pick: number; readonly how: Resolution["kind"] }
  | { readonly do: "cancel"; readonly pick: number }
  | {
      readonly do: "purge";
      readonly queue: number;
      readonly key: number | undefined;
      readonly dryRun: boolean;
    }
  | {
      readonly do: "pause";
      readonly queue: number;
      readonly key: number;
      readonly paused: boolean;
    }
  | {
      readonly do: "redrive";
      readonly keys: readonly number[];
      readonly force: boolean;
      readonly dryRun: boolean;
    }
  | { readonly do: "create-topic"; readonly topic: number }
  | { readonly do: "update-topic"; readonly topic: number; readonly changes: Partial<TopicOptions> }
  | { readonly do: "delete-topic"; readonly topic: number; readonly force: boolean }
  | {
      readonly do: "replay";
      readonly queue: number;
      readonly start: "new" | "earliest" | "sequence" | "time";
      readonly back: number;
    };

/** A step, and whether it shares the entry of the one before it. */
export interface Move {
  readonly step: Step;
  readonly joins: boolean;
}

// Some queues and keys more often than others: much happens only where several messages meet.
const queue = fc.oneof(fc.constantFrom(0, 0, 1, 3, 4), fc.nat(queueNames.length - 1));
const target = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 0, 0, 1, 2, 3, 3) },
  { weight: 1, arbitrary: fc.constantFrom(...[targetNames.length - 2, targetNames.length - 1]) },
  { weight: 1, arbitrary: fc.nat(targetNames.length - 1) },
);
const topic = fc.nat(topicNames.length - 1);
const session = fc.nat(3);
const key = fc.oneof(fc.constantFrom(0, 0, 1), fc.nat(keys.length - 1));
const consumer = fc.integer({ min: 1, max: 3 });
const settlement: fc.Arbitrary<Settlement> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Settlement>({ kind: "ack" }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("nack" as const),
      delayMs: fc.constantFrom(undefined, 0, 40, 500, 2500),
      error: fc.constantFrom("", "no"),
    }),
  },
  { weight: 2, arbitrary: fc.constant<Settlement>({ kind: "release" }) },
  { weight: 2, arbitrary: fc.constant<Settlement>({ kind: "reject", error: "never" }) },
);
const extension: fc.Arbitrary<Settlement> = fc.record({
  kind: fc.constant("extend" as const),
  leaseMs: fc.constantFrom(0, 50, 900),
});

const changes = fc.constantFrom<Partial<QueueOptions>>(
  ...[{ paused: true }, { paused: false }, { paused: false }, { paused: false }],
  ...[{ maxInFlightPerKey: 1 }, { maxInFlightPerKey: 3 }, { onExhausted: "park" as const }],
  ...[{ maxAttempts: 1 }, { maxMessages: 4 }, { leaseMs: 700 }, { maxMessagesPerKey: 2 }],
  ...[{ maxBytesPerKey: 10 }, { maxBytes: 30 }, { historyMs: 900 }, { messageTtlMs: 400 }],
  ...[{ onExpiry: "discard" as const }, { orderedDelay: "block-key" as const }],
  ...[{ orderedDelay: "reject" as const }, { dedupWindowMs: 0 }, { dedupWindowMs: 200 }],
);
const topicChanges = fc.constantFrom<Partial<TopicOptions>>(
  ...[{ retentionMs: 300 }, { retentionBytes: 9 }, { retentionMs: 0 }, { maxMessageBytes: 5 }],
  ...[{ retentionMs: 9000 }, { retentionBytes: 90 }],
);

const wishes: readonly fc.Arbitrary<Wish>[] = [
  fc.record({ dedupId: fc.constantFrom("one", "two\x00") }),
  fc.record({ dedupId: fc.constantFrom("one", "two\x00") }),
  fc.record({ expect: fc.constantFrom(1, 1, 1, 2) }),
  fc.record({ delayMs: fc.constantFrom(20, 300, 3000) }),
  fc.record({ delayMs: fc.constantFrom(20, 300, 3000) }),
  fc.record({ notBefore: fc.constantFrom(-5, 400, 33_000_000_000) }),
  fc.record({ ttlMs: fc.constantFrom(30, 400, 3000) }),
  fc.record({ expiresAt: fc.constantFrom(-5, 500, 2000) }),
  fc.record({ priority: fc.constantFrom(0, 1, 1, 9) }),
  fc.record({ headers: fc.constantFrom({ color: "red" }, { color: "blue" }) }),
];
const wish: fc.Arbitrary<Wish | undefined> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(undefined) },
  {
    weight: process.env.NOWISH ? 0 : 5,
    arbitrary: fc.oneof(...wishes.filter((_, i) => !process.env.NOWISHES?.includes(String(i)))),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.oneof(...wishes), fc.oneof(...wishes))
      .map(([one, other]) => ({ ...one, ...other })),
  },
);
const message = { key, wish };
const sending = fc.record({ queue: target, ...message });

const someKeys = fc.oneof(
  { weight: 3, arbitrary: fc.constant<number[]>([]) },
  { weight: 2, arbitrary: fc.array(key, { minLength: 1, maxLength: 3 }) },
);

type Of<Kind extends Step["do"]> = Extract<Step, { readonly do: Kind }>;

/** A kind of step, and how often it comes. */
function weighted<Kind extends Step["do"]>(
  weight: number,
  kind: Kind,
  fields: { [Field in keyof Omit<Of<Kind>, "do">]: fc.Arbitrary<Of<Kind>[Field]> },
): fc.WeightedArbitrary<Step> {
  const record: fc.Arbitrary<object> = fc.record({ do: fc.constant(kind), ...fields });
  return { weight, arbitrary: record as fc.Arbitrary<Step> };
}

const kinds: readonly fc.WeightedArbitrary<Step>[] = [
  weighted(12, "enqueue", { queue: target, ...message }),
  weighted(3, "batch", {
    ...{ queue: target, messages: fc.array(fc.record(message), { maxLength: 4 }) },
    perItem: fc.boolean(),
  }),
  weighted(13, "settle", {
    lease: fc.nat(9),
    how: fc.oneof(settlement, settlement, extension),
    session,
  }),
  weighted(4, "commit", {
    session,
    settles: fc.array(fc.record({ lease: fc.nat(5), how: settlement }), { maxLength: 3 }),
    enqueues: fc.array(sending, { maxLength: 3 }),
    conditions: fc.array(
      fc.record({
        kind: fc.constantFrom("tail", "length", "lease"),
        pick: fc.nat(5),
        off: fc.constantFrom(0, 0, 0, 1),
      }),
      { maxLength: 2 },
    ),
  }),
  weighted(8, "tick", {
    ms: fc.constantFrom(0, 1, 15, 50, 100, 200, 400, 1000, 5000, 3_600_000),
  }),
  weighted(2, "open", { ttlMs: fc.constantFrom(500, 3000, 60_000) }),
  weighted(1, "close", { session }),
  weighted(2, "attach", { session }),
  weighted(1, "detach", { session }),
  weighted(1, "gap", { session }),
  weighted(1, "keep-alive", { session }),
  weighted(5, "subscribe", {
    ...{ session, consumer, queue, credit: fc.constantFrom(0, 1, 2, 3, 3, 4, 4) },
    ...{ creditBytes: fc.constantFrom(0, 0, 4, 9), keys: someKeys },
  }),
  weighted(1, "unsubscribe", { session, consumer }),
  weighted(4, "receive", {
    ...{ session, queue, max: fc.integer({ min: 1, max: 3 }) },
    ...{ maxBytes: fc.constantFrom(0, 0, 1, 8), waitMs: fc.constantFrom(0, 200, 3000) },
    keys: someKeys,
  }),
  weighted(4, "repeat", { call: fc.nat(5) }),
  weighted(3, "update", { queue, changes }),
  weighted(1, "delete", { queue }),
  weighted(2, "create", { queue }),
  weighted(1, "temporary", { session }),
  weighted(3, "resolve", { pick: fc.nat(3), how: fc.constantFrom("retry", "skip", "replace") }),
  weighted(3, "cancel", { pick: fc.nat(8) }),
  weighted(1, "purge", { queue, key: fc.option(key, { nil: undefined }), dryRun: fc.boolean() }),
  weighted(2, "pause", { queue, key, paused: fc.constantFrom(true, false, false) }),
  weighted(5, "redrive", {
    keys: fc.array(key, { minLength: 1, maxLength: 5 }),
    force: fc.constantFrom(true, false, false),
    dryRun: fc.constantFrom(true, false, false, false),
  }),
  weighted(1, "create-topic", { topic }),
  weighted(1, "update-topic", { topic, changes: topicChanges }),
  weighted(1, "delete-topic", { topic, force: fc.boolean() }),
  weighted(2, "replay", {
    queue: fc.constantFrom(-1, -2, -3, -3, -3, 0),
    start: fc.constantFrom("new", "earliest", "sequence", "time"),
    back: fc.nat(4),
  }),
];

const step: fc.Arbitrary<Step> = fc.oneof(...kinds);

export function moves(maxLength: number, minLength = 0): fc.Arbitrary<Move[]> {
  const move = fc.record({ step, joins: fc.boolean() });
  return fc.array(move, { minLength, maxLength, size: "max" });
}
