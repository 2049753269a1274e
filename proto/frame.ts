// The door to the stream's encoding: `raftq.v1.ClientFrame` and `raftq.v1.ServerFrame`, standard protobuf bytes, by hand.

export {
  ClientFrameWriter,
  type AckMode,
  type ClientCommand,
  type ClientFrame,
  type ClientOperation,
  type SettleOp,
} from "./client-frame.ts";
export type {
  CommitBytes,
  CommitOperation,
  CommitSettle,
  CommitSettleBytes,
  Condition,
  ConditionBytes,
  LeaseName,
} from "./commit.ts";
export type {
  MessageOptions,
  MessageOptionsBytes,
  NewMessage,
  NewMessageBytes,
} from "./new-message.ts";
export { decodeClientFrame } from "./client-frame-reader.ts";
export {
  ServerFrameWriter,
  decodeServerFrame,
  type ClientResult,
  type Reply,
  type ReplyResult,
  type ServerFrame,
} from "./server-frame.ts";
export type { DeadLetterCause, Delivery, DeliveryBytes } from "./delivery.ts";
export type { Enqueued, EnqueuedBytes, ItemError } from "./enqueued.ts";
export type { QueueEvent, QueueEventBytes } from "./queue-event.ts";
export { decodeContent, encodeContent, type ContentInput } from "./content.ts";
export {
  decodeError,
  encodeError,
  errorMetadataKey,
  type Leader,
  type Outcome,
  type Reason,
  type WireError,
} from "./error.ts";
export { MalformedFrame } from "./wire.ts";
