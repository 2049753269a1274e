// The asking side of request and reply (O7): one temporary reply queue per client, found again by correlation ids.
//
//   Q1. The reply queue belongs to the session: it ends with it, and so do the requests that wait (outcome UNKNOWN: the request
//       may be carried out all the same).
//   Q2. An answer that nobody waits for any more is acked and forgotten.

import { decodeContent } from "../proto/frame.ts";
import type { Admin } from "./admin.ts";
import { jsonCodec, type Codec } from "./codec.ts";
import { abortedError, asError, closedError, QueueError, status, timeoutError } from "./errors.ts";
import type { Emitter } from "./events.ts";
import type { Lease } from "./lease.ts";
import type { EnqueueOptions, SignalOptions } from "./options.ts";
import { enqueueTo, type Target } from "./producing.ts";
import type { QueueParts } from "./queue.ts";
import { errorHeader } from "./reply.ts";
import { Format, type Decoder } from "./schema.ts";
import { Subscription, type SubscriptionOwner } from "./subscription.ts";

export interface RequestOptions<Out> extends EnqueueOptions, SignalOptions {
  /** From the call to the answer, 1 to 3,600,000; default: the client's. */
  readonly timeoutMs?: number | undefined;
  /** How the answer is read; default JSON. */
  readonly replyCodec?: Codec<Out> | undefined;
}

interface Pending {
  answer(lease: Lease): void;
  fail(error: QueueError): void;
}

const credit = 1_000;

export class Requests implements SubscriptionOwner {
  /** Answers are taken as they come. */
  readonly inHand: Iterable<object> = [];
  readonly #parts: QueueParts;
  readonly #admin: Admin;
  readonly #pending = new Map<string, Pending>();
  #last = 0;
  /** The reply queue's name, once there is one in this session. */
  #inbox: Promise<string> | undefined;
  #subscription: Subscription | undefined;
  #idle: (() => void)[] = [];

  constructor(parts: QueueParts, admin: Admin, events: Emitter) {
    this.#parts = parts;
    this.#admin = admin;
    events.on("sessionLost", ({ error }) => this.failed(error));
  }

  /** @throws {QueueError} every refusal of an enqueue; TIMEOUT, REQUEST_FAILED, SESSION_EXPIRED, CLOSED, ABORTED */
  async send<In, Out>(target: Target<In>, value: In, options: RequestOptions<Out>): Promise<Out> {
    const { timeoutMs = this.#parts.timeoutMs, signal } = options;
    const decoder = new Format<Out>(options.replyCodec ?? jsonCodec<Out>(), undefined);
    const correlationId = String(++this.#last);
    const { answered, forget } = this.#expect(correlationId, decoder, timeoutMs, signal);
    try {
      const sent = this.#enqueue(target, value, { ...options, correlationId });
      // Whichever fails first says it: the time runs from the call, whether the enqueue is answered or not.
      const [, answer] = await Promise.all([sent, answered]);
      return answer;
    } finally {
      forget();
    }
  }

  async #enqueue<In>(
    target: Target<In>,
    value: In,
    options: EnqueueOptions & SignalOptions & { readonly correlationId: string },
  ): Promise<void> {
    const replyTo = await (this.#inbox ??= this.#open());
    // Nobody waits any more: there was no reply queue in time.
    if (!this.#pending.has(options.correlationId)) return;
    await enqueueTo(this.#parts, target, value, { ...options, replyTo });
  }

  get isAwaited(): boolean {
    return this.#pending.size > 0;
  }

  leased(leases: readonly Lease[]): void {
    for (const lease of leases) {
      const { correlationId } = decodeContent(lease.delivery.content);
      this.#pending.get(correlationId)?.answer(lease);
      lease.settle("ack", {}, false, () => undefined);
    }
  }

  /** The session or the reply queue is gone. */
  failed(error: QueueError): void {
    this.#inbox = undefined;
    void this.#subscription?.stop();
    this.#subscription = undefined;
    const unknown = new QueueError(
      `the answer cannot arrive any more (${error.message}); the request may be carried out all the same`,
      { reason: error.reason, code: error.code, outcome: "UNKNOWN", cause: error },
    );
    for (const pending of [...this.#pending.values()]) pending.fail(unknown);
  }

  /** Waits for the answers. */
  async drain(): Promise<void> {
    if (this.#pending.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  clientClosed(): void {
    for (const pending of [...this.#pending.values()]) pending.fail(closedError("UNKNOWN"));
  }

  async #open(): Promise<string> {
    const sessionId = this.#parts.session.id;
    // Of a session: unique for ever, and within the characters of a queue's name.
    const name = `reply.${sessionId.replace(/[^A-Za-z0-9._-]/g, "-")}`.slice(0, 128);
    try {
      await this.#admin.createQueue(name, { ordering: "NONE" }, sessionId);
    } catch (error) {
      this.#inbox = undefined;
      throw error;
    }
    const wanted = {
      queue: name,
      credit,
      creditBytes: 0,
      keys: undefined,
      leaseMs: 0,
      ackMode: "EXPLICIT",
    } as const;
    this.#subscription = new Subscription(this.#parts, wanted, this);
    return name;
  }

  #expect<Out>(
    correlationId: string,
    decoder: Decoder<Out>,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): { readonly answered: Promise<Out>; readonly forget: () => void } {
    let forget: () => void = () => undefined;
    const answered = new Promise<Out>((resolve, reject) => {
      const fail = (error: QueueError): void => {
        forget();
        reject(error);
      };
      const timer = this.#parts.clock.after(timeoutMs, () =>
        fail(timeoutError("UNKNOWN", timeoutMs)),
      );
      const abort = (): void => fail(abortedError("UNKNOWN", signal?.reason));
      signal?.addEventListener("abort", abort, { once: true });
      forget = () => {
        timer.cancel();
        signal?.removeEventListener("abort", abort);
        this.#pending.delete(correlationId);
        if (this.#pending.size === 0) for (const done of this.#idle.splice(0)) done();
      };
      const answer = (lease: Lease): void => {
        forget();
        try {
          resolve(read(lease, decoder));
        } catch (error) {
          reject(asError(error));
        }
      };
      this.#pending.set(correlationId, { answer, fail });
      this.#parts.waits();
    });
    return { answered, forget };
  }
}

/** @throws {QueueError} REQUEST_FAILED, CODEC */
function read<Out>({ delivery }: Lease, decoder: Decoder<Out>): Out {
  const content = decodeContent(delivery.content);
  const failure = content.headers[errorHeader];
  if (failure === undefined) return decoder.decode(content.body);
  throw new QueueError(`the consumer answered that it cannot be done: ${failure}`, {
    reason: "REQUEST_FAILED",
    code: status.FAILED_PRECONDITION,
    outcome: "APPLIED",
  });
}
