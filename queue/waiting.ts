// What happens to messages that nobody was granted yet, and to those that come back: lanes.ts has the rest.
//   L7. A waiting message that goes leaves a gap behind the cursor (`gone`) or moves it. At most spansPerLaneMax gaps in a lane.
//   L8. What is put back is granted before anything that waits, at its old place among what is in flight.

import { assert } from "./assert.ts";
import { findFlight, insertFlight, leave, meanBytes, place } from "./lanes.ts";
import { hasRoomFor, withValue } from "./spans.ts";
import { Flight, type Lane, type State } from "./state.ts";

/** Whether this key_seq waits. In a lane of what is delayed only its row can tell. */
export function isWaiting(lane: Lane, keySeq: number): boolean {
  return keySeq >= lane.cursor && keySeq <= lane.tail && lane.gone?.has(keySeq) !== true;
}

/** Whether a message is there, in flight or waiting; in a lane of what is delayed only its row can tell. */
export function isThere(lane: Lane, keySeq: number): boolean {
  return findFlight(lane, keySeq) !== undefined || isWaiting(lane, keySeq);
}

/** Whether a waiting message can be taken out of the middle of its lane (L7). */
export function canTakeOut(state: State, lane: Lane, keySeq: number): boolean {
  return keySeq <= lane.cursor || hasRoomFor(lane.gone, keySeq, state.rules.spansPerLaneMax);
}

/** Takes a waiting or delayed message out of its lane. Where it goes, and what counts it, is the caller's. */
export function takeOut(state: State, lane: Lane, keySeq: number): void {
  const bytes = meanBytes(lane);
  if (isDelayedLane(lane)) {
    assert(findFlight(lane, keySeq) === undefined, "L7: it is in flight");
    countDelayed(lane, -1);
  } else {
    assert(isWaiting(lane, keySeq), "L7: it does not wait");
    unblock(lane, keySeq);
    lane.gone = withValue(lane.gone, keySeq);
    lane.cursor = lane.gone.passFrom(lane.cursor);
    if (lane.gone.size === 0) lane.gone = undefined;
  }
  leave(state, lane, keySeq, bytes);
  // A row that never reached the store leaves no trace: what comes later in the same entry must not look for it (I1).
  if (isDelayedLane(lane)) state.rows.provide(state.messages.storedAt(lane, keySeq).row, undefined);
}

/** Everything that waits or is delayed goes at once, the rows excepted: those the caller deletes as a range. */
export function takeOutAll(state: State, lane: Lane): number {
  const waiting = lane.messages - lane.flights;
  if (waiting === 0) return 0;
  const bytes = Math.floor((lane.bytes * waiting) / lane.messages);
  const queue = lane.queue;
  queue.delayed -= (lane.blocked?.size ?? 0) + (lane.pool?.delayed ?? 0);
  if (lane.pool !== undefined) lane.pool.delayed = 0;
  lane.gone = undefined;
  lane.blocked = undefined;
  lane.cursor = lane.tail + 1;
  lane.bytes -= bytes;
  queue.bytes -= bytes;
  queue.messages -= waiting;
  if (lane.messages === 0) queue.activeKeys--;
  state.changedQueue(queue);
  place(state, lane);
  return waiting;
}

export function isDelayedLane(lane: Lane): boolean {
  return lane.pool !== undefined && lane.pool.subLane >= delayedSubLanes;
}

/** Sub-lanes from here on hold what is delayed: this many more than the priority. */
export const delayedSubLanes = 16;

export function countDelayed(lane: Lane, by: 1 | -1): void {
  if (lane.pool !== undefined) lane.pool.delayed += by;
  lane.queue.delayed += by;
}

/** The newest message of its lane is not to be granted yet: in order it holds back what follows, without it lies apart. */
export function holdBack(state: State, lane: Lane, keySeq: number): void {
  assert(keySeq === lane.tail, "only what has just come can be held back");
  if (lane.pool === undefined) {
    lane.blocked = withValue(lane.blocked, keySeq);
    lane.queue.delayed++;
  } else {
    lane.cursor = lane.tail + 1;
    countDelayed(lane, 1);
  }
  place(state, lane);
}

/** Whether it was held back. */
export function unblock(lane: Lane, keySeq: number): boolean {
  if (lane.blocked?.delete(keySeq) !== true) return false;
  if (lane.blocked.size === 0) lane.blocked = undefined;
  lane.queue.delayed--;
  return true;
}

/** The time of a delayed message has come: it is to be granted, though it never was. */
export function wake(state: State, lane: Lane, keySeq: number): void {
  countDelayed(lane, -1);
  toBeGranted(state, lane, keySeq);
}

/** A message that was settled is there again. Its row is the caller's. */
export function putBack(state: State, lane: Lane, keySeq: number, bytes: number): void {
  const queue = lane.queue;
  const settled = keySeq < lane.cursor || lane.gone?.has(keySeq) === true;
  assert(settled && findFlight(lane, keySeq) === undefined, "L8: it is there");
  if (lane.messages === 0) queue.activeKeys++;
  lane.bytes += bytes;
  queue.bytes += bytes;
  queue.messages++;
  state.changedQueue(queue);
  if (keySeq < lane.cursor) toBeGranted(state, lane, keySeq);
  else waitAgain(state, lane, keySeq);
}

/** It was taken out from among those that wait. */
function waitAgain(state: State, lane: Lane, keySeq: number): void {
  lane.gone?.delete(keySeq);
  if (lane.gone?.size === 0) lane.gone = undefined;
  place(state, lane);
  state.touch(lane.queue);
}

/**
 * Whether a later message of an ordered lane is settled: then this one cannot come back in order. `besides`: later ones that
 * would be back, though they are not.
 */
export function isOvertaken(lane: Lane, keySeq: number, besides = 0): boolean {
  if (lane.pool !== undefined) return false;
  let later = besides;
  for (let flight = lane.firstFlight; flight !== undefined; flight = flight.nextOfLane) {
    if (flight.keySeq > keySeq) later++;
  }
  return later !== lane.cursor - keySeq - 1;
}

function toBeGranted(state: State, lane: Lane, keySeq: number): void {
  const flight = new Flight(lane, keySeq);
  insertFlight(lane, flight);
  lane.pool?.again.push(keySeq);
  state.changedFlight(flight);
  state.changedQueue(lane.queue);
  place(state, lane);
  state.touch(lane.queue);
}
