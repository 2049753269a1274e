// Protobuf's wire format by hand, for the two frames of the stream: objects of protobufjs cost more there than everything
// else that a message goes through. Bytes are standard protobuf, so any generated code can be the other side.
//
//   W1. Whatever the bytes, a Reader returns or throws MalformedFrame; it reads nothing outside [pos, end).
//   W2. An int64 up to 2^53 is exact; beyond, it is the nearest double: never a small number, and negative if it was negative.
//   W3. A Writer's finished bytes are never written again: gRPC may still hold them.

import { isUtf8 } from "node:buffer";

/** The other side sent bytes that are not the protobuf message expected here. */
export class MalformedFrame extends Error {
  override readonly name = "MalformedFrame";
}

/** Elements of one repeated field: far above any honest frame, and keeps 2-byte elements from becoming gigabytes of objects. */
export const repeatedMax = 65_536;

/** Groups (a relic of proto2) may be nested in an unknown field; deeper than this is an attack. */
const groupDepthMax = 32;

const noBytes = Buffer.alloc(0);
const two28 = 268_435_456;
const two56 = two28 * two28;

/** Reads one message, and the messages in it: `enter`, read until `tag()` is 0, `leave`. */
export class Reader {
  readonly #bytes: Buffer;
  #pos = 0;
  #end: number;
  // A frame names few queues, many times: the last one is compared instead of made again.
  #lastName = "";

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
  }

  /** The next field as `number << 3 | type`; 0 at the end of the message. */
  tag(): number {
    const pos = this.#pos;
    if (pos === this.#end) return 0;
    const first = this.#bytes[pos] as number;
    if (first < 0x80) {
      if (first < 8) throw new MalformedFrame("field number 0");
      this.#pos = pos + 1;
      return first;
    }
    const tag = this.varint();
    if (tag < 8 || tag > 0xffff_ffff) throw new MalformedFrame("field number out of range");
    return tag;
  }

  varint(): number {
    const bytes = this.#bytes;
    let pos = this.#pos;
    const available = this.#end - pos;
    if (available > 0) {
      const byte = bytes[pos] as number;
      if (byte < 0x80) {
        this.#pos = pos + 1;
        return byte;
      }
    }
    // 28 + 28 + 8 bits: each part is a small integer.
    let low = 0;
    let middle = 0;
    let high = 0;
    const last = available < 10 ? available : 10;
    for (let i = 0; i < last; i++) {
      const byte = bytes[pos++] as number;
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << (7 * i);
      else if (i < 8) middle |= bits << (7 * (i - 4));
      else high |= bits << (7 * (i - 8));
      if (byte < 0x80) {
        this.#pos = pos;
        if (high === 0) return middle * two28 + low;
        return signed(low, middle, high & 0xff);
      }
    }
    throw new MalformedFrame(available < 10 ? "truncated number" : "number of more than 10 bytes");
  }

  /** An int32: 64 bits on the wire, of which the low 32 count. */
  int32(): number {
    const value = this.varint();
    if (value >= -0x8000_0000 && value <= 0x7fff_ffff) return value;
    return Number(BigInt.asIntN(32, BigInt(value)));
  }

  boolean(): boolean {
    return this.varint() !== 0;
  }

  /** A view into the frame: no copy, and it keeps the whole frame in memory. */
  bytes(): Uint8Array {
    const start = this.#length();
    if (start === this.#pos) return noBytes;
    return this.#bytes.subarray(start, this.#pos);
  }

  /** A `string` field as JavaScript text. */
  text(): string {
    const start = this.#length();
    if (start === this.#pos) return "";
    this.#checkUtf8(start);
    return this.#bytes.toString("utf8", start, this.#pos);
  }

  /** A `string` field as its UTF-8 bytes, one char per byte. */
  byteString(): string {
    const start = this.#length();
    if (start === this.#pos) return "";
    this.#checkUtf8(start);
    return this.#bytes.toString("latin1", start, this.#pos);
  }

  /** A `string` field that repeats from message to message: a queue's name. */
  name(): string {
    const start = this.#length();
    const end = this.#pos;
    const last = this.#lastName;
    if (end - start === last.length) {
      let i = 0;
      // Equal units below 0x80 are equal text; others never match a unit of `last` byte by byte and take the slow way.
      while (
        i < last.length &&
        last.charCodeAt(i) === this.#bytes[start + i] &&
        last.charCodeAt(i) < 0x80
      )
        i++;
      if (i === last.length) return last;
    }
    this.#checkUtf8(start);
    this.#lastName = this.#bytes.toString("utf8", start, end);
    return this.#lastName;
  }

  /** Goes into a nested message; returns what `leave` needs. */
  enter(): number {
    const outer = this.#end;
    const start = this.#length();
    this.#end = this.#pos;
    this.#pos = start;
    return outer;
  }

  leave(outer: number): void {
    this.#pos = this.#end;
    this.#end = outer;
  }

  /** Jumps over a field that this version does not know, or knows with another type. */
  skip(tag: number): void {
    let depth = 0;
    let current = tag;
    for (;;) {
      switch (current & 7) {
        case 0:
          this.varint();
          break;
        case 1:
          this.#advance(8);
          break;
        case 2:
          this.#length();
          break;
        case 3:
          if (++depth > groupDepthMax) throw new MalformedFrame("groups nested too deeply");
          break;
        case 4:
          if (--depth < 0) throw new MalformedFrame("end of a group that was not opened");
          break;
        case 5:
          this.#advance(4);
          break;
        default:
          throw new MalformedFrame(`unknown wire type ${current & 7}`);
      }
      if (depth === 0) return;
      current = this.tag();
      if (current === 0) throw new MalformedFrame("truncated group");
    }
  }

  /** Reads a length, moves behind that many bytes, returns where they start. */
  #length(): number {
    const length = this.varint();
    const start = this.#pos;
    if (length < 0 || length > this.#end - start)
      throw new MalformedFrame("a length beyond its message");
    this.#pos = start + length;
    return start;
  }

  #advance(count: number): void {
    if (count > this.#end - this.#pos) throw new MalformedFrame("truncated field");
    this.#pos += count;
  }

  // Proto3 strings are UTF-8. Let through here, other languages' clients could not parse the message that carries it on.
  #checkUtf8(start: number): void {
    const bytes = this.#bytes;
    for (let i = start; i < this.#pos; i++) {
      if ((bytes[i] as number) >= 0x80) {
        if (!isUtf8(bytes.subarray(start, this.#pos)))
          throw new MalformedFrame("a string that is not UTF-8");
        return;
      }
    }
  }
}

/** The 64-bit two's complement number `high:middle:low` (8, 28 and 28 bits). */
function signed(low: number, middle: number, high: number): number {
  if (high < 0x80) return high * two56 + middle * two28 + low;
  // -(~x + 1), part by part, so that small negative numbers stay exact.
  return -((0xff - high) * two56 + (two28 - 1 - middle) * two28 + (two28 - 1 - low) + 1);
}

/** Bytes that `Writer.varint` will take. */
export function varintSize(value: number): number {
  if (value < 0x80) return value < 0 ? 10 : 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < two28) return 4;
  let size = 4;
  for (let rest = Math.floor(value / two28); rest > 0; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Size of a length-delimited field with a one-byte tag. */
export function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** Size of a number field with a one-byte tag; proto3 leaves out what is 0. */
export function numberSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

/** Size of a number field with a two-byte tag: numbers of 16 and above. */
export function wideNumberSize(value: number): number {
  return value === 0 ? 0 : 2 + varintSize(value);
}

/** Size of a string field with a one-byte tag, given its length in bytes; proto3 leaves out what is empty. */
export function stringSize(length: number): number {
  return length === 0 ? 0 : fieldSize(length);
}

/** Length in UTF-8. Most strings are short ASCII, where asking the runtime costs more than looking. */
export function utf8Length(text: string): number {
  const length = text.length;
  if (length > 64) return Buffer.byteLength(text);
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) >= 0x80) return Buffer.byteLength(text);
  return length;
}

/** Frames are cut from slabs of this size (bytes): one allocation for many frames, none of them copied. */
const slabBytes = 65_536;
/** Below this a slab's rest is not worth starting a frame in. */
const slabRestBytes = 1_024;

/** Writes messages whose sizes are known beforehand: `ensure` the size once, then write without checks. */
export class Writer {
  #buffer: Buffer;
  #start = 0;
  #pos = 0;

  /** @param first where to write first: of exact size for a single message. */
  constructor(first = Buffer.allocUnsafeSlow(slabBytes)) {
    this.#buffer = first;
  }

  /** Bytes written since the last `take`. */
  get size(): number {
    return this.#pos - this.#start;
  }

  /** Room for `count` more bytes. */
  ensure(count: number): void {
    if (this.#pos + count <= this.#buffer.length) return;
    const used = this.size;
    const next = Buffer.allocUnsafeSlow(Math.max(slabBytes, 2 * (used + count)));
    this.#buffer.copy(next, 0, this.#start, this.#pos);
    this.#buffer = next;
    this.#start = 0;
    this.#pos = used;
  }

  /** What was written, when it is the only message of this writer. */
  only(): Buffer {
    return this.#buffer.subarray(this.#start, this.#pos);
  }

  /** What was written; the writer starts anew behind it. */
  take(): Buffer {
    const taken = this.#buffer.subarray(this.#start, this.#pos);
    this.#start = this.#pos;
    if (this.#buffer.length - this.#pos < slabRestBytes) {
      this.#buffer = Buffer.allocUnsafeSlow(slabBytes);
      this.#start = 0;
      this.#pos = 0;
    }
    return taken;
  }

  byte(value: number): void {
    this.#buffer[this.#pos++] = value;
  }

  varint(value: number): void {
    const buffer = this.#buffer;
    let pos = this.#pos;
    let rest = value;
    if (rest < 0) {
      let big = BigInt.asUintN(64, BigInt(value));
      for (; big > 0x7fn; big >>= 7n) buffer[pos++] = Number(big & 0x7fn) | 0x80;
      buffer[pos++] = Number(big);
      this.#pos = pos;
      return;
    }
    while (rest > 0x7fff_ffff) {
      buffer[pos++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      buffer[pos++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[pos++] = rest;
    this.#pos = pos;
  }

  /** A number field; nothing when it is 0. */
  number(tag: number, value: number): void {
    if (value === 0) return;
    this.#buffer[this.#pos++] = tag;
    this.varint(value);
  }

  /** A number field with a two-byte tag. */
  wideNumber(tag: number, value: number): void {
    if (value === 0) return;
    this.varint(tag);
    this.varint(value);
  }

  /** The head of a length-delimited field. */
  head(tag: number, length: number): void {
    this.#buffer[this.#pos++] = tag;
    this.varint(length);
  }

  /** A string field of JavaScript text, whose UTF-8 length is known; nothing when it is empty. */
  text(tag: number, text: string, length: number): void {
    if (length === 0) return;
    this.head(tag, length);
    this.utf8(text, length);
  }

  /** A string field given as its UTF-8 bytes, one char per byte; nothing when it is empty. */
  byteString(tag: number, bytes: string): void {
    const length = bytes.length;
    if (length === 0) return;
    this.head(tag, length);
    this.#latin1(bytes, length);
  }

  /** Text without a head. */
  utf8(text: string, length: number): void {
    // Equal lengths: all of it is ASCII.
    if (length === text.length) this.#latin1(text, length);
    else this.#pos += this.#buffer.write(text, this.#pos, length, "utf8");
  }

  /** A bytes or message field that is already encoded; written also when it is empty. */
  bytes(tag: number, bytes: Uint8Array): void {
    this.head(tag, bytes.length);
    this.raw(bytes);
  }

  raw(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#pos);
    this.#pos += bytes.length;
  }

  #latin1(text: string, length: number): void {
    if (length > 32) {
      this.#pos += this.#buffer.write(text, this.#pos, length, "latin1");
      return;
    }
    const buffer = this.#buffer;
    let pos = this.#pos;
    for (let i = 0; i < length; i++) buffer[pos++] = text.charCodeAt(i);
    this.#pos = pos;
  }
}
