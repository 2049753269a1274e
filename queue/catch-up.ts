// A subscription that begins in the past, or goes back, copies what its topic retains: a little with each entry, at its
// beginning, so that the rows it needs are known before. When nothing is left it is live, from the same entry on (PS5).
//   PS6. In the topic's order, and nothing twice: what is published meanwhile waits in the topic. What the topic's retention took
//       before the subscription came to it is passed over.
//   PS7. It stops at the subscription's quotas, and goes on when there is room. Those of a key hold back producers only (Z2).

import { assert } from "./assert.ts";
import { append, quotaRefusal } from "./enqueue.ts";
import { matches } from "./filter.ts";
import { topicMessageRow } from "./keys.ts";
import { laneNameOf, missingLane } from "./lanes.ts";
import type { Queue, State, Subscription } from "./state.ts";
import type { Bytes } from "./store.ts";
import { decodeTopicMessage, type TopicMessage } from "./topic-codec.ts";

/** Rows that are asked for at once: how large they are is seen only then. */
const rowsAtOnce = 16;

interface Look {
  readonly copies: readonly TopicMessage[];
  /** Where to go on. */
  readonly next: number;
  /** Rows without which it cannot be said: ask again when they are there. */
  readonly missing: readonly Bytes[];
}

/** What this subscription gets with this entry. */
function look(state: State, queue: Queue, subscription: Subscription): Look {
  const { topic, filter, startTime } = subscription;
  const { catchUpMessagesMax, catchUpBytesMax } = state.rules;
  const copies: TopicMessage[] = [];
  let [next, bytesSeen, bytes] = [Math.max(subscription.position, topic.first), 0, 0];
  const end = Math.min(topic.last + 1, next + catchUpMessagesMax);
  while (next < end && bytesSeen < catchUpBytesMax) {
    const value = state.rows.row(topicMessageRow(topic.id, next));
    if (value === "not-here") return { copies, next, missing: rowsFrom(topic.id, next, end) };
    assert(value !== undefined, "PS1: a retained message has no row");
    const message = decodeTopicMessage(value);
    const size = message.content.length;
    bytesSeen += size;
    const wanted = message.time >= startTime && matches(filter, message.key, message.headers);
    if (wanted) {
      if (quotaRefusal(state, queue, copies.length + 1, bytes + size) !== undefined) break;
      copies.push(message);
      bytes += size;
    }
    next++;
  }
  return { copies, next, missing: [] };
}

function rowsFrom(topicId: number, from: number, end: number): Bytes[] {
  const rows: Bytes[] = [];
  for (let at = from; at < end && rows.length < rowsAtOnce; at++) {
    rows.push(topicMessageRow(topicId, at));
  }
  return rows;
}

/** Rows that catchUp needs. Those of lanes become known only when the messages are there. */
export function missingToCatchUp(state: State, missing: Set<Bytes>): void {
  if (state.catchingUp.size === 0) return;
  for (const { queue, subscription } of turn(state)) {
    const { copies, missing: rows } = look(state, queue, subscription);
    for (const row of rows) missing.add(row);
    for (const { key } of copies) {
      const lane = missingLane(state, queue, laneNameOf(queue, key));
      if (lane !== undefined) missing.add(lane);
    }
  }
}

export function catchUp(state: State): void {
  if (state.catchingUp.size === 0) return;
  for (const { queue, subscription } of turn(state)) {
    const { copies, next, missing } = look(state, queue, subscription);
    assert(missing.length === 0, "a row that catching up needs was not provided");
    for (const { key, content } of copies) append(state, queue, key, content, undefined);
    subscription.stalled = next === subscription.position;
    subscription.position = next;
    state.changedQueue(queue);
    state.digest.mix(next);
  }
  for (const queue of state.catchingUp) goLive(state, queue);
}

/** Nothing is left, or nothing is retained of it. */
function goLive(state: State, queue: Queue): void {
  const { subscription } = queue;
  if (subscription === undefined) return;
  const { topic } = subscription;
  if (Math.max(subscription.position, topic.first) <= topic.last) return;
  subscription.position = 0;
  subscription.startTime = 0;
  state.catchingUp.delete(queue);
  state.changedQueue(queue);
}

/** Whether an entry would copy something: then whoever leads proposes one. Not where the last one could not. */
export function canCatchUp(state: State): boolean {
  return state.catchingUp.size > 0 && turn(state).some(({ subscription }) => !subscription.stalled);
}

/** Whose turn it is, by id (G1): those with room, not all at once. */
function turn(state: State): { queue: Queue; subscription: Subscription }[] {
  const all: { queue: Queue; subscription: Subscription }[] = [];
  for (const queue of state.catchingUp) {
    const { subscription } = queue;
    if (subscription === undefined || quotaRefusal(state, queue, 1, 0) !== undefined) continue;
    all.push({ queue, subscription });
  }
  all.sort((a, b) => a.queue.id - b.queue.id);
  return all.slice(0, state.rules.catchUpSubscriptionsMax);
}
