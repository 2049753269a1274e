// One stream to one node: from opening to its end, with the watchdogs that gRPC lacks (H5).
//
//   N1. `onEnd` is called exactly once, and nothing is called after it.
//   N2. A stream that is not attached after `attachMs` ends. A stream on which nothing came for `silenceMs` although a
//       heartbeat asked for an answer ends: its server hangs, or the network swallows what it says.

import {
  decodeServerFrame,
  ClientFrameWriter,
  MalformedFrame,
  type ServerFrame,
} from "../../proto/frame.ts";
import type { ByteStream, Channel, Failure } from "../channel.ts";
import type { Clock, Timer } from "../clock.ts";
import { status } from "../errors.ts";

export interface ConnectionEvents {
  onAttached(nextSequence: number, term: number): void;
  onFrame(frame: ServerFrame): void;
  /** There is room again after `send` said false. */
  onRoom(): void;
  /** A heartbeat has been waiting for an answer: the node may hang. Called again while it lasts. */
  onSuspect(): void;
  /** `silent`: it ended because nothing was heard. */
  onEnd(failure: Failure, silent: boolean): void;
}

/** From opening the stream to the attached frame. */
const attachMs = 1_000;
/** From a heartbeat to the end of patience. */
const silenceMs = 1_500;
/** From a heartbeat to suspicion: ask the others whether they have a new leader. */
const suspicionMs = 250;
/** An answer awaited for so long is worth a heartbeat. */
const impatienceMs = 200;
const tickMs = 100;

export class Connection {
  readonly endpoint: string;
  readonly #clock: Clock;
  readonly #events: ConnectionEvents;
  readonly #heartbeatMs: number;
  readonly #heartbeats = new ClientFrameWriter();
  readonly #stream: ByteStream;
  readonly #openedAt: number;
  #state: "attaching" | "attached" | "ended" = "attaching";
  #timer: Timer;
  #heartbeat = 0;
  #lastHeartbeatAt = 0;
  /** When the oldest heartbeat without any frame after it was sent. */
  #heartbeatPendingSince: number | undefined;
  /** When the oldest frame without any frame after it was sent. */
  #unansweredSince: number | undefined;

  /** @param heartbeatMs longest silence on an idle stream. */
  constructor(
    channel: Channel,
    sessionId: string,
    heartbeatMs: number,
    clock: Clock,
    events: ConnectionEvents,
  ) {
    this.endpoint = channel.endpoint;
    this.#clock = clock;
    this.#events = events;
    this.#heartbeatMs = heartbeatMs;
    this.#openedAt = clock.now();
    this.#timer = clock.after(tickMs, () => this.#tick());
    this.#stream = channel.connect({
      onBytes: (bytes) => this.#onBytes(bytes),
      onRoom: () => {
        if (this.#state !== "ended") events.onRoom();
      },
      onEnd: (failure) => this.#end(failure, false),
    });
    const attach = new ClientFrameWriter();
    attach.attach(sessionId);
    this.#stream.write(attach.finish());
  }

  get isAttached(): boolean {
    return this.#state === "attached";
  }

  /** False: wait for `onRoom`. */
  send(frame: Buffer): boolean {
    this.#unansweredSince ??= this.#clock.now();
    return this.#stream.write(frame);
  }

  /** Ends the stream as if the node had. `silent`: because it hangs. */
  abandon(failure: Failure, silent = false): void {
    this.#end(failure, silent);
  }

  #onBytes(bytes: Buffer): void {
    if (this.#state === "ended") return;
    this.#heartbeatPendingSince = undefined;
    this.#unansweredSince = undefined;
    let frame: ServerFrame;
    try {
      frame = decodeServerFrame(bytes);
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error;
      this.#end(unavailable(`the server's frame is malformed: ${error.message}`), false);
      return;
    }
    if (frame.attached !== undefined && this.#state === "attaching") {
      this.#state = "attached";
      this.#lastHeartbeatAt = this.#clock.now();
      this.#events.onAttached(frame.attached.nextSequence, frame.term);
    }
    if (this.isAttached) this.#events.onFrame(frame);
  }

  #tick(): void {
    const now = this.#clock.now();
    this.#timer = this.#clock.after(tickMs, () => this.#tick());
    if (this.#state === "attaching") {
      if (now - this.#openedAt >= attachMs) this.#lookAgain(() => this.#state === "attaching");
      return;
    }
    const pending = this.#heartbeatPendingSince;
    if (pending !== undefined) {
      if (now - pending >= silenceMs) {
        this.#lookAgain(() => this.#heartbeatPendingSince === pending);
      } else if (now - pending >= suspicionMs) this.#events.onSuspect();
      return;
    }
    const impatient =
      this.#unansweredSince !== undefined && now - this.#unansweredSince >= impatienceMs;
    if (!impatient && now - this.#lastHeartbeatAt < this.#heartbeatMs) return;
    this.#lastHeartbeatAt = now;
    this.#heartbeatPendingSince = now;
    this.#heartbeats.heartbeat(++this.#heartbeat);
    this.#stream.write(this.#heartbeats.finish());
  }

  // I3: after a pause of this process the answers lie in the socket. Let them be read before the watchdog barks.
  #lookAgain(stillSilent: () => boolean): void {
    this.#clock.soon(() =>
      this.#clock.soon(() => {
        if (this.#state === "ended" || !stillSilent()) return;
        this.#end(unavailable(`${this.endpoint} accepts, but does not answer`), true);
      }),
    );
  }

  #end(failure: Failure, silent: boolean): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#timer.cancel();
    this.#stream.cancel();
    this.#events.onEnd(failure, silent);
  }
}

export function unavailable(message: string): Failure {
  return { code: status.UNAVAILABLE, message, error: undefined };
}
