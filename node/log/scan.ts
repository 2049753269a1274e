// Reads the segments at start, in order and in bounded memory, and judges what it finds (recovery.ts, P1-P3).

import type { Membership } from "../../raft/index.ts";

import { baseName } from "./base.ts";
import type { Base } from "./base.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { CorruptLogError } from "./errors.ts";
import type { GuardValue } from "./guard.ts";
import { chainAfter, headerBytes } from "./record.ts";
import {
  SparseIndex,
  decodeSegmentHeader,
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

export interface MembershipEntry {
  readonly index: number;
  readonly membership: Membership;
}

export interface ScanOptions {
  readonly group: number;
  readonly recentChains: number;
  readonly initialMembership: Membership;
  readonly decodeMembership: (payload: Uint8Array) => Membership;
}

export class Scan {
  readonly state: LogState;
  readonly memberships: MembershipEntry[] = [];
  cut: Cut | undefined;

  private readonly disk: Disk;
  private readonly directory: string;
  private readonly options: ScanOptions;
  private readonly guard: GuardValue;
  /** Everything through here was durable for certain: the guard's index or the base's. */
  private readonly durable: number;
  /** The first byte of the last segment that the guard does not cover (P3). */
  private rewriteFrom = 0;

  constructor(disk: Disk, directory: string, base: Base, guard: GuardValue, options: ScanOptions) {
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
    if (!isLast) return false;
    state.active = file;
    return true;
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
    // Synced with the rest, in makeDurable.
    await file.truncate(offset);
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
