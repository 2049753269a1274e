// What a client tells about itself, and a small typed emitter. A listener that throws is the program's bug: it surfaces
// as an uncaught error and disturbs nobody else.

import type { QueueError } from "./errors.ts";

export interface ClientEvents {
  /** Attached to a leader: the first time, and after each change. */
  leader: { readonly endpoint: string; readonly term: number };
  /** The stream is back after `gapMs` without one; everything unanswered was sent again under its old numbers. */
  reconnect: { readonly endpoint: string; readonly gapMs: number; readonly resent: number };
  /** A delivery is no longer ours: its `signal` has fired. */
  leaseLost: {
    readonly queue: string;
    readonly key: string;
    readonly messageId: string;
    readonly fencingToken: number;
    /** What ended it: the server's refusal, or that it could not be renewed in time. */
    readonly cause: QueueError;
  };
  /**
   * `calls`: some wait, and nothing has been answered for `forMs`; told once per standstill. `deliveries`: the server says that
   * messages are ready and a consumer of ours has credit, and that nothing was delivered: a defect of the server.
   */
  stalled:
    | {
        readonly what: "calls";
        readonly forMs: number;
        readonly outstanding: number;
        readonly lastFailure: string;
      }
    | { readonly what: "deliveries"; readonly queue: string };
  /** A message of a queue that we consume failed for good: its key waits for `Queue.resolveParked`. */
  parked: {
    readonly queue: string;
    readonly key: string;
    readonly keySeq: number;
    readonly attempts: number;
    readonly error: string;
  };
  /** A message does not match its queue's schema: it was rejected, and no handler has seen it. */
  invalidMessage: {
    readonly queue: string;
    readonly key: string;
    readonly messageId: string;
    readonly error: QueueError;
  };
  /** With `ack: "onDelivery"` a handler threw: the message had been settled already. */
  handlerFailed: {
    readonly queue: string;
    readonly key: string;
    readonly messageId: string;
    readonly error: unknown;
  };
  /** The session expired: what was outstanding failed, leases are gone; a new session follows. */
  sessionLost: { readonly sessionId: string; readonly error: QueueError };
}

export type Listener<E extends keyof ClientEvents> = (event: ClientEvents[E]) => void;

export class Emitter {
  readonly #listeners = new Map<keyof ClientEvents, Set<Listener<never>>>();

  on<E extends keyof ClientEvents>(event: E, listener: Listener<E>): void {
    let listeners = this.#listeners.get(event);
    if (listeners === undefined) this.#listeners.set(event, (listeners = new Set()));
    listeners.add(listener);
  }

  off<E extends keyof ClientEvents>(event: E, listener: Listener<E>): void {
    this.#listeners.get(event)?.delete(listener);
  }

  emit<E extends keyof ClientEvents>(event: E, payload: ClientEvents[E]): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        (listener as Listener<E>)(payload);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
