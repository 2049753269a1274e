// What happens to a message that failed for good: it is parked, moved to a dead-letter queue, or discarded, as the owner
// of the queue wrote (P8). Never anything else.
//   X1. The move is one step of one entry: the message is in exactly one of the two queues at every index.
//   X2. If the dead-letter queue is not there, the message is parked: nothing is lost by a missing queue.

import { assert } from "./assert.ts";
import type { DeadLetter, StoredMessage } from "./command.ts";
import { append } from "./enqueue.ts";
import { messageIdOfRow } from "./keys.ts";
import { laneNameOf, missingLane, place, rowOf, setFlightState, settle } from "./lanes.ts";
import { flightState, type Flight, type Queue, type SettledBy, type State } from "./state.ts";
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
    const row = rowOf(flight.lane, flight.keySeq);
    const message = storedMessage(state, row);
    const { attempts, error } = flight;
    const letter = { cause, attempts, error, queue: queue.name, messageId: messageIdOfRow(row) };
    append(state, target, message.key, message.content, letter);
    queue.deadLettered++;
    settle(state, flight, by);
  } else if (queue.options.onExhausted === "discard") {
    queue.discarded++;
    settle(state, flight, by);
  } else {
    setFlightState(state, flight, flightState.parked);
    place(state, flight.lane);
  }
  state.digest.mix(flight.keySeq);
  state.digest.mix(target?.id ?? 0);
}

/** Rows to read before this flight can be exhausted. The second may become known only when the first is there. */
export function missingToExhaust(state: State, flight: Flight, missing: Set<Bytes>): void {
  const target = deadLetterQueueOf(state, flight.lane.queue);
  if (target === undefined) return;
  const row = rowOf(flight.lane, flight.keySeq);
  const message = state.rows.message(row);
  if (message === "not-here") {
    missing.add(row);
    return;
  }
  assert(message !== undefined, "a message in flight has no row");
  const lane = missingLane(state, target, laneNameOf(target, message.key));
  if (lane !== undefined) missing.add(lane);
}

/** Where exhausted messages of this queue go; undefined: nowhere (X2). */
function deadLetterQueueOf(state: State, queue: Queue): Queue | undefined {
  const { onExhausted, deadLetterQueue } = queue.options;
  return onExhausted === "dead-letter" ? state.queues.get(deadLetterQueue) : undefined;
}

function storedMessage(state: State, row: Bytes): StoredMessage {
  const message = state.rows.message(row);
  assert(message !== "not-here", "a message that apply needs was not provided");
  assert(message !== undefined, "a message in flight has no row");
  return message;
}
