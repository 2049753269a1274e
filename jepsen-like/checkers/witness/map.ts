// Steps 2 and 3: each call that was answered has its command where the answer says, each command has a call that asked for it, and
// what nobody learned the end of happened if it is in the log, and never did if it is not.
//   M1. Calls and commands belong together by content: bodies are unique in a run, and so is a token.
//   M2. One command belongs to one call at most. Repetitions under one session number are one command (sessions.ts).
//   M3. A call that failed is in the log only if the reason is one that is decided there; then it changed nothing.
//   M4. What clients do by themselves (renewing leases, giving them back when they close) needs no call.

import type { Call, DeclaredQueue, Verdict } from "../contract.ts";
import { counted } from "../black-box/findings.ts";
import { Findings } from "./findings.ts";
import type { Op, Step } from "./log.ts";
import type { Standing } from "./sessions.ts";

/** How it ended for whoever asked. "unasked": nobody of this run did. */
export type Outcome = "ok" | "refused" | "unknown" | "unasked";

export interface Mapped {
  readonly step: Step;
  readonly standing: Standing;
  readonly outcome: Outcome;
  readonly call: Call | undefined;
}

export interface Mapping {
  /** In the order of the log; repetitions and what changes nothing are left out. */
  readonly commands: readonly Mapped[];
  /** The entry of each call that has one. */
  readonly indexOf: ReadonlyMap<Call, number>;
  readonly verdicts: readonly Verdict[];
}

/** Refusals that applying an entry gives: such a call is in the log. */
const decidedInTheLog: ReadonlySet<string> = new Set([
  "STALE_LEASE",
  "QUEUE_NOT_FOUND",
  "MESSAGE_NOT_FOUND",
  "SESSION_EXPIRED",
  "QUEUE_DIFFERS",
  "QUEUE_FULL",
  "SEQUENCE_GAP",
  "KEY_REQUIRED",
  "TOO_LARGE",
  "TOO_MANY_IN_FLIGHT",
  "MALFORMED",
  "VERSION_TOO_OLD",
  "CONDITION_FAILED",
  "KEY_SEQ_MISMATCH",
  "IDEMPOTENCY_CONFLICT",
  "DELAY_NOT_ALLOWED",
]);

interface Group {
  readonly calls: Call[];
  readonly places: number[];
}

export function map(
  calls: readonly Call[],
  steps: readonly Step[],
  standings: readonly Standing[],
  queues: readonly DeclaredQueue[],
): Mapping {
  const findings = new Findings("witness 2: answers and the log");
  const groups = new Map<string, Group>();
  const groupOf = (content: string): Group => {
    let group = groups.get(content);
    if (group === undefined) groups.set(content, (group = { calls: [], places: [] }));
    return group;
  };
  let answered = 0;
  for (const call of calls) {
    const content = contentAsked(call);
    if (content === undefined) continue;
    groupOf(content).calls.push(call);
    if (call.told?.type === "ok") answered++;
  }
  const declared = new Set(queues.map(({ name }) => name));
  for (const [place, { op }] of steps.entries()) {
    const content = contentOf(op);
    if (content !== undefined) groupOf(content).places.push(place);
  }
  const claims = new Claims(steps, standings, findings);
  for (const [content, group] of groups) claims.settle(group, content, declared);
  const looked = `${counted(answered, "answered call")}, ${counted(steps.length, "command")}`;
  const { found, never } = claims;
  return {
    commands: claims.commands(),
    indexOf: claims.indexOf,
    verdicts: [
      findings.verdict(looked),
      {
        check: "witness 3: unknown outcomes",
        result: "holds",
        looked: `${counted(found, "call")} without an answer happened, ${never.toLocaleString("en")} never did`,
        findings: [],
      },
    ],
  };
}

class Claims {
  readonly indexOf = new Map<Call, number>();
  found = 0;
  never = 0;
  readonly #steps: readonly Step[];
  readonly #standings: readonly Standing[];
  readonly #findings: Findings;
  readonly #calls: (Call | undefined)[];
  readonly #outcomes: Outcome[];

  constructor(steps: readonly Step[], standings: readonly Standing[], findings: Findings) {
    this.#steps = steps;
    this.#standings = standings;
    this.#findings = findings;
    this.#calls = new Array<Call | undefined>(steps.length).fill(undefined);
    this.#outcomes = new Array<Outcome>(steps.length).fill("unasked");
  }

  commands(): Mapped[] {
    const mapped: Mapped[] = [];
    for (const [place, step] of this.#steps.entries()) {
      const standing = this.#standings[place] ?? "first";
      const outcome = this.#outcomes[place] ?? "unasked";
      if (standing === "never") continue;
      mapped.push({ step, standing, outcome, call: this.#calls[place] });
    }
    return mapped;
  }

  /** Gives the commands of one content to the calls of it. */
  settle({ calls, places }: Group, content: string, declared: ReadonlySet<string>): void {
    // A repetition can answer nobody: the first of its number did.
    const free = places.filter((place) => this.#standings[place] !== "never");
    const answered = calls.filter(({ told }) => told?.type === "ok");
    // First those that did something.
    for (const call of answered) if (!isRepetition(call)) this.#claimAnswered(call, free);
    for (const call of answered) if (isRepetition(call)) this.#claimAnswered(call, free);
    const unknown = calls.filter(({ told }) => told === undefined || told.type === "unknown");
    const failed = calls.filter(({ told }) => told?.type === "fail");
    const refused = failed.filter(({ told }) => decidedInTheLog.has(told?.reason ?? ""));
    // Of several that a command may belong to, nobody knows to which: its outcome is known only if all of them were refused.
    const outcome = unknown.length > 0 ? "unknown" : "refused";
    // Nor, then, where each of them stands.
    const isClear = free.length === 1 && unknown.length + refused.length === 1;
    for (const place of free) {
      const isUnknown = unknown.length > 0;
      const call = unknown.shift() ?? refused.shift();
      if (call !== undefined) {
        this.#give(place, call, outcome, isClear);
        if (isUnknown) this.found++;
        continue;
      }
      this.#unexplained(place, content, failed, calls.length, declared);
    }
    this.never += unknown.length;
  }

  #give(place: number, call: Call, outcome: Outcome, isClear = true): void {
    this.#calls[place] = call;
    this.#outcomes[place] = outcome;
    if (isClear) this.indexOf.set(call, this.#steps[place]?.index ?? 0);
  }

  /** Takes its command out of `free`. */
  #claimAnswered(call: Call, free: number[]): void {
    const said = logIndexOf(call);
    const isAt = (place: number): boolean => this.#steps[place]?.index === said;
    // An answer that says no index, or that of the message it repeats (O1), is content with any.
    const anywhere = said === undefined || isDeduplicated(call);
    // Of several in one entry the first took effect, and the others repeat it.
    let at = isRepetition(call) ? free.findLastIndex(isAt) : free.findIndex(isAt);
    if (at < 0 && anywhere && free.length > 0) at = 0;
    const place = free[at];
    if (place !== undefined) {
      free.splice(at, 1);
      this.#give(place, call, "ok");
      return;
    }
    const { process, op, f, time } = call.asked;
    const elsewhere = free.map((other) => this.#steps[other]?.index ?? 0);
    const where =
      elsewhere.length === 0
        ? "is not in the log"
        : `is not in entry ${said ?? 0} but in ${elsewhere.join(", ")}`;
    this.#findings.add({
      what: `P1: ${process} was told that its ${f} (call ${op}) took effect at ${said ?? "no index"}, and it ${where}`,
      ...aboutOf(call),
      times: [time, call.told?.time ?? time],
    });
  }

  /** A command that no call is left for. */
  #unexplained(
    place: number,
    content: string,
    failed: readonly Call[],
    calls: number,
    declared: ReadonlySet<string>,
  ): void {
    const step = this.#steps[place];
    if (step === undefined) return;
    const [refused] = failed.filter(({ told }) => !decidedInTheLog.has(told?.reason ?? ""));
    if (refused !== undefined) {
      const { process, op, f } = refused.asked;
      this.#findings.add({
        what: `H3: ${process} was told that its ${f} (call ${op}) failed (${refused.told?.reason ?? ""}), and it is in entry ${step.index}`,
        ...aboutOf(refused),
        times: [refused.asked.time],
      });
      return;
    }
    if (!isOnlyAsked(step.op, declared)) return;
    const asked =
      calls === 0 ? "nobody asked for it" : `only ${counted(calls, "call")} asked for it`;
    this.#findings.add({ what: `phantom: entry ${step.index} has ${content}, and ${asked}` });
  }
}

/** Whether it can only be there because a process of this run asked for it (M4). */
function isOnlyAsked(op: Op, declared: ReadonlySet<string>): boolean {
  if (op.kind === "settle") return declared.has(op.lease.queue) && isCalled(op.how);
  if (op.kind === "enqueue") return op.messages.some(({ queue }) => declared.has(queue));
  if (op.kind !== "commit") return false;
  const queues = [
    ...op.settles.map(({ lease }) => lease.queue),
    ...op.enqueues.map((m) => m.queue),
  ];
  return queues.some((queue) => declared.has(queue));
}

function isCalled(how: string): boolean {
  return how === "ack" || how === "nack" || how === "reject";
}

function aboutOf({ asked }: Call): { readonly queue?: string; readonly key?: string } {
  if (asked.f === "enqueue" || asked.f === "ack" || asked.f === "nack" || asked.f === "reject")
    return { queue: asked.queue, key: asked.key };
  return "queue" in asked ? { queue: asked.queue } : {};
}

/** Of what it decided; undefined: it was not told. */
export function logIndexOf({ told }: Call): number | undefined {
  return told?.told?.logIndex ?? told?.told?.placed?.[0]?.logIndex;
}

function isDeduplicated({ told }: Call): boolean {
  return told?.told?.placed?.some(({ deduplicated }) => deduplicated) ?? false;
}

function isRepetition(call: Call): boolean {
  return isDeduplicated(call) || call.told?.told?.already === true;
}

/** M1. undefined: it leaves no command of its own. */
function contentAsked({ asked }: Call): string | undefined {
  switch (asked.f) {
    case "enqueue":
      return `enqueue ${asked.queue} ${asked.key} ${asked.body}`;
    case "enqueue-batch":
      return asked.messages
        .map(({ key, body }) => `enqueue ${asked.queue} ${key} ${body}`)
        .join("; ");
    case "ack":
    case "nack":
    case "reject":
    case "release":
      return `${asked.f} ${asked.queue} ${asked.keySeq} token ${asked.token}`;
    case "commit":
      return [
        "commit",
        ...asked.acks.map(({ queue, keySeq, token }) => `ack ${queue} ${keySeq} token ${token}`),
        ...asked.enqueues.map(({ queue, key, body }) => `enqueue ${queue} ${key} ${body}`),
      ].join("; ");
    case "receive":
    case "get-queue":
    case "browse":
    case "create-queue":
      return undefined;
  }
}

function contentOf(op: Op): string | undefined {
  if (op.kind === "enqueue")
    return op.messages.map(({ queue, key, body }) => `enqueue ${queue} ${key} ${body}`).join("; ");
  if (op.kind === "settle") {
    const { queue, keySeq, token } = op.lease;
    return op.how === "extend" ? undefined : `${op.how} ${queue} ${keySeq} token ${token}`;
  }
  if (op.kind !== "commit") return undefined;
  return [
    "commit",
    ...op.settles.map(
      ({ how, lease }) => `${how} ${lease.queue} ${lease.keySeq} token ${lease.token}`,
    ),
    ...op.enqueues.map(({ queue, key, body }) => `enqueue ${queue} ${key} ${body}`),
  ].join("; ");
}
