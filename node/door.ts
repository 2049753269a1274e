// Checks at the door: what a client says → commands of the state machine, or the field that is wrong.
// Both the unary calls and the stream go through here; nothing behind it meets an unchecked value.

import type {
  Bytes,
  Command,
  LeaseRef,
  NewMessage,
  QueueOptions,
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

export function lease(queue: string, lane: Bytes, keySeq: number, token: number): LeaseRef {
  return {
    queue: queueName(queue, "lease.queue"),
    lane: key(lane, "lease.key"),
    keySeq: whole(keySeq, "lease.key_seq", 1, Number.MAX_SAFE_INTEGER),
    token: whole(token, "lease.fencing_token", 1, Number.MAX_SAFE_INTEGER),
  };
}

/** 0 stands for the queue's own. */
export function leaseMs(value: number, field = "lease_ms"): number {
  return value === 0 ? 0 : whole(value, field, limits.leaseMs.min, limits.leaseMs.max);
}

export function errorText(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.errorBytes)
    throw new Malformed("error", `error has ${bytes} bytes; expected at most ${limits.errorBytes}`);
  return bytesOf(text);
}

export function settlement(
  kind: Settlement["kind"],
  said: { delayMs: number | undefined; error: string; leaseMs: number },
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
            : whole(said.delayMs, "delay_ms", 0, limits.leaseMs.max),
        error: errorText(said.error),
      };
    case "reject":
      return { kind, error: errorText(said.error) };
    case "extend":
      return { kind, leaseMs: leaseMs(said.leaseMs) };
  }
}

export function enqueue(queue: string, message: NewMessage): Command {
  return {
    kind: "enqueue",
    queue: queueName(queue),
    message: { key: key(message.key), content: content(message.content) },
  };
}

export function enqueueBatch(queue: string, messages: readonly NewMessage[]): Command {
  if (messages.length === 0 || messages.length > limits.batchMessages) {
    throw new Malformed(
      "messages",
      `${messages.length} messages; expected 1 to ${limits.batchMessages}`,
    );
  }
  let bytes = 0;
  messages.forEach((message, i) => {
    key(message.key, `messages[${i}].key`);
    bytes += content(message.content, `messages[${i}].content`).length;
  });
  if (bytes > limits.batchBytes)
    throw new Malformed(
      "messages",
      `${bytes} bytes together; expected at most ${limits.batchBytes}`,
      "TOO_LARGE",
    );
  return { kind: "enqueue-batch", queue: queueName(queue), messages };
}

export function receive(
  queue: string,
  said: { maxMessages: number; maxWaitMs: number; leaseMs: number },
): Command {
  return {
    kind: "receive",
    queue: queueName(queue),
    maxMessages:
      said.maxMessages === 0
        ? 1
        : whole(said.maxMessages, "max_messages", 1, limits.receiveMessages),
    maxWaitMs: whole(said.maxWaitMs, "max_wait_ms", 0, limits.receiveWaitMs),
    leaseMs: leaseMs(said.leaseMs),
  };
}

export function subscribe(said: {
  consumer: number;
  queue: string;
  credit: number;
  leaseMs: number;
}): Command {
  return {
    kind: "subscribe",
    consumer: whole(said.consumer, "consumer", 1, 2 ** 31),
    queue: queueName(said.queue),
    credit: whole(said.credit, "credit", 1, limits.credit),
    leaseMs: leaseMs(said.leaseMs),
  };
}

/** Options as the API spells them: unset is undefined (or absent), enums are names, unknown enum values numbers. */
export interface SaidOptions {
  readonly ordering?: unknown;
  readonly maxInFlightPerKey?: number;
  readonly leaseMs?: number;
  readonly maxAttempts?: number;
  readonly retry?: {
    readonly initialMs?: number;
    readonly multiplier?: number;
    readonly maxMs?: number;
  } | null;
  readonly onExhausted?: unknown;
  readonly deadLetterQueue?: string;
  readonly maxMessages?: number;
  readonly maxBytes?: number;
  readonly maxMessageBytes?: number;
  readonly paused?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly setLabels?: boolean;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The options that were said, and no others. `retry` is completed from `base`. */
export function queueOptions(
  said: SaidOptions | null | undefined,
  base: QueueOptions,
): Partial<QueueOptions> {
  const options: Writable<Partial<QueueOptions>> = {};
  if (said === null || said === undefined) return options;
  const number = (
    field:
      | "maxInFlightPerKey"
      | "leaseMs"
      | "maxAttempts"
      | "maxMessages"
      | "maxBytes"
      | "maxMessageBytes",
    name: string,
    min: number,
    max: number,
  ): void => {
    const value = said[field];
    if (value !== undefined) options[field] = whole(value, `options.${name}`, min, max);
  };
  const ordering = oneOf(said.ordering, "options.ordering", "ORDERING_UNSPECIFIED", {
    KEY: "key",
    TOTAL: "total",
    NONE: "none",
  } as const);
  if (ordering !== undefined) options.ordering = ordering;
  const onExhausted = oneOf(said.onExhausted, "options.on_exhausted", "ON_EXHAUSTED_UNSPECIFIED", {
    PARK: "park",
    DEAD_LETTER: "dead-letter",
    DISCARD: "discard",
  } as const);
  if (onExhausted !== undefined) options.onExhausted = onExhausted;
  number("maxInFlightPerKey", "max_in_flight_per_key", 1, limits.inFlightPerKey);
  number("leaseMs", "lease_ms", limits.leaseMs.min, limits.leaseMs.max);
  number("maxAttempts", "max_attempts", 1, limits.attempts);
  number("maxMessages", "max_messages", 0, Number.MAX_SAFE_INTEGER);
  number("maxBytes", "max_bytes", 0, Number.MAX_SAFE_INTEGER);
  number("maxMessageBytes", "max_message_bytes", 1, limits.contentBytes);
  if (said.retry !== null && said.retry !== undefined)
    options.retry = retry(said.retry, base.retry);
  if (said.deadLetterQueue !== undefined)
    options.deadLetterQueue =
      said.deadLetterQueue === ""
        ? ""
        : queueName(said.deadLetterQueue, "options.dead_letter_queue");
  if (said.paused !== undefined) options.paused = said.paused;
  if (said.setLabels === true || Object.keys(said.labels ?? {}).length > 0)
    options.labels = labels(said.labels ?? {});
  return options;
}

function retry(
  said: NonNullable<SaidOptions["retry"]>,
  base: QueueOptions["retry"],
): QueueOptions["retry"] {
  const initialMs =
    said.initialMs === undefined
      ? base.initialMs
      : whole(said.initialMs, "options.retry.initial_ms", 1, limits.retryMs);
  const maxMs =
    said.maxMs === undefined
      ? base.maxMs
      : whole(said.maxMs, "options.retry.max_ms", 1, limits.leaseMs.max);
  const multiplier = said.multiplier ?? base.multiplier;
  if (!(multiplier >= 1 && multiplier <= limits.retryMultiplier))
    throw new Malformed(
      "options.retry.multiplier",
      `options.retry.multiplier is ${multiplier}; expected 1 to ${limits.retryMultiplier}`,
    );
  return { initialMs, multiplier, maxMs };
}

function labels(said: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(said);
  if (entries.length > limits.labels)
    throw new Malformed(
      "options.labels",
      `${entries.length} labels; expected at most ${limits.labels}`,
    );
  // Sorted, so that the same labels are the same bytes in the log (G1).
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, value] of entries) {
    for (const text of [name, value]) {
      if (Buffer.byteLength(text) > limits.labelBytes)
        throw new Malformed(
          "options.labels",
          `a label has more than ${limits.labelBytes} bytes: ${quoted(text)}`,
        );
    }
  }
  return Object.fromEntries(entries.map(([name, value]) => [bytesOf(name), bytesOf(value)]));
}

function oneOf<T extends string>(
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

function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 61)}...` : text);
}
