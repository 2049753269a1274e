// Flags → QueueOptions: the fields of proto/queue.proto, spelled with dashes and checked against its limits, so that a
// mistake is named by its flag before anything is sent.

import type { Command } from "commander";
import type { QueueOptions } from "../client/index.ts";
import { UsageError } from "./failure.ts";
import { wholeNumber } from "./remote.ts";

/** As commander gives them: text, or absent. */
export interface QueueFlags {
  readonly ordering?: string;
  readonly maxInFlightPerKey?: string;
  readonly leaseMs?: string;
  readonly maxAttempts?: string;
  readonly retryInitialMs?: string;
  readonly retryMultiplier?: string;
  readonly retryMaxMs?: string;
  readonly onExhausted?: string;
  readonly deadLetterQueue?: string;
  readonly maxMessages?: string;
  readonly maxBytes?: string;
  readonly maxMessageBytes?: string;
  readonly paused?: boolean;
  readonly label?: readonly string[];
  readonly messageTtlMs?: string;
  readonly onExpiry?: string;
  readonly dedupWindowMs?: string;
  readonly orderedDelay?: string;
  readonly maxMessagesPerKey?: string;
  readonly maxBytesPerKey?: string;
  readonly historyMs?: string;
}

const halfDayMs = 43_200_000;
const dayMs = 86_400_000;

export function addOptionFlags(command: Command): Command {
  return command
    .option("--max-in-flight-per-key <n>", "leased at once per key; above 1 gives up the order")
    .option("--lease-ms <ms>", "how long a delivery belongs to its consumer (default 30000)")
    .option("--max-attempts <n>", "failures before --on-exhausted decides (default 5)")
    .option("--retry-initial-ms <ms>", "delay after the first failure (default 1000)")
    .option("--retry-multiplier <x>", "factor per further failure (default 2)")
    .option("--retry-max-ms <ms>", "longest delay (default 60000)")
    .option("--on-exhausted <what>", "park, dead-letter or discard (default park)")
    .option("--dead-letter-queue <name>", "an existing queue; needed by dead-letter")
    .option("--max-messages <n>", "refuse more than so many; 0: no limit (default)")
    .option("--max-bytes <n>", "refuse more than so many bytes; 0: no limit (default)")
    .option("--max-message-bytes <n>", "largest message (default 1048576, at most 4194304)")
    .option("--message-ttl-ms <ms>", "messages expire after so long; 0: never (default)")
    .option("--on-expiry <what>", "refuse (default: nothing may expire), dead-letter or discard")
    .option(
      "--dedup-window-ms <ms>",
      "how long a --dedup-id is remembered; 0: not allowed (default)",
    )
    .option("--ordered-delay <what>", "reject (default) or block-key: what a delay does to its key")
    .option("--max-messages-per-key <n>", "refuse more than so many; 0: no limit (default)")
    .option("--max-bytes-per-key <n>", "refuse more than so many bytes; 0: no limit (default)")
    .option("--history-ms <ms>", "keep what happened to a message so long; 0: not at all (default)")
    .option("--paused", "take messages, deliver none")
    .option("--label <name=value>", "repeatable", collect);
}

/** For options that may be given more than once. */
export function collect(text: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), text];
}

/**
 * Only what was given: the rest keeps the server's defaults (create) or its present value (update).
 * @throws {UsageError} naming the flag.
 */
export function queueOptions(flags: QueueFlags): Partial<QueueOptions> {
  const retry = defined({
    initialMs: optionalNumber("--retry-initial-ms", flags.retryInitialMs, 1, 3_600_000),
    multiplier: optionalFactor(flags.retryMultiplier),
    maxMs: optionalNumber("--retry-max-ms", flags.retryMaxMs, 1, halfDayMs),
  });
  const whole = Number.MAX_SAFE_INTEGER;
  return defined({
    ordering: oneOf("--ordering", flags.ordering, { key: "KEY", total: "TOTAL", none: "NONE" }),
    maxInFlightPerKey: optionalNumber("--max-in-flight-per-key", flags.maxInFlightPerKey, 1, 1_000),
    leaseMs: optionalNumber("--lease-ms", flags.leaseMs, 100, halfDayMs),
    maxAttempts: optionalNumber("--max-attempts", flags.maxAttempts, 1, 1_000),
    retry: Object.keys(retry).length === 0 ? undefined : retry,
    onExhausted: oneOf("--on-exhausted", flags.onExhausted, {
      park: "PARK",
      "dead-letter": "DEAD_LETTER",
      discard: "DISCARD",
    }),
    deadLetterQueue: flags.deadLetterQueue,
    maxMessages: optionalNumber("--max-messages", flags.maxMessages, 0, whole),
    maxBytes: optionalNumber("--max-bytes", flags.maxBytes, 0, whole),
    maxMessageBytes: optionalNumber("--max-message-bytes", flags.maxMessageBytes, 1, 4_194_304),
    paused: flags.paused,
    labels: flags.label === undefined ? undefined : pairs("--label", flags.label),
    messageTtlMs: optionalNumber("--message-ttl-ms", flags.messageTtlMs, 0, 366 * dayMs),
    onExpiry: oneOf("--on-expiry", flags.onExpiry, {
      refuse: "REFUSE",
      "dead-letter": "DEAD_LETTER",
      discard: "DISCARD",
    }),
    dedupWindowMs: optionalNumber("--dedup-window-ms", flags.dedupWindowMs, 0, 7 * dayMs),
    orderedDelay: oneOf("--ordered-delay", flags.orderedDelay, {
      reject: "REJECT",
      "block-key": "BLOCK_KEY",
    }),
    maxMessagesPerKey: optionalNumber("--max-messages-per-key", flags.maxMessagesPerKey, 0, whole),
    maxBytesPerKey: optionalNumber("--max-bytes-per-key", flags.maxBytesPerKey, 0, whole),
    historyMs: optionalNumber("--history-ms", flags.historyMs, 0, 30 * dayMs),
  });
}

/** `a=b` texts as a record. @throws {UsageError} when one has no `=` or a name comes twice. */
export function pairs(option: string, texts: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`${option}: ${text} is not name=value`);
    const name = text.slice(0, at);
    if (Object.hasOwn(record, name)) throw new UsageError(`${option}: ${name} is given twice`);
    record[name] = text.slice(at + 1);
  }
  return record;
}

export function optionalNumber(
  option: string,
  text: string | undefined,
  min: number,
  max: number,
): number | undefined {
  return text === undefined ? undefined : wholeNumber(option, text, min, max);
}

function optionalFactor(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value >= 1 && value <= 10)) {
    throw new UsageError(`--retry-multiplier: is ${text}; expected a number from 1 to 10`);
  }
  return value;
}

export function oneOf<T extends string>(
  option: string,
  text: string | undefined,
  choices: Readonly<Record<string, T>>,
): T | undefined {
  if (text === undefined) return undefined;
  const chosen = Object.entries(choices).find(([name]) => name === text.toLowerCase())?.[1];
  if (chosen === undefined) {
    throw new UsageError(
      `${option}: is ${text}; expected one of ${Object.keys(choices).join(", ")}`,
    );
  }
  return chosen;
}

export type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the fields that are undefined: absent is what exactOptionalPropertyTypes means by optional. */
export function defined<T extends object>(record: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== undefined),
  ) as Defined<T>;
}
