// Streams the ledger into the queue, at a steady rate, without waiting for each answer.

import { setTimeout as sleep } from "node:timers/promises";
import type { Queue } from "../../client/index.ts";
import type { LedgerRow } from "./row.ts";

/** Bookings on their way at once. */
const outstandingMax = 1_000;

export class Producer {
  readonly #queue: Queue<LedgerRow>;
  readonly #rows: readonly LedgerRow[];
  readonly #ratePerSecond: number;
  readonly #sentAt: Float64Array;
  #sent = 0;
  #confirmed = 0;
  #ceiling: number;
  #failure: Error | undefined;
  #waiting: { readonly after: number; readonly resolve: (ms: number) => void } | undefined;
  /** Milliseconds from the call to its answer, per booking. */
  readonly confirmMs: Float64Array;

  constructor(queue: Queue<LedgerRow>, rows: readonly LedgerRow[], ratePerSecond: number) {
    this.#queue = queue;
    this.#rows = rows;
    this.#ratePerSecond = ratePerSecond;
    this.#sentAt = new Float64Array(rows.length);
    this.confirmMs = new Float64Array(rows.length);
    this.#ceiling = rows.length;
  }

  get confirmed(): number {
    return this.#confirmed;
  }

  /** No more than the first `count` bookings for now: keeps something to send for the next failover. */
  holdAt(count: number): void {
    this.#ceiling = Math.min(count, this.#rows.length);
  }

  /** When the booking at this place of the ledger was sent, by performance.now(). */
  sentAt(index: number): number {
    return this.#sentAt[index] ?? 0;
  }

  /** Resolves, with the time of its answer, when the first booking that was sent after `moment` is confirmed. */
  confirmedAfter(moment: number): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting = { after: moment, resolve };
    });
  }

  /**
   * Sends everything, in the order of the ledger; resolves when all of it is confirmed. Up to 1,000 bookings are on their way
   * at once, and their order is kept all the same: a client numbers its calls within its session, and the cluster applies
   * them by number, also when they have to be sent again to a new leader.
   */
  async run(): Promise<void> {
    const start = performance.now();
    while (this.#sent < this.#rows.length || this.#confirmed < this.#sent) {
      if (this.#failure !== undefined) throw this.#failure;
      const elapsed = performance.now() - start;
      const due = Math.min(this.#ceiling, Math.ceil((elapsed * this.#ratePerSecond) / 1_000));
      while (this.#sent < due && this.#sent - this.#confirmed < outstandingMax) this.#send();
      await sleep(2);
    }
  }

  #send(): void {
    const index = this.#sent++;
    const row = this.#rows[index];
    if (row === undefined) throw new Error(`the ledger has no row ${index}`);
    const sentAt = performance.now();
    this.#sentAt[index] = sentAt;
    this.#queue.enqueue(row, { key: row.account }).then(
      () => {
        const now = performance.now();
        this.#confirmed++;
        this.confirmMs[index] = now - sentAt;
        if (this.#waiting !== undefined && sentAt > this.#waiting.after) {
          this.#waiting.resolve(now);
          this.#waiting = undefined;
        }
      },
      (error: unknown) => {
        this.#failure ??= new Error(
          `booking ${row.accountSeq} of account ${row.account} could not be enqueued: ${String(error)}`,
          { cause: error },
        );
      },
    );
  }
}
