// raftq.v1.Queue.Connect: one client's stream. Frames in become commands; answers and deliveries become frames out.

import type { ServerDuplexStream } from "@grpc/grpc-js";
import {
  decodeClientFrame,
  MalformedFrame,
  ServerFrameWriter,
  type ClientCommand,
  type ClientFrame,
  type ReplyResult,
  type WireError,
} from "../../proto/frame.ts";
import type { Answer, Command, Enqueued, Grant, Origin } from "../../queue/index.ts";
import type { Bodies } from "../bodies.ts";
import type { Clock } from "../clock.ts";
import {
  content,
  enqueue,
  enqueueBatch,
  key,
  lease,
  Malformed,
  receive,
  refusalOf,
  settlement,
  subscribe,
  whole,
} from "../door.ts";
import type { Node } from "../node.ts";
import type { Respond } from "../proposer.ts";
import type { DeliverySink } from "../streams.ts";
import { deliveryBytes, messageIdBytes } from "../wire.ts";
import { elsewhere, refused, serviceError, sessionExpired, shuttingDown } from "./errors.ts";

type Call = ServerDuplexStream<Buffer, Buffer>;

/** Bytes in one frame to the client; more goes into the next one. */
const frameBytesMax = 512 * 1024;
/** Grants whose bodies are loaded at once. */
const loadAtOnce = 512;

export interface StreamContext {
  readonly node: Node;
  readonly bodies: Bodies;
  readonly clock: Clock;
  readonly outboxBytesMax: number;
  /** The session's number, or undefined when the text is none of this cluster. */
  parseSession(sessionId: string): number;
}

export function connect(context: StreamContext, call: Call): void {
  new ClientStream(context, call);
}

class ClientStream implements DeliverySink {
  readonly #context: StreamContext;
  readonly #call: Call;
  readonly #writer = new ServerFrameWriter();
  session = 0;
  #state: "new" | "attaching" | "attached" | "over" = "new";
  #early: ClientFrame[] = [];
  #flushScheduled = false;
  #blocked = false;
  #undelivered: Grant[] = [];
  #loading = false;
  #holdingBack = false;

  constructor(context: StreamContext, call: Call) {
    this.#context = context;
    this.#call = call;
    call.on("data", (bytes: Buffer) => this.#received(bytes));
    call.on("end", () => {
      this.#over();
      call.end();
    });
    call.on("cancelled", () => this.#over());
    call.on("close", () => this.#over());
    call.on("error", () => this.#over());
    call.on("drain", () => {
      this.#blocked = false;
      this.#flush();
      this.#deliver();
    });
  }

  // ---------------------------------------------------------------- frames in

  #received(bytes: Buffer): void {
    let frame: ClientFrame;
    try {
      frame = decodeClientFrame(bytes);
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error;
      this.#fail(refused(refusalOf(new Malformed("frame", error.message))));
      return;
    }
    switch (this.#state) {
      case "new":
        this.#attach(frame);
        break;
      case "attaching":
        this.#early.push(frame);
        break;
      case "attached":
        this.#take(frame);
        break;
      case "over":
        break;
    }
  }

  #attach(frame: ClientFrame): void {
    const { node } = this.#context;
    if (frame.attach === undefined) {
      this.#fail(
        refused(
          refusalOf(new Malformed("attach", "the first frame of a stream must carry attach")),
        ),
      );
      return;
    }
    const { sessionId } = frame.attach;
    try {
      this.session = this.#context.parseSession(sessionId);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#fail(refused(refusalOf(error)));
      return;
    }
    this.#state = "attaching";
    this.#early.push(frame);
    // Frames that come meanwhile wait in the socket.
    this.#call.pause();
    node.linearizable().then(
      () => this.#attached(sessionId),
      () => this.#fail(node.closing ? shuttingDown(node.id) : elsewhere(node.whereabouts)),
    );
  }

  #attached(sessionId: string): void {
    if (this.#state === "over") return;
    const { node } = this.#context;
    const session = node.machine.sessionInfo(this.session);
    if (session === undefined) {
      this.#fail(sessionExpired(sessionId));
      return;
    }
    this.#state = "attached";
    node.streams.attach(this);
    node.submit({ session: this.session, sequence: 0, floor: 0 }, { kind: "attach" }, undefined);
    this.#writer.attached(session.lastSequence + 1, session.ttlMs);
    // What it holds already comes again, with the same tokens; what is granted from now on follows (O2).
    this.#undelivered = [...node.machine.liveGrants(this.session)];
    this.#scheduleFlush();
    for (const frame of this.#early.splice(0)) this.#take(frame);
    this.#call.resume();
    this.#deliver();
  }

  #take(frame: ClientFrame): void {
    const { node } = this.#context;
    const floor = Math.max(0, frame.firstOutstanding);
    for (const command of frame.commands) this.#command(command, floor);
    if (frame.commands.length === 0) node.alive(this.session);
    if (frame.heartbeat !== 0) {
      this.#writer.heartbeat(frame.heartbeat);
      this.#scheduleFlush();
    }
    if (node.full && !this.#holdingBack) {
      this.#holdingBack = true;
      this.#call.pause();
      node.whenRoom(() => {
        this.#holdingBack = false;
        this.#call.resume();
      });
    }
  }

  #command(said: ClientCommand, floor: number): void {
    const { node } = this.#context;
    let origin: Origin = { session: this.session, sequence: 0, floor: 0 };
    let command: Command;
    try {
      const sequence = whole(said.sequence, "sequence", 1, Number.MAX_SAFE_INTEGER);
      origin = {
        session: this.session,
        sequence,
        floor: Math.min(floor === 0 ? sequence : floor, sequence),
      };
      command = commandOf(said);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      if (origin.sequence === 0) {
        this.#fail(refused(refusalOf(error)));
        return;
      }
      command = { kind: "refuse", refusal: refusalOf(error) };
    }
    const { sequence } = origin;
    const respond: Respond = (answer) => {
      if (this.#state !== "attached") return;
      if ("kind" in answer) {
        // Its stream ends: the client sends the command again, with the same number, where the leader is.
        this.#fail(
          answer.kind === "shutting-down" ? shuttingDown(node.id) : elsewhere(node.whereabouts),
        );
        return;
      }
      this.#reply(sequence, answer);
    };
    node.submit(origin, command, respond);
  }

  // ---------------------------------------------------------------- frames out

  #reply(sequence: number, answer: Answer): void {
    const { reply, index } = answer;
    if (reply.kind === "received") {
      void this.#context.bodies.load(reply.grants).then((loaded) => {
        if (this.#state !== "attached") return;
        const deliveries = loaded.flatMap(({ grant, message }) =>
          message === undefined ? [] : [deliveryBytes(grant, message)],
        );
        this.#writer.addReply(sequence, index, { kind: "received", deliveries });
        this.#scheduleFlush();
      });
      return;
    }
    this.#writer.addReply(sequence, index, resultOf(answer));
    this.#scheduleFlush();
  }

  granted(grants: readonly Grant[]): void {
    for (const grant of grants) if (grant.consumer !== 0) this.#undelivered.push(grant);
    this.#deliver();
  }

  /** D2, D3 of streams.ts. */
  #deliver(): void {
    while (
      this.#undelivered.length > 0 &&
      !this.#loading &&
      !this.#blocked &&
      this.#state === "attached"
    ) {
      if (this.#writer.size >= this.#context.outboxBytesMax) return;
      const grants =
        this.#undelivered.length <= loadAtOnce
          ? this.#undelivered
          : this.#undelivered.slice(0, loadAtOnce);
      this.#undelivered =
        this.#undelivered.length <= loadAtOnce ? [] : this.#undelivered.slice(loadAtOnce);
      const loaded = this.#context.bodies.inMemory(grants);
      if (loaded !== undefined) {
        this.#write(loaded);
        continue;
      }
      this.#loading = true;
      void this.#context.bodies.load(grants).then((fromDisk) => {
        this.#loading = false;
        if (this.#state !== "attached") return;
        this.#write(fromDisk);
        this.#deliver();
      });
    }
  }

  #write(
    loaded: readonly { grant: Grant; message: Parameters<typeof deliveryBytes>[1] | undefined }[],
  ): void {
    for (const { grant, message } of loaded) {
      if (message === undefined) continue;
      this.#writer.addDelivery(deliveryBytes(grant, message));
      if (this.#writer.size >= frameBytesMax) this.#flush();
    }
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#writer.size >= frameBytesMax) this.#flush();
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#context.clock.soon(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#blocked || this.#writer.size === 0 || this.#state !== "attached") return;
    const { node } = this.#context;
    this.#blocked = !this.#call.write(this.#writer.finish(node.term, node.machine.clusterTime));
  }

  // ---------------------------------------------------------------- the end

  leadershipLost(): void {
    this.#fail(elsewhere(this.#context.node.whereabouts));
  }

  replaced(): void {
    this.#fail({
      ...elsewhere(this.#context.node.whereabouts),
      message: "the session has attached on another stream",
    });
  }

  shutDown(): void {
    this.#flush();
    this.#fail(shuttingDown(this.#context.node.id));
  }

  #fail(error: WireError): void {
    if (this.#state === "over") return;
    this.#over();
    this.#call.emit("error", serviceError(error));
  }

  #over(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#undelivered = [];
    this.#early = [];
    const { node } = this.#context;
    // Its leases stay; nothing new is granted to it until it attaches again.
    if (node.streams.detach(this))
      node.submit({ session: this.session, sequence: 0, floor: 0 }, { kind: "detach" }, undefined);
  }
}

function commandOf(said: ClientCommand): Command {
  switch (said.op) {
    case "enqueue":
      return enqueue(said.queue, { key: said.keyBytes, content: said.content });
    case "enqueueBatch":
      return enqueueBatch(
        said.queue,
        said.messages.map((message) => ({
          key: key(message.keyBytes),
          content: content(message.content),
        })),
      );
    case "subscribe":
      return subscribe(said);
    case "unsubscribe":
      return { kind: "unsubscribe", consumer: whole(said.consumer, "consumer", 1, 2 ** 31) };
    case "receive":
      return receive(said.queue, said);
    case "unknown":
      throw new Malformed("operation", "a command without an operation that this version knows");
    case "ack":
    case "nack":
    case "release":
    case "reject":
    case "extend":
      return {
        kind: "settle",
        lease: lease(said.queue, said.keyBytes, said.keySeq, said.fencingToken),
        settlement: settlement(said.op, said),
      };
  }
}

function enqueuedBytes(message: Enqueued): { messageIdBytes: string; seq: number; keySeq: number } {
  return {
    messageIdBytes: messageIdBytes(message.queueId, message.lane, message.keySeq),
    seq: message.seq,
    keySeq: message.keySeq,
  };
}

function resultOf({ reply }: Answer): ReplyResult {
  switch (reply.kind) {
    case "enqueued":
      return { kind: "enqueued", ...enqueuedBytes(reply.message) };
    case "settled":
      return { kind: "settled", already: reply.already };
    case "batch-enqueued":
      return { kind: "batchEnqueued", messages: reply.messages.map(enqueuedBytes) };
    case "refused":
      return { kind: "error", error: refused(reply.refusal) };
    case "done":
    case "queue":
    case "session-opened":
    case "received":
      return { kind: "done" };
  }
}
