// What the loader makes of a request, for the calls that share a part: every field is there, messages may be null.

import { encodeContent, type ContentInput, type NewMessageBytes } from "../../proto/frame.ts";
import type { MessageRef } from "../../queue/index.ts";
import { bytesOf, key, Malformed, queueName, quoted, whole } from "../door.ts";
import type { Node } from "../node.ts";
import { placeOfMessageId } from "../wire.ts";
import { refusalOf } from "./asker.ts";
import { refused } from "./errors.ts";
import { Refused } from "./unary.ts";

export interface SaidLease {
  readonly queue: string;
  readonly key: string;
  readonly keySeq: number;
  readonly fencingToken: number;
}

interface SaidMessageOptions {
  readonly dedupId: string;
  readonly expectKeySeq: number;
  readonly notBeforeMs: number;
  readonly delayMs: number;
  readonly expiresAtMs: number;
  readonly ttlMs: number;
  readonly priority: number;
}

export interface SaidMessage {
  readonly key: string;
  readonly content: ContentInput | null;
  readonly messageOptions: SaidMessageOptions | null;
}

const nothing: ContentInput = { body: new Uint8Array() };

export function contentBytes(said: ContentInput | null): Uint8Array {
  return encodeContent(said ?? nothing);
}

/** As the stream would have brought it. */
export function messageBytes(said: SaidMessage): NewMessageBytes {
  const { messageOptions: options } = said;
  if (options === null)
    return {
      keyBytes: bytesOf(said.key),
      content: contentBytes(said.content),
      options: undefined,
    };
  const { dedupId, ...numbers } = options;
  return {
    keyBytes: bytesOf(said.key),
    content: contentBytes(said.content),
    options: { dedupIdBytes: bytesOf(dedupId), ...numbers },
  };
}

export interface SaidPlace {
  readonly queue: string;
  readonly key: string;
  readonly keySeq: number;
  readonly messageId: string;
}

/**
 * The message that is meant, by its place or by its id. An id names its queue by number: one that this node does not know is
 * MESSAGE_NOT_FOUND.
 */
export function messageRef(node: Node, said: SaidPlace): MessageRef {
  if (said.messageId === "") {
    return {
      queue: queueName(said.queue),
      lane: key(bytesOf(said.key)),
      keySeq: whole(said.keySeq, "key_seq", 1, Number.MAX_SAFE_INTEGER),
    };
  }
  if (said.queue !== "" || said.key !== "" || said.keySeq !== 0) {
    throw new Malformed(
      "message_id",
      "message_id was said, and queue, key or key_seq too; expected one or the other",
    );
  }
  const place = placeOfMessageId(bytesOf(said.messageId));
  if (place === undefined) {
    throw new Malformed(
      "message_id",
      `message_id is ${quoted(said.messageId)}; expected <queue id>/<key>/<key_seq>`,
    );
  }
  const queue = node.machine.queueNameOf(place.queueId);
  if (queue === undefined) {
    const message = `there is no queue with the id ${place.queueId} (any more)`;
    throw new Refused(refused(refusalOf("MESSAGE_NOT_FOUND", message, "message_id")));
  }
  return { queue, lane: key(place.lane, "message_id"), keySeq: place.keySeq };
}
