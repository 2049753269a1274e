// A whole node: its directory, its loop, its two gRPC servers.

import { randomBytes } from "node:crypto";
import { pino, type Logger } from "pino";
import { systemClock } from "./clock.ts";
import type { ServerConfig } from "./server-options.ts";
import { PeerLinks } from "./grpc/peer-links.ts";
import { serveClients, servePeers, type Listening } from "./grpc/server.ts";
import { NodeDisk } from "./log/index.ts";
import { Dismissed } from "./members.ts";
import type { Node } from "./node.ts";
import { openNode } from "./open-node.ts";
import { RocksStore } from "./rocks-store.ts";
import type { TransportEvents } from "./transport.ts";
import { version } from "./version.ts";

export interface RunningServer {
  /** Resolves when everything is durable and closed. */
  stop(): Promise<void>;
}

/** Log lines that may wait for a sink that takes none, before they are dropped: a blocked sink must not stop the node (I6). */
const logBytesMax = 4 * 1024 * 1024;
/** "Internal software error" and "configuration error" of sysexits.h: after the latter a restart is of no use. */
const exitCodes = { fatal: 70, dismissed: 78 } as const;

/** @throws typed errors that say what is wrong with directory, address or configuration, and what to do. */
export async function startServer(config: ServerConfig): Promise<RunningServer> {
  const sink = pino.destination({ dest: 1, sync: false, maxLength: logBytesMax });
  const logger = pino({ level: config.logLevel, base: { node: config.nodeId } }, sink);
  // Nothing may be acknowledged after such a failure: the process ends, now (R1).
  const fatal = (error: unknown): void => {
    const isDismissed = error instanceof Dismissed;
    if (isDismissed)
      logger.fatal({ cause: error.message }, "the node is no member any more: it stops");
    else logger.fatal({ err: error }, "the node stops");
    try {
      sink.flushSync();
    } finally {
      process.exit(isDismissed ? exitCodes.dismissed : exitCodes.fatal);
    }
  };
  const late: { events?: TransportEvents } = {};
  const node = await openNode(config, {
    disk: new NodeDisk(),
    stores: RocksStore,
    clock: systemClock,
    random: seededRandom(),
    logger,
    fatal,
    connect: (events, members) => {
      late.events = events;
      return new PeerLinks({ members, clock: systemClock, logger, events });
    },
  });
  const listening = await listen(config, node, logger, late.events);
  logger.info(
    {
      version,
      listen: config.listen,
      peerListen: config.peerListen,
      members: node.members.roster.members,
      joining: config.join && node.members.membershipIndex === 0,
      applied: node.machine.appliedIndex,
    },
    "serving",
  );
  return {
    stop: async () => {
      logger.info("stopping: finishing what is under way");
      await node.stop();
      await Promise.all(listening.map((server) => server.stop(500)));
      logger.info("stopped");
    },
  };
}

/** Both servers, or neither. */
async function listen(
  config: ServerConfig,
  node: Node,
  logger: Logger,
  events: TransportEvents | undefined,
): Promise<readonly Listening[]> {
  const { clusterId, tickMs, outboxBytesMax } = config;
  const { members } = node;
  const listening: Listening[] = [];
  try {
    if (events === undefined) throw new Error("the node did not connect its transport");
    listening.push(await servePeers(config.peerListen, { members, logger, events }));
    const clients = {
      node,
      clock: systemClock,
      clusterId,
      version,
      tickMs,
      outboxBytesMax,
      logger,
    };
    listening.push(await serveClients(config.listen, clients));
    return listening;
  } catch (error) {
    await node.stop();
    await Promise.all(listening.map((server) => server.stop(0)));
    throw error;
  }
}

/** A small generator with a fresh seed at each start (A13): mulberry32. */
function seededRandom(): () => number {
  let state = randomBytes(4).readUInt32LE(0);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
