// gRPC in: frames of the other members → messages.

import { status, type ServerDuplexStream, type UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { NodeId } from "../../raft/index.ts";
import type { Introduction, Refusal } from "../introduction.ts";
import type { Members } from "../members.ts";
import { decodeMessage, MalformedMessage } from "../peer-codec.ts";
import type { PeerMessage } from "../peer-report.ts";
import type { TransportEvents } from "../transport.ts";
import { introductionMetadata, introductionOf, refusalStatus } from "./handshake.ts";
import { peerMessages } from "./peer-frame.ts";

type LinkCall = ServerDuplexStream<Buffer, Buffer>;

/** Whoever they say they are: a stranger may say many numbers. */
const complaintsMax = 64;

export interface PeerServiceContext {
  readonly members: Members;
  readonly logger: Logger;
  readonly events: TransportEvents;
}

export function peerService(context: PeerServiceContext): UntypedServiceImplementation {
  const { members } = context;
  const { self } = members;
  /** The newest stream of each peer: the end of an older one says nothing about the peer. */
  const current = new Map<NodeId, { readonly call: LinkCall; readonly said: Introduction }>();
  /** What was logged last about each who was refused: he comes again, every half second. */
  const complaints = new Map<NodeId, string>();
  const refuse = (call: LinkCall, { nodeId }: Introduction, refusal: Refusal): void => {
    const { kind, message } = refusal;
    if (complaints.get(nodeId) !== message) {
      if (complaints.size >= complaintsMax) complaints.clear();
      complaints.set(nodeId, message);
      context.logger.warn({ kind, cause: message, from: call.getPeer() }, "peer refused");
    }
    call.emit("error", refusalStatus(refusal, self));
  };
  // Who was welcome may have been removed since: it is told so, and comes no more.
  members.onChange(() => {
    for (const { call, said } of [...current.values()]) {
      const refusal = members.judge(said);
      if (refusal !== undefined) refuse(call, said, refusal);
    }
  });
  return {
    Link(call: LinkCall): void {
      const said = introductionOf(call.metadata);
      const refusal = members.meet(said);
      if (refusal !== undefined) {
        refuse(call, said, refusal);
        return;
      }
      const { nodeId: peer } = said;
      complaints.delete(peer);
      current.set(peer, { call, said });
      call.sendMetadata(introductionMetadata(members.introduce(peer)));
      call.on("data", (frame: Buffer) => {
        let messages: PeerMessage[];
        try {
          messages = peerMessages(frame).map(decodeMessage);
        } catch (error) {
          if (!(error instanceof MalformedMessage)) throw error;
          context.logger.warn({ peer, cause: error.message }, "malformed peer frame");
          call.emit("error", { code: status.INVALID_ARGUMENT, details: error.message });
          return;
        }
        for (const message of messages) {
          if (message.from === peer && message.to === self.nodeId) context.events.message(message);
        }
      });
      let over = false;
      const ended = (): void => {
        if (over) return;
        over = true;
        if (current.get(peer)?.call !== call) return;
        current.delete(peer);
        context.events.hungUp(peer);
      };
      call.on("end", () => {
        call.end();
        ended();
      });
      call.on("cancelled", ended);
      call.on("error", ended);
      call.on("close", ended);
    },
  };
}
