// What a queue may be told, what it does when not told, and the bounds. Values arrive checked in shape and range (node/
// uses the bounds here for that); what is left is what concerns several options at once.

import type { Ordering, QueueOptions, Refusal } from "./command.ts";
import { refusal } from "./refusal.ts";
import { optionNames } from "./option-codec.ts";
import { commandsSince, rulesVersionMax, type CommandsSince } from "./version.ts";

/** Bounds of single values, for whoever checks them at the door. */
export const bounds = {
  keyBytesMax: 256,
  leaseMsMax: 12 * 60 * 60 * 1000,
  retryMsMax: 12 * 60 * 60 * 1000,
  retryMultiplierMax: 100,
  messageBytesMax: 4 * 1024 * 1024,
  messageBytesDefault: 1024 * 1024,
  maxInFlightPerKeyMax: 1000,
  maxAttemptsMax: 1_000_000,
  /** Grants that one consumer or receive may hold: also the most that one command can cause for one of them. */
  creditMax: 10_000,
  priorityMax: 9,
  /** How far ahead a delay or an expiry may lie. */
  aheadMsMax: 366 * 24 * 60 * 60 * 1000,
  /** Keys that one consumer or receive may be after. */
  keysWantedMax: 100,
  batchMessagesMax: 10_000,
  errorTextMax: 4096,
} as const;

/**
 * Limits that decide outcomes. They are part of the rules: equal on every member, never configuration of a node (G1).
 * A parameter only so that tests can make them small.
 */
export interface Rules {
  readonly queuesMax: number;
  readonly topicsMax: number;
  /** All of them get a message in the entry that publishes it. */
  readonly subscriptionsPerTopicMax: number;
  readonly sessionsMax: number;
  /** Commands of one session whose answers the client has not yet said to have. */
  readonly rememberedAnswersMax: number;
  readonly pendingReceivesMax: number;
  readonly consumersPerSessionMax: number;
  /** Of one queue, those that want some keys only: each is looked at whenever something changes there. */
  readonly selectiveTakersMax: number;
  /** What a topic retains goes in blocks: whole, or not at all. */
  readonly topicBlockMessagesMax: number;
  readonly topicBlockBytesMax: number;
  readonly topicBlocksMax: number;
  /** What a subscription that catches up looks at in one entry, and how many of them do so. */
  readonly catchUpMessagesMax: number;
  readonly catchUpBytesMax: number;
  readonly catchUpSubscriptionsMax: number;
  readonly retryAfterMs: number;
  /** Runs of key_seqs of one lane that are gone, and that are held back. */
  readonly spansPerLaneMax: number;
  /** What is carried out of the agenda at the beginning of one entry. */
  readonly dueRowsPerEntryMax: number;
  /** The newest version of the rules that is known here, and from which on a command may be used (version.ts). */
  readonly versionMax: number;
  readonly commandsSince: CommandsSince;
}

export const standardRules: Rules = {
  queuesMax: 200_000,
  topicsMax: 10_000,
  subscriptionsPerTopicMax: 1000,
  sessionsMax: 100_000,
  rememberedAnswersMax: 65_536,
  pendingReceivesMax: 100_000,
  consumersPerSessionMax: 10_000,
  selectiveTakersMax: 1000,
  topicBlockMessagesMax: 1000,
  topicBlockBytesMax: 1024 * 1024,
  topicBlocksMax: 4096,
  catchUpMessagesMax: 256,
  catchUpBytesMax: 1024 * 1024,
  catchUpSubscriptionsMax: 8,
  retryAfterMs: 1000,
  spansPerLaneMax: 1000,
  dueRowsPerEntryMax: 1000,
  versionMax: rulesVersionMax,
  commandsSince,
};

/** Limits of one node's memory: without influence on any outcome. */
export interface Limits {
  /** Lanes kept in memory although they have no messages. */
  readonly lanesResidentMax: number;
  /** Of what is to happen at a cluster time: so much at least is kept in memory, twice as much at most (agenda.ts). Default 10,000. */
  readonly agendaRowsMax?: number;
}

export const defaultLimits: Limits = { lanesResidentMax: 200_000 };

/** P8: nothing is dropped by a default. */
export function defaultOptions(ordering: Ordering = "key", deadLetterQueue = ""): QueueOptions {
  return {
    ordering,
    maxInFlightPerKey: 1,
    leaseMs: 30_000,
    maxAttempts: 5,
    retry: { initialMs: 1000, multiplier: 2, maxMs: 60_000 },
    onExhausted: ordering === "none" && deadLetterQueue !== "" ? "dead-letter" : "park",
    deadLetterQueue,
    maxMessages: 0,
    maxBytes: 0,
    maxMessageBytes: bounds.messageBytesDefault,
    paused: false,
    labels: {},
    messageTtlMs: 0,
    onExpiry: "refuse",
    dedupWindowMs: 0,
    orderedDelay: "reject",
    maxMessagesPerKey: 0,
    maxBytesPerKey: 0,
    historyMs: 0,
  };
}

/** What is wrong with these options taken together. */
export function optionsRefusal(name: string, options: QueueOptions): Refusal | undefined {
  const { onExhausted, deadLetterQueue, retry } = options;
  if (onExhausted === "dead-letter" && deadLetterQueue === "") {
    return malformed("dead_letter_queue", "on_exhausted DEAD_LETTER needs a dead_letter_queue");
  }
  if (deadLetterQueue === name) {
    return malformed("dead_letter_queue", "a queue cannot be its own dead_letter_queue");
  }
  if (retry.maxMs < retry.initialMs) {
    return malformed("retry.max_ms", `retry.max_ms ${retry.maxMs} is below initial_ms`);
  }
  if (!(retry.multiplier >= 1)) {
    return malformed("retry.multiplier", `retry.multiplier ${retry.multiplier} is below 1`);
  }
  const { messageTtlMs, onExpiry, ordering } = options;
  if (messageTtlMs > 0 && onExpiry === "refuse") {
    return malformed("message_ttl_ms", "message_ttl_ms needs on_expiry: DEAD_LETTER or DISCARD");
  }
  if (onExpiry === "dead-letter" && deadLetterQueue === "") {
    return malformed("dead_letter_queue", "on_expiry DEAD_LETTER needs a dead_letter_queue");
  }
  if (ordering !== "key" && (options.maxMessagesPerKey > 0 || options.maxBytesPerKey > 0)) {
    const field = options.maxMessagesPerKey > 0 ? "max_messages_per_key" : "max_bytes_per_key";
    return malformed(field, `${field} needs ordering KEY`);
  }
  if (options.maxInFlightPerKey < 1) {
    return malformed("max_in_flight_per_key", "max_in_flight_per_key is below 1");
  }
  if (options.maxAttempts < 1) return malformed("max_attempts", "max_attempts is below 1");
  if (options.leaseMs < 1) return malformed("lease_ms", "lease_ms is below 1");
  return undefined;
}

function malformed(field: string, message: string): Refusal {
  return refusal("MALFORMED", message, field);
}

/** One line for each option that differs, in the API's spelling. */
export function differences(present: QueueOptions, wanted: QueueOptions): string[] {
  const lines: string[] = [];
  for (const name of optionNames) {
    const [is, asked] = [spell(present[name]), spell(wanted[name])];
    if (is !== asked) lines.push(`${snake(name)} is ${is}, asked for ${asked}`);
  }
  return lines;
}

/** The same text for the same value, whatever the order of an object's fields. */
function spell(value: QueueOptions[keyof QueueOptions]): string {
  if (typeof value === "string") return value === "" ? "empty" : value;
  if (typeof value !== "object") return String(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}: ${JSON.stringify(field)}`).join(", ")}}`;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
