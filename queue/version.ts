// Which version of the rules applies is decided by the log, not by the release that reads it (G5, R8).

import { isWider } from "./command-kind.ts";
import type { Command, Reply } from "./command.ts";
import { done, refused } from "./refusal.ts";
import type { State } from "./state.ts";

/** The newest version of the rules that this release knows. Version 0 is every state that nobody has raised yet. */
export const rulesVersionMax = 2;

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

/** M6: the refusal of a command that the rules in force do not have yet, or of something new that it says. */
export function refusalByVersion(state: State, command: Command): Reply | undefined {
  const { version, rules } = state;
  if (version >= rules.versionMax) return undefined;
  const since = Math.max(rules.commandsSince[command.kind] ?? 0, isWider(command) ? 2 : 0);
  if (version >= since) return undefined;
  return refused(
    "VERSION_TOO_OLD",
    `${command.kind} needs the rules of version ${since}, the cluster is at ${version}: upgrade every member first`,
  );
}

/** @throws {NewerRules} */
export function raiseVersion(state: State, version: number): Reply {
  if (version > state.rules.versionMax)
    throw new NewerRules(`the cluster was raised to version ${version} of the rules`);
  state.version = Math.max(state.version, version);
  state.digest.mix(state.version);
  return done;
}
