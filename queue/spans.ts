// A set of whole numbers as sorted runs: what is left out of a lane, or held back in it. Empty sets are not kept at all.
//   D1. Runs are sorted, and neither touch nor overlap.

import { assert } from "./assert.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

interface Span {
  /** Both included. */
  from: number;
  to: number;
}

export class Spans {
  private readonly spans: Span[] = [];
  /** Numbers in the set. */
  size = 0;

  /** Runs: what it costs. */
  get count(): number {
    return this.spans.length;
  }

  get first(): number | undefined {
    return this.spans[0]?.from;
  }

  get last(): number | undefined {
    return this.spans.at(-1)?.to;
  }

  has(value: number): boolean {
    const span = this.spans[this.at(value)];
    return span !== undefined && span.from <= value;
  }

  /** Whether adding this number makes one run more. */
  grows(value: number): boolean {
    const at = this.at(value);
    const [before, after] = [this.spans[at - 1], this.spans[at]];
    return before?.to !== value - 1 && !(after !== undefined && after.from <= value + 1);
  }

  /** It must not be there yet. */
  add(value: number): void {
    const at = this.at(value);
    const [before, after] = [this.spans[at - 1], this.spans[at]];
    assert(after === undefined || after.from > value, "D1: added twice");
    this.size++;
    const joins = after?.from === value + 1;
    if (before?.to === value - 1) {
      before.to = joins ? after.to : value;
      if (joins) this.spans.splice(at, 1);
    } else if (joins) {
      after.from = value;
    } else {
      this.spans.splice(at, 0, { from: value, to: value });
    }
  }

  /** Whether it was there. */
  delete(value: number): boolean {
    const at = this.at(value);
    const span = this.spans[at];
    if (span === undefined || span.from > value) return false;
    this.size--;
    const rest: Span[] = [];
    if (span.from < value) rest.push({ from: span.from, to: value - 1 });
    if (span.to > value) rest.push({ from: value + 1, to: span.to });
    this.spans.splice(at, 1, ...rest);
    return true;
  }

  /** Takes out the first run if it begins here, and returns the number behind it. */
  passFrom(value: number): number {
    const span = this.spans[0];
    if (span?.from !== value) return value;
    this.spans.shift();
    this.size -= span.to - span.from + 1;
    return span.to + 1;
  }

  *values(): Generator<number> {
    for (const { from, to } of this.spans) for (let at = from; at <= to; at++) yield at;
  }

  write(writer: ByteWriter): void {
    writer.int(this.spans.length);
    let last = 0;
    for (const { from, to } of this.spans) {
      writer.int(from - last);
      writer.int(to - from);
      last = to;
    }
  }

  static read(reader: ByteReader): Spans {
    const spans = new Spans();
    let last = 0;
    for (let left = reader.int(); left > 0; left--) {
      const from = last + reader.int();
      last = from + reader.int();
      spans.spans.push({ from, to: last });
      spans.size += last - from + 1;
    }
    return spans;
  }

  /** Index of the first run that ends at this number or behind it. */
  private at(value: number): number {
    let [low, high] = [0, this.spans.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.spans[middle]?.to ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Adds to a set that may not be there. */
export function withValue(spans: Spans | undefined, value: number): Spans {
  const set = spans ?? new Spans();
  set.add(value);
  return set;
}

/** Whether the set may get this number without more than `spansMax` runs. */
export function hasRoomFor(spans: Spans | undefined, value: number, spansMax: number): boolean {
  return spans === undefined ? spansMax > 0 : spans.count < spansMax || !spans.grows(value);
}
