// The door of queue/.
export type { NamePage } from "./by-name.ts";
export { First } from "./first.ts";
export { Machine, checkpointEvery, leaseClockStepMaxMs, type SessionInfo } from "./machine.ts";
export type { KeyView, MessageState, MessageView, QueueView, StalledQueue } from "./browse.ts";
export { Loader } from "./loader.ts";
export type { DueRange } from "./agenda.ts";
export { decodeEntry, entryPayload, RecordWriter, type LogEntry, type LogRecord } from "./codec.ts";
export { StoredAt, type RowReader } from "./stored-at.ts";
export { decodeMeta } from "./meta-row.ts";
export {
  loadRange,
  metaRow,
  stateRange,
  keySeqInLane,
  messageIdOfRow,
  rowOfMessage,
  rowOfMessageId,
  partsOfMessageRow,
  type KeyRange,
  type MessagePlace,
} from "./keys.ts";
export {
  bounds,
  defaultLimits,
  defaultOptions,
  differences,
  optionsRefusal,
  standardRules,
  type Limits,
  type Rules,
} from "./options.ts";
export { defaultTopicOptions } from "./topic-options.ts";
export { decodeHistoryEvent } from "./history.ts";
export { MemoryStore } from "./memory-store.ts";
export { violations } from "./invariants.ts";
export { diskWatermarkSince, NewerRules, rulesVersionMax } from "./version.ts";
export type { Checkpoint, Completion, Effects } from "./state.ts";
export type * from "./command.ts";
export type * from "./store.ts";
