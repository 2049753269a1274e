// What the consumers saw. A handler only notes it; what it means is for proof.ts to say.

import type { Handled } from "./proof.ts";
import type { LedgerRow } from "./row.ts";

/** What is looked at of a message. */
export interface Noted {
  readonly messageId: string;
  readonly keySeq: number;
  readonly deliveries: number;
  readonly redelivery: string;
}

/** Deliveries after the first one, by the cause that the cluster gave; "" is none. */
export type Redeliveries = Readonly<Record<string, number>>;

export class Recorder {
  readonly #placeOf = new Map<string, number>();
  readonly #sentAt: (index: number) => number;
  readonly #seen = new Set<string>();
  readonly #redeliveries: Record<string, number> = {};
  readonly history: Handled[] = [];
  /** Milliseconds from the enqueue call to the handler, in the order of handling. */
  readonly handledMs: number[] = [];

  constructor(rows: readonly LedgerRow[], sentAt: (index: number) => number) {
    this.#sentAt = sentAt;
    rows.forEach((row, index) => this.#placeOf.set(placeName(row), index));
  }

  /** First handlings so far. */
  get handled(): number {
    return this.#seen.size;
  }

  get redeliveries(): Redeliveries {
    return this.#redeliveries;
  }

  note(message: Noted, row: LedgerRow, fencingToken: number): void {
    const again = this.#seen.has(message.messageId);
    if (message.deliveries > 1 || again) {
      this.#redeliveries[message.redelivery] = (this.#redeliveries[message.redelivery] ?? 0) + 1;
    }
    // A redelivery with a declared cause is the queue's good right (at least once outside); one without goes into the
    // history, where it counts as doubled.
    if (again && message.redelivery !== "") return;
    this.#seen.add(message.messageId);
    this.history.push({ row, keySeq: message.keySeq, fencingToken });
    const place = this.#placeOf.get(placeName(row));
    if (place !== undefined) this.handledMs.push(performance.now() - this.#sentAt(place));
  }
}

function placeName(row: LedgerRow): string {
  return `${row.account}/${row.accountSeq}`;
}
