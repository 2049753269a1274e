// Where the log begins: the id, chain and membership of the last entry that a snapshot covers. Replaced as a whole;
// segments below it are removed only after it is durable (E8).

import {
  decodeMembership,
  encodeMembership,
  type EntryId,
  type Membership,
  type SnapshotId,
} from "../../raft/index.ts";

import { crc32c } from "./crc.ts";
import { readWhole, replaceFile } from "./disk.ts";
import type { Disk } from "./disk.ts";
import { CorruptLogError, assert } from "./errors.ts";

export const baseName = "base";
const magic = "RAFTQBAS";
const formatVersion = 2;
/** Above the largest membership. */
const fileBytesMax = 64 * 1024;
const headBytes = 30;

export interface Base {
  readonly last: EntryId;
  readonly chain: number;
  readonly membership: Membership;
  /** Grows by one with each reset. Segments of an older generation are garbage. */
  readonly generation: number;
}

export function snapshotIdOf(base: Base): SnapshotId {
  return { last: base.last, membership: base.membership };
}

/** magic 8, version u16, generation u32, index u48, term u48, chain u32, membership (raft/membership.ts), crc u32 */
function encode({ last, chain, membership, generation }: Base): Buffer {
  const members = encodeMembership(membership);
  const bytes = Buffer.alloc(headBytes + members.length + 4);
  assert(bytes.byteLength <= fileBytesMax, "a membership is too large for the base file");
  bytes.write(magic, 0, "latin1");
  bytes.writeUInt16LE(formatVersion, 8);
  bytes.writeUInt32LE(generation, 10);
  bytes.writeUIntLE(last.index, 14, 6);
  bytes.writeUIntLE(last.term, 20, 6);
  bytes.writeUInt32LE(chain, 26);
  bytes.set(members, headBytes);
  const end = bytes.byteLength - 4;
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, end)), end);
  return bytes;
}

function decode(path: string, bytes: Buffer): Base {
  const end = bytes.byteLength - 4;
  if (end < headBytes || bytes.toString("latin1", 0, 8) !== magic) {
    throw new CorruptLogError(path, 0, `at least ${headBytes + 4} bytes that begin with ${magic}`);
  }
  if (crc32c(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) {
    throw new CorruptLogError(path, end, "the checksum of the bytes before");
  }
  const version = bytes.readUInt16LE(8);
  if (version !== formatVersion) {
    throw new Error(`${path}: format ${version} is not known to this version of raftq`);
  }
  return {
    last: { index: bytes.readUIntLE(14, 6), term: bytes.readUIntLE(20, 6) },
    chain: bytes.readUInt32LE(26),
    membership: decodeMembership(bytes.subarray(headBytes, end)),
    generation: bytes.readUInt32LE(10),
  };
}

/** Durable when it resolves; a crash leaves the old base or the new one. */
export function writeBase(disk: Disk, directory: string, base: Base): Promise<void> {
  return replaceFile(disk, directory, baseName, encode(base));
}

export async function readBase(disk: Disk, directory: string): Promise<Base> {
  const path = `${directory}/${baseName}`;
  return decode(path, await readWhole(disk, path, fileBytesMax));
}
