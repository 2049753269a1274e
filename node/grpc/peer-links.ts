// Links to the other members: one stream each, kept open for ever.
//   P1. What waits for a link is bounded in bytes; beyond that messages are dropped and the peer is reported unreachable.
//   P2. A link that does not open within `connectMs`, or takes no bytes for `stalledMs`, is cut and tried again (H5). Each attempt that
//       was not answered makes the next one wait longer: where all are short of CPU, cutting too soon would be why nothing ever opens.
//   P3. There is a link to whom the members say (ME1): opened, moved and closed as they change.

import { Client, credentials, type ClientDuplexStream, type ServiceError } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { raftService } from "../../proto/load.ts";
import type { NodeId } from "../../raft/index.ts";
import type { Clock, Timer } from "../clock.ts";
import type { Members } from "../members.ts";
import { encodeMessage } from "../peer-codec.ts";
import type { PeerMessage } from "../peer-report.ts";
import type { Transport, TransportEvents } from "../transport.ts";
import { introductionMetadata, introductionOf, isDismissal } from "./handshake.ts";
import { peerFrame } from "./peer-frame.ts";

const connectMs = { first: 1_000, max: 4_000 } as const;
const stalledMs = 2_000;
const retryMs = { first: 20, max: 500 } as const;
const waitingBytesMax = 32 * 1024 * 1024;
const frameBytesMax = 1024 * 1024;
/** A peer that cannot be reached is news only after so long: members that start together find each other down at first. */
const quietMs = 5_000;

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
  readonly members: Members;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: Pick<TransportEvents, "unreachable" | "dismissed">;
}

class Link {
  readonly #peer: NodeId;
  readonly address: string;
  readonly #context: LinkContext;
  #state: "closed" | "connecting" | "open" | "stopped" = "closed";
  #client: Client | undefined;
  #stream: LinkStream | undefined;
  #watchdog: Timer | undefined;
  #retry: Timer | undefined;
  #retryMs: number = retryMs.first;
  #connectMs: number = connectMs.first;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #flushing = false;
  #blocked = false;
  /** The last one that was logged, with its level. */
  #complaint = "";
  /** A complaint is a warning from then on. */
  #warnFromMs: number;

  constructor(peer: NodeId, address: string, context: LinkContext) {
    this.#peer = peer;
    this.address = address;
    this.#context = context;
    this.#warnFromMs = context.clock.monotonicMs() + quietMs;
    this.#connect();
  }

  send(message: PeerMessage): void {
    if (this.#state !== "open") return;
    const bytes = encodeMessage(message);
    if (this.#waitingBytes + bytes.length > waitingBytesMax) {
      this.#drop();
      this.#context.events.unreachable(this.#peer);
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

  /** Ends it after what was said: the last words to a member that leaves (C8). */
  finish(): void {
    const stream = this.#stream;
    const client = this.#client;
    if (this.#state !== "open" || stream === undefined || client === undefined) {
      this.stop();
      return;
    }
    this.#flush();
    this.#state = "stopped";
    this.#watchdog?.stop();
    this.#drop();
    const closing = this.#context.clock.after(stalledMs, () => client.close());
    stream.once("end", () => {
      closing.stop();
      client.close();
    });
    stream.end();
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
    const { members } = this.#context;
    const client = new Client(this.address, credentials.createInsecure(), channelOptions);
    const { path, requestSerialize, responseDeserialize } = raftService.Link;
    const stream: LinkStream = client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      introductionMetadata(members.introduce(this.#peer)),
    );
    this.#client = client;
    this.#stream = stream;
    const patience = this.#connectMs;
    this.#watch(patience, `did not answer within ${patience} ms`);
    this.#connectMs = Math.min(patience * 2, connectMs.max);
    stream.on("metadata", (metadata) => {
      if (stream !== this.#stream || this.#state === "stopped") return;
      const said = introductionOf(metadata);
      if (said.nodeId !== this.#peer) {
        this.#broken(stream, `answers as node ${said.nodeId}`);
        return;
      }
      const refusal = members.meet(said);
      if (refusal !== undefined) {
        this.#broken(stream, refusal.message, true);
        return;
      }
      this.#watchdog?.stop();
      this.#state = "open";
      this.#retryMs = retryMs.first;
      this.#connectMs = connectMs.first;
      this.#complaint = "";
      this.#warnFromMs = 0;
      this.#context.logger.info({ peer: this.#peer, address: this.address }, "peer link open");
    });
    stream.on("data", () => undefined);
    stream.on("error", (error: ServiceError) => {
      // Never set on errors that grpc-js makes itself.
      const metadata = error.metadata as ServiceError["metadata"] | undefined;
      const isRefusal = metadata?.get("raftq-refusal")[0] !== undefined;
      if (isDismissal(metadata, members.self, this.#peer))
        this.#context.events.dismissed(`node ${this.#peer} says: ${error.details}`);
      this.#broken(stream, isRefusal ? error.details : error.message, isRefusal);
    });
    stream.on("end", () => this.#broken(stream, "closed by the peer"));
  }

  #watch(ms: number, complaint: string): void {
    this.#watchdog?.stop();
    const stream = this.#stream;
    this.#watchdog = this.#context.clock.after(ms, () => stream && this.#broken(stream, complaint));
  }

  /** `refused`: by one of the two ends, which does not go away by itself. */
  #broken(stream: LinkStream, complaint: string, refused = false): void {
    if (stream !== this.#stream || this.#state === "stopped") return;
    const wasOpen = this.#state === "open";
    this.#state = "closed";
    this.#stream = undefined;
    this.#watchdog?.stop();
    stream.cancel();
    this.#client?.close();
    this.#blocked = false;
    this.#drop();
    this.#complain(complaint, refused);
    if (wasOpen) this.#context.events.unreachable(this.#peer);
    this.#retry = this.#context.clock.after(this.#retryMs, () => this.#connect());
    this.#retryMs = Math.min(this.#retryMs * 2, retryMs.max);
  }

  /** Said once per cause and level: a peer that is down for an hour is a line or two, not seventy thousand. */
  #complain(cause: string, refused: boolean): void {
    const isNews = refused || this.#context.clock.monotonicMs() >= this.#warnFromMs;
    const level = isNews ? "warn" : "info";
    const complaint = `${level} ${cause}`;
    if (complaint === this.#complaint) return;
    this.#complaint = complaint;
    const fields = { peer: this.#peer, address: this.address, cause };
    this.#context.logger[level](fields, "peer link down");
  }

  #drop(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

export class PeerLinks implements Transport {
  readonly #links = new Map<NodeId, Link>();
  readonly #context: LinkContext;
  #closed = false;

  constructor(context: LinkContext) {
    this.#context = context;
    context.members.onChange(() => this.#follow());
    this.#follow();
  }

  send(messages: readonly PeerMessage[]): void {
    for (const message of messages) this.#links.get(message.to)?.send(message);
  }

  /** P3. */
  #follow(): void {
    if (this.#closed) return;
    const wanted = this.#context.members.links;
    for (const [peer, link] of this.#links) {
      const address = wanted.get(peer);
      if (address === link.address) continue;
      if (address === undefined) link.finish();
      else link.stop();
      this.#links.delete(peer);
    }
    for (const [peer, address] of wanted)
      if (!this.#links.has(peer)) this.#links.set(peer, new Link(peer, address, this.#context));
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const link of this.#links.values()) link.stop();
    return Promise.resolve();
  }
}
