import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader } from "../../queue/byte-reader.ts";
import { ByteWriter } from "../../queue/byte-writer.ts";
import {
  decodeEntry,
  defaultOptions,
  type Command,
  type Condition,
  type LeaseRef,
  type MessageExtras,
  type MessageRef,
  type NewMessage,
  type Origin,
  type QueueOptions,
  type Reason,
  type Refusal,
  type Resolution,
  type Settlement,
  type StartFrom,
  type TopicOptions,
  entryPayload,
  RecordWriter,
} from "../../queue/index.ts";
import { EntryWriter } from "./entry-writer.ts";
import { message, nobody } from "./harness.ts";

const whole = fc.oneof(fc.nat(300), fc.maxSafeNat());
const name = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: "binary", maxLength: 12 }));
const unicode = fc.oneof(name, fc.constantFrom("\ud800", "é", "日本", "a".repeat(3000)));
const byteString = fc
  .array(fc.nat(255), { maxLength: 90 })
  .map((units) => String.fromCharCode(...units));
const content = fc.uint8Array({ maxLength: 300 });
const headers = fc.dictionary(name, unicode);
const extras: fc.Arbitrary<MessageExtras> = fc.record({
  ...{ dedupId: byteString, expectKeySeq: whole, notBefore: whole, expiresAt: whole },
  ...{ ttlMs: whole, delayMs: whole, priority: fc.nat(9), headers },
});
const newMessage: fc.Arbitrary<NewMessage> = fc.oneof(
  fc.record({ key: byteString, content }),
  fc.record({ key: byteString, content, extras }),
);
const retry = fc.record({
  initialMs: whole,
  multiplier: fc.double({ noNaN: true }),
  maxMs: whole,
});
const options: fc.Arbitrary<QueueOptions> = fc.record({
  ordering: fc.constantFrom("key" as const, "total" as const, "none" as const),
  maxInFlightPerKey: whole,
  leaseMs: whole,
  maxAttempts: whole,
  retry,
  onExhausted: fc.constantFrom("park" as const, "dead-letter" as const, "discard" as const),
  deadLetterQueue: unicode,
  maxMessages: whole,
  maxBytes: whole,
  maxMessageBytes: whole,
  paused: fc.boolean(),
  labels: fc.dictionary(fc.oneof(name, fc.constantFrom("1", "0", "__proto__")), unicode),
  messageTtlMs: fc.oneof(fc.constant(0), whole),
  onExpiry: fc.constantFrom("refuse" as const, "dead-letter" as const, "discard" as const),
  dedupWindowMs: fc.oneof(fc.constant(0), whole),
  orderedDelay: fc.constantFrom("reject" as const, "block-key" as const),
  maxMessagesPerKey: fc.oneof(fc.constant(0), whole),
  maxBytesPerKey: fc.oneof(fc.constant(0), whole),
  historyMs: fc.oneof(fc.constant(0), whole),
});
const lease: fc.Arbitrary<LeaseRef> = fc.record({
  queue: name,
  lane: byteString,
  keySeq: whole,
  token: whole,
});
const settlement: fc.Arbitrary<Settlement> = fc.oneof(
  fc.constant<Settlement>({ kind: "ack" }),
  fc.constant<Settlement>({ kind: "release" }),
  fc.record({
    kind: fc.constant("nack" as const),
    delayMs: fc.option(fc.nat(), { nil: undefined }),
    error: unicode,
  }),
  fc.record({ kind: fc.constant("reject" as const), error: unicode }),
  fc.record({ kind: fc.constant("extend" as const), leaseMs: whole }),
);
const refusal: fc.Arbitrary<Refusal> = fc.record({
  reason: fc.constantFrom<Reason>("STALE_LEASE", "QUEUE_FULL", "MALFORMED", "TOO_LARGE"),
  message: unicode,
  field: name,
  currentToken: whole,
  state: name,
  retryAfterMs: whole,
});
const ref: fc.Arbitrary<MessageRef> = fc.record({
  queue: unicode,
  lane: byteString,
  keySeq: whole,
});
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ kind: fc.constant("tail" as const), queue: name, lane: byteString, keySeq: whole }),
  fc.record({
    kind: fc.constant("length" as const),
    queue: name,
    lane: byteString,
    messages: whole,
  }),
  fc.record({ kind: fc.constant("lease" as const), lease }),
);
const resolution: fc.Arbitrary<Resolution> = fc.oneof(
  fc.constant<Resolution>({ kind: "retry" }),
  fc.record({ kind: fc.constant("skip" as const), error: unicode }),
  fc.record({ kind: fc.constant("replace" as const), content }),
);
const start: fc.Arbitrary<StartFrom> = fc.oneof(
  fc.constantFrom<StartFrom>({ at: "new" }, { at: "earliest" }),
  fc.record({ at: fc.constant("sequence" as const), sequence: whole }),
  fc.record({ at: fc.constant("time" as const), time: whole }),
);
const topicOptions: fc.Arbitrary<TopicOptions> = fc.record({
  retentionMs: whole,
  retentionBytes: whole,
  maxMessageBytes: whole,
  dedupWindowMs: whole,
  labels: headers,
});
const perItem = { perItem: fc.constant(true) };
const kind = <K extends Command["kind"]>(one: K): fc.Arbitrary<K> => fc.constant(one);
const revision = whole;

/** One arbitrary for each kind: a new kind does not compile until it is here. */
const commands: { readonly [K in Command["kind"]]: fc.Arbitrary<Command & { readonly kind: K }> } =
  {
    "raise-version": fc.record({ kind: kind("raise-version"), version: whole }),
    "open-session": fc.record({ kind: kind("open-session"), name: unicode, ttlMs: whole }),
    "close-session": fc.record({ kind: kind("close-session") }),
    "keep-alive": fc.record({ kind: kind("keep-alive"), sessions: fc.array(whole) }),
    attach: fc.record({ kind: kind("attach") }),
    detach: fc.record({ kind: kind("detach") }),
    "create-queue": fc.record({ kind: kind("create-queue"), name: unicode, options }),
    "update-queue": fc.record({
      kind: kind("update-queue"),
      name: unicode,
      revision,
      changes: options.chain((all) =>
        fc
          .subarray(Object.keys(all) as (keyof QueueOptions)[])
          .map((some) => Object.fromEntries(some.map((one) => [one, all[one]]))),
      ),
    }),
    "delete-queue": fc.record({
      kind: kind("delete-queue"),
      name: unicode,
      revision,
      ifEmpty: fc.boolean(),
    }),
    enqueue: fc.record({ kind: kind("enqueue"), queue: unicode, message: newMessage }),
    "enqueue-batch": fc.record(
      {
        kind: kind("enqueue-batch"),
        queue: unicode,
        messages: fc.array(newMessage, { maxLength: 5 }),
        ...perItem,
      },
      { requiredKeys: ["kind", "queue", "messages"] },
    ),
    subscribe: fc.record({
      kind: kind("subscribe"),
      consumer: whole,
      queue: unicode,
      credit: whole,
      leaseMs: whole,
    }),
    unsubscribe: fc.record({ kind: kind("unsubscribe"), consumer: whole }),
    receive: fc.record({
      kind: kind("receive"),
      queue: unicode,
      maxMessages: whole,
      maxWaitMs: whole,
      leaseMs: whole,
    }),
    settle: fc.record({ kind: kind("settle"), lease, settlement }),
    tick: fc.record({ kind: kind("tick") }),
    refuse: fc.record({ kind: kind("refuse"), refusal }),
    commit: fc.record({
      kind: kind("commit"),
      conditions: fc.array(condition, { maxLength: 3 }),
      settles: fc.array(fc.record({ lease, settlement }), { maxLength: 3 }),
      enqueues: fc.array(fc.record({ queue: unicode, message: newMessage }), { maxLength: 3 }),
    }),
    "resolve-parked": fc.record({ kind: kind("resolve-parked"), message: ref, resolution }),
    redrive: fc.record({
      kind: kind("redrive"),
      queue: unicode,
      letters: fc.array(fc.record({ lane: byteString, keySeq: whole }), { maxLength: 3 }),
      force: fc.boolean(),
      dryRun: fc.boolean(),
    }),
    cancel: fc.record({ kind: kind("cancel"), message: ref }),
    purge: fc.record({
      kind: kind("purge"),
      queue: unicode,
      lane: fc.option(byteString, { nil: undefined }),
      dryRun: fc.boolean(),
    }),
    "pause-key": fc.record({
      ...{ kind: kind("pause-key"), queue: unicode, lane: byteString, paused: fc.boolean() },
    }),
    "create-temporary-queue": fc.record({
      ...{ kind: kind("create-temporary-queue"), name: unicode, options },
    }),
    "create-topic": fc.record({ kind: kind("create-topic"), name: unicode, options: topicOptions }),
    "update-topic": fc.record({
      kind: kind("update-topic"),
      name: unicode,
      revision,
      changes: topicOptions.chain((all) =>
        fc
          .subarray(Object.keys(all) as (keyof TopicOptions)[])
          .map((some) => Object.fromEntries(some.map((one) => [one, all[one]]))),
      ),
    }),
    "delete-topic": fc.record({
      ...{ kind: kind("delete-topic"), name: unicode, revision, force: fc.boolean() },
    }),
    "create-subscription": fc.record({
      ...{ kind: kind("create-subscription"), name: unicode, topic: unicode, options },
      ...{ filter: fc.record({ keyPrefix: byteString, headers }), start },
    }),
    replay: fc.record({ kind: kind("replay"), subscription: unicode, start }),
  };
const anyCommand: fc.Arbitrary<Command> = fc.oneof(...Object.values(commands));
const origin: fc.Arbitrary<Origin> = fc.record({ session: whole, sequence: whole, floor: whole });

describe("U1: the encoding of a log entry", () => {
  test("gives back every command, its origin, the stamp and the group", () => {
    const writers = new Map<number, EntryWriter>();
    fc.assert(
      fc.property(
        fc.array(fc.record({ origin, command: anyCommand }), { maxLength: 6 }),
        fc.double({ noNaN: true }),
        fc.integer({ min: 0, max: 65_535 }),
        (records, time, group) => {
          const writer = writers.get(group) ?? new EntryWriter(group);
          writers.set(group, writer);
          for (const record of records) writer.add(record.origin, record.command);
          expect(writer.count).toBe(records.length);
          const payload = writer.finish(time);
          expect(writer.count).toBe(0);
          expect(decodeEntry(payload)).toEqual({ time, group, records });
        },
      ),
      { numRuns: Number(process.env.RUNS ?? 1000) },
    );
  });

  test("U3: content is a view into the payload", () => {
    const writer = new EntryWriter();
    writer.add(nobody, { kind: "enqueue", queue: "q", message: message("k", "body") });
    const payload = writer.finish(1);
    const command = decodeEntry(payload).records[0]?.command;
    if (command?.kind !== "enqueue") throw new Error("not an enqueue");
    expect(command.message.content.buffer).toBe(payload.buffer);
  });

  test("U1: a payload may lie anywhere in a larger buffer", () => {
    const writer = new EntryWriter();
    writer.add(nobody, { kind: "enqueue", queue: "q", message: message("k", "body") });
    const payload = writer.finish(1);
    const larger = new Uint8Array(payload.length + 20);
    larger.set(payload, 7);
    const moved = decodeEntry(larger.subarray(7, 7 + payload.length));
    expect(moved).toEqual(decodeEntry(payload));
  });

  test("records in pieces are the records of one entry, in the order of the pieces", () => {
    const writer = new RecordWriter(0);
    const pieces = ["a", "b", "c", "d"].map((queue, at) => {
      writer.add({ ...nobody, sequence: at }, { kind: "enqueue", queue, message: message("k") });
      return at % 2 === 0 ? undefined : writer.cut();
    });
    const payload = entryPayload(
      5,
      4,
      pieces.filter((piece) => piece !== undefined),
    );
    const { records } = decodeEntry(payload);
    expect(records.map(({ origin }) => origin.sequence)).toEqual([0, 1, 2, 3]);
    expect(writer.bytes).toBe(0);
  });

  test("what cannot be written leaves nothing behind", () => {
    const writer = new RecordWriter(64);
    writer.add(nobody, { kind: "tick" });
    const before = writer.bytes;
    const longName = { kind: "enqueue", queue: "q".repeat(100), message: message("k") } as const;
    expect(() => writer.add({ ...nobody, sequence: 0.5 }, longName)).toThrow();
    expect(writer.bytes).toBe(before);
    writer.add(nobody, { kind: "tick" });
    expect(decodeEntry(entryPayload(1, 2, [writer.cut()])).records).toHaveLength(2);
  });
});

describe("U2, G5: what was written by other rules stops the node", () => {
  const payload = (): Uint8Array => {
    const writer = new EntryWriter();
    writer.add(nobody, { kind: "tick" });
    return writer.finish(1);
  };
  const changed = (at: number, value: number): Uint8Array => {
    const bytes = payload();
    bytes[at] = value;
    return bytes;
  };

  test("an unknown version", () => {
    expect(() => decodeEntry(changed(0, 2))).toThrow("format 2");
  });

  test("an unknown command", () => {
    expect(() => decodeEntry(changed(19, 99))).toThrow("a command of kind 99");
  });

  test("a record that is not as long as it says", () => {
    expect(() => decodeEntry(changed(18, 9))).toThrow("not as long as it says");
  });

  test("bytes that are missing, or too many", () => {
    expect(() => decodeEntry(payload().subarray(0, -1))).toThrow();
    expect(() => decodeEntry(new Uint8Array([...payload(), 0]))).toThrow("follows the last");
    expect(() => decodeEntry(new Uint8Array(0))).toThrow();
  });

  test("an option that this version does not know", () => {
    const writer = new EntryWriter();
    writer.add(nobody, { kind: "update-queue", name: "", revision: 0, changes: {} });
    const bytes = writer.finish(1);
    bytes[bytes.length - 4] = 0x80;
    expect(() => decodeEntry(bytes)).toThrow("unknown option");
  });

  test("numbers that no reader could give back are not written", () => {
    const writer = new EntryWriter();
    for (const ttlMs of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      expect(() => writer.add(nobody, { kind: "open-session", name: "", ttlMs })).toThrow();
    }
    expect(() =>
      writer.add(nobody, { kind: "enqueue", queue: "q", message: message("\u0100") }),
    ).toThrow("not a byte");
  });
});

test("G1: labels are written in one order, whatever the object's", () => {
  const entry = (labels: Record<string, string>): Uint8Array => {
    const writer = new EntryWriter();
    const all = { ...defaultOptions(), labels };
    writer.add(nobody, { kind: "create-queue", name: "q", options: all });
    return writer.finish(1);
  };
  expect(entry({ b: "1", a: "2", 7: "3" })).toEqual(entry({ 7: "3", a: "2", b: "1" }));
});

describe("bytes, one value after the other", () => {
  test("whole numbers take seven bits to a byte and come back", () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeNat()), (numbers) => {
        const writer = new ByteWriter(0);
        for (const one of numbers) writer.int(one);
        const reader = new ByteReader(writer.cut());
        expect(numbers.map(() => reader.int())).toEqual(numbers);
        expect(reader.done).toBe(true);
      }),
    );
    const writer = new ByteWriter(0);
    writer.int(127);
    expect(writer.length).toBe(1);
    writer.int(128);
    expect(writer.length).toBe(3);
    writer.int(Number.MAX_SAFE_INTEGER);
    expect(writer.length).toBe(11);
  });

  test("a cut stays as it was while the writer goes on and grows", () => {
    const writer = new ByteWriter(64);
    writer.text("first");
    const first = writer.cut();
    const copy = first.slice();
    for (let i = 0; i < 1000; i++) writer.text("more and more");
    expect(first).toEqual(copy);
    const reader = new ByteReader(writer.cut());
    for (let i = 0; i < 1000; i++) expect(reader.text()).toBe("more and more");
  });

  test("strings that share a hash slot are not mixed up", () => {
    const writer = new ByteWriter(64);
    const all = Array.from({ length: 50_000 }, (_, at) => `key-${at}`);
    for (const one of all) writer.byteString(one);
    const reader = new ByteReader(writer.cut());
    expect(all.filter((one) => reader.byteString() !== one)).toEqual([]);
  });
});
