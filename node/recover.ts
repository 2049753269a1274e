// When a majority of the voters is lost for good: one survivor becomes a cluster of its own, with what it has. Not Raft, and not
// safe: acknowledged messages that it never received are lost. So it gets a new cluster id, and whoever of the old cluster comes
// back is refused by it, and refuses it (IN1).
//   RC1. Nothing is changed before `confirm` has said yes, and nothing while the node runs: its store is locked by us.
//   RC2. Four steps, each durable before the next; whatever step a crash comes after, the node does not start until the
//        recovery was run again, and running it again does what is left:
//          `recovery`   says what is under way; openIdentity refuses to start beside it
//          `identity`   the new cluster id. Before the log: a membership of one under the old id would be a second cluster of
//                       the same name, which the others, coming back, would take for theirs
//          log          entries of a new term: all others leave, their numbers are used up, this node is the only voter
//          `recovery`   removed: the node may start
//   RC3. The whole log is kept: what this node does not know to be committed may have been acknowledged.

import type { Logger } from "pino";
import { encodeMembership, type Entry, type Membership, type NodeId } from "../raft/index.ts";
import type { MemberAddress } from "./server-options.ts";
import {
  beginRecovery,
  endRecovery,
  isUsed,
  readIdentity,
  readRecovery,
  writeIdentity,
  type Identity,
} from "./identity.ts";
import type { Disk, OpenedLog, RestoredLog } from "./log/index.ts";
import { checkTogether, openLog } from "./open-log.ts";
import {
  decodeRoster,
  encodeRoster,
  recordOf,
  withoutMembers,
  withRecord,
  type Roster,
} from "./roster.ts";
import { StateDirectory, type Stores } from "./state-directory.ts";

/** What a node has, as it lies there. */
export interface Survivor {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** The term it is in, and the last entry of its log. */
  readonly term: number;
  readonly lastTerm: number;
  readonly lastIndex: number;
  /** Known to be committed, because it is applied. */
  readonly applied: number;
  readonly voters: readonly NodeId[];
  /** Voters and learners, with this node. */
  readonly members: readonly MemberAddress[];
  /** The lowest number that was never used. */
  readonly freshId: NodeId;
  /** The cluster id that it will have. */
  readonly newClusterId: string;
  /** A recovery was begun before, and not finished. */
  readonly resumed: boolean;
}

/** The recovery cannot be done, or must not. The message says why, and what to do. */
export class RecoverError extends Error {
  override readonly name = "RecoverError";
}

export interface RecoverPorts {
  readonly disk: Disk;
  readonly stores: Stores;
  readonly logger: Logger;
}

export interface RecoverOptions {
  /** Default: the old one with "-recovered" behind it. */
  readonly newClusterId?: string | undefined;
  /** RC1: looks at what would be done. */
  readonly confirm: (survivor: Survivor) => Promise<boolean>;
}

const clusterIdPattern = /^[A-Za-z0-9._-]{1,64}$/;
const suffix = "-recovered";
/** Of the log that a few entries go to: of no importance for them. */
const segmentBytes = 64 * 1024 * 1024;

/** `done`: false when it was not confirmed. @throws {RecoverError} and the errors of a damaged data directory. */
export async function recover(
  { disk, stores, logger }: RecoverPorts,
  data: string,
  { newClusterId, confirm }: RecoverOptions,
): Promise<{ readonly survivor: Survivor; readonly done: boolean }> {
  if (!(await isUsed(disk, data)))
    throw new RecoverError(`${data} is not the data directory of a node: it has no identity`);
  const { state, installed } = await openState(disk, stores, data);
  try {
    const nobody = { members: [], join: true, segmentBytes };
    const opened = await openLog(disk, `${data}/log`, nobody, logger, installed);
    try {
      const applied = state.machine.appliedIndex;
      checkTogether(opened, applied, data);
      const survivor = await survey(disk, data, opened, applied, newClusterId);
      const done = await confirm(survivor);
      if (done) await carryOut(disk, data, opened, survivor);
      return { survivor, done };
    } finally {
      await opened.log.close();
    }
  } finally {
    await state.store.close();
  }
}

type OpenedState = Awaited<ReturnType<typeof StateDirectory.open>>;

async function openState(disk: Disk, stores: Stores, data: string): Promise<OpenedState> {
  try {
    return await StateDirectory.open(disk, `${data}/state`, stores, { lanesResidentMax: 1 });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (!/lock|in use/i.test(message)) throw error;
    throw new RecoverError(`${data} is in use: stop the node first (${message})`, { cause: error });
  }
}

async function survey(
  disk: Disk,
  data: string,
  opened: OpenedLog,
  applied: number,
  wanted: string | undefined,
): Promise<Survivor> {
  const { clusterId, nodeId } = await readIdentity(disk, data);
  const begun = await readRecovery(disk, data);
  const newClusterId = begun ?? wanted ?? successorOf(clusterId);
  if (begun !== undefined && wanted !== undefined && wanted !== begun) {
    throw new RecoverError(
      `a recovery into cluster ${begun} was begun in ${data}: finish it under that name`,
    );
  }
  if (!clusterIdPattern.test(newClusterId))
    throw new RecoverError(
      `the new cluster id is ${newClusterId}; expected 1 to 64 of [A-Za-z0-9._-]`,
    );
  const { membership, roster } = newestOf(opened.restored);
  const { voters, learners } = membership;
  if (begun === undefined) {
    if (newClusterId === clusterId)
      throw new RecoverError(`the new cluster id must be another one than ${clusterId}`);
    if (voters.length === 1 && voters[0] === nodeId)
      throw new RecoverError(
        `node ${nodeId} is the only voter of cluster ${clusterId}: nothing has to be recovered, start it`,
      );
    if (voters.length === 0)
      throw new RecoverError(
        `node ${nodeId} was never told who the members of cluster ${clusterId} are: it has nothing to recover from`,
      );
  }
  const { restored } = opened;
  const unknown = { peer: "", client: "" };
  return {
    clusterId,
    nodeId,
    term: restored.hardState.term,
    lastTerm: restored.termRuns.at(-1)?.term ?? restored.snapshot.last.term,
    lastIndex: restored.lastIndex,
    applied,
    voters,
    members: [...voters, ...learners].map((id) => {
      const { peer, client } = recordOf(roster, id) ?? unknown;
      return { id, peer, client };
    }),
    freshId: 1 + Math.max(nodeId, ...voters, ...learners, ...roster.removed.flat()),
    newClusterId,
    resumed: begun !== undefined,
  };
}

/** The newest membership of the log: as it would be in force. */
function newestOf(restored: RestoredLog): { membership: Membership; roster: Roster } {
  const membership = restored.memberships.at(-1)?.membership ?? restored.snapshot.membership;
  return { membership, roster: decodeRoster(membership.context) };
}

function successorOf(clusterId: string): string {
  const match = /^(.*)-recovered(?:-(\d+))?$/.exec(clusterId);
  if (match === null) return clusterId.slice(0, 64 - suffix.length) + suffix;
  const next = `${suffix}-${Number(match[2] ?? 1) + 1}`;
  return String(match[1]).slice(0, 64 - next.length) + next;
}

/** RC2. */
async function carryOut(
  disk: Disk,
  data: string,
  opened: OpenedLog,
  { newClusterId }: Survivor,
): Promise<void> {
  const identity = { ...(await readIdentity(disk, data)), clusterId: newClusterId };
  await beginRecovery(disk, data, identity);
  await writeIdentity(disk, data, identity);
  await appendMemberships(opened, identity);
  await endRecovery(disk, data);
}

/** The others leave one by one: raft/ bears no two voters at a time (M5). Again after a crash: those that are still there. */
async function appendMemberships(
  { log, restored }: OpenedLog,
  { nodeId, incarnation }: Identity,
): Promise<void> {
  let { membership, roster } = newestOf(restored);
  const others = [...membership.learners, ...membership.voters].filter((id) => id !== nodeId);
  if (others.length === 0) return;
  const own = recordOf(roster, nodeId) ?? { id: nodeId, peer: "", client: "" };
  roster = withRecord(roster, { ...own, incarnation });
  // As if this node had been elected once more: a term that nobody has been in, and its own vote.
  const term = restored.hardState.term + 1;
  const entries = others.map((id, i): Entry => {
    roster = withoutMembers(roster, [id]);
    membership = {
      voters: membership.voters.filter((voter) => voter !== id),
      learners: membership.learners.filter((learner) => learner !== id),
      context: encodeRoster(roster),
    };
    const payload = encodeMembership(membership);
    return { index: restored.lastIndex + 1 + i, term, kind: "membership", payload };
  });
  await log.append({
    sequence: 1,
    hardState: { term, vote: nodeId },
    truncateAfter: undefined,
    entries,
  });
}
