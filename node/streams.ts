// Which client stream belongs to which session on this node, and what waits to be delivered on it.
//   D1. Only the leader delivers; a grant of a session without a stream here is delivered when it attaches (O2).
//   D2. Deliveries of a stream leave in the order of their grants.
//   D3. Bodies are loaded only while the stream takes bytes: what waits are grants, not messages (R11).

import type { QueueEventBytes } from "../proto/frame.ts";
import type { Grant, StoredMessage } from "../queue/index.ts";

export interface DeliverySink {
  readonly session: number;
  /** Grants for this session, in order. */
  granted(grants: readonly Grant[]): void;
  /** Something happened in a queue that the session consumes. */
  event(event: QueueEventBytes): void;
  /** This node leads no longer: the client has to go elsewhere. */
  leadershipLost(): void;
  /** The session has expired, or was closed. */
  sessionEnded(): void;
  /** The same session has attached anew. */
  replaced(): void;
  shutDown(): void;
}

export class Streams {
  readonly #bySession = new Map<number, DeliverySink>();

  get count(): number {
    return this.#bySession.size;
  }

  attach(sink: DeliverySink): void {
    const previous = this.#bySession.get(sink.session);
    this.#bySession.set(sink.session, sink);
    previous?.replaced();
  }

  /** Whether it was still the session's stream. */
  detach(sink: DeliverySink): boolean {
    if (this.#bySession.get(sink.session) !== sink) return false;
    this.#bySession.delete(sink.session);
    return true;
  }

  granted(grants: readonly Grant[]): void {
    if (grants.length === 0) return;
    let start = 0;
    // Grants of one session mostly come in runs.
    for (let i = 1; i <= grants.length; i += 1) {
      const session = grants[start]?.session;
      if (i < grants.length && grants[i]?.session === session) continue;
      if (session !== undefined) this.#bySession.get(session)?.granted(grants.slice(start, i));
      start = i;
    }
  }

  event(sessions: readonly number[], event: QueueEventBytes): void {
    for (const session of sessions) this.#bySession.get(session)?.event(event);
  }

  ended(sessions: readonly number[]): void {
    for (const session of sessions) {
      const sink = this.#bySession.get(session);
      this.#bySession.delete(session);
      sink?.sessionEnded();
    }
  }

  leadershipLost(): void {
    const sinks = [...this.#bySession.values()];
    this.#bySession.clear();
    for (const sink of sinks) sink.leadershipLost();
  }

  shutDown(): void {
    const sinks = [...this.#bySession.values()];
    this.#bySession.clear();
    for (const sink of sinks) sink.shutDown();
  }
}

/** The message of a grant; undefined: it has been settled meanwhile. */
export type LoadedDelivery = { readonly grant: Grant; readonly message: StoredMessage | undefined };
