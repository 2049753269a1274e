// Reading from the running log: one record's place, or a page of entries.

import type { Entry } from "../../raft/index.ts";

import type { Disk, DiskFile } from "./disk.ts";
import { CorruptLogError, assert } from "./errors.ts";
import { chainAfter, headerBytes } from "./record.ts";
import type { Segment } from "./segment.ts";
import { segmentOf } from "./state.ts";
import type { LogState, Tail } from "./state.ts";
import { walkRecords } from "./walk.ts";

export interface Place extends Tail {
  /** Byte offset behind the record. */
  readonly end: number;
}

async function withFile<T>(
  disk: Disk,
  state: LogState,
  segment: Segment,
  use: (file: DiskFile) => Promise<T>,
): Promise<T> {
  if (segment === state.segments.at(-1) && state.active !== undefined) return use(state.active);
  const file = await disk.open(segment.path, "read");
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Reads back the record `index`, which must be in a segment. */
export async function locate(disk: Disk, state: LogState, index: number): Promise<Place> {
  const segment = segmentOf(state, index);
  assert(segment !== undefined, `entry ${index} is in the log`);
  let place: Place | undefined;
  const walk = {
    salt: segment.salt,
    from: segment.index.floor(index),
    end: segment.bytes,
    keep: false,
  };
  const end = await withFile(disk, state, segment, (file) =>
    walkRecords(file, walk, ({ header, offset }) => {
      if (header.index !== index) return true;
      const { term, chain, payloadBytes } = header;
      place = { index, term, chain, end: offset + headerBytes + payloadBytes };
      return false;
    }),
  );
  if (end.kind === "bad") throw new CorruptLogError(segment.path, end.offset, end.expected);
  if (place === undefined) throw new CorruptLogError(segment.path, end.offset, `entry ${index}`);
  return place;
}

/**
 * Entries from `from` through `through`: as many as `bytesMax` bytes of payload hold, but at least one. The last index
 * asked for must be on disk. Checksums, order and chain are checked on the way.
 */
export async function readEntries(
  disk: Disk,
  state: LogState,
  from: number,
  through: number,
  bytesMax: number,
): Promise<readonly Entry[]> {
  const page: Entry[] = [];
  let bytes = 0;
  while (from + page.length <= through) {
    const next = from + page.length;
    const segment = segmentOf(state, next);
    assert(segment !== undefined, `entry ${next} is in the log`);
    const last = Math.min(through, segment.last);
    const room = page.length === 0 ? bytesMax : bytesMax - bytes;
    const part = await withFile(disk, state, segment, (file) =>
      readSegment(file, segment, next, last, room),
    );
    // What does not fit is left for the next page; the first entry always fits.
    for (const entry of part) {
      if (page.length > 0 && bytes + entry.payload.byteLength > bytesMax) return page;
      bytes += entry.payload.byteLength;
      page.push(entry);
    }
    if (from + page.length <= last) return page;
  }
  return page;
}

/** Entries of one segment, at least one; stops behind the first one that exceeds `bytesMax`. */
async function readSegment(
  file: DiskFile,
  segment: Segment,
  from: number,
  through: number,
  bytesMax: number,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  let bytes = 0;
  let before: Tail | undefined;
  const { path, salt, index: sparse } = segment;
  const walk = { salt, from: sparse.floor(from), end: segment.bytes, keep: true };
  const end = await walkRecords(file, walk, ({ header, offset, bytes: source, at, payload }) => {
    const { index, term, kind, chain } = header;
    if (before !== undefined) {
      const follows = index === before.index + 1 && chain === chainAfter(source, at, before.chain);
      if (!follows) throw new CorruptLogError(path, offset, `the successor of ${before.index}`);
    }
    before = { index, term, chain };
    if (index < from) return true;
    entries.push({ index, term, kind, payload });
    bytes += payload.byteLength;
    return index < through && bytes <= bytesMax;
  });
  if (end.kind === "bad") throw new CorruptLogError(path, end.offset, end.expected);
  if (entries[0]?.index !== from) throw new CorruptLogError(path, end.offset, `entry ${from}`);
  return entries;
}
