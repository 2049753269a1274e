// A client's stream of one node, without gRPC and in virtual time.

import { Duplex } from "node:stream";
import type { ServerDuplexStream, ServiceError } from "@grpc/grpc-js";
import { Bodies } from "../../node/bodies.ts";
import { parseSession } from "../../node/grpc/session-id.ts";
import { connect } from "../../node/grpc/stream-service.ts";
import {
  ClientFrameWriter,
  decodeError,
  decodeServerFrame,
  errorMetadataKey,
  type ClientOperation,
  type ServerFrame,
  type WireError,
} from "../../proto/frame.ts";
import { defaultOptions } from "../../queue/index.ts";
import { ClusterOfNodes, type Member, type WorldOptions } from "./cluster-of-nodes.ts";

/** A stream as grpc-js gives it to a service, with a client that takes bytes when the test says so. */
export class FakeCall extends Duplex {
  readonly frames: ServerFrame[] = [];
  readonly frameBytes: number[] = [];
  /** undefined: it has not ended. */
  end_: { readonly code: number; readonly error: WireError | undefined } | undefined;
  taking = true;
  /** Frames of the client that the server has not read. */
  #unread: (Buffer | null)[] = [];
  #wanted = false;
  #untaken: (() => void)[] = [];
  #status: Partial<ServiceError> = {};
  untakenBytes = 0;

  constructor() {
    super({ objectMode: true });
    this.on("error", (error: Partial<ServiceError>) => {
      this.#status = error;
      this.end();
    });
  }

  override _read(): void {
    this.#wanted = true;
    this.#give();
  }

  #give(): void {
    while (this.#wanted && this.#unread.length > 0) this.#wanted = this.push(this.#unread.shift());
  }

  override _write(frame: Buffer, _encoding: string, callback: () => void): void {
    this.frames.push(decodeServerFrame(Buffer.from(frame)));
    this.frameBytes.push(frame.length);
    if (this.taking) {
      callback();
      return;
    }
    this.untakenBytes += frame.length;
    this.#untaken.push(() => {
      this.untakenBytes -= frame.length;
      callback();
    });
  }

  override _final(callback: () => void): void {
    callback();
    const metadata = this.#status.metadata?.get(errorMetadataKey)[0];
    const error = Buffer.isBuffer(metadata) ? decodeError(metadata) : undefined;
    this.end_ = { code: this.#status.code ?? 0, error };
    // As grpc-js does when the trailers are sent.
    process.nextTick(() => this.cancel());
  }

  // The client's side.

  say(frame: Buffer): void {
    this.#unread.push(frame);
    this.#give();
  }

  get unreadFrames(): number {
    return this.#unread.length + this.readableLength;
  }

  halfClose(): void {
    this.#unread.push(null);
    this.#give();
  }

  cancel(): void {
    this.emit("cancelled", "cancelled");
    this.destroy();
  }

  accept(count = Infinity): void {
    for (let i = 0; i < count && this.#untaken.length > 0; i += 1) this.#untaken.shift()?.();
  }

  get replies() {
    return this.frames.flatMap((frame) => frame.replies);
  }

  get deliveries() {
    return this.frames.flatMap((frame) => frame.deliveries);
  }
}

export class Client {
  readonly call = new FakeCall();
  readonly #frames = new ClientFrameWriter();
  readonly world: ClusterOfNodes;

  constructor(world: ClusterOfNodes, member: Member, session: string, outboxBytesMax = 256 * 1024) {
    this.world = world;
    const node = member.running;
    connect(
      {
        node,
        bodies: new Bodies(
          () => node.state,
          (store, error) => node.storeFailed(store, error),
        ),
        clock: member.clock,
        outboxBytesMax,
        parseSession: (text) => parseSession("test", text),
      },
      this.call as unknown as ServerDuplexStream<Buffer, Buffer>,
    );
    this.#frames.attach(session);
  }

  command(sequence: number, operation: ClientOperation): this {
    this.#frames.command(sequence, operation);
    return this;
  }

  floor(sequence: number): this {
    this.#frames.firstOutstanding(sequence);
    return this;
  }

  heartbeat(number: number): this {
    this.#frames.heartbeat(number);
    return this;
  }

  /** What was said since the last time, as one frame. */
  say(): void {
    this.call.say(Buffer.from(this.#frames.finish()));
  }

  async said(ms = 50): Promise<void> {
    this.say();
    await this.world.run(ms);
  }
}

export async function world(options: WorldOptions = {}) {
  const cluster = await ClusterOfNodes.started({ nodes: 1, ...options });
  await cluster.ask({
    kind: "create-queue",
    name: "q",
    options: { ...defaultOptions(), maxAttempts: 1_000 },
  });
  const leader = await cluster.elected();
  const session = async (ttlMs = 60_000): Promise<{ id: number; name: string }> => {
    const { reply } = await cluster.ask({ kind: "open-session", name: "s", ttlMs });
    const id = reply.kind === "session-opened" ? reply.session : 0;
    return { id, name: `test:${id}` };
  };
  const client = (name: string, outboxBytesMax?: number): Client =>
    new Client(cluster, leader, name, outboxBytesMax);
  return { cluster, leader, session, client };
}

export function enqueue(key = "a", bytes = 10): ClientOperation {
  return { op: "enqueue", queue: "q", key, content: new Uint8Array(bytes) };
}

export function subscribe(credit: number, leaseMs = 0): ClientOperation {
  return { op: "subscribe", consumer: 1, queue: "q", credit, leaseMs };
}
