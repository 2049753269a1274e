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
import type { Answer, Command, Grant, Origin } from "../../queue/index.ts";
import type { Bodies } from "../bodies.ts";
import type { Clock } from "../clock.ts";
import { Malformed, refusalOf, whole } from "../door.ts";
import type { Node } from "../node.ts";
import type { Respond } from "../proposer.ts";
import type { DeliverySink } from "../streams.ts";
import { deliveryBytes } from "../wire.ts";
import { elsewhere, refused, serviceError, sessionExpired, shuttingDown } from "./errors.ts";
import { commandOf, resultOf } from "./stream-commands.ts";

type Call = ServerDuplexStream<Buffer, Buffer>;

/** Bytes in one frame to the client; more goes into the next one. */
const frameBytesMax = 512 * 1024;
/** Grants whose bodies are loaded at once: at most, and before anything is known about their size. */
const loadAtOnce = { max: 512, first: 16 } as const;
/** Grants that may wait before it is looked up which of them still are leases. */
const undeliveredBeforeLook = 4_096;

export interface StreamContext {
  readonly node: Node;
  readonly bodies: Bodies;
  readonly clock: Clock;
  readonly outboxBytesMax: number;
  /** The session's number. @throws {Malformed} when the text is none of this cluster. */
  parseSession(sessionId: string): number;
}

/** Between two signs of life to a client that is held back. */
const reassureMs = 500;
/** A heartbeat that answers none of the client's. */
const unasked = -1;

export function connect(context: StreamContext, call: Call): void {
  new ClientStream(context, call);
}

// One stream.
//   C1. What waits to be sent is bounded by `outboxBytesMax`: beyond it neither bodies are loaded nor commands taken (R11).
//   C2. What was answered leaves before the stream ends, whatever it ends of.
class ClientStream implements DeliverySink {
  readonly #context: StreamContext;
  readonly #call: Call;
  readonly #writer = new ServerFrameWriter();
  session = 0;
  #sessionId = "";
  #state: "new" | "attaching" | "attached" | "over" = "new";
  #early: ClientFrame[] = [];
  #flushScheduled = false;
  /** Bytes handed to gRPC that the client has not taken. */
  #sendingBytes = 0;
  #undelivered: Grant[] = [];
  #lookAt = undeliveredBeforeLook;
  #loadAtOnce: number = loadAtOnce.first;
  #loading = false;
  /** Frames of the client stay in its socket: the node takes no more, or the client does not. */
  #heldBackByNode = false;
  #heldBackByOutbox = false;
  /** Commands without an answer yet. */
  #unanswered = 0;
  /** The client says no more. */
  #halfClosed = false;

  constructor(context: StreamContext, call: Call) {
    this.#context = context;
    this.#call = call;
    call.on("data", (bytes: Buffer) => this.#received(bytes));
    call.on("end", () => {
      this.#halfClosed = true;
      this.#endIfDone();
    });
    call.on("cancelled", () => this.#over());
    call.on("close", () => this.#over());
    call.on("error", () => this.#over());
  }

  // ---------------------------------------------------------------- frames in

  #received(bytes: Buffer): void {
    if (this.#state === "over") return;
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
    this.#sessionId = sessionId;
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
    // D1 of streams.ts: a node that has stopped leading meanwhile would never tell this stream.
    if (!node.ready) {
      this.#fail(node.closing ? shuttingDown(node.id) : elsewhere(node.whereabouts));
      return;
    }
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
    this.#resume();
    this.#deliver();
    this.#endIfDone();
  }

  #take(frame: ClientFrame): void {
    const { node } = this.#context;
    const floor = Math.max(0, frame.firstOutstanding);
    for (const command of frame.commands) {
      // One of them may have ended the stream: the client will send those behind it again.
      if (this.#isOver) return;
      this.#command(command, floor);
    }
    if (frame.commands.length === 0) node.alive(this.session);
    if (frame.heartbeat !== 0) {
      this.#writer.heartbeat(frame.heartbeat);
      this.#scheduleFlush();
    }
    if (node.full && !this.#heldBackByNode) {
      this.#heldBackByNode = true;
      this.#call.pause();
      this.#reassure();
      node.whenRoom(() => {
        this.#heldBackByNode = false;
        this.#resume();
      });
    }
  }

  /** Its heartbeats are not read now, and it would leave a node that is silent for 1.5 s. */
  #reassure(): void {
    if (!this.#heldBackByNode || this.#state !== "attached") return;
    this.#writer.heartbeat(unasked);
    this.#flush();
    this.#context.clock.after(reassureMs, () => this.#reassure());
  }

  #resume(): void {
    if (!this.#heldBackByNode && !this.#heldBackByOutbox) this.#call.resume();
  }

  get #isOver(): boolean {
    return this.#state === "over";
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
    this.#unanswered += 1;
    const respond: Respond = (answer) => {
      if (this.#state !== "attached") return;
      if ("kind" in answer) {
        // Its stream ends: the client sends the command again, with the same number, where the leader is.
        this.#fail(node.closing ? shuttingDown(node.id) : elsewhere(node.whereabouts));
        return;
      }
      this.#reply(sequence, answer);
    };
    node.submit(origin, command, respond);
  }

  // ---------------------------------------------------------------- frames out

  #reply(sequence: number, answer: Answer): void {
    const { reply, index } = answer;
    if (reply.kind !== "received") {
      this.#answered(sequence, index, resultOf(answer));
      return;
    }
    this.#context.bodies.load(reply.grants).then(
      (loaded) => {
        const deliveries = loaded.flatMap(({ grant, message }) =>
          message === undefined ? [] : [deliveryBytes(grant, message)],
        );
        this.#answered(sequence, index, { kind: "received", deliveries });
      },
      // The node has ended, or leads no longer: then this stream is over, or will be.
      () => undefined,
    );
  }

  #answered(sequence: number, index: number, result: ReplyResult): void {
    if (this.#state !== "attached") return;
    this.#unanswered -= 1;
    this.#writer.addReply(sequence, index, result);
    this.#scheduleFlush();
    this.#endIfDone();
  }

  granted(grants: readonly Grant[]): void {
    for (const grant of grants) if (grant.consumer !== 0) this.#undelivered.push(grant);
    if (this.#undelivered.length > this.#lookAt) this.#dropEnded();
    this.#deliver();
  }

  /** A client that takes nothing gets leases that expire, again and again: only the live ones are kept (R11). */
  #dropEnded(): void {
    const live = new Set<number>();
    for (const { token } of this.#context.node.machine.liveGrants(this.session)) live.add(token);
    this.#undelivered = this.#undelivered.filter(({ token }) => live.has(token));
    this.#lookAt = Math.max(undeliveredBeforeLook, 2 * this.#undelivered.length);
  }

  get #outboxIsFull(): boolean {
    return this.#writer.size + this.#sendingBytes >= this.#context.outboxBytesMax;
  }

  /** D2, D3 of streams.ts. */
  #deliver(): void {
    while (this.#undelivered.length > 0 && !this.#loading && this.#state === "attached") {
      if (this.#outboxIsFull) return;
      const grants = this.#undelivered.slice(0, this.#loadAtOnce);
      this.#undelivered = this.#undelivered.slice(grants.length);
      const loaded = this.#context.bodies.inMemory(grants);
      if (loaded !== undefined) {
        this.#write(loaded);
        continue;
      }
      this.#loading = true;
      this.#context.bodies.load(grants).then(
        (fromDisk) => {
          this.#loading = false;
          if (this.#state !== "attached") return;
          this.#write(fromDisk);
          this.#deliver();
        },
        () => undefined,
      );
    }
  }

  #write(
    loaded: readonly {
      grant: Grant;
      message: Parameters<typeof deliveryBytes>[1] | undefined;
    }[],
  ): void {
    let bytes = 0;
    for (const { grant, message } of loaded) {
      if (message === undefined) continue;
      bytes += message.content.length;
      this.#writer.addDelivery(deliveryBytes(grant, message));
      if (this.#writer.size >= frameBytesMax) this.#send();
    }
    // The next ones are probably as large: about a frame of them at once.
    const mean = bytes / loaded.length + 1;
    this.#loadAtOnce = Math.max(1, Math.min(loadAtOnce.max, Math.floor(frameBytesMax / mean)));
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#writer.size >= frameBytesMax) this.#send();
    if (this.#outboxIsFull && !this.#heldBackByOutbox) {
      this.#heldBackByOutbox = true;
      this.#call.pause();
    }
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#context.clock.soon(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  /** While gRPC has enough to send, small answers are gathered into larger frames. */
  #flush(): void {
    if (this.#sendingBytes < this.#context.outboxBytesMax) this.#send();
  }

  #send(): void {
    if (this.#writer.size === 0 || this.#state !== "attached") return;
    const { node } = this.#context;
    const frame = this.#writer.finish(node.term, node.machine.clusterTime);
    this.#sendingBytes += frame.length;
    this.#call.write(frame, () => this.#sent(frame.length));
  }

  /** The client has taken a frame: there is room. */
  #sent(bytes: number): void {
    this.#sendingBytes -= bytes;
    if (this.#state !== "attached") return;
    this.#flush();
    this.#deliver();
    if (this.#heldBackByOutbox && !this.#outboxIsFull) {
      this.#heldBackByOutbox = false;
      this.#resume();
    }
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

  sessionEnded(): void {
    this.#fail(sessionExpired(this.#sessionId));
  }

  shutDown(): void {
    this.#fail(shuttingDown(this.#context.node.id));
  }

  #fail(error: WireError): void {
    if (this.#state === "over") return;
    this.#send();
    this.#over();
    this.#call.emit("error", serviceError(error));
  }

  /** After a half-close: the answers that are still to come, and then the end. */
  #endIfDone(): void {
    if (!this.#halfClosed || this.#unanswered > 0) return;
    if (this.#state === "attaching" || this.#state === "over") return;
    this.#send();
    this.#over();
    this.#call.end();
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
