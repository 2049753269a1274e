// How messages come into a queue, change and leave it.

import type { DeadLetter } from "../../../queue/index.ts";
import { closeStory, tell } from "./story.ts";
import type { Lane, Letter, Message, MessageState, Queue, World } from "./world.ts";

const priorityStep = 2 ** 48;

/** Everything in the queue that is not settled. */
export function messagesOf(queue: Queue): Message[] {
  return [...queue.lanes.values()].flatMap(({ messages }) => messages);
}

export function laneOf(queue: Queue, name: string): Lane {
  let lane = queue.lanes.get(name);
  if (lane === undefined) {
    lane = { count: 0, messages: [], settled: new Map(), lastSettled: 0 };
    queue.lanes.set(name, lane);
  }
  return lane;
}

/** Where the API's lane and key_seq lie. */
export function placeOf(
  queue: Queue,
  lane: string,
  keySeq: number,
): { lane: string; number: number } {
  if (queue.options.ordering === "key") return { lane, number: keySeq };
  const priority = Math.floor(keySeq / priorityStep);
  return {
    lane: priority === 0 ? "" : String.fromCharCode(priority),
    number: keySeq % priorityStep,
  };
}

export function find(queue: Queue | undefined, lane: string, keySeq: number): Message | undefined {
  if (queue === undefined) return undefined;
  const place = placeOf(queue, lane, keySeq);
  return queue.lanes.get(place.lane)?.messages.find(({ number }) => number === place.number);
}

/** What a message has besides key and body. */
export interface Extra {
  readonly letter?: Letter;
  readonly notBefore?: number;
  readonly expiresAt?: number;
  readonly priority?: number;
}

export function laneNameFor(world: World, queue: Queue, key: string, extra: Extra): string {
  const { ordering } = queue.options;
  if (ordering === "key") return key;
  if (ordering === "total") return "";
  const delayed = (extra.notBefore ?? 0) > world.clusterTime;
  const place = (extra.priority ?? 0) + (delayed ? 16 : 0);
  return place === 0 ? "" : String.fromCharCode(place);
}

/** The key_seq that the next message of a lane gets. */
export function nextKeySeq(queue: Queue, lane: string): number {
  return keySeqOf(queue, lane, (queue.lanes.get(lane)?.count ?? 0) + 1);
}

function keySeqOf(queue: Queue, lane: string, number: number): number {
  if (queue.options.ordering !== "none" || lane === "") return number;
  return number + lane.charCodeAt(0) * priorityStep;
}

export function add(
  world: World,
  queue: Queue,
  key: string,
  body: string,
  extra: Extra = {},
): Message {
  const lane = laneNameFor(world, queue, key, extra);
  const message = put(world, queue, lane, ++laneOf(queue, lane).count, key, body, extra);
  tell(world, queue, message, "enqueued");
  return message;
}

/** The first number that was never delivered nor passed over. */
export function cursorOf({ messages, count }: Lane): number {
  return messages.find(({ begun }) => !begun)?.number ?? count + 1;
}

/** A new message at the old place of one that had left. */
export function putBack(
  world: World,
  queue: Queue,
  lane: string,
  number: number,
  { key, body }: Message,
): void {
  const there = laneOf(queue, lane);
  const begun = number < cursorOf(there);
  there.settled.delete(number);
  const message = put(world, queue, lane, number, key, body, {});
  message.begun = begun;
  queue.count.redriven++;
  tell(world, queue, message, "redriven");
}

function put(
  world: World,
  queue: Queue,
  lane: string,
  number: number,
  key: string,
  body: string,
  extra: Extra,
): Message {
  const { notBefore = 0, expiresAt = 0, letter } = extra;
  const keySeq = keySeqOf(queue, lane, number);
  const priority = queue.options.ordering === "none" && lane !== "" ? lane.charCodeAt(0) % 16 : 0;
  const message: Message = {
    ...{ keySeq, number, key, lane, seq: ++queue.count.enqueued, body, letter },
    ...{ state: notBefore > world.clusterTime ? "delayed" : "ready", begun: false, token: 0 },
    ...{ attempts: 0, deliveries: 0, ended: "", error: "", deadline: 0, leaseMs: 0 },
    ...{ session: 0, consumer: 0, countedBytes: 0, notBefore, expiresAt, overdue: false, priority },
  };
  const there = laneOf(queue, lane).messages;
  const after = there.findIndex((one) => one.number > number);
  there.splice(after < 0 ? there.length : after, 0, message);
  if (expiresAt > 0 || message.state === "delayed") queue.dated.add(message);
  queue.depth++;
  return message;
}

export function become(queue: Queue, message: Message, state: MessageState): void {
  message.state = state;
  if (state === "leased" || state === "retrying") queue.timed.add(message);
  else queue.timed.delete(message);
  if (state !== "leased") message.session = 0;
}

/** It leaves. `by`: how the holder of its lease ended it; "": nobody did. */
export function settle(world: World, queue: Queue, message: Message, by = ""): void {
  become(queue, message, "settled");
  const lane = laneOf(queue, message.lane);
  lane.settled.set(message.number, { token: message.token, by });
  lane.lastSettled = message.number;
  lane.messages.splice(lane.messages.indexOf(message), 1);
  queue.dated.delete(message);
  queue.depth--;
  closeStory(world, queue, message);
}

/** The lease is over and the message comes back; not when its time has come to an end meanwhile. */
export function comeBack(
  world: World,
  queue: Queue,
  message: Message,
  ended: Message["ended"],
): void {
  message.ended = ended;
  become(queue, message, "ready");
  if (message.overdue) expire(world, queue, message);
}

function deadLetter(
  world: World,
  queue: Queue,
  message: Message,
  cause: DeadLetter["cause"],
  error: string,
): boolean {
  const target = world.queues.get(queue.options.deadLetterQueue);
  if (target === undefined) return false;
  const { attempts, lane, number, key, body } = message;
  const origin = { queue: queue.name, queueId: queue.id, lane, number };
  const letter: Letter = { cause, attempts, error, ...origin };
  add(world, target, key, body, { letter, expiresAt: ageLimit(world, target) });
  if (cause === "skipped") return true;
  queue.count.deadLettered++;
  if (cause === "expired") return true;
  tell(world, queue, message, "dead-lettered", undefined, error);
  return true;
}

/** When what comes into this queue now goes by age; 0: never. */
export function ageLimit(world: World, { options: { messageTtlMs } }: Queue): number {
  return messageTtlMs === 0 ? 0 : world.clusterTime + messageTtlMs;
}

/** A message that failed for good goes where the owner of its queue said. */
export function exhaust(
  world: World,
  queue: Queue,
  message: Message,
  cause: DeadLetter["cause"],
  by: string,
): void {
  const { onExhausted } = queue.options;
  const { error } = message;
  if (onExhausted === "dead-letter" && deadLetter(world, queue, message, cause, error)) {
    settle(world, queue, message, by);
  } else if (onExhausted === "discard") {
    queue.count.discarded++;
    tell(world, queue, message, "discarded", undefined, error);
    settle(world, queue, message, by);
  } else {
    park(world, queue, message);
  }
}

function park(world: World, queue: Queue, message: Message): void {
  become(queue, message, "parked");
  // Whether it comes back is for a person to decide.
  message.overdue = false;
  tell(world, queue, message, "parked", undefined, message.error);
  const { keySeq, attempts, error } = message;
  const lane = queue.options.ordering === "key" ? message.lane : "";
  world.events.push({ kind: "parked", queue: queue.name, lane, keySeq, attempts, error });
}

/** Whether the owner of the queue wrote what becomes of messages whose time has come, and it can be done. */
export function mayExpire(
  world: World,
  { options: { onExpiry, deadLetterQueue } }: Queue,
): boolean {
  return (
    onExpiry === "discard" || (onExpiry === "dead-letter" && world.queues.has(deadLetterQueue))
  );
}

/** Its time has come to an end. */
export function expire(world: World, queue: Queue, message: Message): void {
  message.overdue = false;
  if (!mayExpire(world, queue)) return;
  queue.count.expired++;
  tell(world, queue, message, "expired");
  if (queue.options.onExpiry === "discard") queue.count.discarded++;
  else deadLetter(world, queue, message, "expired", message.error);
  settle(world, queue, message);
}

/** A person's decision: to the dead letters, or away. */
export function skip(world: World, queue: Queue, message: Message, error: string): void {
  queue.count.skipped++;
  tell(world, queue, message, "skipped", undefined, error);
  deadLetter(world, queue, message, "skipped", error);
  settle(world, queue, message);
}
