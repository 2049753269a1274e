// What people decide: about parked messages, dead letters, messages that nobody should get any more, and pauses.

import { isDeepStrictEqual } from "node:util";
import type { Answer, Command } from "../../../queue/index.ts";
import { bodyOf } from "./enqueue.ts";
import {
  become,
  cursorOf,
  find,
  laneOf,
  messagesOf,
  placeOf,
  putBack,
  settle,
  skip,
} from "./messages.ts";
import { forgetStories, tell } from "./story.ts";
import type { Lane, Letter, Message, Queue, World } from "./world.ts";

export function resolveParked(
  world: World,
  { message: ref, resolution }: Command & { kind: "resolve-parked" },
  answer: Answer | undefined,
): void {
  const queue = world.queues.get(ref.queue);
  if (queue === undefined) {
    world.refused(answer, "QUEUE_NOT_FOUND", "resolve");
    return;
  }
  const message =
    ref.keySeq === 0 ? firstParked(queue, ref.lane) : find(queue, ref.lane, ref.keySeq);
  if (message?.state !== "parked") {
    world.refused(answer, "MESSAGE_NOT_FOUND", `resolve of one that is ${message?.state}`);
    return;
  }
  if (resolution.kind === "replace" && resolution.content.length > queue.options.maxMessageBytes) {
    world.refused(answer, "TOO_LARGE", "resolve");
    return;
  }
  const reply = answer?.reply;
  const right = reply?.kind === "resolved" && reply.keySeq === message.keySeq;
  world.expect(right, `resolve: ${JSON.stringify(reply)}, expected ${message.keySeq}`);
  if (resolution.kind === "skip") {
    skip(world, queue, message, resolution.error);
    return;
  }
  if (resolution.kind === "replace") message.body = bodyOf(resolution.content);
  tell(world, queue, message, resolution.kind === "replace" ? "replaced" : "retried");
  message.attempts = 0;
  become(queue, message, "ready");
}

function firstParked(queue: Queue, lane: string): Message | undefined {
  const lanes =
    queue.options.ordering === "none"
      ? [...queue.lanes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
      : [queue.lanes.get(placeOf(queue, lane, 0).lane)];
  for (const one of lanes) {
    const parked = one?.messages.find(({ state }) => state === "parked");
    if (parked !== undefined) return parked;
  }
  return undefined;
}

export function cancel(
  world: World,
  { message: ref }: Command & { kind: "cancel" },
  answer: Answer | undefined,
): void {
  const queue = world.queues.get(ref.queue);
  const message = find(queue, ref.lane, ref.keySeq);
  if (queue === undefined) {
    world.refused(answer, "QUEUE_NOT_FOUND", "cancel");
  } else if (message === undefined) {
    world.refused(answer, "MESSAGE_NOT_FOUND", "cancel");
  } else if (message.state === "leased") {
    world.refused(answer, "MESSAGE_LEASED", "cancel");
  } else {
    world.answered(answer, "done", "cancel");
    queue.count.cancelled++;
    tell(world, queue, message, "cancelled");
    settle(world, queue, message);
  }
}

export function purge(
  world: World,
  command: Command & { kind: "purge" },
  answer: Answer | undefined,
): void {
  const queue = world.queues.get(command.queue);
  if (queue === undefined) {
    world.refused(answer, "QUEUE_NOT_FOUND", "purge");
    return;
  }
  const { ordering } = queue.options;
  if (command.lane !== undefined && ordering !== "key") {
    world.refused(answer, "MALFORMED", "purge a key of a queue that has none");
    return;
  }
  const going = messagesOf(queue).filter(({ state, lane }) => {
    return state !== "leased" && (command.lane === undefined || lane === command.lane);
  });
  const keys = new Set(going.map(({ lane }) => (ordering === "key" ? lane : ""))).size;
  const expected = JSON.stringify({ kind: "purged", messages: going.length, keys });
  const given = JSON.stringify(answer?.reply);
  world.expect(given === expected, `purge: ${given}, expected ${expected}`);
  if (command.dryRun || going.length === 0) return;
  for (const message of going) {
    queue.count.cancelled++;
    settle(world, queue, message);
  }
  forgetStories(queue, command.lane);
}

export function pauseKey(
  world: World,
  command: Command & { kind: "pause-key" },
  answer: Answer | undefined,
): void {
  const queue = world.queues.get(command.queue);
  if (queue === undefined) {
    world.refused(answer, "QUEUE_NOT_FOUND", "pause");
    return;
  }
  if (queue.options.ordering !== "key") {
    world.refused(answer, "MALFORMED", "pause a key of a queue that has none");
    return;
  }
  world.answered(answer, "done", "pause");
  if (command.paused) queue.pausedLanes.add(command.lane);
  else queue.pausedLanes.delete(command.lane);
}

/** Dead letters go back, the last of a key first, so that several of them can. */
export function redrive(
  world: World,
  command: Command & { kind: "redrive" },
  answer: Answer | undefined,
): void {
  const queue = world.queues.get(command.queue);
  if (queue === undefined) {
    world.refused(answer, "QUEUE_NOT_FOUND", "redrive");
    return;
  }
  const reply = answer?.reply;
  world.answered(answer, "redriven", "redrive");
  if (reply?.kind !== "redriven") return;
  const letters = new Set<Message>();
  for (const { lane, keySeq } of command.letters) {
    const message = find(queue, lane, keySeq);
    if (message === undefined || message.state === "leased") continue;
    if (originOf(world, message) !== undefined) letters.add(message);
  }
  const gone = command.letters.length - letters.size;
  const back = new Map<Lane, Set<number>>();
  const moving = [...letters].sort((a, b) => (b.letter?.number ?? 0) - (a.letter?.number ?? 0));
  const moved = moving.filter((message) => {
    const origin = originOf(world, message);
    if (origin === undefined) return false;
    const { number } = origin.letter;
    const lane = laneOf(origin.queue, origin.lane);
    const here = back.get(lane) ?? new Set();
    back.set(lane, here);
    if (!command.force && overtaken(origin.queue, lane, number, here)) return false;
    here.add(number);
    return true;
  });
  const expected = { moved: moved.length, refused: letters.size - moved.length, gone };
  const right = isDeepStrictEqual(reply, { kind: "redriven", ...expected });
  world.expect(right, `redrive: ${JSON.stringify(reply)}, expected ${JSON.stringify(expected)}`);
  if (command.dryRun) return;
  for (const message of moved) {
    const origin = originOf(world, message);
    if (origin !== undefined) goBack(world, queue, message, origin);
  }
}

interface Origin {
  readonly queue: Queue;
  readonly lane: string;
  readonly letter: Letter;
}

function originOf(world: World, { letter }: Message): Origin | undefined {
  const queue = letter === undefined ? undefined : world.queues.get(letter.queue);
  if (letter === undefined || queue?.id !== letter.queueId) return undefined;
  return { queue, lane: letter.lane, letter };
}

/** Whether a later message of the key is settled. Where nothing was delivered yet nothing can be out of order. */
function overtaken(queue: Queue, lane: Lane, number: number, back: ReadonlySet<number>): boolean {
  if (queue.options.ordering === "none") return false;
  const cursor = cursorOf(lane);
  return [...lane.settled.keys()].some(
    (later) => later > number && later < cursor && !back.has(later),
  );
}

function goBack(
  world: World,
  from: Queue,
  message: Message,
  { queue, lane, letter }: Origin,
): void {
  putBack(world, queue, lane, letter.number, message);
  from.count.redriven++;
  tell(world, from, message, "redriven");
  settle(world, from, message);
}
