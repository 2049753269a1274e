// Looking into a queue without changing it (O6): its keys and its messages, as far as memory knows them. Bodies, and the rows of
// what is delayed without order, are the caller's to read.
//   LK1. Everything here is of the moment of the call. Iterations may be left and gone on with between entries: a key that is there
//        all the time is seen, and may be seen twice.

import { ByteReader } from "./byte-reader.ts";
import { bundleOfTellsRow, laneOfRow, lanePrefix } from "./keys.ts";
import { messageRow, partsOfMessageRow, under } from "./keys.ts";
import type { KeyRange, MessagePlace } from "./keys.ts";
import { findFlight, laneNameAt } from "./lanes.ts";
import { readLane } from "./lane-row.ts";
import { flightState, Lane, type FlightState, type Queue, type State } from "./state.ts";
import type { Bytes } from "./store.ts";
import { isDelayedLane, isWaiting } from "./waiting.ts";

export type MessageState = "ready" | "delayed" | "leased" | "retrying" | "parked";

export interface KeyView {
  readonly lane: Bytes;
  /** All of them; those in each state, the rest being ready. */
  readonly messages: number;
  readonly bytes: number;
  readonly leased: number;
  readonly retrying: number;
  readonly parked: number;
  readonly delayed: number;
  readonly paused: boolean;
  /** Last key_seq given; first one that is not settled, 0: all are. */
  readonly lastKeySeq: number;
  readonly firstKeySeq: number;
}

/** A message of a queue: its place as it is given outside. */
export interface MessageView extends MessagePlace {
  readonly state: MessageState;
  readonly attempts: number;
  readonly deliveries: number;
  /** Of the last failure. */
  readonly error: Bytes;
}

const stateNames: Readonly<Record<FlightState, MessageState>> = {
  [flightState.leased]: "leased",
  [flightState.again]: "ready",
  [flightState.retrying]: "retrying",
  [flightState.parked]: "parked",
};

export class QueueView {
  readonly #state: State;
  readonly #queue: Queue;

  constructor(state: State, queue: Queue) {
    this.#state = state;
    this.#queue = queue;
  }

  get id(): number {
    return this.#queue.id;
  }

  /** The keys with messages, and those that are paused as far as they are in memory. Without order: all in one. */
  *keys(): Iterable<KeyView> {
    const queue = this.#queue;
    if (queue.unordered) {
      if (queue.messages > 0 || queue.pausedKeys > 0) yield unorderedKey(queue);
      return;
    }
    for (const lane of queue.lanes.values()) {
      if (lane.messages > 0 || lane.paused) yield keyOf(lane);
    }
  }

  /** Paused keys, those that are not in memory included. */
  get pausedKeys(): number {
    return this.#queue.pausedKeys;
  }

  /** The rows of keys: those that are not in memory have no messages, but may be paused. */
  get keyRows(): KeyRange {
    return under(lanePrefix(this.#queue.id));
  }

  /** A key by its row; undefined: it is in memory, or not paused, or the row is another. */
  pausedKey(row: Bytes, value: Uint8Array): KeyView | undefined {
    if (bundleOfTellsRow(row) !== undefined) return undefined;
    const { lane: name } = laneOfRow(row);
    if (this.#queue.lanes.has(name)) return undefined;
    const lane = new Lane(this.#queue, name);
    readLane(new ByteReader(value), lane);
    return lane.paused ? keyOf(lane) : undefined;
  }

  /** Whether a key is a lane. In ordering TOTAL and NONE messages may have keys too, which mean nothing. */
  get isByKey(): boolean {
    return this.#queue.options.ordering === "key";
  }

  /** Names of the lanes that have messages; those of a queue without order are its sub-lanes (keys.ts). */
  *lanes(): Iterable<Bytes> {
    for (const lane of this.#queue.lanes.values()) if (lane.messages > 0) yield lane.name;
  }

  /** The lane of a message as it is named outside. */
  laneOf(lane: Bytes, keySeq: number): Bytes {
    return laneNameAt(this.#queue, lane, keySeq);
  }

  /** Messages of a lane behind a key_seq of its own, in order. Undefined: read the rows of `rowsOf` instead, and ask `at`. */
  messages(name: Bytes, after: number, limit: number): MessageView[] | undefined {
    const lane = this.#queue.lanes.get(name);
    if (lane === undefined) return [];
    if (isDelayedLane(lane) && (lane.pool?.delayed ?? 0) > 0) return undefined;
    const found: MessageView[] = [];
    for (const keySeq of flightsBehind(lane, after)) {
      if (found.length === limit) return found;
      found.push(this.#view(lane, keySeq));
    }
    for (let keySeq = Math.max(lane.cursor, after + 1); keySeq <= lane.tail; keySeq++) {
      if (found.length === limit) return found;
      if (isWaiting(lane, keySeq)) found.push(this.#view(lane, keySeq));
    }
    return found;
  }

  /** Where the messages of a lane lie, behind a key_seq of its own; and what of it the store does not know yet. */
  rowsOf(name: Bytes, after: number): { range: KeyRange; changes: ReadonlyMap<Bytes, boolean> } {
    const prefix = this.#queue.messagePrefix;
    const first = messageRow(prefix, name, after);
    const range = { from: `${first}\x00`, to: under(first.slice(0, -6)).to };
    return { range, changes: this.#state.rows.changesIn(range) };
  }

  /** The message with this key_seq of a lane; undefined: it is settled, or never was. In a delayed lane the row must be there too. */
  at(name: Bytes, keySeq: number): MessageView | undefined {
    const lane = this.#queue.lanes.get(name);
    if (lane === undefined || keySeq < 1 || keySeq > lane.tail) return undefined;
    const known =
      findFlight(lane, keySeq) !== undefined || isWaiting(lane, keySeq) || isDelayedLane(lane);
    return known ? this.#view(lane, keySeq) : undefined;
  }

  atRow(row: Bytes): MessageView | undefined {
    const place = partsOfMessageRow(row);
    return place === undefined ? undefined : this.at(place.lane, place.keySeq);
  }

  #view(lane: Lane, keySeq: number): MessageView {
    const flight = findFlight(lane, keySeq);
    const isDelayed = isDelayedLane(lane) || lane.blocked?.has(keySeq) === true;
    const waits = isDelayed ? "delayed" : "ready";
    return {
      queueId: this.#queue.id,
      lane: lane.outerName,
      keySeq: lane.outerKeySeq(keySeq),
      state: flight === undefined ? waits : stateNames[flight.state],
      attempts: flight?.attempts ?? 0,
      deliveries: flight?.deliveries ?? 0,
      error: flight?.error ?? "",
    };
  }
}

function keyOf(lane: Lane): KeyView {
  let retrying = 0;
  let parked = 0;
  for (let flight = lane.firstFlight; flight !== undefined; flight = flight.nextOfLane) {
    if (flight.state === flightState.retrying) retrying++;
    else if (flight.state === flightState.parked) parked++;
  }
  const waits = lane.cursor <= lane.tail;
  return {
    lane: lane.name,
    messages: lane.messages,
    bytes: lane.bytes,
    leased: lane.leased,
    retrying,
    parked,
    delayed: lane.blocked?.size ?? 0,
    paused: lane.paused,
    lastKeySeq: lane.tail,
    firstKeySeq: lane.firstFlight?.keySeq ?? (waits ? lane.cursor : 0),
  };
}

/** Its key_seqs are no sequence: there is no first or last one. */
function unorderedKey(queue: Queue): KeyView {
  const { messages, bytes, leased, retrying, parked, delayed } = queue;
  const paused = queue.lanes.get("")?.paused ?? false;
  const counts = { messages, bytes, leased, retrying, parked, delayed };
  return { lane: "", ...counts, paused, lastKeySeq: 0, firstKeySeq: 0 };
}

function flightsBehind(lane: Lane, after: number): readonly number[] {
  const found: number[] = [];
  if (lane.pool !== undefined) {
    for (const keySeq of lane.pool.flights.keys()) if (keySeq > after) found.push(keySeq);
    return found.sort((a, b) => a - b);
  }
  for (let flight = lane.firstFlight; flight !== undefined; flight = flight.nextOfLane) {
    if (flight.keySeq > after) found.push(flight.keySeq);
  }
  return found;
}

/** The sessions with a consumer of this queue, in ascending order. */
export function sessionsConsuming(queue: Queue): readonly number[] {
  const sessions = new Set<number>();
  for (const { session } of queue.consumers) sessions.add(session.id);
  return [...sessions].sort((a, b) => a - b);
}

export interface StalledQueue {
  readonly queue: string;
  /** Whose consumers have credit. */
  readonly sessions: readonly number[];
}

/**
 * Queues in which somebody could get something and has not got it: between entries there is none (J1 of grants.ts), so one that
 * stays here is a defect.
 */
export function stalledQueues(state: State): StalledQueue[] {
  const stalled: StalledQueue[] = [];
  for (const queue of state.queues.values()) {
    if (queue.options.paused || !couldGoOn(queue)) continue;
    const sessions = new Set<number>();
    for (const { ring, session } of queue.consumers)
      if (ring !== undefined) sessions.add(session.id);
    stalled.push({ queue: queue.name, sessions: [...sessions] });
  }
  return stalled;
}

/** What the consumers of a queue hold, when that is all that they have credit for and more could be handed out; else 0. O(1). */
export function leasesWhenAhead({ options, leased, ready, takers, selective }: Queue): number {
  if (options.paused || ready.first === undefined) return 0;
  return takers.first === undefined && selective.first === undefined ? leased : 0;
}

function couldGoOn({ ready, takers, selective, lanes }: Queue): boolean {
  if (ready.first === undefined) return false;
  if (takers.first !== undefined) return true;
  for (let taker = selective.first; taker !== undefined; taker = taker.next) {
    if (taker.keys.some((name) => lanes.get(name)?.ring === ready)) return true;
  }
  return false;
}
