// Rows of a snapshot as checked chunks.
//   chunk = { crc32c u32 over the rest, version u8, chain u32, before u32, rows: { key bytes u32, key, value bytes u32, value } … }
// `chain` is the log's hash chain at the snapshot's last entry: the receiver's log goes on from it (node/log/record.ts).
// `before` is the checksum of the chunk before, 0 in the first one: chunks of two transfers never make one snapshot.

import type { Row } from "../queue/index.ts";
import { crc32c } from "./log/crc.ts";

const version = 1;
const headBytes = 13;

export interface Chunk {
  readonly chain: number;
  readonly before: number;
  readonly rows: readonly Row[];
}

/** What the next chunk says as `before`. */
export function chunkSum(chunk: Uint8Array): number {
  if (chunk.length < 4) return 0;
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).readUInt32LE(0);
}

export function encodeChunk(chain: number, before: number, rows: readonly Row[]): Buffer {
  let bytes = headBytes;
  for (const { key, value } of rows) bytes += 8 + key.length + value.length;
  const chunk = Buffer.allocUnsafe(bytes);
  chunk[4] = version;
  chunk.writeUInt32LE(chain, 5);
  chunk.writeUInt32LE(before, 9);
  let at = headBytes;
  for (const { key, value } of rows) {
    at = chunk.writeUInt32LE(key.length, at);
    at += chunk.write(key, at, "latin1");
    at = chunk.writeUInt32LE(value.length, at);
    chunk.set(value, at);
    at += value.length;
  }
  chunk.writeUInt32LE(crc32c(chunk.subarray(4)), 0);
  return chunk;
}

/** undefined: damaged on the way. */
export function decodeChunk(data: Uint8Array): Chunk | undefined {
  const chunk = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (chunk.length < headBytes || chunk[4] !== version) return undefined;
  if (chunk.readUInt32LE(0) !== crc32c(chunk.subarray(4))) return undefined;
  const rows: Row[] = [];
  let at = headBytes;
  while (at < chunk.length) {
    const keyEnd = endOf(chunk, at);
    const valueEnd = keyEnd === undefined ? undefined : endOf(chunk, keyEnd);
    if (keyEnd === undefined || valueEnd === undefined) return undefined;
    rows.push({
      key: chunk.toString("latin1", at + 4, keyEnd),
      value: chunk.subarray(keyEnd + 4, valueEnd),
    });
    at = valueEnd;
  }
  return { chain: chunk.readUInt32LE(5), before: chunk.readUInt32LE(9), rows };
}

/** Of the bytes whose length is said at `at`. */
function endOf(chunk: Buffer, at: number): number | undefined {
  if (at + 4 > chunk.length) return undefined;
  const end = at + 4 + chunk.readUInt32LE(at);
  return end > chunk.length ? undefined : end;
}
