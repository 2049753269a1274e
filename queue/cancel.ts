// A message that nobody holds is taken out (O6). What is leased stays with its holder.

import type { MessageRef, Reply } from "./command.ts";
import { isAsleep, missingToSeeWhetherAsleep } from "./delay.ts";
import { note } from "./history.ts";
import { findFlight, settle } from "./lanes.ts";
import { locate, missingToLocate, type Located } from "./locate.ts";
import { noQueue, refused } from "./refusal.ts";
import { flightState, settledBy, type Flight, type State } from "./state.ts";
import type { Bytes } from "./store.ts";
import { canTakeOut, isDelayedLane, isWaiting, takeOut } from "./waiting.ts";

export function cancel(state: State, ref: MessageRef): Reply {
  const queue = state.queues.get(ref.queue);
  if (queue === undefined) return noQueue(ref.queue);
  const place = locate(state, queue, ref);
  if (place === undefined) return notThere(ref.queue);
  const { lane, keySeq } = place;
  const flight = findFlight(lane, keySeq);
  if (flight === undefined && !rests(state, place)) return notThere(ref.queue);
  if (flight?.state === flightState.leased) {
    return refused("MESSAGE_LEASED", "somebody holds the message: wait until its lease ends");
  }
  if (flight === undefined && !canTakeOut(state, lane, keySeq)) return tooManyGaps(state);
  note(state, lane, keySeq, "cancelled");
  if (flight === undefined) takeOut(state, lane, keySeq);
  else letGo(state, flight);
  queue.cancelled++;
  // The next one of its key may be ready now.
  state.touch(queue);
  state.digest.mix(queue.id);
  state.digest.mix(keySeq);
  return { kind: "done" };
}

/** A message in flight that nobody holds leaves for good. */
export function letGo(state: State, flight: Flight): void {
  state.timers.clear(flight);
  settle(state, flight, settledBy.none);
}

/** Whether it is there, and in flight nowhere. Only its row can tell where messages wait for their time. */
export function rests(state: State, { lane, keySeq }: Located): boolean {
  return isDelayedLane(lane) ? isAsleep(state, lane, keySeq) : isWaiting(lane, keySeq);
}

export function missingToCancel(state: State, ref: MessageRef, missing: Set<Bytes>): void {
  const queue = state.queues.get(ref.queue);
  if (queue === undefined) return;
  const place = missingToLocate(state, queue, ref, missing);
  if (place === undefined || !isDelayedLane(place.lane)) return;
  missingToSeeWhetherAsleep(state, place.lane, place.keySeq, missing);
}

function notThere(queue: string): Reply {
  return refused("MESSAGE_NOT_FOUND", `queue ${queue} has no such message (any more)`);
}

function tooManyGaps(state: State): Reply {
  const { spansPerLaneMax, retryAfterMs } = state.rules;
  const text = `${spansPerLaneMax} runs of messages were taken out of the middle of the key already`;
  return refused("TOO_MANY_IN_FLIGHT", text, "", retryAfterMs);
}
