// What the frames of a stream say, in the terms of the state machine, and back.

import type { ClientCommand, EnqueuedBytes, ItemError, ReplyResult } from "../../proto/frame.ts";
import type { Answer, Command, Enqueued, Refusal } from "../../queue/index.ts";
import { commit } from "../door-commit.ts";
import {
  enqueue,
  enqueueBatch,
  lease,
  Malformed,
  receive,
  settlement,
  subscribe,
  whole,
} from "../door.ts";
import type { Node } from "../node.ts";
import { enqueuedBytes } from "../wire.ts";
import { refused } from "./errors.ts";
import { spelled } from "./spelling.ts";

/**
 * Whether what is enqueued under this name may go to a topic: then its headers are read here, since filters compare them and
 * the state machine does not look into contents. A name that this node does not know may be a topic's by the time of the apply.
 */
export function published(node: Node, name: string): boolean {
  return !node.machine.hasQueue(name);
}

/** @throws {Malformed} */
export function commandOf(said: ClientCommand, node: Node): Command {
  switch (said.op) {
    case "enqueue":
      return enqueue(said.queue, said, published(node, said.queue));
    case "enqueueBatch":
      return enqueueBatch(said.queue, said.messages, said.perItem, published(node, said.queue));
    case "commit":
      return commit(said, (name) => published(node, name));
    case "subscribe":
      if (said.ackMode === "unknown")
        throw new Malformed("ack_mode", "ack_mode is unknown; expected EXPLICIT, ON_DELIVERY");
      return subscribe(said);
    case "unsubscribe":
      return { kind: "unsubscribe", consumer: whole(said.consumer, "consumer", 1, 2 ** 31) };
    case "receive":
      return receive(said.queue, said);
    case "unknown":
      throw new Malformed("operation", "a command without an operation that this version knows");
    case "ack":
    case "nack":
    case "release":
    case "reject":
    case "extend":
      return {
        kind: "settle",
        lease: lease(said.queue, said.keyBytes, said.keySeq, said.fencingToken),
        settlement: settlement(said.op, said),
      };
  }
}

const noErrors: readonly ItemError[] = [];
/** In the place of a message that was refused. */
const notEnqueued: EnqueuedBytes = { messageIdBytes: "", seq: 0, keySeq: 0, deduplicated: false };

/** The answer to a batch with `perItem`, in two lists. */
export function itemsOf(
  command: Command,
  items: readonly (Enqueued | Refusal)[],
): { readonly messages: EnqueuedBytes[]; readonly errors: ItemError[] } {
  const errors: ItemError[] = [];
  const messages = items.map((item, index) => {
    if (!("reason" in item)) return enqueuedBytes(item);
    errors.push({ index, error: refused(spelled(command, item)) });
    return notEnqueued;
  });
  return { messages, errors };
}

export function resultOf(command: Command, { reply }: Answer): ReplyResult {
  switch (reply.kind) {
    case "enqueued":
      return { kind: "enqueued", ...enqueuedBytes(reply.message) };
    case "settled":
      return { kind: "settled", already: reply.already };
    case "batch-enqueued":
      return {
        kind: "batchEnqueued",
        messages: reply.messages.map(enqueuedBytes),
        errors: noErrors,
      };
    case "items-enqueued":
      return { kind: "batchEnqueued", ...itemsOf(command, reply.items) };
    case "committed":
      return { kind: "committed", messages: reply.messages.map(enqueuedBytes) };
    case "refused":
      return { kind: "error", error: refused(spelled(command, reply.refusal)) };
    case "done":
    case "queue":
    case "topic":
    case "session-opened":
    case "received":
    case "resolved":
    case "redriven":
    case "purged":
      return { kind: "done" };
  }
}
