// The topics themselves: create, update by revision, delete, look. They share their names and their ids with the queues.

import type { Reply, TopicInfo, TopicOptions } from "./command.ts";
import { rangesOfTopic } from "./keys.ts";
import { done, refused } from "./refusal.ts";
import { expectAging, trim } from "./retention.ts";
import type { State } from "./state.ts";
import { Topic } from "./topic.ts";
import { topicDifferences } from "./topic-options.ts";

/** Idempotent: a topic that is there with the same options is the answer. */
export function createTopic(state: State, name: string, options: TopicOptions): Reply {
  const present = state.topics.get(name);
  if (present !== undefined) {
    const different = topicDifferences(present.options, options);
    if (different.length === 0) return answer(present);
    return refused("QUEUE_DIFFERS", `topic ${name} exists: ${different.join("; ")}`);
  }
  if (state.queues.has(name)) return refused("QUEUE_DIFFERS", `${name} is a queue`, "name");
  if (state.topics.size >= state.rules.topicsMax) {
    const text = `there are ${state.topics.size} topics already`;
    return refused("TOO_MANY_IN_FLIGHT", text, "", state.rules.retryAfterMs);
  }
  const topic = new Topic(state.nextQueue++, name, options, state.clusterTime);
  state.topics.set(name, topic);
  state.changedTopic(topic);
  return { ...answer(topic), created: true };
}

export function updateTopic(
  state: State,
  name: string,
  revision: number,
  changes: Partial<TopicOptions>,
): Reply {
  const topic = state.topics.get(name);
  if (topic === undefined) return noTopic(name);
  if (revision !== 0 && revision !== topic.revision) return revisionConflict(topic, revision);
  topic.options = { ...topic.options, ...changes };
  topic.revision++;
  trim(state, topic);
  expectAging(state, topic);
  state.changedTopic(topic);
  return answer(topic);
}

export function deleteTopic(state: State, name: string, revision: number, force: boolean): Reply {
  const topic = state.topics.get(name);
  if (topic === undefined) return noTopic(name);
  if (revision !== 0 && revision !== topic.revision) return revisionConflict(topic, revision);
  if (topic.subscriptions.length > 0 && !force) {
    const text = `topic ${name} has ${topic.subscriptions.length} subscriptions`;
    return refused("TOPIC_IN_USE", text);
  }
  for (const queue of topic.subscriptions) {
    queue.subscription = undefined;
    state.catchingUp.delete(queue);
    state.changedQueue(queue);
  }
  topic.live = false;
  state.topics.delete(name);
  for (const range of rangesOfTopic(topic.id)) state.rows.deleteRange(range);
  state.changedTopic(topic);
  state.digest.mix(topic.id);
  return done;
}

function revisionConflict(topic: Topic, revision: number): Reply {
  const text = `topic ${topic.name} has revision ${topic.revision}, not ${revision}`;
  return refused("REVISION_CONFLICT", text, "revision");
}

export function noTopic(name: string, field = "topic"): Reply {
  return refused("TOPIC_NOT_FOUND", `there is no topic ${JSON.stringify(name)}`, field);
}

type TopicReply = Extract<Reply, { kind: "topic" }>;

function answer(topic: Topic): TopicReply {
  return { kind: "topic", topic: describeTopic(topic), created: false };
}

export function describeTopic(topic: Topic): TopicInfo {
  const { id, name, options, revision, createdAt, last, first, bytes } = topic;
  const subscriptions = topic.subscriptions.map((queue) => queue.name);
  return { id, name, options, revision, createdAt, last, first, bytes, subscriptions };
}
