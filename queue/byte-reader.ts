// The other half of byte-writer.ts. Anything short, long or out of range throws: bytes reach this point only after their
// checksum was verified, so what cannot be read was written by other rules (G5).

import type { Bytes } from "./store.ts";

export class ByteReader {
  private readonly bytes: Uint8Array;
  /** Made when it is needed: most of what is read is read byte by byte. */
  private made: DataView | undefined = undefined;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  private get view(): DataView {
    const { buffer, byteOffset, byteLength } = this.bytes;
    return (this.made ??= new DataView(buffer, byteOffset, byteLength));
  }

  get offset(): number {
    return this.at;
  }

  get done(): boolean {
    return this.at === this.bytes.length;
  }

  u8(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw truncated();
    return value;
  }

  u16(): number {
    this.at += 2;
    return this.view.getUint16(this.at - 2);
  }

  u32(): number {
    const { bytes } = this;
    const from = this.take(4);
    const low = ((bytes[from + 1] ?? 0) << 16) | ((bytes[from + 2] ?? 0) << 8);
    return (bytes[from] ?? 0) * 0x1000000 + (low | (bytes[from + 3] ?? 0));
  }

  f64(): number {
    this.at += 8;
    return this.view.getFloat64(this.at - 8);
  }

  int(): number {
    let byte = this.u8();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let scale = 128;
    do {
      byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
    } while (byte >= 0x80);
    if (value > Number.MAX_SAFE_INTEGER) throw new Error("queue: a number beyond 2^53");
    return value;
  }

  byteString(): Bytes {
    return this.narrow(this.int());
  }

  text(): string {
    const header = this.int();
    const length = Math.floor(header / 2);
    if (header % 2 === 0) return this.narrow(length);
    let text = "";
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.u16());
    return text;
  }

  /** The next bytes themselves, not a copy. */
  raw(length: number): Uint8Array {
    const from = this.take(length);
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + from, length);
  }

  /** Jumps over bytes. */
  pass(length: number): void {
    this.take(length);
  }

  blob(): Uint8Array {
    return this.raw(this.int());
  }

  /** Everything up to the end. */
  rest(): Uint8Array {
    return this.raw(this.bytes.length - this.at);
  }

  private narrow(length: number): string {
    return decodeNarrow(this.bytes, this.take(length), length);
  }

  private take(length: number): number {
    const from = this.at;
    if (length > this.bytes.length - from) throw truncated();
    this.at = from + length;
    return from;
  }
}

function truncated(): Error {
  return new Error("queue: bytes end in the middle of a value");
}

// Names of queues and keys come again and again. A string that was made before is found by its bytes: no allocation, and
// its hash is already known to every Map. A cache: what it returns does not depend on what is in it.
const internedLengthMax = 64;
const interned: string[] = new Array<string>(8192).fill("");

function decodeNarrow(bytes: Uint8Array, from: number, length: number): string {
  if (length === 0) return "";
  if (length > internedLengthMax) return longNarrow(bytes, from, length);
  let hash = length;
  for (let i = from; i < from + length; i++) hash = (Math.imul(hash, 31) + (bytes[i] ?? 0)) | 0;
  const slot = (hash ^ (hash >>> 13)) & 8191;
  const candidate = interned[slot] ?? "";
  if (candidate.length === length && sameUnits(candidate, bytes, from)) return candidate;
  const made = unitsOf(bytes.subarray(from, from + length));
  interned[slot] = made;
  return made;
}

function sameUnits(text: string, bytes: Uint8Array, from: number): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== bytes[from + i]) return false;
  }
  return true;
}

function longNarrow(bytes: Uint8Array, from: number, length: number): string {
  let text = "";
  for (let at = 0; at < length; at += 1024) {
    text += unitsOf(bytes.subarray(from + at, from + Math.min(length, at + 1024)));
  }
  return text;
}

function unitsOf(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}
