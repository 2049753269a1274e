// Leases that this client holds: renewed in time, lost in time, never handled twice.
//
//   L1. A token is admitted once. After a new stream the server sends the live leases again: those that were held when the
//       stream was attached are ignored on it, even when they have been settled meanwhile.
//   L2. `signal` fires no later than the lease's local deadline: counted from the moment before it was asked for (renewals)
//       or from its arrival (the grant; the server's fencing covers what it travelled).
//   L3. What the server says is the truth: a lease past its local deadline may still be settled, and the answer tells.

import type { ClientOperation, ClientResult, Delivery, SettleOp } from "../proto/frame.ts";
import type { Clock, Timer } from "./clock.ts";
import { errorFromWire, QueueError, status } from "./errors.ts";
import type { Emitter } from "./events.ts";
import { internal, type Session } from "./session.ts";

export interface Settled {
  /** This very lease had settled the message before: a success. */
  readonly already: boolean;
  readonly logIndex: number;
}

export interface SettleDetails {
  readonly delayMs?: number | undefined;
  readonly error?: string;
}

export type SettleDone = (error: QueueError | undefined, settled: Settled | undefined) => void;

/** After a new stream, leases that come with it may be old: they are renewed at once for so long. */
const freshStreamMs = 1_000;
/** Errors are kept with the message up to this length (bytes). */
const errorBytesMax = 1_024;

export class Lease {
  readonly delivery: Delivery;
  readonly #table: LeaseTable;
  /** Renewed by the table as long as it is held. */
  renews: boolean;
  leaseMs: number;
  deadline: number;
  renewAt: number;
  /** `committing`: part of a commit that is not answered yet. */
  state: "held" | "committing" | "settling" | "settled" | "lost" = "held";
  /** Resolves when that commit is answered. */
  committing: Promise<void> | undefined;
  #controller: AbortController | undefined;
  #lostBy: QueueError | undefined;

  constructor(table: LeaseTable, delivery: Delivery, renews: boolean, now: number) {
    this.#table = table;
    this.delivery = delivery;
    this.renews = renews;
    this.leaseMs = delivery.leaseMs;
    this.deadline = now + delivery.leaseMs;
    this.renewAt = now + delivery.leaseMs / 2;
  }

  /** Made when somebody asks for it: most handlers never do. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#lostBy !== undefined) this.#controller.abort(this.#lostBy);
    return this.#controller.signal;
  }

  get isLost(): boolean {
    return this.#lostBy !== undefined;
  }

  /** Fires `signal`. `final`: the server said so, there is nothing left to settle. */
  lose(cause: QueueError, final: boolean): void {
    if (final && this.state !== "settled") this.state = "lost";
    if (this.#lostBy !== undefined) return;
    this.#lostBy = cause;
    this.#controller?.abort(cause);
    this.#table.tellLost(this, cause);
  }

  /** A commit settles it. Renewed meanwhile: a commit may wait for room. Returns what is called with the commit's end. */
  beginCommit(): (error: QueueError | undefined) => void {
    this.state = "committing";
    let answered: () => void = () => undefined;
    this.committing = new Promise((resolve) => (answered = resolve));
    return (error) => {
      this.committing = undefined;
      // Lost meanwhile, with its session.
      if (this.state === "committing") {
        if (error === undefined) {
          this.state = "settled";
          this.#table.forget(this);
          // An unanswered commit may still take effect: neither settled nor lost, and not renewed any more.
        } else this.state = error.outcome === "UNKNOWN" ? "settling" : "held";
      }
      answered();
    };
  }

  /** It names a lease that is not ours any more. */
  refuse(error: QueueError): void {
    this.lose(error, true);
    this.#table.forget(this);
  }

  tellInvalid(error: QueueError): void {
    this.#table.tellInvalid(this, error);
  }

  /** Fires `signal` without a loss: the consumer stops. */
  cancel(reason: QueueError): void {
    this.#lostBy ??= reason;
    this.#controller?.abort(reason);
  }

  settle(
    op: Exclude<SettleOp, "extend">,
    details: SettleDetails,
    expires: boolean,
    done: SettleDone,
  ): void {
    if (this.state === "held") this.state = "settling";
    this.#table.send(this.#operation(op, details, 0), expires, (result, logIndex, failure) => {
      if (result?.kind === "settled") {
        this.state = "settled";
        this.#table.forget(this);
        done(undefined, { already: result.already, logIndex });
        return;
      }
      const error = failure ?? refusal(result);
      // An unanswered call keeps its number and may still take effect: the lease is neither settled nor lost.
      if (error.outcome !== "UNKNOWN") this.refuse(error);
      done(error, undefined);
    });
  }

  /** Asks for `leaseMs` from now on; also the length of later renewals. */
  extend(leaseMs: number, done: SettleDone, expires: boolean): void {
    const askedAt = this.#table.now();
    this.renewAt = Infinity;
    this.leaseMs = leaseMs;
    this.#table.send(
      this.#operation("extend", {}, leaseMs),
      expires,
      (result, logIndex, failure) => {
        if (result?.kind === "settled") {
          this.deadline = askedAt + leaseMs;
          this.renewAt = askedAt + leaseMs / 2;
          done(undefined, { already: result.already, logIndex });
          return;
        }
        const error = failure ?? refusal(result);
        // Being settled meanwhile is no loss.
        if (this.state === "held" && error.outcome !== "UNKNOWN") {
          this.lose(error, error.reason === "STALE_LEASE");
        }
        done(error, undefined);
      },
    );
  }

  #operation(op: SettleOp, details: SettleDetails, leaseMs: number): ClientOperation {
    const { queue, key, keySeq, fencingToken } = this.delivery;
    const error = clipped(details.error ?? "");
    return { op, queue, key, keySeq, fencingToken, delayMs: details.delayMs, error, leaseMs };
  }
}

type Answer = (
  result: ClientResult | undefined,
  logIndex: number,
  failure: QueueError | undefined,
) => void;

export class LeaseTable {
  readonly #session: () => Session;
  readonly #clock: Clock;
  readonly #events: Emitter;
  readonly #live = new Map<number, Lease>();
  #ignored: ReadonlySet<number> = new Set();
  #freshUntil = -Infinity;
  #timer: Timer | undefined;
  #sweepMs = 500;

  constructor(session: () => Session, clock: Clock, events: Emitter) {
    this.#session = session;
    this.#clock = clock;
    this.#events = events;
    // Both come before any delivery of the new stream or session.
    events.on("leader", () => this.#attached());
    events.on("sessionLost", ({ error }) => this.loseAll(error));
  }

  now(): number {
    return this.#clock.now();
  }

  get size(): number {
    return this.#live.size;
  }

  /** Undefined: this lease is or was held here already (L1). */
  admit(delivery: Delivery, renews: boolean, now: number): Lease | undefined {
    const token = delivery.fencingToken;
    if (this.knows(token)) return undefined;
    const lease = new Lease(this, delivery, renews, now);
    if (now < this.#freshUntil) lease.renewAt = now;
    this.#live.set(token, lease);
    const sweepMs = Math.max(10, Math.min(500, delivery.leaseMs / 8));
    if (this.#timer === undefined || sweepMs < this.#sweepMs) {
      this.#sweepMs = sweepMs;
      this.#timer?.cancel();
      this.#timer = this.#clock.after(sweepMs, this.#sweep);
    }
    return lease;
  }

  /** Settled by the server when it was sent: there is nothing to renew, to lose or to settle. */
  settled(delivery: Delivery, now: number): Lease {
    const lease = new Lease(this, delivery, false, now);
    lease.state = "settled";
    return lease;
  }

  knows(token: number): boolean {
    return this.#live.has(token) || this.#ignored.has(token);
  }

  forget(lease: Lease): void {
    this.#live.delete(lease.delivery.fencingToken);
  }

  send(operation: ClientOperation, expires: boolean, answer: Answer): void {
    const handlers = {
      answered: (result: ClientResult, logIndex: number) => answer(result, logIndex, undefined),
      failed: (error: QueueError) => answer(undefined, 0, error),
    };
    this.#session().submit(operation, handlers, expires ? userSettlement : internal);
  }

  /** Gives back a delivery that nobody here wants. */
  release(delivery: Delivery): void {
    const lease = this.admit(delivery, false, this.now());
    lease?.settle("release", {}, false, () => undefined);
  }

  tellLost(lease: Lease, cause: QueueError): void {
    const { queue, key, messageId, fencingToken } = lease.delivery;
    this.#events.emit("leaseLost", { queue, key, messageId, fencingToken, cause });
  }

  tellInvalid(lease: Lease, error: QueueError): void {
    const { queue, key, messageId } = lease.delivery;
    this.#events.emit("invalidMessage", { queue, key, messageId, error });
  }

  tellHandlerFailed(lease: Lease, error: unknown): void {
    const { queue, key, messageId } = lease.delivery;
    this.#events.emit("handlerFailed", { queue, key, messageId, error });
  }

  loseAll(cause: QueueError): void {
    const leases = [...this.#live.values()];
    this.#live.clear();
    this.#ignored = new Set();
    for (const lease of leases) lease.lose(cause, true);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#live.clear();
  }

  #attached(): void {
    this.#ignored = new Set(this.#live.keys());
    this.#freshUntil = this.now() + freshStreamMs;
  }

  // One timer for all leases: a timer for each would cost more than the message it guards.
  readonly #sweep = (): void => {
    this.#timer = undefined;
    const now = this.now();
    for (const lease of this.#live.values()) {
      if (lease.state !== "held" && lease.state !== "committing") continue;
      if (lease.deadline <= now) {
        if (!lease.isLost) lease.lose(notRenewed(lease.leaseMs), false);
        if (!lease.renews) this.forget(lease);
      } else if (lease.renews && lease.renewAt <= now && !lease.isLost) {
        lease.extend(lease.leaseMs, () => undefined, false);
      }
    }
    if (this.#live.size > 0) this.#timer = this.#clock.after(this.#sweepMs, this.#sweep);
    else this.#sweepMs = 500;
  };
}

const userSettlement = { urgent: true, expires: true } as const;

function refusal(result: ClientResult | undefined): QueueError {
  if (result?.kind === "error") return errorFromWire(result.error, status.UNKNOWN, "NOT_APPLIED");
  return new QueueError("the server's answer to a settlement is of an unknown kind", {
    reason: "OTHER",
    code: status.UNKNOWN,
    outcome: "UNKNOWN",
  });
}

function notRenewed(leaseMs: number): QueueError {
  return new QueueError(
    `the lease of ${leaseMs} ms could not be renewed in time: another consumer may have the message by now`,
    { reason: "STALE_LEASE", code: status.FAILED_PRECONDITION, outcome: "UNKNOWN" },
  );
}

/** Cut to the limit in bytes, never inside a character. */
export function clipped(text: string): string {
  if (text.length * 3 <= errorBytesMax) return text;
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= errorBytesMax) return text;
  let end = errorBytesMax;
  while (((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}
