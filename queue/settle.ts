// How leases end: Ack, Nack, Release, Reject, Extend (O3), and by time.
//   S1. Only the newest token of a message that is leased settles it (P5). The token is the right: no session is asked for.
//   S2. Nack, Reject and an expired lease count an attempt; Release and the end of a session do not.
//   S3. The message stays at the head of its lane until it is settled (P3).

import type { LeaseRef, Reply, Settlement } from "./command.ts";
import { scatter } from "./digest.ts";
import { exhaust } from "./exhaustion.ts";
import { goIfExpired } from "./expiry.ts";
import { endLease } from "./grants.ts";
import { noteLease } from "./history.ts";
import { keySeqInLane } from "./keys.ts";
import { findFlight, findLane, laneNameAt, place, setFlightState, settle } from "./lanes.ts";
import { noQueue, refusal, refused } from "./refusal.ts";
import { Flight, flightState, settledBy, type FlightState, type State } from "./state.ts";
import { deadlineAfter } from "./timers.ts";
import { isWaiting } from "./waiting.ts";

const settled: Reply = { kind: "settled", already: false };
const settledAlready: Reply = { kind: "settled", already: true };

export function settleLease(state: State, lease: LeaseRef, settlement: Settlement): Reply {
  const found = findLease(state, lease, settlement);
  if (!(found instanceof Flight)) return found;
  settleNow(state, found, settlement);
  return settled;
}

/** The message that this lease holds, or what is to be said. `settlement`: if that is how it was settled, it is a success. */
export function findLease(state: State, lease: LeaseRef, settlement?: Settlement): Flight | Reply {
  const queue = state.queues.get(lease.queue);
  if (queue === undefined) return noQueue(lease.queue);
  const keySeq = keySeqInLane(lease.keySeq);
  const lane = findLane(state, queue, laneNameAt(queue, lease.lane, lease.keySeq));
  if (lane === undefined || keySeq < 1 || keySeq > lane.tail) {
    return refused("MESSAGE_NOT_FOUND", `queue ${lease.queue} never had such a message`);
  }
  if (keySeq >= lane.cursor) return stale(0, isWaiting(lane, keySeq) ? "READY" : "SETTLED");
  const flight = findFlight(lane, keySeq);
  if (flight === undefined) {
    const same = lane.settledSeq === keySeq && lane.settledToken === lease.token;
    const already = settlement !== undefined && lane.settledBy === byNumber(settlement);
    return same && already ? settledAlready : stale(0, "SETTLED");
  }
  if (flight.token !== lease.token || flight.state !== flightState.leased) {
    return stale(flight.token, stateName(flight.state));
  }
  return flight;
}

/** Whether this is the failure after which nothing is tried again. */
export function isExhaustedBy(flight: Flight, settlement: Settlement): boolean {
  if (settlement.kind === "reject") return true;
  const { maxAttempts } = flight.lane.queue.options;
  return settlement.kind === "nack" && flight.attempts + 1 >= maxAttempts;
}

/** The lease is live. */
export function settleNow(state: State, flight: Flight, settlement: Settlement): void {
  switch (settlement.kind) {
    case "ack":
      noteLease(state, flight, "acked");
      endLease(state, flight);
      flight.lane.queue.acked++;
      settle(state, flight, settledBy.ack);
      return;
    case "nack":
      nack(state, flight, settlement.delayMs, settlement.error);
      return;
    case "release":
      noteLease(state, flight, "released");
      endLease(state, flight);
      grantAgain(state, flight, "release");
      return;
    case "reject":
      noteLease(state, flight, "rejected", settlement.error);
      endLease(state, flight);
      flight.attempts++;
      flight.error = settlement.error;
      flight.ended = "nack";
      exhaust(state, flight, "rejected", settledBy.reject);
      return;
    case "extend":
      extend(state, flight, settlement.leaseMs);
      return;
  }
}

function byNumber(settlement: Settlement): number {
  switch (settlement.kind) {
    case "ack":
      return settledBy.ack;
    case "nack":
      return settledBy.nack;
    case "reject":
      return settledBy.reject;
    case "release":
    case "extend":
      return -1;
  }
}

function stale(currentToken: number, state: string): Reply {
  const message = `the lease is over: the message is ${state}`;
  return { kind: "refused", refusal: { ...refusal("STALE_LEASE", message), currentToken, state } };
}

function stateName(state: FlightState): string {
  switch (state) {
    case flightState.leased:
      return "LEASED";
    case flightState.again:
      return "READY";
    case flightState.retrying:
      return "RETRYING";
    case flightState.parked:
      return "PARKED";
  }
}

function nack(state: State, flight: Flight, delayMs: number | undefined, error: string): void {
  noteLease(state, flight, "nacked", error);
  endLease(state, flight);
  flight.attempts++;
  flight.error = error;
  flight.ended = "nack";
  if (flight.attempts >= flight.lane.queue.options.maxAttempts) {
    exhaust(state, flight, "exhausted", settledBy.nack);
    return;
  }
  const delay = delayMs ?? backOffMs(flight);
  if (delay === 0) {
    grantAgain(state, flight, "nack");
    return;
  }
  if (goIfExpired(state, flight)) return;
  state.timers.set(flight, deadlineAfter(state.leaseClock, delay));
  setFlightState(state, flight, flightState.retrying);
  place(state, flight.lane);
}

/** initial · multiplier^(attempts − 1), at most max, give or take a tenth that depends on the message and the attempt only. */
export function backOffMs(flight: Flight): number {
  const { lane, keySeq, attempts } = flight;
  const { initialMs, multiplier, maxMs } = lane.queue.options.retry;
  let delay = initialMs;
  // Repeated multiplication, not a power: the same bits on every machine (G1).
  for (let i = 1; i < attempts && delay < maxMs && multiplier > 1; i++) delay *= multiplier;
  delay = Math.floor(Math.min(delay, maxMs));
  const thousandths = (scatter(lane.queue.id, lane.name, keySeq, attempts) % 201) - 100;
  return delay + Math.trunc((delay * thousandths) / 1000);
}

function extend(state: State, flight: Flight, leaseMs: number): void {
  if (leaseMs > 0) flight.leaseMs = leaseMs;
  state.timers.clear(flight);
  state.timers.set(flight, deadlineAfter(state.leaseClock, flight.leaseMs));
  state.changedFlight(flight);
}

/** The lease has ended and the message is to be granted again, at its place, unless its time is over. */
export function grantAgain(state: State, flight: Flight, ended: Flight["ended"]): void {
  if (goIfExpired(state, flight)) return;
  flight.ended = ended;
  setFlightState(state, flight, flightState.again);
  place(state, flight.lane);
}

/** The lease clock has reached the deadline of a flight. */
export function fireFlight(state: State, flight: Flight): void {
  state.digest.mix(flight.token);
  if (flight.state === flightState.retrying) {
    grantAgain(state, flight, flight.ended);
    state.touch(flight.lane.queue);
    return;
  }
  noteLease(state, flight, "lease-expired");
  endLease(state, flight);
  flight.attempts++;
  flight.error = "the lease expired";
  flight.ended = "lease-expired";
  if (flight.attempts >= flight.lane.queue.options.maxAttempts) {
    exhaust(state, flight, "exhausted", settledBy.none);
  } else {
    // At once: the lease was the wait.
    grantAgain(state, flight, "lease-expired");
  }
}
