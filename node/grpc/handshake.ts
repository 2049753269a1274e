// Introductions and refusals (../introduction.ts) as the metadata of a peer link: said in the headers by both ends, refused in
// the trailers.

import { Metadata, status } from "@grpc/grpc-js";
import type { NodeId } from "../../raft/index.ts";
import type { Introduction, Refusal, Self } from "../introduction.ts";

export function introductionMetadata(said: Introduction): Metadata {
  const metadata = new Metadata();
  metadata.set("raftq-protocol", said.protocol);
  metadata.set("raftq-cluster", said.clusterId);
  metadata.set("raftq-group", said.group);
  metadata.set("raftq-node", String(said.nodeId));
  metadata.set("raftq-incarnation", said.incarnation);
  metadata.set("raftq-to", String(said.to));
  metadata.set("raftq-peer-address", said.peer);
  metadata.set("raftq-client-address", said.client);
  metadata.set("raftq-membership", String(said.membershipIndex));
  return metadata;
}

/** Whatever was said: what is missing is empty or 0, and judged as such. */
export function introductionOf(metadata: Metadata): Introduction {
  return {
    protocol: text(metadata, "protocol"),
    clusterId: text(metadata, "cluster"),
    group: text(metadata, "group"),
    nodeId: number(metadata, "node"),
    incarnation: text(metadata, "incarnation"),
    to: number(metadata, "to"),
    peer: text(metadata, "peer-address"),
    client: text(metadata, "client-address"),
    membershipIndex: number(metadata, "membership"),
  };
}

/** The end of a link whose caller is refused. */
export function refusalStatus(
  { kind, message, final }: Refusal,
  self: Self,
): { readonly code: status; readonly details: string; readonly metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set("raftq-refusal", kind);
  metadata.set("raftq-final", final ? "1" : "0");
  metadata.set("raftq-cluster", self.clusterId);
  metadata.set("raftq-node", String(self.nodeId));
  return { code: status.FAILED_PRECONDITION, details: message, metadata };
}

/** Whether the member that was called says, for good, that this node is none: not whoever else may answer there (IN5). */
export function isDismissal(metadata: Metadata | undefined, self: Self, called: NodeId): boolean {
  return (
    metadata !== undefined &&
    text(metadata, "final") === "1" &&
    text(metadata, "cluster") === self.clusterId &&
    number(metadata, "node") === called
  );
}

function text(metadata: Metadata, name: string): string {
  return String(metadata.get(`raftq-${name}`)[0] ?? "");
}

function number(metadata: Metadata, name: string): number {
  const said = text(metadata, name);
  return /^\d{1,15}$/.test(said) ? Number(said) : 0;
}
