// The door of queue/.
export { Machine, checkpointEvery, leaseClockStepMaxMs, type SessionInfo } from "./machine.ts";
export { Loader } from "./loader.ts";
export { EntryWriter, decodeEntry, type LogEntry, type LogRecord } from "./codec.ts";
export { decodeMessage, decodeMeta } from "./row-codec.ts";
export {
  loadRange,
  metaRow,
  stateRange,
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
export { MemoryStore } from "./memory-store.ts";
export { violations } from "./invariants.ts";
export { diskWatermarkSince, NewerRules, rulesVersionMax } from "./version.ts";
export type { Checkpoint, Completion, Effects } from "./state.ts";
export type * from "./command.ts";
export type * from "./store.ts";
