// Queues: made, changed, deleted, and what GetQueue must show of them.

import { isDeepStrictEqual } from "node:util";
import type { Answer, Command, QueueInfo, QueueOptions } from "../../../queue/index.ts";
import { messagesOf } from "./messages.ts";
import { counters, type Queue, type World } from "./world.ts";

type Create = Command & { kind: "create-queue" | "create-temporary-queue" };

export function createQueue(
  world: World,
  { name, options }: Create,
  answer: Answer | undefined,
  owner = 0,
): void {
  const present = world.queues.get(name);
  if (world.topics.has(name)) {
    world.refused(answer, "QUEUE_DIFFERS", "create a queue with the name of a topic");
  } else if (present !== undefined) {
    const same = isDeepStrictEqual(present.options, options);
    if (same && present.owner === owner && present.subscription === undefined) {
      world.answered(answer, "queue", "create");
    } else {
      world.refused(answer, "QUEUE_DIFFERS", "create");
    }
  } else {
    newQueue(world, name, options, owner);
    world.answered(answer, "queue", "create");
  }
}

export function newQueue(world: World, name: string, options: QueueOptions, owner = 0): Queue {
  const queue: Queue = {
    ...{ name, id: world.nextQueue++, options, revision: 1, owner, subscription: undefined },
    ...{ lanes: new Map(), depth: 0, timed: new Set(), dated: new Set(), stories: new Map() },
    ...{
      storiesChanged: false,
      comparedRevision: 0,
      pausedLanes: new Set(),
      dedup: new Map(),
      count: { ...counters },
    },
    redelivered: { nack: 0, release: 0, "lease-expired": 0, "session-ended": 0 },
  };
  world.queues.set(name, queue);
  return queue;
}

/** The queue, when it is there and has this revision; otherwise the refusal has been judged. */
function atRevision(
  world: World,
  name: string,
  revision: number,
  answer: Answer | undefined,
): Queue | undefined {
  const queue = world.queues.get(name);
  if (queue === undefined) {
    world.refused(answer, "QUEUE_NOT_FOUND", `change of ${name}`);
    return undefined;
  }
  if (revision === 0 || revision === queue.revision) return queue;
  world.refused(answer, "REVISION_CONFLICT", `change of ${name}`);
  return undefined;
}

/** Options that need another one. */
function contradictory(options: QueueOptions): boolean {
  const { onExhausted, onExpiry, deadLetterQueue, messageTtlMs, ordering } = options;
  const letters = onExhausted === "dead-letter" || onExpiry === "dead-letter";
  if (letters && deadLetterQueue === "") return true;
  if (messageTtlMs > 0 && onExpiry === "refuse") return true;
  return ordering !== "key" && options.maxMessagesPerKey + options.maxBytesPerKey > 0;
}

export function updateQueue(
  world: World,
  command: Command & { kind: "update-queue" },
  answer: Answer | undefined,
): void {
  const queue = atRevision(world, command.name, command.revision, answer);
  if (queue === undefined) return;
  const options = { ...queue.options, ...command.changes };
  if (contradictory(options)) {
    world.refused(answer, "MALFORMED", "update");
    return;
  }
  if (options.historyMs !== queue.options.historyMs) queue.storiesChanged = true;
  queue.options = options;
  queue.revision++;
  if (options.historyMs === 0) queue.stories.clear();
  world.answered(answer, "queue", "update");
}

export function deleteQueue(
  world: World,
  command: Command & { kind: "delete-queue" },
  answer: Answer | undefined,
): void {
  const queue = atRevision(world, command.name, command.revision, answer);
  if (queue === undefined) return;
  if (command.ifEmpty && queue.depth > 0) {
    world.refused(answer, "QUEUE_NOT_EMPTY", "delete");
    return;
  }
  removeQueue(world, queue);
  world.answered(answer, "done", "delete");
}

/** Everything in it goes with it. */
export function removeQueue(world: World, queue: Queue): void {
  world.queues.delete(queue.name);
  for (const one of world.sessions.values()) {
    for (const [id, consumer] of one.consumers) {
      if (consumer.queue === queue) one.consumers.delete(id);
    }
    for (const call of one.receives.values()) {
      if (call.queue === queue) call.deleted = true;
    }
  }
}

/** The counters that GetQueue must show. */
export function compareQueue(world: World, info: QueueInfo | undefined, name: string): void {
  const queue = world.queues.get(name);
  if (queue === undefined || info === undefined) {
    world.expect(queue === undefined && info === undefined, `${name}: is it there?`);
    return;
  }
  const expected = countersOf(world, queue);
  for (const [field, value] of Object.entries(expected)) {
    const given: unknown = info[field as keyof typeof expected];
    if (given === value || isDeepStrictEqual(given, value)) continue;
    const [is, should] = [JSON.stringify(given), JSON.stringify(value)];
    world.expect(false, `${name}: ${field} is ${is}, expected ${should}`);
  }
  if (queue.revision !== queue.comparedRevision) {
    queue.comparedRevision = queue.revision;
    world.expect(isDeepStrictEqual(info.options, queue.options), `${name}: options`);
  }
  if (!world.equalSizes) return;
  const bytes = messagesOf(queue).reduce((sum, { body }) => sum + body.length, 0);
  world.expect(info.bytes === bytes, `${name}: bytes is ${info.bytes}, expected ${bytes}`);
}

function countersOf(world: World, queue: Queue): Partial<QueueInfo> {
  const ordered = queue.options.ordering !== "none";
  const states = { ready: 0, delayed: 0, leased: 0, retrying: 0, parked: 0, settled: 0 };
  const [active, parked] = [new Set<string>(), new Set<string>()];
  for (const [name, { messages }] of queue.lanes) {
    if (messages.length > 0) active.add(ordered ? name : "");
    for (const { state } of messages) {
      states[state]++;
      if (state === "parked" && ordered) parked.add(name);
    }
  }
  const { subscription, redelivered } = queue;
  return {
    ...{ id: queue.id, revision: queue.revision, ...queue.count },
    ...{ ready: states.ready, leased: states.leased, retrying: states.retrying },
    ...{ parked: states.parked, delayed: states.delayed },
    ...{ activeKeys: active.size, parkedKeys: parked.size },
    ...{ pausedKeys: queue.pausedLanes.size, owner: queue.owner },
    consumers: consumersOf(world, queue),
    redelivered: {
      ...{ nack: redelivered.nack, release: redelivered.release },
      ...{ leaseExpired: redelivered["lease-expired"] },
      ...{ sessionEnded: redelivered["session-ended"] },
    },
    subscription:
      subscription === undefined
        ? undefined
        : {
            ...{ topic: subscription.topic, filter: subscription.filter },
            catchingUpFrom: subscription.catchingUpFrom,
          },
  };
}

function consumersOf(world: World, queue: Queue): number {
  let count = 0;
  for (const { consumers } of world.sessions.values()) {
    for (const one of consumers.values()) if (one.queue === queue) count++;
  }
  return count;
}
