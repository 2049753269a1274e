// A segment file: a 64-byte header, then records. Its name carries the first index and the generation: a reset of the
// log (snapshot installed) begins a new generation, and files of older generations are garbage.
//
//   offset  size                      offset  size
//        0     8  magic "RAFTQLOG"        16     6  first index
//        8     2  format version          22     6  term of the entry before the first
//       10     2  group id                28     4  chain of the entry before the first
//       12     4  generation              32     4  nonce: random, so that nobody outside can guess the salt
//                                         36    24  zero
//                                         60     4  crc32c of bytes 0..60; also the salt of the record checksums
//
//   G1. The header and the name are durable before the first record is written, and a segment is created only when
//       everything before it is durable. So a later segment proves that all earlier ones were complete.

import { crc32c } from "./crc.ts";

export const segmentHeaderBytes = 64;
const magic = "RAFTQLOG";
const formatVersion = 1;

/** Distance between two entries of the sparse index. Unit: bytes. */
const indexStrideBytes = 64 * 1024;

export interface SegmentName {
  readonly first: number;
  readonly generation: number;
}

export interface SegmentHeader extends SegmentName {
  readonly group: number;
  readonly termBefore: number;
  readonly chainBefore: number;
}

export function segmentFileName({ first, generation }: SegmentName): string {
  return `${String(first).padStart(16, "0")}-${String(generation).padStart(10, "0")}.log`;
}

export function parseSegmentFileName(name: string): SegmentName | undefined {
  const match = /^(\d{16})-(\d{10})\.log$/.exec(name);
  if (match === null) return undefined;
  return { first: Number(match[1]), generation: Number(match[2]) };
}

export function encodeSegmentHeader(header: SegmentHeader, nonce: number): Buffer {
  const bytes = Buffer.alloc(segmentHeaderBytes);
  bytes.write(magic, 0, "latin1");
  bytes.writeUInt16LE(formatVersion, 8);
  bytes.writeUInt16LE(header.group, 10);
  bytes.writeUInt32LE(header.generation, 12);
  bytes.writeUIntLE(header.first, 16, 6);
  bytes.writeUIntLE(header.termBefore, 22, 6);
  bytes.writeUInt32LE(header.chainBefore, 28);
  bytes.writeUInt32LE(nonce, 32);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 60)), 60);
  return bytes;
}

/** The header and the salt, or undefined if these bytes are not a header. */
export function decodeSegmentHeader(
  bytes: Buffer,
): { header: SegmentHeader; salt: number } | undefined {
  if (bytes.byteLength < segmentHeaderBytes) return undefined;
  const salt = bytes.readUInt32LE(60);
  if (bytes.toString("latin1", 0, 8) !== magic || crc32c(bytes.subarray(0, 60)) !== salt) {
    return undefined;
  }
  const version = bytes.readUInt16LE(8);
  if (version !== formatVersion) {
    throw new Error(
      `log segment format ${version} is not known to this version of raftq (it reads ${formatVersion})`,
    );
  }
  const header = {
    group: bytes.readUInt16LE(10),
    generation: bytes.readUInt32LE(12),
    first: bytes.readUIntLE(16, 6),
    termBefore: bytes.readUIntLE(22, 6),
    chainBefore: bytes.readUInt32LE(28),
  };
  return { header, salt };
}

/** Where some of the records of a segment begin: one about every 64 KiB. */
export class SparseIndex {
  private readonly indexes: number[] = [];
  private readonly offsets: number[] = [];

  add(index: number, offset: number): void {
    const last = this.offsets.at(-1);
    if (last !== undefined && offset - last < indexStrideBytes) return;
    this.indexes.push(index);
    this.offsets.push(offset);
  }

  /** The offset of a record at or before `index`; the first record if there is none. */
  floor(index: number): number {
    let low = 0;
    let high = this.indexes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.indexes[middle] ?? 0) <= index) low = middle + 1;
      else high = middle;
    }
    return this.offsets[low - 1] ?? segmentHeaderBytes;
  }

  dropAfter(index: number): void {
    while ((this.indexes.at(-1) ?? 0) > index) {
      this.indexes.pop();
      this.offsets.pop();
    }
  }
}

/** A segment as the running log knows it. */
export interface Segment {
  readonly path: string;
  readonly header: SegmentHeader;
  readonly salt: number;
  readonly index: SparseIndex;
  /** The last index in it; `first - 1` if it is empty. */
  last: number;
  /** Bytes of the file, all of them durable or being written. */
  bytes: number;
}
