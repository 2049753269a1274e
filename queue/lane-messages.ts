// Where the messages of one lane lie (messages.ts MS1).

import { assert } from "./assert.ts";
import type { Bundled } from "./bundle.ts";
import type { StoredMessage } from "./command.ts";
import type { ArenaPlace, MessageArena } from "./message-arena.ts";
import { runMax, type Runs } from "./message-run.ts";
import type { Spans } from "./spans.ts";

/** In place of one that was settled. */
const hole: ArenaPlace = -1;

/** What goes into one run. */
export interface Cut {
  readonly arena: MessageArena;
  readonly keySeqs: number[];
  /** Of each of them. */
  readonly places: ArenaPlace[];
}

/** Messages of one lane that came one after the other; those that are settled have left holes. */
export class Fresh {
  readonly arena: MessageArena;
  /** key_seq of the first place. */
  first: number;
  private places: ArenaPlace[] = [];
  /** Places that are in use, and those before which are holes only. */
  private used = 0;
  private head = 0;
  live = 0;

  constructor(arena: MessageArena, first: number) {
    this.arena = arena;
    this.first = first;
  }

  push(keySeq: number, message: StoredMessage): void {
    if (this.live === 0) {
      this.first = keySeq;
      this.used = 0;
      this.head = 0;
    }
    assert(keySeq === this.first + this.used, "MS2: a message comes in out of order");
    const place = this.arena.add(message);
    // Of most keys there is one message: an array that grows has room for many.
    if (this.used === 0) this.places = [place];
    else this.places[this.used] = place;
    this.used++;
    this.live++;
  }

  has(keySeq: number): boolean {
    return this.placeOf(keySeq) !== hole;
  }

  at(keySeq: number): StoredMessage | undefined {
    const place = this.placeOf(keySeq);
    return place === hole ? undefined : this.arena.message(place);
  }

  leave(keySeq: number): void {
    assert(this.has(keySeq), "MS1: a message that is there lies nowhere");
    this.places[keySeq - this.first] = hole;
    this.live--;
    while (this.head < this.used && this.places[this.head] === hole) this.head++;
    if (this.head >= 1024 && this.head * 2 > this.used) {
      this.places = this.places.slice(this.head, this.used);
      this.first += this.head;
      this.used -= this.head;
      this.head = 0;
    }
  }

  /** Those that are there. */
  forEach(visit: (keySeq: number, place: ArenaPlace) => void): void {
    for (let at = this.head; at < this.used; at++) {
      const place = this.places[at] ?? hole;
      if (place !== hole) visit(this.first + at, place);
    }
  }

  keySeqs(): number[] {
    const all: number[] = [];
    this.forEach((keySeq) => all.push(keySeq));
    return all;
  }

  /** Of those that are there, as they will lie in the store. */
  bytes(): number {
    let bytes = 0;
    this.forEach((_, place) => (bytes += this.arena.pieceBytes(place)));
    return bytes;
  }

  /** Those that are there, cut into runs. */
  *runs(): Generator<Cut> {
    const { arena } = this;
    let cut: Cut = { arena, keySeqs: [], places: [] };
    let bytes = 0;
    for (let at = this.head; at < this.used; at++) {
      const place = this.places[at] ?? hole;
      if (place === hole) continue;
      const length = arena.pieceBytes(place);
      if (cut.places.length === runMax.messages || bytes + length > runMax.bytes) {
        if (bytes > 0) yield cut;
        cut = { arena, keySeqs: [], places: [] };
        bytes = 0;
      }
      cut.keySeqs.push(this.first + at);
      cut.places.push(place);
      bytes += length;
    }
    if (bytes > 0) yield cut;
  }

  private placeOf(keySeq: number): ArenaPlace {
    const at = keySeq - this.first;
    return at >= 0 && at < this.used ? (this.places[at] ?? hole) : hole;
  }
}

/** Of one lane. */
export class LaneMessages {
  fresh: Fresh | undefined = undefined;
  /** In the batch that is being written; in runs or bundles already. */
  taken: Fresh | undefined = undefined;
  bundled: Bundled | undefined = undefined;
  runs: Runs | undefined = undefined;
  alone: Spans | undefined = undefined;
  /** Among the lanes that the next batch looks at. */
  listed = false;

  get isEmpty(): boolean {
    const { fresh, taken, bundled, runs, alone } = this;
    const isInStore = bundled !== undefined || runs !== undefined || alone !== undefined;
    return fresh === undefined && taken === undefined && !isInStore;
  }
}
