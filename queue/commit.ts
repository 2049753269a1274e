// Consume, transform, produce in one step (O4): conditions, then settlements, then messages.
//   CT1. Everything is checked before anything is done: one refusal, and nothing has happened. It names what it is about.
//   CT2. Settlements take effect before messages come in: room that acks make counts, letters to dead-letter queues have their
//        places before what is enqueued.

import { assert } from "./assert.ts";
import type { Command, Condition, LeaseRef, Refusal, Reply, Settlement } from "./command.ts";
import { deadLetterQueueOf, storedMessage } from "./exhaustion.ts";
import { expiryQueueOf } from "./expiry.ts";
import { Intake, targetNamed, targetRefusal } from "./intake.ts";
import { findLane, laneNameOf } from "./lanes.ts";
import { noQueue, refusal } from "./refusal.ts";
import { findLease, isExhaustedBy, settleNow } from "./settle.ts";
import { Flight, type Queue, type State } from "./state.ts";

type Commit = Extract<Command, { kind: "commit" }>;

export function commit(state: State, command: Commit): Reply {
  const { conditions, settles, enqueues } = command;
  for (const [at, condition] of conditions.entries()) {
    const failed = conditionRefusal(state, condition);
    if (failed !== undefined) return about(failed, `conditions[${at}]`, failed.field);
  }
  const intake = new Intake(state);
  const flights: Flight[] = [];
  for (const [at, { lease, settlement }] of settles.entries()) {
    const held = settlable(state, lease, flights);
    if (!(held instanceof Flight)) return about(held, `settles[${at}]`, "lease");
    flights.push(held);
    foresee(state, intake, held, settlement);
  }
  const refused = enqueueRefusal(state, intake, enqueues);
  if (refused !== undefined) return refused;
  settles.forEach(({ settlement }, at) => {
    const flight = flights[at];
    assert(flight !== undefined, "CT1: a settlement that was not checked");
    settleNow(state, flight, settlement);
  });
  return { kind: "committed", messages: intake.store() };
}

function enqueueRefusal(
  state: State,
  intake: Intake,
  enqueues: Commit["enqueues"],
): Reply | undefined {
  for (const [at, { queue: name, message }] of enqueues.entries()) {
    const target = targetNamed(state, name);
    if (target === undefined) {
      const missing = noQueue(name);
      return missing.kind === "refused"
        ? about(missing.refusal, `enqueues[${at}]`, "queue")
        : missing;
    }
    const wrong = targetRefusal(state, target, message);
    if (wrong !== undefined) return about(wrong, `enqueues[${at}].message`, wrong.field);
  }
  for (const [at, { queue: name, message }] of enqueues.entries()) {
    const target = targetNamed(state, name);
    const wrong = target === undefined ? undefined : intake.add(target, message);
    if (wrong !== undefined) return about(wrong, `enqueues[${at}].message`, wrong.field);
  }
  return undefined;
}

/** `field` empty: the whole of it. */
function about(refusal: Refusal, what: string, field: string): Reply {
  const named = field === "" ? what : `${what}.${field}`;
  return { kind: "refused", refusal: { ...refusal, field: named } };
}

function conditionRefusal(state: State, condition: Condition): Refusal | undefined {
  if (condition.kind === "lease") {
    const found = findLease(state, condition.lease);
    if (found instanceof Flight || found.kind !== "refused") return undefined;
    if (found.refusal.reason === "QUEUE_NOT_FOUND") return found.refusal;
    return { ...found.refusal, reason: "CONDITION_FAILED", field: "" };
  }
  const queue = state.queues.get(condition.queue);
  if (queue === undefined) {
    const text = `there is no queue ${JSON.stringify(condition.queue)}`;
    return refusal("QUEUE_NOT_FOUND", text, "queue");
  }
  return condition.kind === "tail"
    ? differs("the last key_seq", tailOf(state, queue, condition.lane), condition.keySeq)
    : differs("messages", lengthOf(state, queue, condition.lane), condition.messages);
}

function differs(what: string, is: number, expected: number): Refusal | undefined {
  if (is === expected) return undefined;
  const failed = refusal("CONDITION_FAILED", `${what}: ${is}, expected ${expected}`);
  return { ...failed, currentKeySeq: is };
}

function tailOf(state: State, queue: Queue, key: string): number {
  return findLane(state, queue, laneNameOf(queue, key))?.tail ?? 0;
}

function lengthOf(state: State, queue: Queue, key: string): number {
  if (queue.unordered) return queue.messages;
  return findLane(state, queue, laneNameOf(queue, key))?.messages ?? 0;
}

/** The message of a live lease that is not settled by this commit already. */
function settlable(state: State, lease: LeaseRef, before: readonly Flight[]): Flight | Refusal {
  const found = findLease(state, lease);
  if (!(found instanceof Flight)) {
    assert(found.kind === "refused", "a lease is live, or refused");
    return found.refusal;
  }
  if (before.includes(found)) return refusal("MALFORMED", "this lease is settled twice", "lease");
  return found;
}

/** CT2: what the settlement will change for those that come in. */
function foresee(state: State, intake: Intake, flight: Flight, settlement: Settlement): void {
  if (settlement.kind === "ack") {
    intake.leave(flight.lane);
    return;
  }
  const target = letterQueueOf(state, flight, settlement);
  if (target === undefined) return;
  const { key, content } = storedMessage(state, flight.lane, flight.keySeq);
  intake.arrive(target, key, content.length);
}

function letterQueueOf(state: State, flight: Flight, settlement: Settlement): Queue | undefined {
  const queue = flight.lane.queue;
  if (isExhaustedBy(flight, settlement)) return deadLetterQueueOf(state, queue);
  return flight.expired ? expiryQueueOf(state, queue) : undefined;
}
