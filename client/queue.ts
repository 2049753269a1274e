// One queue as its users see it: typed values in, typed deliveries out.

import { encodeContent, type ClientResult } from "../proto/frame.ts";
import { encodeValue, type Codec } from "./codec.ts";
import { Consumer, type Handler } from "./consumer.ts";
import { Delivery } from "./delivery.ts";
import { abortedError, asError, invalid, QueueError, status } from "./errors.ts";
import {
  integer,
  leaseMsMax,
  type BatchMessage,
  type ConsumeOptions,
  type Enqueued,
  type EnqueueOptions,
  type ReceiveBatchOptions,
  type ReceiveOptions,
  type SignalOptions,
} from "./options.ts";
import { Receiver } from "./receiver.ts";
import { request, type RequestParts } from "./request.ts";
import type { SubscriptionParts, Wanted } from "./subscription.ts";

/** One command's content, all its messages together: beyond it no server takes the frame, and the stream would break. */
const commandBytesMax = 4 * 1_048_576 + 65_536;
/** A long poll is cut into pieces: an unanswered call keeps the server from forgetting all later answers. */
const pollMs = 500;

export type QueueParts = RequestParts & SubscriptionParts;

export class Queue<T> {
  readonly name: string;
  readonly #parts: QueueParts;
  readonly #codec: Codec<T>;

  constructor(parts: QueueParts, name: string, codec: Codec<T>) {
    this.#parts = parts;
    this.name = name;
    this.#codec = codec;
  }

  /**
   * Adds a message at the tail of its key. Resolves when it is on the disks of a majority. Calls of one turn travel in one
   * frame and take effect in the order in which they were made.
   */
  enqueue(value: T, options: EnqueueOptions & SignalOptions = {}): Promise<Enqueued> {
    try {
      const content = this.#content(value, options);
      if (content.length > commandBytesMax) throw tooLarge(content.length);
      const operation = {
        op: "enqueue",
        queue: this.name,
        key: options.key ?? "",
        content,
      } as const;
      return request(this.#parts, operation, readEnqueued, options);
    } catch (error) {
      return Promise.reject(asError(error));
    }
  }

  /** Adds up to 1,000 messages, in order: all or none. At most 4 MiB together. */
  enqueueBatch(
    batch: readonly BatchMessage<T>[],
    options: SignalOptions = {},
  ): Promise<Enqueued[]> {
    try {
      if (batch.length > 1_000) {
        throw invalid(
          "messages",
          `a batch of ${batch.length} messages; at most 1,000: send several batches`,
        );
      }
      let size = 0;
      const messages = batch.map((each) => {
        const content = this.#content(each.value, each);
        size += content.length;
        return { key: each.key ?? "", content };
      });
      if (size > commandBytesMax) throw tooLarge(size);
      const operation = { op: "enqueueBatch", queue: this.name, messages } as const;
      return request(this.#parts, operation, readBatch, options);
    } catch (error) {
      return Promise.reject(asError(error));
    }
  }

  /** Calls `handler` for each delivery, until drained or closed: see Consumer. */
  consume(handler: Handler<T>, options: ConsumeOptions = {}): Consumer<T> {
    const concurrency = integer("concurrency", options.concurrency ?? 16, 1, 10_000);
    const wanted = this.#wanted(options, Math.min(2 * concurrency, 10_000));
    const consumer = new Consumer(this.#parts, wanted, concurrency, this.#codec, handler);
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
    return new Receiver(this.#parts, this.#wanted(options, 32), this.#codec, options.signal);
  }

  /** Leases up to `maxMessages`, waiting up to `maxWaitMs` for the first. Their leases are not renewed by themselves. */
  async receiveBatch(options: ReceiveBatchOptions = {}): Promise<Delivery<T>[]> {
    const maxMessages = integer("maxMessages", options.maxMessages ?? 1, 1, 1_000);
    const maxWaitMs = integer("maxWaitMs", options.maxWaitMs ?? 0, 0, 60_000);
    const leaseMs = this.#leaseMs(options);
    const { clock } = this.#parts;
    const deadline = clock.now() + maxWaitMs;
    for (;;) {
      if (options.signal?.aborted === true)
        throw abortedError("NOT_APPLIED", options.signal.reason);
      const leftMs = Math.max(0, Math.round(deadline - clock.now()));
      const waitMs = Math.min(leftMs, pollMs);
      const deliveries = await this.#poll(maxMessages, waitMs, leaseMs, options.signal);
      if (deliveries.length > 0 || leftMs <= pollMs) return deliveries;
    }
  }

  #poll(
    maxMessages: number,
    maxWaitMs: number,
    leaseMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Delivery<T>[]> {
    const { leases } = this.#parts;
    const operation = { op: "receive", queue: this.name, maxMessages, maxWaitMs, leaseMs } as const;
    const read = (result: ClientResult): Delivery<T>[] | undefined => {
      if (result.kind !== "received") return undefined;
      const now = leases.now();
      return result.deliveries.flatMap((delivery) => {
        const lease = leases.admit(delivery, false, now);
        return lease === undefined ? [] : [new Delivery(lease, this.#codec)];
      });
    };
    // The caller has gone: what it asked for goes back, in order.
    const late = (result: ClientResult): void => {
      if (result.kind === "received") for (const each of result.deliveries) leases.release(each);
    };
    return request(this.#parts, operation, read, { signal, late });
  }

  #content(value: T, options: EnqueueOptions): Buffer {
    return encodeContent({
      body: encodeValue(this.#codec, value),
      headers: options.headers,
      contentType: options.contentType ?? this.#codec.contentType,
      correlationId: options.correlationId,
      replyTo: options.replyTo,
      traceparent: options.traceparent,
    });
  }

  #wanted(options: ReceiveOptions, defaultCredit: number): Wanted {
    const credit = integer("credit", options.credit ?? defaultCredit, 1, 10_000);
    return { queue: this.name, credit, leaseMs: this.#leaseMs(options) };
  }

  #leaseMs(options: { readonly leaseMs?: number | undefined }): number {
    return options.leaseMs === undefined ? 0 : integer("leaseMs", options.leaseMs, 100, leaseMsMax);
  }
}

function readEnqueued(result: ClientResult, logIndex: number): Enqueued | undefined {
  if (result.kind !== "enqueued") return undefined;
  return { messageId: result.messageId, seq: result.seq, keySeq: result.keySeq, logIndex };
}

function readBatch(result: ClientResult, logIndex: number): Enqueued[] | undefined {
  if (result.kind !== "batchEnqueued") return undefined;
  return result.messages.map((message) => ({ ...message, logIndex }));
}

function tooLarge(bytes: number): QueueError {
  return new QueueError(
    `${bytes} bytes of content in one call; at most ${commandBytesMax}: split it, or store the body elsewhere and send a reference`,
    {
      reason: "TOO_LARGE",
      code: status.INVALID_ARGUMENT,
      outcome: "NOT_APPLIED",
      field: "content",
    },
  );
}
