// gRPC in: frames of the other members → messages.

import { status, type ServerDuplexStream, type UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Message, NodeId } from "../../raft/index.ts";
import { decodeMessage, MalformedMessage } from "../peer-codec.ts";
import type { TransportEvents } from "../transport.ts";
import { checkIntroduction, introduce, type Incarnations, type Speaker } from "./handshake.ts";
import { peerMessages } from "./peer-frame.ts";

type LinkCall = ServerDuplexStream<Buffer, Buffer>;

export interface PeerServiceContext {
  readonly me: Speaker;
  readonly members: ReadonlySet<NodeId>;
  readonly incarnations: Incarnations;
  readonly logger: Logger;
  readonly events: TransportEvents;
}

export function peerService(context: PeerServiceContext): UntypedServiceImplementation {
  /** The newest stream of each peer: the end of an older one says nothing about the peer. */
  const current = new Map<NodeId, LinkCall>();
  return {
    Link(call: LinkCall): void {
      const checked = checkIntroduction(
        call.metadata,
        context.me,
        context.members,
        context.incarnations,
      );
      if ("refusal" in checked) {
        context.logger.warn({ cause: checked.refusal, from: call.getPeer() }, "peer refused");
        call.emit("error", { code: status.FAILED_PRECONDITION, details: checked.refusal });
        return;
      }
      const { peer } = checked;
      current.set(peer, call);
      call.sendMetadata(introduce(context.me, peer));
      call.on("data", (frame: Buffer) => {
        let messages: Message[];
        try {
          messages = peerMessages(frame).map(decodeMessage);
        } catch (error) {
          if (!(error instanceof MalformedMessage)) throw error;
          context.logger.warn({ peer, cause: error.message }, "malformed peer frame");
          call.emit("error", { code: status.INVALID_ARGUMENT, details: error.message });
          return;
        }
        for (const message of messages) {
          if (message.from === peer && message.to === context.me.nodeId)
            context.events.message(message);
        }
      });
      let over = false;
      const ended = (): void => {
        if (over) return;
        over = true;
        if (current.get(peer) !== call) return;
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
