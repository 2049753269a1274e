// Every tunable of a server: unit, default, limits, where it can be set. `raftq server --help`, the configuration file, the
// environment and docs/configuration.md all come from this one table; config.ts reads them.

export interface MemberAddress {
  readonly id: number;
  /** host:port that other members connect to. */
  readonly peer: string;
  /** host:port that clients connect to. */
  readonly client: string;
}

export interface ServerConfig {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly data: string;
  readonly listen: string;
  readonly peerListen: string;
  /** At the first start of a cluster: its members. Later, or with `join`: addresses that win over those in the log. */
  readonly members: readonly MemberAddress[];
  readonly join: boolean;
  readonly logLevel: string;
  readonly tickMs: number;
  readonly electionMs: number;
  readonly heartbeatMs: number;
  readonly entryBytesMax: number;
  readonly uncommittedBytesMax: number;
  readonly inflightBytesMax: number;
  readonly cacheBytesMax: number;
  readonly writeBehindMs: number;
  readonly writeBehindBytesMax: number;
  readonly applyBacklogBytesMax: number;
  readonly logRetainBytes: number;
  readonly segmentBytes: number;
  readonly snapshotChunkBytes: number;
  readonly outboxBytesMax: number;
  readonly lanesResidentMax: number;
  readonly enqueueFloor: number;
  readonly diskFreeMinBytes: number;
  readonly diskReserveBytes: number;
  readonly drainMs: number;
}

interface OptionBase {
  readonly flag: string;
  readonly help: string;
}

export type ServerOption =
  | (OptionBase & {
      readonly kind: "text";
      readonly default?: string;
      readonly choices?: readonly string[];
    })
  | (OptionBase & {
      readonly kind: "number";
      readonly unit: string;
      readonly default?: number;
      readonly min: number;
      readonly max: number;
    })
  | (OptionBase & { readonly kind: "members" })
  | (OptionBase & { readonly kind: "flag" });

const mebibyte = 1024 * 1024;
export const nodeIdMax = 2 ** 31;

/** Keyed by the field of ServerConfig. The environment variable is RAFTQ_ and the flag in capitals, with _ for -. */
export const serverOptions: Readonly<Record<keyof ServerConfig, ServerOption>> = {
  nodeId: {
    kind: "number",
    flag: "node-id",
    unit: "",
    min: 1,
    max: nodeIdMax,
    help: "This member's number; never used again for another disk.",
  },
  clusterId: {
    kind: "text",
    flag: "cluster-id",
    help: "Name shared by all members: 1 to 64 of [A-Za-z0-9._-]. A node refuses members and data of another cluster.",
  },
  data: {
    kind: "text",
    flag: "data",
    default: "raftq-data",
    help: "Directory of this node's log and state; made when absent.",
  },
  listen: {
    kind: "text",
    flag: "listen",
    default: "127.0.0.1:7400",
    help: "host:port for clients.",
  },
  peerListen: {
    kind: "text",
    flag: "peer-listen",
    default: "127.0.0.1:7401",
    help: "host:port for the other members.",
  },
  members: {
    kind: "members",
    flag: "member",
    help: "ID=PEER_HOST:PORT/CLIENT_HOST:PORT, once for each member, this one included. Needed at the first start of a cluster; later the log knows the members, and an address given here wins over the one in the log.",
  },
  join: {
    kind: "flag",
    flag: "join",
    help: "For a node that is new to a running cluster: wait to be added (`raftq cluster add`) instead of starting a cluster of the members given. No effect on a data directory that is in use already.",
  },
  logLevel: {
    kind: "text",
    flag: "log-level",
    default: "info",
    choices: ["trace", "debug", "info", "warn", "error", "fatal"],
    help: "Least severe level to log (JSON lines on standard output).",
  },
  tickMs: {
    kind: "number",
    flag: "tick-ms",
    unit: "ms",
    default: 10,
    min: 1,
    max: 1_000,
    help: "Length of a tick of the consensus clock.",
  },
  electionMs: {
    kind: "number",
    flag: "election-ms",
    unit: "ms",
    default: 500,
    min: 50,
    max: 60_000,
    help: "Silence of the leader before an election; the actual time is drawn between this and twice this.",
  },
  heartbeatMs: {
    kind: "number",
    flag: "heartbeat-ms",
    unit: "ms",
    default: 50,
    min: 5,
    max: 10_000,
    help: "Between the leader's heartbeats; at most a third of the election time.",
  },
  entryBytesMax: {
    kind: "number",
    flag: "entry-bytes-max",
    unit: "bytes",
    // Measured: 64 KiB gives a tenth more than 1 MiB, because sending, syncing and applying overlap (docs/performance.md).
    default: 65_536,
    min: 4_096,
    max: 4 * mebibyte,
    help: "Commands gathered into one log entry; a larger single command still gets an entry of its own.",
  },
  uncommittedBytesMax: {
    kind: "number",
    flag: "uncommitted-bytes-max",
    unit: "bytes",
    default: 64 * mebibyte,
    min: 8 * mebibyte,
    max: 1024 * mebibyte,
    help: "Appended but not committed, before clients are held back.",
  },
  inflightBytesMax: {
    kind: "number",
    flag: "inflight-bytes-max",
    unit: "bytes",
    default: 8 * mebibyte,
    min: mebibyte,
    max: 256 * mebibyte,
    help: "Appends under way to one follower.",
  },
  cacheBytesMax: {
    kind: "number",
    flag: "cache-bytes-max",
    unit: "bytes",
    default: 32 * mebibyte,
    min: mebibyte,
    max: 1024 * mebibyte,
    help: "Applied log entries kept in memory for followers.",
  },
  writeBehindMs: {
    kind: "number",
    flag: "write-behind-ms",
    unit: "ms",
    default: 2_000,
    min: 0,
    max: 10_000,
    help: "Longest time that applied changes wait for their RocksDB batch; what is settled meanwhile is never written. Durability is the log's.",
  },
  writeBehindBytesMax: {
    kind: "number",
    flag: "write-behind-bytes-max",
    unit: "bytes",
    default: 16 * mebibyte,
    min: mebibyte,
    max: 256 * mebibyte,
    help: "Bytes of applied changes that make a batch due at once; at twice this, applying waits.",
  },
  applyBacklogBytesMax: {
    kind: "number",
    flag: "apply-backlog-bytes-max",
    unit: "bytes",
    default: 64 * mebibyte,
    min: 8 * mebibyte,
    max: 1024 * mebibyte,
    help: "Committed but not applied, when the store is slow, before this node takes no more entries from the leader.",
  },
  logRetainBytes: {
    kind: "number",
    flag: "log-retain-bytes",
    unit: "bytes",
    default: 256 * mebibyte,
    min: mebibyte,
    max: 2 ** 40,
    help: "Log kept on disk for followers that are behind; beyond it they get a snapshot.",
  },
  segmentBytes: {
    kind: "number",
    flag: "segment-bytes",
    unit: "bytes",
    default: 64 * mebibyte,
    min: 65_536,
    max: 1024 * mebibyte,
    help: "Size of a log segment file.",
  },
  snapshotChunkBytes: {
    kind: "number",
    flag: "snapshot-chunk-bytes",
    unit: "bytes",
    default: 524_288,
    min: 4_096,
    max: 16 * mebibyte,
    help: "One piece of a snapshot on its way to a follower: what it costs in memory, per follower, on both sides.",
  },
  outboxBytesMax: {
    kind: "number",
    flag: "outbox-bytes-max",
    unit: "bytes",
    default: 4 * mebibyte,
    min: 65_536,
    max: 256 * mebibyte,
    help: "Answers and deliveries waiting for one client's stream before its deliveries are held back.",
  },
  lanesResidentMax: {
    kind: "number",
    flag: "idle-keys-max",
    unit: "",
    default: 200_000,
    min: 1,
    max: 100_000_000,
    help: "Empty keys remembered in memory; others are read back when used. Keys with messages are always in memory.",
  },
  enqueueFloor: {
    kind: "number",
    flag: "enqueue-floor",
    unit: "messages/s",
    // Below what two slow cores take and give at once (16,000 a second and more, docs/performance.md).
    default: 5_000,
    min: 0,
    max: 10_000_000,
    help: "While the leader is busy settling, producers of queues whose consumers hold all that they have credit for, and wait for the leader, are held to their pace: to three quarters of it while there is a backlog, all of them together, but never below this; 0: nobody is held.",
  },
  diskFreeMinBytes: {
    kind: "number",
    flag: "disk-free-min-bytes",
    unit: "bytes",
    // The log retained (256 MiB and a segment) and what RocksDB has written twice while it compacts: half of this. The rest
    // is for what others write to the same disk meanwhile.
    default: 1024 * mebibyte,
    min: 0,
    max: 2 ** 50,
    help: "Free space below which no more messages are taken (DISK_WATERMARK), while consuming goes on; 0: never.",
  },
  diskReserveBytes: {
    kind: "number",
    flag: "disk-reserve-bytes",
    unit: "bytes",
    // Two memory tables of RocksDB: one from before a restart, one for the consuming that makes room.
    default: 64 * mebibyte,
    min: 0,
    max: 2 ** 40,
    help: "Size of a file of real blocks in the data directory that is given back when a node starts on a full disk; 0: none.",
  },
  drainMs: {
    kind: "number",
    flag: "drain-ms",
    unit: "ms",
    default: 5_000,
    min: 0,
    max: 600_000,
    help: "On SIGTERM: longest wait for calls under way.",
  },
};

export function environmentName(option: ServerOption): string {
  return `RAFTQ_${option.flag.replaceAll("-", "_").toUpperCase()}`;
}
