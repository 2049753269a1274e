// Messages whose time has come to an end (`expires_at`, `ttl_ms`, `message_ttl_ms`): they go as the owner of the queue wrote (P8).
//   E1. What waits, is to be granted again, or backs off, goes at once. What is leased goes when its lease ends otherwise than
//       by an ack or for good. What is parked stays: a person decides.
//   E2. Nothing is lost by a missing queue, nor by a rule that is no longer there: the message stays, and does not expire.
//   E3. Where a key has too many gaps (L7) it is tried again later: only there can a message be granted past its time.

import { dueKind } from "./agenda.ts";
import { isAsleep, missingToSeeWhetherAsleep } from "./delay.ts";
import { missingToWrite, writeLetter } from "./exhaustion.ts";
import { note } from "./history.ts";
import type { MessagePlace } from "./keys.ts";
import { findFlight, settle } from "./lanes.ts";
import { flightState, settledBy, type Flight, type Lane, type Queue, type State } from "./state.ts";
import type { Bytes } from "./store.ts";
import { canTakeOut, isDelayedLane, isWaiting, takeOut } from "./waiting.ts";

/** E3. */
const againAfterMs = 1000;

/** What the owner wrote; undefined: nothing that can be carried out (E2). */
function ruleOf(state: State, queue: Queue): Queue | "discard" | undefined {
  const { onExpiry, deadLetterQueue } = queue.options;
  if (onExpiry === "discard") return "discard";
  return onExpiry === "dead-letter" ? state.queues.get(deadLetterQueue) : undefined;
}

/** Where messages go whose time has ended; undefined: nowhere. */
export function expiryQueueOf(state: State, queue: Queue): Queue | undefined {
  const rule = ruleOf(state, queue);
  return rule === "discard" ? undefined : rule;
}

/** The time of this message has come; it may be gone. */
export function expire(state: State, queue: Queue, { lane: name, keySeq }: MessagePlace): void {
  const lane = queue.lanes.get(name);
  const rule = ruleOf(state, queue);
  if (lane === undefined || rule === undefined) return;
  const flight = findFlight(lane, keySeq);
  if (flight !== undefined) {
    expireInFlight(state, flight);
  } else if (isDelayedLane(lane) ? isAsleep(state, lane, keySeq) : isWaiting(lane, keySeq)) {
    expireWaiting(state, lane, keySeq, rule);
  }
}

function expireInFlight(state: State, flight: Flight): void {
  if (flight.state === flightState.leased) {
    flight.expired = true;
    state.changedFlight(flight);
  } else if (flight.state !== flightState.parked) {
    flight.expired = true;
    goIfExpired(state, flight);
  }
}

function expireWaiting(state: State, lane: Lane, keySeq: number, rule: Queue | "discard"): void {
  const queue = lane.queue;
  if (!isDelayedLane(lane) && !canTakeOut(state, lane, keySeq)) {
    const due = state.clusterTime + againAfterMs;
    const kind = dueKind.expiry;
    state.agenda.add({ due, queueId: queue.id, kind, lane: lane.name, keySeq });
    return;
  }
  note(state, lane, keySeq, "expired");
  if (rule !== "discard")
    writeLetter(state, rule, lane, keySeq, { cause: "expired", attempts: 0, error: "" });
  takeOut(state, lane, keySeq);
  countExpired(state, queue, rule);
}

/** A message that is not leased, and whose time may have ended while it was: whether it is gone now. */
export function goIfExpired(state: State, flight: Flight): boolean {
  if (!flight.expired) return false;
  const { lane, keySeq, attempts, error } = flight;
  const rule = ruleOf(state, lane.queue);
  if (rule === undefined) {
    flight.expired = false;
    return false;
  }
  state.timers.clear(flight);
  note(state, lane, keySeq, "expired");
  if (rule !== "discard")
    writeLetter(state, rule, lane, keySeq, { cause: "expired", attempts, error });
  settle(state, flight, settledBy.none);
  countExpired(state, lane.queue, rule);
  return true;
}

function countExpired(state: State, queue: Queue, rule: Queue | "discard"): void {
  queue.expired++;
  if (rule === "discard") queue.discarded++;
  else queue.deadLettered++;
  state.changedQueue(queue);
  state.touch(queue);
}

/** Rows that expire needs. */
export function missingToExpire(
  state: State,
  queue: Queue,
  { lane: name, keySeq }: MessagePlace,
  missing: Set<Bytes>,
): void {
  const lane = queue.lanes.get(name);
  const rule = ruleOf(state, queue);
  if (lane === undefined || rule === undefined) return;
  const flight = findFlight(lane, keySeq);
  if (flight === undefined && isDelayedLane(lane)) {
    missingToSeeWhetherAsleep(state, lane, keySeq, missing);
    if (missing.size > 0) return;
    if (rule !== "discard" && isAsleep(state, lane, keySeq)) {
      missingToWrite(state, rule, lane, keySeq, missing);
    }
    return;
  }
  if (rule === "discard" || (flight === undefined && !isWaiting(lane, keySeq))) return;
  // Whatever it is doing now: a timer may fire before.
  missingToWrite(state, rule, lane, keySeq, missing);
}

/** Rows that goIfExpired needs when this lease ends. */
export function missingToGo(state: State, flight: Flight, missing: Set<Bytes>): void {
  if (!flight.expired) return;
  const rule = ruleOf(state, flight.lane.queue);
  if (rule === undefined || rule === "discard") return;
  missingToWrite(state, rule, flight.lane, flight.keySeq, missing);
}
