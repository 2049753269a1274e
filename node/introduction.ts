// Who may speak to whom (R5, C7): said by both ends of a peer link, and judged by both, before the first message. No I/O: the
// simulation asks the same questions as gRPC does.
//   IN1. Only a node of the same cluster and protocol, and only when the call was meant for this node.
//   IN2. A member is heard with the disk that it has had, not with another one: what was wiped has forgotten its votes.
//   IN3. A number that was removed is never heard again.
//   IN4. A node that is no member here is heard if it knows a later membership than the last one known here to be committed:
//        then this node is the one that is behind (C5), or has not been told of any member yet (it joins).
//   IN5. `final` is said only on the word of a committed membership: who hears it can end (members.ts).

import type { NodeId } from "../raft/index.ts";

export const peerProtocol = "1";
/** One Raft group so far. */
export const peerGroup = "0";

/** This node, as its data directory has it. */
export interface Self {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly incarnation: string;
}

/** What is said. From the other end it is not trusted: any text, any number. */
export interface Introduction extends Self {
  readonly protocol: string;
  readonly group: string;
  /** For whom the call is meant. */
  readonly to: NodeId;
  /** Where the speaker can be reached; empty: as the membership says. */
  readonly peer: string;
  readonly client: string;
  /** The log index of the newest membership that the speaker knows. */
  readonly membershipIndex: number;
}

export type RefusalKind =
  | "protocol"
  | "wrong-cluster"
  | "wrong-group"
  | "wrong-node"
  | "malformed"
  | "removed"
  | "other-disk"
  | "stranger";

export interface Refusal {
  readonly kind: RefusalKind;
  /** What is wrong and what to do: for the log of the node that is refused. */
  readonly message: string;
  /** It will not change: the node that is refused is a member no longer. */
  readonly final: boolean;
}

/** What the judge knows of the cluster. */
export interface Circle {
  readonly self: Self;
  /** Of the last membership that is known to be committed. */
  readonly committedIndex: number;
  /** In the membership in force, or in the committed one. */
  isMember(id: NodeId): boolean;
  /** In the committed membership. */
  isRemoved(id: NodeId): boolean;
  /** The disk that the node has had; `final`: the committed membership says so. */
  diskOf(id: NodeId): { readonly incarnation: string; readonly final: boolean } | undefined;
}

/** host:port in printable ASCII, without the characters that `--member` and headers use. */
const addressPattern = /^[!-+\-.0-<>-~]{1,253}:\d{1,5}$/;

export function isAddress(text: string): boolean {
  const port = Number(/\d+$/.exec(text)?.[0] ?? 0);
  return addressPattern.test(text) && port >= 1 && port <= 65_535;
}

/** undefined: welcome. */
export function judge(said: Introduction, circle: Circle): Refusal | undefined {
  const { self } = circle;
  const { nodeId: peer, incarnation } = said;
  const refuse = (kind: RefusalKind, message: string, final = false): Refusal => ({
    kind,
    message,
    final,
  });
  if (said.protocol !== peerProtocol)
    return refuse(
      "protocol",
      `peer protocol ${said.protocol || "none"}; node ${self.nodeId} speaks ${peerProtocol}: run the same version of raftq on all members`,
    );
  if (said.clusterId !== self.clusterId)
    return refuse(
      "wrong-cluster",
      `cluster ${said.clusterId}; node ${self.nodeId} is in cluster ${self.clusterId}: check --cluster-id and the addresses`,
    );
  if (said.group !== peerGroup)
    return refuse("wrong-group", `group ${said.group}; expected ${peerGroup}`);
  if (said.to !== self.nodeId)
    return refuse(
      "wrong-node",
      `a call for node ${said.to} reached node ${self.nodeId}: check the addresses of the members`,
    );
  if (!Number.isSafeInteger(peer) || peer < 1 || peer === self.nodeId)
    return refuse("malformed", `node ${peer} cannot be a peer of node ${self.nodeId}`);
  if (!/^[!-~]{1,64}$/.test(incarnation))
    return refuse("malformed", `node ${peer} does not say which disk it has`);
  if (circle.isRemoved(peer))
    return refuse(
      "removed",
      `node ${peer} was removed from cluster ${self.clusterId}, and its number is used up: to bring the machine back, ` +
        "empty its data directory, start it with --join under a number that was never used, and add it with `raftq cluster add`",
      true,
    );
  const known = circle.diskOf(peer);
  if (known !== undefined && known.incarnation !== incarnation)
    return refuse(
      "other-disk",
      `node ${peer} comes with another disk than the one it had (${incarnation}, known ${known.incarnation}): a node that lost ` +
        "its data must not vote under its old number. Restore its data directory; or empty it, start the node with --join " +
        `under a number that was never used, and run \`raftq cluster replace ${peer} --with NEW=PEER/CLIENT\``,
      known.final,
    );
  if (!circle.isMember(peer) && said.membershipIndex <= circle.committedIndex)
    return refuse(
      "stranger",
      `node ${peer} is not a member of cluster ${self.clusterId}: add it with \`raftq cluster add\``,
    );
  return undefined;
}
