// One queue as its users see it: typed values in, typed deliveries out.

import type { ClientResult } from "../proto/frame.ts";
import { Consumer, type Handler } from "./consumer.ts";
import { Delivery, leaseOf, unreadable } from "./delivery.ts";
import { abortedError } from "./errors.ts";
import { ManagedQueue } from "./managed-queue.ts";
import {
  integer,
  leaseMsMax,
  type BatchMessage,
  type ConsumeOptions,
  type Enqueued,
  type EnqueueOptions,
  type ItemOutcome,
  type ReceiveBatchOptions,
  type ReceiveOptions,
  type SignalOptions,
} from "./options.ts";
import { enqueueBatchTo, enqueueTo } from "./producing.ts";
import { Receiver } from "./receiver.ts";
import { replying } from "./reply.ts";
import { request, type RequestParts } from "./request.ts";
import type { Format } from "./schema.ts";
import type { SubscriptionParts, Wanted } from "./subscription.ts";
import type { UnaryParts } from "./unary.ts";

/** A long poll is cut into pieces: an unanswered call keeps the server from forgetting all later answers. */
const pollMs = 500;

export type QueueParts = RequestParts & SubscriptionParts & { readonly unary: UnaryParts };

/** `T` is what consumers get, `In` what producers give: the same, unless the queue's schema transforms. */
export class Queue<T, In = T> extends ManagedQueue<T, In> {
  readonly #parts: QueueParts;

  /** Use `Client.queue`. */
  constructor(parts: QueueParts, name: string, format: Format<T, In>) {
    super(parts.unary, name, format);
    this.#parts = parts;
  }

  /**
   * Adds a message at the tail of its key. Resolves when it is on the disks of a majority. Calls of one turn travel in one
   * frame and take effect in the order in which they were made.
   * @throws {QueueError} SCHEMA, CODEC: nothing was sent. KEY_SEQ_MISMATCH, IDEMPOTENCY_CONFLICT, DELAY_NOT_ALLOWED: see the options.
   */
  enqueue(value: In, options: EnqueueOptions & SignalOptions = {}): Promise<Enqueued> {
    return enqueueTo(this.#parts, this, value, options);
  }

  /**
   * Adds up to 1,000 messages, in order: all or none, or with `perItem` each for itself, and then the answer has one outcome for
   * each. At most 4 MiB together.
   */
  enqueueBatch(
    batch: readonly BatchMessage<In>[],
    options?: SignalOptions & { readonly perItem?: false },
  ): Promise<Enqueued[]>;
  enqueueBatch(
    batch: readonly BatchMessage<In>[],
    options: SignalOptions & { readonly perItem: true },
  ): Promise<ItemOutcome[]>;
  enqueueBatch(
    batch: readonly BatchMessage<In>[],
    options: SignalOptions & { readonly perItem?: boolean } = {},
  ): Promise<Enqueued[] | ItemOutcome[]> {
    return enqueueBatchTo(this.#parts, this, batch, options);
  }

  /** Calls `handler` for each delivery, until drained or closed: see Consumer. */
  consume(handler: Handler<T>, options: ConsumeOptions = {}): Consumer<T> {
    const concurrency = integer("concurrency", options.concurrency ?? 16, 1, 10_000);
    const wanted = this.#wanted(options, Math.min(2 * concurrency, 10_000));
    const { reply = false } = options;
    const consumer = new Consumer(
      this.#parts,
      options.ack === "onDelivery" ? { ...wanted, ackMode: "ON_DELIVERY" } : wanted,
      concurrency,
      this.format,
      reply === false ? handler : replying(this.#parts, handler, reply),
    );
    const { signal } = options;
    if (signal !== undefined) {
      const drain = (): void => void consumer.drain().catch(() => undefined);
      if (signal.aborted) drain();
      else signal.addEventListener("abort", drain, { once: true });
      const forget = (): void => signal.removeEventListener("abort", drain);
      consumer.done.then(forget, forget);
    }
    return consumer;
  }

  /** Deliveries one by one, to be settled by the loop's body: see Receiver. */
  receive(options: ReceiveOptions = {}): Receiver<T> {
    return new Receiver(this.#parts, this.#wanted(options, 32), this.format, options.signal);
  }

  /** Leases up to `maxMessages`, waiting up to `maxWaitMs` for the first. Their leases are not renewed by themselves. */
  async receiveBatch(options: ReceiveBatchOptions = {}): Promise<Delivery<T>[]> {
    const maxWaitMs = integer("maxWaitMs", options.maxWaitMs ?? 0, 0, 60_000);
    const operation = {
      op: "receive",
      queue: this.name,
      maxMessages: integer("maxMessages", options.maxMessages ?? 1, 1, 1_000),
      leaseMs: this.#leaseMs(options),
      maxBytes: integer("maxBytes", options.maxBytes ?? 0, 0, 4 * 1_048_576),
      keys: options.keys,
    } as const;
    const { clock } = this.#parts;
    const deadline = clock.now() + maxWaitMs;
    for (;;) {
      if (options.signal?.aborted === true)
        throw abortedError("NOT_APPLIED", options.signal.reason);
      const leftMs = Math.max(0, Math.round(deadline - clock.now()));
      const waitMs = Math.min(leftMs, pollMs);
      const deliveries = await this.#poll({ ...operation, maxWaitMs: waitMs }, options.signal);
      if (deliveries.length > 0 || leftMs <= pollMs) return deliveries;
    }
  }

  #poll(
    operation: Parameters<typeof request>[1] & { readonly op: "receive" },
    signal: AbortSignal | undefined,
  ): Promise<Delivery<T>[]> {
    const { leases } = this.#parts;
    const read = (result: ClientResult): Delivery<T>[] | undefined => {
      if (result.kind !== "received") return undefined;
      const now = leases.now();
      return result.deliveries.flatMap((delivery) => {
        const lease = leases.admit(delivery, false, now);
        return lease === undefined ? [] : this.#readable(new Delivery(lease, this.format));
      });
    };
    // The caller has gone: what it asked for goes back, in order.
    const late = (result: ClientResult): void => {
      if (result.kind === "received") for (const each of result.deliveries) leases.release(each);
    };
    return request(this.#parts, operation, read, { signal, late });
  }

  #readable(delivery: Delivery<T>): Delivery<T>[] {
    const error = unreadable(delivery, this.format);
    if (error === "") return [delivery];
    leaseOf(delivery).settle("reject", { error }, false, () => undefined);
    return [];
  }

  #wanted(options: ReceiveOptions, defaultCredit: number): Wanted {
    return {
      queue: this.name,
      credit: integer("credit", options.credit ?? defaultCredit, 1, 10_000),
      creditBytes: integer("creditBytes", options.creditBytes ?? 0, 0, Number.MAX_SAFE_INTEGER),
      keys: options.keys,
      leaseMs: this.#leaseMs(options),
      ackMode: "EXPLICIT",
    };
  }

  #leaseMs(options: { readonly leaseMs?: number | undefined }): number {
    return options.leaseMs === undefined ? 0 : integer("leaseMs", options.leaseMs, 100, leaseMsMax);
  }
}
