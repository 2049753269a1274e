// `queue.consume(handler)`: handlers start in the order in which deliveries arrive, up to `concurrency` at once. The server
// keeps the order of each key: it does not deliver the next message of a key before this one is settled (P3).
//
//   U1. Each lease is handed to the handler at most once, and settled by its end: return = ack, throw = nack,
//       PermanentError = reject; or by a commit of the handler, whose answer is waited for.
//   U2. The loop ends by drain(), close(), the client's close, or by `done` rejecting: never silently.
//   U3. What the server settles by itself (`onDelivery`) is never given back: every delivery that arrives is handled, and new
//       ones are asked for only while few of them wait.

import { closedError, PermanentError, QueueError } from "./errors.ts";
import { errorText, Handling, unreadable } from "./delivery.ts";
import type { Lease, LeaseTable, SettleDetails } from "./lease.ts";
import type { Decoder } from "./schema.ts";
import {
  Subscription,
  type SubscriptionOwner,
  type SubscriptionParts,
  type Wanted,
} from "./subscription.ts";

/** May return a promise: then its end counts. */
export type Handler<T> = (handling: Handling<T>) => unknown;

export interface ConsumerStats {
  /** Handlers that run now. */
  readonly running: number;
  /** Delivered, waiting for a handler to become free. */
  readonly waiting: number;
  /** Answered by the server, since the start. */
  readonly acked: number;
  readonly nacked: number;
  readonly rejected: number;
  readonly released: number;
  /** Settled by a commit of the handler. */
  readonly committed: number;
  /** Settled by the server when they were delivered (`onDelivery`), and handled since. */
  readonly handled: number;
  /** Settlements refused because the lease was lost. */
  readonly lost: number;
}

type Counters = { -readonly [F in keyof ConsumerStats]: number };
const counterOf = {
  ack: "acked",
  nack: "nacked",
  reject: "rejected",
  release: "released",
} as const;

export class Consumer<T> implements SubscriptionOwner {
  /** Resolves when the loop has ended as asked; rejects with what ended it otherwise. */
  readonly done: Promise<void>;
  /** Its handlers are called; nobody waits. */
  readonly isAwaited = false;
  readonly #handler: Handler<T>;
  readonly #decoder: Decoder<T>;
  readonly #leases: LeaseTable;
  readonly #wanted: Wanted;
  readonly #concurrency: number;
  readonly #subscription: Subscription;
  readonly #running = new Set<Lease>();
  #waiting: Lease[] = [];
  #head = 0;
  #settling = 0;
  #state: "open" | "draining" | "ended" = "open";
  #unsubscribed = false;
  #finish!: { resolve: () => void; reject: (error: QueueError) => void };
  readonly #counters: Counters = {
    running: 0,
    waiting: 0,
    acked: 0,
    nacked: 0,
    rejected: 0,
    released: 0,
    committed: 0,
    handled: 0,
    lost: 0,
  };

  constructor(
    parts: SubscriptionParts,
    wanted: Wanted,
    concurrency: number,
    decoder: Decoder<T>,
    handler: Handler<T>,
  ) {
    this.#leases = parts.leases;
    this.#wanted = wanted;
    this.#handler = handler;
    this.#decoder = decoder;
    this.#concurrency = concurrency;
    this.done = new Promise((resolve, reject) => (this.#finish = { resolve, reject }));
    this.#subscription = new Subscription(parts, wanted, this);
  }

  get stats(): ConsumerStats {
    const waiting = this.#waiting.length - this.#head;
    return { ...this.#counters, running: this.#running.size, waiting };
  }

  /** @internal */
  get inHand(): Iterable<object> {
    return this.#running;
  }

  /** Takes no more, finishes what runs, gives back the rest in order; resolves when the server has answered it all. */
  async drain(): Promise<void> {
    this.#stop();
    await this.done;
  }

  /** Like drain, but gives back also what handlers are working on: their signals fire, their results are ignored. */
  async close(): Promise<void> {
    this.#stop();
    for (const lease of [...this.#running]) {
      lease.cancel(closedError("NOT_APPLIED"));
      this.#returned(lease, "release", {});
    }
    this.#checkEnd();
    await this.done;
  }

  leased(leases: readonly Lease[]): void {
    if (this.#head === this.#waiting.length) {
      this.#waiting = [...leases];
      this.#head = 0;
    } else for (const lease of leases) this.#waiting.push(lease);
    this.#pump();
    if (this.#isSettledByServer && this.stats.waiting >= 2 * this.#wanted.credit) {
      this.#subscription.pause();
    }
  }

  failed(error: QueueError): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    for (const lease of this.#running) lease.cancel(error);
    this.#giveBackWaiting();
    this.#finish.reject(error);
  }

  clientClosed(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    for (const lease of this.#running) lease.cancel(closedError("NOT_APPLIED"));
    this.#takeWaiting();
    this.#finish.resolve();
  }

  #stop(): void {
    if (this.#state !== "open") return;
    this.#state = "draining";
    // First: what is given back must not come here again.
    void this.#subscription.stop().then(() => {
      this.#unsubscribed = true;
      this.#checkEnd();
    });
    this.#giveBackWaiting();
  }

  get #isSettledByServer(): boolean {
    return this.#wanted.ackMode === "ON_DELIVERY";
  }

  /** U3 */
  #giveBackWaiting(): void {
    if (this.#isSettledByServer) return;
    for (const lease of this.#takeWaiting()) this.#settle(lease, "release", {});
  }

  #pump(): void {
    while (this.#running.size < this.#concurrency && this.#head < this.#waiting.length) {
      const lease = this.#waiting[this.#head++] as Lease;
      // Lost while it waited: somebody else may have it by now. The release tells the server in case nobody has.
      if (!lease.isLost) this.#start(lease);
      else if (lease.state === "held") this.#settle(lease, "release", {});
    }
    if (this.#head >= 1_024 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    if (this.#isSettledByServer && this.stats.waiting < this.#wanted.credit) {
      this.#subscription.resume();
    }
  }

  #start(lease: Lease): void {
    this.#running.add(lease);
    const handling = new Handling(lease, this.#decoder);
    const invalid = unreadable(handling, this.#decoder);
    if (invalid !== "") {
      this.#returned(lease, "reject", { error: invalid });
      return;
    }
    let result: unknown;
    try {
      result = this.#handler(handling);
    } catch (error) {
      this.#threw(lease, error);
      return;
    }
    if (!isThenable(result)) {
      this.#returned(lease, "ack", {});
      return;
    }
    result.then(
      () => {
        this.#returned(lease, "ack", {});
        this.#pump();
      },
      (error: unknown) => {
        this.#threw(lease, error);
        this.#pump();
      },
    );
  }

  #threw(lease: Lease, error: unknown): void {
    if (this.#isSettledByServer) this.#leases.tellHandlerFailed(lease, error);
    const op = error instanceof PermanentError ? "reject" : "nack";
    this.#returned(lease, op, { error: errorText(error) });
  }

  #returned(lease: Lease, op: keyof typeof counterOf, details: SettleDetails): void {
    // Not running any more: close() has given it back.
    if (!this.#running.delete(lease)) return;
    if (lease.committing !== undefined) this.#awaitCommit(lease, lease.committing, op, details);
    else {
      if (lease.state === "held") this.#settle(lease, op, details);
      else if (this.#isSettledByServer) this.#counters.handled++;
      else if (lease.state === "settled") this.#counters.committed++;
      this.#checkEnd();
    }
  }

  /** The handler ended, and its commit did not: it counts as failed if the commit is refused. */
  #awaitCommit(
    lease: Lease,
    committing: Promise<void>,
    op: keyof typeof counterOf,
    details: SettleDetails,
  ): void {
    this.#running.add(lease);
    void committing.then(() => {
      if (op === "ack") this.#returned(lease, "nack", { error: unawaited });
      else this.#returned(lease, op, details);
      this.#pump();
    });
  }

  #settle(lease: Lease, op: keyof typeof counterOf, details: SettleDetails): void {
    this.#settling++;
    lease.settle(op, details, false, (error) => {
      this.#settling--;
      this.#counters[error === undefined ? counterOf[op] : "lost"]++;
      this.#checkEnd();
    });
  }

  #takeWaiting(): Lease[] {
    const rest = this.#waiting.slice(this.#head);
    this.#waiting = [];
    this.#head = 0;
    return rest;
  }

  #checkEnd(): void {
    if (this.#state !== "draining" || !this.#unsubscribed) return;
    if (this.#running.size > 0 || this.#settling > 0 || this.stats.waiting > 0) return;
    this.#state = "ended";
    this.#finish.resolve();
  }
}

const unawaited = "the handler returned before its commit was answered, and the commit was refused";

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value;
}
