// Who gets what: leases are given as a consequence of applied entries, the same on every node (O2).
//   J1. Lanes and takers each wait in a ring, in the order of their tickets; the first of one gets the first of the other.
//   J2. A consumer is in a ring ⇔ it lives, its session is attached, and it holds fewer leases, and fewer bytes, than its credit.
//   J3. Tokens grow with every grant of the whole state machine (P5).
//   J4. The lease of a session ends with it: its flights are linked from the session.
//   J5. Takers that want some keys only have a ring of their own and go first: the first of them whose keys have a ready lane
//       gets the one of these that has been ready longest, and goes to the end.

import { assert } from "./assert.ts";
import type { Grant, StoredMessage } from "./command.ts";
import { noteLease } from "./history.ts";
import { meanBytes, readyLane, setFlightState, takeNext, takeTurn } from "./lanes.ts";
import { completeReceive } from "./receive.ts";
import type { Ring } from "./ring.ts";
import { Consumer, flightState, type Flight, type Queue, type Receive } from "./state.ts";
import type { Lane, Session, State, Taker } from "./state.ts";
import type { Bytes } from "./store.ts";
import { deadlineAfter } from "./timers.ts";

/** Gives what can be given in the queues that changed, in the order in which they changed. */
export function match(state: State): void {
  const touched = state.touched;
  // Nothing that a grant does touches a queue: the list does not grow meanwhile.
  for (const queue of touched) {
    queue.touched = false;
    if (queue.live && !queue.options.paused) matchQueue(state, queue);
  }
  if (touched.length > 0) touched.length = 0;
}

function matchQueue(state: State, queue: Queue): void {
  if (queue.selective.size > 0) matchSelective(state, queue);
  for (;;) {
    const taker = queue.takers.first;
    const lane = readyLane(queue);
    if (taker === undefined || lane === undefined) return;
    if (taker instanceof Consumer) serveConsumer(state, taker, lane);
    else serveReceive(state, taker);
  }
}

/** J5. Who is served leaves the ring or goes to its end: one look at each taker is enough for one round. */
function matchSelective(state: State, queue: Queue): void {
  let served = true;
  while (served && queue.ready.size > 0) {
    served = false;
    const last = queue.selective.last;
    for (let taker = queue.selective.first; taker !== undefined;) {
      const next = taker === last ? undefined : taker.next;
      const lane = readyLaneOf(queue, taker.keys);
      if (lane !== undefined) {
        served = true;
        if (taker instanceof Consumer) serveConsumer(state, taker, lane);
        else serveReceive(state, taker);
      }
      taker = next;
    }
  }
}

function readyLaneOf(queue: Queue, keys: readonly Bytes[]): Lane | undefined {
  let first: Lane | undefined;
  for (const key of keys) {
    const lane = queue.lanes.get(key);
    if (lane?.ring !== queue.ready) continue;
    if (first === undefined || lane.ticket < first.ticket) first = lane;
  }
  return first;
}

function serveConsumer(state: State, consumer: Consumer, lane: Lane): void {
  const leaseMs = consumer.leaseMs === 0 ? lane.queue.options.leaseMs : consumer.leaseMs;
  const bytes = consumer.creditBytes === 0 ? 0 : meanBytes(lane);
  const flight = grant(state, lane, consumer.session, consumer.id, leaseMs);
  flight.consumer = consumer;
  flight.bytes = bytes;
  consumer.inUse++;
  consumer.bytesInUse += bytes;
  if (state.collectGrants) {
    const message = state.messages.atHand(lane, flight.keySeq);
    state.grants.push(grantOf(flight, consumer.session, leaseMs, message));
  }
  const ring = ringOf(consumer);
  if (!hasCredit(consumer)) {
    ring.remove(consumer);
    consumer.ticket = 0;
  } else if (consumer.next !== undefined) {
    ring.remove(consumer);
    joinRing(state, consumer);
  }
  state.changedConsumer(consumer);
}

/** One answer carries about so many bytes of content at most, or one message. Part of the rules: equal on every member. */
const receiveBytesMax = 4 * 1024 * 1024;

/** A receive takes all it asked for at once, or what there is and fits into one answer, and answers. */
function serveReceive(state: State, receive: Receive): void {
  const { queue, keys } = receive;
  const leaseMs = receive.leaseMs === 0 ? queue.options.leaseMs : receive.leaseMs;
  const grants: Grant[] = [];
  let room = receive.maxBytes === 0 ? receiveBytesMax : receive.maxBytes;
  while (grants.length < receive.maxMessages) {
    const lane = keys.length === 0 ? readyLane(queue) : readyLaneOf(queue, keys);
    if (lane === undefined) break;
    room -= lane.bytes / lane.messages;
    if (room < 0 && grants.length > 0) break;
    const flight = grant(state, lane, receive.session, 0, leaseMs);
    grants.push(grantOf(flight, receive.session, leaseMs));
  }
  completeReceive(state, receive, { kind: "received", grants });
}

function grant(
  state: State,
  lane: Lane,
  session: Session,
  consumerId: number,
  leaseMs: number,
): Flight {
  const flight = takeNext(lane);
  assert(flight.session === undefined, "two leases on one message");
  countRedelivery(lane.queue, flight);
  flight.token = state.nextToken++;
  flight.deliveries++;
  flight.leaseMs = leaseMs;
  flight.consumerId = consumerId;
  hold(session, flight);
  state.timers.set(flight, deadlineAfter(state.leaseClock, leaseMs));
  setFlightState(state, flight, flightState.leased);
  takeTurn(state, lane);
  noteLease(state, flight, "delivered");
  state.digest.mix(flight.token);
  state.digest.mix(flight.keySeq);
  state.digest.mix(session.id);
  state.digest.mix(consumerId);
  return flight;
}

function countRedelivery(queue: Queue, flight: Flight): void {
  switch (flight.ended) {
    case "":
      return;
    case "nack":
      queue.redelivered.nack++;
      return;
    case "release":
      queue.redelivered.release++;
      return;
    case "lease-expired":
      queue.redelivered.leaseExpired++;
      return;
    case "session-ended":
      queue.redelivered.sessionEnded++;
      return;
  }
}

/** `leaseMs`: what is left of the lease. */
export function grantOf(
  flight: Flight,
  session: Session,
  leaseMs: number,
  message?: StoredMessage,
): Grant {
  const lane = flight.lane;
  return {
    session: session.id,
    consumer: flight.consumerId,
    queueId: lane.queue.id,
    queue: lane.queue.name,
    lane: lane.outerName,
    keySeq: lane.outerKeySeq(flight.keySeq),
    token: flight.token,
    attempts: flight.attempts,
    deliveries: flight.deliveries,
    leaseMs,
    redelivery: flight.ended,
    message,
  };
}

export function hold(session: Session, flight: Flight): void {
  flight.session = session;
  const first = session.firstLease;
  flight.nextOfSession = first;
  if (first !== undefined) first.previousOfSession = flight;
  session.firstLease = flight;
  session.leases++;
}

/** Ends a lease: the holder's credit comes back, the clock stops. What becomes of the message is the caller's next step. */
export function endLease(state: State, flight: Flight): void {
  const { session, consumer, previousOfSession, nextOfSession } = flight;
  assert(session !== undefined, "no lease to end");
  state.timers.clear(flight);
  if (previousOfSession === undefined) session.firstLease = nextOfSession;
  else previousOfSession.nextOfSession = nextOfSession;
  if (nextOfSession !== undefined) nextOfSession.previousOfSession = previousOfSession;
  flight.previousOfSession = undefined;
  flight.nextOfSession = undefined;
  flight.session = undefined;
  flight.consumer = undefined;
  flight.consumerId = 0;
  session.leases--;
  if (consumer !== undefined) {
    consumer.inUse--;
    consumer.bytesInUse -= flight.bytes;
    placeConsumer(state, consumer);
  }
  flight.bytes = 0;
  state.touch(flight.lane.queue);
}

export function hasCredit(consumer: Consumer): boolean {
  const { inUse, credit, bytesInUse, creditBytes } = consumer;
  return inUse < credit && (creditBytes === 0 || bytesInUse < creditBytes);
}

/** Where this taker waits (J5). */
export function ringOf(taker: Taker): Ring<Taker> {
  return taker.keys.length === 0 ? taker.queue.takers : taker.queue.selective;
}

/** Puts a consumer that changed where it belongs (J2). */
export function placeConsumer(state: State, consumer: Consumer): void {
  const wants = consumer.live && consumer.session.attached && hasCredit(consumer);
  const ring = ringOf(consumer);
  if (wants && consumer.ring === undefined) {
    joinRing(state, consumer);
    state.touch(consumer.queue);
    state.changedConsumer(consumer);
  } else if (!wants && consumer.ring !== undefined) {
    ring.remove(consumer);
    consumer.ticket = 0;
    state.changedConsumer(consumer);
  }
}

export function joinRing(state: State, taker: Taker): void {
  taker.ticket = state.nextTicket++;
  ringOf(taker).push(taker);
}
