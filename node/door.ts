// Checks at the door: what a client says → commands of the state machine, or the field that is wrong.
// Both the unary calls and the stream go through here; nothing behind it meets an unchecked value.

import {
  decodeContent,
  MalformedFrame,
  type MessageOptionsBytes,
  type NewMessageBytes,
} from "../proto/frame.ts";
import type {
  Bytes,
  Command,
  LeaseRef,
  MessageExtras,
  NewMessage,
  Refusal,
  Settlement,
} from "../queue/index.ts";
import { limits } from "./limits.ts";

/** A value that cannot be: INVALID_ARGUMENT. */
export class Malformed extends Error {
  override readonly name = "Malformed";
  readonly field: string;
  readonly reason: "MALFORMED" | "TOO_LARGE";

  constructor(field: string, message: string, reason: "MALFORMED" | "TOO_LARGE" = "MALFORMED") {
    super(message);
    this.field = field;
    this.reason = reason;
  }
}

export function refusalOf(error: Malformed): Refusal {
  return {
    reason: error.reason,
    message: error.message,
    field: error.field,
    currentToken: 0,
    state: "",
    retryAfterMs: 0,
  };
}

/** UTF-8 text as a byte string. */
export function bytesOf(text: string): Bytes {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function textOf(bytes: Bytes): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}

export function queueName(name: string, field = "queue"): string {
  if (!limits.queueName.test(name))
    throw new Malformed(
      field,
      `${field} is ${quoted(name)}; expected 1 to 128 characters of A-Z a-z 0-9 . _ -`,
    );
  return name;
}

export function whole(value: number, field: string, min: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw new Malformed(
      field,
      `${field} is ${value}; expected a whole number from ${min} to ${max}`,
    );
  return value;
}

export function key(bytes: Bytes, field = "key"): Bytes {
  if (bytes.length > limits.keyBytes)
    throw new Malformed(
      field,
      `${field} has ${bytes.length} bytes; expected at most ${limits.keyBytes}`,
    );
  return bytes;
}

export function content(bytes: Uint8Array, field = "content"): Uint8Array {
  if (bytes.length > limits.contentBytes)
    throw new Malformed(
      field,
      `${field} has ${bytes.length} bytes; expected at most ${limits.contentBytes}`,
      "TOO_LARGE",
    );
  return bytes;
}

/** `field`: what it is called in the request. */
export function lease(
  queue: string,
  lane: Bytes,
  keySeq: number,
  token: number,
  field = "lease",
): LeaseRef {
  return {
    queue: queueName(queue, `${field}.queue`),
    lane: key(lane, `${field}.key`),
    keySeq: whole(keySeq, `${field}.key_seq`, 1, Number.MAX_SAFE_INTEGER),
    token: whole(token, `${field}.fencing_token`, 1, Number.MAX_SAFE_INTEGER),
  };
}

/** 0 stands for the queue's own. */
export function leaseMs(value: number, field = "lease_ms"): number {
  return value === 0 ? 0 : whole(value, field, limits.leaseMs.min, limits.leaseMs.max);
}

export function errorText(text: string, field = "error"): string {
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.errorBytes)
    throw new Malformed(
      field,
      `${field} has ${bytes} bytes; expected at most ${limits.errorBytes}`,
    );
  return bytesOf(text);
}

export function settlement(
  kind: Settlement["kind"],
  said: { delayMs: number | undefined; error: string; leaseMs: number },
  prefix = "",
): Settlement {
  switch (kind) {
    case "ack":
    case "release":
      return { kind };
    case "nack":
      return {
        kind,
        delayMs:
          said.delayMs === undefined
            ? undefined
            : whole(said.delayMs, `${prefix}delay_ms`, 0, limits.leaseMs.max),
        error: errorText(said.error, `${prefix}error`),
      };
    case "reject":
      return { kind, error: errorText(said.error, `${prefix}error`) };
    case "extend":
      return { kind, leaseMs: leaseMs(said.leaseMs) };
  }
}

/** A message that asks for nothing else and is small enough, as nearly all are: without the names of its fields. */
function plainMessage(
  { keyBytes, content: bytes, options }: NewMessageBytes,
  published: boolean,
): NewMessage | undefined {
  if (published || options !== undefined) return undefined;
  if (keyBytes.length > limits.keyBytes || bytes.length > limits.contentBytes) return undefined;
  return { key: keyBytes, content: bytes, extras: undefined };
}

/** A new message. `prefix`: of its fields' names. `published`: it may go to a topic, whose filters compare headers. */
export function newMessage(
  { keyBytes, content: bytes, options }: NewMessageBytes,
  published: boolean,
  prefix = "",
): NewMessage {
  return {
    key: key(keyBytes, `${prefix}key`),
    content: content(bytes, `${prefix}content`),
    extras:
      options === undefined && !published ? undefined : extras(options, bytes, published, prefix),
  };
}

const noHeaders: Readonly<Record<string, string>> = Object.freeze({});

function extras(
  options: MessageOptionsBytes | undefined,
  bytes: Uint8Array,
  published: boolean,
  prefix: string,
): MessageExtras | undefined {
  const headers = published ? headersOf(bytes, `${prefix}content`) : noHeaders;
  const found = { ...messageOptions(options, `${prefix}message_options.`), headers };
  const asksNothing = Object.values(found).every(
    (value) => value === 0 || value === "" || value === headers,
  );
  return asksNothing && Object.keys(headers).length === 0 ? undefined : found;
}

const noOptions: MessageOptionsBytes = {
  dedupIdBytes: "",
  expectKeySeq: 0,
  notBeforeMs: 0,
  delayMs: 0,
  expiresAtMs: 0,
  ttlMs: 0,
  priority: 0,
};

function messageOptions(
  said: MessageOptionsBytes = noOptions,
  prefix: string,
): Omit<MessageExtras, "headers"> {
  if (said.dedupIdBytes.length > limits.dedupIdBytes)
    throw new Malformed(
      `${prefix}dedup_id`,
      `${prefix}dedup_id has ${said.dedupIdBytes.length} bytes; expected at most ${limits.dedupIdBytes}`,
    );
  const { retentionMs, timeMs, priority } = limits;
  return {
    dedupId: said.dedupIdBytes,
    expectKeySeq: whole(said.expectKeySeq, `${prefix}expect_key_seq`, 0, Number.MAX_SAFE_INTEGER),
    notBefore: whole(said.notBeforeMs, `${prefix}not_before_ms`, 0, timeMs),
    delayMs: whole(said.delayMs, `${prefix}delay_ms`, 0, retentionMs),
    expiresAt: whole(said.expiresAtMs, `${prefix}expires_at_ms`, 0, timeMs),
    ttlMs: whole(said.ttlMs, `${prefix}ttl_ms`, 0, retentionMs),
    priority: whole(said.priority, `${prefix}priority`, 0, priority),
  };
}

/** Sorted, so that the same headers are the same bytes in the log (G1). */
function headersOf(bytes: Uint8Array, field: string): Readonly<Record<string, string>> {
  try {
    const headers = Object.entries(decodeContent(bytes).headers);
    headers.sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(headers.map(([name, value]) => [bytesOf(name), bytesOf(value)]));
  } catch (error) {
    if (!(error instanceof MalformedFrame)) throw error;
    throw new Malformed(field, `${field} is no raftq.v1.Content: ${error.message}`);
  }
}

export function enqueue(queue: string, message: NewMessageBytes, published: boolean): Command {
  return {
    kind: "enqueue",
    queue: queueName(queue),
    message: plainMessage(message, published) ?? newMessage(message, published),
  };
}

export function enqueueBatch(
  queue: string,
  said: readonly NewMessageBytes[],
  perItem: boolean,
  published: boolean,
): Command {
  if (said.length === 0 || said.length > limits.batchMessages) {
    throw new Malformed(
      "messages",
      `${said.length} messages; expected 1 to ${limits.batchMessages}`,
    );
  }
  let bytes = 0;
  const messages = said.map((message, i) => {
    bytes += message.content.length;
    return plainMessage(message, published) ?? newMessage(message, published, `messages[${i}].`);
  });
  if (bytes > limits.batchBytes)
    throw new Malformed(
      "messages",
      `${bytes} bytes together; expected at most ${limits.batchBytes}`,
      "TOO_LARGE",
    );
  return { kind: "enqueue-batch", queue: queueName(queue), messages, perItem };
}

interface SaidReceive {
  readonly maxMessages: number;
  readonly maxWaitMs: number;
  readonly leaseMs: number;
  readonly maxBytes: number;
  readonly keyBytes: readonly Bytes[];
}

export function receive(queue: string, said: SaidReceive): Command {
  return {
    kind: "receive",
    queue: queueName(queue),
    maxMessages:
      said.maxMessages === 0
        ? 1
        : whole(said.maxMessages, "max_messages", 1, limits.receiveMessages),
    maxWaitMs: whole(said.maxWaitMs, "max_wait_ms", 0, limits.receiveWaitMs),
    leaseMs: leaseMs(said.leaseMs),
    maxBytes: whole(said.maxBytes, "max_bytes", 0, limits.batchBytes),
    keys: keys(said.keyBytes),
  };
}

interface SaidSubscribe {
  readonly consumer: number;
  readonly queue: string;
  readonly credit: number;
  readonly leaseMs: number;
  readonly creditBytes: number;
  readonly keyBytes: readonly Bytes[];
}

export function subscribe(said: SaidSubscribe): Command {
  return {
    kind: "subscribe",
    consumer: whole(said.consumer, "consumer", 1, 2 ** 31),
    queue: queueName(said.queue),
    credit: whole(said.credit, "credit", 1, limits.credit),
    leaseMs: leaseMs(said.leaseMs),
    creditBytes: whole(said.creditBytes, "credit_bytes", 0, Number.MAX_SAFE_INTEGER),
    keys: keys(said.keyBytes),
  };
}

/** Of which keys only; sorted, each once. */
function keys(said: readonly Bytes[]): readonly Bytes[] {
  if (said.length > limits.filterKeys)
    throw new Malformed("keys", `${said.length} keys; expected at most ${limits.filterKeys}`);
  said.forEach((bytes, i) => {
    if (key(bytes, `keys[${i}]`) === "")
      throw new Malformed(`keys[${i}]`, `keys[${i}] is empty; expected a key`);
  });
  return [...new Set(said)].sort();
}

/** A name of an enum; undefined: it was left out. */
export function oneOf<T extends string>(
  said: unknown,
  field: string,
  unspecified: string,
  names: Readonly<Record<string, T>>,
): T | undefined {
  if (said === undefined || said === unspecified) return undefined;
  const found = typeof said === "string" && Object.hasOwn(names, said) ? names[said] : undefined;
  if (found === undefined)
    throw new Malformed(
      field,
      `${field} is ${typeof said === "string" || typeof said === "number" ? said : typeof said}; expected ${Object.keys(names).join(", ")}`,
    );
  return found;
}

export function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 61)}...` : text);
}
