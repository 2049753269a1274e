// raftq.v1.Queue.Connect: one client's stream. Frames in become commands; answers and deliveries become frames out.

import type { ServerDuplexStream } from "@grpc/grpc-js";
import {
  decodeClientFrame,
  MalformedFrame,
  type ClientCommand,
  type ClientFrame,
  type QueueEventBytes,
  type ReplyResult,
  type WireError,
} from "../../proto/frame.ts";
import type { Answer, Command, Grant, Origin } from "../../queue/index.ts";
import type { Bodies } from "../bodies.ts";
import type { Clock } from "../clock.ts";
import { Malformed, refusalOf, whole } from "../door.ts";
import type { Node } from "../node.ts";
import type { Hold } from "../pacing.ts";
import type { Respond } from "../proposer.ts";
import type { DeliverySink } from "../streams.ts";
import { deliveryBytes } from "../wire.ts";
import { Deliveries } from "./deliveries.ts";
import { elsewhere, refused, serviceError, sessionExpired, shuttingDown } from "./errors.ts";
import { Outbox } from "./outbox.ts";
import { commandOf, resultOf } from "./stream-commands.ts";

type Call = ServerDuplexStream<Buffer, Buffer>;

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

function isIntake({ op }: ClientCommand): boolean {
  return op === "enqueue" || op === "enqueueBatch";
}

/** How many messages a frame brings, by queue. */
function messagesOf({ commands }: ClientFrame): Map<string, number> {
  const messages = new Map<string, number>();
  for (const command of commands) {
    if (command.op !== "enqueue" && command.op !== "enqueueBatch") continue;
    const { queue } = command;
    const count = command.op === "enqueue" ? 1 : command.messages.length;
    messages.set(queue, (messages.get(queue) ?? 0) + count);
  }
  return messages;
}

export function connect(context: StreamContext, call: Call): void {
  new ClientStream(context, call);
}

// One stream.
//   C1. What waits to be sent is bounded by `outboxBytesMax`: beyond it neither bodies are loaded nor commands taken (R11).
//   C2. What was answered leaves before the stream ends, whatever it ends of.
class ClientStream implements DeliverySink {
  readonly #context: StreamContext;
  readonly #call: Call;
  readonly #outbox: Outbox;
  readonly #deliveries: Deliveries;
  session = 0;
  #sessionId = "";
  #state: "new" | "attaching" | "attached" | "over" = "new";
  #early: ClientFrame[] = [];
  /** Frames of the client stay in its socket: the node takes no more, or the client does not. */
  #heldBackByNode = false;
  #heldBackByOutbox = false;
  #heldToPace: Hold | undefined;
  /** Who settles, too, is not held to a pace: that would hold up what the others are held for. */
  #onlyEnqueues = true;
  /** Commands without an answer yet. */
  #unanswered = 0;
  /** The client says no more. */
  #halfClosed = false;

  constructor(context: StreamContext, call: Call) {
    this.#context = context;
    this.#call = call;
    const { node, bodies, clock } = context;
    this.#outbox = new Outbox({
      clock,
      bytesMax: context.outboxBytesMax,
      finish: (writer) => writer.finish(node.term, node.machine.clusterTime),
      write: (frame, taken) => call.write(frame, taken),
      filled: () => this.#holdBack(),
      emptied: () => {
        this.#deliveries.deliver();
        if (!this.#heldBackByOutbox || this.#outbox.isFull) return;
        this.#heldBackByOutbox = false;
        this.#resume();
      },
    });
    this.#deliveries = new Deliveries({
      node,
      bodies,
      outbox: this.#outbox,
      live: () => node.machine.liveGrants(this.session),
      settle: (grant) => this.#settle(grant),
    });
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
    this.#outbox.open();
    this.#outbox.writer.attached(session.lastSequence + 1, session.ttlMs);
    this.#outbox.flushSoon();
    this.#deliveries.open();
    for (const frame of this.#early.splice(0)) this.#take(frame);
    this.#resume();
    this.#deliveries.deliver();
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
      this.#outbox.writer.heartbeat(frame.heartbeat);
      this.#outbox.flushSoon();
    }
    this.#pace(frame);
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

  /** PA1 of pacing.ts: what this frame brought is counted, and its stream may be held. */
  #pace(frame: ClientFrame): void {
    const { pacing } = this.#context.node;
    if (!this.#onlyEnqueues) pacing.look();
    if (!this.#onlyEnqueues || this.#heldToPace !== undefined || this.#isOver) return;
    if (!pacing.isBusy) return;
    const messages = messagesOf(frame);
    if (messages.size === 0) return;
    this.#heldToPace = pacing.hold(messages, () => {
      this.#heldToPace = undefined;
      this.#resume();
    });
    if (this.#heldToPace !== undefined) this.#call.pause();
  }

  /** Its heartbeats are not read now, and it would leave a node that is silent for 1.5 s. */
  #reassure(): void {
    if (!this.#heldBackByNode || this.#state !== "attached") return;
    this.#outbox.writer.heartbeat(unasked);
    this.#outbox.flush();
    this.#context.clock.after(reassureMs, () => this.#reassure());
  }

  #holdBack(): void {
    if (this.#heldBackByOutbox) return;
    this.#heldBackByOutbox = true;
    this.#call.pause();
  }

  #resume(): void {
    if (this.#heldBackByNode || this.#heldBackByOutbox || this.#heldToPace !== undefined) return;
    this.#call.resume();
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
      command = commandOf(said, node);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      if (origin.sequence === 0) {
        this.#fail(refused(refusalOf(error)));
        return;
      }
      command = { kind: "refuse", refusal: refusalOf(error) };
    }
    if (said.op === "subscribe")
      this.#deliveries.settleOnDelivery(said.consumer, said.ackMode === "ON_DELIVERY");
    if (!isIntake(said)) this.#onlyEnqueues = false;
    const { sequence } = origin;
    this.#unanswered += 1;
    const settled =
      command.kind === "settle" && command.settlement.kind !== "extend"
        ? node.pacing.settling(command.lease.queue)
        : undefined;
    const respond: Respond = (answer) => {
      settled?.();
      if (this.#state !== "attached") return;
      if ("kind" in answer) {
        // Its stream ends: the client sends the command again, with the same number, where the leader is.
        this.#fail(node.closing ? shuttingDown(node.id) : elsewhere(node.whereabouts));
        return;
      }
      this.#reply(sequence, command, answer);
    };
    node.submit(origin, command, respond);
  }

  // ---------------------------------------------------------------- frames out

  #reply(sequence: number, command: Command, answer: Answer): void {
    const { reply, index } = answer;
    if (reply.kind !== "received") {
      this.#answered(sequence, index, resultOf(command, answer));
      return;
    }
    this.#context.bodies.load(reply.grants).then(
      (loaded) => {
        const deliveries = loaded.flatMap(({ grant, message }) =>
          message === undefined ? [] : [deliveryBytes(grant, message, this.#context.node.machine)],
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
    this.#outbox.writer.addReply(sequence, index, result);
    this.#outbox.flushSoon();
    this.#endIfDone();
  }

  granted(grants: readonly Grant[]): void {
    this.#deliveries.granted(grants);
  }

  /** ON_DELIVERY: without a sequence number, which is the client's to give. Refused: the lease has ended meanwhile. */
  #settle({ queue, lane, keySeq, token }: Grant): void {
    const command: Command = {
      kind: "settle",
      lease: { queue, lane, keySeq, token },
      settlement: { kind: "ack" },
    };
    this.#context.node.submit({ session: this.session, sequence: 0, floor: 0 }, command, undefined);
  }

  /** A client that takes nothing is told nothing: events are no substitute for looking. */
  event(event: QueueEventBytes): void {
    if (this.#state !== "attached" || this.#outbox.isFull) return;
    this.#outbox.writer.addEvent(event);
    this.#outbox.flushSoon();
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
    this.#outbox.send();
    this.#over();
    this.#call.emit("error", serviceError(error));
  }

  /** After a half-close: the answers that are still to come, and then the end. */
  #endIfDone(): void {
    if (!this.#halfClosed || this.#unanswered > 0) return;
    if (this.#state === "attaching" || this.#state === "over") return;
    this.#outbox.send();
    this.#over();
    this.#call.end();
  }

  #over(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#outbox.close();
    this.#deliveries.close();
    this.#heldToPace?.end();
    this.#early = [];
    const { node } = this.#context;
    // Its leases stay; nothing new is granted to it until it attaches again.
    if (node.streams.detach(this))
      node.submit({ session: this.session, sequence: 0, floor: 0 }, { kind: "detach" }, undefined);
  }
}
