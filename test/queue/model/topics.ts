// Topics and their subscriptions: made, changed, deleted, sent back.

import { isDeepStrictEqual } from "node:util";
import type { Answer, Command, StartFrom, TopicInfo } from "../../../queue/index.ts";
import { newQueue } from "./queues.ts";
import { subscribersOf } from "./publish.ts";
import type { Subscription, Topic, World } from "./world.ts";

export function createTopic(
  world: World,
  { name, options }: Command & { kind: "create-topic" },
  answer: Answer | undefined,
): void {
  const present = world.topics.get(name);
  if (
    world.queues.has(name) ||
    (present !== undefined && !isDeepStrictEqual(present.options, options))
  ) {
    world.refused(answer, "QUEUE_DIFFERS", "create topic");
    return;
  }
  world.answered(answer, "topic", "create topic");
  if (present !== undefined) return;
  const id = world.nextQueue++;
  world.topics.set(name, {
    ...{ name, id, options, revision: 1, last: 0, retained: [], dedup: new Map() },
  });
}

/** The topic, when it is there and has this revision; otherwise the refusal has been judged. */
function atRevision(
  world: World,
  name: string,
  revision: number,
  answer: Answer | undefined,
): Topic | undefined {
  const topic = world.topics.get(name);
  if (topic === undefined) {
    world.refused(answer, "TOPIC_NOT_FOUND", `change of ${name}`);
    return undefined;
  }
  if (revision === 0 || revision === topic.revision) return topic;
  world.refused(answer, "REVISION_CONFLICT", `change of ${name}`);
  return undefined;
}

export function updateTopic(
  world: World,
  command: Command & { kind: "update-topic" },
  answer: Answer | undefined,
): void {
  const topic = atRevision(world, command.name, command.revision, answer);
  if (topic === undefined) return;
  topic.options = { ...topic.options, ...command.changes };
  topic.revision++;
  world.answered(answer, "topic", "update topic");
}

export function deleteTopic(
  world: World,
  command: Command & { kind: "delete-topic" },
  answer: Answer | undefined,
): void {
  const topic = atRevision(world, command.name, command.revision, answer);
  if (topic === undefined) return;
  const subscribers = subscribersOf(world, topic.name);
  if (subscribers.length > 0 && !command.force) {
    world.refused(answer, "TOPIC_IN_USE", "delete topic");
    return;
  }
  world.topics.delete(topic.name);
  for (const { queue } of subscribers) queue.subscription = undefined;
  world.answered(answer, "done", "delete topic");
}

/** Where it begins; 0: with what is published from now on. */
function startOf(topic: Topic, start: StartFrom): { sequence: number; time: number } {
  const time = start.at === "time" ? start.time : 0;
  if (start.at === "new") return { sequence: 0, time };
  const wanted = topic.retained.filter(
    (one) => one.time >= time && (start.at !== "sequence" || one.seq >= start.sequence),
  );
  return { sequence: wanted[0]?.seq ?? 0, time };
}

/** A sequence that is not the next one either. */
function inTheFuture(topic: Topic, start: StartFrom): boolean {
  return start.at === "sequence" && start.sequence > topic.last + 1;
}

/** `told`: where it says that it goes on. Nothing that it wants may lie before; what it does not want is passed over. */
function begin(
  world: World,
  subscription: Subscription,
  topic: Topic,
  start: StartFrom,
  told: number,
): void {
  const { sequence, time } = startOf(topic, start);
  const right = told === 0 ? sequence === 0 : sequence === 0 || told <= sequence;
  world.expect(right, `subscription of ${topic.name} begins at ${told}, not ${sequence}`);
  subscription.catchingUpFrom =
    start.at === "sequence" && told > 0 ? Math.max(told, sequence) : told;
  subscription.fromTime = time;
}

export function createSubscription(
  world: World,
  command: Command & { kind: "create-subscription" },
  answer: Answer | undefined,
): void {
  const { name, options, filter, start } = command;
  const topic = world.topics.get(command.topic);
  const present = world.queues.get(name);
  if (topic === undefined) {
    world.refused(answer, "TOPIC_NOT_FOUND", "create subscription");
    return;
  }
  if (world.topics.has(name) || present !== undefined) {
    const subscription = present?.subscription;
    const equal =
      isDeepStrictEqual(present?.options, options) &&
      isDeepStrictEqual(subscription?.filter, filter);
    if (equal && subscription?.topic === topic.name) {
      world.answered(answer, "queue", "create subscription");
    } else {
      world.refused(answer, "QUEUE_DIFFERS", "create subscription");
    }
    return;
  }
  if (inTheFuture(topic, start)) {
    world.refused(answer, "MALFORMED", "create subscription");
    return;
  }
  world.answered(answer, "queue", "create subscription");
  const subscription: Subscription = { topic: topic.name, filter, catchingUpFrom: 0, fromTime: 0 };
  newQueue(world, name, options).subscription = subscription;
  const info = answer?.reply.kind === "queue" ? answer.reply.queue.subscription : undefined;
  begin(world, subscription, topic, start, info?.catchingUpFrom ?? 0);
}

/** `told`: where it goes on, as found after the command. */
export function replay(
  world: World,
  command: Command & { kind: "replay" },
  answer: Answer | undefined,
  told: number,
): void {
  const queue = world.queues.get(command.subscription);
  const topic = world.topics.get(queue?.subscription?.topic ?? "");
  if (queue === undefined) {
    world.refused(answer, "QUEUE_NOT_FOUND", "replay");
  } else if (queue.subscription === undefined || topic === undefined) {
    world.refused(answer, ["TOPIC_NOT_FOUND", "MALFORMED"], "replay");
  } else if (inTheFuture(topic, command.start)) {
    world.refused(answer, "MALFORMED", "replay");
  } else {
    world.answered(answer, "done", "replay");
    begin(world, queue.subscription, topic, command.start, told);
  }
}

/** What GetTopic must show. */
export function compareTopic(world: World, info: TopicInfo | undefined, name: string): void {
  const topic = world.topics.get(name);
  if (topic === undefined || info === undefined) {
    world.expect(topic === undefined && info === undefined, `topic ${name}: is it there?`);
    return;
  }
  const expected = {
    id: topic.id,
    options: topic.options,
    revision: topic.revision,
    last: topic.last,
    first: topic.retained[0]?.seq ?? topic.last + 1,
    bytes: topic.retained.reduce((sum, { body }) => sum + body.length, 0),
    subscriptions: subscribersOf(world, name).map(({ queue }) => queue.name),
  };
  for (const [field, value] of Object.entries(expected)) {
    const given = info[field as keyof typeof expected];
    const what = `topic ${name}: ${field} is ${JSON.stringify(given)}`;
    world.expect(isDeepStrictEqual(given, value), `${what}, expected ${JSON.stringify(value)}`);
  }
}
