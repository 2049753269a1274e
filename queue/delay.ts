// Messages that wait for their time (`not_before`, `delay_ms`).
//   I1. Without order a delayed message lies in a sub-lane of its own kind (keys.ts), on disk only. When its time comes it is to
//       be granted, in the order in which the delayed ones of its priority were enqueued.
//   I2. Where there is an order it keeps its place: it, and everything behind it in its key, waits (`lane.blocked`).

import { assert } from "./assert.ts";
import type { MessagePlace } from "./keys.ts";
import { findFlight, place } from "./lanes.ts";
import type { Lane, Queue, State } from "./state.ts";
import type { Bytes } from "./store.ts";
import { isDelayedLane, unblock, wake } from "./waiting.ts";

export function endDelay(state: State, queue: Queue, { lane: name, keySeq }: MessagePlace): void {
  const lane = queue.lanes.get(name);
  if (lane === undefined) return;
  if (isDelayedLane(lane)) {
    if (isAsleep(state, lane, keySeq)) wake(state, lane, keySeq);
  } else if (unblock(lane, keySeq)) {
    state.changedQueue(queue);
    place(state, lane);
    state.touch(queue);
  }
}

export function missingToEndDelay(
  state: State,
  queue: Queue,
  { lane: name, keySeq }: MessagePlace,
  missing: Set<Bytes>,
): void {
  const lane = queue.lanes.get(name);
  if (lane !== undefined && isDelayedLane(lane))
    missingToSeeWhetherAsleep(state, lane, keySeq, missing);
}

/** Whether a message of a lane of delayed ones still waits for its time: only its row can tell (I1). */
export function isAsleep(state: State, lane: Lane, keySeq: number): boolean {
  if (keySeq < 1 || keySeq > lane.tail || findFlight(lane, keySeq) !== undefined) return false;
  const message = state.messages.find(lane, keySeq);
  assert(message !== "not-here", "a message that apply needs was not provided");
  return message !== undefined;
}

export function missingToSeeWhetherAsleep(
  state: State,
  lane: Lane,
  keySeq: number,
  missing: Set<Bytes>,
): void {
  if (keySeq < 1 || keySeq > lane.tail || findFlight(lane, keySeq) !== undefined) return;
  if (state.messages.find(lane, keySeq) === "not-here")
    missing.add(state.messages.storedAt(lane, keySeq).row);
}
