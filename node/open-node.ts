// From a data directory to a node that takes part: the one way in which a node begins, in a process as in the simulation.

import type { Logger } from "pino";
import type { Clock } from "./clock.ts";
import { ConfigError } from "./config.ts";
import type { ServerConfig } from "./server-options.ts";
import { DiskSpace } from "./disk-space.ts";
import { isUsed, openIdentity, type IdentitySource } from "./identity.ts";
import { openIncarnations } from "./incarnations.ts";
import type { Disk } from "./log/index.ts";
import { Members } from "./members.ts";
import { Node } from "./node.ts";
import { checkTogether, openLog } from "./open-log.ts";
import { StateDirectory, type Stores } from "./state-directory.ts";
import type { Transport, TransportEvents } from "./transport.ts";

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
  /** A random u32 for each segment of the log (log/segment.ts). Default: node:crypto. */
  readonly nonce?: () => number;
  /**
   * `members` says to whom links are kept (`links`, `onChange`), and both ends of a link introduce themselves by it before the
   * first message (`introduce`, `meet`).
   */
  readonly connect: (events: TransportEvents, members: Members) => Transport;
}

/** @throws typed errors that say what is wrong with the data directory, and what to do. */
export async function openNode(
  config: ServerConfig,
  { disk, stores, clock, random, logger, fatal, identity: source, nonce, connect }: Surroundings,
): Promise<Node> {
  const { clusterId, nodeId, data } = config;
  if (config.members.length === 0 && !config.join && !(await isUsed(disk, data))) {
    throw new ConfigError(
      "member",
      `is required at the first start: all members of the new cluster; or --join, to be added to a running one (${data} is empty)`,
    );
  }
  const { identity } = await openIdentity(disk, data, config, source);
  const space = await DiskSpace.open(disk, data, clock, config, logger);
  const opened = await StateDirectory.open(disk, `${data}/state`, stores, config);
  const { state, directory: states } = opened;
  const log = await openLog(disk, `${data}/log`, config, logger, opened.installed, {
    onFailure: fatal,
    now: () => clock.monotonicMs(),
    ...(nonce === undefined ? {} : { nonce }),
  });
  checkTogether(log, state.machine.appliedIndex, data);
  const members = new Members(
    { clusterId, nodeId, incarnation: identity.incarnation },
    config.members,
    await openIncarnations(disk, data, fatal),
  );
  return new Node(config, {
    clock,
    log: log.log,
    restored: log.restored,
    states,
    state,
    space,
    random,
    logger,
    fatal,
    members,
    connect: (events) => connect(events, members),
  });
}
