// `raftq status` and `raftq cluster status`: the cluster as each of its members sees itself.

import type { Command } from "commander";
import type { MemberInfo } from "../client/index.ts";
import { CommandError, exitCodes } from "./failure.ts";
import { observe, type ClusterView } from "./observe.ts";
import { grouped, painter, print, sheet, table, type Paint } from "./output.ts";
import { remoteOf, type Remote } from "./remote.ts";

export function addStatusCommand(program: Command): void {
  const status = program
    .command("status")
    .description("members, roles, log positions; works without a leader too");
  status.action(async () => {
    const remote = remoteOf(status);
    const report = await gather(remote);
    await print(
      remote.json
        ? JSON.stringify(report)
        : statusText(report, painter(process.stdout, process.env)),
    );
    if (report.leader === undefined) process.exitCode = exitCodes.unreachable;
    if (report.digestsDiffer) process.exitCode = exitCodes.refused;
  });
}

export interface StatusReport {
  readonly clusterId: string;
  readonly version: string;
  readonly leader: ClusterView["leader"];
  readonly members: readonly MemberStatus[];
  /** The log index of the membership in force, as the leader has it, and whether it is committed. */
  readonly membershipIndex: number;
  readonly membershipCommitted: boolean;
  /** The node that leadership is being handed over to; 0: none. */
  readonly transferTo: number;
  /** Two nodes that applied the same log up to the same index, and came to different states: never to be seen. */
  readonly digestsDiffer: boolean;
}

export interface MemberStatus {
  readonly nodeId: number;
  readonly endpoint: string;
  /** Of a learner: "learner", and "learner, caught up" when it can be promoted. */
  readonly role: string;
  readonly voter: boolean;
  readonly peerAddress: string;
  readonly incarnation: string;
  readonly answers: boolean;
  readonly lag: number;
  readonly lastHeardMs: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly stateDigest: string;
  readonly rulesVersion: number;
  readonly rulesVersionMax: number;
  readonly diskFreeBytes: number;
  readonly diskLow: boolean;
}

async function gather(remote: Remote): Promise<StatusReport> {
  const views = new Map<string, ClusterView>();
  const ask = async (endpoints: readonly string[]): Promise<void> => {
    await Promise.all(
      endpoints.map(async (endpoint) => {
        const view = await observe(endpoint, remote.timeoutMs);
        if (view !== undefined) views.set(endpoint, view);
      }),
    );
  };
  await ask(remote.endpoints);
  if (views.size === 0) {
    throw new CommandError(
      `no answer in ${remote.timeoutMs} ms from ${remote.endpoints.join(", ")}; is the cluster running?`,
      exitCodes.unreachable,
    );
  }
  // Members that were not among --endpoints are asked as well: only a node itself knows its commit and applied index.
  const others = [...views.values()].flatMap((view) => view.members.map((each) => each.endpoint));
  await ask([...new Set(others)].filter((endpoint) => !views.has(endpoint)));
  return reportOf([...views.values()]);
}

/** Puts the views together: each member's row comes from itself where it answered, its lag from the leader. */
export function reportOf(views: readonly ClusterView[]): StatusReport {
  const leaders = views
    .filter((view) => view.leader?.nodeId === view.nodeId)
    .sort((a, b) => (b.leader?.term ?? 0) - (a.leader?.term ?? 0));
  const best = leaders[0] ?? views[0];
  if (best === undefined) throw new Error("nobody was asked");
  const members = best.members.map((seen): MemberStatus => {
    const own = views.find((view) => view.nodeId === seen.nodeId);
    const self = own?.members.find((member) => member.nodeId === seen.nodeId);
    const row = self ?? seen;
    return {
      nodeId: seen.nodeId,
      endpoint: seen.endpoint,
      role: roleOf(seen, self),
      voter: seen.voter,
      peerAddress: seen.peerAddress,
      incarnation: seen.incarnation,
      answers: own !== undefined,
      lag: seen.lag,
      lastHeardMs: seen.lastHeardMs,
      commitIndex: row.commitIndex,
      appliedIndex: row.appliedIndex,
      firstIndex: row.firstIndex,
      lastIndex: row.lastIndex,
      stateDigest: row.stateDigest,
      rulesVersion: row.rulesVersion,
      rulesVersionMax: row.rulesVersionMax,
      diskFreeBytes: row.diskFreeBytes,
      diskLow: row.diskLow,
    };
  });
  return {
    clusterId: best.clusterId,
    version: best.version,
    leader: leaders[0]?.leader,
    members,
    membershipIndex: best.membershipIndex,
    membershipCommitted: best.membershipCommitted,
    transferTo: best.transferTo,
    digestsDiffer: digestsDiffer(members),
  };
}

/** `seen` by the leader, `self` by itself. */
function roleOf(seen: MemberInfo, self: MemberInfo | undefined): string {
  if (self === undefined) return seen.voter ? "unreachable" : "unreachable learner";
  if (seen.voter) return self.role.toLowerCase();
  return seen.caughtUp ? "learner, caught up" : "learner";
}

/** "1", or "1 of 2" on a release that knows newer rules than those in force. */
function rulesText({ rulesVersion, rulesVersionMax }: MemberStatus): string {
  if (rulesVersion < 0) return "-";
  return rulesVersion === rulesVersionMax
    ? String(rulesVersion)
    : `${rulesVersion} of ${rulesVersionMax}`;
}

function diskText({ diskFreeBytes, diskLow }: MemberStatus): string {
  if (diskFreeBytes < 0) return "-";
  return `${grouped(Math.floor(diskFreeBytes / 1_048_576))} MiB${diskLow ? " LOW" : ""}`;
}

function digestsDiffer(members: readonly MemberStatus[]): boolean {
  const digests = new Map<number, string>();
  for (const { appliedIndex, stateDigest } of members) {
    if (appliedIndex < 0 || stateDigest === "") continue;
    const other = digests.get(appliedIndex);
    if (other !== undefined && other !== stateDigest) return true;
    digests.set(appliedIndex, stateDigest);
  }
  return false;
}

function membershipText({ members, ...report }: StatusReport): string {
  const voters = members.filter(({ voter }) => voter).length;
  const learners = members.length - voters;
  const counts = [
    `${voters} ${voters === 1 ? "voter" : "voters"}`,
    ...(learners === 0 ? [] : [`${learners} ${learners === 1 ? "learner" : "learners"}`]),
  ];
  const state = report.membershipCommitted ? "" : ", not committed yet";
  const moving =
    report.transferTo === 0 ? "" : `; leadership is going to node ${report.transferTo}`;
  return `${counts.join(", ")} (since log index ${grouped(report.membershipIndex)}${state})${moving}`;
}

export function statusText(report: StatusReport, paint: Paint): string {
  const leader =
    report.leader === undefined
      ? paint.bad("none: a majority of the members must be running")
      : `node ${report.leader.nodeId} (${report.leader.endpoint}), term ${report.leader.term}`;
  const known = (value: number): string => (value < 0 ? "-" : grouped(value));
  const right = "right" as const;
  const rows = report.members.map((member) => [
    String(member.nodeId),
    member.endpoint,
    member.role,
    known(member.commitIndex),
    known(member.appliedIndex),
    known(member.lastIndex),
    known(member.lag),
    member.nodeId === report.leader?.nodeId ? "-" : known(member.lastHeardMs),
    member.stateDigest.slice(0, 12),
    rulesText(member),
    diskText(member),
  ]);
  const parts = [
    sheet(
      [
        ["cluster", `${report.clusterId} (raftq ${report.version})`],
        ["leader", leader],
        ["members", membershipText(report)],
      ],
      paint,
    ),
    table(
      [
        { title: "node", align: right },
        { title: "endpoint" },
        { title: "role" },
        { title: "commit", align: right },
        { title: "applied", align: right },
        { title: "last", align: right },
        { title: "lag", align: right },
        { title: "heard ms", align: right },
        { title: "state digest" },
        { title: "rules" },
        { title: "disk free" },
      ],
      rows,
      paint,
    ),
  ];
  if (report.digestsDiffer) {
    parts.push(
      paint.bad(
        "STATE DIFFERS at the same applied index: keep the data directories and report this",
      ),
    );
  }
  return parts.join("\n\n");
}
