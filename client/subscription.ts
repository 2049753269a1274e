// One consumer number: subscribed as long as it is wanted, through every change of stream and session.

import type { ClientResult, Delivery } from "../proto/frame.ts";
import { pause, type Clock } from "./clock.ts";
import { closedError, errorFromWire, type QueueError, status } from "./errors.ts";
import type { Lease, LeaseTable } from "./lease.ts";
import { refusalPauseMs } from "./retry.ts";
import { internal, type Session } from "./session.ts";
import type { DeliverySink } from "./sinks.ts";

export interface SubscriptionParts {
  readonly session: Session;
  readonly leases: LeaseTable;
  readonly clock: Clock;
  readonly random: () => number;
  /** Told that somebody begins to wait for a delivery: nothing is sent for that. */
  readonly waits: () => void;
}

export interface Wanted {
  readonly queue: string;
  readonly credit: number;
  /** 0: the queue's. */
  readonly leaseMs: number;
  /** 0: no bound. */
  readonly creditBytes: number;
  /** Undefined: all. */
  readonly keys: readonly string[] | undefined;
  readonly ackMode: "EXPLICIT" | "ON_DELIVERY";
}

/** Who consumes. */
export interface SubscriptionOwner {
  /** New leases, in the order of their grants. */
  leased(leases: readonly Lease[]): void;
  /** There will be no more deliveries, and this is why. */
  failed(error: QueueError): void;
  drain(): Promise<void>;
  clientClosed(): void;
  /** As in DeliverySink. */
  readonly isAwaited: boolean;
  readonly inHand: Iterable<object>;
}

export class Subscription implements DeliverySink {
  readonly #parts: SubscriptionParts;
  readonly #wanted: Wanted;
  readonly #owner: SubscriptionOwner;
  readonly #number: number;
  #asking = false;
  #paused = false;
  #stopped = false;

  constructor(parts: SubscriptionParts, wanted: Wanted, owner: SubscriptionOwner) {
    this.#parts = parts;
    this.#wanted = wanted;
    this.#owner = owner;
    this.#number = parts.session.sinks.add(this);
    if (parts.session.closed.aborted) queueMicrotask(() => this.#fail(closedError("NOT_APPLIED")));
    else this.subscribe();
  }

  subscribe(): void {
    // An unanswered subscription is sent again with the other calls.
    if (this.#stopped || this.#asking || this.#paused) return;
    this.#asking = true;
    const operation = { op: "subscribe", consumer: this.#number, ...this.#wanted } as const;
    this.#parts.session.submit(
      operation,
      {
        answered: (result) => this.#answered(result),
        // Told by sessionLost or clientClosed as well.
        failed: () => (this.#asking = false),
      },
      internal,
    );
  }

  deliver(deliveries: readonly Delivery[]): void {
    const { leases } = this.#parts;
    const now = leases.now();
    const admitted: Lease[] = [];
    for (const delivery of deliveries) {
      if (this.#stopped && this.#wanted.ackMode === "EXPLICIT") {
        leases.release(delivery);
        continue;
      }
      const lease =
        this.#wanted.ackMode === "ON_DELIVERY"
          ? leases.settled(delivery, now)
          : leases.admit(delivery, true, now);
      if (lease !== undefined) admitted.push(lease);
    }
    if (admitted.length > 0) this.#owner.leased(admitted);
  }

  /** No more deliveries until `resume`, but for those that are on their way. */
  pause(): void {
    if (this.#paused || this.#stopped) return;
    this.#paused = true;
    const operation = { op: "unsubscribe", consumer: this.#number } as const;
    const ignore = (): void => undefined;
    this.#parts.session.submit(operation, { answered: ignore, failed: ignore }, internal);
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.subscribe();
  }

  /** No more deliveries. Resolves when the server knows. */
  stop(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#stopped = true;
    const { session } = this.#parts;
    return new Promise((resolve) => {
      const finish = (): void => {
        // What is still on its way is given back by whoever gets a delivery without a consumer.
        session.sinks.remove(this.#number);
        resolve();
      };
      const operation = { op: "unsubscribe", consumer: this.#number } as const;
      session.submit(operation, { answered: finish, failed: finish }, internal);
    });
  }

  sessionLost(error: QueueError, fatal: boolean): void {
    this.#asking = false;
    if (fatal) this.#fail(error);
  }

  drain(): Promise<void> {
    return this.#owner.drain();
  }

  get isAwaited(): boolean {
    return this.#owner.isAwaited;
  }

  get inHand(): Iterable<object> {
    return this.#owner.inHand;
  }

  clientClosed(): void {
    this.#stopped = true;
    this.#owner.clientClosed();
  }

  #answered(result: ClientResult): void {
    this.#asking = false;
    if (result.kind !== "error") return;
    const { clock, random, session } = this.#parts;
    const error = errorFromWire(result.error, status.UNKNOWN, "NOT_APPLIED");
    const waitMs = refusalPauseMs(error, random);
    if (waitMs === undefined) this.#fail(error);
    else void pause(clock, waitMs, session.closed).then(() => this.subscribe());
  }

  #fail(error: QueueError): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#parts.session.sinks.remove(this.#number);
    this.#owner.failed(error);
  }
}
