// What is in memory: one record per queue, per active lane, per message in flight, per session. Nothing per waiting message.
// Plain data; the files beside this one are the rules. A message is in exactly one of these places:
//   waiting    cursor ≤ key_seq ≤ tail of its lane, and not among those that are gone: no record at all
//   in flight  a Flight: leased, again (to be granted next), retrying (backs off) or parked
//   settled    key_seq < cursor and no Flight, or gone
// In a lane of a queue without order that holds what is delayed, the cursor is always at the end: who is neither in flight
// nor settled there waits for its time (delay.ts).

import type {
  Answer,
  Filter,
  Grant,
  LogPosition,
  QueueEvent,
  QueueInfo,
  QueueOptions,
} from "./command.ts";
import { Agenda } from "./agenda.ts";
import { Bundles } from "./bundle.ts";
import { Digest } from "./digest.ts";
import { Heap } from "./heap.ts";
import { HistoryRows } from "./history-rows.ts";
import { family, keySeqOutside, lanePrefix, messagePrefix, subLaneNumber } from "./keys.ts";
import type { Limits, Rules } from "./options.ts";
import { Ring, type Linked } from "./ring.ts";
import type { LaneMessages } from "./lane-messages.ts";
import { Messages } from "./messages.ts";
import type { Spans } from "./spans.ts";
import type { Bytes } from "./store.ts";
import { Timer, Timers } from "./timers.ts";
import type { Topic } from "./topic.ts";
import { WriteBehind } from "./write-behind.ts";

/** An ordered run of messages: a key, or a whole queue in ordering TOTAL and NONE. A million of them must be affordable. */
export class Lane implements Linked<Lane> {
  readonly queue: Queue;
  readonly name: Bytes;
  /** The next key_seq that was never granted. */
  cursor = 1;
  /** The last key_seq given; 0: none. */
  tail = 0;
  bytes = 0;
  /** Place in the queue's ring of ready lanes; 0 when it is not in it. */
  ticket = 0;
  /** In flight, lowest key_seq first. Lanes of a queue without order use their pool instead. */
  firstFlight: Flight | undefined = undefined;
  flights = 0;
  leased = 0;
  /** Retrying or parked. */
  stuck = 0;
  /** The message settled last, by which lease and how: a repeated settlement is recognised (O3). */
  settledSeq = 0;
  settledToken = 0;
  settledBy: SettledBy = 0;
  /** Behind the cursor, settled without ever having been granted; undefined: none. The cursor is never among them. */
  gone: Spans | undefined = undefined;
  /** From the cursor on, delayed: nothing is granted at or behind the first of them; undefined: none. */
  blocked: Spans | undefined = undefined;
  /** Nothing is granted. */
  paused = false;
  /** Where its messages lie (messages.ts). */
  stored: LaneMessages | undefined = undefined;
  /** Of a queue without order. */
  readonly pool: Pool | undefined;
  dirty = false;
  /** Messages were added since its row was written, which a bundle may tell; all else makes it dirty (BU3). */
  isExtended = false;
  /** The queue's ready lanes, or the machine's idle ones. */
  ring: Ring<Lane> | undefined = undefined;
  previous: Lane | undefined = undefined;
  next: Lane | undefined = undefined;

  constructor(queue: Queue, name: Bytes) {
    this.queue = queue;
    this.name = name;
    this.pool = queue.unordered ? new Pool(subLaneNumber(name)) : undefined;
  }

  get messages(): number {
    const waiting = this.tail - this.cursor + 1 - (this.gone?.size ?? 0);
    return waiting + this.flights + (this.pool?.delayed ?? 0);
  }

  /** As it is given outside: the sub-lanes of a queue without order are not told apart. */
  get outerName(): Bytes {
    return this.pool === undefined ? this.name : "";
  }

  outerKeySeq(keySeq: number): number {
    return this.pool === undefined ? keySeq : keySeqOutside(this.pool.subLane, keySeq);
  }
}

export const settledBy = { none: 0, ack: 1, nack: 2, reject: 3 } as const;
export type SettledBy = (typeof settledBy)[keyof typeof settledBy];

export const flightState = { leased: 1, again: 2, retrying: 3, parked: 4 } as const;
export type FlightState = (typeof flightState)[keyof typeof flightState];

/** A message that was granted and is not settled, or that is to be granted before the cursor goes on. */
export class Flight extends Timer {
  readonly rank = 2;
  readonly lane: Lane;
  readonly keySeq: number;
  state: FlightState = flightState.again;
  /** Of the newest grant (P5). */
  token = 0;
  attempts = 0;
  deliveries = 0;
  leaseMs = 0;
  /** How the last lease ended. */
  ended: Grant["redelivery"] = "";
  /** Of the last nack or reject. */
  error = "";
  /** Its time ended while it was leased: it goes when the lease does. */
  expired = false;
  /** Content bytes that its holder's credit counts: the mean of the lane at the grant. 0 when that credit has no bound. */
  bytes = 0;
  /** Holder of the lease while it is leased. */
  session: Session | undefined = undefined;
  consumerId = 0;
  consumer: Consumer | undefined = undefined;
  previousOfSession: Flight | undefined = undefined;
  nextOfSession: Flight | undefined = undefined;
  nextOfLane: Flight | undefined = undefined;
  /** Of a row of its own: ordering NONE only. */
  dirty = false;
  stored = false;
  live = true;

  constructor(lane: Lane, keySeq: number) {
    super();
    this.lane = lane;
    this.keySeq = keySeq;
  }

  get order(): number {
    return this.token;
  }
}

/** The flights of a lane without order, where there may be very many. */
export class Pool {
  readonly subLane: number;
  readonly flights = new Map<number, Flight>();
  /** key_seqs to be granted again, and some that no longer are. */
  readonly again = new Heap();
  /** Messages whose time has not come: they have no flight. */
  delayed = 0;

  constructor(subLane: number) {
    this.subLane = subLane;
  }
}

export class Queue {
  readonly id: number;
  readonly name: string;
  readonly createdAt: number;
  readonly lanePrefix: Bytes;
  readonly messagePrefix: Bytes;
  options: QueueOptions;
  revision = 1;
  readonly lanes = new Map<Bytes, Lane>();
  readonly bundles = new Bundles();
  /** Lanes that ever were, those of which only a row is left included. */
  lanesKnown = 0;
  /** Ordering NONE: its lanes are the sub-lanes of keys.ts. */
  readonly unordered: boolean;
  readonly ready = new Ring<Lane>();
  readonly takers = new Ring<Taker>();
  /** Takers that want some keys only. */
  readonly selective = new Ring<Taker>();
  /** Of a temporary queue: the session with which it goes. */
  owner: Session | undefined = undefined;
  subscription: Subscription | undefined = undefined;
  readonly consumers = new Set<Consumer>();
  readonly receives = new Set<Receive>();
  messages = 0;
  leased = 0;
  retrying = 0;
  parked = 0;
  bytes = 0;
  activeKeys = 0;
  parkedKeys = 0;
  /** Messages that ever came in; also the last `seq` given. */
  enqueued = 0;
  acked = 0;
  deadLettered = 0;
  discarded = 0;
  /** Rules of version 2 from here on. */
  delayed = 0;
  expired = 0;
  cancelled = 0;
  skipped = 0;
  redriven = 0;
  deduplicated = 0;
  pausedKeys = 0;
  readonly redelivered: { -readonly [K in keyof QueueInfo["redelivered"]]: number } = {
    nack: 0,
    release: 0,
    leaseExpired: 0,
    sessionEnded: 0,
  };
  dirty = false;
  touched = false;
  live = true;

  constructor(id: number, name: string, options: QueueOptions, createdAt: number) {
    this.id = id;
    this.name = name;
    this.options = options;
    this.createdAt = createdAt;
    this.lanePrefix = lanePrefix(id);
    this.messagePrefix = messagePrefix(id);
    this.unordered = options.ordering === "none";
  }

  /** Lanes that are not in memory: 0 means that a lane which is not there does not exist. */
  get lanesEvicted(): number {
    return this.lanesKnown - this.lanes.size;
  }

  /** Whether somebody waits for messages. */
  get wanted(): boolean {
    return this.takers.size > 0 || this.selective.size > 0;
  }
}

/** What makes a queue a subscription. */
export interface Subscription {
  readonly topic: Topic;
  readonly filter: Filter;
  /** Next sequence of the topic to be copied; 0: it is live. */
  position: number;
  /** Cluster time before which nothing is copied; 0: everything is. */
  startTime: number;
  /** The last entry could not copy anything for want of room. A hint: decides nothing. */
  stalled: boolean;
}

/** In one of the rings of those who want messages of a queue. */
export type Taker = Consumer | Receive;

const everyKey: readonly Bytes[] = [];

/** A subscription of a session to a queue. In one of the queue's rings ⇔ its session is attached and it has credit left. */
export class Consumer implements Linked<Taker> {
  readonly session: Session;
  readonly id: number;
  readonly queue: Queue;
  credit: number;
  leaseMs: number;
  /** 0: no bound. */
  creditBytes = 0;
  /** Lanes that it wants; empty: all. */
  keys: readonly Bytes[] = everyKey;
  /** Leases that it holds, and their bytes. */
  inUse = 0;
  bytesInUse = 0;
  ticket = 0;
  dirty = false;
  live = true;
  ring: Ring<Taker> | undefined = undefined;
  previous: Taker | undefined = undefined;
  next: Taker | undefined = undefined;

  constructor(session: Session, id: number, queue: Queue, credit: number, leaseMs: number) {
    this.session = session;
    this.id = id;
    this.queue = queue;
    this.credit = credit;
    this.leaseMs = leaseMs;
  }
}

/** A call that waits for messages. */
export class Receive extends Timer implements Linked<Taker> {
  readonly rank = 1;
  readonly session: Session;
  readonly sequence: number;
  readonly queue: Queue;
  readonly maxMessages: number;
  readonly leaseMs: number;
  /** 0: as many as fit into one answer. */
  maxBytes = 0;
  /** Lanes that it wants; empty: all. */
  keys: readonly Bytes[] = everyKey;
  ticket = 0;
  dirty = false;
  stored = false;
  live = true;
  ring: Ring<Taker> | undefined = undefined;
  previous: Taker | undefined = undefined;
  next: Taker | undefined = undefined;

  constructor(
    session: Session,
    sequence: number,
    queue: Queue,
    maxMessages: number,
    leaseMs: number,
  ) {
    super();
    this.session = session;
    this.sequence = sequence;
    this.queue = queue;
    this.maxMessages = maxMessages;
    this.leaseMs = leaseMs;
  }

  get order(): number {
    return this.ticket;
  }
}

export interface AnswerBlock {
  readonly number: number;
  readonly answers: (Answer | undefined)[];
  dirty: boolean;
  stored: boolean;
  live: boolean;
}

export class Session extends Timer {
  readonly rank = 0;
  readonly id: number;
  readonly name: string;
  readonly ttlMs: number;
  /** Lease clock of the last sign of life. Its timer may be set to an earlier deadline and is then set again when it fires. */
  lastSeen: number;
  /** Last sequence number applied. */
  last = 0;
  /** Answers below are forgotten. */
  floor = 1;
  attached = false;
  readonly blocks = new Map<number, AnswerBlock>();
  /** The block used last. */
  block: AnswerBlock | undefined = undefined;
  dirtyBlocks: AnswerBlock[] = [];
  /** Rows to delete. */
  prunedBlocks: number[] = [];
  readonly consumers = new Map<number, Consumer>();
  /** Temporary queues that go with it. */
  readonly queues = new Set<Queue>();
  readonly receives = new Map<number, Receive>();
  firstLease: Flight | undefined = undefined;
  leases = 0;
  dirty = false;
  live = true;

  constructor(id: number, name: string, ttlMs: number, lastSeen: number) {
    super();
    this.id = id;
    this.name = name;
    this.ttlMs = ttlMs;
    this.lastSeen = lastSeen;
  }

  get order(): number {
    return this.id;
  }
}

/** An answer that comes later than the entry of its command. */
export interface Completion {
  readonly session: number;
  readonly sequence: number;
  readonly answer: Answer;
}

/** What applied entries cause outside. Only the leader acts on it. */
export interface Effects {
  /** Deliveries for streams; what a `receive` gets is in its answer instead. */
  readonly grants: readonly Grant[];
  readonly completions: readonly Completion[];
  /** Sessions that were closed or expired. */
  readonly endedSessions: readonly number[];
  /** For the consumers of their queues. */
  readonly events: readonly QueueEvent[];
}

/** The digest as it was right after an entry. */
export interface Checkpoint {
  readonly index: number;
  readonly digest: string;
}

export class State {
  readonly limits: Limits;
  readonly rules: Rules;
  readonly queues = new Map<string, Queue>();
  readonly queuesById = new Map<number, Queue>();
  readonly sessions = new Map<number, Session>();
  readonly topics = new Map<string, Topic>();
  /** Subscriptions with a position. */
  readonly catchingUp = new Set<Queue>();
  /** Cluster time: see retention.ts PS3. */
  topicAging = Infinity;
  readonly timers = new Timers();
  /** Lanes without messages, the longest idle first. */
  readonly idle = new Ring<Lane>();
  readonly rows = new WriteBehind();
  readonly messages = new Messages(this);
  readonly agenda: Agenda;
  /** By the lease clock: windows of dedup_ids. */
  readonly windows: Agenda;
  readonly history = new HistoryRows();
  readonly dirtyLanes: Lane[] = [];
  readonly dirtyFlights: Flight[] = [];
  readonly dirtyQueues: Queue[] = [];
  readonly dirtyTopics: Topic[] = [];
  readonly dirtySessions: Session[] = [];
  readonly dirtyConsumers: Consumer[] = [];
  readonly dirtyReceives: Receive[] = [];
  /** Queues in which somebody may now get something, in the order in which that came about. */
  readonly touched: Queue[] = [];
  digest = new Digest();
  /** Newest last: what replicas compare (machine.ts M7). */
  readonly checkpoints: Checkpoint[] = [];
  /** Of the rules that apply (version.ts). */
  version = 0;
  appliedIndex = 0;
  /** The entry being applied, with its cluster time; undefined between entries. */
  entry: LogPosition | undefined = undefined;
  clusterTime = 0;
  leaseClock = 0;
  nextToken = 1;
  nextTicket = 1;
  nextSession = 1;
  nextQueue = 1;
  receives = 0;
  /** The receive whose command is being applied: it answers by apply's return, not as a completion. */
  receiving: Receive | undefined = undefined;
  collectGrants = true;
  grants: Grant[] = [];
  completions: Completion[] = [];
  endedSessions: number[] = [];
  events: QueueEvent[] = [];

  constructor(limits: Limits, rules: Rules) {
    this.limits = limits;
    this.rules = rules;
    this.agenda = new Agenda(this.rows, family.due, limits, rules);
    this.windows = new Agenda(this.rows, family.leaseDue, limits, rules);
  }

  touch(queue: Queue): void {
    if (queue.touched) return;
    queue.touched = true;
    this.touched.push(queue);
  }

  changedQueue(queue: Queue): void {
    if (queue.dirty) return;
    queue.dirty = true;
    this.dirtyQueues.push(queue);
  }

  changedTopic(topic: Topic): void {
    if (topic.dirty) return;
    topic.dirty = true;
    this.dirtyTopics.push(topic);
  }

  changedLane(lane: Lane): void {
    if (lane.dirty) return;
    lane.dirty = true;
    this.dirtyLanes.push(lane);
  }

  /** A flight of an ordered lane is part of the lane's row. */
  changedFlight(flight: Flight): void {
    const lane = flight.lane;
    if (lane.pool === undefined) {
      this.changedLane(lane);
    } else if (!flight.dirty) {
      flight.dirty = true;
      this.dirtyFlights.push(flight);
    }
  }

  changedSession(session: Session): void {
    if (session.dirty) return;
    session.dirty = true;
    this.dirtySessions.push(session);
  }

  changedConsumer(consumer: Consumer): void {
    if (consumer.dirty) return;
    consumer.dirty = true;
    this.dirtyConsumers.push(consumer);
  }

  changedReceive(receive: Receive): void {
    if (receive.dirty) return;
    receive.dirty = true;
    this.dirtyReceives.push(receive);
  }
}
