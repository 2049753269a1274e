// What apply needs from the store: next to nothing. Lanes that were left out of memory, and messages to be dead-lettered.

import type { Command, LeaseRef, Settlement } from "./command.ts";
import { missingToExhaust } from "./exhaustion.ts";
import { findFlight, laneNameOf, missingLane } from "./lanes.ts";
import { Flight, flightState, type Queue, type State } from "./state.ts";
import type { Bytes } from "./store.ts";

const none: readonly Bytes[] = [];

export function missingForCommand(state: State, command: Command): readonly Bytes[] {
  switch (command.kind) {
    case "enqueue": {
      const queue = state.queues.get(command.queue);
      if (queue === undefined || queue.lanesEvicted === 0) return none;
      return one(missingLane(state, queue, laneNameOf(queue, command.message.key)));
    }
    case "enqueue-batch": {
      const queue = state.queues.get(command.queue);
      if (queue === undefined || queue.lanesEvicted === 0) return none;
      const rows = new Set<Bytes>();
      for (const message of command.messages) {
        const row = missingLane(state, queue, laneNameOf(queue, message.key));
        if (row !== undefined) rows.add(row);
      }
      return [...rows];
    }
    case "settle": {
      const queue = state.queues.get(command.lease.queue);
      return queue === undefined
        ? none
        : missingToSettle(state, queue, command.lease, command.settlement);
    }
    case "open-session":
    case "close-session":
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
      return none;
  }
}

function missingToSettle(
  state: State,
  queue: Queue,
  lease: LeaseRef,
  settlement: Settlement,
): readonly Bytes[] {
  const name = laneNameOf(queue, lease.lane);
  const lane = queue.lanes.get(name);
  if (lane === undefined) return one(missingLane(state, queue, name));
  if (settlement.kind !== "nack" && settlement.kind !== "reject") return none;
  const flight = findFlight(lane, lease.keySeq);
  if (flight?.state !== flightState.leased || flight.token !== lease.token) return none;
  if (settlement.kind === "nack" && flight.attempts + 1 < queue.options.maxAttempts) return none;
  const rows = new Set<Bytes>();
  missingToExhaust(state, flight, rows);
  return [...rows];
}

/** What leases that end by time need when the lease clock gets there. */
export function missingForTimers(state: State, leaseClock: number): readonly Bytes[] {
  const due = state.timers.due(leaseClock);
  if (due.length === 0) return none;
  const rows = new Set<Bytes>();
  for (const timer of due) {
    if (!(timer instanceof Flight) || timer.state !== flightState.leased) continue;
    if (timer.attempts + 1 < timer.lane.queue.options.maxAttempts) continue;
    missingToExhaust(state, timer, rows);
  }
  return rows.size === 0 ? none : [...rows];
}

function one(row: Bytes | undefined): readonly Bytes[] {
  return row === undefined ? none : [row];
}
