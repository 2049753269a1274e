// Messages come in: Enqueue, EnqueueBatch (O1), and the way into a queue for whatever the cluster itself moves.
//   Z1. A batch is stored whole or not at all.
//   Z2. Quotas refuse what producers send, never what the cluster itself moves (P8).

import { dueKind } from "./agenda.ts";
import { assert } from "./assert.ts";
import type { DeadLetter, Enqueued, NewMessage, Refusal, Reply } from "./command.ts";
import { note } from "./history.ts";
import { Intake, targetNamed, targetRefusal } from "./intake.ts";
import { subLaneName } from "./keys.ts";
import { extendLane, laneNameOf, openLane } from "./lanes.ts";
import { messageRefusal, plainTimes, sooner, type Times } from "./message-rules.ts";
import { noQueue, refusal } from "./refusal.ts";
import { Queue, type State } from "./state.ts";
import type { Bytes } from "./store.ts";
import { delayedSubLanes, holdBack } from "./waiting.ts";

export function enqueue(state: State, name: string, message: NewMessage): Reply {
  const queue = state.queues.get(name);
  if (queue === undefined || !isPlain(queue, message)) return enqueueAny(state, name, message);
  const wrong =
    messageRefusal(state, queue, message) ?? quotaRefusal(state, queue, 1, message.content.length);
  if (wrong !== undefined) return { kind: "refused", refusal: wrong };
  const { key, content } = message;
  return { kind: "enqueued", message: append(state, queue, key, content, undefined) };
}

/** Nothing but the queue's own quotas is to be looked at, as nearly always. */
function isPlain({ options }: Queue, message: NewMessage): boolean {
  const { maxMessagesPerKey, maxBytesPerKey } = options;
  return message.extras === undefined && maxMessagesPerKey === 0 && maxBytesPerKey === 0;
}

function enqueueAny(state: State, name: string, message: NewMessage): Reply {
  const reply = enqueueAll(state, name, [message], (refusal) => ({ kind: "refused", refusal }));
  if (reply.kind !== "batch-enqueued") return reply;
  const [only] = reply.messages;
  assert(only !== undefined, "Z1: a message is stored");
  return { kind: "enqueued", message: only };
}

export function enqueueBatch(
  state: State,
  name: string,
  messages: readonly NewMessage[],
  perItem: boolean,
): Reply {
  const queue = state.queues.get(name);
  if (perItem) return enqueueItems(state, name, messages);
  if (queue === undefined || !messages.every((message) => isPlain(queue, message))) {
    return enqueueAll(state, name, messages, (wrong, at) => refusedItem(state, wrong, at));
  }
  let bytes = 0;
  for (const [at, message] of messages.entries()) {
    const wrong = messageRefusal(state, queue, message);
    if (wrong !== undefined) return refusedItem(state, wrong, at);
    bytes += message.content.length;
  }
  const full = quotaRefusal(state, queue, messages.length, bytes);
  if (full !== undefined) return { kind: "refused", refusal: full };
  const enqueued: Enqueued[] = [];
  for (const { key, content } of messages) {
    enqueued.push(append(state, queue, key, content, undefined));
  }
  return { kind: "batch-enqueued", messages: enqueued };
}

/** Names the message of the batch that is wrong: rules of version 2. */
function refusedItem({ version }: State, refusal: Refusal, at: number): Reply {
  if (version < 2 || refusal.field === "") return { kind: "refused", refusal };
  return { kind: "refused", refusal: { ...refusal, field: `messages[${at}].${refusal.field}` } };
}

/** The same, for what is not plain. */
function enqueueAll(
  state: State,
  name: string,
  messages: readonly NewMessage[],
  refuse: (refusal: Refusal, at: number) => Reply,
): Reply {
  const target = targetNamed(state, name);
  if (target === undefined) return noQueue(name);
  for (const [at, message] of messages.entries()) {
    const wrong = targetRefusal(state, target, message);
    if (wrong !== undefined) return refuse(wrong, at);
  }
  const intake = new Intake(state);
  for (const [at, message] of messages.entries()) {
    const wrong = intake.add(target, message);
    if (wrong !== undefined) return refuse(wrong, at);
  }
  return { kind: "batch-enqueued", messages: intake.store() };
}

/** Each for itself, in order. */
function enqueueItems(state: State, name: string, messages: readonly NewMessage[]): Reply {
  if (targetNamed(state, name) === undefined) return noQueue(name);
  const items = messages.map((message): Enqueued | Refusal => {
    const reply = enqueue(state, name, message);
    if (reply.kind === "refused") return reply.refusal;
    assert(reply.kind === "enqueued", "a message is stored or refused");
    return reply.message;
  });
  return { kind: "items-enqueued", items };
}

export function quotaRefusal(
  state: State,
  queue: Queue,
  messages: number,
  bytes: number,
): Refusal | undefined {
  const { maxMessages, maxBytes } = queue.options;
  if (maxMessages > 0 && queue.messages + messages > maxMessages) {
    return quota(state, `queue ${queue.name} holds ${queue.messages} of ${maxMessages} messages`);
  }
  if (maxBytes > 0 && queue.bytes + bytes > maxBytes) {
    return quota(state, `queue ${queue.name} holds ${queue.bytes} of ${maxBytes} bytes`);
  }
  return undefined;
}

export function quota(state: State, text: string, field = ""): Refusal {
  return refusal("QUEUE_FULL", text, field, state.rules.retryAfterMs);
}

/** The lane of a message that comes in now. */
export function laneNameFor(queue: Queue, key: Bytes, times: Times): Bytes {
  if (!queue.unordered) return laneNameOf(queue, key);
  return subLaneName(times.priority + (times.notBefore > 0 ? delayedSubLanes : 0));
}

/** Stores a message, whatever the quotas. */
export function append(
  state: State,
  queue: Queue,
  key: Bytes,
  content: Uint8Array,
  deadLetter: DeadLetter | undefined,
  asked: Times = plainTimes,
): Enqueued {
  const entry = state.entry;
  assert(entry !== undefined, "a message without a log entry");
  const times = queue.options.messageTtlMs === 0 ? asked : aged(state, queue, asked);
  const lane = openLane(state, queue, laneNameFor(queue, key, times));
  const keySeq = extendLane(state, lane, content.length);
  const seq = queue.enqueued;
  const { notBefore, expiresAt, priority } = times;
  state.messages.put(lane, keySeq, {
    seq,
    logIndex: entry.index,
    enqueuedAt: entry.time,
    key,
    content,
    deadLetter,
    notBefore,
    expiresAt,
    priority,
  });
  if (times !== plainTimes) {
    const place = { queueId: queue.id, lane: lane.name, keySeq };
    if (expiresAt > 0) {
      state.agenda.add({ ...place, due: expiresAt, kind: dueKind.expiry });
    }
    if (notBefore > 0) {
      state.agenda.add({ ...place, due: notBefore, kind: dueKind.delay });
      holdBack(state, lane, keySeq);
    }
  }
  note(state, lane, keySeq, "enqueued");
  if (queue.wanted) state.touch(queue);
  state.digest.mix(queue.id);
  state.digest.mix(seq);
  state.digest.mix(keySeq);
  return { queueId: queue.id, lane: lane.outerName, seq, keySeq: lane.outerKeySeq(keySeq) };
}

/** With the age at which this queue's messages go. */
function aged(state: State, queue: Queue, times: Times): Times {
  const limit = state.clusterTime + queue.options.messageTtlMs;
  return { ...times, expiresAt: sooner(times.expiresAt, limit) };
}
