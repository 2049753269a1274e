// Publishing: one message, or a batch, to a topic and to everything that subscribes to it, in one step.
//   PS4. Whole or not at all: a live subscription that cannot take what matches refuses the publish, and is named.
//   PS5. A subscription that catches up gets nothing here: it gets it from what the topic retains, in the topic's order.

import { assert } from "./assert.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { Enqueued, MessageExtras, NewMessage, Refusal } from "./command.ts";
import { append } from "./enqueue.ts";
import { matches } from "./filter.ts";
import { topicMessageRow } from "./keys.ts";
import { laneNameOf, missingLane } from "./lanes.ts";
import { refusal } from "./refusal.ts";
import { expectAging, trim } from "./retention.ts";
import type { Queue, State } from "./state.ts";
import type { Bytes } from "./store.ts";
import { encodeTopicMessage } from "./topic-codec.ts";
import { extendBlocks, type Topic } from "./topic.ts";

const noHeaders: MessageExtras["headers"] = {};

/** Rows to read before these can be published: lanes of subscriptions. */
export function missingToPublish(
  state: State,
  name: string,
  messages: readonly NewMessage[],
  missing: Set<Bytes>,
): void {
  const topic = state.topics.get(name);
  if (topic === undefined) return;
  for (const message of messages) {
    for (const queue of targets(topic, message)) {
      const row = missingLane(state, queue, laneNameOf(queue, message.key));
      if (row !== undefined) missing.add(row);
    }
  }
}

/** Live subscriptions that this message goes to, by name. */
export function targets(topic: Topic, message: NewMessage): Queue[] {
  const headers = message.extras?.headers ?? noHeaders;
  return topic.subscriptions.filter(
    ({ subscription }) =>
      subscription !== undefined &&
      subscription.position === 0 &&
      matches(subscription.filter, message.key, headers),
  );
}

/** What is wrong with the message itself; what its subscriptions say comes after. */
export function topicRefusal(topic: Topic, message: NewMessage): Refusal | undefined {
  const { maxMessageBytes } = topic.options;
  const size = message.content.length;
  if (size > maxMessageBytes) {
    const text = `a message of ${size} bytes, topic ${topic.name} takes ${maxMessageBytes} at most`;
    return refusal("TOO_LARGE", text, "body");
  }
  if (message.extras?.dedupId !== undefined && message.extras.dedupId !== "") {
    if (topic.options.dedupWindowMs === 0) {
      return refusal("MALFORMED", `topic ${topic.name} has no dedup_window_ms`, "dedup_id");
    }
  }
  const field = notForTopics(message.extras);
  if (field === undefined) return undefined;
  return refusal("MALFORMED", `${topic.name} is a topic: ${field} is for queues`, field);
}

function notForTopics(extras: MessageExtras | undefined): string | undefined {
  if (extras === undefined) return undefined;
  if (extras.expectKeySeq > 0) return "expect_key_seq";
  if (extras.notBefore > 0) return "not_before_ms";
  if (extras.delayMs > 0) return "delay_ms";
  if (extras.expiresAt > 0) return "expires_at_ms";
  if (extras.ttlMs > 0) return "ttl_ms";
  return extras.priority > 0 ? "priority" : undefined;
}

/** Everything was checked. */
export function publish(state: State, topic: Topic, message: NewMessage): Enqueued {
  const entry = state.entry;
  assert(entry !== undefined, "a message without a log entry");
  const { key, content } = message;
  const seq = ++topic.last;
  if (topic.retains) retain(state, topic, message);
  for (const queue of targets(topic, message)) append(state, queue, key, content, undefined);
  state.changedTopic(topic);
  state.digest.mix(topic.id);
  state.digest.mix(seq);
  return { queueId: topic.id, lane: key, seq, keySeq: 0 };
}

function retain(state: State, topic: Topic, message: NewMessage): void {
  const time = state.clusterTime;
  const writer = new ByteWriter(64 + message.content.length);
  encodeTopicMessage(writer, { ...message, time, headers: message.extras?.headers ?? noHeaders });
  state.rows.putRow(topicMessageRow(topic.id, topic.last), writer.cut());
  extendBlocks(topic, state.rules, message.content.length, time);
  trim(state, topic);
  expectAging(state, topic);
}
