// The log beside a state: where a snapshot has taken the place of the state, the log begins behind it.

import type { Logger } from "pino";
import { decodeMembership, type Membership } from "../raft/index.ts";
import type { ServerConfig } from "./server-options.ts";
import type { Disk } from "./log/disk.ts";
import { DurableLog, type DurableLogOptions, type OpenedLog } from "./log/index.ts";
import { encodeRoster, rosterOf } from "./roster.ts";
import { CorruptState, type Installed } from "./state-directory.ts";

/** `installed`: the snapshot that the state began as. @throws {CorruptLogError} */
export async function openLog(
  disk: Disk,
  directory: string,
  config: Pick<ServerConfig, "members" | "join" | "segmentBytes">,
  logger: Logger,
  installed: Installed | undefined,
  more: Pick<DurableLogOptions, "onFailure" | "now" | "nonce"> = {},
): Promise<OpenedLog> {
  const options = {
    decodeMembership,
    initialMembership: initialMembership(config),
    segmentBytes: config.segmentBytes,
    ...more,
  };
  const opened = await DurableLog.open(disk, directory, options);
  logger.info(
    {
      verdict: opened.verdict,
      last: opened.restored.lastIndex,
      term: opened.restored.hardState.term,
    },
    "log opened",
  );
  if (installed === undefined || !isMissing(opened, installed)) return opened;
  // The process ended between the arrival of a snapshot and the log's restart behind it (state-directory.ts G1).
  await opened.log.reset(installed.snapshot, installed.chain);
  await opened.log.close();
  return DurableLog.open(disk, directory, options);
}

/** Of a log that does not exist yet: the members given, or, for a node that joins, nobody until a leader says who. */
function initialMembership({ members, join }: Pick<ServerConfig, "members" | "join">): Membership {
  if (join) return { voters: [], learners: [], context: "" };
  return {
    voters: members.map((member) => member.id).sort((a, b) => a - b),
    learners: [],
    context: encodeRoster(rosterOf(members)),
  };
}

function isMissing({ restored }: OpenedLog, { snapshot: { last } }: Installed): boolean {
  if (last.index <= restored.snapshot.last.index) return false;
  if (last.index > restored.lastIndex) return true;
  const run = restored.termRuns.findLast((candidate) => candidate.firstIndex <= last.index);
  return run?.term !== last.term;
}

/**
 * State and log must belong together: what the state has not applied must be in the log.
 * @throws {CorruptState} with what to do: one of them was lost, or comes from an older copy (F7).
 */
export function checkTogether({ restored }: OpenedLog, applied: number, data: string): void {
  const first = restored.snapshot.last.index + 1;
  if (applied >= first - 1 && applied <= restored.lastIndex) return;
  throw new CorruptState(
    `${data}: the state has applied entries through ${applied}, the log holds ${first} to ${restored.lastIndex}: ` +
      "one of them was lost or comes from an older copy. Restore both from the same moment, or replace this node",
  );
}
