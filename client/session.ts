// One session at a time: its calls, its stream, and what happens when either is lost.
//
//   S5. A call is answered once: by the server, by its caller's signal, by the timeout, or by the end of the session.
//   S6. When a session is lost nothing of it is sent again under another one (H2): sent calls fail as UNKNOWN, calls that
//       had no number as NOT_APPLIED.

import { setMaxListeners } from "node:events";
import type { ClientOperation, Delivery, QueueEvent, Reply, ServerFrame } from "../proto/frame.ts";
import { Call, Outbox, withSignal, type CallHandlers } from "./calls.ts";
import type { Channels } from "./channels.ts";
import { pause, type Clock, type Timer } from "./clock.ts";
import {
  abortedError,
  closedError,
  errorFromWire,
  QueueError,
  sessionError,
  sessionStolen,
  status,
  timeoutError,
  tooManyError,
} from "./errors.ts";
import type { Emitter } from "./events.ts";
import type { LeaderFinder } from "./leader.ts";
import type { Settings } from "./options.ts";
import { isOutage, pauseMs } from "./retry.ts";
import { Sinks } from "./sinks.ts";
import { attachAndRun, SessionGone } from "./stream/attach.ts";
import type { Connection } from "./stream/connection.ts";
import { callLeader } from "./unary.ts";

export interface SessionParts {
  readonly settings: Settings;
  readonly channels: Channels;
  readonly leader: LeaderFinder;
  readonly clock: Clock;
  readonly random: () => number;
  readonly events: Emitter;
  /** A delivery for a consumer that is not there any more. */
  readonly orphaned: (delivery: Delivery) => void;
  readonly unanswered: { count: number };
}

export interface SubmitOptions {
  /** May pass calls that wait for room (S3). */
  readonly urgent?: boolean;
  /** Fails with TIMEOUT after the client's `timeoutMs`; default true. */
  readonly expires?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Commands that the client itself sends: they pass waiting calls, and live as long as the session. */
export const internal: SubmitOptions = { urgent: true, expires: false };

const tickMs = 100;
/** Nothing answered for so long: said once, by the event `stalled`. */
const stalledMs = 5_000;
/** An idle stream is heard of so often, if the session does not end earlier. */
const heartbeatMsMax = 500;

export class Session {
  readonly sinks: Sinks;
  readonly #parts: SessionParts;
  readonly #outbox: Outbox;
  readonly #closed = new AbortController();
  #id = "";
  #heartbeatMs = heartbeatMsMax;
  #connection: Connection | undefined;
  /** Set when a frame, not the stream's end, said that the session is gone. */
  #gone: SessionGone | undefined;
  /** The stream takes another frame. */
  #room = false;
  #flushScheduled = false;
  /** Milliseconds, as of the latest tick: calls are stamped with it. */
  #now: number;
  #tickTimer: Timer;
  #lastProgress: number;
  #stalled = false;
  #lastFailure = "";
  #lostStreamAt: number | undefined;
  #idle: (() => void)[] = [];
  #held = 0;
  #starting: { resolve: () => void; reject: (error: QueueError) => void } | undefined;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.sinks = new Sinks(parts.orphaned);
    this.#outbox = new Outbox(parts.settings.maxOutstanding, parts.settings.maxWaiting);
    // Every pause and every call listens for the end: many at once are no leak, and Node must not say so.
    setMaxListeners(0, this.#closed.signal);
    this.#now = parts.clock.now();
    this.#lastProgress = this.#now;
    this.#tickTimer = parts.clock.after(tickMs, () => this.#tick());
  }

  /** Empty while there is none. */
  get id(): string {
    return this.#id;
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** Opens the first session and attaches; resolves when both are done, and keeps at it from then on. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#starting = { resolve, reject };
      void this.#run();
    });
  }

  /** Sends `operation` in its turn. Never throws: what is wrong is told to `handlers`. */
  submit(operation: ClientOperation, handlers: CallHandlers, options: SubmitOptions = {}): void {
    const { urgent = false, expires = true, signal } = options;
    if (this.#closed.signal.aborted) handlers.failed(closedError("NOT_APPLIED"));
    else if (signal?.aborted === true) {
      handlers.failed(abortedError("NOT_APPLIED", signal.reason));
    } else if (!urgent && this.#outbox.isFull) {
      const { maxOutstanding, maxWaiting } = this.#parts.settings;
      handlers.failed(tooManyError(maxOutstanding, maxWaiting));
    } else {
      const call = new Call(operation, handlers, urgent, expires);
      this.#outbox.add(signal === undefined ? call : withSignal(call, signal), this.#now);
      this.#schedule();
    }
  }

  /** Something will be submitted later: `idle` waits for it. Returns what takes this back. */
  hold(): () => void {
    this.#held++;
    return () => {
      this.#held--;
      this.#checkIdle();
    };
  }

  /** A call has no answer yet, or is to be made again. */
  get isUnanswered(): boolean {
    return this.#outbox.size > 0 || this.#held > 0;
  }

  /** Resolves when every call has been answered. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#checkIdle();
    });
  }

  /** Fails what is outstanding, ends the session on the server (its leases are released in order), stops. */
  async close(): Promise<void> {
    const id = this.#id;
    for (const sink of this.sinks.all()) sink.clientClosed();
    this.#closed.abort();
    this.#tickTimer.cancel();
    this.#failAll((outcome) => closedError(outcome));
    if (id === "") return;
    try {
      const parts = { ...this.#parts, timeoutMs: 1_000, closed: new AbortController().signal };
      await callLeader(parts, "CloseSession", { sessionId: id });
    } catch {
      // It expires by itself.
    }
  }

  #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** Calls of one turn of the event loop travel in one frame. */
  #schedule(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#parts.clock.soon(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    const connection = this.#connection;
    while (connection !== undefined && this.#room) {
      const frame = this.#outbox.nextFrame();
      if (frame === undefined) break;
      this.#room = connection.send(frame);
    }
    this.#checkIdle();
  };

  async #run(): Promise<void> {
    const { clock, random } = this.#parts;
    for (let round = 0; !this.#closed.signal.aborted;) {
      try {
        if (this.#id === "") await this.#open();
        await this.#stream();
        round = 0;
      } catch (error) {
        if (this.#isClosed()) return;
        this.#lose(error);
        await pause(clock, pauseMs(round++, random), this.#closed.signal);
      }
    }
  }

  async #open(): Promise<void> {
    const { settings } = this.#parts;
    const parts = { ...this.#parts, timeoutMs: settings.timeoutMs, closed: this.#closed.signal };
    const request = { name: settings.name, ttlMs: settings.sessionTtlMs };
    const { reply } = await callLeader(parts, "OpenSession", request);
    const { sessionId, ttlMs } = reply as { sessionId: string; ttlMs: number };
    this.#id = sessionId;
    this.#heartbeatMs = Math.min(heartbeatMsMax, (ttlMs > 0 ? ttlMs : settings.sessionTtlMs) / 3);
  }

  /** From finding the leader to the end of the stream to it. */
  async #stream(): Promise<void> {
    const parts = { ...this.#parts, closed: this.#closed.signal };
    const failure = await attachAndRun(parts, this.#id, this.#heartbeatMs, {
      onAttached: (connection, nextSequence, term) =>
        this.#onAttached(connection, nextSequence, term),
      onFrame: (frame) => this.#onFrame(frame),
      onRoom: () => {
        this.#room = true;
        this.#flush();
      },
      onFailedTry: (failed) => (this.#lastFailure = failed.message),
    });
    this.#connection = undefined;
    this.#lastFailure = failure.message;
    this.#lostStreamAt = this.#parts.clock.now();
    if (this.#gone !== undefined) throw this.#gone;
  }

  #onAttached(connection: Connection, nextSequence: number, term: number): void {
    const { clock, events } = this.#parts;
    // The server has seen numbers that we have not given: going on would take another client's answers for ours.
    if (nextSequence > this.#outbox.nextSequence) {
      this.#endSession(connection, sessionStolen(this.#id));
      return;
    }
    this.#connection = connection;
    this.#room = true;
    this.#outbox.rewind();
    const { endpoint } = connection;
    const resent = this.#outbox.nextSequence - this.#outbox.firstOutstanding;
    const lostAt = this.#lostStreamAt;
    this.#lostStreamAt = undefined;
    for (const sink of this.sinks.all()) sink.subscribe();
    this.#flush();
    this.#starting?.resolve();
    this.#starting = undefined;
    events.emit("leader", { endpoint, term });
    if (lostAt === undefined) return;
    events.emit("reconnect", { endpoint, gapMs: clock.now() - lostAt, resent });
  }

  #onFrame(frame: ServerFrame): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (frame.replies.length > 0) {
      this.#lastProgress = this.#now;
      this.#stalled = false;
      for (const reply of frame.replies) if (!this.#onReply(connection, reply)) return;
      if (this.#outbox.hasWaiting) this.#schedule();
      this.#checkIdle();
    }
    if (frame.deliveries.length > 0) this.sinks.dispatch(frame.deliveries);
    for (const event of frame.events) this.#tell(event);
  }

  #tell({ kind, queue, key, keySeq, attempts, error }: QueueEvent): void {
    const { events } = this.#parts;
    if (kind === "parked") events.emit("parked", { queue, key, keySeq, attempts, error });
    // Kinds of later versions are none of ours.
    if (kind === "stalled") events.emit("stalled", { what: "deliveries", queue });
  }

  /** False: the stream has been given up. */
  #onReply(connection: Connection, reply: Reply): boolean {
    const result = reply.result;
    if (result.kind === "error") {
      const { error } = result;
      if (error.reason === "SESSION_EXPIRED") {
        this.#endSession(connection, errorFromWire(error, status.NOT_FOUND, "UNKNOWN"));
        return false;
      }
      // Not executed, and it keeps its number: attaching anew sends it again, in order.
      if (error.reason === "SEQUENCE_GAP" || isOutage(error.reason)) {
        connection.abandon({ code: status.UNAVAILABLE, message: error.message, error });
        return false;
      }
    }
    this.#outbox.take(reply.sequence)?.answer(result, reply.logIndex);
    return true;
  }

  #endSession(connection: Connection, error: QueueError): void {
    this.#gone = new SessionGone(error);
    connection.abandon({ code: status.UNAVAILABLE, message: error.message, error: undefined });
  }

  /** The session is gone, or none can be had. */
  #lose(cause: unknown): void {
    const gone = cause instanceof SessionGone;
    const error = gone ? cause.error : cause;
    if (!(error instanceof QueueError)) throw error;
    const id = this.#id;
    this.#id = "";
    this.#connection = undefined;
    this.#gone = undefined;
    this.#lastFailure = error.message;
    this.#starting?.reject(error);
    this.#starting = undefined;
    // No leader for a while: calls wait until they expire by themselves.
    if (id === "" && isOutage(error.reason)) return;
    this.#failAll((outcome) => sessionError(error, outcome));
    for (const sink of this.sinks.all()) sink.sessionLost(error, !gone);
    if (id !== "") this.#parts.events.emit("sessionLost", { sessionId: id, error });
  }

  #failAll(errorFor: (outcome: "NOT_APPLIED" | "UNKNOWN") => QueueError): void {
    for (const call of this.#outbox.clear()) {
      call.fail(errorFor(call.sequence === 0 ? "NOT_APPLIED" : "UNKNOWN"));
    }
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#idle.length === 0 || this.#outbox.size > 0 || this.#held > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #tick(): void {
    const { clock, settings, events } = this.#parts;
    this.#tickTimer = clock.after(tickMs, () => this.#tick());
    const now = clock.now();
    this.#now = now;
    for (const call of this.#outbox.expired(now - settings.timeoutMs)) {
      call.fail(timeoutError(call.sequence === 0 ? "NOT_APPLIED" : "UNKNOWN", settings.timeoutMs));
    }
    const outstanding = this.#outbox.size;
    if (outstanding === 0) this.#lastProgress = now;
    const forMs = now - this.#lastProgress;
    if (forMs < stalledMs || this.#stalled) return;
    this.#stalled = true;
    events.emit("stalled", { what: "calls", forMs, outstanding, lastFailure: this.#lastFailure });
  }
}
