// What the shell keeps in a membership's `context` (raft/types.ts): where each member is, which disk it has, which numbers are
// used up. It is part of the replicated log, so all members agree on it.
//   RO1. A number that was removed is never a member again (C7): `removed` only grows.
//   RO2. A disk that is written down for a member does not change.
// JSON in ASCII, with a version: {"version":1,"members":[[id, peer, client, incarnation], …],"removed":[[first, last], …]}

import type { NodeId } from "../raft/index.ts";
import { assert } from "./assert.ts";
import type { MemberAddress } from "./server-options.ts";

export interface MemberRecord extends MemberAddress {
  /** Of its disk (identity.ts); empty: not known yet. */
  readonly incarnation: string;
}

/** Both ends are removed, and all between them. */
type Range = readonly [first: NodeId, last: NodeId];

export interface Roster {
  /** Ascending by id. */
  readonly members: readonly MemberRecord[];
  /** Ascending, with gaps between them. */
  readonly removed: readonly Range[];
}

export const emptyRoster: Roster = { members: [], removed: [] };
/** Numbers given out in ascending order make one range: far more than an operator comes to. 12 KiB of the context's 32. */
const rangesMax = 500;
const version = 1;

export function rosterOf(members: readonly MemberAddress[]): Roster {
  const records = members.map((member) => ({ ...member, incarnation: "" }));
  return { members: sorted(records), removed: [] };
}

export function recordOf(roster: Roster, id: NodeId): MemberRecord | undefined {
  return roster.members.find((member) => member.id === id);
}

export function isRemoved({ removed }: Roster, id: NodeId): boolean {
  return removed.some(([first, last]) => first <= id && id <= last);
}

/** With this record, in place of an earlier one. */
export function withRecord(roster: Roster, record: MemberRecord): Roster {
  assert(!isRemoved(roster, record.id), "RO1: a removed number does not come back");
  const known = recordOf(roster, record.id)?.incarnation ?? "";
  assert(known === "" || known === record.incarnation, "RO2: a member keeps its disk");
  const others = roster.members.filter((member) => member.id !== record.id);
  return { ...roster, members: sorted([...others, record]) };
}

/** Without these members, whose numbers are used up. */
export function withoutMembers(roster: Roster, ids: readonly NodeId[]): Roster {
  const ranges = [...roster.removed, ...ids.map((id): Range => [id, id])];
  const removed: [NodeId, NodeId][] = [];
  for (const [first, last] of ranges.sort((a, b) => a[0] - b[0])) {
    const before = removed.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else removed.push([first, last]);
  }
  return { members: roster.members.filter(({ id }) => !ids.includes(id)), removed };
}

/** Whether another number can still be written down as removed. */
export function isFull({ removed }: Roster): boolean {
  return removed.length >= rangesMax;
}

export function encodeRoster({ members, removed }: Roster): string {
  const rows = members.map(({ id, peer, client, incarnation }) => [id, peer, client, incarnation]);
  return JSON.stringify({ version, members: rows, removed });
}

/** @throws on what this version does not know: a node that cannot read who the members are must stop. */
export function decodeRoster(context: string): Roster {
  if (context === "") return emptyRoster;
  const said = JSON.parse(context) as {
    readonly version: number;
    readonly members: readonly (readonly [NodeId, string, string, string])[];
    readonly removed: readonly Range[];
  };
  if (said.version !== version) {
    throw new Error(
      `the membership has format ${said.version}, which this version of raftq does not know (it reads ${version}): ` +
        "run the version that the other members run",
    );
  }
  return {
    members: said.members.map(([id, peer, client, incarnation]) => ({
      id,
      peer,
      client,
      incarnation,
    })),
    removed: said.removed,
  };
}

function sorted(members: readonly MemberRecord[]): readonly MemberRecord[] {
  return [...members].sort((a, b) => a.id - b.id);
}
