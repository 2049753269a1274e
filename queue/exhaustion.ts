// What happens to a message that failed for good: it is parked, moved to a dead-letter queue, or discarded, as the owner
// of the queue wrote (P8). Never anything else.
//   X1. The move is one step of one entry: the message is in exactly one of the two queues at every index.
//   X2. If the dead-letter queue is not there, the message is parked: nothing is lost by a missing queue.

import { dueKind } from "./agenda.ts";
import { assert } from "./assert.ts";
import type { DeadLetter, StoredMessage } from "./command.ts";
import { append } from "./enqueue.ts";
import { note } from "./history.ts";
import { idOf, laneNameOf, missingLane, place, setFlightState, settle } from "./lanes.ts";
import {
  flightState,
  type Flight,
  type Lane,
  type Queue,
  type SettledBy,
  type State,
} from "./state.ts";
import type { Bytes } from "./store.ts";

/** The lease has ended. `by`: how its holder ended it. */
export function exhaust(
  state: State,
  flight: Flight,
  cause: DeadLetter["cause"],
  by: SettledBy,
): void {
  const queue = flight.lane.queue;
  const target = deadLetterQueueOf(state, queue);
  if (target !== undefined) {
    const { lane, keySeq, attempts, error } = flight;
    writeLetter(state, target, lane, keySeq, { cause, attempts, error });
    note(state, lane, keySeq, "dead-lettered", error);
    queue.deadLettered++;
    settle(state, flight, by);
  } else if (queue.options.onExhausted === "discard") {
    note(state, flight.lane, flight.keySeq, "discarded", flight.error);
    queue.discarded++;
    settle(state, flight, by);
  } else {
    park(state, flight);
  }
  state.digest.mix(flight.keySeq);
  state.digest.mix(target?.id ?? 0);
}

/** It waits for a decision, which is not bound by the message's own time (expiry.ts E1). */
function park(state: State, flight: Flight): void {
  const { lane, keySeq, attempts, error } = flight;
  flight.expired = false;
  setFlightState(state, flight, flightState.parked);
  place(state, lane);
  note(state, lane, keySeq, "parked", error);
  if (!state.collectGrants) return;
  const at = { queue: lane.queue.name, lane: lane.outerName, keySeq: lane.outerKeySeq(keySeq) };
  state.events.push({ kind: "parked", ...at, attempts, error });
}

/** Appends the message to a dead-letter queue; the caller's next step takes it out of where it is. */
export function writeLetter(
  state: State,
  target: Queue,
  lane: Lane,
  keySeq: number,
  why: Pick<DeadLetter, "cause" | "attempts" | "error">,
): void {
  const message = storedMessage(state, lane, keySeq);
  const letter = { ...why, queue: lane.queue.name, messageId: idOf(lane, keySeq) };
  append(state, target, message.key, message.content, letter);
  forgetExpiry(state, message, lane, keySeq);
}

/** If it ever comes back, it does so without a time at which it goes. */
function forgetExpiry(state: State, message: StoredMessage, lane: Lane, keySeq: number): void {
  const due = message.expiresAt;
  if (due <= state.clusterTime) return;
  const place = { queueId: lane.queue.id, kind: dueKind.expiry, lane: lane.name, keySeq };
  state.agenda.remove({ due, ...place });
}

/** Rows to read before this flight can be exhausted. */
export function missingToExhaust(state: State, flight: Flight, missing: Set<Bytes>): void {
  const target = deadLetterQueueOf(state, flight.lane.queue);
  if (target !== undefined) missingToWrite(state, target, flight.lane, flight.keySeq, missing);
}

/** Rows that writeLetter needs. The second may become known only when the first is there. */
export function missingToWrite(
  state: State,
  target: Queue,
  from: Lane,
  keySeq: number,
  missing: Set<Bytes>,
): void {
  const message = state.messages.find(from, keySeq);
  if (message === "not-here") {
    missing.add(state.messages.storedAt(from, keySeq).row);
    return;
  }
  assert(message !== undefined, "a message that is there has no row");
  const lane = missingLane(state, target, laneNameOf(target, message.key));
  if (lane !== undefined) missing.add(lane);
}

/** Where exhausted messages of this queue go; undefined: nowhere (X2). */
export function deadLetterQueueOf(state: State, queue: Queue): Queue | undefined {
  const { onExhausted, deadLetterQueue } = queue.options;
  return onExhausted === "dead-letter" ? state.queues.get(deadLetterQueue) : undefined;
}

/** A message that is there. */
export function storedMessage(state: State, lane: Lane, keySeq: number): StoredMessage {
  const message = state.messages.find(lane, keySeq);
  assert(message !== "not-here", "a message that apply needs was not provided");
  assert(message !== undefined, "a message that is there has no row");
  return message;
}
