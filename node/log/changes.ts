// The changes of the log that are more than an append. Each is a sequence of durable steps; after a crash between any
// two of them recovery finds the log as it was before, or as it is after, or (truncation) a longer part of the old one.

import type { Membership, SnapshotId } from "../../raft/index.ts";

import { writeBase } from "./base.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { assert } from "./errors.ts";
import type { GuardFile } from "./guard.ts";
import { locate } from "./locate.ts";
import type { Place } from "./locate.ts";
import {
  SparseIndex,
  encodeSegmentHeader,
  segmentFileName,
  segmentHeaderBytes,
} from "./segment.ts";
import type { Segment } from "./segment.ts";
import { baseTail, segmentOf } from "./state.ts";
import type { LogState, Tail } from "./state.ts";

export interface LogFiles {
  readonly disk: Disk;
  readonly directory: string;
  readonly group: number;
  /** A random u32 for each new segment. */
  readonly nonce: () => number;
  readonly guard: GuardFile;
  readonly state: LogState;
}

/** Begins a segment after the tail: header and name are durable when it resolves (segment.ts, G1). */
export async function beginSegment(files: LogFiles): Promise<void> {
  const { disk, directory, group, state } = files;
  await state.active?.close();
  state.active = undefined;
  const { tail, base } = state;
  const header = {
    first: tail.index + 1,
    generation: base.generation,
    group,
    termBefore: tail.term,
    chainBefore: tail.chain,
  };
  const path = `${directory}/${segmentFileName(header)}`;
  const bytes = encodeSegmentHeader(header, files.nonce());
  const file = await disk.open(path, "create");
  await file.write([bytes], 0);
  await file.sync();
  await disk.syncDirectory(directory);
  const salt = bytes.readUInt32LE(60);
  const last = tail.index;
  state.segments.push({
    path,
    header,
    salt,
    index: new SparseIndex(),
    last,
    bytes: segmentHeaderBytes,
  });
  state.active = file;
}

/** Removes every entry above `after`: guard first (guard.ts, U2), then segments from the last backwards, then bytes. */
export async function truncateAfter(files: LogFiles, after: number): Promise<void> {
  const { disk, directory, guard, state } = files;
  if (after === state.tail.index) return;
  assert(after < state.tail.index, "a truncation is inside the log");
  assert(
    after >= state.base.last.index,
    "B2: what a snapshot covers is committed and never truncated",
  );
  const segment = segmentOf(state, after);
  const place = segment === undefined ? undefined : await locate(disk, state, after);
  const tail = tailAt(state, after, place);
  if (guard.current.index > after) {
    await guard.set({ ...tail, generation: state.base.generation });
  }
  while ((state.segments.at(-1)?.header.first ?? 0) > after) {
    await removeLastSegment(files);
    // One by one: if a later one outlived an earlier one there would be a hole in the log.
    await disk.syncDirectory(directory);
  }
  const last = state.segments.at(-1);
  if (last !== undefined) {
    state.active ??= await disk.open(last.path, "write");
    if (last.last > after) await cutSegment(last, state.active, after, place);
  }
  state.tail = tail;
  state.runs.dropAfter(after);
  state.chains.dropAfter(after);
}

/** The id and chain of an entry: as read from disk, or the base's. */
function tailAt(state: LogState, index: number, place: Place | undefined): Tail {
  if (place !== undefined) return { index, term: place.term, chain: place.chain };
  assert(index === state.base.last.index, "an entry outside the segments is the base");
  return baseTail(state.base);
}

async function removeLastSegment({ disk, state }: LogFiles): Promise<void> {
  const segment = state.segments.pop();
  assert(segment !== undefined, "there is a segment to remove");
  await state.active?.close();
  state.active = undefined;
  await disk.remove(segment.path);
}

async function cutSegment(
  segment: Segment,
  file: DiskFile,
  after: number,
  place: Place | undefined,
): Promise<void> {
  assert(place !== undefined && place.index === after, "the cut is behind a record that was read");
  await file.truncate(place.end);
  // Before anything is written there: old and new records must never be mixed by a crash.
  await file.sync();
  segment.bytes = place.end;
  segment.last = after;
  segment.index.dropAfter(after);
}

/** Makes `through` the base, then removes the segments wholly below it (E8). */
export async function compactThrough(
  { disk, directory, state }: LogFiles,
  through: number,
  membership: Membership,
  expected: Partial<Tail>,
): Promise<void> {
  if (through <= state.base.last.index) return;
  assert(through <= state.tail.index, "E8: only what is in the log can be compacted");
  const { term, chain } = await locate(disk, state, through);
  assert((expected.term ?? term) === term, "E1: the kept tail continues the snapshot: same term");
  assert(
    (expected.chain ?? chain) === chain,
    "E1: the kept tail continues the snapshot: same chain",
  );
  const base = {
    last: { index: through, term },
    chain,
    membership,
    generation: state.base.generation,
  };
  await writeBase(disk, directory, base);
  state.base = base;
  state.runs.dropThrough(through);
  let removed = 0;
  while (state.segments.length > 1 && (state.segments[0]?.last ?? Infinity) <= through) {
    const segment = state.segments.shift();
    if (segment !== undefined) await disk.remove(segment.path);
    removed++;
  }
  // A removed name that comes back after a crash is removed again by recovery.
  if (removed > 0) await disk.syncDirectory(directory);
}

/** Empties the log: it begins after `snapshot.last`. The new base, of the next generation, is the switch (E5). */
export async function resetTo(files: LogFiles, snapshot: SnapshotId, chain: number): Promise<void> {
  const { disk, directory, guard, state } = files;
  const { last, membership } = snapshot;
  assert(
    last.index >= state.base.last.index,
    "E3: an installed snapshot is not older than the base",
  );
  const base = { last, chain, membership, generation: state.base.generation + 1 };
  await writeBase(disk, directory, base);
  while (state.segments.length > 0) await removeLastSegment(files);
  await disk.syncDirectory(directory);
  state.base = base;
  state.tail = baseTail(base);
  state.runs.clear();
  state.chains.dropAfter(0);
  await guard.set({ ...state.tail, generation: base.generation });
}
