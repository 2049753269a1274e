// `raftq status`: the cluster as each of its members sees itself.

import type { Command } from "commander";
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
  /** Two nodes that applied the same log up to the same index, and came to different states: never to be seen. */
  readonly digestsDiffer: boolean;
}

export interface MemberStatus {
  readonly nodeId: number;
  readonly endpoint: string;
  readonly role: string;
  readonly answers: boolean;
  readonly lag: number;
  readonly lastHeardMs: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly stateDigest: string;
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
      role: (own === undefined ? "unreachable" : row.role).toLowerCase(),
      answers: own !== undefined,
      lag: seen.lag,
      lastHeardMs: seen.lastHeardMs,
      commitIndex: row.commitIndex,
      appliedIndex: row.appliedIndex,
      firstIndex: row.firstIndex,
      lastIndex: row.lastIndex,
      stateDigest: row.stateDigest,
    };
  });
  return {
    clusterId: best.clusterId,
    version: best.version,
    leader: leaders[0]?.leader,
    members,
    digestsDiffer: digestsDiffer(members),
  };
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
  ]);
  const parts = [
    sheet(
      [
        ["cluster", `${report.clusterId} (raftq ${report.version})`],
        ["leader", leader],
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
