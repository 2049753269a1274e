// Step 4: what everybody was told, and what came to them, is what the log leads to.
//   R3. At the end: no message came before its turn, and none that was never enqueued, or refused.

import type { Delivered } from "../../history/record.ts";
import type { Call, Verdict } from "../contract.ts";
import { cannotSettle, settle } from "./settles.ts";
import { certaintyOfEnqueue, enqueue, wasGot, type Certainty, type Stage } from "./enqueues.ts";
import { bodyName, factsOf, placeName, type Fact } from "./facts.ts";
import { counted } from "../black-box/findings.ts";
import { Findings } from "./findings.ts";
import type { Op } from "./log.ts";
import type { Mapped } from "./map.ts";
import { Model } from "./model.ts";
import type { QueueModel } from "./model.ts";
import type { Span } from "./real-time.ts";
import { Reads } from "./reads.ts";

export function replay(
  commands: readonly Mapped[],
  delivered: readonly Delivered[],
  spans: ReadonlyMap<Call, Span>,
): Verdict {
  const findings = new Findings("witness 4: replay");
  const model = new Model();
  const facts = factsOf(delivered, laneNames(commands));
  const stage: Stage = { model, facts, findings, sent: sentBodies(commands) };
  for (const { what, delivered: one } of facts.contradictions)
    findings.add({ what, queue: one.queue, key: one.key, times: [one.time] });
  const reads = new Reads(spans);
  let time = 0;
  let index = 0;
  for (const mapped of commands) {
    const { step } = mapped;
    if (step.index !== index) reads.before(step.index, model, time, findings);
    ({ index, time } = step);
    apply(stage, mapped);
  }
  reads.before(Infinity, model, time, findings);
  turns(stage, time);
  const messages = [...model.queues.values()].reduce((sum, queue) => sum + queue.seq.low, 0);
  const loose = [...model.queues.values()].filter((queue) => queue.loose !== "");
  const looked = [
    counted(commands.length, "command"),
    counted(messages, "message"),
    counted(delivered.length, "delivery", "deliveries"),
    reads.looked,
    "not judged: empty answers, extends, the end of a lease by time",
    ...loose.map(({ name, loose: why }) => `not judged: queue ${name}: ${why}`),
  ].join("; ");
  return findings.verdict(looked);
}

/** Keys have an order of their own only in queues that say so. */
function laneNames(commands: readonly Mapped[]): (queue: string, key: string) => string {
  const keyed = new Map<string, boolean>();
  for (const { step } of commands) {
    const { op } = step;
    if (op.kind === "create-queue" && !keyed.has(op.name))
      keyed.set(op.name, op.rules.ordering === "key");
  }
  return (queue, key) => (keyed.get(queue) === false ? "" : key);
}

function sentBodies(commands: readonly Mapped[]): ReadonlyMap<string, number> {
  const sent = new Map<string, number>();
  for (const { step } of commands) {
    for (const { queue, body } of enqueuesOf(step.op)) {
      const name = bodyName(queue, body);
      sent.set(name, (sent.get(name) ?? 0) + 1);
    }
  }
  return sent;
}

function enqueuesOf(op: Op) {
  if (op.kind === "enqueue") return op.messages;
  return op.kind === "commit" ? op.enqueues : [];
}

function apply(stage: Stage, mapped: Mapped): void {
  const { step, call } = mapped;
  const { op } = step;
  const { model } = stage;
  switch (op.kind) {
    case "create-queue":
      model.create(op.name, op.rules, step.index);
      return;
    case "take": {
      const queue = model.queues.get(op.queue);
      if (queue !== undefined && op.leaseMs > 0)
        queue.leaseMs = Math.min(queue.leaseMs, op.leaseMs);
      return;
    }
    case "meddle":
      model.meddle(op.queue, step.index);
      return;
    case "enqueue":
      enqueueAll(stage, mapped, op);
      return;
    case "settle":
      settle(stage, step, op, settleCertainty(mapped), {
        body: call?.asked.f === op.how ? call.asked.body : undefined,
        already: call?.told?.told?.already === true,
      });
      return;
    case "commit":
      commit(stage, mapped, op);
      return;
    case "open-session":
    case "close-session":
    case "keep-alive":
    case "other":
      return;
  }
}

function settleCertainty({ outcome }: Mapped): Certainty {
  if (outcome === "ok") return "yes";
  return outcome === "refused" ? "no" : "maybe";
}

function enqueueAll(stage: Stage, mapped: Mapped, op: Extract<Op, { kind: "enqueue" }>): void {
  const { step, call } = mapped;
  const all = certaintyOfEnqueue(stage, mapped, op.messages);
  for (const message of op.messages) {
    const certainty =
      op.perItem && all !== "no"
        ? certaintyOfEnqueue(stage, { ...mapped, outcome: "unknown" }, [message])
        : all;
    enqueue(stage, step, message, certainty, placedOf(call, message.body));
  }
}

function placedOf(call: Call | undefined, body: string) {
  return call?.told?.type === "ok"
    ? call.told.told?.placed?.find((placed) => placed.body === body)
    : undefined;
}

/** O4: all of it, or nothing. */
function commit(stage: Stage, mapped: Mapped, op: Extract<Op, { kind: "commit" }>): void {
  const { step, call } = mapped;
  const certainty = commitCertainty(stage, mapped, op);
  for (const one of op.settles) {
    const body =
      call?.asked.f === "commit"
        ? call.asked.acks.find(({ token }) => token === one.lease.token)?.body
        : undefined;
    settle(stage, step, one, certainty, { body });
  }
  for (const message of op.enqueues)
    enqueue(stage, step, message, certainty, placedOf(call, message.body));
}

function commitCertainty(
  stage: Stage,
  mapped: Mapped,
  op: Extract<Op, { kind: "commit" }>,
): Certainty {
  const { outcome, step } = mapped;
  if (outcome === "ok") return "yes";
  if (outcome === "refused") return "no";
  const got = op.enqueues.find((message) => wasGot(stage.facts, stage.sent, message) !== undefined);
  const lost = op.settles.find((one) => cannotSettle(stage, one));
  if (got !== undefined && lost !== undefined)
    stage.findings.add({
      what: `O4: half of the commit in entry ${step.index} took effect: ${got.body} came, and ${lost.lease.queue} ${lost.lease.key} #${lost.lease.keySeq} was not settled by it`,
      queue: lost.lease.queue,
      key: lost.lease.key,
    });
  if (got !== undefined) return "yes";
  return lost === undefined ? "maybe" : "no";
}

/** R3. */
function turns(stage: Stage, time: number): void {
  for (const fact of stage.facts.byPlace.values()) {
    const queue = stage.model.queues.get(fact.queue);
    if (queue === undefined || queue.loose !== "" || queue.takesLetters) continue;
    const wrong = wrongTurn(stage, queue, fact, time);
    if (wrong === undefined) continue;
    const { key, keySeq, body } = fact;
    stage.findings.add({
      what: `${body} (${queue.name} ${key} #${keySeq}) was delivered: ${wrong}`,
      queue: queue.name,
      key,
      times: [fact.time],
    });
  }
}

function wrongTurn(
  { model, sent, facts }: Stage,
  queue: QueueModel,
  fact: Fact,
  time: number,
): string | undefined {
  const { key, keySeq, body, tokenMin } = fact;
  if (!sent.has(bodyName(queue.name, body))) return "nobody enqueued it";
  if (queue.rules.ordering === "none") return undefined;
  const lane = queue.lane(key);
  const message = lane.messages.get(keySeq);
  if (message !== undefined && message.body !== body)
    return `entry ${message.index} made ${message.body} the number ${keySeq} of this key`;
  if (message !== undefined && tokenMin <= message.after)
    return `P3: under token ${tokenMin}, before its turn: token ${message.after} was in use before that`;
  if (!queue.isOrdered) return undefined;
  const before = lane.messages.get(keySeq - 1);
  if (before !== undefined && queue.isThere(before, time))
    return `P3: ${before.body} before it was never settled`;
  const earlier = facts.byPlace.get(placeName(queue.name, queue.laneOf(key), keySeq - 1));
  if (earlier !== undefined && earlier.tokenMax > tokenMin && model.isJudged(queue.name))
    return `P3: under token ${tokenMin}, and ${earlier.body} before it under token ${earlier.tokenMax} later`;
  return undefined;
}
