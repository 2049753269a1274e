// What holds of topics and of what belongs to others, between any two entries: part of invariants.ts.

import type { Check } from "./invariants.ts";
import type { Queue, State } from "./state.ts";
import { nextAging, type Topic } from "./topic.ts";

export function checkTopics(state: State, check: Check): void {
  for (const topic of state.topics.values()) checkTopic(state, topic, check);
  for (const queue of state.queues.values()) checkBelonging(state, queue, check);
  for (const queue of state.catchingUp) {
    const { subscription } = queue;
    check(queue.live && (subscription?.position ?? 0) > 0, `queue ${queue.name}: PS5: it is live`);
  }
}

function checkTopic(state: State, topic: Topic, check: Check): void {
  const name = `topic ${topic.name}`;
  const { blocks, subscriptions } = topic;
  check(!state.queues.has(topic.name), `${name}: a queue has its name`);
  let [at, bytes] = [topic.first, 0];
  for (const [place, block] of blocks.entries()) {
    check(block.first === at, `${name}: PS1: a gap between blocks`);
    at = blocks[place + 1]?.first ?? topic.last + 1;
    check(at > block.first, `${name}: PS1: an empty block`);
    bytes += block.bytes;
  }
  check(bytes === topic.bytes, `${name}: bytes`);
  check(state.topicAging <= (nextAging(topic) ?? Infinity), `${name}: PS3: it ages unseen`);
  check(
    subscriptions.every((one, place) => one.name > (subscriptions[place - 1]?.name ?? "")),
    `${name}: PS4: its subscriptions are out of order`,
  );
  check(
    subscriptions.every((one) => one.live && one.subscription?.topic === topic),
    `${name}: a subscription that is gone`,
  );
}

function checkBelonging(state: State, queue: Queue, check: Check): void {
  const name = `queue ${queue.name}`;
  const { owner, subscription } = queue;
  check(owner === undefined || (owner.live && owner.queues.has(queue)), `${name}: Y4: its owner`);
  if (subscription === undefined) return;
  const { topic, position } = subscription;
  check(topic.subscriptions.includes(queue), `${name}: PS4: its topic does not know it`);
  check(position > 0 === state.catchingUp.has(queue), `${name}: PS5: its position`);
  check(position === 0 || position <= topic.last, `${name}: PS5: nothing is left to copy`);
}
