// Messages come in: Enqueue, EnqueueBatch (O1), and the way into a dead-letter queue.
//   Z1. A batch is stored whole or not at all.
//   Z2. Quotas refuse what producers send, never what the cluster itself moves (P8).

import { assert } from "./assert.ts";
import type {
  DeadLetter,
  Enqueued,
  LogPosition,
  NewMessage,
  Refusal,
  Reply,
  StoredMessage,
} from "./command.ts";
import { extendLane, laneNameOf, openLane, rowOf } from "./lanes.ts";
import { noQueue, refusal } from "./refusal.ts";
import type { Queue, State } from "./state.ts";
import type { Bytes } from "./store.ts";

/** A message as it will lie in its row; encoded only if it is still there when the next batch is taken. */
class Waiting implements StoredMessage {
  readonly seq: number;
  readonly key: Bytes;
  readonly content: Uint8Array;
  readonly deadLetter: DeadLetter | undefined;
  private readonly entry: LogPosition;

  constructor(
    entry: LogPosition,
    seq: number,
    key: Bytes,
    content: Uint8Array,
    deadLetter: DeadLetter | undefined,
  ) {
    this.entry = entry;
    this.seq = seq;
    this.key = key;
    this.content = content;
    this.deadLetter = deadLetter;
  }

  get logIndex(): number {
    return this.entry.index;
  }

  get enqueuedAt(): number {
    return this.entry.time;
  }
}

export function enqueue(state: State, queueName: string, message: NewMessage): Reply {
  const queue = state.queues.get(queueName);
  if (queue === undefined) return noQueue(queueName);
  const wrong = messageRefusal(queue, message);
  if (wrong !== undefined) return { kind: "refused", refusal: wrong };
  const full = quotaRefusal(state, queue, 1, message.content.length);
  if (full !== undefined) return { kind: "refused", refusal: full };
  return {
    kind: "enqueued",
    message: append(state, queue, message.key, message.content, undefined),
  };
}

export function enqueueBatch(
  state: State,
  queueName: string,
  messages: readonly NewMessage[],
): Reply {
  const queue = state.queues.get(queueName);
  if (queue === undefined) return noQueue(queueName);
  let bytes = 0;
  for (const message of messages) {
    const wrong = messageRefusal(queue, message);
    if (wrong !== undefined) return { kind: "refused", refusal: wrong };
    bytes += message.content.length;
  }
  const full = quotaRefusal(state, queue, messages.length, bytes);
  if (full !== undefined) return { kind: "refused", refusal: full };
  const enqueued: Enqueued[] = [];
  for (const message of messages) {
    enqueued.push(append(state, queue, message.key, message.content, undefined));
  }
  return { kind: "batch-enqueued", messages: enqueued };
}

function messageRefusal(queue: Queue, message: NewMessage): Refusal | undefined {
  const { ordering, maxMessageBytes } = queue.options;
  if (message.key === "" && ordering === "key") {
    return refusal(
      "KEY_REQUIRED",
      `queue ${queue.name} orders by key: give the message one`,
      "key",
    );
  }
  if (message.content.length > maxMessageBytes) {
    const size = message.content.length;
    const text = `a message of ${size} bytes, queue ${queue.name} takes ${maxMessageBytes} at most`;
    return refusal("TOO_LARGE", text, "body");
  }
  return undefined;
}

function quotaRefusal(
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

function quota(state: State, text: string): Refusal {
  return refusal("QUEUE_FULL", text, "", state.rules.retryAfterMs);
}

/** Stores a message, whatever the quotas. */
export function append(
  state: State,
  queue: Queue,
  key: Bytes,
  content: Uint8Array,
  deadLetter: DeadLetter | undefined,
): Enqueued {
  const entry = state.entry;
  assert(entry !== undefined, "a message without a log entry");
  const lane = openLane(state, queue, laneNameOf(queue, key));
  const keySeq = extendLane(state, lane, content.length);
  const seq = queue.enqueued;
  const row = rowOf(lane, keySeq);
  state.rows.put(row, new Waiting(entry, seq, key, content, deadLetter));
  if (queue.takers.size > 0) state.touch(queue);
  state.digest.mix(queue.id);
  state.digest.mix(seq);
  state.digest.mix(keySeq);
  return { queueId: queue.id, lane: lane.name, seq, keySeq };
}
