// Domain → API, nowhere else: what a delivery, a queue, an id look like outside.

import {
  decodeContent,
  MalformedFrame,
  type DeliveryBytes,
  type EnqueuedBytes,
} from "../proto/frame.ts";
import {
  partsOfMessageRow,
  rowOfMessageId,
  type Bytes,
  type Enqueued,
  type Filter,
  type Grant,
  type HistoryEvent,
  type KeyView,
  type Machine,
  type MessagePlace,
  type MessageView,
  type QueueInfo,
  type StoredMessage,
  type TopicInfo,
} from "../queue/index.ts";
import { assert } from "./assert.ts";
import { textOf } from "./door.ts";

/** <queue id>/<key>/<key_seq>. */
export function messageIdBytes(queueId: number, lane: Bytes, keySeq: number): Bytes {
  return `${queueId}/${lane}/${keySeq}`;
}

/** A topic numbers what is published by `seq`; its messages have no key_seq. */
export function enqueuedBytes({
  queueId,
  lane,
  seq,
  keySeq,
  deduplicated = false,
}: Enqueued): EnqueuedBytes {
  const place = keySeq === 0 ? seq : keySeq;
  return { messageIdBytes: messageIdBytes(queueId, lane, place), seq, keySeq, deduplicated };
}

/** As the loader of the .proto files wants it, for unary answers. */
export function enqueuedObject(message: Enqueued): object {
  const { messageIdBytes: id, ...rest } = enqueuedBytes(message);
  return { ...rest, messageId: textOf(id) };
}

/** The place that an id names; undefined: it is none. A key may contain slashes. */
export function placeOfMessageId(id: Bytes): MessagePlace | undefined {
  const parts = /^(\d{1,10})\/(.*)\/(\d{1,16})$/s.exec(id);
  if (parts === null) return undefined;
  const [, queueId, lane = "", keySeq] = parts;
  const place = { queueId: Number(queueId), lane, keySeq: Number(keySeq) };
  return place.keySeq >= 1 && Number.isSafeInteger(place.keySeq) ? place : undefined;
}

/** What knows how the lanes of a queue are named outside. */
type Names = Pick<Machine, "placeOutside">;

/** In the rows a message is named by where it lies, which is no text. */
function messageIdOfLetter(id: Bytes, names: Names): Bytes {
  const row = rowOfMessageId(id);
  const inside = row === undefined ? undefined : partsOfMessageRow(row);
  assert(inside !== undefined, "a dead letter names the message that it was");
  const { queueId, lane, keySeq } = names.placeOutside(inside);
  return messageIdBytes(queueId, lane, keySeq);
}

const causes = {
  exhausted: "EXHAUSTED",
  rejected: "REJECTED",
  expired: "EXPIRED",
  skipped: "SKIPPED",
} as const;

export function deliveryBytes(grant: Grant, message: StoredMessage, names: Names): DeliveryBytes {
  return {
    queue: grant.queue,
    keyBytes: message.key,
    keySeq: grant.keySeq,
    seq: message.seq,
    fencingToken: grant.token,
    attempts: grant.attempts,
    deliveries: grant.deliveries,
    leaseMs: grant.leaseMs,
    logIndex: message.logIndex,
    enqueuedAtMs: message.enqueuedAt,
    content: message.content,
    consumer: grant.consumer,
    redelivery: grant.redelivery,
    messageIdBytes: messageIdBytes(grant.queueId, grant.lane, grant.keySeq),
    expiresAtMs: message.expiresAt,
    priority: message.priority,
    deadLetter: deadLetterBytes(message, names),
  };
}

function deadLetterBytes({ deadLetter }: StoredMessage, names: Names): DeliveryBytes["deadLetter"] {
  if (deadLetter === undefined) return undefined;
  return {
    cause: causes[deadLetter.cause],
    attempts: deadLetter.attempts,
    error: textOf(deadLetter.error),
    queue: deadLetter.queue,
    messageIdBytes: messageIdOfLetter(deadLetter.messageId, names),
  };
}

function deadLetterObject(message: StoredMessage, names: Names): object | null {
  const letter = deadLetterBytes(message, names);
  if (letter === undefined) return null;
  const { messageIdBytes: id, ...rest } = letter;
  return { ...rest, messageId: textOf(id) };
}

/** Whoever enqueued over the stream may have sent bytes that are no `Content`: they are the body then. */
function contentObject(bytes: Uint8Array): object {
  try {
    return decodeContent(bytes);
  } catch (error) {
    if (!(error instanceof MalformedFrame)) throw error;
    return { body: bytes };
  }
}

/** A delivery as the loader of the .proto files wants it, for unary answers. */
export function deliveryObject(grant: Grant, message: StoredMessage, names: Names): object {
  const { keyBytes, messageIdBytes: id, ...rest } = deliveryBytes(grant, message, names);
  return {
    ...rest,
    key: textOf(keyBytes),
    messageId: textOf(id),
    content: contentObject(message.content),
    deadLetter: deadLetterObject(message, names),
  };
}

const orderings = { key: "KEY", total: "TOTAL", none: "NONE" } as const;
const exhausted = { park: "PARK", "dead-letter": "DEAD_LETTER", discard: "DISCARD" } as const;

const expiries = {
  refuse: "REFUSE",
  "dead-letter": "EXPIRY_DEAD_LETTER",
  discard: "EXPIRY_DISCARD",
} as const;
const delays = { reject: "REJECT", "block-key": "BLOCK_KEY" } as const;

function texts(strings: Readonly<Record<Bytes, Bytes>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(strings).map(([name, value]) => [textOf(name), textOf(value)]),
  );
}

export function queueObject(info: QueueInfo): object {
  const { options, redelivered, createdAt, owner, subscription, ...counters } = info;
  return {
    ...counters,
    createdAtMs: createdAt,
    options: {
      ...options,
      ordering: orderings[options.ordering],
      onExhausted: exhausted[options.onExhausted],
      onExpiry: expiries[options.onExpiry],
      orderedDelay: delays[options.orderedDelay],
      labels: texts(options.labels),
      setLabels: false,
    },
    redeliveredNack: redelivered.nack,
    redeliveredRelease: redelivered.release,
    redeliveredLeaseExpired: redelivered.leaseExpired,
    redeliveredSessionEnded: redelivered.sessionEnded,
    temporary: owner !== 0,
    topic: subscription?.topic ?? "",
    filter: subscription === undefined ? null : filterObject(subscription.filter),
    catchingUpFrom: subscription?.catchingUpFrom ?? 0,
  };
}

function filterObject({ keyPrefix, headers }: Filter): object {
  return { keyPrefix: textOf(keyPrefix), headers: texts(headers) };
}

export function topicObject(info: TopicInfo): object {
  const { options, createdAt, last, first, ...rest } = info;
  return {
    ...rest,
    createdAtMs: createdAt,
    lastSequence: last,
    firstSequence: first,
    options: { ...options, labels: texts(options.labels), setLabels: false },
  };
}

/** A message as it lies in a queue. */
export function messageObject(
  queue: string,
  queueId: number,
  { at, message }: { readonly at: MessageView; readonly message: StoredMessage },
  names: Names,
): object {
  return {
    queue,
    key: textOf(message.key),
    keySeq: at.keySeq,
    seq: message.seq,
    messageId: textOf(messageIdBytes(queueId, at.lane, at.keySeq)),
    state: states[at.state],
    attempts: at.attempts,
    deliveries: at.deliveries,
    error: textOf(at.error),
    logIndex: message.logIndex,
    enqueuedAtMs: message.enqueuedAt,
    notBeforeMs: message.notBefore,
    expiresAtMs: message.expiresAt,
    priority: message.priority,
    content: contentObject(message.content),
    deadLetter: deadLetterObject(message, names),
  };
}

const states = {
  ready: "READY",
  delayed: "DELAYED",
  leased: "LEASED",
  retrying: "RETRYING",
  parked: "PARKED",
} as const;

export function keyObject({ lane, ...rest }: KeyView): object {
  return { ...rest, key: textOf(lane) };
}

/** What ended a delivery is told how long that took. */
export function historyObjects(
  events: readonly HistoryEvent[],
  formatSession: (session: number) => string,
): object[] {
  const deliveredAt = new Map<number, number>();
  return events.map(({ time, token, session, sessionName, error, ...rest }) => {
    const since = deliveredAt.get(token);
    if (rest.kind === "delivered") deliveredAt.set(token, time);
    return {
      ...rest,
      timeMs: time,
      fencingToken: token,
      sessionId: session === 0 ? "" : formatSession(session),
      sessionName: textOf(sessionName),
      error: textOf(error),
      durationMs: token === 0 || since === undefined ? 0 : time - since,
    };
  });
}
