// The door of raft/.
export { Raft } from "./raft.ts";
export { violations } from "./invariants.ts";
export { decodeMembership, encodeMembership } from "./membership.ts";
export { quorumOf } from "./quorum.ts";
export type { RaftConfig, Restored } from "./config.ts";
export type { RaftStatus } from "./status.ts";
export type { Input } from "./input.ts";
export type * from "./message.ts";
export type {
  Fetch,
  Output,
  Persist,
  ProposalRefusal,
  Proposed,
  ReadOutcome,
  SnapshotRead,
  SnapshotWrite,
  TransferOutcome,
} from "./output.ts";
export * from "./types.ts";
