// One log entry as bytes (little-endian):
//
//   offset  size
//        0     4  crc32c of bytes 4..35, seeded with the segment's salt: a record of another segment, or a record
//                 image inside somebody's payload, does not pass for one of this segment (F12)
//        4     4  chain
//        8     6  synced: the highest index that was durable when this record was written
//       14     4  payload length
//       18     4  crc32c of the payload
//       22     6  index
//       28     6  term
//       34     1  kind
//       35     …  payload
//
//   C1. chain(i) = crc32c(bytes 14..35 of i, seeded with chain(i-1)). It depends on the history of (index, term, kind,
//       payload) and on nothing of this node: equal histories have equal chains on all nodes (F11).
//   C2. A valid record proves that everything through `synced` was durable: a bad record at or below that index was
//       acknowledged, and is never cut (F4). This holds however small the guard's lag is.

import type { Entry, EntryKind } from "../../raft/index.ts";

import { crc32c } from "./crc.ts";
import { assert } from "./errors.ts";

export const headerBytes = 35;

/** A payload above this is refused, and a length above it is damage. Unit: bytes. */
const payloadBytesMax = 64 * 1024 * 1024;

export interface RecordHeader {
  readonly index: number;
  readonly term: number;
  readonly kind: EntryKind;
  readonly payloadBytes: number;
  readonly payloadCrc: number;
  readonly chain: number;
  readonly synced: number;
}

const kindBytes: Readonly<Record<EntryKind, number>> = { noop: 1, command: 2, membership: 3 };
const kinds: readonly (EntryKind | undefined)[] = [undefined, "noop", "command", "membership"];

export interface EncodedRecords {
  /** Header, payload, header, payload, …: for one vectored write, so that payloads are never copied. */
  readonly buffers: readonly Uint8Array[];
  readonly bytes: number;
  /** Chain after each entry. */
  readonly chains: readonly number[];
}

export function encodeRecords(
  entries: readonly Entry[],
  chainBefore: number,
  synced: number,
  salt: number,
): EncodedRecords {
  const headers = Buffer.allocUnsafe(headerBytes * entries.length);
  const buffers: Uint8Array[] = [];
  const chains: number[] = [];
  let bytes = headers.byteLength;
  let chain = chainBefore;
  let at = 0;
  for (const { index, term, kind, payload } of entries) {
    assert(payload.byteLength <= payloadBytesMax, "a payload is larger than payloadBytesMax");
    headers.writeUIntLE(synced, at + 8, 6);
    headers.writeUInt32LE(payload.byteLength, at + 14);
    headers.writeUInt32LE(crc32c(payload), at + 18);
    headers.writeUIntLE(index, at + 22, 6);
    headers.writeUIntLE(term, at + 28, 6);
    headers.writeUInt8(kindBytes[kind], at + 34);
    chain = crc32c(headers.subarray(at + 14, at + headerBytes), chain);
    headers.writeUInt32LE(chain, at + 4);
    headers.writeUInt32LE(crc32c(headers.subarray(at + 4, at + headerBytes), salt), at);
    buffers.push(headers.subarray(at, at + headerBytes));
    if (payload.byteLength > 0) buffers.push(payload);
    bytes += payload.byteLength;
    chains.push(chain);
    at += headerBytes;
  }
  return { buffers, bytes, chains };
}

/** The header at byte `at`, or undefined if these bytes are not one. At least headerBytes must be there. */
export function decodeHeader(bytes: Buffer, at: number, salt: number): RecordHeader | undefined {
  const kind = kinds[bytes.readUInt8(at + 34)];
  const payloadBytes = bytes.readUInt32LE(at + 14);
  if (kind === undefined || payloadBytes > payloadBytesMax) return undefined;
  const crc = crc32c(bytes.subarray(at + 4, at + headerBytes), salt);
  if (crc !== bytes.readUInt32LE(at)) return undefined;
  return {
    index: bytes.readUIntLE(at + 22, 6),
    term: bytes.readUIntLE(at + 28, 6),
    kind,
    payloadBytes,
    payloadCrc: bytes.readUInt32LE(at + 18),
    chain: bytes.readUInt32LE(at + 4),
    synced: bytes.readUIntLE(at + 8, 6),
  };
}

/** C1, for a record read back: what its chain must be, given the chain of the record before it. */
export function chainAfter(bytes: Buffer, at: number, chainBefore: number): number {
  return crc32c(bytes.subarray(at + 14, at + headerBytes), chainBefore);
}

export function payloadMatches(header: RecordHeader, payload: Uint8Array): boolean {
  return payload.byteLength === header.payloadBytes && crc32c(payload) === header.payloadCrc;
}
