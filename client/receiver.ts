// `for await (const delivery of queue.receive())`: the loop's own pace decides, the credit says how much is fetched ahead.

import { Delivery, leaseOf, unreadable } from "./delivery.ts";
import type { QueueError } from "./errors.ts";
import type { Lease } from "./lease.ts";
import type { Decoder } from "./schema.ts";
import {
  Subscription,
  type SubscriptionOwner,
  type SubscriptionParts,
  type Wanted,
} from "./subscription.ts";

interface Waiter<T> {
  resolve(result: IteratorResult<Delivery<T>, undefined>): void;
  reject(error: QueueError): void;
}

/**
 * Leaving the loop (break, return, throw) unsubscribes and gives back, in order, the delivery of the present round unless it
 * is settled, and everything that was fetched ahead. Deliveries of earlier rounds that are still held may be settled until
 * their leases end; they are renewed no longer.
 */
export class Receiver<T>
  implements AsyncIterableIterator<Delivery<T>, undefined>, SubscriptionOwner
{
  readonly #parts: SubscriptionParts;
  readonly #wanted: Wanted;
  readonly #decoder: Decoder<T>;
  readonly #signal: AbortSignal | undefined;
  readonly #waiters: Waiter<T>[] = [];
  readonly #handedOut = new Set<Lease>();
  #subscription: Subscription | undefined;
  #ahead: Lease[] = [];
  #head = 0;
  #present: Lease | undefined;
  #ended: Promise<void> | undefined;
  #error: QueueError | undefined;

  constructor(
    parts: SubscriptionParts,
    wanted: Wanted,
    decoder: Decoder<T>,
    signal: AbortSignal | undefined,
  ) {
    this.#parts = parts;
    this.#wanted = wanted;
    this.#decoder = decoder;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }

  next(): Promise<IteratorResult<Delivery<T>, undefined>> {
    if (this.#error !== undefined) return this.#throwOnce(this.#error);
    if (this.#ended !== undefined) return this.#ended.then(() => finished);
    if (this.#subscription === undefined) {
      if (this.#signal?.aborted === true) return Promise.resolve(finished);
      this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
      this.#subscription = new Subscription(this.#parts, this.#wanted, this);
    }
    const delivery = this.#nextAhead();
    if (delivery !== undefined) return Promise.resolve(this.#handOut(delivery));
    this.#parts.waits();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** @internal */
  get isAwaited(): boolean {
    return this.#waiters.length > 0;
  }

  /** @internal */
  get inHand(): Iterable<object> {
    return this.#present?.state === "held" ? [this.#present] : [];
  }

  async return(): Promise<IteratorResult<Delivery<T>, undefined>> {
    await this.drain();
    return finished;
  }

  drain(): Promise<void> {
    return (this.#ended ??= this.#end());
  }

  leased(leases: readonly Lease[]): void {
    for (const lease of leases) this.#ahead.push(lease);
    while (this.#waiters.length > 0) {
      const delivery = this.#nextAhead();
      if (delivery === undefined) return;
      this.#waiters.shift()?.resolve(this.#handOut(delivery));
    }
  }

  failed(error: QueueError): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#ended ??= Promise.resolve();
    for (const lease of this.#takeAhead()) lease.settle("release", {}, false, () => undefined);
    const waiters = this.#waiters.splice(0);
    if (waiters.length === 0) this.#error = error;
    for (const waiter of waiters) waiter.reject(error);
  }

  clientClosed(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#ended ??= Promise.resolve();
    this.#finishWaiters();
  }

  readonly #onAbort = (): void => void this.drain();

  async #end(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#finishWaiters();
    // The order matters: what is given back must not come here again.
    const answers = [this.#subscription?.stop() ?? Promise.resolve()];
    const present = this.#present;
    for (const lease of this.#handedOut) lease.renews = false;
    const rest = this.#takeAhead();
    if (present?.state === "held") rest.unshift(present);
    for (const lease of rest) {
      if (lease.state !== "held") continue;
      answers.push(new Promise((resolve) => lease.settle("release", {}, false, () => resolve())));
    }
    await Promise.all(answers);
  }

  #nextAhead(): Delivery<T> | undefined {
    while (this.#head < this.#ahead.length) {
      const lease = this.#ahead[this.#head++] as Lease;
      if (this.#head === this.#ahead.length) {
        this.#ahead = [];
        this.#head = 0;
      }
      if (lease.isLost) {
        if (lease.state === "held") lease.settle("release", {}, false, () => undefined);
        continue;
      }
      const delivery = new Delivery(lease, this.#decoder);
      const error = unreadable(delivery, this.#decoder);
      if (error === "") return delivery;
      lease.settle("reject", { error }, false, () => undefined);
    }
    return undefined;
  }

  #takeAhead(): Lease[] {
    const rest = this.#ahead.slice(this.#head);
    this.#ahead = [];
    this.#head = 0;
    return rest;
  }

  #handOut(delivery: Delivery<T>): IteratorResult<Delivery<T>, undefined> {
    for (const held of this.#handedOut) {
      if (held.state !== "settled" && held.state !== "lost") break;
      this.#handedOut.delete(held);
    }
    const lease = leaseOf(delivery);
    this.#handedOut.add(lease);
    this.#present = lease;
    return { done: false, value: delivery };
  }

  #finishWaiters(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(finished);
  }

  #throwOnce(error: QueueError): Promise<never> {
    this.#error = undefined;
    return Promise.reject(error);
  }
}

const finished = { done: true, value: undefined } as const;
