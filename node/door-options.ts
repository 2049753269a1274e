// What is said of queues, topics and subscriptions → their options, or the field that is wrong.

import type { Filter, QueueOptions, StartFrom, TopicOptions } from "../queue/index.ts";
import { bytesOf, key, Malformed, oneOf, queueName, quoted, whole } from "./door.ts";
import { limits } from "./limits.ts";

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
  readonly messageTtlMs?: number;
  readonly onExpiry?: unknown;
  readonly dedupWindowMs?: number;
  readonly orderedDelay?: unknown;
  readonly maxMessagesPerKey?: number;
  readonly maxBytesPerKey?: number;
  readonly historyMs?: number;
}

const { leaseMs, contentBytes, attempts, inFlightPerKey, retentionMs, dedupWindowMs, historyMs } =
  limits;
const any = Number.MAX_SAFE_INTEGER;

/** Options that are whole numbers: how the API spells them, and their bounds. */
const queueNumbers = {
  maxInFlightPerKey: ["max_in_flight_per_key", 1, inFlightPerKey],
  leaseMs: ["lease_ms", leaseMs.min, leaseMs.max],
  maxAttempts: ["max_attempts", 1, attempts],
  maxMessages: ["max_messages", 0, any],
  maxBytes: ["max_bytes", 0, any],
  maxMessageBytes: ["max_message_bytes", 1, contentBytes],
  messageTtlMs: ["message_ttl_ms", 0, retentionMs],
  dedupWindowMs: ["dedup_window_ms", 0, dedupWindowMs],
  maxMessagesPerKey: ["max_messages_per_key", 0, any],
  maxBytesPerKey: ["max_bytes_per_key", 0, any],
  historyMs: ["history_ms", 0, historyMs],
} as const;

const topicNumbers = {
  retentionMs: ["retention_ms", 0, retentionMs],
  retentionBytes: ["retention_bytes", 0, any],
  maxMessageBytes: queueNumbers.maxMessageBytes,
  dedupWindowMs: queueNumbers.dedupWindowMs,
} as const;

type Bounds = readonly [name: string, min: number, max: number];

/** Those that were said. */
function numbers<N extends string>(
  said: { readonly [K in NoInfer<N>]?: number },
  table: Readonly<Record<N, Bounds>>,
): { [K in N]?: number } {
  const found: { [K in N]?: number } = {};
  for (const field of Object.keys(table) as N[]) {
    const value = said[field];
    const [name, min, max] = table[field];
    if (value !== undefined) found[field] = whole(value, `options.${name}`, min, max);
  }
  return found;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The options that were said, and no others. `retry` is completed from `base`. */
export function queueOptions(
  said: SaidOptions | null | undefined,
  base: QueueOptions,
): Partial<QueueOptions> {
  if (said === null || said === undefined) return {};
  const options: Writable<Partial<QueueOptions>> = numbers(said, queueNumbers);
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
  const onExpiry = oneOf(said.onExpiry, "options.on_expiry", "ON_EXPIRY_UNSPECIFIED", {
    REFUSE: "refuse",
    EXPIRY_DEAD_LETTER: "dead-letter",
    EXPIRY_DISCARD: "discard",
  } as const);
  if (onExpiry !== undefined) options.onExpiry = onExpiry;
  const orderedDelay = oneOf(
    said.orderedDelay,
    "options.ordered_delay",
    "ORDERED_DELAY_UNSPECIFIED",
    { REJECT: "reject", BLOCK_KEY: "block-key" } as const,
  );
  if (orderedDelay !== undefined) options.orderedDelay = orderedDelay;
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

export interface SaidTopicOptions {
  readonly retentionMs?: number;
  readonly retentionBytes?: number;
  readonly maxMessageBytes?: number;
  readonly dedupWindowMs?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly setLabels?: boolean;
}

/** The options that were said, and no others. */
export function topicOptions(said: SaidTopicOptions | null | undefined): Partial<TopicOptions> {
  if (said === null || said === undefined) return {};
  const options: Writable<Partial<TopicOptions>> = numbers(said, topicNumbers);
  if (said.setLabels === true || Object.keys(said.labels ?? {}).length > 0)
    options.labels = labels(said.labels ?? {});
  return options;
}

export interface SaidFilter {
  readonly keyPrefix?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function filter(said: SaidFilter | null | undefined): Filter {
  const headers = Object.entries(said?.headers ?? {});
  if (headers.length > limits.filterHeaders)
    throw new Malformed(
      "filter.headers",
      `${headers.length} headers; expected at most ${limits.filterHeaders}`,
    );
  for (const text of headers.flat()) {
    if (Buffer.byteLength(text) > limits.filterHeaderBytes)
      throw new Malformed(
        "filter.headers",
        `a name or value has more than ${limits.filterHeaderBytes} bytes; expected at most that`,
      );
  }
  return {
    keyPrefix: key(bytesOf(said?.keyPrefix ?? ""), "filter.key_prefix"),
    headers: byteStrings(headers),
  };
}

/** What the loader makes of StartFrom: `start` names the one that is there. */
export interface SaidStart {
  readonly start?: string;
  readonly sequence?: number;
  readonly timeMs?: number;
}

export function startFrom(said: SaidStart | null | undefined): StartFrom {
  switch (said?.start) {
    case undefined:
    case "now":
      return { at: "new" };
    case "earliest":
      return { at: "earliest" };
    case "sequence":
      return { at: "sequence", sequence: whole(said.sequence ?? 0, "start.sequence", 1, any) };
    case "timeMs":
      return { at: "time", time: whole(said.timeMs ?? 0, "start.time_ms", 0, limits.timeMs) };
    default:
      throw new Malformed("start", "expected now, earliest, sequence or time_ms");
  }
}

/** Sorted, so that the same names and values are the same bytes in the log (G1). */
function byteStrings(entries: readonly (readonly [string, string])[]): Record<string, string> {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, value]) => [bytesOf(name), bytesOf(value)]));
}
