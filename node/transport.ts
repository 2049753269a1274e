// The port between the node and its peers. node/grpc/peer-links.ts satisfies it with gRPC, the simulation with a network of
// its own. Messages may be lost, doubled, delayed and reordered: Raft bears it (B11), and so do reports (peer-report.ts).

import type { NodeId } from "../raft/index.ts";
import type { PeerMessage } from "./peer-report.ts";

export interface Transport {
  /** Never blocks; what exceeds the bound of a link is dropped and reported by `unreachable`. */
  send(messages: readonly PeerMessage[]): void;
  close(): Promise<void>;
}

export interface TransportEvents {
  message(message: PeerMessage): void;
  /** The link to `peer` broke; what was under way on it may be lost. */
  unreachable(peer: NodeId): void;
  /** The connection from `peer` was closed: its process is probably gone. */
  hungUp(peer: NodeId): void;
  /** A member has said, for good, that this node is none any more (introduction.ts IN5). */
  dismissed(message: string): void;
}
