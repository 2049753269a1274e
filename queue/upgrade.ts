// An upgrade of the whole cluster: until the log raises the version of the rules, what is new is refused (M6).

import { isWider } from "./command-kind.ts";
import type { Command, Reply } from "./command.ts";
import { done, refused } from "./refusal.ts";
import type { State } from "./state.ts";
import { NewerRules, runsSince } from "./version.ts";

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
  const before = state.version;
  state.version = Math.max(before, version);
  if (before < runsSince && version >= runsSince) state.messages.beginRuns();
  state.digest.mix(state.version);
  return done;
}
