// Reading a queue of any size for people: pages of keys and of messages.
//   Y1. The event loop is given back every few milliseconds, however many keys there are.
//   Y2. An answer has a bounded number of elements, and of bytes (R11).

import { decodeHistoryEvent, First, keySeqInLane } from "../queue/index.ts";
import type { Bytes, HistoryEvent, KeyView, Machine, MessageRef } from "../queue/index.ts";
import type { MessageView, QueueView, StoredMessage } from "../queue/index.ts";
import type { Bodies } from "./bodies.ts";
import type { Clock } from "./clock.ts";

/** Longest slice of the event loop at once. */
const sliceMs = 3;
/** Elements between two looks at the clock. */
const elementsPerLook = 512;
/** Content bytes of one answer; one message is always given. */
const answerBytesMax = 4 * 1024 * 1024;
/** Messages read at once: at first, and at most. */
const readAtOnce = { first: 4, max: 64 } as const;

/** Of one message's history: the last ones. */
const historyEventsMax = 1_000;

/** Where a page of messages ended: the next one begins behind it. */
export interface Place {
  readonly lane: Bytes;
  /** As it is given outside. */
  readonly keySeq: number;
}

export interface LoadedMessage {
  readonly at: MessageView;
  readonly message: StoredMessage;
}

export class Browser {
  readonly #clock: Clock;
  readonly #bodies: Bodies;
  readonly #view: QueueView;

  constructor(clock: Clock, bodies: Bodies, view: QueueView) {
    this.#clock = clock;
    this.#bodies = bodies;
    this.#view = view;
  }

  // ---------------------------------------------------------------- messages

  /** Messages behind `after`, in the order of keys, then of key_seq; `only`: of this key. `next` undefined: that was all. */
  async messages(
    after: Place | undefined,
    only: Bytes | undefined,
    limit: number,
  ): Promise<{ readonly messages: readonly LoadedMessage[]; readonly next: Place | undefined }> {
    // One more than wanted tells whether there is a next page.
    const places = await this.#places(after, this.#view.isByKey ? only : undefined, limit + 1);
    const end = Math.min(places.length, limit);
    const messages: LoadedMessage[] = [];
    let bytes = 0;
    let atOnce: number = readAtOnce.first;
    let last: Place | undefined;
    for (let start = 0; start < end;) {
      const some = places.slice(start, Math.min(start + atOnce, end));
      const bodies = await this.#bodies.messages(some);
      for (const [i, at] of some.entries()) {
        const message = bodies[i];
        // Settled meanwhile, or of another key in a queue whose keys mean nothing.
        if (message === undefined || (only !== undefined && message.key !== only)) continue;
        if (messages.length > 0 && bytes + message.content.length > answerBytesMax)
          return { messages, next: last };
        bytes += message.content.length;
        messages.push({ at, message });
        last = at;
      }
      start += some.length;
      // The next ones are probably as large.
      const mean = bytes / start + 1;
      atOnce = Math.max(1, Math.min(readAtOnce.max, Math.floor(answerBytesMax / 4 / mean)));
    }
    return { messages, next: places.length > limit ? places[limit - 1] : undefined };
  }

  async #places(
    after: Place | undefined,
    only: Bytes | undefined,
    limit: number,
  ): Promise<MessageView[]> {
    const view = this.#view;
    const start = after === undefined ? undefined : view.laneOf(after.lane, after.keySeq);
    // Each of them has a message: more lanes than messages are not needed.
    const lanes = new First<Bytes>((a, b) => (a < b ? -1 : 1), limit + 1);
    await this.#each(only === undefined ? view.lanes() : [only], (lane) => {
      if (start === undefined || lane >= start) lanes.offer(lane, lane);
    });
    const places: MessageView[] = [];
    for (const lane of lanes.taken()) {
      const behind = lane === start && after !== undefined ? keySeqInLane(after.keySeq) : 0;
      const room = limit - places.length;
      places.push(
        ...(view.messages(lane, behind, room) ?? (await this.#delayed(lane, behind, room))),
      );
      if (places.length >= limit) break;
    }
    return places;
  }

  /** Of a lane whose messages are known by their rows only. */
  async #delayed(lane: Bytes, behind: number, limit: number): Promise<MessageView[]> {
    const { range, changes } = this.#view.rowsOf(lane, behind);
    const gone = [...changes.values()].filter((isThere) => !isThere).length;
    const rows = new Set<Bytes>();
    const stored = await this.#bodies.rows(range, limit + gone);
    for (const { key } of stored) if (changes.get(key) !== false) rows.add(key);
    for (const [row, isThere] of changes) if (isThere) rows.add(row);
    const found: MessageView[] = [];
    for (const row of [...rows].sort()) {
      if (found.length === limit) break;
      const at = this.#view.atRow(row);
      if (at !== undefined) found.push(at);
    }
    return found;
  }

  /** One message; undefined: it is settled, or never was. */
  async message(lane: Bytes, keySeq: number): Promise<LoadedMessage | undefined> {
    const at = this.#view.at(this.#view.laneOf(lane, keySeq), keySeqInLane(keySeq));
    if (at === undefined) return undefined;
    const [message] = await this.#bodies.messages([at]);
    return message === undefined ? undefined : { at, message };
  }

  /** What happened to a message, in order: the last ones. */
  async history(machine: Machine, ref: MessageRef): Promise<readonly HistoryEvent[]> {
    const range = machine.historyRange(ref);
    if (range === undefined) return [];
    const rows = new Map<Bytes, Uint8Array>();
    for (const { key, value } of machine.pendingHistory(ref)) rows.set(key, value);
    for (const { key, value } of await this.#bodies.rows(range, historyEventsMax, true))
      rows.set(key, value);
    return [...rows]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(-historyEventsMax)
      .map(([row, value]) => decodeHistoryEvent(row, value));
  }

  // ---------------------------------------------------------------- keys

  /** The first keys that are wanted, by name or by their backlog. */
  async keys(
    wanted: (key: KeyView) => boolean,
    order: "name" | "backlog",
    limit: number,
  ): Promise<{ readonly keys: readonly KeyView[]; readonly isAll: boolean }> {
    const view = this.#view;
    const byName = (a: KeyView, b: KeyView): number => (a.lane < b.lane ? -1 : 1);
    const compare =
      order === "name"
        ? byName
        : (a: KeyView, b: KeyView): number => b.messages - a.messages || byName(a, b);
    let pausedHere = 0;
    const first = new First(compare, limit + 1);
    await this.#each(view.keys(), (key) => {
      if (key.paused) pausedHere += 1;
      if (wanted(key)) first.offer(key.lane, key);
    });
    if (pausedHere < view.pausedKeys) {
      await this.#bodies.eachRow(view.keyRows, ({ key: row, value }) => {
        const key = view.pausedKey(row, value);
        if (key !== undefined && wanted(key)) first.offer(key.lane, key);
      });
    }
    const keys = first.taken();
    return { keys: keys.slice(0, limit), isAll: keys.length <= limit };
  }

  /** Y1. */
  async #each<T>(all: Iterable<T>, visit: (one: T) => void): Promise<void> {
    let end = this.#clock.monotonicMs() + sliceMs;
    let count = 0;
    for (const one of all) {
      visit(one);
      count += 1;
      if (count % elementsPerLook !== 0 || this.#clock.monotonicMs() < end) continue;
      await new Promise<void>((resolve) => this.#clock.soon(resolve));
      end = this.#clock.monotonicMs() + sliceMs;
    }
  }
}
