// The door of the package: everything a program needs to use raftq.

export { Client, connect } from "./client.ts";
export { bytesCodec, jsonCodec, textCodec, type Codec } from "./codec.ts";
export { Transaction, type Committed, type Expectation } from "./commit.ts";
export { Consumer, type ConsumerStats, type Handler } from "./consumer.ts";
export { Delivery, Handling, Message, type DeadLetterInfo, type NackOptions } from "./delivery.ts";
export {
  PermanentError,
  QueueError,
  SchemaError,
  type Outcome,
  type Reason,
  type SchemaIssue,
} from "./errors.ts";
export type { ClientEvents, Listener } from "./events.ts";
export type { Settled } from "./lease.ts";
export type {
  HistoryEvent,
  KeyInfo,
  KeysOptions,
  MessageInfo,
  MessageRef,
  MessageState,
  Page,
  PageOptions,
  PeekOptions,
  ReadOptions,
} from "./looking.ts";
export type {
  DeadLetterFilter,
  ParkedAction,
  Purged,
  Redriven,
  RedriveOptions,
} from "./managing.ts";
export type {
  BatchMessage,
  ClusterInfo,
  ConnectOptions,
  ConsumeOptions,
  Enqueued,
  EnqueueOptions,
  Filter,
  FilterInfo,
  ItemOutcome,
  LeaderInfo,
  ListOptions,
  MemberInfo,
  MembershipChanged,
  NewMember,
  OnExhausted,
  OnExpiry,
  OrderedDelay,
  Ordering,
  PublishOptions,
  QueueInfo,
  QueueOptions,
  ReceiveBatchOptions,
  ReceiveOptions,
  SignalOptions,
  Time,
  TlsOptions,
} from "./options.ts";
export { Queue } from "./queue.ts";
export { Receiver } from "./receiver.ts";
export type { RequestOptions } from "./requests.ts";
export type { StandardSchema } from "./schema.ts";
export type { StartFrom, SubscriptionOptions, TopicInfo, TopicOptions } from "./topic-admin.ts";
export { Topic, type TopicMessage } from "./topic.ts";
