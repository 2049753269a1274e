// raftq.v1.Admin: how the cluster looks from this node, and how its membership is changed.

import type { sendUnaryData, ServerUnaryCall, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { Malformed, whole } from "../door.ts";
import { nodeIdMax } from "../server-options.ts";
import { isAddress } from "../introduction.ts";
import type { ChangeRefusal, ChangeRequest } from "../membership-changes.ts";
import type { Node } from "../node.ts";
import type { Unanswered } from "../proposer.ts";
import type { TransferRefusal } from "../transfers.ts";
import { adminRefused, unanswered } from "./errors.ts";
import { Refused, unary } from "./unary.ts";

export interface AdminContext {
  readonly node: Node;
  readonly clusterId: string;
  readonly version: string;
  readonly tickMs: number;
  readonly logger: Logger;
}

/** What the loader makes of a request: every field is there. */
interface Said {
  readonly nodeId: number;
  readonly peerAddress: string;
  readonly clientAddress: string;
}

const roles = {
  follower: "FOLLOWER",
  "pre-candidate": "CANDIDATE",
  candidate: "CANDIDATE",
  leader: "LEADER",
} as const;
const unknown = -1;

export function adminService(context: AdminContext): UntypedServiceImplementation {
  const { node, logger } = context;
  const change = (requestOf: (said: Said) => ChangeRequest) =>
    unary(logger, async (said: Said) => changeMembership(node, requestOf(said)));
  return {
    GetCluster: (_call: ServerUnaryCall<object, object>, done: sendUnaryData<object>) =>
      done(null, cluster(context)),
    AddLearner: change((said) => ({
      kind: "add-learner",
      member: {
        id: nodeId(said.nodeId),
        peer: address(said.peerAddress, "peer_address"),
        client: address(said.clientAddress, "client_address"),
      },
    })),
    PromoteMember: change((said) => ({ kind: "promote", id: nodeId(said.nodeId) })),
    RemoveMember: change((said) => ({ kind: "remove", id: nodeId(said.nodeId) })),
    TransferLeadership: unary(logger, async (said: Said) =>
      transfer(node, whole(said.nodeId, "node_id", 0, nodeIdMax)),
    ),
  };
}

function nodeId(said: number): number {
  return whole(said, "node_id", 1, nodeIdMax);
}

function address(said: string, field: string): string {
  if (isAddress(said)) return said;
  throw new Malformed(
    field,
    `${field} is ${JSON.stringify(said.slice(0, 80))}; expected host:port in printable ASCII without , / =`,
  );
}

async function changeMembership(node: Node, request: ChangeRequest): Promise<object> {
  const outcome = await node.administration.change(request);
  switch (outcome.kind) {
    case "done":
      return {
        header: header(node),
        changed: outcome.changed,
        membershipIndex: outcome.index,
      };
    case "refused": {
      const id = request.kind === "add-learner" ? request.member.id : request.id;
      throw changeRefused(node, outcome.reason, id);
    }
    case "not-leader":
    case "shutting-down":
    case "unknown":
      throw elsewhere(node, outcome);
  }
}

async function transfer(node: Node, to: number): Promise<object> {
  const answer = await node.administration.transfer(to);
  switch (answer.kind) {
    case "done": {
      const { leader } = node.whereabouts;
      return {
        header: header(node),
        leader: leader ?? { nodeId: answer.leader, endpoint: "", term: node.term },
      };
    }
    case "refused":
      throw transferRefused(node, answer.reason, answer.to);
    case "not-leader":
    case "shutting-down":
    case "unknown":
      throw elsewhere(node, answer);
  }
}

function elsewhere(node: Node, why: Unanswered): Refused {
  return new Refused(unanswered(why, node.whereabouts, node.closing));
}

function changeRefused(node: Node, reason: ChangeRefusal, id: number): Refused {
  switch (reason) {
    case "change-pending":
      return pending();
    case "transferring":
      return transferring();
    case "lagging": {
      const { last, progress } = node.raftStatus();
      const match = progress.find((peer) => peer.id === id)?.match ?? 0;
      return new Refused(
        adminRefused(
          "MEMBER_LAGGING",
          "node_id",
          `node ${id} lacks ${last.index - match} of ${last.index} entries, or was not heard lately: as a voter it would hold ` +
            "the others up. Wait until it has caught up (`raftq cluster status`; `raftq cluster promote --wait-seconds` does)",
          1_000,
        ),
      );
    }
    case "quorum-unreachable":
      return new Refused(
        adminRefused(
          "QUORUM_AT_RISK",
          "node_id",
          `after this change of node ${id} the voters that answer would be no majority, and nothing could be committed any ` +
            "more: bring the voters back that are down, or remove those first",
        ),
      );
    case "last-voter":
      return new Refused(
        adminRefused(
          "LAST_VOTER",
          "node_id",
          `node ${id} is the only voter: promote another member first`,
        ),
      );
    case "too-many-voters":
      return new Refused(
        adminRefused(
          "TOO_MANY_MEMBERS",
          "node_id",
          "the cluster has 7 voters, more would only make it slower: remove one first, or leave this member a learner",
        ),
      );
    case "too-many-members":
      return new Refused(
        adminRefused("TOO_MANY_MEMBERS", "node_id", "the cluster has 16 members: remove one first"),
      );
    case "too-many-removed":
      return new Refused(
        adminRefused(
          "TOO_MANY_MEMBERS",
          "node_id",
          "too many ids in between were removed to remember another one: give new members ids that follow each other",
        ),
      );
    case "id-used":
      return new Refused(
        adminRefused(
          "ID_USED",
          "node_id",
          `node ${id} was removed from this cluster, and a number is never used for a second disk: empty the data directory ` +
            "and start the node under a number that was never used",
        ),
      );
    case "other-address": {
      const known = node.members.address(id);
      return new Refused(
        adminRefused(
          "MEMBER_EXISTS",
          "node_id",
          `node ${id} is a member at ${known?.peer ?? "?"} (clients: ${known?.client ?? "?"}): take another number for a new ` +
            "machine; to move this one, restart it with its new addresses in --member",
        ),
      );
    }
    case "not-a-member":
      return notFound(id);
  }
}

function transferRefused(node: Node, reason: TransferRefusal, to: number): Refused {
  switch (reason) {
    case "transferring":
      return transferring();
    case "change-pending":
      return pending();
    case "no-candidate":
      return new Refused(
        adminRefused("NOT_A_VOTER", "node_id", "there is no other voter that could lead"),
      );
    case "not-a-voter":
      return node.members.isMember(to)
        ? new Refused(
            adminRefused(
              "NOT_A_VOTER",
              "node_id",
              `node ${to} is a learner: promote it first, only a voter can lead`,
            ),
          )
        : notFound(to);
    case "unreachable":
    case "not-taken-over":
      return new Refused(
        adminRefused(
          "TRANSFER_FAILED",
          "node_id",
          `node ${to} ${reason === "unreachable" ? "was not heard for an election time-out" : "did not take over within an election time-out"}; ` +
            `node ${node.id} still leads: see whether node ${to} runs and has caught up, or choose another one`,
        ),
      );
  }
}

function pending(): Refused {
  return new Refused(
    adminRefused(
      "MEMBERSHIP_CHANGE_PENDING",
      "",
      "the membership change before this one is not committed yet: try again when it is (`raftq cluster status`). If it never " +
        "is, a majority of the voters does not answer",
      500,
    ),
  );
}

function transferring(): Refused {
  return new Refused(
    adminRefused("TRANSFERRING", "", "leadership is being handed over: try again in a moment", 100),
  );
}

function notFound(id: number): Refused {
  return new Refused(
    adminRefused("MEMBER_NOT_FOUND", "node_id", `node ${id} is no member of this cluster`),
  );
}

function header({ machine, term }: Node): object {
  return { logIndex: machine.appliedIndex, term, clusterTimeMs: machine.clusterTime };
}

function cluster({ node, clusterId, version, tickMs }: AdminContext): object {
  const status = node.raftStatus();
  const { machine, whereabouts, members } = node;
  const { voters, learners } = status.membership;
  const described = [...voters, ...learners].map((id) => {
    const own = id === node.id;
    const condition = node.conditionOf(id);
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
      endpoint: members.address(id)?.client ?? "",
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
      rulesVersion: condition?.rulesVersion ?? unknown,
      rulesVersionMax: condition?.rulesVersionMax ?? unknown,
      diskFreeBytes: condition?.diskFreeBytes ?? unknown,
      diskLow: condition?.diskLow ?? false,
      peerAddress: members.address(id)?.peer ?? "",
      incarnation: members.incarnationOf(id),
      caughtUp: own ? status.role === "leader" : (progress?.caughtUp ?? false),
      roundMs: progress?.roundTicks === undefined ? unknown : progress.roundTicks * tickMs,
    };
  });
  return {
    header: header(node),
    clusterId,
    nodeId: node.id,
    leader: whereabouts.leader ?? null,
    members: described,
    version,
    membershipIndex: status.membershipIndex,
    membershipCommitted: status.membershipCommitted,
    transferTo: status.transferee ?? 0,
  };
}
