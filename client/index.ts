// The door of the package: everything a program needs to use raftq.

export { Client, connect } from "./client.ts";
export { bytesCodec, jsonCodec, textCodec, type Codec } from "./codec.ts";
export { Consumer, type ConsumerStats, type Handler } from "./consumer.ts";
export { Delivery, Handling, Message, type DeadLetterInfo } from "./delivery.ts";
export { PermanentError, QueueError, type Outcome, type Reason } from "./errors.ts";
export type { ClientEvents, Listener } from "./events.ts";
export type { Settled } from "./lease.ts";
export type {
  BatchMessage,
  ClusterInfo,
  ConnectOptions,
  ConsumeOptions,
  Enqueued,
  EnqueueOptions,
  LeaderInfo,
  MemberInfo,
  MembershipChanged,
  NewMember,
  OnExhausted,
  Ordering,
  QueueInfo,
  QueueOptions,
  ReceiveBatchOptions,
  ReceiveOptions,
  SignalOptions,
  TlsOptions,
} from "./options.ts";
export { Queue } from "./queue.ts";
export { Receiver } from "./receiver.ts";
