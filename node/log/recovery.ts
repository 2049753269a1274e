// What is on the disk, and may this node run on it? Verdicts (R3): clean; torn tail, cut and reported; or
// CorruptLogError.
//   P1. A bad record is cut only if nothing proves that it was durable: no later segment (segment.ts, G1), no later
//       record that says so (record.ts, C2), not the guard, not the base. Otherwise the log is corrupt (F4).
//   P2. Contiguity, checksums and chain hold from the first record to the last (F10).
//   P3. What was read may so far be in the page cache only (the process died before its fdatasync), or, after a failed
//       fdatasync, in clean pages that the disk never got (F2). So everything above the guard is written again and
//       synced before it is called durable.

import { dirname } from "node:path";

import type { Membership } from "../../raft/index.ts";

import { baseName, readBase, writeBase } from "./base.ts";
import type { Base } from "./base.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { CorruptLogError } from "./errors.ts";
import { GuardFile, guardName } from "./guard.ts";
import type { GuardValue } from "./guard.ts";
import { HardStateFile, hardStateName } from "./hard-state.ts";
import { chainAfter, headerBytes } from "./record.ts";
import {
  SparseIndex,
  decodeSegmentHeader,
  parseSegmentFileName,
  segmentFileName,
  segmentHeaderBytes,
} from "./segment.ts";
import type { Segment, SegmentName } from "./segment.ts";
import { RecentChains, TermRuns, baseTail } from "./state.ts";
import type { LogState } from "./state.ts";
import { searchRecord, walkRecords } from "./walk.ts";
import type { FoundRecord } from "./walk.ts";

export interface Cut {
  readonly file: string;
  /** Where the file now ends; 0: the whole file was removed. */
  readonly offset: number;
  readonly bytes: number;
  readonly expected: string;
}

/** Everything else is thrown as CorruptLogError. `repaired` names slots that were damaged and had a good copy. */
export type Verdict =
  | { readonly kind: "clean"; readonly repaired: readonly string[] }
  | { readonly kind: "torn-tail"; readonly cut: Cut; readonly repaired: readonly string[] };

export interface MembershipEntry {
  readonly index: number;
  readonly membership: Membership;
}

export interface RecoveryOptions {
  readonly group: number;
  readonly recentChains: number;
  readonly initialMembership: Membership;
  readonly decodeMembership: (payload: Uint8Array) => Membership;
}

export interface Recovered {
  readonly state: LogState;
  readonly hardState: HardStateFile;
  readonly guard: GuardFile;
  readonly memberships: readonly MembershipEntry[];
  readonly verdict: Verdict;
}

export async function recover(
  disk: Disk,
  directory: string,
  options: RecoveryOptions,
): Promise<Recovered> {
  const names = await prepareDirectory(disk, directory, options.initialMembership);
  const base = await readBase(disk, directory);
  const hardState = await HardStateFile.open(disk, directory);
  const guard = await GuardFile.open(disk, directory);
  const guardPath = `${directory}/${guardName}`;
  if (guard.file.current.generation > base.generation) {
    throw new CorruptLogError(
      guardPath,
      0,
      `a generation of at most ${base.generation}, the base's`,
    );
  }
  const scan = new Scan(disk, directory, base, guard.file.current, options);
  const segmentNames = await removeGarbage(disk, directory, names, base);
  for (const [at, name] of segmentNames.entries()) {
    await scan.segment(name, at === segmentNames.length - 1);
  }
  await scan.finish();
  const repaired = [
    ...(hardState.damaged === undefined ? [] : [`hard-state slot ${hardState.damaged}`]),
    ...(guard.damaged === undefined ? [] : [`guard slot ${guard.damaged}`]),
  ];
  return {
    state: scan.state,
    hardState: hardState.file,
    guard: guard.file,
    memberships: scan.memberships,
    verdict:
      scan.cut === undefined
        ? { kind: "clean", repaired }
        : { kind: "torn-tail", cut: scan.cut, repaired },
  };
}

/**
 * Makes a fresh log, or finishes making one: hard state, then guard, then base, each durable before the next. The base
 * is what says that the log exists: beside it, a missing file is damage and not a crash while the log was made.
 */
async function prepareDirectory(
  disk: Disk,
  directory: string,
  membership: Membership,
): Promise<readonly string[]> {
  await disk.makeDirectory(directory);
  await disk.syncDirectory(dirname(directory));
  const names = await disk.list(directory);
  for (const name of names) {
    if (name.endsWith(".tmp")) await disk.remove(`${directory}/${name}`);
  }
  const begun =
    names.includes(baseName) || names.some((name) => parseSegmentFileName(name) !== undefined);
  const lost = [hardStateName, guardName, baseName].find((name) => !names.includes(name));
  if (lost === undefined) return names;
  if (begun) throw missingFile(directory, lost);
  if (names.includes(hardStateName)) {
    const { file } = await HardStateFile.open(disk, directory);
    await file.close();
    if (file.current.term > 0) throw missingFile(directory, baseName);
  } else {
    await HardStateFile.create(disk, directory);
  }
  if (!names.includes(guardName)) await GuardFile.create(disk, directory);
  const base = { last: { index: 0, term: 0 }, chain: 0, membership, generation: 0 };
  await writeBase(disk, directory, base);
  return names;
}

function missingFile(directory: string, name: string): CorruptLogError {
  return new CorruptLogError(`${directory}/${name}`, 0, "this file must exist beside the others");
}

/** Removes segments of older generations and those wholly below the base; returns the others in order. */
async function removeGarbage(
  disk: Disk,
  directory: string,
  names: readonly string[],
  base: Base,
): Promise<readonly SegmentName[]> {
  const found: SegmentName[] = [];
  const garbage: SegmentName[] = [];
  for (const name of names) {
    const parsed = parseSegmentFileName(name);
    if (parsed === undefined) continue;
    if (parsed.generation > base.generation) {
      throw new CorruptLogError(
        `${directory}/${baseName}`,
        10,
        `generation ${parsed.generation}, which the segment ${name} has`,
      );
    }
    (parsed.generation < base.generation ? garbage : found).push(parsed);
  }
  found.sort((a, b) => a.first - b.first);
  while ((found[1]?.first ?? Infinity) <= base.last.index + 1) garbage.push(...found.splice(0, 1));
  for (const name of garbage) await disk.remove(`${directory}/${segmentFileName(name)}`);
  if (garbage.length > 0) await disk.syncDirectory(directory);
  return found;
}

class Scan {
  readonly state: LogState;
  readonly memberships: MembershipEntry[] = [];
  cut: Cut | undefined;

  private readonly disk: Disk;
  private readonly directory: string;
  private readonly options: RecoveryOptions;
  private readonly guard: GuardValue;
  /** Everything through here was durable for certain: the guard's index or the base's. */
  private readonly durable: number;
  /** The first byte of the last segment that the guard does not cover (P3). */
  private rewriteFrom = 0;

  constructor(
    disk: Disk,
    directory: string,
    base: Base,
    guard: GuardValue,
    options: RecoveryOptions,
  ) {
    this.disk = disk;
    this.directory = directory;
    this.options = options;
    const speaks = guard.generation === base.generation && guard.index >= base.last.index;
    this.guard = speaks ? guard : { generation: base.generation, ...baseTail(base) };
    this.durable = this.guard.index;
    this.state = {
      base,
      segments: [],
      active: undefined,
      tail: baseTail(base),
      runs: new TermRuns(),
      chains: new RecentChains(options.recentChains),
    };
  }

  async segment(name: SegmentName, isLast: boolean): Promise<void> {
    const path = `${this.directory}/${segmentFileName(name)}`;
    const file = await this.disk.open(path, isLast ? "write" : "read");
    let keepOpen = false;
    try {
      keepOpen = await this.openedSegment(file, path, name, isLast);
    } finally {
      if (!keepOpen) await file.close();
    }
  }

  /** True: the file stays open, to be appended to. */
  private async openedSegment(
    file: DiskFile,
    path: string,
    name: SegmentName,
    isLast: boolean,
  ): Promise<boolean> {
    const { state } = this;
    const bytes = await file.size();
    const headerBuffer = Buffer.alloc(segmentHeaderBytes);
    const read = await file.read(headerBuffer, 0);
    const decoded = decodeSegmentHeader(headerBuffer.subarray(0, read));
    if (decoded === undefined) {
      await this.badHeader(path, name, isLast, bytes);
      return false;
    }
    const { header, salt } = decoded;
    this.checkHeader(path, name, header);
    const segment: Segment = {
      path,
      header,
      salt,
      index: new SparseIndex(),
      last: header.first - 1,
      bytes,
    };
    state.tail = { index: header.first - 1, term: header.termBefore, chain: header.chainBefore };
    state.segments.push(segment);
    this.rewriteFrom = 0;
    const walk = { salt, from: segmentHeaderBytes, end: bytes, keep: false };
    const end = await walkRecords(file, walk, (record) => {
      this.record(segment, record);
      return true;
    });
    if (end.kind === "bad") {
      await this.badRecord(file, segment, isLast, end.offset, end.expected);
    }
    if (isLast) state.active = file;
    return isLast;
  }

  private checkHeader(path: string, name: SegmentName, header: Segment["header"]): void {
    const { state, options } = this;
    const expect = (offset: number, what: string, found: number, expected: number): void => {
      if (found !== expected) {
        throw new CorruptLogError(path, offset, `${what} ${expected}, but it is ${found}`);
      }
    };
    expect(10, "the group id must be", header.group, options.group);
    expect(12, "the generation must be", header.generation, name.generation);
    expect(16, "the first index must be", header.first, name.first);
    const first = state.segments.length === 0;
    if (first && header.first <= state.base.last.index) return;
    expect(
      16,
      "no entry may be missing: the first index must be",
      header.first,
      state.tail.index + 1,
    );
    expect(22, "the term before the first entry must be", header.termBefore, state.tail.term);
    expect(28, "the chain before the first entry must be", header.chainBefore, state.tail.chain);
  }

  /** The header is synced before anything follows it (G1): a file that ends with it may be cut, a longer one not. */
  private async badHeader(
    path: string,
    name: SegmentName,
    isLast: boolean,
    bytes: number,
  ): Promise<void> {
    const expected = "a segment header with a valid checksum";
    const lost = this.durable >= name.first || name.first !== this.state.tail.index + 1;
    if (!isLast || lost || bytes > segmentHeaderBytes) {
      throw new CorruptLogError(path, 0, expected);
    }
    await this.disk.remove(path);
    await this.disk.syncDirectory(this.directory);
    this.cut = { file: path, offset: 0, bytes, expected };
  }

  private record(segment: Segment, { header, offset, bytes, at, payload }: FoundRecord): void {
    const { state } = this;
    const { index, term, chain, kind } = header;
    if (index !== state.tail.index + 1) {
      throw new CorruptLogError(segment.path, offset, `the entry ${state.tail.index + 1} (F10)`);
    }
    if (term < state.tail.term) {
      throw new CorruptLogError(segment.path, offset, `a term of at least ${state.tail.term}`);
    }
    if (chain !== chainAfter(bytes, at, state.tail.chain)) {
      throw new CorruptLogError(segment.path, offset, "the chain that continues the entry before");
    }
    this.checkAgainst(segment, offset, header, baseTail(state.base), "base");
    this.checkAgainst(segment, offset, header, this.guard, "guard");
    segment.index.add(index, offset);
    segment.last = index;
    state.tail = { index, term, chain };
    if (index <= this.durable) this.rewriteFrom = offset + headerBytes + payload.byteLength;
    if (index <= state.base.last.index) return;
    state.runs.add(index, term);
    state.chains.add(index, chain);
    if (kind === "membership") {
      this.memberships.push({ index, membership: this.options.decodeMembership(payload) });
    }
  }

  private checkAgainst(
    segment: Segment,
    offset: number,
    found: { readonly index: number; readonly term: number; readonly chain: number },
    known: { readonly index: number; readonly term: number; readonly chain: number },
    where: string,
  ): void {
    if (found.index !== known.index) return;
    if (found.term === known.term && found.chain === known.chain) return;
    const expected = `the entry ${known.index} of term ${known.term} with the chain that the ${where} has`;
    throw new CorruptLogError(segment.path, offset, expected);
  }

  /** P1. */
  private async badRecord(
    file: DiskFile,
    segment: Segment,
    isLast: boolean,
    offset: number,
    expected: string,
  ): Promise<void> {
    const { path, salt } = segment;
    const index = segment.last + 1;
    if (!isLast) {
      throw new CorruptLogError(
        path,
        offset,
        `${expected} (entry ${index}; a later segment exists)`,
      );
    }
    if (index <= this.durable) {
      const known = `entry ${index}; the log was durable through ${this.durable}`;
      throw new CorruptLogError(path, offset, `${expected} (${known})`);
    }
    const walk = { salt, from: offset + 1, end: segment.bytes, keep: false };
    const proof = await searchRecord(
      file,
      walk,
      (later) => later.index > index && later.synced >= index && later.synced < later.index,
    );
    if (proof !== undefined) {
      const known = `entry ${index}; entry ${proof.header.index} at byte ${proof.offset} was written after it was durable`;
      throw new CorruptLogError(path, offset, `${expected} (${known})`);
    }
    await file.truncate(offset);
    await file.sync();
    this.cut = { file: path, offset, bytes: segment.bytes - offset, expected };
    segment.bytes = offset;
  }

  async finish(): Promise<void> {
    const { state, directory } = this;
    const last = state.segments.at(-1);
    if (state.tail.index < this.durable) {
      throw new CorruptLogError(
        last?.path ?? `${directory}/${baseName}`,
        last?.bytes ?? 0,
        `entries through ${this.durable}, but the log ends with ${state.tail.index}`,
      );
    }
    if (state.active !== undefined && last !== undefined) {
      await this.makeDurable(state.active, last.bytes);
    } else if (last !== undefined) {
      // The file after it was cut away whole: it had been complete before that one was created (G1).
      state.active = await this.disk.open(last.path, "write");
    }
    await this.disk.syncDirectory(directory);
  }

  /** P3. */
  private async makeDurable(file: DiskFile, end: number): Promise<void> {
    const piece = Buffer.allocUnsafe(1024 * 1024);
    for (let at = this.rewriteFrom; at < end; at += piece.byteLength) {
      const read = await file.read(piece.subarray(0, Math.min(piece.byteLength, end - at)), at);
      await file.write([piece.subarray(0, read)], at);
    }
    await file.sync();
  }
}
