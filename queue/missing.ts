// What apply needs from the store: next to nothing. Lanes that were left out of memory, and messages to be dead-lettered.

import { missingToCancel } from "./cancel.ts";
import type { Command, LeaseRef, NewMessage, Origin, Settlement } from "./command.ts";
import { missingToExhaust } from "./exhaustion.ts";
import { missingToSee } from "./dedup.ts";
import { laneNameFor } from "./enqueue.ts";
import { missingToGo } from "./expiry.ts";
import { keySeqInLane } from "./keys.ts";
import { findFlight, laneNameAt, missingLane } from "./lanes.ts";
import { timesOf } from "./message-rules.ts";
import { missingToPause } from "./pause-key.ts";
import { missingToPublish } from "./publish.ts";
import { missingToRedrive } from "./redrive.ts";
import { missingToResolve } from "./resolve.ts";
import { leasesOf } from "./session.ts";
import { Flight, flightState, Session, type Queue, type State } from "./state.ts";
import type { Bytes } from "./store.ts";

const none: readonly Bytes[] = [];

export function missingForCommand(
  state: State,
  command: Command,
  origin: Origin,
): readonly Bytes[] {
  switch (command.kind) {
    case "enqueue": {
      const queue = state.queues.get(command.queue);
      // As nearly always.
      if (queue?.lanesEvicted === 0 && command.message.extras === undefined) return none;
      return missingToEnqueue(state, command.queue, [command.message]);
    }
    case "enqueue-batch":
      return missingToEnqueue(state, command.queue, command.messages);
    case "commit":
      return missingToCommit(state, command);
    case "settle": {
      const queue = state.queues.get(command.lease.queue);
      return queue === undefined
        ? none
        : missingToSettle(state, queue, command.lease, command.settlement);
    }
    case "close-session": {
      const session = state.sessions.get(origin.session);
      const rows = new Set<Bytes>();
      if (session !== undefined) missingToRelease(state, session, rows);
      return [...rows];
    }
    case "open-session":
    case "keep-alive":
    case "attach":
    case "detach":
    case "create-queue":
    case "update-queue":
    case "delete-queue":
    case "subscribe":
    case "unsubscribe":
    case "receive":
    case "tick":
    case "refuse":
    case "raise-version":
    case "create-temporary-queue":
    case "purge":
    case "create-topic":
    case "update-topic":
    case "delete-topic":
    case "create-subscription":
    case "replay":
      return none;
    case "cancel":
      return gather((rows) => missingToCancel(state, command.message, rows));
    case "pause-key":
      return gather((rows) => missingToPause(state, command.queue, command.lane, rows));
    case "redrive":
      return gather((rows) => missingToRedrive(state, command, rows));
    case "resolve-parked":
      return gather((rows) => missingToResolve(state, command.message, command.resolution, rows));
    default:
      return none;
  }
}

function gather(into: (rows: Set<Bytes>) => void): readonly Bytes[] {
  const rows = new Set<Bytes>();
  into(rows);
  return [...rows];
}

function missingToEnqueue(
  state: State,
  name: string,
  messages: readonly NewMessage[],
): readonly Bytes[] {
  const queue = state.queues.get(name);
  if (queue === undefined && state.topics.size === 0) return none;
  let rows: Set<Bytes> | undefined;
  for (const message of messages) {
    // Nearly always there is nothing to be read.
    if (queue?.lanesEvicted === 0 && message.extras === undefined) continue;
    rows ??= new Set();
    missingForMessage(state, name, message, rows);
  }
  return rows === undefined ? none : [...rows];
}

/** Its lane, and what was seen with its dedup_id. */
export function missingForMessage(
  state: State,
  name: string,
  message: NewMessage,
  rows: Set<Bytes>,
): void {
  const queue = state.queues.get(name);
  const target = queue ?? state.topics.get(name);
  if (target === undefined) return;
  const { key, extras } = message;
  if (extras !== undefined && extras.dedupId !== "") {
    missingToSee(state, target.id, extras.dedupId, rows);
  }
  if (queue === undefined) {
    missingToPublish(state, name, [message], rows);
    return;
  }
  const lane = missingLane(state, queue, laneNameFor(queue, key, timesOf(state, extras)));
  if (lane !== undefined) rows.add(lane);
}

function missingToCommit(
  state: State,
  commit: Extract<Command, { kind: "commit" }>,
): readonly Bytes[] {
  const rows = new Set<Bytes>();
  for (const condition of commit.conditions) {
    const held = condition.kind === "lease";
    const { queue: name, lane } = held ? condition.lease : condition;
    const queue = state.queues.get(name);
    if (queue === undefined) continue;
    const keySeq = held ? condition.lease.keySeq : 0;
    const row = missingLane(state, queue, laneNameAt(queue, lane, keySeq));
    if (row !== undefined) rows.add(row);
  }
  for (const { lease, settlement } of commit.settles) {
    const queue = state.queues.get(lease.queue);
    if (queue === undefined) continue;
    for (const row of missingToSettle(state, queue, lease, settlement)) rows.add(row);
  }
  for (const { queue, message } of commit.enqueues) missingForMessage(state, queue, message, rows);
  return rows.size === 0 ? none : [...rows];
}

function missingToSettle(
  state: State,
  queue: Queue,
  lease: LeaseRef,
  settlement: Settlement,
): readonly Bytes[] {
  const isOfLane = settlement.kind === "ack" || settlement.kind === "extend";
  // As nearly always.
  if (isOfLane && queue.lanesEvicted === 0) return none;
  const name = laneNameAt(queue, lease.lane, lease.keySeq);
  const lane = queue.lanes.get(name);
  if (lane === undefined) return one(missingLane(state, queue, name));
  if (isOfLane) return none;
  const flight = findFlight(lane, keySeqInLane(lease.keySeq));
  if (flight?.state !== flightState.leased || flight.token !== lease.token) return none;
  const rows = new Set<Bytes>();
  const exhausts =
    settlement.kind === "reject" ||
    (settlement.kind === "nack" && flight.attempts + 1 >= queue.options.maxAttempts);
  if (exhausts) missingToExhaust(state, flight, rows);
  else missingToGo(state, flight, rows);
  return [...rows];
}

/** What leases that end by time need when the lease clock gets there. */
export function missingForTimers(state: State, leaseClock: number): readonly Bytes[] {
  const due = state.timers.due(leaseClock);
  if (due.length === 0) return none;
  const rows = new Set<Bytes>();
  for (const timer of due) {
    if (timer instanceof Session) missingToRelease(state, timer, rows);
    if (!(timer instanceof Flight) || timer.state !== flightState.leased) continue;
    if (timer.attempts + 1 < timer.lane.queue.options.maxAttempts) missingToGo(state, timer, rows);
    else missingToExhaust(state, timer, rows);
  }
  return rows.size === 0 ? none : [...rows];
}

/** The end of a session ends its leases. */
function missingToRelease(state: State, session: Session, rows: Set<Bytes>): void {
  for (const flight of leasesOf(session)) missingToGo(state, flight, rows);
}

function one(row: Bytes | undefined): readonly Bytes[] {
  return row === undefined ? none : [row];
}
