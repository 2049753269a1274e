// A cluster as a client sees it: real gRPC on 127.0.0.1, scripted behind it. It remembers sessions the way the real one does
// (dense sequences, first answers), so that resending can be checked; everything else is up to the test.

import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import {
  decodeClientFrame,
  encodeContent,
  encodeError,
  errorMetadataKey,
  ServerFrameWriter,
  type ClientCommand,
  type ClientFrame,
  type DeliveryBytes,
  type QueueEventBytes,
  type ReplyResult,
  type WireError,
} from "../../proto/frame.ts";
import { adminService, queueService } from "../../proto/load.ts";

export function wireError(fields: Partial<WireError>): WireError {
  return {
    reason: "REASON_UNSPECIFIED",
    outcome: "NOT_APPLIED",
    field: "",
    message: "scripted",
    leader: undefined,
    retryAfterMs: 0,
    currentToken: 0,
    state: "",
    code: 0,
    currentKeySeq: 0,
    ...fields,
  };
}

export function delivery(fields: Partial<DeliveryBytes> & { fencingToken: number }): DeliveryBytes {
  return {
    queue: "orders",
    keyBytes: "a",
    keySeq: fields.fencingToken,
    seq: fields.fencingToken,
    attempts: 0,
    deliveries: 1,
    leaseMs: 30_000,
    logIndex: 7,
    enqueuedAtMs: 1_700_000_000_000,
    content: encodeContent({ body: JSON.stringify({ n: fields.fencingToken }) }),
    consumer: 1,
    redelivery: "",
    messageIdBytes: `1/a/${fields.fencingToken}`,
    deadLetter: undefined,
    expiresAtMs: 0,
    priority: 0,
    ...fields,
  };
}

/** Unary methods that answer what the test says. */
const scripted = Object.keys(queueService).filter(
  (name) => !["OpenSession", "CloseSession", "Connect"].includes(name),
);

/** One attached stream, seen from the server. */
export class FakeStream {
  readonly node: FakeNode;
  readonly sessionId: string;
  readonly frames: ClientFrame[] = [];
  /** What it says from now on gets lost. */
  muted = false;
  readonly #call: ServerDuplexStream<Buffer, Buffer>;
  readonly #writer = new ServerFrameWriter();

  constructor(node: FakeNode, sessionId: string, call: ServerDuplexStream<Buffer, Buffer>) {
    this.node = node;
    this.sessionId = sessionId;
    this.#call = call;
  }

  /** Commands in the order in which they came. */
  get commands(): ClientCommand[] {
    return this.frames.flatMap((frame) => frame.commands);
  }

  attached(nextSequence: number): void {
    this.#writer.attached(nextSequence, 30_000);
    this.flush();
  }

  reply(sequence: number, result: ReplyResult): void {
    this.#writer.addReply(sequence, 100 + sequence, result);
    this.flush();
  }

  refuse(sequence: number, fields: Partial<WireError>): void {
    this.reply(sequence, { kind: "error", error: wireError(fields) });
  }

  deliver(...deliveries: DeliveryBytes[]): void {
    for (const each of deliveries) this.#writer.addDelivery(each);
    this.flush();
  }

  tell(...events: QueueEventBytes[]): void {
    for (const event of events) this.#writer.addEvent(event);
    this.flush();
  }

  heartbeat(number: number): void {
    this.#writer.heartbeat(number);
    this.flush();
  }

  flush(): void {
    const frame = this.#writer.finish(this.node.cluster.term, 1_700_000_000_000);
    if (!this.muted) this.#call.write(frame);
  }

  end(code: number, fields?: Partial<WireError>): void {
    const metadata = new Metadata();
    if (fields !== undefined) metadata.set(errorMetadataKey, encodeError(wireError(fields)));
    this.#call.emit("error", { code, details: "scripted end", metadata });
  }
}

interface FakeSession {
  next: number;
  readonly answers: Map<number, ReplyResult>;
}

export class FakeNode {
  readonly cluster: FakeCluster;
  readonly streams: FakeStream[] = [];
  endpoint = "";
  /** Takes streams and calls, says nothing. */
  hung = false;
  readonly #server = new Server();

  constructor(cluster: FakeCluster) {
    this.cluster = cluster;
    this.#server.addService(queueService, {
      OpenSession: this.#unary((request: { ttlMs: number }) => {
        const sessionId = `s${++cluster.opened}`;
        cluster.sessions.set(sessionId, { next: 1, answers: new Map() });
        return { sessionId, ttlMs: request.ttlMs };
      }),
      CloseSession: this.#unary((request: { sessionId: string }) => {
        cluster.closed.push(request.sessionId);
        return {};
      }),
      ...Object.fromEntries(
        scripted.map((name) => [
          name,
          this.#unary((request: object) => cluster.onUnary(name, request)),
        ]),
      ),
      Connect: (call: ServerDuplexStream<Buffer, Buffer>) => this.#connect(call),
    });
    this.#server.addService(adminService, {
      GetCluster: (_: ServerUnaryCall<object, object>, answer: sendUnaryData<object>) => {
        if (this.hung) return;
        const leader = cluster.leader;
        answer(null, {
          clusterId: "fake",
          nodeId: cluster.nodes.indexOf(this) + 1,
          ...(leader === undefined
            ? {}
            : { leader: { nodeId: 1, endpoint: leader.endpoint, term: cluster.term } }),
        });
      },
    });
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const credentials = ServerCredentials.createInsecure();
      this.#server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
        if (error !== null) {
          reject(error);
          return;
        }
        this.endpoint = `127.0.0.1:${port}`;
        resolve();
      });
    });
  }

  /** As kill -9 does it. */
  kill(): void {
    this.#server.forceShutdown();
  }

  get stream(): FakeStream {
    return this.streams.at(-1)!;
  }

  #unary<T extends object>(run: (request: T) => object) {
    return (call: ServerUnaryCall<T, object>, answer: sendUnaryData<object>) => {
      if (this.hung) return;
      const refusal = this.#refusal();
      if (refusal !== undefined) {
        answer(refusal);
        return;
      }
      try {
        answer(null, run(call.request));
      } catch (error) {
        answer(error as never);
      }
    };
  }

  #refusal() {
    const { leader, term } = this.cluster;
    if (leader === this) return undefined;
    return grpcError(status.UNAVAILABLE, {
      reason: leader === undefined ? "NO_LEADER" : "NOT_LEADER",
      leader: leader === undefined ? undefined : { nodeId: 1, endpoint: leader.endpoint, term },
    });
  }

  #connect(call: ServerDuplexStream<Buffer, Buffer>): void {
    this.cluster.tried.push(this);
    let stream: FakeStream | undefined;
    call.on("error", () => undefined);
    call.on("data", (bytes: Buffer) => {
      if (this.hung) return;
      const frame = decodeClientFrame(bytes);
      if (frame.attach !== undefined) {
        const refusal = this.#refusal();
        if (refusal !== undefined) {
          call.emit("error", refusal);
          return;
        }
        const session = this.cluster.sessions.get(frame.attach.sessionId);
        if (session === undefined) {
          call.emit("error", grpcError(status.NOT_FOUND, { reason: "SESSION_EXPIRED" }));
          return;
        }
        stream = new FakeStream(this, frame.attach.sessionId, call);
        this.streams.push(stream);
        stream.attached(session.next);
        this.cluster.onAttach(stream);
        return;
      }
      if (frame.heartbeat !== 0) stream!.heartbeat(frame.heartbeat);
      if (frame.commands.length === 0) return;
      stream!.frames.push(frame);
      for (const command of frame.commands) this.cluster.execute(stream!, command);
      this.cluster.changed();
    });
    call.on("end", () => call.end());
  }
}

export class FakeCluster {
  readonly nodes: FakeNode[];
  readonly sessions = new Map<string, FakeSession>();
  readonly closed: string[] = [];
  /** Nodes in the order in which streams were opened to them. */
  readonly tried: FakeNode[] = [];
  /** How often each sequence was executed, by session. */
  readonly executed: string[] = [];
  leader: FakeNode | undefined;
  term = 1;
  opened = 0;
  /** What a command answers; undefined: nothing, the test answers later. */
  respond: (command: ClientCommand, stream: FakeStream) => ReplyResult | undefined = defaultReply;
  onAttach: (stream: FakeStream) => void = () => undefined;
  onUnary: (method: string, request: object) => object = () => ({});
  #watchers: (() => void)[] = [];

  constructor(count: number) {
    this.nodes = Array.from({ length: count }, () => new FakeNode(this));
    this.leader = this.nodes[0];
  }

  static async start(count = 1): Promise<FakeCluster> {
    const cluster = new FakeCluster(count);
    await Promise.all(cluster.nodes.map((node) => node.start()));
    return cluster;
  }

  get endpoints(): string[] {
    return this.nodes.map((node) => node.endpoint);
  }

  /** The leader's newest stream. */
  get stream(): FakeStream {
    return this.leader!.stream;
  }

  lead(node: FakeNode): void {
    this.leader = node;
    this.term++;
  }

  stop(): void {
    for (const node of this.nodes) node.kill();
  }

  /** P6: a sequence is executed once, in order; its first answer is given again. */
  execute(stream: FakeStream, command: ClientCommand): void {
    const session = this.sessions.get(stream.sessionId)!;
    const { sequence } = command;
    if (sequence > session.next) {
      stream.refuse(sequence, { reason: "SEQUENCE_GAP", code: status.FAILED_PRECONDITION });
      return;
    }
    if (sequence === session.next) {
      session.next++;
      this.executed.push(`${stream.sessionId}:${sequence}`);
      const result = this.respond(command, stream);
      if (result === undefined) return;
      session.answers.set(sequence, result);
    }
    const answer = session.answers.get(sequence);
    if (answer !== undefined) stream.reply(sequence, answer);
  }

  /** Answers later what `respond` left open. */
  answer(stream: FakeStream, sequence: number, result: ReplyResult): void {
    this.sessions.get(stream.sessionId)!.answers.set(sequence, result);
    stream.reply(sequence, result);
  }

  changed(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }

  /** Resolves as soon as `condition` holds after some frame. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#watchers.push(resolve);
        setTimeout(resolve, 20);
      });
    }
  }
}

export function defaultReply(command: ClientCommand): ReplyResult {
  switch (command.op) {
    case "enqueue":
      return {
        kind: "enqueued",
        messageIdBytes: `1/${command.keyBytes}/${command.sequence}`,
        seq: command.sequence,
        keySeq: command.sequence,
        deduplicated: false,
      };
    case "enqueueBatch":
      return {
        kind: "batchEnqueued",
        messages: command.messages.map((message, i) => ({
          messageIdBytes: `1/${message.keyBytes}/${i + 1}`,
          seq: i + 1,
          keySeq: i + 1,
          deduplicated: false,
        })),
        errors: [],
      };
    case "commit":
      return {
        kind: "committed",
        messages: command.enqueues.map(({ message }, i) => ({
          messageIdBytes: `1/${message.keyBytes}/${i + 1}`,
          seq: i + 1,
          keySeq: i + 1,
          deduplicated: false,
        })),
      };
    case "receive":
      return { kind: "received", deliveries: [] };
    case "subscribe":
    case "unsubscribe":
      return { kind: "done" };
    case "ack":
    case "nack":
    case "release":
    case "reject":
    case "extend":
      return { kind: "settled", already: false };
    case "unknown":
      return { kind: "error", error: wireError({ reason: "MALFORMED" }) };
  }
}

export function grpcError(code: number, fields: Partial<WireError>) {
  const metadata = new Metadata();
  metadata.set(errorMetadataKey, encodeError(wireError(fields)));
  return Object.assign(new Error("scripted"), { code, details: "scripted", metadata });
}

/** The call may have been carried out: nobody knows. */
export const lostAnswer = Object.assign(new Error("scripted"), {
  code: status.UNAVAILABLE,
  details: "the connection was reset",
});
