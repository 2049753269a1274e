// Who gets the deliveries of which consumer number.

import type { Delivery } from "../proto/frame.ts";
import type { QueueError } from "./errors.ts";

export interface DeliverySink {
  /** Deliveries of one frame, in the order of their grants. */
  deliver(deliveries: readonly Delivery[]): void;
  /** A stream is attached: say again what you want. */
  subscribe(): void;
  /** The session is gone, and its leases with it; `fatal`: another one would fare no better. */
  sessionLost(error: QueueError, fatal: boolean): void;
  /** Finishes what runs, gives back the rest. */
  drain(): Promise<void>;
  /** The client closes. */
  clientClosed(): void;
  /** Somebody waits for the next delivery. */
  readonly isAwaited: boolean;
  /** What a program of the user's works on now. */
  readonly inHand: Iterable<object>;
}

export class Sinks {
  readonly #sinks = new Map<number, DeliverySink>();
  readonly #orphaned: (delivery: Delivery) => void;
  #last = 0;

  /** @param orphaned gets deliveries for a consumer that is not there any more. */
  constructor(orphaned: (delivery: Delivery) => void) {
    this.#orphaned = orphaned;
  }

  /** Returns its number, unique in this client. */
  add(sink: DeliverySink): number {
    const number = ++this.#last;
    this.#sinks.set(number, sink);
    return number;
  }

  remove(number: number): void {
    this.#sinks.delete(number);
  }

  /** All of them, as of now. */
  all(): DeliverySink[] {
    return [...this.#sinks.values()];
  }

  dispatch(deliveries: readonly Delivery[]): void {
    // Nearly always a frame's deliveries are for one consumer.
    let start = 0;
    for (let i = 1; i <= deliveries.length; i++) {
      const consumer = (deliveries[start] as Delivery).consumer;
      if (i < deliveries.length && deliveries[i]?.consumer === consumer) continue;
      const part = start === 0 && i === deliveries.length ? deliveries : deliveries.slice(start, i);
      const sink = this.#sinks.get(consumer);
      if (sink === undefined) part.forEach(this.#orphaned);
      else sink.deliver(part);
      start = i;
    }
  }
}
