// What the frames of a stream say, in the terms of the state machine, and back.

import type { ClientCommand, ReplyResult } from "../../proto/frame.ts";
import type { Answer, Command, Enqueued } from "../../queue/index.ts";
import {
  content,
  enqueue,
  enqueueBatch,
  key,
  lease,
  Malformed,
  receive,
  settlement,
  subscribe,
  whole,
} from "../door.ts";
import { messageIdBytes } from "../wire.ts";
import { refused } from "./errors.ts";

/** @throws {Malformed} */
export function commandOf(said: ClientCommand): Command {
  switch (said.op) {
    case "enqueue":
      return enqueue(said.queue, { key: said.keyBytes, content: said.content });
    case "enqueueBatch":
      return enqueueBatch(
        said.queue,
        said.messages.map((message) => ({
          key: key(message.keyBytes),
          content: content(message.content),
        })),
      );
    case "subscribe":
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

function enqueuedBytes(message: Enqueued): { messageIdBytes: string; seq: number; keySeq: number } {
  return {
    messageIdBytes: messageIdBytes(message.queueId, message.lane, message.keySeq),
    seq: message.seq,
    keySeq: message.keySeq,
  };
}

export function resultOf({ reply }: Answer): ReplyResult {
  switch (reply.kind) {
    case "enqueued":
      return { kind: "enqueued", ...enqueuedBytes(reply.message) };
    case "settled":
      return { kind: "settled", already: reply.already };
    case "batch-enqueued":
      return { kind: "batchEnqueued", messages: reply.messages.map(enqueuedBytes) };
    case "refused":
      return { kind: "error", error: refused(reply.refusal) };
    case "done":
    case "queue":
    case "session-opened":
    case "received":
      return { kind: "done" };
  }
}
