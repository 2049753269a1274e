// Subscriptions: who wants messages of which queue, and how many at once.

import type { Refusal, Reply } from "./command.ts";
import { placeConsumer } from "./grants.ts";
import { bounds } from "./options.ts";
import { done, noQueue, refusal, refused } from "./refusal.ts";
import { leasesOf } from "./session.ts";
import { Consumer, type Queue, type Session, type State } from "./state.ts";
import type { Bytes } from "./store.ts";

/** What a subscription asks for: the command's fields. */
export interface Subscription {
  readonly consumer: number;
  readonly queue: string;
  readonly credit: number;
  readonly leaseMs: number;
  readonly creditBytes?: number;
  readonly keys?: readonly Bytes[];
}

export function subscribe(state: State, session: Session, asked: Subscription): Reply {
  const queue = state.queues.get(asked.queue);
  if (queue === undefined) return noQueue(asked.queue);
  if (asked.credit > bounds.creditMax) {
    return refused("MALFORMED", `credit must be at most ${bounds.creditMax}`, "credit");
  }
  if (asked.consumer < 1 || asked.consumer > 0xffff_ffff) {
    return refused("MALFORMED", "consumer must be 1 to 4294967295", "consumer");
  }
  const keys = asked.keys ?? [];
  const present = session.consumers.get(asked.consumer);
  const wrong = keysRefusal(state, queue, keys, present);
  if (wrong !== undefined) return { kind: "refused", refusal: wrong };
  if (present !== undefined && present.queue !== queue) {
    const text = `consumer ${asked.consumer} is subscribed to queue ${present.queue.name}`;
    return refused("MALFORMED", text, "consumer");
  }
  if (present === undefined && session.consumers.size >= state.rules.consumersPerSessionMax) {
    const text = `the session has ${session.consumers.size} consumers already`;
    return refused("TOO_MANY_IN_FLIGHT", text, "", state.rules.retryAfterMs);
  }
  const consumer =
    present ?? new Consumer(session, asked.consumer, queue, asked.credit, asked.leaseMs);
  consumer.credit = asked.credit;
  consumer.leaseMs = asked.leaseMs;
  consumer.creditBytes = asked.creditBytes ?? 0;
  changeKeys(consumer, keys);
  if (present === undefined) enlist(consumer);
  placeConsumer(state, consumer);
  state.changedConsumer(consumer);
  return done;
}

/** What is wrong with a wish for some keys only. `present`: the taker that changes its wish. */
export function keysRefusal(
  state: State,
  queue: Queue,
  keys: readonly Bytes[],
  present?: Consumer,
): Refusal | undefined {
  if (keys.length === 0) return undefined;
  if (queue.options.ordering !== "key") {
    return refusal("MALFORMED", `queue ${queue.name} is not ordered by key`, "keys");
  }
  if (keys.length > bounds.keysWantedMax) {
    return refusal("MALFORMED", `keys must be at most ${bounds.keysWantedMax}`, "keys");
  }
  const { selectiveTakersMax, retryAfterMs } = state.rules;
  if (selectiveTakers(queue, present) < selectiveTakersMax) return undefined;
  const text = `${selectiveTakersMax} consumers and receives of queue ${queue.name} want some keys only`;
  return refusal("TOO_MANY_IN_FLIGHT", text, "keys", retryAfterMs);
}

function selectiveTakers(queue: Queue, except: Consumer | undefined): number {
  let count = 0;
  for (const one of queue.consumers) if (one !== except && one.keys.length > 0) count++;
  for (const one of queue.receives) if (one.keys.length > 0) count++;
  return count;
}

/** A consumer that wants other keys waits in another ring, or again at the end of its own. */
function changeKeys(consumer: Consumer, keys: readonly Bytes[]): void {
  const same =
    keys.length === consumer.keys.length && keys.every((key, at) => key === consumer.keys[at]);
  if (same) return;
  consumer.ring?.remove(consumer);
  consumer.ticket = 0;
  consumer.keys = keys;
}

/** Takes part from now on. Leases of an earlier subscription under the same number count as its own. */
export function enlist(consumer: Consumer): void {
  const { session, queue } = consumer;
  session.consumers.set(consumer.id, consumer);
  queue.consumers.add(consumer);
  for (const flight of leasesOf(session)) {
    if (flight.consumerId !== consumer.id || flight.lane.queue !== queue) continue;
    flight.consumer = consumer;
    consumer.inUse++;
    consumer.bytesInUse += flight.bytes;
  }
}

export function unsubscribe(state: State, session: Session, id: number): Reply {
  const consumer = session.consumers.get(id);
  if (consumer === undefined) return done;
  removeConsumer(state, consumer);
  for (const flight of leasesOf(session)) {
    if (flight.consumer === consumer) flight.consumer = undefined;
  }
  return done;
}

/** Its leases stay with the session. */
export function removeConsumer(state: State, consumer: Consumer): void {
  consumer.live = false;
  consumer.session.consumers.delete(consumer.id);
  consumer.queue.consumers.delete(consumer);
  placeConsumer(state, consumer);
  state.changedConsumer(consumer);
}
