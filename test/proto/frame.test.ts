// The hand-written encoding against protobufjs' reflection of queue.proto: same bytes, both ways, for every field.

import fc from "fast-check";
import protobuf from "protobufjs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  ClientFrameWriter,
  decodeClientFrame,
  decodeContent,
  decodeError,
  decodeServerFrame,
  encodeContent,
  encodeError,
  MalformedFrame,
  ServerFrameWriter,
  type ClientCommand,
  type ClientOperation,
  type CommitOperation,
  type DeadLetterCause,
  type DeliveryBytes,
  type EnqueuedBytes,
  type NewMessage,
  type Outcome,
  type QueueEventBytes,
  type Reason,
  type ReplyResult,
  type WireError,
} from "../../proto/frame.ts";

const root = protobuf.loadSync(fileURLToPath(new URL("../../proto/queue.proto", import.meta.url)));
const type = (name: string) => root.lookupType(`raftq.v1.${name}`);
const toObject = (name: string, bytes: Uint8Array): unknown =>
  type(name).toObject(type(name).decode(bytes), {
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  });
const toBytes = (name: string, object: object): Buffer =>
  Buffer.from(
    type(name)
      .encode(type(name).fromObject(sparse(object) as object))
      .finish(),
  );

/** Without what proto3 leaves out: protobufjs writes every field that an object has. Contents become objects. */
function sparse(value: unknown, key = ""): unknown {
  if (key === "content") return sparse(toObject("Content", value as Uint8Array));
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map((each) => sparse(each));
  if (value === null || typeof value !== "object" || key === "headers") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, v]) => v !== undefined && (isOptional(name, value) || !isDefault(v)))
      .map(([name, v]) => [name, sparse(v, name)]),
  );
}

/** A nack's delay is there although it is 0; the delay of a new message is not. */
function isOptional(name: string, of: object): boolean {
  return name === "delayMs" && !("ttlMs" in of);
}

function isDefault(value: unknown): boolean {
  return (
    value === 0 ||
    value === "" ||
    value === false ||
    value === "EXPLICIT" ||
    (typeof value === "string" && value.endsWith("UNSPECIFIED")) ||
    ((Array.isArray(value) || value instanceof Uint8Array) && value.length === 0)
  );
}

const latin1 = (text: string) => Buffer.from(text, "utf8").toString("latin1");
const bytesOf = (view: Uint8Array) => Buffer.from(view).toString("hex");

const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: "grapheme", minLength: 60, maxLength: 90 }),
);
const count = fc.oneof(
  fc.nat({ max: 300 }),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(
    127,
    128,
    16_383,
    16_384,
    2 ** 21,
    2 ** 28 - 1,
    2 ** 28,
    2 ** 31,
    2 ** 32,
    2 ** 35,
  ),
);
const bytes = fc.uint8Array({ maxLength: 200 });
const content = fc.record({
  body: bytes,
  headers: fc.dictionary(text, text, { maxKeys: 3 }),
  contentType: text,
  correlationId: text,
  replyTo: text,
  traceparent: text,
});
const contentBytes = content.map((value) => encodeContent(value));

const optionally = (arbitrary: fc.Arbitrary<number>) => fc.option(arbitrary, { nil: undefined });
const messageOptions = fc.option(
  fc.record({
    dedupId: fc.option(text, { nil: undefined }),
    expectKeySeq: optionally(count),
    notBeforeMs: optionally(count),
    delayMs: optionally(count),
    expiresAtMs: optionally(count),
    ttlMs: optionally(count),
    priority: optionally(fc.integer({ min: -3, max: 200 })),
  }),
  { nil: undefined },
);
const newMessage = fc.record({ key: text, content: contentBytes, options: messageOptions });
const keys = fc.option(fc.array(text, { maxLength: 3 }), { nil: undefined });

const lease = fc.record({ queue: text, key: text, keySeq: count, fencingToken: count });
const condition = fc.oneof(
  fc.record({ kind: fc.constant("tailIs" as const), queue: text, key: text, keySeq: count }),
  fc.record({ kind: fc.constant("lengthIs" as const), queue: text, key: text, messages: count }),
  fc.record({ kind: fc.constant("leaseHeld" as const), lease }),
);

const settle = fc.record({
  queue: text,
  key: text,
  keySeq: count,
  fencingToken: count,
  delayMs: fc.option(count, { nil: undefined }),
  error: text,
  leaseMs: count,
});
const operation: fc.Arbitrary<ClientOperation> = fc.oneof(
  fc
    .tuple(text, newMessage)
    .map(([queue, message]) => ({ op: "enqueue" as const, queue, ...message })),
  fc.record({
    op: fc.constant("enqueueBatch" as const),
    queue: text,
    messages: fc.array(newMessage, { maxLength: 4 }),
    perItem: fc.option(fc.boolean(), { nil: undefined }),
  }),
  fc.record({
    op: fc.constant("subscribe" as const),
    consumer: count,
    queue: text,
    credit: count,
    leaseMs: count,
    creditBytes: optionally(count),
    keys,
    ackMode: fc.constantFrom(undefined, "EXPLICIT" as const, "ON_DELIVERY" as const),
  }),
  fc.record({ op: fc.constant("unsubscribe" as const), consumer: count }),
  fc.record({
    op: fc.constant("receive" as const),
    queue: text,
    maxMessages: count,
    maxWaitMs: count,
    leaseMs: count,
    maxBytes: optionally(count),
    keys,
  }),
  fc.record({
    op: fc.constant("commit" as const),
    conditions: fc.array(condition, { maxLength: 3 }),
    settles: fc.array(
      fc.record({
        kind: fc.constantFrom("ack" as const, "nack", "release", "reject"),
        lease,
        delayMs: optionally(count),
        error: text,
      }),
      { maxLength: 3 },
    ),
    enqueues: fc.array(fc.record({ queue: text, message: newMessage }), { maxLength: 3 }),
  }),
  fc
    .tuple(fc.constantFrom("ack" as const, "nack", "release", "reject", "extend"), settle)
    .map(([op, fields]) => ({ op, ...fields })),
);
const clientFrame = fc.record({
  attach: fc.option(text, { nil: undefined }),
  firstOutstanding: count,
  commands: fc.array(fc.record({ sequence: count, operation }), { maxLength: 5 }),
  heartbeat: count,
});

const reasons = Object.keys(root.lookupEnum("raftq.v1.Reason").values) as Reason[];
const outcomes = Object.keys(root.lookupEnum("raftq.v1.Outcome").values) as Outcome[];
const wireError: fc.Arbitrary<WireError> = fc.record({
  reason: fc.constantFrom(...reasons),
  outcome: fc.constantFrom(...outcomes),
  field: text,
  message: text,
  leader: fc.option(fc.record({ nodeId: count, endpoint: text, term: count }), { nil: undefined }),
  retryAfterMs: count,
  currentToken: count,
  state: text,
  code: fc.nat({ max: 16 }),
  currentKeySeq: count,
});
const causes = Object.keys(root.lookupEnum("raftq.v1.DeadLetterCause").values) as DeadLetterCause[];
const delivery: fc.Arbitrary<DeliveryBytes> = fc.record({
  queue: text,
  keyBytes: text.map(latin1),
  keySeq: count,
  seq: count,
  fencingToken: count,
  attempts: count,
  deliveries: count,
  leaseMs: count,
  logIndex: count,
  enqueuedAtMs: count,
  content: contentBytes,
  consumer: count,
  redelivery: fc.constantFrom("", "nack", "release", "lease-expired", "session-ended"),
  expiresAtMs: count,
  priority: fc.integer({ min: 0, max: 200 }),
  messageIdBytes: text.map(latin1),
  deadLetter: fc.option(
    fc.record({
      cause: fc.constantFrom(...causes),
      attempts: count,
      error: text,
      queue: text,
      messageIdBytes: text.map(latin1),
    }),
    { nil: undefined },
  ),
});
const enqueued = fc.record({
  messageIdBytes: text.map(latin1),
  seq: count,
  keySeq: count,
  deduplicated: fc.boolean(),
});
const queueEvent: fc.Arbitrary<QueueEventBytes> = fc.record({
  kind: fc.constantFrom("parked", "stalled"),
  queue: text,
  keyBytes: text.map(latin1),
  keySeq: count,
  attempts: count,
  error: text,
});
const replyResult: fc.Arbitrary<ReplyResult> = fc.oneof(
  fc.constant({ kind: "done" as const }),
  enqueued.map((message) => ({ kind: "enqueued" as const, ...message })),
  fc.record({
    kind: fc.constant("batchEnqueued" as const),
    messages: fc.array(enqueued, { maxLength: 4 }),
    errors: fc.array(fc.record({ index: fc.nat(), error: wireError }), { maxLength: 2 }),
  }),
  fc
    .array(enqueued, { maxLength: 4 })
    .map((messages) => ({ kind: "committed" as const, messages })),
  fc
    .array(delivery, { maxLength: 3 })
    .map((deliveries) => ({ kind: "received" as const, deliveries })),
  fc.boolean().map((already) => ({ kind: "settled" as const, already })),
  wireError.map((error) => ({ kind: "error" as const, error })),
);
const serverFrame = fc.record({
  attached: fc.option(fc.record({ nextSequence: count, ttlMs: count }), { nil: undefined }),
  term: count,
  clusterTimeMs: count,
  replies: fc.array(fc.record({ sequence: count, logIndex: count, result: replyResult }), {
    maxLength: 5,
  }),
  deliveries: fc.array(delivery, { maxLength: 4 }),
  heartbeat: count,
  events: fc.array(queueEvent, { maxLength: 2 }),
});

type GeneratedClientFrame = typeof clientFrame extends fc.Arbitrary<infer T> ? T : never;
type GeneratedServerFrame = typeof serverFrame extends fc.Arbitrary<infer T> ? T : never;

function writeClient(writer: ClientFrameWriter, frame: GeneratedClientFrame): Buffer {
  if (frame.attach !== undefined) writer.attach(frame.attach);
  writer.firstOutstanding(frame.firstOutstanding);
  for (const each of frame.commands) writer.command(each.sequence, each.operation);
  writer.heartbeat(frame.heartbeat);
  return writer.finish();
}

function writeServer(writer: ServerFrameWriter, frame: GeneratedServerFrame): Buffer {
  if (frame.attached !== undefined) {
    writer.attached(frame.attached.nextSequence, frame.attached.ttlMs);
  }
  for (const each of frame.replies) writer.addReply(each.sequence, each.logIndex, each.result);
  for (const each of frame.deliveries) writer.addDelivery(each);
  for (const each of frame.events) writer.addEvent(each);
  writer.heartbeat(frame.heartbeat);
  return writer.finish(frame.term, frame.clusterTimeMs);
}

// A string with a lone surrogate cannot be written as UTF-8: both encoders replace it, and so does the expectation.
const wellFormed = (value: string) => Buffer.from(value, "utf8").toString("utf8");
const ofBytes = (value: string) => Buffer.from(value, "latin1").toString("utf8");

function operationObject(operation: ClientOperation): Record<string, unknown> {
  const { op, ...fields } = operation;
  const said = (object: object) =>
    Object.fromEntries(Object.entries(object).filter(([, v]) => v !== undefined));
  if (operation.op === "commit") return { commit: commitObject(operation) };
  if (operation.op === "enqueue") {
    const { queue, key, content, options } = operation;
    return { enqueue: { queue, ...messageObject({ key, content, options }) } };
  }
  if (operation.op === "enqueueBatch") {
    const { queue, messages, perItem } = operation;
    return { enqueueBatch: said({ queue, perItem, messages: messages.map(messageObject) }) };
  }
  return { [op]: said(fields) };
}

function messageObject({ options, ...rest }: NewMessage): object {
  return { ...rest, messageOptions: options };
}

function commitObject({ conditions, settles, enqueues }: CommitOperation): object {
  return {
    conditions: conditions.map((each) => {
      if (each.kind === "leaseHeld") return { leaseHeld: each.lease };
      const { kind, ...fields } = each;
      return { [kind]: fields };
    }),
    settles: settles.map((each) => ({ ...each, kind: each.kind.toUpperCase() })),
    enqueues: enqueues.map(({ queue, message }) => ({ queue, message: messageObject(message) })),
  };
}

function deliveryObject(value: DeliveryBytes): Record<string, unknown> {
  const { keyBytes, messageIdBytes, deadLetter, ...rest } = value;
  return {
    ...rest,
    key: ofBytes(keyBytes),
    messageId: ofBytes(messageIdBytes),
    ...(deadLetter === undefined
      ? {}
      : {
          deadLetter: {
            cause: deadLetter.cause,
            attempts: deadLetter.attempts,
            error: deadLetter.error,
            queue: deadLetter.queue,
            messageId: ofBytes(deadLetter.messageIdBytes),
          },
        }),
  };
}

function enqueuedObject({ messageIdBytes, seq, keySeq, deduplicated }: EnqueuedBytes) {
  return { messageId: ofBytes(messageIdBytes), seq, keySeq, deduplicated };
}

function errorObject({ leader, ...rest }: WireError) {
  return leader === undefined ? rest : { ...rest, leader };
}

function eventObject({ keyBytes, ...rest }: QueueEventBytes) {
  return { ...rest, key: ofBytes(keyBytes) };
}

function resultObject(result: ReplyResult): Record<string, unknown> {
  switch (result.kind) {
    case "done":
      return { done: {} };
    case "enqueued":
      return { enqueued: enqueuedObject(result) };
    case "batchEnqueued":
      return {
        batchEnqueued: {
          messages: result.messages.map(enqueuedObject),
          errors: result.errors.map(({ index, error }) => ({ index, error: errorObject(error) })),
        },
      };
    case "committed":
      return { committed: { messages: result.messages.map(enqueuedObject) } };
    case "received":
      return { received: { deliveries: result.deliveries.map(deliveryObject) } };
    case "settled":
      return { settled: { already: result.already } };
    case "error":
      return { error: errorObject(result.error) };
  }
}

const clientFrameObject = (frame: GeneratedClientFrame) => ({
  ...(frame.attach === undefined ? {} : { attach: { sessionId: frame.attach } }),
  firstOutstanding: frame.firstOutstanding,
  commands: frame.commands.map((each) => ({
    sequence: each.sequence,
    ...operationObject(each.operation),
  })),
  heartbeat: frame.heartbeat,
});
const serverFrameObject = (frame: GeneratedServerFrame) => ({
  ...(frame.attached === undefined ? {} : { attached: frame.attached }),
  term: frame.term,
  clusterTimeMs: frame.clusterTimeMs,
  replies: frame.replies.map((each) => ({
    sequence: each.sequence,
    logIndex: each.logIndex,
    ...resultObject(each.result),
  })),
  deliveries: frame.deliveries.map(deliveryObject),
  heartbeat: frame.heartbeat,
  events: frame.events.map(eventObject),
});

function decodedMessage({ key, content, options }: NewMessage): object {
  const { dedupId = "", ...numbers } = options ?? {};
  return {
    keyBytes: latin1(key),
    content: bytesOf(content),
    options:
      options === undefined
        ? undefined
        : {
            dedupIdBytes: latin1(dedupId),
            ...Object.fromEntries(Object.entries(numbers).map(([name, v]) => [name, v ?? 0])),
          },
  };
}

function decodedPlace({ key, queue, ...rest }: { key: string; queue: string }): object {
  return { ...rest, queue: wellFormed(queue), keyBytes: latin1(key) };
}

/** As the server decodes it: keys as byte strings. */
function decodedCommand(sequence: number, operation: ClientOperation): unknown {
  switch (operation.op) {
    case "enqueue":
      return {
        op: "enqueue",
        sequence,
        queue: wellFormed(operation.queue),
        ...decodedMessage(operation),
      };
    case "enqueueBatch":
      return {
        op: "enqueueBatch",
        sequence,
        queue: wellFormed(operation.queue),
        messages: operation.messages.map(decodedMessage),
        perItem: operation.perItem ?? false,
      };
    case "subscribe": {
      const { keys = [], creditBytes = 0, ackMode = "EXPLICIT", ...rest } = operation;
      const queue = wellFormed(operation.queue);
      return { ...rest, sequence, queue, creditBytes, ackMode, keyBytes: keys.map(latin1) };
    }
    case "receive": {
      const { keys = [], maxBytes = 0, ...rest } = operation;
      const queue = wellFormed(operation.queue);
      return { ...rest, sequence, queue, maxBytes, keyBytes: keys.map(latin1) };
    }
    case "commit":
      return {
        op: "commit",
        sequence,
        conditions: operation.conditions.map((each) =>
          each.kind === "leaseHeld"
            ? { ...each, lease: decodedPlace(each.lease) }
            : decodedPlace(each),
        ),
        settles: operation.settles.map((each) => ({
          ...each,
          lease: decodedPlace(each.lease),
          error: wellFormed(each.error),
        })),
        enqueues: operation.enqueues.map(({ queue, message }) => ({
          queue: wellFormed(queue),
          message: decodedMessage(message),
        })),
      };
    case "unsubscribe":
      return { ...operation, sequence };
    case "ack":
    case "nack":
    case "release":
    case "reject":
    case "extend": {
      const { key, ...rest } = operation;
      return {
        ...rest,
        sequence,
        queue: wellFormed(rest.queue),
        keyBytes: latin1(key),
        error: wellFormed(rest.error),
      };
    }
  }
}

const hexContent = <T extends { readonly content: Uint8Array }>(message: T) => ({
  ...message,
  content: bytesOf(message.content),
});

function withHexContents(command: ClientCommand): unknown {
  if (command.op === "enqueue") return hexContent(command);
  if (command.op === "enqueueBatch")
    return { ...command, messages: command.messages.map(hexContent) };
  if (command.op !== "commit") return command;
  const enqueues = command.enqueues.map((each) => ({
    ...each,
    message: hexContent(each.message),
  }));
  return { ...command, enqueues };
}

const hexed = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? bytesOf(value)
    : Array.isArray(value)
      ? value.map(hexed)
      : value !== null && typeof value === "object"
        ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, hexed(v)]))
        : typeof value === "string"
          ? wellFormed(value)
          : value;

describe("frames are standard protobuf", () => {
  test("a client frame decodes with protobufjs to what was written, byte for byte", () => {
    // One writer for all runs: frames cut from one slab must not disturb each other.
    const writer = new ClientFrameWriter();
    fc.assert(
      fc.property(clientFrame, (frame) => {
        const ours = writeClient(writer, frame);
        const theirs = toBytes("ClientFrame", clientFrameObject(frame));
        expect(hexed(toObject("ClientFrame", ours))).toEqual(
          hexed(toObject("ClientFrame", theirs)),
        );
        expect(ours.length).toBe(theirs.length);
      }),
    );
  });

  test("a client frame from protobufjs is read as the server wants it", () => {
    fc.assert(
      fc.property(clientFrame, (frame) => {
        const decoded = decodeClientFrame(toBytes("ClientFrame", clientFrameObject(frame)));
        expect(decoded.attach).toEqual(
          frame.attach === undefined ? undefined : { sessionId: wellFormed(frame.attach) },
        );
        expect(decoded.firstOutstanding).toBe(frame.firstOutstanding);
        expect(decoded.heartbeat).toBe(frame.heartbeat);
        expect(decoded.commands.map(withHexContents)).toEqual(
          frame.commands.map((each) => decodedCommand(each.sequence, each.operation)),
        );
      }),
    );
  });

  test("a server frame decodes with protobufjs to what was written, byte for byte", () => {
    const writer = new ServerFrameWriter();
    fc.assert(
      fc.property(serverFrame, (frame) => {
        const ours = writeServer(writer, frame);
        const theirs = toBytes("ServerFrame", serverFrameObject(frame));
        expect(hexed(toObject("ServerFrame", ours))).toEqual(
          hexed(toObject("ServerFrame", theirs)),
        );
        expect(ours.length).toBe(theirs.length);
      }),
    );
  });

  test("a server frame from protobufjs is read as the SDK wants it", () => {
    fc.assert(
      fc.property(serverFrame, (frame) => {
        const decoded = decodeServerFrame(toBytes("ServerFrame", serverFrameObject(frame)));
        expect(decoded.attached).toEqual(frame.attached);
        expect(decoded.term).toBe(frame.term);
        expect(decoded.clusterTimeMs).toBe(frame.clusterTimeMs);
        expect(decoded.heartbeat).toBe(frame.heartbeat);
        const asRead = (value: DeliveryBytes) =>
          hexed({ deadLetter: undefined, ...deliveryObject(value) });
        expect(decoded.deliveries.map(hexed)).toEqual(frame.deliveries.map(asRead));
        expect(decoded.events.map(hexed)).toEqual(frame.events.map(eventObject).map(hexed));
        expect(hexed(decoded.replies)).toEqual(
          frame.replies.map((each) => {
            const result = each.result;
            const inner = Object.values(resultObject(result))[0] as object;
            const read =
              result.kind === "received"
                ? { kind: "received", deliveries: result.deliveries.map(asRead) }
                : result.kind === "error"
                  ? { kind: "error", error: hexed({ ...result.error }) }
                  : result.kind === "batchEnqueued"
                    ? { kind: "batchEnqueued", ...inner, errors: result.errors }
                    : { kind: result.kind, ...inner };
            return { sequence: each.sequence, logIndex: each.logIndex, result: hexed(read) };
          }),
        );
      }),
    );
  });

  test("content and error, both ways", () => {
    fc.assert(
      fc.property(content, wireError, (value, error) => {
        const bytes = encodeContent(value);
        expect(bytes.length).toBe(toBytes("Content", value).length);
        expect(hexed(toObject("Content", bytes))).toEqual(hexed(value));
        expect(hexed({ ...decodeContent(toBytes("Content", value)) })).toEqual(hexed(value));
        const object = errorObject(error);
        expect(encodeError(error).length).toBe(toBytes("Error", object).length);
        expect(hexed(decodeError(toBytes("Error", object)))).toEqual(hexed(error));
      }),
    );
  });

  test("a text body is its UTF-8 bytes", () => {
    fc.assert(
      fc.property(text, (body) => {
        expect(encodeContent({ body })).toEqual(encodeContent({ body: Buffer.from(body) }));
      }),
    );
  });
});

describe("numbers", () => {
  test("a negative int64 is read as negative, so that the server can refuse it", () => {
    fc.assert(
      fc.property(fc.integer({ min: Number.MIN_SAFE_INTEGER, max: -1 }), (value) => {
        const frame = toBytes("ClientFrame", { firstOutstanding: value });
        expect(decodeClientFrame(frame).firstOutstanding).toBe(value);
        const writer = new ClientFrameWriter();
        writer.firstOutstanding(value);
        expect(writer.finish()).toEqual(frame);
      }),
    );
  });

  test("beyond 2^53 a number is still large, or still negative", () => {
    const max = Buffer.from("10ffffffffffffffff7f", "hex");
    expect(decodeClientFrame(max).firstOutstanding).toBe(2 ** 63);
    const min = Buffer.from("1080808080808080808001", "hex");
    expect(decodeClientFrame(min).firstOutstanding).toBe(-(2 ** 63));
  });
});

describe("hostile bytes", () => {
  const valid = fc.oneof(
    clientFrame.map((frame) => writeClient(new ClientFrameWriter(), frame)),
    serverFrame.map((frame) => writeServer(new ServerFrameWriter(), frame)),
    contentBytes,
  );
  const mutated = fc
    .tuple(valid, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }), fc.nat())
    .map(([frame, changes, cut]) => {
      const copy = Buffer.from(frame);
      for (const [at, byte] of changes) if (copy.length > 0) copy[at % copy.length] = byte;
      return cut % 3 === 0 ? copy.subarray(0, cut % (copy.length + 1)) : copy;
    });
  const hostile = fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated);

  test("decoding returns or throws MalformedFrame, nothing else", () => {
    fc.assert(
      fc.property(hostile, (bytes) => {
        for (const decode of [decodeClientFrame, decodeServerFrame, decodeContent, decodeError]) {
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedFrame);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("unknown fields of every wire type are skipped", () => {
    const frame = new ClientFrameWriter();
    frame.heartbeat(7);
    const unknown = Buffer.concat([
      Buffer.from("980601", "hex"), // 99: varint
      Buffer.from("99060102030405060708", "hex"), // 99: 64 bits
      Buffer.from("9a0602abcd", "hex"), // 99: bytes
      Buffer.from("9b0608019c06", "hex"), // 99: a group
      Buffer.from("9d0601020304", "hex"), // 99: 32 bits
      Buffer.from("2501020304", "hex"), // 4, the heartbeat, but with another type
    ]);
    const decoded = decodeClientFrame(Buffer.concat([unknown, frame.finish(), unknown]));
    expect(decoded).toEqual({
      attach: undefined,
      firstOutstanding: 0,
      commands: [],
      heartbeat: 7,
    });
  });

  test.each([
    ["a truncated number", "10ff"],
    ["a number of eleven bytes", "10ffffffffffffffffffff01"],
    ["a length beyond the frame", "1a05"],
    ["a length beyond the enclosing message", "1a0412060a0141"],
    ["a negative length", "1affffffffffffffffff01"],
    ["field number 0", "0001"],
    ["a group that never ends", "9b06"],
    ["groups nested without end", "9b06".repeat(100)],
    ["a group's end without its start", "9c06"],
    ["a key that is not UTF-8", "1a05120312" + "01ff"],
  ])("%s is malformed", (_, hex) => {
    expect(() => decodeClientFrame(Buffer.from(hex, "hex"))).toThrow(MalformedFrame);
  });

  test("a frame of endless empty commands is refused before it fills the memory", () => {
    expect(() => decodeClientFrame(Buffer.alloc(2 * 70_000, Buffer.from("1a00", "hex")))).toThrow(
      MalformedFrame,
    );
  });
});
