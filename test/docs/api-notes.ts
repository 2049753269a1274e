// What the .proto file does not say in fields: which reasons a call may be refused with besides those of every call, when, and
// one request that works. The tests hold it against the file: reasons, field names and enum values must exist.

import type { Reason } from "../../proto/frame.ts";

export interface Notes {
  /** Empty text: the reason's own comment says it. */
  readonly errors: Readonly<Partial<Record<Reason, string>>>;
  /** A request as JSON, with the names of the .proto file. */
  readonly example: object;
}

const queue = "QUEUE_NOT_FOUND" as const;
const noQueue = { [queue]: "there is no such queue" } as const;
const lease = { queue: "payments", key: "account-1", key_seq: 1, fencing_token: 1 };
const caller = { session_id: "(from OpenSession)", sequence: 1 };
const body = Buffer.from('{"amount":5}').toString("base64");
const noMessage = {
  ...noQueue,
  MESSAGE_NOT_FOUND: "it is settled, or never was",
} as const;
const settling = {
  ...noQueue,
  MESSAGE_NOT_FOUND: "the queue never had such a message",
  STALE_LEASE: "the lease has ended; `current_token` and `state` say what is",
} as const;
const enqueuing = {
  ...noQueue,
  KEY_REQUIRED: "",
  TOO_LARGE: "the content is larger than `max_message_bytes`",
  DELAY_NOT_ALLOWED: "",
  IDEMPOTENCY_CONFLICT: "",
  KEY_SEQ_MISMATCH:
    "`expect_key_seq` is not what it would get; `current_key_seq` says what that is",
  QUEUE_FULL: "a quota of the queue or (field `key`) of the key, or of one subscription of a topic",
  TOO_MANY_IN_FLIGHT: "its key has as many delayed stretches as it may have",
  DISK_WATERMARK: "",
} as const;
const filling = {
  QUEUE_DIFFERS: "one of this name exists with other options; `message` lists them",
  TOO_MANY_IN_FLIGHT: "there are as many queues and topics as the cluster allows",
} as const;
const deadLetters = {
  QUEUE_NOT_FOUND: "`options.dead_letter_queue` does not exist",
} as const;
const changing = { REVISION_CONFLICT: "`revision` is given and is not the present one" } as const;
const noTopic = { TOPIC_NOT_FOUND: "there is no such topic" } as const;

export const notes: Readonly<Record<string, Notes>> = {
  CreateQueue: {
    errors: { ...filling, ...deadLetters, VERSION_TOO_OLD: "" },
    example: {
      name: "payments",
      options: { ordering: "KEY", lease_ms: 30_000, on_exhausted: "PARK", history_ms: 86_400_000 },
    },
  },
  GetQueue: { errors: noQueue, example: { name: "payments" } },
  ListQueues: { errors: {}, example: { prefix: "pay", max_queues: 100 } },
  UpdateQueue: {
    errors: {
      QUEUE_NOT_FOUND: "there is no such queue, or no `options.dead_letter_queue`",
      ...changing,
    },
    example: { name: "payments", options: { max_messages: 1_000_000 }, revision: 1 },
  },
  DeleteQueue: {
    errors: { ...noQueue, ...changing, QUEUE_NOT_EMPTY: "`if_empty`, and it has messages" },
    example: { name: "payments", if_empty: true },
  },
  OpenSession: {
    errors: { TOO_MANY_IN_FLIGHT: "there are as many sessions as the cluster allows" },
    example: { name: "worker-1", ttl_ms: 30_000 },
  },
  KeepAlive: { errors: {}, example: { session_id: "(from OpenSession)" } },
  CloseSession: { errors: {}, example: { session_id: "(from OpenSession)" } },
  Enqueue: {
    errors: enqueuing,
    example: {
      queue: "payments",
      key: "account-1",
      content: { body, headers: { kind: "new" }, content_type: "application/json" },
      message_options: { dedup_id: "order-17" },
    },
  },
  EnqueueBatch: {
    errors: enqueuing,
    example: {
      queue: "payments",
      messages: [
        { key: "account-1", content: { body } },
        { key: "account-2", content: { body } },
      ],
      per_item: true,
    },
  },
  Receive: {
    errors: {
      ...noQueue,
      TOO_MANY_IN_FLIGHT: "the queue has as many waiting receivers as it may have",
    },
    example: { caller, queue: "payments", max_messages: 10, max_wait_ms: 5_000 },
  },
  Ack: { errors: settling, example: { caller, lease } },
  Nack: { errors: settling, example: { caller, lease, delay_ms: 1_000, error: "out of stock" } },
  Release: { errors: settling, example: { caller, lease } },
  Reject: { errors: settling, example: { caller, lease, error: "no such account" } },
  Extend: { errors: settling, example: { caller, lease, lease_ms: 60_000 } },
  Commit: {
    errors: {
      CONDITION_FAILED: "",
      ...enqueuing,
      ...settling,
      MESSAGE_NOT_FOUND: "a lease names a message that the queue never had",
    },
    example: {
      caller,
      conditions: [{ tail_is: { queue: "shipped", key: "account-1", key_seq: 0 } }],
      settles: [{ kind: "ACK", lease }],
      enqueues: [{ queue: "shipped", message: { key: "account-1", content: { body } } }],
    },
  },
  ResolveParked: {
    errors: {
      ...noMessage,
      MESSAGE_NOT_FOUND: "it is not parked",
      TOO_LARGE: "the replacement is",
    },
    example: { queue: "payments", key: "account-1", skip: { reason: "account closed" } },
  },
  Redrive: {
    errors: noQueue,
    example: { queue: "dead", filter: { queue: "payments", cause: "EXHAUSTED" }, dry_run: true },
  },
  Peek: { errors: noQueue, example: { queue: "payments", key: "account-1", max_messages: 10 } },
  GetMessage: { errors: noMessage, example: { message_id: "1/account-1/1" } },
  GetMessageHistory: {
    errors: { ...noQueue, MESSAGE_NOT_FOUND: "`message_id` names no queue that there is" },
    example: { queue: "payments", key: "account-1", key_seq: 1 },
  },
  ListKeys: { errors: noQueue, example: { queue: "payments", state: "PARKED", by_backlog: true } },
  CancelMessage: {
    errors: {
      ...noMessage,
      MESSAGE_LEASED: "",
      TOO_MANY_IN_FLIGHT: "its key has as many gaps as it may have",
    },
    example: { queue: "payments", key: "account-1", key_seq: 1 },
  },
  PurgeQueue: { errors: noQueue, example: { queue: "payments", dry_run: true } },
  PauseQueue: { errors: noQueue, example: { queue: "payments" } },
  ResumeQueue: { errors: noQueue, example: { queue: "payments" } },
  PauseKey: { errors: noQueue, example: { queue: "payments", key: "account-1" } },
  ResumeKey: { errors: noQueue, example: { queue: "payments", key: "account-1" } },
  CreateTopic: {
    errors: { ...filling, VERSION_TOO_OLD: "" },
    example: { name: "orders", options: { retention_ms: 86_400_000 } },
  },
  GetTopic: { errors: noTopic, example: { name: "orders" } },
  ListTopics: { errors: {}, example: {} },
  UpdateTopic: {
    errors: { ...noTopic, ...changing },
    example: { name: "orders", options: { retention_bytes: 1_000_000_000 } },
  },
  DeleteTopic: {
    errors: { ...noTopic, ...changing, TOPIC_IN_USE: "" },
    example: { name: "orders", force: false },
  },
  CreateSubscription: {
    errors: { ...noTopic, ...filling, ...deadLetters, VERSION_TOO_OLD: "" },
    example: {
      name: "payment",
      topic: "orders",
      filter: { headers: { kind: "new" } },
      start: { earliest: {} },
    },
  },
  Replay: { errors: noQueue, example: { subscription: "payment", start: { sequence: 17 } } },
  Connect: {
    errors: {
      ...enqueuing,
      ...settling,
      CONDITION_FAILED: "",
      MESSAGE_NOT_FOUND: "",
      TOO_MANY_IN_FLIGHT: "too many calls, consumers or delayed stretches",
    },
    example: { attach: { session_id: "(from OpenSession)" } },
  },
  GetCluster: { errors: {}, example: {} },
  AddLearner: {
    errors: {
      ID_USED: "",
      MEMBER_EXISTS: "",
      TOO_MANY_MEMBERS: "",
      MEMBERSHIP_CHANGE_PENDING: "",
    },
    example: { node_id: 4, peer_address: "host4:7401", client_address: "host4:7400" },
  },
  PromoteMember: {
    errors: {
      MEMBER_NOT_FOUND: "",
      MEMBER_LAGGING: "",
      QUORUM_AT_RISK: "",
      TOO_MANY_MEMBERS: "",
      MEMBERSHIP_CHANGE_PENDING: "",
    },
    example: { node_id: 4 },
  },
  RemoveMember: {
    errors: {
      MEMBER_NOT_FOUND: "",
      LAST_VOTER: "",
      QUORUM_AT_RISK: "",
      MEMBERSHIP_CHANGE_PENDING: "",
    },
    example: { node_id: 3 },
  },
  TransferLeadership: {
    errors: {
      MEMBER_NOT_FOUND: "",
      NOT_A_VOTER: "",
      TRANSFER_FAILED: "",
      MEMBERSHIP_CHANGE_PENDING: "",
    },
    example: { node_id: 2 },
  },
};

/** What fields of these names are, where the .proto file says nothing of one in particular. */
export const wellKnownFields: Readonly<Record<string, string>> = {
  caller: "Who calls; unset: nobody in particular, and the call is not remembered.",
  header: "Where in the log, and when, this was decided.",
  queue: "A name: 1 to 128 characters of `[A-Za-z0-9._-]`.",
  name: "1 to 128 characters of `[A-Za-z0-9._-]`.",
  topic: "A name: 1 to 128 characters of `[A-Za-z0-9._-]`.",
  subscription: "The name of its queue.",
  key: "At most 256 bytes of UTF-8; empty where there is no order.",
  key_seq: "The place in its key, from 1.",
  message_id: "As an enqueue answered it.",
  fencing_token: "Of the delivery.",
  consistency: "`LINEARIZABLE` (default) or `STALE`.",
  content: "At most the queue's `max_message_bytes`; never looked into.",
  messages: "At most 1,000.",
  error: "At most 1,024 bytes.",
  session_id: "From OpenSession.",
  labels: "At most 32.",
};

/** May be said of any call; what is said of it there is not repeated. */
export const ofEveryCall: readonly Reason[] = [
  "NOT_LEADER",
  "NO_LEADER",
  "SHUTTING_DOWN",
  "TRANSFERRING",
  "MALFORMED",
  "SESSION_EXPIRED",
  "SEQUENCE_GAP",
  "VERSION_TOO_OLD",
  "TOO_MANY_IN_FLIGHT",
];

/** ORDER_VIOLATION is counted in an answer, never an error. */
export const neverAnError: readonly Reason[] = ["ORDER_VIOLATION"];
