// What holds between any two entries, looked at in full: O(n), for tests and simulation. Numbers refer to the files' headers.

import { blockOf } from "./answers.ts";
import { hasCredit, ringOf } from "./grants.ts";
import type { Machine } from "./machine.ts";
import { Consumer, flightState, type Flight, type Lane, type Queue, type State } from "./state.ts";
import { hasSomethingToGrant } from "./lanes.ts";
import { Ring, type Linked } from "./ring.ts";
import { leasesOf } from "./session.ts";
import { checkTopics } from "./topic-invariants.ts";
import { isDelayedLane, isThere } from "./waiting.ts";

export function violations(machine: Machine): string[] {
  const state = machine.state;
  const found: string[] = [];
  const check = (holds: boolean, what: string): void => {
    if (!holds) found.push(what);
  };
  let idle = 0;
  let timers = state.sessions.size;
  for (const queue of state.queues.values()) {
    checkQueue(queue, check);
    for (const lane of queue.lanes.values()) {
      if (lane.ring === state.idle) idle++;
      checkLane(state, lane, check);
    }
    for (const flight of flightsOf(queue)) {
      if (flight.bucket !== undefined) timers++;
      checkFlight(state, flight, check);
    }
    timers += queue.receives.size;
    checkTakers(queue, check);
  }
  check(idle === state.idle.size, "L6: the idle list holds a lane that is not there");
  check(timers === state.timers.count, `T3: ${state.timers.count} timers, ${timers} owners`);
  check(state.touched.length === 0, "J1: a queue that changed was not matched");
  checkSessions(state, check);
  checkTopics(state, check);
  for (const agenda of [state.agenda, state.windows])
    check(agenda.isInOrder, "Q2: what is known of the agenda");
  return found;
}

export type Check = (holds: boolean, what: string) => void;

function checkQueue(queue: Queue, check: Check): void {
  const name = `queue ${queue.name}`;
  const lanes = [...queue.lanes.values()];
  const flights = flightsOf(queue);
  const inState = (state: number): number => flights.filter((one) => one.state === state).length;
  const failed = queue.deadLettered + queue.discarded;
  const gone = queue.acked + failed + queue.cancelled + queue.skipped;
  // Of the redriven some left here and some came back, which count as enqueued again.
  const redriven = queue.enqueued - queue.messages - gone;
  check(
    redriven >= 0 && redriven <= queue.redriven,
    `${name}: P8: messages in ≠ messages there + gone`,
  );
  check(queue.messages === sum(lanes, (lane) => lane.messages), `${name}: messages`);
  check(queue.bytes === sum(lanes, (lane) => lane.bytes), `${name}: bytes`);
  check(queue.leased === inState(flightState.leased), `${name}: leased`);
  check(queue.retrying === inState(flightState.retrying), `${name}: retrying`);
  check(queue.parked === inState(flightState.parked), `${name}: parked`);
  check(queue.activeKeys === sum(lanes, (lane) => (lane.messages > 0 ? 1 : 0)), `${name}: active`);
  const parkedKeys = sum(lanes, (lane) => (isParked(lane) ? 1 : 0));
  check(queue.parkedKeys === parkedKeys, `${name}: parked keys`);
  const delayed = sum(lanes, (lane) => (lane.blocked?.size ?? 0) + (lane.pool?.delayed ?? 0));
  check(queue.delayed === delayed, `${name}: delayed`);
  // Lanes that are paused may be out of memory.
  const paused = sum(lanes, (lane) => (lane.paused ? 1 : 0));
  check(queue.pausedKeys - paused >= 0, `${name}: paused keys`);
  check(queue.pausedKeys - paused <= queue.lanesEvicted, `${name}: paused keys`);
  check(queue.lanesEvicted >= 0, `${name}: more lanes in memory than there ever were`);
  checkRing(queue.ready, name, check);
  checkBundles(queue, check);
}

function checkBundles(queue: Queue, check: Check): void {
  const name = `queue ${queue.name}`;
  const found = new Map<unknown, number>();
  for (const lane of queue.lanes.values()) {
    const bundled = lane.stored?.bundled;
    for (const keySeq of bundled?.all() ?? []) {
      const bundle = bundled?.of(keySeq);
      found.set(bundle, (found.get(bundle) ?? 0) + 1);
      check(isThere(lane, keySeq), `${name}: BU2: ${lane.name}/${keySeq} is settled`);
    }
  }
  const all = [...queue.bundles];
  check(all.length === found.size, `${name}: BU1: a bundle of which nothing is left`);
  check(
    all.every((bundle) => bundle.live === found.get(bundle)),
    `${name}: BU1: messages of a bundle`,
  );
}

function checkTakers(queue: Queue, check: Check): void {
  const name = `queue ${queue.name}`;
  checkRing(queue.takers, name, check);
  checkRing(queue.selective, name, check);
  for (const consumer of queue.consumers) {
    const wants = consumer.session.attached && hasCredit(consumer);
    check(consumer.live && consumer.session.live, `${name}: a consumer that is gone`);
    check(wants === (consumer.ring === ringOf(consumer)), `${name}: J2: consumer ${consumer.id}`);
    const holds = leasesOf(consumer.session).filter((flight) => flight.consumer === consumer);
    check(holds.length === consumer.inUse, `${name}: credit of consumer ${consumer.id}`);
    const bytes = sum(holds, (flight) => flight.bytes);
    check(bytes === consumer.bytesInUse, `${name}: bytes of consumer ${consumer.id}`);
  }
  for (const call of queue.receives) {
    check(
      call.ring === ringOf(call) && call.bucket !== undefined,
      `${name}: V1: a receive is lost`,
    );
  }
  const idleTakers = queue.takers.first !== undefined && queue.ready.first !== undefined;
  check(!idleTakers || queue.options.paused, `${name}: J1: a taker and a lane wait for each other`);
  for (const taker of members(queue.selective)) {
    const served = taker.keys.some((key) => queue.lanes.get(key)?.ring === queue.ready);
    check(!served || queue.options.paused, `${name}: J5: a taker and its lane wait for each other`);
  }
  for (const taker of [...members(queue.takers), ...members(queue.selective)]) {
    const known =
      taker instanceof Consumer ? queue.consumers.has(taker) : queue.receives.has(taker);
    check(known, `${name}: J2: a taker that is gone`);
  }
}

function checkLane(state: State, lane: Lane, check: Check): void {
  const { queue } = lane;
  const name = `lane ${queue.name}/${lane.name}`;
  const flights = laneFlights(lane);
  const stuck = flights.filter(
    (one) => one.state === flightState.parked || one.state === flightState.retrying,
  );
  const leased = flights.filter((one) => one.state === flightState.leased);
  check(lane.cursor >= 1 && lane.cursor <= lane.tail + 1, `${name}: L1: cursor`);
  check(lane.flights === flights.length, `${name}: L5: flights`);
  check(lane.leased === leased.length, `${name}: L5: leased`);
  check(lane.stuck === stuck.length, `${name}: L5: stuck`);
  check(
    flights.every((one, at) => one.keySeq > (flights[at - 1]?.keySeq ?? 0)),
    `${name}: L5: order`,
  );
  check(
    flights.every((one) => one.keySeq < lane.cursor),
    `${name}: L1: a flight past the cursor`,
  );
  checkSpans(state, lane, name, check);
  check(lane.bytes >= 0 && (lane.messages > 0 || lane.bytes === 0), `${name}: bytes`);
  const ready = hasSomethingToGrant(lane);
  const ring = ready ? queue.ready : lane.messages === 0 ? state.idle : undefined;
  check(lane.ring === ring, `${name}: L4, L6: in the wrong list`);
  check(ready === lane.ticket > 0, `${name}: L4: ticket`);
}

function checkSpans(state: State, lane: Lane, name: string, check: Check): void {
  const { gone, blocked, pool, cursor, tail } = lane;
  const max = state.rules.spansPerLaneMax;
  for (const spans of [gone, blocked]) {
    if (spans === undefined) continue;
    check(spans.size > 0 && spans.size === [...spans.values()].length, `${name}: D1: size`);
    check((spans.first ?? 0) >= cursor && (spans.last ?? 0) <= tail, `${name}: L1: past its lane`);
    check(spans.count <= max, `${name}: L7: too many runs`);
  }
  check(gone?.first !== cursor, `${name}: L1: the cursor is at what is gone`);
  check(
    blocked === undefined || [...blocked.values()].every((one) => gone?.has(one) !== true),
    `${name}: I2: what is gone is held back`,
  );
  check(pool === undefined || blocked === undefined, `${name}: I2: held back without order`);
  if (!isDelayedLane(lane)) check((pool?.delayed ?? 0) === 0, `${name}: I1: delayed`);
  else check(cursor === tail + 1, `${name}: I1: the cursor of delayed ones`);
}

function checkFlight(state: State, flight: Flight, check: Check): void {
  const name = `message ${flight.lane.queue.name}/${flight.lane.name}/${flight.keySeq}`;
  const leased = flight.state === flightState.leased;
  check(leased === (flight.session !== undefined), `${name}: J4: its holder`);
  check(flight.session === undefined || flight.session.live, `${name}: J4: its holder is gone`);
  const waits = leased || flight.state === flightState.retrying;
  check(waits === (flight.bucket !== undefined), `${name}: its timer`);
  check(!waits || flight.deadline > state.leaseClock, `${name}: T1: a deadline that has passed`);
  // What was put back, or woke, was never granted.
  const never = flight.deliveries === 0;
  check(never === (flight.token === 0) && flight.token < state.nextToken, `${name}: J3: its token`);
  check(!never || flight.state === flightState.again, `${name}: L8: granted to nobody`);
  check(flight.attempts <= flight.deliveries, `${name}: its counters`);
}

function checkSessions(state: State, check: Check): void {
  let receives = 0;
  for (const session of state.sessions.values()) {
    const name = `session ${session.id}`;
    const leases = leasesOf(session);
    check(leases.length === session.leases, `${name}: J4: leases`);
    check(
      leases.every((flight) => flight.session === session),
      `${name}: J4: a lease of another`,
    );
    check(session.floor <= session.last + 1, `${name}: K1: floor`);
    check(session.bucket !== undefined, `${name}: Y3: no timer`);
    const kept = [...session.blocks.keys()].every((number) => number >= blockOf(session.floor));
    check(kept, `${name}: K2: answers that the floor has passed`);
    for (const consumer of session.consumers.values()) {
      check(consumer.queue.consumers.has(consumer), `${name}: consumer ${consumer.id}`);
    }
    receives += session.receives.size;
  }
  check(receives === state.receives, "V1: receives");
}

function checkRing<T extends Linked<T> & { readonly ticket: number }>(
  ring: Ring<T>,
  name: string,
  check: Check,
): void {
  const all = members(ring);
  check(all.length === ring.size, `${name}: N1: size`);
  check(
    all.every((item) => item.ring === ring),
    `${name}: N1: membership`,
  );
  check(
    all.every((item, at) => item.ticket > (all[at - 1]?.ticket ?? 0)),
    `${name}: J1: tickets`,
  );
}

function members<T extends Linked<T>>(ring: Ring<T>): T[] {
  const all: T[] = [];
  for (let item = ring.first; item !== undefined; item = item.next) all.push(item);
  return all;
}

function laneFlights(lane: Lane): Flight[] {
  if (lane.pool !== undefined) {
    return [...lane.pool.flights.values()].sort((a, b) => a.keySeq - b.keySeq);
  }
  const flights: Flight[] = [];
  for (let flight = lane.firstFlight; flight !== undefined; flight = flight.nextOfLane) {
    flights.push(flight);
  }
  return flights;
}

function flightsOf(queue: Queue): Flight[] {
  return [...queue.lanes.values()].flatMap(laneFlights);
}

function isParked(lane: Lane): boolean {
  return (
    lane.pool === undefined &&
    laneFlights(lane).some((flight) => flight.state === flightState.parked)
  );
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  let total = 0;
  for (const one of all) total += of(one);
  return total;
}
