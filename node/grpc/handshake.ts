// Who may speak to whom (R5, C7): checked by both ends of a peer link before the first frame.

import { Metadata } from "@grpc/grpc-js";
import type { NodeId } from "../../raft/index.ts";

const protocol = "1";
const group = "0";

export interface Speaker {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly incarnation: string;
}

export function introduce(speaker: Speaker, to: NodeId): Metadata {
  const metadata = new Metadata();
  metadata.set("raftq-protocol", protocol);
  metadata.set("raftq-cluster", speaker.clusterId);
  metadata.set("raftq-group", group);
  metadata.set("raftq-node", String(speaker.nodeId));
  metadata.set("raftq-incarnation", speaker.incarnation);
  metadata.set("raftq-to", String(to));
  return metadata;
}

/** Remembers which disk belongs to which member: the first one seen is the one. */
export interface Incarnations {
  known(peer: NodeId): string | undefined;
  remember(peer: NodeId, incarnation: string): void;
}

/** The peer's number, or the sentence with which it is refused. */
export function checkIntroduction(
  metadata: Metadata,
  me: Speaker,
  members: ReadonlySet<NodeId>,
  incarnations: Incarnations,
): { peer: NodeId } | { refusal: string } {
  const said = (name: string): string => String(metadata.get(`raftq-${name}`)[0] ?? "");
  if (said("protocol") !== protocol)
    return {
      refusal: `peer protocol ${said("protocol") || "none"}; node ${me.nodeId} speaks ${protocol}: run the same version of raftq on all members`,
    };
  if (said("cluster") !== me.clusterId)
    return {
      refusal: `cluster ${said("cluster")}; node ${me.nodeId} is in cluster ${me.clusterId}: check --cluster-id and --member`,
    };
  if (said("group") !== group) return { refusal: `group ${said("group")}; expected ${group}` };
  if (said("to") !== String(me.nodeId))
    return {
      refusal: `a call for node ${said("to")} reached node ${me.nodeId}: check the addresses in --member`,
    };
  const peer = Number(said("node"));
  if (!members.has(peer))
    return { refusal: `node ${said("node")} is not a member of cluster ${me.clusterId}` };
  const incarnation = said("incarnation");
  if (!/^[!-~]{1,64}$/.test(incarnation))
    return { refusal: `node ${peer} does not say which disk it has` };
  const known = incarnations.known(peer);
  if (known !== undefined && known !== incarnation) {
    return {
      refusal: `node ${peer} comes with another disk than the one it had (${incarnation}, known ${known}): a node that lost its data must not vote under its old number. Restore its data directory, or replace the node under a new number`,
    };
  }
  if (known === undefined) incarnations.remember(peer, incarnation);
  return { peer };
}
