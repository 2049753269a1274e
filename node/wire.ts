// Domain → API, nowhere else: what a delivery, a queue, an id look like outside.

import { decodeContent, type DeliveryBytes } from "../proto/frame.ts";
import {
  partsOfMessageRow,
  rowOfMessageId,
  type Bytes,
  type Grant,
  type QueueInfo,
  type StoredMessage,
} from "../queue/index.ts";
import { assert } from "./assert.ts";
import { textOf } from "./door.ts";

/** <queue id>/<key>/<key_seq>. */
export function messageIdBytes(queueId: number, lane: Bytes, keySeq: number): Bytes {
  return `${queueId}/${lane}/${keySeq}`;
}

/** In the rows a message is named by where it lies, which is no text. */
function messageIdOfLetter(id: Bytes): Bytes {
  const row = rowOfMessageId(id);
  const place = row === undefined ? undefined : partsOfMessageRow(row);
  assert(place !== undefined, "a dead letter names the message that it was");
  return messageIdBytes(place.queueId, place.lane, place.keySeq);
}

const causes = { exhausted: "EXHAUSTED", rejected: "REJECTED" } as const;

export function deliveryBytes(grant: Grant, message: StoredMessage): DeliveryBytes {
  const { deadLetter } = message;
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
    deadLetter:
      deadLetter === undefined
        ? undefined
        : {
            cause: causes[deadLetter.cause],
            attempts: deadLetter.attempts,
            error: textOf(deadLetter.error),
            queue: deadLetter.queue,
            messageIdBytes: messageIdOfLetter(deadLetter.messageId),
          },
  };
}

/** A delivery as the loader of the .proto files wants it, for unary answers. */
export function deliveryObject(grant: Grant, message: StoredMessage): object {
  const { keyBytes, messageIdBytes: id, deadLetter, ...rest } = deliveryBytes(grant, message);
  return {
    ...rest,
    key: textOf(keyBytes),
    messageId: textOf(id),
    content: decodeContent(message.content),
    deadLetter:
      deadLetter === undefined
        ? null
        : { ...deadLetter, messageId: textOf(deadLetter.messageIdBytes) },
  };
}

const orderings = { key: "KEY", total: "TOTAL", none: "NONE" } as const;
const exhausted = { park: "PARK", "dead-letter": "DEAD_LETTER", discard: "DISCARD" } as const;

export function queueObject(info: QueueInfo): object {
  const { options, redelivered, createdAt, ...counters } = info;
  return {
    ...counters,
    createdAtMs: createdAt,
    options: {
      ...options,
      ordering: orderings[options.ordering],
      onExhausted: exhausted[options.onExhausted],
      labels: Object.fromEntries(
        Object.entries(options.labels).map(([name, value]) => [textOf(name), textOf(value)]),
      ),
      setLabels: false,
    },
    redeliveredNack: redelivered.nack,
    redeliveredRelease: redelivered.release,
    redeliveredLeaseExpired: redelivered.leaseExpired,
    redeliveredSessionEnded: redelivered.sessionEnded,
  };
}
