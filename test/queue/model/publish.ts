// Publishing to a topic, and how what is retained comes to subscriptions that began later or went back.

import type { Enqueued, NewMessage } from "../../../queue/index.ts";
import { bodyOf, type Group } from "./enqueue.ts";
import { add, ageLimit, laneNameFor } from "./messages.ts";
import { windowOf, type Published, type Queue, type Subscription, type World } from "./world.ts";

export interface Subscriber {
  readonly queue: Queue;
  readonly subscription: Subscription;
}

/** By name. */
export function subscribersOf(world: World, topic: string): Subscriber[] {
  const subscribers: Subscriber[] = [];
  for (const queue of world.queues.values()) {
    const { subscription } = queue;
    if (subscription?.topic === topic) subscribers.push({ queue, subscription });
  }
  return subscribers.sort((a, b) => (a.queue.name < b.queue.name ? -1 : 1));
}

function matches(
  { filter }: Subscription,
  { key, headers }: { readonly key: string; readonly headers: Readonly<Record<string, string>> },
): boolean {
  const equal = Object.entries(filter.headers).every(([name, value]) => headers[name] === value);
  return equal && key.startsWith(filter.keyPrefix);
}

export const headersOf = ({ extras }: NewMessage): Readonly<Record<string, string>> =>
  extras?.headers ?? {};

/** Why this cannot be published. */
export function publishReasons(
  world: World,
  name: string,
  message: NewMessage,
  group: Group,
): string[] {
  const topic = world.topics.get(name);
  if (topic === undefined) return ["QUEUE_NOT_FOUND"];
  const { extras } = message;
  if (message.content.length > topic.options.maxMessageBytes) return ["TOO_LARGE"];
  if (extras !== undefined) {
    const { expectKeySeq, notBefore, delayMs, expiresAt, ttlMs, priority, dedupId } = extras;
    if (expectKeySeq + notBefore + delayMs + expiresAt + ttlMs + priority > 0) return ["MALFORMED"];
    if (dedupId !== "" && topic.options.dedupWindowMs === 0) return ["MALFORMED"];
    const seen = topic.dedup.get(dedupId) ?? group.published(topic, dedupId);
    if (dedupId !== "" && seen !== undefined) {
      const same = seen.key === message.key && seen.body === bodyOf(message.content);
      return same ? [] : ["IDEMPOTENCY_CONFLICT"];
    }
    if (dedupId !== "") group.publishes(topic, dedupId, message);
  }
  const reasons: string[] = [];
  for (const { queue, subscription } of subscribersOf(world, name)) {
    const one = { key: message.key, headers: headersOf(message) };
    if (subscription.catchingUpFrom > 0 || !matches(subscription, one)) continue;
    if (queue.options.ordering === "key" && message.key === "") reasons.push("KEY_REQUIRED");
    else group.put(queue, laneNameFor(world, queue, message.key, {}), bodyOf(message.content));
  }
  return reasons;
}

export function publish(
  world: World,
  name: string,
  message: NewMessage,
): Omit<Enqueued, "lane"> | undefined {
  const topic = world.topics.get(name);
  if (topic === undefined) return undefined;
  const { key, extras } = message;
  const body = bodyOf(message.content);
  const dedupId = extras?.dedupId ?? "";
  const seen = topic.dedup.get(dedupId);
  if (seen !== undefined) {
    return { queueId: topic.id, seq: seen.seq, keySeq: 0, deduplicated: true };
  }
  const seq = ++topic.last;
  const time = world.clusterTime;
  const one: Published = { seq, key, body, headers: headersOf(message), time };
  const { retentionMs, retentionBytes, dedupWindowMs } = topic.options;
  if (retentionMs + retentionBytes > 0) topic.retained.push(one);
  if (dedupId !== "") {
    topic.dedup.set(dedupId, { ...windowOf(world, dedupWindowMs), key, body, seq, keySeq: 0 });
  }
  for (const { queue, subscription } of subscribersOf(world, name)) {
    if (subscription.catchingUpFrom === 0) deliver(world, { queue, subscription }, one);
  }
  return { queueId: topic.id, seq, keySeq: 0 };
}

function deliver(world: World, { queue, subscription }: Subscriber, one: Published): boolean {
  if (!matches(subscription, one)) return false;
  add(world, queue, one.key, one.body, { expiresAt: ageLimit(world, queue) });
  return true;
}

/** How topics and their subscriptions were found at some moment within an entry: the model is told, and judges. */
export interface Seen {
  /** First sequence that each topic retains. */
  readonly first: ReadonlyMap<string, number>;
  /** Of each subscription. */
  readonly catchingUpFrom: ReadonlyMap<string, number>;
}

/** At the begin of an entry, those that lag are given what is retained, in order, as far as they have room. */
export function catchUp(world: World, seen: Seen): void {
  const lagging = [...world.queues.values()].filter(
    ({ subscription }) => (subscription?.catchingUpFrom ?? 0) > 0,
  );
  for (const queue of lagging.sort((a, b) => a.id - b.id)) {
    const { subscription } = queue;
    const topic = world.topics.get(subscription?.topic ?? "");
    if (subscription === undefined || topic === undefined) continue;
    const from = subscription.catchingUpFrom;
    const told = seen.catchingUpFrom.get(queue.name) ?? 0;
    const to = told === 0 ? topic.last + 1 : told;
    world.expect(told === 0 || told >= from, `${queue.name} falls back from ${from} to ${told}`);
    for (const one of topic.retained) {
      if (one.seq < from || one.seq >= to || one.time < subscription.fromTime) continue;
      const { maxMessages } = queue.options;
      const full = maxMessages > 0 && queue.depth >= maxMessages;
      if (deliver(world, { queue, subscription }, one)) {
        world.expect(!full, `${queue.name} is full and gets ${one.seq} of its topic`);
      }
    }
    subscription.catchingUpFrom = told;
    if (told === 0) subscription.fromTime = 0;
  }
}

/** P8: what a topic lets go of is what its owner said, and no more; but what is old does go. */
export function retention(
  world: World,
  seen: Seen,
  blockMessagesMax: number,
  when: "in time" | "at once",
): void {
  for (const topic of world.topics.values()) {
    const first = seen.first.get(topic.name) ?? topic.last + 1;
    const { retentionMs, retentionBytes } = topic.options;
    const old = (one: Published | undefined): boolean =>
      one !== undefined && retentionMs > 0 && one.time + retentionMs <= world.clusterTime;
    const nothing = retentionMs + retentionBytes === 0;
    for (
      let one = topic.retained[0];
      one !== undefined && one.seq < first;
      one = topic.retained[0]
    ) {
      topic.retained.shift();
      const rest = topic.retained.reduce((sum, { body }) => sum + body.length, 0);
      const beyond = retentionBytes > 0 && rest >= retentionBytes;
      world.expect(nothing || old(one) || beyond, `P8: topic ${topic.name} let go of ${one.seq}`);
    }
    const kept = topic.retained[0]?.seq ?? topic.last + 1;
    world.expect(kept === first, `topic ${topic.name} retains from ${first} on, not ${kept}`);
    if (when === "at once") continue;
    const block = topic.retained[Math.min(blockMessagesMax, topic.retained.length) - 1];
    world.expect(!old(block), `topic ${topic.name} keeps ${block?.seq} too long`);
  }
}
