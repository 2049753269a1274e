// From a data directory to a node that takes part: the one way in which a node begins, in a process as in the simulation.

import type { Logger } from "pino";
import type { Clock } from "./clock.ts";
import type { ServerConfig } from "./config.ts";
import type { Incarnations, Speaker } from "./grpc/handshake.ts";
import { openIdentity, type IdentitySource } from "./identity.ts";
import { openIncarnations } from "./incarnations.ts";
import type { Disk } from "./log/index.ts";
import { Node } from "./node.ts";
import { checkTogether, openLog } from "./open-log.ts";
import { StateDirectory, type Stores } from "./state-directory.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** Who this node is to the other members, and what it knows of them. */
export interface Introduction {
  readonly me: Speaker;
  readonly incarnations: Incarnations;
}

/** Everything outside the node. */
export interface Surroundings {
  readonly disk: Disk;
  readonly stores: Stores;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  /** The end: nothing that the node has in hand may reach anybody any more (R1). */
  readonly fatal: (error: unknown) => void;
  /** Where a new data directory gets its identity from. */
  readonly identity?: IdentitySource;
  readonly connect: (events: TransportEvents, introduction: Introduction) => Transport;
}

/** @throws typed errors that say what is wrong with the data directory, and what to do. */
export async function openNode(
  config: ServerConfig,
  { disk, stores, clock, random, logger, fatal, identity: source, connect }: Surroundings,
): Promise<{ readonly node: Node } & Introduction> {
  const { clusterId, nodeId, data } = config;
  const { identity } = await openIdentity(disk, data, config, source);
  const opened = await StateDirectory.open(disk, `${data}/state`, stores, config);
  const { state, directory: states } = opened;
  const log = await openLog(disk, `${data}/log`, config, logger, opened.installed, {
    onFailure: fatal,
    now: () => clock.monotonicMs(),
  });
  checkTogether(log, state.machine.appliedIndex, data);
  const introduction = {
    me: { clusterId, nodeId, incarnation: identity.incarnation },
    incarnations: await openIncarnations(disk, data, fatal),
  };
  const node = new Node(config, {
    clock,
    log: log.log,
    restored: log.restored,
    states,
    state,
    random,
    logger,
    fatal,
    connect: (events) => connect(events, introduction),
  });
  return { node, ...introduction };
}
