// Walks the records of one segment in order, in pieces: memory is bounded by the piece and the largest record.

import type { DiskFile } from "./disk.ts";
import { assert } from "./errors.ts";
import { decodeHeader, headerBytes, payloadMatches } from "./record.ts";
import type { RecordHeader } from "./record.ts";

/** What is read at a time. Unit: bytes. */
const pieceBytes = 256 * 1024;

export interface FoundRecord {
  readonly header: RecordHeader;
  /** Byte offset in the file. */
  readonly offset: number;
  /** The buffer that the record is in, from byte `at` on. */
  readonly bytes: Buffer;
  readonly at: number;
  readonly payload: Buffer;
}

export type WalkEnd =
  | { readonly kind: "end"; readonly offset: number }
  /** `visit` said so; `offset` is where the record visited last ends. */
  | { readonly kind: "stopped"; readonly offset: number }
  | { readonly kind: "bad"; readonly offset: number; readonly expected: string };

export interface Walk {
  readonly salt: number;
  readonly from: number;
  /** End of the file, or of the part that is wanted. */
  readonly end: number;
  /** True: payloads stay valid after `visit`, each piece has a buffer of its own. False: one buffer for all. */
  readonly keep: boolean;
}

/** Calls `visit` for each valid record until it returns false. A bad record ends the walk and is not visited. */
export async function walkRecords(
  file: DiskFile,
  { salt, from, end, keep }: Walk,
  visit: (record: FoundRecord) => boolean,
): Promise<WalkEnd> {
  let buffer = Buffer.alloc(0);
  /** The file offset of buffer[0], and the part of the buffer that holds bytes of the file. */
  let start = from;
  let filled = 0;
  let at = 0;

  /** Makes `need` bytes available from `at` on; false: the file ends before. */
  async function available(need: number): Promise<boolean> {
    if (filled - at >= need) return true;
    const offset = start + at;
    if (offset + need > end) return false;
    const size = Math.min(Math.max(pieceBytes, need), end - offset);
    const next = keep || size > buffer.byteLength ? Buffer.allocUnsafe(size) : buffer;
    buffer.copy(next, 0, at, filled);
    filled -= at;
    buffer = next;
    start = offset;
    at = 0;
    filled += await file.read(buffer.subarray(filled, size), start + filled);
    return filled >= need;
  }

  while (start + at < end) {
    const offset = start + at;
    const bad = (expected: string): WalkEnd => ({ kind: "bad", offset, expected });
    if (!(await available(headerBytes))) return bad(`a record header of ${headerBytes} bytes`);
    const header = decodeHeader(buffer, at, salt);
    if (header === undefined) return bad("a record header with a valid checksum");
    const recordBytes = headerBytes + header.payloadBytes;
    if (!(await available(recordBytes))) return bad(`a record of ${recordBytes} bytes`);
    const payload = buffer.subarray(at + headerBytes, at + recordBytes);
    if (!payloadMatches(header, payload)) return bad("a payload with the checksum in its header");
    const goOn = visit({ header, offset, bytes: buffer, at, payload });
    at += recordBytes;
    if (!goOn) return { kind: "stopped", offset: start + at };
  }
  assert(start + at === end, "a walk stays inside the file");
  return { kind: "end", offset: end };
}

/** The first valid record that begins at or after byte `from` and satisfies `wanted`; looks at every offset. */
export async function searchRecord(
  file: DiskFile,
  { salt, from, end }: Walk,
  wanted: (header: RecordHeader) => boolean,
): Promise<{ header: RecordHeader; offset: number } | undefined> {
  const buffer = Buffer.allocUnsafe(pieceBytes);
  for (let start = from; start + headerBytes <= end; start += pieceBytes - headerBytes + 1) {
    const read = await file.read(buffer.subarray(0, Math.min(pieceBytes, end - start)), start);
    for (let at = 0; at + headerBytes <= read; at++) {
      const header = decodeHeader(buffer, at, salt);
      if (header === undefined || !wanted(header)) continue;
      // The payload is not looked at: a header that is whole was written by this log, and that is the proof wanted.
      return { header, offset: start + at };
    }
  }
  return undefined;
}
