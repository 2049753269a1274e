// What a queue may be told, what it does when not told, and the bounds. Values arrive checked in shape and range (node/
// uses the bounds here for that); what is left is what concerns several options at once.

import type { Ordering, QueueOptions, Refusal } from "./command.ts";
import { refusal } from "./refusal.ts";
import { optionNames } from "./value-codec.ts";
import { rulesVersionMax, type CommandsSince } from "./version.ts";

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
  batchMessagesMax: 10_000,
  errorTextMax: 4096,
} as const;

/**
 * Limits that decide outcomes. They are part of the rules: equal on every member, never configuration of a node (G1).
 * A parameter only so that tests can make them small.
 */
export interface Rules {
  readonly queuesMax: number;
  readonly sessionsMax: number;
  /** Commands of one session whose answers the client has not yet said to have. */
  readonly rememberedAnswersMax: number;
  readonly pendingReceivesMax: number;
  readonly consumersPerSessionMax: number;
  readonly retryAfterMs: number;
  /** The newest version of the rules that is known here, and from which on a command may be used (version.ts). */
  readonly versionMax: number;
  readonly commandsSince: CommandsSince;
}

export const standardRules: Rules = {
  queuesMax: 200_000,
  sessionsMax: 100_000,
  rememberedAnswersMax: 65_536,
  pendingReceivesMax: 100_000,
  consumersPerSessionMax: 10_000,
  retryAfterMs: 1000,
  versionMax: rulesVersionMax,
  commandsSince: {},
};

/** Limits of one node's memory: without influence on any outcome. */
export interface Limits {
  /** Lanes kept in memory although they have no messages. */
  readonly lanesResidentMax: number;
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
