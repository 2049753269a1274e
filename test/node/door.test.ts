import { describe, expect, test } from "vitest";
import * as door from "../../node/door.ts";
import { parseSession } from "../../node/grpc/session-id.ts";
import { limits } from "../../node/limits.ts";
import { defaultOptions, EntryWriter } from "../../queue/index.ts";

const content = new Uint8Array(0);
const message = { key: "k", content };
const said = { delayMs: undefined, error: "", leaseMs: 0 };
const receive = { maxMessages: 1, maxWaitMs: 0, leaseMs: 0 };
const subscribe = { consumer: 1, queue: "q", credit: 1, leaseMs: 0 };
const options = (value: door.SaidOptions) => () => door.queueOptions(value, defaultOptions());
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
  ["enqueue: queue", "queue", () => door.enqueue("?", message)],
  ["enqueue: key", "key", () => door.enqueue("q", { ...message, key: "x".repeat(257) })],
  ["batch: none", "messages", () => door.enqueueBatch("q", [])],
  ["batch: too many", "messages", () => door.enqueueBatch("q", Array(1_001).fill(message))],
  [
    "batch: a key",
    "messages[1].key",
    () => door.enqueueBatch("q", [message, { ...message, key: "x".repeat(257) }]),
  ],
  ["batch: queue", "queue", () => door.enqueueBatch("", [message])],
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
    expect(refusal(() => door.enqueue("q", { key: "", content: large }))).toMatchObject({
      field: "content",
      reason: "TOO_LARGE",
    });
    const half = new Uint8Array(limits.contentBytes / 2 + 1);
    expect(
      refusal(() =>
        door.enqueueBatch("q", [
          { key: "", content: half },
          { key: "", content: half },
        ]),
      ),
    ).toMatchObject({ field: "messages", reason: "TOO_LARGE" });
  });
});

describe("what is right passes, up to the last of its bounds", () => {
  const writer = new EntryWriter(1_024);
  const origin = { session: Number.MAX_SAFE_INTEGER, sequence: Number.MAX_SAFE_INTEGER, floor: 1 };
  const fine: readonly (readonly [string, () => Parameters<EntryWriter["add"]>[1]])[] = [
    [
      "enqueue",
      () =>
        door.enqueue("A.b_c-9".padEnd(128, "x"), {
          key: "x".repeat(256),
          content: new Uint8Array(limits.contentBytes),
        }),
    ],
    ["batch", () => door.enqueueBatch("q", Array(1_000).fill(message))],
    [
      "receive",
      () => door.receive("q", { maxMessages: 1_000, maxWaitMs: 60_000, leaseMs: 43_200_000 }),
    ],
    [
      "receive with defaults",
      () => door.receive("q", { maxMessages: 0, maxWaitMs: 0, leaseMs: 0 }),
    ],
    [
      "subscribe",
      () => door.subscribe({ consumer: 2 ** 31, queue: "q", credit: 10_000, leaseMs: 100 }),
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
          ...door.queueOptions(
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
    expect(door.queueOptions({}, defaultOptions())).toEqual({});
    expect(door.queueOptions(null, defaultOptions())).toEqual({});
    expect(door.queueOptions({ setLabels: true }, defaultOptions())).toEqual({ labels: {} });
    expect(door.queueOptions({ retry: { maxMs: 5 } }, defaultOptions())).toEqual({
      retry: { ...defaultOptions().retry, maxMs: 5 },
    });
  });

  test("text and its bytes", () => {
    for (const text of ["", "key", "ключ", "🔑"])
      expect(door.textOf(door.bytesOf(text))).toBe(text);
  });
});
