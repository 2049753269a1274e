// The queues themselves: create, update by revision, delete, look.

import type { QueueInfo, QueueOptions, Refusal, Reply, SubscriptionInfo } from "./command.ts";
import { removeConsumer } from "./consumers.ts";
import { endLease } from "./grants.ts";
import { forgetHistories } from "./history.ts";
import { rangesOfQueue } from "./keys.ts";
import { hasSomethingToGrant, place } from "./lanes.ts";
import { differences, optionsRefusal } from "./options.ts";
import { completeReceive } from "./receive.ts";
import { done, noQueue, refusal, refused } from "./refusal.ts";
import { Queue, type Flight, type Lane, type Session, type State } from "./state.ts";
import { endSubscription } from "./subscriptions.ts";

/** Idempotent: a queue that is there with the same options is the answer. `owner`: it is temporary, and goes with this session. */
export function createQueue(
  state: State,
  name: string,
  options: QueueOptions,
  owner?: Session,
): Reply {
  const wrong = optionsRefusal(name, options);
  if (wrong !== undefined) return { kind: "refused", refusal: wrong };
  const present = state.queues.get(name);
  if (present !== undefined) {
    const different = differences(present.options, options);
    if (present.owner !== owner) different.push(ownerDiffers(present));
    if (present.subscription !== undefined) {
      different.push(`it subscribes to topic ${present.subscription.topic.name}`);
    }
    if (different.length === 0) return { kind: "queue", queue: describe(present), created: false };
    return refused("QUEUE_DIFFERS", `queue ${name} exists: ${different.join("; ")}`);
  }
  const queue = makeQueue(state, name, options);
  if (!(queue instanceof Queue)) return { kind: "refused", refusal: queue };
  if (owner !== undefined) {
    queue.owner = owner;
    owner.queues.add(queue);
  }
  return { kind: "queue", queue: describe(queue), created: true };
}

function ownerDiffers({ owner }: Queue): string {
  return owner === undefined
    ? "it is not temporary"
    : `it is temporary, and goes with session ${owner.id}`;
}

/** A queue of this name is not there, and its options are good. */
export function makeQueue(state: State, name: string, options: QueueOptions): Queue | Refusal {
  if (state.topics.has(name)) return refusal("QUEUE_DIFFERS", `${name} is a topic`, "name");
  if (state.queues.size >= state.rules.queuesMax) {
    const text = `there are ${state.queues.size} queues already`;
    return refusal("TOO_MANY_IN_FLIGHT", text, "", state.rules.retryAfterMs);
  }
  const queue = new Queue(state.nextQueue++, name, options, state.clusterTime);
  state.queues.set(name, queue);
  state.queuesById.set(queue.id, queue);
  state.changedQueue(queue);
  return queue;
}

export function updateQueue(
  state: State,
  name: string,
  revision: number,
  changes: Partial<QueueOptions>,
): Reply {
  const queue = state.queues.get(name);
  if (queue === undefined) return noQueue(name);
  if (revision !== 0 && revision !== queue.revision) return revisionConflict(queue, revision);
  const options = { ...queue.options, ...changes };
  if (options.ordering !== queue.options.ordering) {
    const text = `queue ${name} is ordered by ${queue.options.ordering}: that cannot change`;
    return refused("MALFORMED", text, "ordering");
  }
  const wrong = optionsRefusal(name, options);
  if (wrong !== undefined) return { kind: "refused", refusal: wrong };
  if (queue.options.historyMs > 0 && options.historyMs === 0) forgetHistories(state, queue);
  queue.options = options;
  queue.revision++;
  state.changedQueue(queue);
  placeLanes(state, queue);
  state.touch(queue);
  return { kind: "queue", queue: describe(queue), created: false };
}

function revisionConflict(queue: Queue, revision: number): Reply {
  const text = `queue ${queue.name} has revision ${queue.revision}, not ${revision}`;
  return refused("REVISION_CONFLICT", text, "revision");
}

/** After a change of the window. By name: the order of a Map is not the same on a node that was restored (G1). */
function placeLanes(state: State, queue: Queue): void {
  const misplaced: Lane[] = [];
  for (const lane of queue.lanes.values()) {
    if (hasSomethingToGrant(lane) !== (lane.ring === queue.ready)) misplaced.push(lane);
  }
  misplaced.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const lane of misplaced) place(state, lane);
}

export function deleteQueue(state: State, name: string, revision: number, ifEmpty: boolean): Reply {
  const queue = state.queues.get(name);
  if (queue === undefined) return noQueue(name);
  if (revision !== 0 && revision !== queue.revision) return revisionConflict(queue, revision);
  if (ifEmpty && queue.messages > 0) {
    return refused("QUEUE_NOT_EMPTY", `queue ${name} has ${queue.messages} messages`);
  }
  removeQueue(state, queue);
  return done;
}

/** With everything that is in it. */
export function removeQueue(state: State, queue: Queue): void {
  queue.live = false;
  state.queues.delete(queue.name);
  state.queuesById.delete(queue.id);
  queue.owner?.queues.delete(queue);
  endSubscription(state, queue);
  for (const consumer of [...queue.consumers]) removeConsumer(state, consumer);
  for (const lane of queue.lanes.values()) {
    for (let flight = lane.firstFlight; flight !== undefined; flight = flight.nextOfLane) {
      abandon(state, flight);
    }
    if (lane.pool !== undefined) {
      for (const flight of lane.pool.flights.values()) abandon(state, flight);
    }
    lane.ring?.remove(lane);
  }
  const calls = [...queue.receives].sort(
    (a, b) => a.session.id - b.session.id || a.sequence - b.sequence,
  );
  for (const call of calls) completeReceive(state, call, noQueue(queue.name));
  for (const range of rangesOfQueue(queue.id)) state.rows.dropPending(range);
  state.messages.forget(queue);
  if (queue.options.historyMs > 0) forgetHistories(state, queue);
  state.changedQueue(queue);
  state.digest.mix(queue.id);
}

/** The message goes with its queue. */
function abandon(state: State, flight: Flight): void {
  if (flight.session !== undefined) endLease(state, flight);
  else state.timers.clear(flight);
}

function describeSubscription({ subscription }: Queue): SubscriptionInfo | undefined {
  if (subscription === undefined) return undefined;
  const { topic, filter, position } = subscription;
  return { topic: topic.name, filter, catchingUpFrom: position };
}

/** O(1): every number is kept up to date as things happen. */
export function describe(queue: Queue): QueueInfo {
  const { messages, leased, retrying, parked, delayed } = queue;
  return {
    id: queue.id,
    name: queue.name,
    options: queue.options,
    revision: queue.revision,
    createdAt: queue.createdAt,
    ready: messages - leased - retrying - parked - delayed,
    leased,
    retrying,
    parked,
    bytes: queue.bytes,
    activeKeys: queue.unordered ? Math.min(1, queue.activeKeys) : queue.activeKeys,
    parkedKeys: queue.parkedKeys,
    consumers: queue.consumers.size,
    enqueued: queue.enqueued,
    acked: queue.acked,
    deadLettered: queue.deadLettered,
    discarded: queue.discarded,
    redelivered: { ...queue.redelivered },
    delayed,
    expired: queue.expired,
    cancelled: queue.cancelled,
    skipped: queue.skipped,
    redriven: queue.redriven,
    deduplicated: queue.deduplicated,
    pausedKeys: queue.pausedKeys,
    owner: queue.owner?.id ?? 0,
    subscription: describeSubscription(queue),
  };
}
