import { describe, expect, test } from "vitest";
import { commit } from "../../node/door-commit.ts";
import * as door from "../../node/door.ts";
import {
  filter,
  queueOptions,
  startFrom,
  topicOptions,
  type SaidOptions,
} from "../../node/door-options.ts";
import { parseSession } from "../../node/grpc/session-id.ts";
import { limits } from "../../node/limits.ts";
import { encodeContent } from "../../proto/frame.ts";
import { defaultOptions } from "../../queue/index.ts";
import { EntryWriter } from "../queue/entry-writer.ts";

const content = new Uint8Array(0);
const message = { keyBytes: "k", content, options: undefined };
const none = {
  dedupIdBytes: "",
  expectKeySeq: 0,
  notBeforeMs: 0,
  delayMs: 0,
  expiresAtMs: 0,
  ttlMs: 0,
  priority: 0,
};
const asking = (options: Partial<typeof none>) => ({
  ...message,
  options: { ...none, ...options },
});
const enqueue = (options: Partial<typeof none>) => () => door.enqueue("q", asking(options), false);
const batch = (messages: (typeof message)[]) => door.enqueueBatch("q", messages, false, false);
const empty: Parameters<typeof commit>[0] = { conditions: [], settles: [], enqueues: [] };
const committed = (said: Partial<typeof empty>) => () => commit({ ...empty, ...said }, () => false);
const leaseBytes = { queue: "q", keyBytes: "k", keySeq: 1, fencingToken: 1 };
const ack = { kind: "ack", lease: leaseBytes, delayMs: undefined, error: "" } as const;
const said = { delayMs: undefined, error: "", leaseMs: 0 };
const receive = { maxMessages: 1, maxWaitMs: 0, leaseMs: 0, maxBytes: 0, keyBytes: [] };
const subscribe = { consumer: 1, queue: "q", credit: 1, leaseMs: 0, creditBytes: 0, keyBytes: [] };
const options = (value: SaidOptions) => () => queueOptions(value, defaultOptions());
const year = 366 * 86_400_000;
const tooLong = "é".repeat(129);

const notWhole = [-1, 0.5, NaN, Infinity, 2 ** 53, -Infinity];

/** What is wrong, the field that must be named, the call. */
const malformed: readonly (readonly [what: string, field: string, call: () => unknown])[] = [
  ["no queue", "queue", () => door.queueName("")],
  ["a queue name of 129", "queue", () => door.queueName("a".repeat(129))],
  ["a queue name with a slash", "queue", () => door.queueName("a/b")],
  ["a queue name with a newline", "queue", () => door.queueName("a\n")],
  ["half a character", "queue", () => door.queueName("\ud800")],
  ["a long key", "key", () => door.key("x".repeat(257))],
  ["a long key, counted in bytes", "key", () => door.key(door.bytesOf(tooLong))],
  ["enqueue: queue", "queue", () => door.enqueue("?", message, false)],
  [
    "enqueue: key",
    "key",
    () => door.enqueue("q", { ...message, keyBytes: "x".repeat(257) }, false),
  ],
  ["batch: none", "messages", () => batch([])],
  ["batch: too many", "messages", () => batch(Array<typeof message>(1_001).fill(message))],
  [
    "batch: a key",
    "messages[1].key",
    () => batch([message, { ...message, keyBytes: "x".repeat(257) }]),
  ],
  ["batch: queue", "queue", () => door.enqueueBatch("", [message], false, false)],
  ["a dedup_id", "message_options.dedup_id", enqueue({ dedupIdBytes: "x".repeat(257) })],
  ["expect_key_seq", "message_options.expect_key_seq", enqueue({ expectKeySeq: -1 })],
  ["not_before_ms", "message_options.not_before_ms", enqueue({ notBeforeMs: 2 ** 48 })],
  ["delay_ms", "message_options.delay_ms", enqueue({ delayMs: year + 1 })],
  ["expires_at_ms", "message_options.expires_at_ms", enqueue({ expiresAtMs: -1 })],
  ["ttl_ms", "message_options.ttl_ms", enqueue({ ttlMs: year + 1 })],
  ["priority", "message_options.priority", enqueue({ priority: 10 })],
  [
    "batch: an option",
    "messages[1].message_options.priority",
    () => door.enqueueBatch("q", [message, asking({ priority: -1 })], true, false),
  ],
  [
    "to a topic: a content that is none",
    "content",
    () => door.enqueue("t", { ...message, content: new Uint8Array([0x12, 0xff]) }, true),
  ],
  ["commit: nothing", "enqueues", committed({})],
  ["commit: too many operations", "enqueues", committed({ settles: Array(1_001).fill(ack) })],
  ["commit: an empty condition", "conditions[0]", committed({ conditions: [{ kind: "unknown" }] })],
  [
    "commit: a queue of a condition",
    "conditions[0].tail_is.queue",
    committed({ conditions: [{ kind: "tailIs", queue: "", keyBytes: "", keySeq: 0 }] }),
  ],
  [
    "commit: a tail",
    "conditions[1].tail_is.key_seq",
    committed({
      conditions: [
        { kind: "tailIs", queue: "q", keyBytes: "", keySeq: 0 },
        { kind: "tailIs", queue: "q", keyBytes: "", keySeq: -1 },
      ],
    }),
  ],
  [
    "commit: a length",
    "conditions[0].length_is.messages",
    committed({ conditions: [{ kind: "lengthIs", queue: "q", keyBytes: "", messages: 0.5 }] }),
  ],
  [
    "commit: a key of a condition",
    "conditions[0].length_is.key",
    committed({
      conditions: [{ kind: "lengthIs", queue: "q", keyBytes: "x".repeat(257), messages: 0 }],
    }),
  ],
  [
    "commit: a lease that is to be held",
    "conditions[0].lease_held.fencing_token",
    committed({ conditions: [{ kind: "leaseHeld", lease: { ...leaseBytes, fencingToken: 0 } }] }),
  ],
  [
    "commit: a kind of settle",
    "settles[0].kind",
    committed({ settles: [{ ...ack, kind: "unknown" }] }),
  ],
  ["commit: no lease", "settles[0].lease", committed({ settles: [{ ...ack, lease: undefined }] })],
  [
    "commit: a lease",
    "settles[1].lease.key_seq",
    committed({ settles: [ack, { ...ack, lease: { ...leaseBytes, keySeq: 0 } }] }),
  ],
  [
    "commit: a delay",
    "settles[0].delay_ms",
    committed({ settles: [{ ...ack, kind: "nack", delayMs: -1 }] }),
  ],
  [
    "commit: an error",
    "settles[0].error",
    committed({ settles: [{ ...ack, kind: "reject", error: "x".repeat(1_025) }] }),
  ],
  ["commit: a queue", "enqueues[0].queue", committed({ enqueues: [{ queue: "", message }] })],
  [
    "commit: a key",
    "enqueues[0].message.key",
    committed({ enqueues: [{ queue: "q", message: { ...message, keyBytes: "x".repeat(257) } }] }),
  ],
  [
    "commit: an option",
    "enqueues[0].message.message_options.ttl_ms",
    committed({ enqueues: [{ queue: "q", message: asking({ ttlMs: -1 }) }] }),
  ],
  ["lease: queue", "lease.queue", () => door.lease("", "", 1, 1)],
  ["lease: key", "lease.key", () => door.lease("q", "x".repeat(257), 1, 1)],
  ["lease: no key_seq", "lease.key_seq", () => door.lease("q", "", 0, 1)],
  ["lease: no token", "lease.fencing_token", () => door.lease("q", "", 1, 0)],
  ["receive: queue", "queue", () => door.receive("", receive)],
  [
    "receive: too many",
    "max_messages",
    () => door.receive("q", { ...receive, maxMessages: 1_001 }),
  ],
  ["receive: too long", "max_wait_ms", () => door.receive("q", { ...receive, maxWaitMs: 60_001 })],
  ["receive: bytes", "max_bytes", () => door.receive("q", { ...receive, maxBytes: 4_194_305 })],
  [
    "receive: too many keys",
    "keys",
    () => door.receive("q", { ...receive, keyBytes: Array(101).fill("k") as string[] }),
  ],
  [
    "receive: an empty key",
    "keys[1]",
    () => door.receive("q", { ...receive, keyBytes: ["k", ""] }),
  ],
  ["receive: short lease", "lease_ms", () => door.receive("q", { ...receive, leaseMs: 99 })],
  ["receive: long lease", "lease_ms", () => door.receive("q", { ...receive, leaseMs: 43_200_001 })],
  ["subscribe: queue", "queue", () => door.subscribe({ ...subscribe, queue: "" })],
  ["subscribe: no consumer", "consumer", () => door.subscribe({ ...subscribe, consumer: 0 })],
  [
    "subscribe: consumer",
    "consumer",
    () => door.subscribe({ ...subscribe, consumer: 2 ** 31 + 1 }),
  ],
  ["subscribe: no credit", "credit", () => door.subscribe({ ...subscribe, credit: 0 })],
  ["subscribe: credit", "credit", () => door.subscribe({ ...subscribe, credit: 10_001 })],
  ["subscribe: lease", "lease_ms", () => door.subscribe({ ...subscribe, leaseMs: 1 })],
  ["subscribe: bytes", "credit_bytes", () => door.subscribe({ ...subscribe, creditBytes: -1 })],
  [
    "subscribe: a long key",
    "keys[0]",
    () => door.subscribe({ ...subscribe, keyBytes: ["x".repeat(257)] }),
  ],
  ["nack: delay", "delay_ms", () => door.settlement("nack", { ...said, delayMs: 43_200_001 })],
  ["nack: error", "error", () => door.settlement("nack", { ...said, error: "x".repeat(1_025) })],
  [
    "nack: error, counted in bytes",
    "error",
    () => door.settlement("nack", { ...said, error: "é".repeat(513) }),
  ],
  [
    "reject: error",
    "error",
    () => door.settlement("reject", { ...said, error: "x".repeat(1_025) }),
  ],
  ["extend: lease", "lease_ms", () => door.settlement("extend", { ...said, leaseMs: 50 })],
  ["ordering", "options.ordering", options({ ordering: "RANDOM" })],
  ["ordering as an unknown number", "options.ordering", options({ ordering: 7 })],
  ["ordering from Object.prototype", "options.ordering", options({ ordering: "toString" })],
  ["on_exhausted", "options.on_exhausted", options({ onExhausted: 9 })],
  ["max_in_flight_per_key", "options.max_in_flight_per_key", options({ maxInFlightPerKey: 1_001 })],
  ["lease_ms", "options.lease_ms", options({ leaseMs: 99 })],
  ["max_attempts", "options.max_attempts", options({ maxAttempts: 1_001 })],
  ["max_messages", "options.max_messages", options({ maxMessages: -1 })],
  ["max_bytes", "options.max_bytes", options({ maxBytes: 2 ** 53 })],
  [
    "max_message_bytes",
    "options.max_message_bytes",
    options({ maxMessageBytes: limits.contentBytes + 1 }),
  ],
  ["no max_message_bytes", "options.max_message_bytes", options({ maxMessageBytes: 0 })],
  ["retry.initial_ms", "options.retry.initial_ms", options({ retry: { initialMs: 0 } })],
  ["retry.max_ms", "options.retry.max_ms", options({ retry: { maxMs: 43_200_001 } })],
  ["retry.multiplier", "options.retry.multiplier", options({ retry: { multiplier: 0.9 } })],
  [
    "retry.multiplier, no number",
    "options.retry.multiplier",
    options({ retry: { multiplier: NaN } }),
  ],
  [
    "retry.multiplier, too large",
    "options.retry.multiplier",
    options({ retry: { multiplier: Infinity } }),
  ],
  ["dead_letter_queue", "options.dead_letter_queue", options({ deadLetterQueue: "a b" })],
  ["message_ttl_ms", "options.message_ttl_ms", options({ messageTtlMs: year + 1 })],
  ["on_expiry", "options.on_expiry", options({ onExpiry: "NEVER" })],
  ["dedup_window_ms", "options.dedup_window_ms", options({ dedupWindowMs: 604_800_001 })],
  ["ordered_delay", "options.ordered_delay", options({ orderedDelay: 3 })],
  ["max_messages_per_key", "options.max_messages_per_key", options({ maxMessagesPerKey: -1 })],
  ["max_bytes_per_key", "options.max_bytes_per_key", options({ maxBytesPerKey: 0.5 })],
  ["history_ms", "options.history_ms", options({ historyMs: 2_592_000_001 })],
  ["topic: retention_ms", "options.retention_ms", () => topicOptions({ retentionMs: year + 1 })],
  ["topic: retention_bytes", "options.retention_bytes", () => topicOptions({ retentionBytes: -1 })],
  [
    "topic: max_message_bytes",
    "options.max_message_bytes",
    () => topicOptions({ maxMessageBytes: 0 }),
  ],
  [
    "topic: dedup_window_ms",
    "options.dedup_window_ms",
    () => topicOptions({ dedupWindowMs: 604_800_001 }),
  ],
  ["topic: labels", "options.labels", () => topicOptions({ labels: { [tooLong]: "" } })],
  ["filter: key_prefix", "filter.key_prefix", () => filter({ keyPrefix: tooLong })],
  [
    "filter: too many headers",
    "filter.headers",
    () =>
      filter({ headers: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`h${i}`, ""])) }),
  ],
  [
    "filter: a long header",
    "filter.headers",
    () => filter({ headers: { name: "x".repeat(1_025) } }),
  ],
  ["start: sequence", "start.sequence", () => startFrom({ start: "sequence", sequence: 0 })],
  ["start: time_ms", "start.time_ms", () => startFrom({ start: "timeMs", timeMs: -1 })],
  ["start: another one", "start", () => startFrom({ start: "yesterday" })],
  [
    "too many labels",
    "options.labels",
    options({ labels: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, ""])) }),
  ],
  ["a long label", "options.labels", options({ labels: { name: tooLong } })],
  ["a long name of a label", "options.labels", options({ labels: { [tooLong]: "" } })],
  ["a session of another cluster", "session_id", () => parseSession("c", "d:1")],
  ["no session", "session_id", () => parseSession("c", "")],
  ["session 0", "session_id", () => parseSession("c", "c:0")],
  ["a session with a sign", "session_id", () => parseSession("c", "c:-1")],
  [
    "a session that no number can hold",
    "session_id",
    () => parseSession("c", "c:9999999999999999"),
  ],
];

function refusal(call: () => unknown): door.Malformed {
  try {
    call();
  } catch (error) {
    if (error instanceof door.Malformed) return error;
    throw error;
  }
  throw new Error("it passed the door");
}

describe("INVALID_ARGUMENT: every field that is wrong is refused by its name", () => {
  test.each(malformed)("%s", (_what, field, call) => {
    const error = refusal(call);
    expect(error.field).toBe(field);
    expect(error.reason).toBe("MALFORMED");
    expect(error.message.length).toBeGreaterThan(5);
    expect(error.message.length).toBeLessThan(400);
    // gRPC sends it as a header: half a character would throw there.
    expect(() => encodeURI(error.message)).not.toThrow();
    expect(door.refusalOf(error)).toMatchObject({ reason: "MALFORMED", field });
  });

  test.each(notWhole)("a number that is no number of the API: %s", (value) => {
    for (const call of [
      () => door.lease("q", "", value, 1),
      () => door.lease("q", "", 1, value),
      () => door.receive("q", { ...receive, maxMessages: value }),
      () => door.receive("q", { ...receive, maxWaitMs: value }),
      () => door.receive("q", { ...receive, leaseMs: value }),
      () => door.subscribe({ ...subscribe, consumer: value }),
      () => door.subscribe({ ...subscribe, credit: value }),
      () => door.settlement("nack", { ...said, delayMs: value }),
      () => door.settlement("extend", { ...said, leaseMs: value }),
      () => door.receive("q", { ...receive, maxBytes: value }),
      () => door.subscribe({ ...subscribe, creditBytes: value }),
      enqueue({ expectKeySeq: value }),
      enqueue({ notBeforeMs: value }),
      enqueue({ delayMs: value }),
      enqueue({ expiresAtMs: value }),
      enqueue({ ttlMs: value }),
      enqueue({ priority: value }),
      () => topicOptions({ retentionMs: value }),
      () => startFrom({ start: "sequence", sequence: value }),
      () => startFrom({ start: "timeMs", timeMs: value }),
      options({ maxAttempts: value }),
      options({ maxMessages: value }),
      options({ retry: { initialMs: value } }),
      options({ retry: { maxMs: value } }),
    ]) {
      expect(refusal(call).reason).toBe("MALFORMED");
    }
  });

  test("TOO_LARGE: a content, and the contents of a batch together", () => {
    const large = new Uint8Array(limits.contentBytes + 1);
    expect(refusal(() => door.enqueue("q", { ...message, content: large }, false))).toMatchObject({
      field: "content",
      reason: "TOO_LARGE",
    });
    const half = new Uint8Array(limits.contentBytes / 2 + 1);
    expect(
      refusal(() =>
        batch([
          { ...message, content: half },
          { ...message, content: half },
        ]),
      ),
    ).toMatchObject({ field: "messages", reason: "TOO_LARGE" });
    const each = { queue: "q", message: { ...message, content: half } };
    expect(refusal(committed({ enqueues: [each, each] }))).toMatchObject({
      field: "enqueues",
      reason: "TOO_LARGE",
    });
  });
});

describe("what is right passes, up to the last of its bounds", () => {
  const writer = new EntryWriter();
  const origin = { session: Number.MAX_SAFE_INTEGER, sequence: Number.MAX_SAFE_INTEGER, floor: 1 };
  const fine: readonly (readonly [string, () => Parameters<EntryWriter["add"]>[1]])[] = [
    [
      "enqueue",
      () =>
        door.enqueue(
          "A.b_c-9".padEnd(128, "x"),
          {
            keyBytes: "x".repeat(256),
            content: new Uint8Array(limits.contentBytes),
            options: undefined,
          },
          false,
        ),
    ],
    [
      "enqueue, asking for everything",
      () =>
        door.enqueue(
          "q",
          asking({
            dedupIdBytes: "x".repeat(256),
            expectKeySeq: Number.MAX_SAFE_INTEGER,
            notBeforeMs: 2 ** 48 - 1,
            delayMs: year,
            expiresAtMs: 2 ** 48 - 1,
            ttlMs: year,
            priority: 9,
          }),
          false,
        ),
    ],
    ["batch", () => batch(Array<typeof message>(1_000).fill(message))],
    [
      "commit",
      () =>
        commit(
          {
            conditions: [
              { kind: "tailIs", queue: "q", keyBytes: "k", keySeq: 0 },
              { kind: "lengthIs", queue: "q", keyBytes: "k", messages: 0 },
              { kind: "leaseHeld", lease: leaseBytes },
            ],
            settles: Array(996).fill(ack),
            enqueues: [{ queue: "q", message: asking({ ttlMs: 1 }) }],
          },
          () => false,
        ),
    ],
    [
      "receive",
      () =>
        door.receive("q", {
          maxMessages: 1_000,
          maxWaitMs: 60_000,
          leaseMs: 43_200_000,
          maxBytes: 4_194_304,
          keyBytes: Array.from({ length: 100 }, (_, i) => `k${i}`),
        }),
    ],
    ["receive with defaults", () => door.receive("q", { ...receive, maxMessages: 0 })],
    [
      "subscribe",
      () =>
        door.subscribe({
          consumer: 2 ** 31,
          queue: "q",
          credit: 10_000,
          leaseMs: 100,
          creditBytes: Number.MAX_SAFE_INTEGER,
          keyBytes: ["b", "a", "b"],
        }),
    ],
    [
      "nack",
      () => ({
        kind: "settle",
        lease: door.lease("q", "k", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
        settlement: door.settlement("nack", { delayMs: 0, error: "x".repeat(1_024), leaseMs: 0 }),
      }),
    ],
    [
      "options",
      () => ({
        kind: "create-queue",
        name: "q",
        options: {
          ...defaultOptions(),
          ...queueOptions(
            {
              ordering: "TOTAL",
              onExhausted: "DISCARD",
              maxBytes: Number.MAX_SAFE_INTEGER,
              retry: { multiplier: 10 },
              labels: { __proto__: "x", "10": "b", "9": "a", é: "\ud800" },
              paused: true,
            },
            defaultOptions(),
          ),
        },
      }),
    ],
  ];
  test.each(fine)("%s: and it can be written into the log", (_name, command) => {
    writer.add(origin, command());
    expect(writer.finish(1).length).toBeGreaterThan(15);
  });

  test("options that were not said are not there", () => {
    expect(queueOptions({}, defaultOptions())).toEqual({});
    expect(queueOptions(null, defaultOptions())).toEqual({});
    expect(queueOptions({ setLabels: true }, defaultOptions())).toEqual({ labels: {} });
    expect(queueOptions({ retry: { maxMs: 5 } }, defaultOptions())).toEqual({
      retry: { ...defaultOptions().retry, maxMs: 5 },
    });
  });

  test("a plain message asks for nothing, whether its target is a queue or perhaps a topic", () => {
    const plain = { key: "k", content, extras: undefined };
    for (const published of [false, true])
      expect(door.newMessage(message, published)).toEqual(plain);
    expect(door.newMessage(asking({}), true)).toEqual(plain);
  });

  test("headers are read for a topic only, and sorted as bytes", () => {
    const bytes = encodeContent({ body: "x", headers: { é: "1", b: "ü", "10": "x" } });
    const said = { ...message, content: bytes };
    expect(door.newMessage(said, false).extras).toBeUndefined();
    const extras = door.newMessage(said, true).extras;
    expect(extras?.headers).toEqual({ "\xc3\xa9": "1", b: "\xc3\xbc", "10": "x" });
    expect(extras?.ttlMs).toBe(0);
  });

  test("keys of a consumer are sorted, each once", () => {
    expect(door.subscribe({ ...subscribe, keyBytes: ["b", "a", "b"] })).toMatchObject({
      keys: ["a", "b"],
    });
  });

  test("where to start: now, when nothing was said", () => {
    expect(startFrom(null)).toEqual({ at: "new" });
    expect(startFrom({})).toEqual({ at: "new" });
    expect(startFrom({ start: "now" })).toEqual({ at: "new" });
    expect(startFrom({ start: "earliest" })).toEqual({ at: "earliest" });
    expect(startFrom({ start: "sequence", sequence: 3 })).toEqual({ at: "sequence", sequence: 3 });
    expect(startFrom({ start: "timeMs", timeMs: 4 })).toEqual({ at: "time", time: 4 });
    expect(filter(null)).toEqual({ keyPrefix: "", headers: {} });
  });

  test("text and its bytes", () => {
    for (const text of ["", "key", "ключ", "🔑"])
      expect(door.textOf(door.bytesOf(text))).toBe(text);
  });
});
