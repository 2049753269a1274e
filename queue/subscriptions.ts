// Subscriptions are queues that a topic fills. They begin now, or with something that the topic still retains.

import type { Filter, QueueOptions, Refusal, Reply, StartFrom } from "./command.ts";
import { sameFilter } from "./filter.ts";
import { differences, optionsRefusal } from "./options.ts";
import { describe, makeQueue } from "./queues.ts";
import { done, noQueue, refusal, refused } from "./refusal.ts";
import { Queue, type State, type Subscription } from "./state.ts";
import { sequenceAt, type Topic } from "./topic.ts";
import { noTopic } from "./topics.ts";

/** What a subscription asks for: the command's fields. */
export interface SubscriptionRequest {
  readonly name: string;
  readonly topic: string;
  readonly options: QueueOptions;
  readonly filter: Filter;
  readonly start: StartFrom;
}

/** Idempotent, as createQueue is: topic and filter count as options, the start does not. */
export function createSubscription(state: State, asked: SubscriptionRequest): Reply {
  const { name, options, filter } = asked;
  const topic = state.topics.get(asked.topic);
  if (topic === undefined) return noTopic(asked.topic);
  const wrong = optionsRefusal(name, options) ?? startRefusal(state, topic, asked.start);
  if (wrong !== undefined) return { kind: "refused", refusal: wrong };
  const present = state.queues.get(name);
  if (present !== undefined) {
    const different = differencesOf(present, asked);
    if (different.length === 0) return { kind: "queue", queue: describe(present), created: false };
    return refused("QUEUE_DIFFERS", `queue ${name} exists: ${different.join("; ")}`);
  }
  if (topic.subscriptions.length >= state.rules.subscriptionsPerTopicMax) {
    const text = `topic ${topic.name} has ${topic.subscriptions.length} subscriptions already`;
    return refused("TOO_MANY_IN_FLIGHT", text, "", state.rules.retryAfterMs);
  }
  const queue = makeQueue(state, name, options);
  if (!(queue instanceof Queue)) return { kind: "refused", refusal: queue };
  const subscription = { topic, filter, position: 0, startTime: 0, stalled: false };
  queue.subscription = subscription;
  enlistSubscription(topic, queue);
  begin(state, queue, subscription, asked.start);
  return { kind: "queue", queue: describe(queue), created: true };
}

function differencesOf(present: Queue, asked: SubscriptionRequest): string[] {
  const different = differences(present.options, asked.options);
  const { subscription } = present;
  const is = subscription?.topic.name ?? "none";
  if (is !== asked.topic) different.push(`topic is ${is}, asked for ${asked.topic}`);
  if (subscription !== undefined && !sameFilter(subscription.filter, asked.filter)) {
    different.push("filter is another one");
  }
  if (present.owner !== undefined) different.push("it is temporary");
  return different;
}

/** Kept by name: the order in which a publish reaches them (G1). */
export function enlistSubscription(topic: Topic, queue: Queue): void {
  topic.subscriptions.push(queue);
  topic.subscriptions.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The queue is deleted. */
export function endSubscription(state: State, queue: Queue): void {
  const topic = queue.subscription?.topic;
  if (topic === undefined) return;
  topic.subscriptions = topic.subscriptions.filter((one) => one !== queue);
  state.catchingUp.delete(queue);
}

export function replay(state: State, name: string, start: StartFrom): Reply {
  const queue = state.queues.get(name);
  if (queue === undefined) return noQueue(name);
  const { subscription } = queue;
  if (subscription === undefined) {
    return refused("MALFORMED", `queue ${name} does not subscribe to a topic`, "subscription");
  }
  const wrong = startRefusal(state, subscription.topic, start);
  if (wrong !== undefined) return { kind: "refused", refusal: wrong };
  begin(state, queue, subscription, start);
  return done;
}

function startRefusal(state: State, topic: Topic, start: StartFrom): Refusal | undefined {
  if (start.at === "sequence" && (start.sequence < 1 || start.sequence > topic.last + 1)) {
    const text = `start.sequence is ${start.sequence}: topic ${topic.name} takes 1 to ${topic.last + 1}`;
    return refusal("MALFORMED", text, "start.sequence");
  }
  if (start.at === "time" && start.time > state.clusterTime) {
    const text = `start.time_ms is ${start.time}, which lies ahead: it is ${state.clusterTime}`;
    return refusal("MALFORMED", text, "start.time_ms");
  }
  return undefined;
}

function begin(state: State, queue: Queue, subscription: Subscription, start: StartFrom): void {
  const position = positionOf(subscription.topic, start);
  const behind = position <= subscription.topic.last;
  subscription.position = behind ? position : 0;
  subscription.startTime = behind && start.at === "time" ? start.time : 0;
  subscription.stalled = false;
  if (behind) state.catchingUp.add(queue);
  else state.catchingUp.delete(queue);
  state.changedQueue(queue);
  state.digest.mix(queue.id);
  state.digest.mix(subscription.position);
}

function positionOf(topic: Topic, start: StartFrom): number {
  switch (start.at) {
    case "new":
      return topic.last + 1;
    case "earliest":
      return topic.first;
    case "sequence":
      return Math.max(topic.first, start.sequence);
    case "time":
      return sequenceAt(topic, start.time);
  }
}
