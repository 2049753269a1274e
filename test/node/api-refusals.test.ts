// Bad input to every unary call of the service Queue: refused with its reason and the field, as the request spells it, and the
// node goes on.

import { beforeAll, describe, expect, test } from "vitest";
import { Api } from "./api.ts";

const long = "x".repeat(257);
const name = "a/b";
const message = { key: "k", content: { body: Buffer.from("x") } };
const lease = { queue: "q", key: "k", keySeq: 1, fencingToken: 1 };
const other = { caller: { sessionId: "other:1" } };
const numbered = { caller: { sequence: 1 } };
const nowhere = { queue: "nowhere" };
const year = 366 * 86_400_000;

/** The call, the request, the reason, the field. */
type Bad = readonly [method: string, request: object, reason: string, field: string];

const callers: readonly Bad[] = [
  "CreateQueue",
  "UpdateQueue",
  "DeleteQueue",
  "CreateTopic",
  "UpdateTopic",
  "DeleteTopic",
].flatMap((method): Bad[] => [
  [method, { name: "q", ...other }, "MALFORMED", "caller.session_id"],
  [method, { name: "q", ...numbered }, "MALFORMED", "caller.session_id"],
  [method, { name: "q", caller: { sessionId: "test:99" } }, "SESSION_EXPIRED", "session_id"],
]);

const ofMessages = (field: string): readonly [object, string][] => [
  [{ dedupId: long }, `${field}.dedup_id`],
  [{ dedupId: "d" }, `${field}.dedup_id`],
  [{ expectKeySeq: -1 }, `${field}.expect_key_seq`],
  [{ notBeforeMs: -1 }, `${field}.not_before_ms`],
  [{ notBeforeMs: 2 ** 48 }, `${field}.not_before_ms`],
  [{ delayMs: -1 }, `${field}.delay_ms`],
  [{ delayMs: year + 1 }, `${field}.delay_ms`],
  [{ expiresAtMs: -1 }, `${field}.expires_at_ms`],
  [{ expiresAtMs: 9_999_999_999_999 }, `${field}.expires_at_ms`],
  [{ ttlMs: -1 }, `${field}.ttl_ms`],
  [{ ttlMs: 1_000 }, `${field}.ttl_ms`],
  [{ priority: -1 }, `${field}.priority`],
  [{ priority: 10 }, `${field}.priority`],
  [{ priority: 1 }, `${field}.priority`],
];

const producing: readonly Bad[] = [
  ["Enqueue", { queue: "", ...message }, "MALFORMED", "queue"],
  ["Enqueue", { queue: name, ...message }, "MALFORMED", "queue"],
  ["Enqueue", { ...nowhere, ...message }, "QUEUE_NOT_FOUND", "queue"],
  ["Enqueue", { queue: "q", content: { body: Buffer.from("x") } }, "KEY_REQUIRED", "key"],
  ["Enqueue", { queue: "q", ...message, key: long }, "MALFORMED", "key"],
  [
    "Enqueue",
    { queue: "q", ...message, content: { body: Buffer.alloc(4 * 1024 * 1024 + 1) } },
    "TOO_LARGE",
    "content",
  ],
  [
    "Enqueue",
    { queue: "q", ...message, content: { body: Buffer.alloc(1024 * 1024 + 1) } },
    "TOO_LARGE",
    "content",
  ],
  ["Enqueue", { queue: "q", ...message, ...other }, "MALFORMED", "caller.session_id"],
  [
    "Enqueue",
    { queue: "q", ...message, messageOptions: { delayMs: 5 } },
    "DELAY_NOT_ALLOWED",
    "message_options.delay_ms",
  ],
  [
    "Enqueue",
    { queue: "q", ...message, messageOptions: { expectKeySeq: 7 } },
    "KEY_SEQ_MISMATCH",
    "message_options.expect_key_seq",
  ],
  ...ofMessages("message_options").map(([messageOptions, field]): Bad => [
    "Enqueue",
    { queue: "q", ...message, messageOptions },
    "MALFORMED",
    field,
  ]),
  ["EnqueueBatch", { queue: "q" }, "MALFORMED", "messages"],
  ["EnqueueBatch", { queue: "q", messages: Array(1_001).fill(message) }, "MALFORMED", "messages"],
  ["EnqueueBatch", { queue: name, messages: [message] }, "MALFORMED", "queue"],
  ["EnqueueBatch", { ...nowhere, messages: [message] }, "QUEUE_NOT_FOUND", "queue"],
  [
    "EnqueueBatch",
    { queue: "q", messages: [message, { ...message, key: long }] },
    "MALFORMED",
    "messages[1].key",
  ],
  [
    "EnqueueBatch",
    { queue: "q", messages: [message, { ...message, key: "" }] },
    "KEY_REQUIRED",
    "messages[1].key",
  ],
  ...ofMessages("messages[1].message_options").map(([messageOptions, field]): Bad => [
    "EnqueueBatch",
    { queue: "q", messages: [message, { ...message, messageOptions }] },
    "MALFORMED",
    field,
  ]),
];

const session = { caller: { sessionId: "test:1", sequence: 1 } };
const consuming: readonly Bad[] = [
  ["Receive", { queue: "q" }, "MALFORMED", "caller.session_id"],
  ["Receive", { queue: "q", caller: { sessionId: "test:1" } }, "MALFORMED", "caller.sequence"],
  ["Receive", { ...session, queue: name }, "MALFORMED", "queue"],
  ["Receive", { ...session, queue: "q", maxMessages: 1_001 }, "MALFORMED", "max_messages"],
  ["Receive", { ...session, queue: "q", maxWaitMs: 60_001 }, "MALFORMED", "max_wait_ms"],
  ["Receive", { ...session, queue: "q", leaseMs: 99 }, "MALFORMED", "lease_ms"],
  ["Receive", { ...session, queue: "q", maxBytes: -1 }, "MALFORMED", "max_bytes"],
  ["Receive", { ...session, queue: "q", keys: Array(101).fill("k") }, "MALFORMED", "keys"],
  ["Receive", { ...session, queue: "q", keys: ["k", long] }, "MALFORMED", "keys[1]"],
  ["Receive", { ...session, queue: "q", keys: [""] }, "MALFORMED", "keys[0]"],
  ...["Ack", "Nack", "Release", "Reject", "Extend"].flatMap((method): Bad[] => [
    [method, {}, "MALFORMED", "lease"],
    [method, { lease: { ...lease, queue: name } }, "MALFORMED", "lease.queue"],
    [method, { lease: { ...lease, key: long } }, "MALFORMED", "lease.key"],
    [method, { lease: { ...lease, keySeq: 0 } }, "MALFORMED", "lease.key_seq"],
    [method, { lease: { ...lease, fencingToken: -1 } }, "MALFORMED", "lease.fencing_token"],
    [method, { lease: { ...lease, keySeq: 77 } }, "MESSAGE_NOT_FOUND", "lease.key_seq"],
  ]),
  ["Nack", { lease, delayMs: -1 }, "MALFORMED", "delay_ms"],
  ["Nack", { lease, error: "x".repeat(1_025) }, "MALFORMED", "error"],
  ["Reject", { lease, error: "x".repeat(1_025) }, "MALFORMED", "error"],
  ["Extend", { lease, leaseMs: 1 }, "MALFORMED", "lease_ms"],
];

const settle = { kind: "ACK", lease };
const committing: readonly Bad[] = (
  [
    [{}, "MALFORMED", "enqueues"],
    [{ settles: Array(1_001).fill(settle) }, "MALFORMED", "enqueues"],
    [{ conditions: [{}] }, "MALFORMED", "conditions[0]"],
    [{ conditions: [{ tailIs: { queue: name } }] }, "MALFORMED", "conditions[0].tail_is.queue"],
    [
      { conditions: [{ tailIs: { queue: "q", key: "k", keySeq: -1 } }] },
      "MALFORMED",
      "conditions[0].tail_is.key_seq",
    ],
    [
      { conditions: [{ lengthIs: { queue: "q", key: long } }] },
      "MALFORMED",
      "conditions[0].length_is.key",
    ],
    [
      { conditions: [{ lengthIs: { queue: "q", key: "k", messages: -1 } }] },
      "MALFORMED",
      "conditions[0].length_is.messages",
    ],
    [
      { conditions: [{ leaseHeld: { ...lease, fencingToken: 0 } }] },
      "MALFORMED",
      "conditions[0].lease_held.fencing_token",
    ],
    [
      { conditions: [{ tailIs: { queue: "q", key: "k", keySeq: 7 } }] },
      "CONDITION_FAILED",
      "conditions[0]",
    ],
    [{ settles: [{ lease }] }, "MALFORMED", "settles[0].kind"],
    [{ settles: [{ kind: "ACK" }] }, "MALFORMED", "settles[0].lease"],
    [{ settles: [{ kind: "NACK", lease, delayMs: -1 }] }, "MALFORMED", "settles[0].delay_ms"],
    [
      { settles: [{ kind: "REJECT", lease, error: "x".repeat(1_025) }] },
      "MALFORMED",
      "settles[0].error",
    ],
    [{ enqueues: [{ queue: "q" }] }, "MALFORMED", "enqueues[0].message"],
    [{ enqueues: [{ queue: name, message }] }, "MALFORMED", "enqueues[0].queue"],
    [{ enqueues: [{ ...nowhere, message }] }, "QUEUE_NOT_FOUND", "enqueues[0].queue"],
    [
      { enqueues: [{ queue: "q", message: { ...message, key: "" } }] },
      "KEY_REQUIRED",
      "enqueues[0].message.key",
    ],
    [
      { enqueues: [{ queue: "q", message: { ...message, key: long } }] },
      "MALFORMED",
      "enqueues[0].message.key",
    ],
    [
      {
        enqueues: Array(5).fill({
          queue: "q",
          message: { key: "k", content: { body: Buffer.alloc(1024 * 1024 - 100) } },
        }),
      },
      "TOO_LARGE",
      "enqueues",
    ],
    ...ofMessages("enqueues[1].message.message_options").map(
      ([messageOptions, field]) =>
        [
          {
            enqueues: [
              { queue: "q", message },
              { queue: "q", message: { ...message, messageOptions } },
            ],
          },
          "MALFORMED",
          field,
        ] as const,
    ),
  ] as const
).map(([request, reason, field]) => ["Commit", request, reason, field]);

const deciding: readonly Bad[] = [
  ["ResolveParked", { queue: name, retry: {} }, "MALFORMED", "queue"],
  ["ResolveParked", { queue: "q", key: long, retry: {} }, "MALFORMED", "key"],
  ["ResolveParked", { queue: "q", key: "k", keySeq: -1, retry: {} }, "MALFORMED", "key_seq"],
  ["ResolveParked", { queue: "q", key: "k" }, "MALFORMED", "action"],
  [
    "ResolveParked",
    { queue: "q", key: "k", skip: { reason: "x".repeat(1_025) } },
    "MALFORMED",
    "skip.reason",
  ],
  [
    "ResolveParked",
    { queue: "q", key: "k", replace: { body: Buffer.alloc(4 * 1024 * 1024 + 1) } },
    "TOO_LARGE",
    "replace",
  ],
  ["ResolveParked", { ...nowhere, retry: {} }, "QUEUE_NOT_FOUND", "queue"],
  ["ResolveParked", { queue: "q", key: "k", retry: {} }, "MESSAGE_NOT_FOUND", "key_seq"],
  ["Redrive", { queue: name }, "MALFORMED", "queue"],
  ["Redrive", nowhere, "QUEUE_NOT_FOUND", "queue"],
  ["Redrive", { queue: "q", maxMessages: 1_001 }, "MALFORMED", "max_messages"],
  ["Redrive", { queue: "q", after: "elsewhere" }, "MALFORMED", "after"],
  ["Redrive", { queue: "q", filter: { queue: name } }, "MALFORMED", "filter.queue"],
  ["Redrive", { queue: "q", filter: { key: long } }, "MALFORMED", "filter.key"],
  ["CancelMessage", { queue: name }, "MALFORMED", "queue"],
  ["CancelMessage", { queue: "q", key: long, keySeq: 1 }, "MALFORMED", "key"],
  ["CancelMessage", { queue: "q", key: "k" }, "MALFORMED", "key_seq"],
  ["CancelMessage", { messageId: "nonsense" }, "MALFORMED", "message_id"],
  ["CancelMessage", { messageId: "1/k/1", queue: "q" }, "MALFORMED", "message_id"],
  ["CancelMessage", { messageId: "99/k/1" }, "MESSAGE_NOT_FOUND", "message_id"],
  ["CancelMessage", { ...nowhere, key: "k", keySeq: 1 }, "QUEUE_NOT_FOUND", "queue"],
  ["CancelMessage", { queue: "q", key: "k", keySeq: 77 }, "MESSAGE_NOT_FOUND", "key_seq"],
  ["CancelMessage", { messageId: "1/k/77" }, "MESSAGE_NOT_FOUND", "message_id"],
  ["PurgeQueue", { queue: name }, "MALFORMED", "queue"],
  ["PurgeQueue", { queue: "q", key: long }, "MALFORMED", "key"],
  ["PurgeQueue", nowhere, "QUEUE_NOT_FOUND", "queue"],
  ["PauseQueue", { queue: name }, "MALFORMED", "queue"],
  ["PauseQueue", nowhere, "QUEUE_NOT_FOUND", "queue"],
  ["ResumeQueue", { queue: name }, "MALFORMED", "queue"],
  ["ResumeQueue", nowhere, "QUEUE_NOT_FOUND", "queue"],
  ...["PauseKey", "ResumeKey"].flatMap((method): Bad[] => [
    [method, { queue: name, key: "k" }, "MALFORMED", "queue"],
    [method, { queue: "q", key: long }, "MALFORMED", "key"],
    [method, { ...nowhere, key: "k" }, "QUEUE_NOT_FOUND", "queue"],
    [method, { queue: "q", key: "k", ...other }, "MALFORMED", "caller.session_id"],
  ]),
];

const looking: readonly Bad[] = [
  ["Peek", { queue: name }, "MALFORMED", "queue"],
  ["Peek", { queue: "q", key: long }, "MALFORMED", "key"],
  ["Peek", { queue: "q", maxMessages: -1 }, "MALFORMED", "max_messages"],
  ["Peek", { queue: "q", maxMessages: 1_001 }, "MALFORMED", "max_messages"],
  ["Peek", { queue: "q", after: "-!.1" }, "MALFORMED", "after"],
  ["Peek", { queue: "q", after: "-.0" }, "MALFORMED", "after"],
  ["Peek", { queue: "q", after: "-.9999999999999999" }, "MALFORMED", "after"],
  ["Peek", { queue: "q", consistency: 9 }, "MALFORMED", "consistency"],
  ["Peek", nowhere, "QUEUE_NOT_FOUND", "queue"],
  ...["GetMessage", "GetMessageHistory"].flatMap((method): Bad[] => [
    [method, { queue: name, key: "k", keySeq: 1 }, "MALFORMED", "queue"],
    [method, { queue: "q", key: long, keySeq: 1 }, "MALFORMED", "key"],
    [method, { queue: "q", key: "k" }, "MALFORMED", "key_seq"],
    [method, { messageId: "1/k" }, "MALFORMED", "message_id"],
    [method, { messageId: "1/k/1", key: "k" }, "MALFORMED", "message_id"],
    [method, { queue: "q", key: "k", keySeq: 1, consistency: 9 }, "MALFORMED", "consistency"],
    [method, { ...nowhere, key: "k", keySeq: 1 }, "QUEUE_NOT_FOUND", "queue"],
    [method, { messageId: "99/k/1" }, "MESSAGE_NOT_FOUND", "message_id"],
  ]),
  ["GetMessage", { queue: "q", key: "k", keySeq: 77 }, "MESSAGE_NOT_FOUND", "key_seq"],
  ["GetMessage", { messageId: "1/k/77" }, "MESSAGE_NOT_FOUND", "message_id"],
  ["ListKeys", { queue: name }, "MALFORMED", "queue"],
  ["ListKeys", { queue: "q", state: 9 }, "MALFORMED", "state"],
  ["ListKeys", { queue: "q", maxKeys: 1_001 }, "MALFORMED", "max_keys"],
  ["ListKeys", { queue: "q", after: "k" }, "MALFORMED", "after"],
  ["ListKeys", { queue: "q", consistency: 9 }, "MALFORMED", "consistency"],
  ["ListKeys", nowhere, "QUEUE_NOT_FOUND", "queue"],
  ["GetQueue", { name }, "MALFORMED", "name"],
  ["GetQueue", { name: "nowhere" }, "QUEUE_NOT_FOUND", "name"],
  ["GetQueue", { name: "q", consistency: 9 }, "MALFORMED", "consistency"],
  ["ListQueues", { consistency: 9 }, "MALFORMED", "consistency"],
  ["ListQueues", { prefix: name }, "MALFORMED", "prefix"],
  ["ListQueues", { after: name }, "MALFORMED", "after"],
  ["ListQueues", { maxQueues: -1 }, "MALFORMED", "max_queues"],
  ["GetTopic", { name }, "MALFORMED", "name"],
  ["GetTopic", { name: "nowhere" }, "TOPIC_NOT_FOUND", "name"],
  ["GetTopic", { name: "q" }, "TOPIC_NOT_FOUND", "name"],
  ["GetTopic", { name: "t", consistency: 9 }, "MALFORMED", "consistency"],
  ["ListTopics", { consistency: 9 }, "MALFORMED", "consistency"],
  ["ListTopics", { prefix: name }, "MALFORMED", "prefix"],
  ["ListTopics", { after: name }, "MALFORMED", "after"],
  ["ListTopics", { maxTopics: -1 }, "MALFORMED", "max_topics"],
];

const managing: readonly Bad[] = [
  ["CreateQueue", { name }, "MALFORMED", "name"],
  ["CreateQueue", { name: "q", options: { maxAttempts: 7 } }, "QUEUE_DIFFERS", ""],
  ["CreateQueue", { name: "t" }, "QUEUE_DIFFERS", "name"],
  ["CreateQueue", { name: "n", temporary: true }, "MALFORMED", "caller.session_id"],
  [
    "CreateQueue",
    { name: "n", options: { deadLetterQueue: "nowhere" } },
    "QUEUE_NOT_FOUND",
    "options.dead_letter_queue",
  ],
  [
    "CreateQueue",
    { name: "n", options: { onExhausted: "DEAD_LETTER" } },
    "MALFORMED",
    "options.dead_letter_queue",
  ],
  [
    "CreateQueue",
    { name: "n", options: { messageTtlMs: 1_000 } },
    "MALFORMED",
    "options.message_ttl_ms",
  ],
  [
    "CreateQueue",
    { name: "n", options: { onExpiry: "EXPIRY_DEAD_LETTER" } },
    "MALFORMED",
    "options.dead_letter_queue",
  ],
  ...(
    [
      [{ ordering: 9 }, "options.ordering"],
      [{ maxInFlightPerKey: 0 }, "options.max_in_flight_per_key"],
      [{ leaseMs: 1 }, "options.lease_ms"],
      [{ maxAttempts: 0 }, "options.max_attempts"],
      [{ retry: { initialMs: 0 } }, "options.retry.initial_ms"],
      [{ onExhausted: 9 }, "options.on_exhausted"],
      [{ deadLetterQueue: name }, "options.dead_letter_queue"],
      [{ maxMessages: -1 }, "options.max_messages"],
      [{ maxBytes: -1 }, "options.max_bytes"],
      [{ maxMessageBytes: 0 }, "options.max_message_bytes"],
      [{ labels: { [long]: "" } }, "options.labels"],
      [{ messageTtlMs: year + 1 }, "options.message_ttl_ms"],
      [{ onExpiry: 9 }, "options.on_expiry"],
      [{ dedupWindowMs: 604_800_001 }, "options.dedup_window_ms"],
      [{ orderedDelay: 9 }, "options.ordered_delay"],
      [{ maxMessagesPerKey: -1 }, "options.max_messages_per_key"],
      [{ maxBytesPerKey: -1 }, "options.max_bytes_per_key"],
      [{ historyMs: 2_592_000_001 }, "options.history_ms"],
    ] as const
  ).flatMap(([options, field]): Bad[] => [
    ["CreateQueue", { name: "n", options }, "MALFORMED", field],
    ["UpdateQueue", { name: "q", options }, "MALFORMED", field],
    ["CreateSubscription", { name: "n", topic: "t", options }, "MALFORMED", field],
  ]),
  ["UpdateQueue", { name }, "MALFORMED", "name"],
  ["UpdateQueue", { name: "q", revision: -1 }, "MALFORMED", "revision"],
  ["UpdateQueue", { name: "q", revision: 77 }, "REVISION_CONFLICT", "revision"],
  ["UpdateQueue", { name: "nowhere" }, "QUEUE_NOT_FOUND", "name"],
  ["UpdateQueue", { name: "q", options: { ordering: "NONE" } }, "MALFORMED", "options.ordering"],
  ["DeleteQueue", { name }, "MALFORMED", "name"],
  ["DeleteQueue", { name: "nowhere" }, "QUEUE_NOT_FOUND", "name"],
  ["DeleteQueue", { name: "q", revision: 77 }, "REVISION_CONFLICT", "revision"],
  ["DeleteQueue", { name: "q", ifEmpty: true }, "QUEUE_NOT_EMPTY", ""],
  ["OpenSession", { name: "x".repeat(129) }, "MALFORMED", "name"],
  ["OpenSession", { ttlMs: 999 }, "MALFORMED", "ttl_ms"],
  ["KeepAlive", { sessionId: "nonsense" }, "MALFORMED", "session_id"],
  ["CloseSession", { sessionId: "test:99" }, "SESSION_EXPIRED", "session_id"],
];

const topics: readonly Bad[] = [
  ["CreateTopic", { name }, "MALFORMED", "name"],
  ["CreateTopic", { name: "q" }, "QUEUE_DIFFERS", "name"],
  ["CreateTopic", { name: "t", options: { retentionMs: 5 } }, "QUEUE_DIFFERS", ""],
  ...(
    [
      [{ retentionMs: -1 }, "options.retention_ms"],
      [{ retentionBytes: -1 }, "options.retention_bytes"],
      [{ maxMessageBytes: 4 * 1024 * 1024 + 1 }, "options.max_message_bytes"],
      [{ dedupWindowMs: -1 }, "options.dedup_window_ms"],
      [{ labels: { [long]: "" } }, "options.labels"],
    ] as const
  ).flatMap(([options, field]): Bad[] => [
    ["CreateTopic", { name: "n", options }, "MALFORMED", field],
    ["UpdateTopic", { name: "t", options }, "MALFORMED", field],
  ]),
  ["UpdateTopic", { name }, "MALFORMED", "name"],
  ["UpdateTopic", { name: "nowhere" }, "TOPIC_NOT_FOUND", "name"],
  ["UpdateTopic", { name: "t", revision: -1 }, "MALFORMED", "revision"],
  ["UpdateTopic", { name: "t", revision: 77 }, "REVISION_CONFLICT", "revision"],
  ["DeleteTopic", { name }, "MALFORMED", "name"],
  ["DeleteTopic", { name: "nowhere" }, "TOPIC_NOT_FOUND", "name"],
  ["DeleteTopic", { name: "t", revision: 77 }, "REVISION_CONFLICT", "revision"],
  ["DeleteTopic", { name: "t" }, "TOPIC_IN_USE", ""],
  ["CreateSubscription", { name, topic: "t" }, "MALFORMED", "name"],
  ["CreateSubscription", { name: "n", topic: name }, "MALFORMED", "topic"],
  ["CreateSubscription", { name: "n", topic: "nowhere" }, "TOPIC_NOT_FOUND", "topic"],
  ["CreateSubscription", { name: "q", topic: "t" }, "QUEUE_DIFFERS", ""],
  [
    "CreateSubscription",
    { name: "n", topic: "t", filter: { keyPrefix: long } },
    "MALFORMED",
    "filter.key_prefix",
  ],
  [
    "CreateSubscription",
    { name: "n", topic: "t", filter: { headers: { h: "x".repeat(1_025) } } },
    "MALFORMED",
    "filter.headers",
  ],
  [
    "CreateSubscription",
    { name: "n", topic: "t", start: { sequence: 0 } },
    "MALFORMED",
    "start.sequence",
  ],
  [
    "CreateSubscription",
    { name: "n", topic: "t", start: { sequence: 77 } },
    "MALFORMED",
    "start.sequence",
  ],
  [
    "CreateSubscription",
    { name: "n", topic: "t", start: { timeMs: -1 } },
    "MALFORMED",
    "start.time_ms",
  ],
  ["Replay", { subscription: name }, "MALFORMED", "subscription"],
  ["Replay", { subscription: "nowhere" }, "QUEUE_NOT_FOUND", "subscription"],
  ["Replay", { subscription: "q" }, "MALFORMED", "subscription"],
  ["Replay", { subscription: "s", start: { sequence: 77 } }, "MALFORMED", "start.sequence"],
  [
    "Enqueue",
    { queue: "t", ...message, messageOptions: { expectKeySeq: 1 } },
    "MALFORMED",
    "message_options.expect_key_seq",
  ],
  [
    "Enqueue",
    { queue: "t", ...message, messageOptions: { delayMs: 1 } },
    "MALFORMED",
    "message_options.delay_ms",
  ],
];

describe("bad input", () => {
  let api: Api;
  beforeAll(async () => {
    api = await Api.started();
    await api.queue("q");
    await api.enqueue("q", "k");
    await api.session();
    await api.call("CreateTopic", { name: "t" });
    await api.call("CreateSubscription", { name: "s", topic: "t" });
  });

  const all = [
    ...callers,
    ...producing,
    ...consuming,
    ...committing,
    ...deciding,
    ...looking,
    ...managing,
    ...topics,
  ];
  test.each(all.map((bad, i) => [i, ...bad] as const))(
    "%i: %s %j is %s (%s)",
    async (_i, method, request, reason, field) => {
      const error = await api.refusal(method, request);
      expect(`${error.reason} (${error.field})`).toBe(`${reason} (${field})`);
      expect(error.outcome).toBe("NOT_APPLIED");
      expect(error.message.length).toBeGreaterThan(5);
      expect(error.message.length).toBeLessThan(400);
    },
  );

  test("every call is among them, and the node has taken no harm", async () => {
    const tried = new Set(all.map(([method]) => method));
    expect(api.names.filter((method) => !tried.has(method))).toEqual([]);
    expect(await api.info("q")).toMatchObject({ ready: 1, enqueued: 1 });
    expect(await api.info("s")).toMatchObject({ enqueued: 0 });
  });
});
