// Rows of histories on their way to the store, by message. Nothing of the sort is read by apply, so nothing else is known of them
// here (write-behind.ts keeps what is): one may be dropped in O(1), however many are pending.
//   W8. What is dropped is deleted before anything else of its batch is put: events of a message that came back later stay.

import { gaps, historyRow, under } from "./keys.ts";
import type { KeyRange } from "./keys.ts";
import type { Bytes, Row, Write } from "./store.ts";

/** What a waiting row costs besides its value. */
const rowBytes = 120;

interface Events {
  readonly rows: Row[];
  /** Of the newest: events of one entry are told apart by an ordinal. */
  index: number;
  ordinal: number;
}

interface Layer {
  readonly messages: Map<Bytes, Events>;
  readonly dropped: KeyRange[];
  bytes: number;
}

function empty(): Layer {
  return { messages: new Map(), dropped: [], bytes: 0 };
}

export class HistoryRows {
  private pending = empty();
  private taken: Layer | undefined = undefined;

  get bytes(): number {
    return this.pending.bytes + (this.taken?.bytes ?? 0);
  }

  /** `message`: historyPrefix of it. */
  add(message: Bytes, index: number, value: Uint8Array): void {
    const { messages } = this.pending;
    let events = messages.get(message);
    if (events === undefined) {
      events = { rows: [], index, ordinal: -1 };
      messages.set(message, events);
    }
    events.ordinal = events.index === index ? events.ordinal + 1 : 0;
    events.index = index;
    events.rows.push({ key: historyRow(message, index, events.ordinal), value });
    this.pending.bytes += rowBytes + value.length;
  }

  /** Everything of one message. */
  drop(message: Bytes): void {
    this.pending.messages.delete(message);
    // What is being written now is deleted by the batch after it.
    this.taken?.messages.delete(message);
    this.deleteRange(under(message));
  }

  /** Everything of many messages: of all in a range but these, which are sorted. */
  dropAllBut(range: KeyRange, kept: readonly Bytes[]): void {
    const spared = new Set(kept);
    for (const layer of [this.taken, this.pending]) {
      for (const message of layer?.messages.keys() ?? []) {
        const inside = message >= range.from && message < range.to;
        if (inside && !spared.has(message)) layer?.messages.delete(message);
      }
    }
    for (const gap of gaps(range, kept)) this.deleteRange(gap);
  }

  /** Rows of one message that the store may not have yet, oldest first. */
  rowsOf(message: Bytes): readonly Row[] {
    const [taken, pending] = [
      this.taken?.messages.get(message),
      this.pending.messages.get(message),
    ];
    return [...(taken?.rows ?? []), ...(pending?.rows ?? [])];
  }

  take(into: Write[]): void {
    const { messages, dropped } = this.pending;
    for (const range of dropped) into.push({ kind: "delete-range", ...range });
    for (const { rows } of messages.values()) {
      for (const row of rows) into.push({ kind: "put", ...row });
    }
    this.taken = this.pending;
    this.pending = empty();
  }

  stored(): void {
    this.taken = undefined;
  }

  private deleteRange(range: KeyRange): void {
    this.pending.dropped.push(range);
    this.pending.bytes += rowBytes;
  }
}
