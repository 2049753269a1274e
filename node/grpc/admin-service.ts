// raftq.v1.Admin: how the cluster looks from this node.

import type { sendUnaryData, ServerUnaryCall, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { MemberAddress } from "../config.ts";
import type { Node } from "../node.ts";

export interface AdminContext {
  readonly node: Node;
  readonly clusterId: string;
  readonly members: readonly MemberAddress[];
  readonly version: string;
  readonly tickMs: number;
}

const roles = {
  follower: "FOLLOWER",
  "pre-candidate": "CANDIDATE",
  candidate: "CANDIDATE",
  leader: "LEADER",
} as const;
const unknown = -1;

export function adminService(context: AdminContext): UntypedServiceImplementation {
  return {
    GetCluster: (_call: ServerUnaryCall<object, object>, done: sendUnaryData<object>) =>
      done(null, cluster(context)),
  };
}

function cluster({ node, clusterId, members, version, tickMs }: AdminContext): object {
  const status = node.raftStatus();
  const { machine, whereabouts } = node;
  const { voters, learners } = status.membership;
  const described = [...voters, ...learners].map((id) => {
    const own = id === node.id;
    const progress = status.progress.find((peer) => peer.id === id);
    const match = own ? status.durable : progress?.match;
    const role = own
      ? roles[status.role]
      : id === whereabouts.leader?.nodeId
        ? "LEADER"
        : learners.includes(id)
          ? "LEARNER"
          : "FOLLOWER";
    return {
      nodeId: id,
      endpoint: members.find((member) => member.id === id)?.client ?? "",
      role,
      voter: voters.includes(id),
      matchIndex: match ?? unknown,
      lag: match === undefined ? unknown : status.last.index - match,
      lastHeardMs: own ? 0 : progress === undefined ? unknown : progress.lastHeardTicks * tickMs,
      commitIndex: own ? status.commit : unknown,
      appliedIndex: own ? machine.appliedIndex : unknown,
      lastIndex: own ? status.last.index : unknown,
      firstIndex: own ? status.compacted.index + 1 : unknown,
      stateDigest: own ? node.digest : "",
    };
  });
  return {
    header: { logIndex: machine.appliedIndex, term: node.term, clusterTimeMs: machine.clusterTime },
    clusterId,
    nodeId: node.id,
    leader: whereabouts.leader ?? null,
    members: described,
    version,
  };
}
