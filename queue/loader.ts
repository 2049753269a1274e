// The state from its rows. They come in key order, so that what a row refers to is there before it: see keys.ts.
//   W6. What is restored goes on exactly as what was stored: rings by their tickets, timers by their deadlines (P7, E6).

import { newBlock } from "./answers.ts";
import { assert } from "./assert.ts";
import { ByteReader } from "./byte-reader.ts";
import { enlist } from "./consumers.ts";
import { Digest } from "./digest.ts";
import { hold, ringOf } from "./grants.ts";
import { lanesTold } from "./bundle.ts";
import { bundleOfTellsRow, family, laneOfRow, readU32, readU48 } from "./keys.ts";
import { readFlight, readLane, tailOfLane } from "./lane-row.ts";
import { addFlight, count, hasSomethingToGrant } from "./lanes.ts";
import { Machine } from "./machine.ts";
import { decodeMeta } from "./meta-row.ts";
import { defaultLimits, standardRules, type Limits, type Rules } from "./options.ts";
import { decodeQueue, type Belonging } from "./queue-row.ts";
import { adopt } from "./receive.ts";
import { expectAging } from "./retention.ts";
import { decodeAnswers, decodeConsumer, decodeReceive, decodeSession } from "./session-row.ts";
import { Consumer, Flight, flightState, Lane, Queue, Receive, Session, State } from "./state.ts";
import type { Taker } from "./state.ts";
import type { Bytes } from "./store.ts";
import { enlistSubscription } from "./subscriptions.ts";
import { deadlineAfter } from "./timers.ts";
import { decodeTopic } from "./topic-codec.ts";
import type { Topic } from "./topic.ts";
import { NewerRules } from "./version.ts";

export class Loader {
  private readonly state: State;
  private readonly queues = new Map<number, Queue>();
  private readonly topics = new Map<number, Topic>();
  private readonly belongings: [Queue, Belonging][] = [];
  private readonly takers: Taker[] = [];
  private readonly ready: Lane[] = [];
  private last: Bytes = "";

  constructor(limits: Limits = defaultLimits, rules: Rules = standardRules) {
    this.state = new State(limits, rules);
  }

  /** Every row of loadRange, in key order. */
  row(key: Bytes, value: Uint8Array): void {
    assert(key > this.last, "rows out of order");
    this.last = key;
    switch (key.charAt(0)) {
      case family.meta:
        this.meta(value);
        return;
      case family.queue:
        this.queue(readU32(key, 1), value);
        return;
      case family.session:
        this.session(readU48(key, 1), value);
        return;
      case family.answers:
        this.answers(readU48(key, 1), readU48(key, 7), value);
        return;
      case family.consumer:
        this.consumer(readU48(key, 1), readU32(key, 7), value);
        return;
      case family.receive:
        this.receive(readU48(key, 1), readU48(key, 7), value);
        return;
      case family.lane:
        this.lane(key, value);
        return;
      case family.flight:
        this.flight(readU32(key, 1), readU48(key, 5), key.slice(11), value);
        return;
      case family.topic:
        this.topic(readU32(key, 1), value);
        return;
      default:
        throw new NewerRules("a row of an unknown family");
    }
  }

  finish(): Machine {
    const state = this.state;
    for (const [queue, lanes] of this.told) {
      for (const [name, row] of lanes) this.restoreLane(queue, name, row);
    }
    if (this.last !== "") for (const agenda of [state.agenda, state.windows]) agenda.forget();
    this.ready.sort((a, b) => a.ticket - b.ticket);
    for (const lane of this.ready) lane.queue.ready.push(lane);
    this.takers.sort((a, b) => a.ticket - b.ticket);
    for (const taker of this.takers) ringOf(taker).push(taker);
    for (const queue of this.queues.values()) {
      for (const lane of queue.lanes.values()) this.settleLane(queue, lane);
      for (const { live } of queue.bundles)
        assert(live > 0, "BU1: a bundle of which nothing is left");
    }
    for (const [queue, belonging] of this.belongings) this.belong(queue, belonging);
    return new Machine(state);
  }

  /** Derived numbers, once everything that belongs to the lane is there. */
  private settleLane(queue: Queue, lane: Lane): void {
    queue.messages += lane.messages;
    queue.bytes += lane.bytes;
    queue.delayed += (lane.blocked?.size ?? 0) + (lane.pool?.delayed ?? 0);
    if (lane.messages > 0) queue.activeKeys++;
    else this.state.idle.push(lane);
    assert(hasSomethingToGrant(lane) === lane.ticket > 0, "L4: a lane's ticket");
  }

  private meta(value: Uint8Array): void {
    const state = this.state;
    const meta = decodeMeta(value, state.rules.versionMax);
    state.appliedIndex = meta.appliedIndex;
    state.clusterTime = meta.clusterTime;
    state.leaseClock = meta.leaseClock;
    state.nextToken = meta.nextToken;
    state.nextTicket = meta.nextTicket;
    state.nextSession = meta.nextSession;
    state.nextQueue = meta.nextQueue;
    state.digest = new Digest(meta.high, meta.low);
    state.version = meta.version;
  }

  private queue(id: number, value: Uint8Array): void {
    const { queue, belonging } = decodeQueue(
      value,
      (name, createdAt, options) => new Queue(id, name, options, createdAt),
    );
    this.queues.set(id, queue);
    this.state.queues.set(queue.name, queue);
    this.state.queuesById.set(id, queue);
    if (belonging.owner > 0 || belonging.topic > 0) this.belongings.push([queue, belonging]);
  }

  private topic(id: number, value: Uint8Array): void {
    const topic = decodeTopic(id, value);
    this.topics.set(id, topic);
    this.state.topics.set(topic.name, topic);
    expectAging(this.state, topic);
  }

  /** Queues come before the sessions and the topics to which they belong. */
  private belong(queue: Queue, { owner, topic: id, filter, position, startTime }: Belonging): void {
    if (owner > 0) {
      queue.owner = this.sessionOf(owner);
      queue.owner.queues.add(queue);
    }
    if (id === 0) return;
    const topic = this.topics.get(id);
    assert(topic !== undefined, "a subscription to a topic that is not there");
    queue.subscription = { topic, filter, position, startTime, stalled: false };
    enlistSubscription(topic, queue);
    if (position > 0) this.state.catchingUp.add(queue);
  }

  private session(id: number, value: Uint8Array): void {
    const session = decodeSession(
      value,
      (name, ttlMs, lastSeen) => new Session(id, name, ttlMs, lastSeen),
    );
    this.state.sessions.set(id, session);
    this.state.timers.set(session, deadlineAfter(session.lastSeen, session.ttlMs));
  }

  private answers(sessionId: number, number: number, value: Uint8Array): void {
    const block = newBlock(number);
    decodeAnswers(value, block);
    block.stored = true;
    this.sessionOf(sessionId).blocks.set(number, block);
  }

  private consumer(sessionId: number, id: number, value: Uint8Array): void {
    const { queue, credit, leaseMs, ticket, wish } = decodeConsumer(value);
    const session = this.sessionOf(sessionId);
    const consumer = new Consumer(session, id, this.queueNamed(queue), credit, leaseMs);
    consumer.ticket = ticket;
    consumer.creditBytes = wish.bytes;
    consumer.keys = wish.keys;
    enlist(consumer);
    if (ticket > 0) this.takers.push(consumer);
  }

  private receive(sessionId: number, sequence: number, value: Uint8Array): void {
    const { queue, maxMessages, leaseMs, deadline, ticket, wish } = decodeReceive(value);
    const session = this.sessionOf(sessionId);
    const call = new Receive(session, sequence, this.queueNamed(queue), maxMessages, leaseMs);
    call.ticket = ticket;
    call.maxBytes = wish.bytes;
    call.keys = wish.keys;
    call.stored = true;
    adopt(this.state, call);
    this.state.timers.set(call, deadline);
    this.takers.push(call);
  }

  private lane(key: Bytes, value: Uint8Array): void {
    const bundle = bundleOfTellsRow(key);
    if (bundle !== undefined) {
      this.tellLanes(this.queueOf(readU32(key, 1)), bundle, value);
      return;
    }
    const { queueId, lane: name } = laneOfRow(key);
    const queue = this.queueOf(queueId);
    const lanes = this.told.get(queue);
    const told = lanes?.get(name);
    lanes?.delete(name);
    const isOld = told !== undefined && tailOfLane(told) > tailOfLane(value);
    this.restoreLane(queue, name, isOld ? told : value);
  }

  /** What bundles tell of lanes, until their own rows come. */
  private readonly told = new Map<Queue, Map<Bytes, Uint8Array>>();

  private tellLanes(queue: Queue, bundle: number, value: Uint8Array): void {
    queue.bundles.numbered(bundle).tells = true;
    const lanes = this.told.get(queue) ?? new Map<Bytes, Uint8Array>();
    this.told.set(queue, lanes);
    for (const [name, row] of lanesTold(value)) {
      const other = lanes.get(name);
      if (other === undefined || tailOfLane(row) > tailOfLane(other)) lanes.set(name, row);
    }
  }

  private restoreLane(queue: Queue, name: Bytes, value: Uint8Array): void {
    const lane = new Lane(queue, name);
    const reader = new ByteReader(value);
    readLane(reader, lane);
    // Idle lanes beyond the limit stay in the store, to be read when they are needed.
    const idle = !queue.unordered && reader.done && lane.messages === 0;
    if (idle && ++this.idle > this.state.limits.lanesResidentMax) return;
    queue.lanes.set(name, lane);
    while (!reader.done) this.addFlight(new Flight(lane, reader.int()), reader);
    if (lane.ticket > 0) this.ready.push(lane);
  }

  private idle = 0;

  private flight(queueId: number, keySeq: number, subLane: Bytes, value: Uint8Array): void {
    const lane = this.queueOf(queueId).lanes.get(subLane);
    assert(lane !== undefined, "a flight without a lane");
    const flight = new Flight(lane, keySeq);
    flight.stored = true;
    this.addFlight(flight, new ByteReader(value));
  }

  private addFlight(flight: Flight, reader: ByteReader): void {
    const sessionId = readFlight(reader, flight);
    const lane = flight.lane;
    addFlight(lane, flight);
    count(flight, flight.state, 1);
    if (flight.state === flightState.again) lane.pool?.again.push(flight.keySeq);
    if (flight.state === flightState.leased) this.lease(flight, this.sessionOf(sessionId));
    const waits = flight.state === flightState.leased || flight.state === flightState.retrying;
    if (waits) this.state.timers.set(flight, flight.deadline);
  }

  private lease(flight: Flight, session: Session): void {
    hold(session, flight);
    const consumer = session.consumers.get(flight.consumerId);
    if (consumer?.queue !== flight.lane.queue) return;
    flight.consumer = consumer;
    consumer.inUse++;
    consumer.bytesInUse += flight.bytes;
  }

  private queueOf(id: number): Queue {
    const queue = this.queues.get(id);
    assert(queue !== undefined, "a row of a queue that is not there");
    return queue;
  }

  private queueNamed(name: string): Queue {
    const queue = this.state.queues.get(name);
    assert(queue !== undefined, "a row of a queue that is not there");
    return queue;
  }

  private sessionOf(id: number): Session {
    const session = this.state.sessions.get(id);
    assert(session !== undefined, "a row of a session that is not there");
    return session;
  }
}
