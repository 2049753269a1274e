// Commands of the log in this checker's own words. What it has no words for is "other": it is in the log, and changes nothing here.
//   L1. Nothing is believed of a field that has not the type it should have: such a command is "other" too.

import type { LogCommand, LogEntry } from "../contract.ts";

export type How = "ack" | "nack" | "reject" | "release" | "extend";

export interface LeaseName {
  readonly queue: string;
  readonly key: string;
  readonly keySeq: number;
  readonly token: number;
}

export interface NewMessage {
  readonly queue: string;
  readonly key: string;
  readonly body: string;
  /** Empty: none. */
  readonly dedupId: string;
  /** It asks for nothing that changes when it is delivered, or whether it is stored. */
  readonly plain: boolean;
}

export interface Settle {
  readonly how: How;
  readonly lease: LeaseName;
}

export interface QueueRules {
  readonly ordering: "key" | "total" | "none";
  readonly maxInFlightPerKey: number;
  readonly leaseMs: number;
  readonly maxAttempts: number;
  readonly onExhausted: string;
  readonly deadLetterQueue: string;
  readonly dedupWindowMs: number;
  /** There is a bound on what it holds: an enqueue may be refused for it. */
  readonly quota: boolean;
  /** Messages go when they are too old. */
  readonly expires: boolean;
}

export type Op =
  | { readonly kind: "open-session"; readonly ttlMs: number }
  | { readonly kind: "close-session" }
  | { readonly kind: "keep-alive"; readonly sessions: readonly number[] }
  | { readonly kind: "create-queue"; readonly name: string; readonly rules: QueueRules }
  /** `perItem`: each for itself. */
  | {
      readonly kind: "enqueue";
      readonly messages: readonly NewMessage[];
      readonly perItem: boolean;
    }
  | ({ readonly kind: "settle" } & Settle)
  | {
      readonly kind: "commit";
      readonly settles: readonly Settle[];
      readonly enqueues: readonly NewMessage[];
      /** It has conditions: it may be refused for them. */
      readonly conditions: boolean;
    }
  /** `leaseMs` 0: the queue's. */
  | { readonly kind: "take"; readonly queue: string; readonly leaseMs: number }
  /** Something that changes queues in a way that is not modelled. `queue` empty: nobody knows which. */
  | { readonly kind: "meddle"; readonly queue: string }
  | { readonly kind: "other" };

/** A command where it stands in the log. */
export interface Step {
  readonly index: number;
  /** Its place in the entry. */
  readonly at: number;
  /** Cluster time of its entry, milliseconds. */
  readonly time: number;
  /** What windows of dedup_ids are counted by, milliseconds: as `time`, but a jump of a wall clock counts two seconds (P9). */
  readonly clock: number;
  readonly session: number;
  readonly sequence: number;
  readonly op: Op;
}

/** From one entry to the next. */
const clockStepMsMax = 2_000;

type Fields = Readonly<Record<string, unknown>>;

/** Cluster time of every entry: the leader's stamp, but never back and never still (P9). */
export function stepsOf(log: readonly LogEntry[]): Step[] {
  const steps: Step[] = [];
  let time = 0;
  let clock = 0;
  for (const { index, kind, stamp, commands } of log) {
    if (kind !== "command") continue;
    const before = time;
    time = Math.max(time + 1, Math.floor(stamp));
    clock += Math.min(time - before, clockStepMsMax);
    for (const [at, command] of commands.entries()) {
      const { session, sequence } = command;
      steps.push({ index, at, time, clock, session, sequence, op: opOf(command) });
    }
  }
  return steps;
}

const hows: ReadonlySet<string> = new Set(["ack", "nack", "reject", "release", "extend"]);
/** What is not modelled, and where it says which queue it is about. */
const meddling: ReadonlyMap<string, string> = new Map([
  ["update-queue", "name"],
  ["delete-queue", "name"],
  ["resolve-parked", "queue"],
  ["redrive", ""],
  ["cancel", "queue"],
  ["purge", "queue"],
  ["create-topic", "name"],
  ["create-subscription", "name"],
  ["replay", "subscription"],
]);

function opOf(command: LogCommand): Op {
  const { op } = command;
  if (hows.has(op)) return { kind: "settle", how: op as How, lease: leaseOf(command) };
  switch (op) {
    case "enqueue":
      return { kind: "enqueue", messages: [messageOf(command)], perItem: false };
    case "enqueue-batch":
      return {
        kind: "enqueue",
        messages: listOf(command["messages"]).map((fields) =>
          messageOf({ ...fields, queue: command["queue"] }),
        ),
        perItem: command["perItem"] === true,
      };
    case "commit":
      return commitOf(command);
    case "open-session":
      return { kind: op, ttlMs: number(command["ttlMs"]) };
    case "close-session":
      return { kind: op };
    case "keep-alive":
      return { kind: op, sessions: numbers(command["sessions"]) };
    case "create-queue":
    case "create-temporary-queue":
      return { kind: "create-queue", name: text(command["name"]), rules: rulesOf(command) };
    case "subscribe":
    case "receive":
      return { kind: "take", queue: text(command["queue"]), leaseMs: number(command["leaseMs"]) };
    default: {
      const field = meddling.get(op);
      if (field === undefined) return { kind: "other" };
      return { kind: "meddle", queue: field === "" ? "" : text(command[field]) };
    }
  }
}

function commitOf(command: LogCommand): Op {
  return {
    kind: "commit",
    settles: listOf(command["settles"]).map((fields) => ({
      how: (hows.has(text(fields["kind"])) ? fields["kind"] : "extend") as How,
      lease: leaseOf(fields),
    })),
    enqueues: listOf(command["enqueues"]).map(messageOf),
    conditions: listOf(command["conditions"]).length > 0,
  };
}

function leaseOf(fields: Fields): LeaseName {
  return {
    queue: text(fields["queue"]),
    key: text(fields["key"]),
    keySeq: number(fields["keySeq"]),
    token: number(fields["fencingToken"]),
  };
}

const asking = ["expectKeySeq", "notBefore", "expiresAt", "ttlMs", "delayMs", "priority"];

function messageOf(fields: Fields): NewMessage {
  return {
    queue: text(fields["queue"]),
    key: text(fields["key"]),
    body: text(fields["body"]),
    dedupId: text(fields["dedupId"]),
    plain: asking.every((name) => fields[name] === undefined),
  };
}

function rulesOf(command: LogCommand): QueueRules {
  const [options = {}] = listOf([command["options"]]);
  const ordering = text(options["ordering"]);
  return {
    ordering: ordering === "total" || ordering === "none" ? ordering : "key",
    maxInFlightPerKey: number(options["maxInFlightPerKey"]),
    leaseMs: number(options["leaseMs"]),
    maxAttempts: number(options["maxAttempts"]),
    onExhausted: text(options["onExhausted"]),
    deadLetterQueue: text(options["deadLetterQueue"]),
    dedupWindowMs: number(options["dedupWindowMs"]),
    quota: ["maxMessages", "maxBytes", "maxMessagesPerKey", "maxBytesPerKey"].some(
      (name) => number(options[name]) > 0,
    ),
    expires: number(options["messageTtlMs"]) > 0,
  };
}

function listOf(value: unknown): readonly Fields[] {
  if (!Array.isArray(value)) return [];
  return value.filter((one): one is Fields => typeof one === "object" && one !== null);
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function numbers(value: unknown): readonly number[] {
  return Array.isArray(value) ? value.map(number) : [];
}

/** Bytes that are no text have a name of their own. */
function text(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : JSON.stringify(value);
}
