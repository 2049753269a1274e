// Messages of several lanes that lie together in the store: a bundle. Of keys that are rarely used a batch has a message or two
// each: a row for each of these messages, and one for each of their lanes, would cost more than all else.
//
//   A bundle's value: for each message: lane · key_seq · length u32 · message-row.ts
//   What it tells, in a row of its own that is read at start-up: for each lane: name · length u32 · lane-row.ts
//
//   BU1. A bundle is written once. Its messages are settled one by one; both its rows go when all of them are: a message that
//        stays, parked for example, keeps some 20 KiB on the disk at most.
//   BU2. Which messages of it are there nobody can tell but their lanes.
//   BU3. A lane to which messages were only added since its row was written is told by the bundle of the newest of them: of two
//        rows of a lane the one with the higher tail is newer, and with the same tail its own. Whatever else happens to a lane,
//        the end of a message above all, writes its own row: what a bundle tells may go with it (BU1).

import { assert } from "./assert.ts";
import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { StoredMessage } from "./command.ts";
import { decodeMessage } from "./message-row.ts";
import type { Bytes } from "./store.ts";

/** What a bundle holds when nothing more is put in, and what a lane has at most in it: with more it has runs of its own. */
export const bundleMax = {
  messages: 32,
  bytes: 16 * 1024,
  ofLane: { messages: 15, bytes: 4 * 1024 },
} as const;

export class Bundle {
  /** Of its queue. Decides nothing, and may be another one on each node. */
  readonly number: number;
  /** Messages that are not settled. */
  live = 0;
  /** Some lane is told by it. */
  tells = false;

  constructor(number: number) {
    this.number = number;
  }
}

/** Of one queue: those of which something is left. */
export class Bundles {
  private readonly all = new Map<number, Bundle>();
  private last = 0;

  create(): Bundle {
    return this.numbered(this.last + 1);
  }

  /** The one with this number, as rows speak of it. */
  numbered(number: number): Bundle {
    let bundle = this.all.get(number);
    if (bundle !== undefined) return bundle;
    bundle = new Bundle(number);
    this.all.set(number, bundle);
    this.last = Math.max(this.last, number);
    return bundle;
  }

  /** A message of it is settled. True: that was its last one. */
  leave(bundle: Bundle): boolean {
    assert(bundle.live > 0, "BU1: a bundle of which nothing is left");
    bundle.live--;
    return bundle.live === 0 && this.all.delete(bundle.number);
  }

  [Symbol.iterator](): Iterator<Bundle> {
    return this.all.values();
  }
}

/** The messages of one lane that lie in bundles. */
export class Bundled {
  /** Ascending. */
  private readonly keySeqs: number[];
  /** Of each of them. */
  private readonly bundles: Bundle[];

  private constructor(keySeq: number, bundle: Bundle) {
    // Of most keys there is one message: an array that grows has room for many.
    this.keySeqs = [keySeq];
    this.bundles = [bundle];
    bundle.live++;
  }

  /** `bundled` undefined: there was none. */
  static with(bundled: Bundled | undefined, keySeq: number, bundle: Bundle): Bundled {
    if (bundled === undefined) return new Bundled(keySeq, bundle);
    assert(keySeq > (bundled.keySeqs.at(-1) ?? 0), "BU1: messages of a lane follow each other");
    bundled.keySeqs.push(keySeq);
    bundled.bundles.push(bundle);
    bundle.live++;
    return bundled;
  }

  get size(): number {
    return this.keySeqs.length;
  }

  of(keySeq: number): Bundle | undefined {
    return this.bundles[this.at(keySeq)];
  }

  /** It is in none from now on. */
  remove(keySeq: number): void {
    const at = this.at(keySeq);
    assert(at >= 0, "BU2: a message that lies in no bundle");
    this.keySeqs.splice(at, 1);
    this.bundles.splice(at, 1);
  }

  all(): readonly number[] {
    return [...this.keySeqs];
  }

  write(writer: ByteWriter): void {
    writer.int(this.keySeqs.length);
    let [keySeq, number] = [0, 0];
    for (const [at, bundle] of this.bundles.entries()) {
      const next = this.keySeqs[at] ?? 0;
      writer.int(next - keySeq);
      // Later messages lie in later bundles.
      writer.int(bundle.number - number);
      [keySeq, number] = [next, bundle.number];
    }
  }

  static read(reader: ByteReader, bundles: Bundles): Bundled | undefined {
    let bundled: Bundled | undefined;
    let [keySeq, number] = [0, 0];
    for (let left = reader.int(); left > 0; left--) {
      keySeq += reader.int();
      number += reader.int();
      bundled = Bundled.with(bundled, keySeq, bundles.numbered(number));
    }
    return bundled;
  }

  /** −1: it is in none. In a deep lane there are many, and what is settled is the first one, or lies in a run before them. */
  private at(keySeq: number): number {
    const { keySeqs } = this;
    let low = 0;
    let high = keySeq <= (keySeqs[0] ?? 0) ? 1 : keySeqs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((keySeqs[middle] ?? 0) < keySeq) low = middle + 1;
      else high = middle;
    }
    return keySeqs[low] === keySeq ? low : -1;
  }
}

export function addToBundle(
  writer: ByteWriter,
  lane: Bytes,
  keySeq: number,
  piece: Uint8Array,
): void {
  writer.byteString(lane);
  writer.int(keySeq);
  writer.raw(piece);
}

/** Finds messages in a bundle's value. */
export class BundleReader {
  readonly value: Uint8Array;
  private readonly heads: readonly Head[];
  /** Behind the one that was found last: they are mostly asked for in the order in which they came. */
  private next = 0;

  constructor(value: Uint8Array) {
    this.value = value;
    this.heads = [...headsOf(value)];
  }

  /** undefined: the bundle never had this one. The content is a view into the value. */
  message(lane: Bytes, keySeq: number): StoredMessage | undefined {
    const { heads, value } = this;
    for (let tried = 0; tried < heads.length; tried++) {
      if (this.next >= heads.length) this.next = 0;
      const head = heads[this.next++];
      if (head?.keySeq !== keySeq || head.lane !== lane) continue;
      return decodeMessage(value.subarray(head.offset, head.offset + head.length));
    }
    return undefined;
  }
}

interface Head {
  readonly lane: Bytes;
  readonly keySeq: number;
  readonly offset: number;
  readonly length: number;
}

/** Where each message of a bundle is. */
export function* headsOf(value: Uint8Array): Generator<Head> {
  const reader = new ByteReader(value);
  while (!reader.done) {
    const lane = reader.byteString();
    const keySeq = reader.int();
    const length = reader.u32();
    yield { lane, keySeq, offset: reader.offset, length };
    reader.pass(length);
  }
}

/** What a bundle tells: rows of lanes. */
export function* lanesTold(value: Uint8Array): Generator<readonly [lane: Bytes, row: Uint8Array]> {
  const reader = new ByteReader(value);
  while (!reader.done) {
    const lane = reader.byteString();
    yield [lane, reader.raw(reader.u32())];
  }
}
