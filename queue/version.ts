// Which version of the rules applies is decided by the log, not by the release that reads it (G5, R8).

import type { Command } from "./command.ts";

/** The newest version of the rules that this release knows. Version 0 is every state that nobody has raised yet. */
export const rulesVersionMax = 4;

/**
 * The version from which on a command may be used; 0 when not named. A release with a new kind of command, or with another
 * outcome of an old one, counts `rulesVersionMax` up and names the kind here: it stays refused until every member knows it.
 */
export type CommandsSince = Partial<Readonly<Record<Command["kind"], number>>>;

export const commandsSince: CommandsSince = {
  commit: 2,
  "resolve-parked": 2,
  redrive: 2,
  cancel: 2,
  purge: 2,
  "pause-key": 2,
  "create-temporary-queue": 2,
  "create-topic": 2,
  "update-topic": 2,
  "delete-topic": 2,
  "create-subscription": 2,
  replay: 2,
};

/** From this version on a refusal may say DISK_WATERMARK. */
export const diskWatermarkSince = 1;

/** From this version on the window of a dedup_id that begins is counted by the lease clock (dedup.ts). */
export const leaseClockWindowsSince = 3;

/** From this version on messages lie in runs (messages.ts), and the rows of lanes say where. */
export const runsSince = 3;

/** From this version on messages of keys that are rarely used lie in bundles (bundle.ts), which tell of their lanes, too. */
export const bundlesSince = 4;

/** A log, a store or a snapshot written by a later release: the node must stop, it cannot guess (U2, M6). */
export class NewerRules extends Error {
  override readonly name = "NewerRules";

  constructor(what: string) {
    super(
      `queue: ${what}: a later release of raftq wrote it. Run that release or a later one on this node; ` +
        `this one knows the rules up to version ${rulesVersionMax}`,
    );
  }
}
