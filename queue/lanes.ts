// Lanes and what is in flight in them.
//   L1. key_seq is dense from 1 per lane. Below the cursor a message is in flight or settled; from it on it waits, or is gone.
//   L2. An ordered lane has at most `window` messages in flight, and grants nothing while one of them is retrying or parked (P3).
//   L3. What is to be granted again goes before the cursor advances, the lowest key_seq first: a redelivery keeps its place (P3).
//   L4. A lane is in its queue's ring ⇔ it has something to grant; its ticket is its place there (P4: a blocked key costs nothing).
//   L5. A lane's flights are sorted by key_seq. leased + stuck + those to be granted again = flights.
//      In a lane without order there is a pool instead (state.ts), and no window.
//   L6. A lane without messages is in the idle list, and nowhere else; only such a lane is ever left out of memory.

import { assert } from "./assert.ts";
import { ByteReader } from "./byte-reader.ts";
import { keepForAWhile } from "./history.ts";
import { laneRow, messageIdOfRow, messageRow, subLaneName, subLaneOf } from "./keys.ts";
import { readLane } from "./lane-row.ts";
import type { Spans } from "./spans.ts";
import { Flight, flightState, Lane, type Queue, type State } from "./state.ts";
import type { FlightState, SettledBy } from "./state.ts";
import type { Bytes } from "./store.ts";

/** The lane in which a message with this key lies, unless it has a priority or waits for its time. */
export function laneNameOf(queue: Queue, key: Bytes): Bytes {
  return queue.options.ordering === "key" ? key : "";
}

/** The lane of a message as it is named outside. */
export function laneNameAt(queue: Queue, lane: Bytes, keySeq: number): Bytes {
  return queue.unordered ? subLaneName(subLaneOf(keySeq)) : laneNameOf(queue, lane);
}

/** The row to read before this lane can be used; undefined: none. */
export function missingLane(state: State, queue: Queue, name: Bytes): Bytes | undefined {
  if (queue.lanesEvicted === 0 || queue.lanes.has(name)) return undefined;
  const row = laneRow(queue.lanePrefix, name);
  return state.rows.isProvided(row) ? undefined : row;
}

export function findLane(state: State, queue: Queue, name: Bytes): Lane | undefined {
  const lane = queue.lanes.get(name);
  if (lane !== undefined || queue.lanesEvicted === 0) return lane;
  const value = state.rows.providedValue(laneRow(queue.lanePrefix, name));
  if (value === undefined) return undefined;
  const again = new Lane(queue, name);
  readLane(new ByteReader(value), again);
  assert(again.messages === 0 && again.ticket === 0, "L6: a lane with messages was not in memory");
  queue.lanes.set(name, again);
  state.idle.push(again);
  return again;
}

export function openLane(state: State, queue: Queue, name: Bytes): Lane {
  const found = findLane(state, queue, name);
  if (found !== undefined) return found;
  const lane = new Lane(queue, name);
  queue.lanes.set(name, lane);
  queue.lanesKnown++;
  state.idle.push(lane);
  return lane;
}

/** Forgets idle lanes beyond the limit. Their rows must be in the store: call it when a batch has been stored. */
export function evictIdleLanes(state: State): void {
  for (;;) {
    const lane = state.idle.first;
    if (lane === undefined || state.idle.size <= state.limits.lanesResidentMax) return;
    // Lanes come in at the end when they become idle, which makes them dirty: those that follow are not stored either.
    if (lane.dirty) return;
    state.idle.remove(lane);
    lane.queue.lanes.delete(lane.name);
  }
}

/** Names a message for ever. */
export function idOf(lane: Lane, keySeq: number): Bytes {
  return messageIdOfRow(messageRow(lane.queue.messagePrefix, lane.name, keySeq));
}

/** Makes room for a new message at the end of its lane and returns its key_seq. */
export function extendLane(state: State, lane: Lane, bytes: number): number {
  const queue = lane.queue;
  if (lane.messages === 0) queue.activeKeys++;
  const keySeq = ++lane.tail;
  lane.bytes += bytes;
  queue.bytes += bytes;
  queue.messages++;
  queue.enqueued++;
  state.changedQueue(queue);
  rank(state, lane);
  if (state.messages.willTell(lane)) lane.isExtended = true;
  else state.changedLane(lane);
  return keySeq;
}

export function hasSomethingToGrant(lane: Lane): boolean {
  const queue = lane.queue;
  if (lane.paused) return false;
  const waits = lane.cursor <= lane.tail && lane.blocked?.first !== lane.cursor;
  if (lane.pool !== undefined) return waits || lane.flights > lane.leased + lane.stuck;
  if (lane.stuck > 0) return false;
  // What is not leased here is to be granted again, and goes first: so the window is full only of leases.
  return lane.leased < queue.options.maxInFlightPerKey && (waits || lane.flights > lane.leased);
}

/** The lane whose turn it is. Without order the highest priority goes first, and there are few lanes (keys.ts). */
export function readyLane(queue: Queue): Lane | undefined {
  let first = queue.ready.first;
  if (first === undefined || !queue.unordered) return first;
  for (let lane = first.next; lane !== undefined; lane = lane.next) {
    if (priorityOf(lane) > priorityOf(first)) first = lane;
  }
  return first;
}

export function priorityOf(lane: Lane): number {
  return (lane.pool?.subLane ?? 0) & 15;
}

/** Puts a lane that changed where it belongs. */
export function place(state: State, lane: Lane): void {
  rank(state, lane);
  state.changedLane(lane);
}

/** L4, L6. */
function rank(state: State, lane: Lane): void {
  const ready = lane.queue.ready;
  if (hasSomethingToGrant(lane)) {
    if (lane.ring !== ready) {
      lane.ring?.remove(lane);
      lane.ticket = state.nextTicket++;
      ready.push(lane);
    }
  } else if (lane.messages > 0) {
    lane.ring?.remove(lane);
    lane.ticket = 0;
  } else if (lane.ring !== state.idle) {
    lane.ring?.remove(lane);
    lane.ticket = 0;
    state.idle.push(lane);
  }
}

/** After a grant: to the end of the ring, so that every key gets its turn. */
export function takeTurn(state: State, lane: Lane): void {
  const ready = lane.queue.ready;
  if (lane.ring === ready && lane.next !== undefined && hasSomethingToGrant(lane)) {
    ready.remove(lane);
    lane.ticket = state.nextTicket++;
    ready.push(lane);
    state.changedLane(lane);
  } else {
    place(state, lane);
  }
}

export function findFlight(lane: Lane, keySeq: number): Flight | undefined {
  const pool = lane.pool;
  if (pool !== undefined) return pool.flights.get(keySeq);
  let flight = lane.firstFlight;
  while (flight !== undefined && flight.keySeq < keySeq) flight = flight.nextOfLane;
  return flight?.keySeq === keySeq ? flight : undefined;
}

/** Lowest key_seq first. */
export function flightsOf(lane: Lane): Flight[] {
  if (lane.pool !== undefined) {
    return [...lane.pool.flights.values()].sort((a, b) => a.keySeq - b.keySeq);
  }
  const flights: Flight[] = [];
  for (let flight = lane.firstFlight; flight !== undefined; flight = flight.nextOfLane) {
    flights.push(flight);
  }
  return flights;
}

/** Takes the next message to grant: its flight is made or found, still in state `again`. */
export function takeNext(lane: Lane): Flight {
  const again = nextAgain(lane);
  if (again !== undefined) return again;
  assert(lane.cursor <= lane.tail, "L4: a lane in the ring has nothing to grant");
  const flight = new Flight(lane, lane.cursor++);
  if (lane.gone !== undefined) passGone(lane, lane.gone);
  addFlight(lane, flight);
  return flight;
}

/** The cursor goes on past what is settled already. */
function passGone(lane: Lane, gone: Spans): void {
  lane.cursor = gone.passFrom(lane.cursor);
  if (gone.size === 0) lane.gone = undefined;
}

function nextAgain(lane: Lane): Flight | undefined {
  const pool = lane.pool;
  if (pool !== undefined) {
    if (lane.flights === lane.leased + lane.stuck) return undefined;
    for (;;) {
      const keySeq = pool.again.pop();
      assert(keySeq !== undefined, "L5: what is to be granted again is not found");
      const flight = pool.flights.get(keySeq);
      if (flight?.state === flightState.again) return flight;
    }
  }
  let flight = lane.firstFlight;
  while (flight !== undefined && flight.state !== flightState.again) flight = flight.nextOfLane;
  return flight;
}

/** Flights come in ascending key_seq: L5. */
export function addFlight(lane: Lane, flight: Flight): void {
  lane.flights++;
  const pool = lane.pool;
  if (pool !== undefined) {
    pool.flights.set(flight.keySeq, flight);
    return;
  }
  let last = lane.firstFlight;
  if (last === undefined) {
    lane.firstFlight = flight;
    return;
  }
  while (last.nextOfLane !== undefined) last = last.nextOfLane;
  assert(last.keySeq < flight.keySeq, "L5: flights out of order");
  last.nextOfLane = flight;
}

/** As addFlight, at its place among the others. */
export function insertFlight(lane: Lane, flight: Flight): void {
  const first = lane.firstFlight;
  if (lane.pool !== undefined || first === undefined) {
    addFlight(lane, flight);
    return;
  }
  lane.flights++;
  if (first.keySeq > flight.keySeq) {
    flight.nextOfLane = first;
    lane.firstFlight = flight;
    return;
  }
  let before = first;
  while (before.nextOfLane !== undefined && before.nextOfLane.keySeq < flight.keySeq) {
    before = before.nextOfLane;
  }
  assert(before.keySeq < flight.keySeq, "L5: in flight twice");
  flight.nextOfLane = before.nextOfLane;
  before.nextOfLane = flight;
}

function removeFlight(lane: Lane, flight: Flight): void {
  lane.flights--;
  const pool = lane.pool;
  if (pool !== undefined) {
    assert(pool.flights.delete(flight.keySeq), "L5: not in flight");
    return;
  }
  if (lane.firstFlight === flight) {
    lane.firstFlight = flight.nextOfLane;
  } else {
    let before = lane.firstFlight;
    while (before !== undefined && before.nextOfLane !== flight) before = before.nextOfLane;
    assert(before !== undefined, "L5: not in flight");
    before.nextOfLane = flight.nextOfLane;
  }
  flight.nextOfLane = undefined;
}

/** Changes the state of a flight and every counter that depends on it. */
export function setFlightState(state: State, flight: Flight, to: FlightState): void {
  count(flight, flight.state, -1);
  flight.state = to;
  count(flight, to, 1);
  const queue = flight.lane.queue;
  if (to === flightState.again) flight.lane.pool?.again.push(flight.keySeq);
  state.changedFlight(flight);
  state.changedQueue(queue);
}

/** Counts a flight in or out of its state. A flight that is made counts as `again`, which needs no counter. */
export function count(flight: Flight, of: FlightState, by: 1 | -1): void {
  const lane = flight.lane;
  const queue = lane.queue;
  switch (of) {
    case flightState.again:
      return;
    case flightState.leased:
      lane.leased += by;
      queue.leased += by;
      return;
    case flightState.retrying:
      lane.stuck += by;
      queue.retrying += by;
      return;
    case flightState.parked:
      lane.stuck += by;
      queue.parked += by;
      // An ordered lane has one parked message at most that keeps it from going on; without order none is kept.
      if (lane.pool === undefined) queue.parkedKeys += by * (parkedOthers(flight) ? 0 : 1);
      return;
  }
}

function parkedOthers(flight: Flight): boolean {
  for (let other = flight.lane.firstFlight; other !== undefined; other = other.nextOfLane) {
    if (other !== flight && other.state === flightState.parked) return true;
  }
  return false;
}

/** The message leaves its lane for good. Its lease must have ended. */
export function settle(state: State, flight: Flight, by: SettledBy): void {
  const lane = flight.lane;
  assert(flight.session === undefined && flight.bucket === undefined, "settled while leased");
  count(flight, flight.state, -1);
  const bytes = meanBytes(lane);
  removeFlight(lane, flight);
  flight.live = false;
  if (lane.pool !== undefined) state.changedFlight(flight);
  lane.settledSeq = flight.keySeq;
  lane.settledToken = flight.token;
  lane.settledBy = by;
  leave(state, lane, flight.keySeq, bytes);
}

/** The mean stands for a message's own size, which nobody remembers; exactly 0 is left when the lane is empty. */
export function meanBytes(lane: Lane): number {
  return Math.floor(lane.bytes / lane.messages);
}

/** What every end has in common: the message is out of its lane's records already. */
export function leave(state: State, lane: Lane, keySeq: number, bytes: number): void {
  const queue = lane.queue;
  lane.bytes -= bytes;
  queue.bytes -= bytes;
  queue.messages--;
  if (lane.messages === 0) {
    assert(lane.bytes === 0, "an empty lane has bytes");
    queue.activeKeys--;
  }
  state.messages.leave(lane, keySeq);
  keepForAWhile(state, lane, keySeq);
  state.changedQueue(queue);
  place(state, lane);
}
