// What becomes of a parked message: a person decides (O5).
//   X3. Only a parked message is resolved, and it is resolved once: what is not parked any more is not found.

import type { MessageRef, Reply, Resolution } from "./command.ts";
import { missingToWrite, storedMessage, writeLetter } from "./exhaustion.ts";
import { note } from "./history.ts";
import { keySeqInLane } from "./keys.ts";
import { findFlight, flightsOf, laneNameAt, laneNameOf, settle } from "./lanes.ts";
import { noQueue, refused } from "./refusal.ts";
import { grantAgain } from "./settle.ts";
import { flightState, settledBy, type Flight, type Queue, type State } from "./state.ts";
import type { Bytes } from "./store.ts";

export function resolveParked(state: State, ref: MessageRef, resolution: Resolution): Reply {
  const queue = state.queues.get(ref.queue);
  if (queue === undefined) return noQueue(ref.queue);
  const flight = findParked(queue, ref);
  if (flight === undefined) {
    return refused("MESSAGE_NOT_FOUND", `queue ${ref.queue} has no such parked message`);
  }
  if (resolution.kind === "replace") {
    const { length } = resolution.content;
    const { maxMessageBytes } = queue.options;
    if (length > maxMessageBytes) {
      const text = `a message of ${length} bytes, queue ${queue.name} takes ${maxMessageBytes} at most`;
      return refused("TOO_LARGE", text, "replace.body");
    }
    replace(state, flight, resolution.content);
  }
  if (resolution.kind === "skip") {
    skip(state, flight, resolution.error);
  } else {
    note(state, flight.lane, flight.keySeq, resolution.kind === "retry" ? "retried" : "replaced");
    tryAnew(state, flight);
  }
  state.touch(queue);
  state.digest.mix(queue.id);
  state.digest.mix(flight.keySeq);
  return { kind: "resolved", keySeq: outer(flight) };
}

/** Its attempts begin anew, at its place. */
function tryAnew(state: State, flight: Flight): void {
  flight.attempts = 0;
  grantAgain(state, flight, flight.ended);
}

function skip(state: State, flight: Flight, error: string): void {
  const { lane, keySeq, attempts } = flight;
  const target = deadLettersOf(state, lane.queue);
  if (target !== undefined) {
    writeLetter(state, target, lane, keySeq, { cause: "skipped", attempts, error });
  }
  note(state, lane, keySeq, "skipped", error);
  lane.queue.skipped++;
  settle(state, flight, settledBy.none);
}

/** Another content in the same row: where the message is, and what it is called, does not change. */
function replace(state: State, flight: Flight, content: Uint8Array): void {
  const { lane, keySeq } = flight;
  // As when a message leaves: the mean stands for the old size.
  const change = content.length - Math.floor(lane.bytes / lane.messages);
  lane.bytes += change;
  lane.queue.bytes += change;
  // By name: a message that is not stored yet has some of its fields from the entry that brought it.
  const { seq, logIndex, enqueuedAt, key, deadLetter, notBefore, expiresAt, priority } =
    storedMessage(state, lane, keySeq);
  const times = { logIndex, enqueuedAt, notBefore, expiresAt, priority };
  state.messages.replace(lane, keySeq, { seq, key, content, deadLetter, ...times });
  state.changedLane(lane);
  state.changedQueue(lane.queue);
}

/** Where a skipped message goes: the dead-letter queue, whatever happens to exhausted ones. */
function deadLettersOf(state: State, queue: Queue): Queue | undefined {
  const { deadLetterQueue } = queue.options;
  return deadLetterQueue === "" ? undefined : state.queues.get(deadLetterQueue);
}

/** A lane with a parked message is in memory. */
function findParked(queue: Queue, ref: MessageRef): Flight | undefined {
  if (ref.keySeq === 0) return firstParked(queue, ref.lane);
  const lane = queue.lanes.get(laneNameAt(queue, ref.lane, ref.keySeq));
  const keySeq = queue.unordered ? keySeqInLane(ref.keySeq) : ref.keySeq;
  const flight = lane === undefined ? undefined : findFlight(lane, keySeq);
  return flight?.state === flightState.parked ? flight : undefined;
}

/** The lowest key_seq, as it is given outside. */
function firstParked(queue: Queue, name: Bytes): Flight | undefined {
  const lane = queue.lanes.get(laneNameOf(queue, name));
  const lanes = queue.unordered ? [...queue.lanes.values()] : lane === undefined ? [] : [lane];
  return lanes
    .flatMap(flightsOf)
    .filter((flight) => flight.state === flightState.parked)
    .sort((a, b) => outer(a) - outer(b))[0];
}

function outer({ lane, keySeq }: Flight): number {
  return lane.outerKeySeq(keySeq);
}

export function missingToResolve(
  state: State,
  ref: MessageRef,
  resolution: Resolution,
  missing: Set<Bytes>,
): void {
  const queue = state.queues.get(ref.queue);
  if (queue === undefined || resolution.kind === "retry") return;
  const flight = findParked(queue, ref);
  if (flight === undefined) return;
  const { lane, keySeq } = flight;
  if (resolution.kind === "replace") {
    if (state.messages.find(lane, keySeq) === "not-here")
      missing.add(state.messages.storedAt(lane, keySeq).row);
    return;
  }
  const target = deadLettersOf(state, queue);
  if (target !== undefined) missingToWrite(state, target, lane, keySeq, missing);
}
