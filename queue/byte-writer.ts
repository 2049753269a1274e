// Bytes, one value after the other. Used for log entries and for rows; grows as needed; cut() hands out what was written
// since the last cut without copying it.

import { assert } from "./assert.ts";
import type { Bytes } from "./store.ts";

export class ByteWriter {
  private bytes: Uint8Array;
  private view: DataView;
  private start = 0;
  private at = 0;

  constructor(capacityBytes: number) {
    this.bytes = new Uint8Array(Math.max(64, capacityBytes));
    this.view = new DataView(this.bytes.buffer);
  }

  /** Bytes written since the last cut. */
  get length(): number {
    return this.at - this.start;
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.at++] = value;
  }

  u16(value: number): void {
    this.reserve(2);
    this.view.setUint16(this.at, value);
    this.at += 2;
  }

  u32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.at, value);
    this.at += 4;
  }

  f64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.at, value);
    this.at += 8;
  }

  /** A whole number from 0 to 2^53 - 1, seven bits to a byte, the lowest first. */
  int(value: number): void {
    this.reserve(8);
    const bytes = this.bytes;
    let at = this.at;
    let rest = value;
    if (rest > 0x7fff_ffff || !(rest >= 0) || (rest | 0) !== rest) {
      assert(Number.isSafeInteger(rest) && rest >= 0, "a number that cannot be written");
      while (rest > 0x7fff_ffff) {
        bytes[at++] = (rest % 128) | 0x80;
        rest = Math.floor(rest / 128);
      }
    }
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.at = at;
  }

  byteString(value: Bytes): void {
    const length = value.length;
    this.int(length);
    this.reserve(length);
    const bytes = this.bytes;
    const at = this.at;
    let seen = 0;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      seen |= unit;
      bytes[at + i] = unit;
    }
    assert(seen <= 0xff, "a byte string with something that is not a byte");
    this.at = at + length;
  }

  /** Any string, lone surrogates included: one byte a unit when all units fit, else two. */
  text(value: string): void {
    const length = value.length;
    let seen = 0;
    for (let i = 0; i < length; i++) seen |= value.charCodeAt(i);
    const wide = seen > 0xff;
    this.int(length * 2 + (wide ? 1 : 0));
    this.reserve(length * 2);
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (wide) this.bytes[this.at++] = unit >>> 8;
      this.bytes[this.at++] = unit & 0xff;
    }
  }

  raw(value: Uint8Array): void {
    this.reserve(value.length);
    this.bytes.set(value, this.at);
    this.at += value.length;
  }

  blob(value: Uint8Array): void {
    this.int(value.length);
    this.raw(value);
  }

  /** Leaves room for a u32 and says where, for patchLength. */
  lengthMark(): number {
    this.reserve(4);
    this.at += 4;
    return this.length;
  }

  /** Writes the number of bytes written since the mark into the room left before it. */
  patchLength(mark: number): void {
    this.view.setUint32(this.start + mark - 4, this.length - mark);
  }

  /** What was written since the last cut: a view that stays valid and unchanged. */
  cut(): Uint8Array {
    const piece = this.bytes.subarray(this.start, this.at);
    this.start = this.at;
    return piece;
  }

  /** What was written between two offsets: a view that stays valid and unchanged, if nothing there is patched. */
  written(from: number, to: number): Uint8Array {
    return this.bytes.subarray(this.start + from, this.start + to);
  }

  u32At(offset: number): number {
    return this.view.getUint32(this.start + offset);
  }

  /** Forgets what was written behind the first `length` bytes since the last cut. */
  rewind(length: number): void {
    assert(length <= this.length, "nothing is forgotten that was not written");
    this.at = this.start + length;
  }

  private reserve(count: number): void {
    if (this.at + count > this.bytes.length) this.grow(count);
  }

  private grow(count: number): void {
    const length = this.length;
    const bytes = new Uint8Array(Math.max(this.bytes.length, 2 * (length + count)));
    bytes.set(this.bytes.subarray(this.start, this.at));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
    this.start = 0;
    this.at = length;
  }
}
