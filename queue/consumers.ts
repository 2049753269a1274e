// Subscriptions: who wants messages of which queue, and how many at once.

import type { Reply } from "./command.ts";
import { placeConsumer } from "./grants.ts";
import { bounds } from "./options.ts";
import { done, noQueue, refused } from "./refusal.ts";
import { leasesOf } from "./session.ts";
import { Consumer, type Session, type State } from "./state.ts";

/** What a subscription asks for: the command's fields. */
export interface Subscription {
  readonly consumer: number;
  readonly queue: string;
  readonly credit: number;
  readonly leaseMs: number;
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
  const present = session.consumers.get(asked.consumer);
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
  if (present === undefined) enlist(consumer);
  placeConsumer(state, consumer);
  state.changedConsumer(consumer);
  return done;
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
