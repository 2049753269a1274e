// What happened to a message, for people, in queues that keep it (history_ms): a row for each event, which apply never reads.
//   HR1. An event is written in the entry in which it happened, whatever becomes of the message in the same entry.
//   HR2. When the message is settled its history stays for history_ms, and goes as a whole. It goes at once when the queue stops
//       keeping any. A message that comes back (redrive) has its history as long as it is there, and for history_ms again.

import { dueKind } from "./agenda.ts";
import { assert } from "./assert.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { HistoryEvent, MessageRef } from "./command.ts";
import {
  historiesOfQueue,
  historyPrefix,
  indexOfHistoryRow,
  keySeqInLane,
  subLaneOf,
} from "./keys.ts";
import { findFlight, laneNameAt } from "./lanes.ts";
import type { Flight, Lane, Queue, State } from "./state.ts";
import type { Bytes } from "./store.ts";
import { isWaiting } from "./waiting.ts";

/** A kind's number is its place: new ones go to the end. */
const kinds: readonly HistoryEvent["kind"][] = [
  "enqueued",
  "delivered",
  "acked",
  "nacked",
  "released",
  "rejected",
  "lease-expired",
  "session-ended",
  "parked",
  "retried",
  "replaced",
  "skipped",
  "dead-lettered",
  "discarded",
  "expired",
  "cancelled",
  "redriven",
];

/** Something happened to a message that nobody holds, or without regard to its holder. */
export function note(
  state: State,
  lane: Lane,
  keySeq: number,
  kind: HistoryEvent["kind"],
  error = "",
): void {
  if (lane.queue.options.historyMs > 0) write(state, lane, keySeq, kind, undefined, error);
}

/** A lease begins, or is about to end: its holder is named. */
export function noteLease(
  state: State,
  flight: Flight,
  kind: HistoryEvent["kind"],
  error = "",
): void {
  const { lane, keySeq } = flight;
  if (lane.queue.options.historyMs > 0) write(state, lane, keySeq, kind, flight, error);
}

function write(
  state: State,
  lane: Lane,
  keySeq: number,
  kind: HistoryEvent["kind"],
  flight: Flight | undefined,
  error: string,
): void {
  const { entry } = state;
  assert(entry !== undefined, "HR1: an event without a log entry");
  const writer = new ByteWriter(64);
  writer.u8(kinds.indexOf(kind));
  writer.int(entry.time);
  writer.int(flight?.token ?? 0);
  writer.int(flight?.session?.id ?? 0);
  writer.int(flight?.consumerId ?? 0);
  writer.text(flight?.session?.name ?? "");
  writer.text(error);
  const message = historyPrefix(lane.queue.id, lane.name, keySeq);
  state.history.add(message, entry.index, writer.cut());
}

export function decodeHistoryEvent(row: Bytes, value: Uint8Array): HistoryEvent {
  const reader = new ByteReader(value);
  const kind = kinds[reader.u8()];
  if (kind === undefined) throw new Error("queue: an unknown event");
  const [time, token, session, consumer] = [reader.int(), reader.int(), reader.int(), reader.int()];
  const [sessionName, error] = [reader.text(), reader.text()];
  const logIndex = indexOfHistoryRow(row);
  return { kind, logIndex, time, token, session, sessionName, consumer, error };
}

/** HR2: the message is there again. `settledAt`: cluster time of what keepForAWhile was told. */
export function keepOnAgain(state: State, lane: Lane, keySeq: number, settledAt: number): void {
  const { id, options } = lane.queue;
  if (options.historyMs === 0) return;
  const due = settledAt + options.historyMs;
  state.agenda.remove({ due, queueId: id, kind: dueKind.history, lane: lane.name, keySeq });
}

/** Where the history of a message begins; undefined: there is no such queue. */
export function historyOf(state: State, ref: MessageRef): Bytes | undefined {
  const queue = state.queues.get(ref.queue);
  if (queue === undefined || (subLaneOf(ref.keySeq) > 0 && !queue.unordered)) return undefined;
  const lane = laneNameAt(queue, ref.lane, ref.keySeq);
  return historyPrefix(queue.id, lane, queue.unordered ? keySeqInLane(ref.keySeq) : ref.keySeq);
}

/** HR2: the message is settled. */
export function keepForAWhile(state: State, lane: Lane, keySeq: number): void {
  const { id, options } = lane.queue;
  if (options.historyMs === 0) return;
  const due = state.clusterTime + options.historyMs;
  state.agenda.add({ due, queueId: id, kind: dueKind.history, lane: lane.name, keySeq });
}

/** HR2: its time is over, unless the message is there again: `history_ms` may have changed since it was settled. */
export function forgetHistory(state: State, queue: Queue, name: Bytes, keySeq: number): void {
  const lane = queue.lanes.get(name);
  const there =
    lane !== undefined && (findFlight(lane, keySeq) !== undefined || isWaiting(lane, keySeq));
  if (!there) state.history.drop(historyPrefix(queue.id, name, keySeq));
}

/** HR2: the queue keeps none any more. */
export function forgetHistories(state: State, queue: Queue): void {
  state.history.dropAllBut(historiesOfQueue(queue.id), []);
}
