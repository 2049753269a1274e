// Links to the other members: one stream each, kept open for ever.
//   P1. What waits for a link is bounded in bytes; beyond that messages are dropped and the peer is reported unreachable.
//   P2. A link that does not open within `connectMs`, or takes no bytes for `stalledMs`, is cut and tried again (H5).

import { Client, credentials, type ClientDuplexStream } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { raftService } from "../../proto/load.ts";
import type { Message, NodeId } from "../../raft/index.ts";
import type { Clock, Timer } from "../clock.ts";
import type { MemberAddress } from "../config.ts";
import { encodeMessage } from "../peer-codec.ts";
import type { Transport } from "../transport.ts";
import { checkIntroduction, introduce, type Incarnations, type Speaker } from "./handshake.ts";
import { peerFrame } from "./peer-frame.ts";

const connectMs = 1_000;
const stalledMs = 2_000;
const retryMs = { first: 20, max: 500 } as const;
const waitingBytesMax = 32 * 1024 * 1024;
const frameBytesMax = 1024 * 1024;

const channelOptions = {
  "grpc.keepalive_time_ms": 1_000,
  "grpc.keepalive_timeout_ms": 2_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 500,
  // Links of the nodes that share a process (tests) must not share a connection, or one cut would cut both.
  "grpc.use_local_subchannel_pool": 1,
};

type LinkStream = ClientDuplexStream<Buffer, Buffer>;

interface LinkContext {
  readonly me: Speaker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly members: ReadonlySet<NodeId>;
  readonly incarnations: Incarnations;
  unreachable(peer: NodeId): void;
}

class Link {
  readonly #peer: MemberAddress;
  readonly #context: LinkContext;
  #state: "closed" | "connecting" | "open" | "stopped" = "closed";
  #client: Client | undefined;
  #stream: LinkStream | undefined;
  #watchdog: Timer | undefined;
  #retry: Timer | undefined;
  #retryMs: number = retryMs.first;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #flushing = false;
  #blocked = false;
  #complaint = "";

  constructor(peer: MemberAddress, context: LinkContext) {
    this.#peer = peer;
    this.#context = context;
    this.#connect();
  }

  send(message: Message): void {
    if (this.#state !== "open") return;
    const bytes = encodeMessage(message);
    if (this.#waitingBytes + bytes.length > waitingBytesMax) {
      this.#drop();
      this.#context.unreachable(this.#peer.id);
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#flushing || this.#blocked) return;
    this.#flushing = true;
    // What one turn of the loop has to say to a peer goes out as few frames.
    queueMicrotask(() => this.#flush());
  }

  stop(): void {
    this.#state = "stopped";
    this.#retry?.stop();
    this.#watchdog?.stop();
    this.#stream?.cancel();
    this.#client?.close();
    this.#drop();
  }

  #flush(): void {
    this.#flushing = false;
    while (this.#waiting.length > 0 && !this.#blocked && this.#stream !== undefined) {
      let count = 0;
      let bytes = 0;
      while (count < this.#waiting.length && (count === 0 || bytes < frameBytesMax))
        bytes += this.#waiting[count++]?.length ?? 0;
      this.#waitingBytes -= bytes;
      const more = this.#stream.write(peerFrame(this.#waiting.splice(0, count)));
      if (!more) this.#block(this.#stream);
    }
  }

  #block(stream: LinkStream): void {
    this.#blocked = true;
    this.#watch(stalledMs, `took no bytes for ${stalledMs} ms`);
    stream.once("drain", () => {
      if (stream !== this.#stream) return;
      this.#blocked = false;
      this.#watchdog?.stop();
      this.#flush();
    });
  }

  #connect(): void {
    this.#state = "connecting";
    const client = new Client(this.#peer.peer, credentials.createInsecure(), channelOptions);
    const { path, requestSerialize, responseDeserialize } = raftService.Link;
    const stream: LinkStream = client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      introduce(this.#context.me, this.#peer.id),
    );
    this.#client = client;
    this.#stream = stream;
    this.#watch(connectMs, `did not answer within ${connectMs} ms`);
    stream.on("metadata", (metadata) => {
      const checked = checkIntroduction(
        metadata,
        this.#context.me,
        this.#context.members,
        this.#context.incarnations,
      );
      if ("refusal" in checked) {
        this.#broken(stream, checked.refusal);
        return;
      }
      if (checked.peer !== this.#peer.id) {
        this.#broken(stream, `answers as node ${checked.peer}`);
        return;
      }
      this.#watchdog?.stop();
      this.#state = "open";
      this.#retryMs = retryMs.first;
      this.#complaint = "";
      this.#context.logger.info(
        { peer: this.#peer.id, address: this.#peer.peer },
        "peer link open",
      );
    });
    stream.on("data", () => undefined);
    stream.on("error", (error) => this.#broken(stream, error.message));
    stream.on("end", () => this.#broken(stream, "closed by the peer"));
  }

  #watch(ms: number, complaint: string): void {
    this.#watchdog?.stop();
    const stream = this.#stream;
    this.#watchdog = this.#context.clock.after(ms, () => stream && this.#broken(stream, complaint));
  }

  #broken(stream: LinkStream, complaint: string): void {
    if (stream !== this.#stream || this.#state === "stopped") return;
    const wasOpen = this.#state === "open";
    this.#state = "closed";
    this.#stream = undefined;
    this.#watchdog?.stop();
    stream.cancel();
    this.#client?.close();
    this.#blocked = false;
    this.#drop();
    // Said once per cause: a peer that is down for an hour is one line, not seventy thousand.
    if (complaint !== this.#complaint)
      this.#context.logger.warn(
        { peer: this.#peer.id, address: this.#peer.peer, cause: complaint },
        "peer link down",
      );
    this.#complaint = complaint;
    if (wasOpen) this.#context.unreachable(this.#peer.id);
    this.#retry = this.#context.clock.after(this.#retryMs, () => this.#connect());
    this.#retryMs = Math.min(this.#retryMs * 2, retryMs.max);
  }

  #drop(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

export class PeerLinks implements Transport {
  readonly #links = new Map<NodeId, Link>();

  constructor(peers: readonly MemberAddress[], context: LinkContext) {
    for (const peer of peers) this.#links.set(peer.id, new Link(peer, context));
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) this.#links.get(message.to)?.send(message);
  }

  close(): Promise<void> {
    for (const link of this.#links.values()) link.stop();
    return Promise.resolve();
  }
}
