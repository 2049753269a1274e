// The door of raft/.
export { Raft } from "./raft.ts";
export { violations } from "./invariants.ts";
export { decodeMembership, encodeMembership, type MembershipPayload } from "./membership.ts";
export type { RaftConfig, Restored } from "./config.ts";
export type { ProgressStatus, RaftStatus } from "./status.ts";
export type { Input } from "./input.ts";
export type * from "./message.ts";
export type {
  Fetch,
  LeaderHint,
  Output,
  Persist,
  Proposed,
  ReadOutcome,
  RoleChange,
  SnapshotRead,
  SnapshotWrite,
} from "./output.ts";
export * from "./types.ts";
