// What the consensus module is told of the server's configuration.

import type { RaftConfig } from "../raft/index.ts";
import type { ServerConfig } from "./server-options.ts";

/** Payload in one message to a follower, which is never more than may be under way to it. */
const appendBytesMax = 1024 * 1024;

export function raftConfig(config: ServerConfig, random: () => number): RaftConfig {
  return {
    id: config.nodeId,
    electionTicks: Math.ceil(config.electionMs / config.tickMs),
    heartbeatTicks: Math.max(1, Math.floor(config.heartbeatMs / config.tickMs)),
    inflightAppendsMax: 64,
    inflightBytesMax: config.inflightBytesMax,
    appendBytesMax: Math.min(appendBytesMax, config.inflightBytesMax),
    uncommittedBytesMax: config.uncommittedBytesMax,
    cacheBytesMax: config.cacheBytesMax,
    random,
  };
}
