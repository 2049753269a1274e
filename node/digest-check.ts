// Do the replicas agree? The same log must have made the same state, everywhere (R9, F11).
//   D1. Only digests of an equal applied index are compared; what a restart or a snapshot leaves out says nothing.
//   D2. A node whose digest differs from one that a quorum of the voters agrees on is the one that is wrong: it stops.
//   D3. Where no quorum agrees, nobody can tell who is wrong, and nobody stops for it.

import type { Checkpoint } from "../queue/index.ts";
import { quorumOf, type NodeId } from "../raft/index.ts";

export type DigestVerdict =
  | { readonly kind: "equal" }
  /** D2 for this node. */
  | (Difference & { readonly kind: "wrong" })
  /** D2 for others, or D3. */
  | (Difference & { readonly kind: "unequal" });

export interface Difference {
  readonly index: number;
  readonly own: string;
  /** Digest → the nodes that reported it, for every other digest at this index. */
  readonly others: ReadonlyMap<string, readonly NodeId[]>;
}

/** This node's state is not the one that the log makes. DATA_LOSS / DIGEST_MISMATCH. */
export class StateDiffers extends Error {
  override readonly name = "StateDiffers";
  readonly code = "DATA_LOSS";
  readonly reason = "DIGEST_MISMATCH";

  constructor(id: NodeId, difference: Difference) {
    super(
      `DATA_LOSS / DIGEST_MISMATCH: the state of node ${id} at entry ${describe(difference)}: ` +
        "a quorum agrees against it. This node stops, its answers would be wrong. Keep its data directory for an " +
        "inquiry, and give the cluster another node in its place: raftq cluster replace",
    );
  }
}

/** "7 has the digest a, at nodes 2 and 3 b". */
export function describe({ index, own, others }: Difference): string {
  const theirs = [...others].map(([digest, ids]) =>
    ids.length === 1 ? `node ${ids.join()} ${digest}` : `nodes ${ids.join(" and ")} ${digest}`,
  );
  return `${index} has the digest ${own}, at ${theirs.join(", at ")}`;
}

/** Of this node's digests and those that others reported. The worst that can be said. */
export function compareDigests(
  own: readonly Checkpoint[],
  reported: ReadonlyMap<NodeId, readonly Checkpoint[]>,
  voters: readonly NodeId[],
): DigestVerdict {
  let found: DigestVerdict = { kind: "equal" };
  for (const { index, digest } of own) {
    const others = new Map<string, NodeId[]>();
    for (const [id, digests] of reported) {
      const other = digests.find((one) => one.index === index);
      if (other === undefined || other.digest === digest) continue;
      others.set(other.digest, [...(others.get(other.digest) ?? []), id]);
    }
    if (others.size === 0) continue;
    const agreed = [...others.values()].some(
      (ids) => ids.filter((id) => voters.includes(id)).length >= quorumOf(voters.length),
    );
    if (agreed) return { kind: "wrong", index, own: digest, others };
    found = { kind: "unequal", index, own: digest, others };
  }
  return found;
}
