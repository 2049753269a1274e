// The durable log of one Raft group on one node: segments, hard state, base and guard under one directory.
//   L1. `append` resolves only when the persist and all earlier ones are durable; `truncateAfter` and `hardState`
//       included (R1, R2).
//   L2. What was acknowledged is there after any crash, or opening throws CorruptLogError (R3). See guard.ts for the
//       exact promise about damage to the latest entries.
//   L3. After the first error nothing is acknowledged any more; the owner ends the process (R1).

import { randomInt } from "node:crypto";
import { performance } from "node:perf_hooks";

import type { Entry, HardState, Membership, Persist, SnapshotId } from "../../raft/index.ts";

import { snapshotIdOf } from "./base.ts";
import { compactThrough, resetTo } from "./changes.ts";
import type { LogFiles } from "./changes.ts";
import type { Disk } from "./disk.ts";
import { LogFailedError, assert } from "./errors.ts";
import type { HardStateFile } from "./hard-state.ts";
import { locate, readEntries } from "./locate.ts";
import type { LogCounters } from "./metrics.ts";
import { recover } from "./recovery.ts";
import type { Verdict } from "./recovery.ts";
import type { MembershipEntry } from "./scan.ts";
import { RecentChains } from "./state.ts";
import type { TermRun } from "./state.ts";
import { Writer } from "./writer.ts";

export interface DurableLogOptions {
  /** Reads the payload of a `membership` entry: raft/membership.ts. */
  readonly decodeMembership: (payload: Uint8Array) => Membership;
  /** Membership at the origin, for a log that does not exist yet. Default: nobody. */
  readonly initialMembership?: Membership;
  /** Raft group that the log belongs to; a log of another group is refused. Default 0. */
  readonly group?: number;
  /** A segment that has reached it is closed. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Payload bytes that share a write and an fdatasync; a single larger append is written alone. Default 8 MiB. */
  readonly groupBytesMax?: number;
  /** How far the guard may lag behind, in entries and bytes. Defaults 512 and 8 MiB. */
  readonly guardLagEntries?: number;
  readonly guardLagBytes?: number;
  /** For how many of the latest entries `chainAt` answers. Default 65,536. */
  readonly recentChains?: number;
  /** Monotonic clock in milliseconds. Default: performance.now. */
  readonly now?: () => number;
  /** A random u32, drawn for each segment (segment.ts). Default: node:crypto. */
  readonly nonce?: () => number;
  /** Called once, at the first error. The owner ends the process within a second (R1). Default: nothing. */
  readonly onFailure?: (error: Error) => void;
}

/** What raft/ needs at start; `applied` comes from the state machine. */
export interface RestoredLog {
  readonly hardState: HardState;
  readonly snapshot: SnapshotId;
  /** First index of each run of equal terms above the snapshot, ascending. */
  readonly termRuns: readonly TermRun[];
  readonly lastIndex: number;
  /** Membership entries above the snapshot, ascending. */
  readonly memberships: readonly MembershipEntry[];
}

export interface OpenedLog {
  readonly log: DurableLog;
  readonly restored: RestoredLog;
  readonly verdict: Verdict;
}

export class DurableLog {
  private readonly files: LogFiles;
  private readonly hardState: HardStateFile;
  private readonly writer: Writer;
  private closing = false;

  private constructor(files: LogFiles, hardState: HardStateFile, writer: Writer) {
    this.files = files;
    this.hardState = hardState;
    this.writer = writer;
  }

  /** Throws CorruptLogError if acknowledged entries may be missing. Reads the whole log once, in bounded memory. */
  static async open(disk: Disk, directory: string, options: DurableLogOptions): Promise<OpenedLog> {
    const group = options.group ?? 0;
    const { state, hardState, guard, memberships, verdict } = await recover(disk, directory, {
      group,
      recentChains: options.recentChains ?? RecentChains.entriesDefault,
      initialMembership: options.initialMembership ?? { voters: [], learners: [], context: "" },
      decodeMembership: options.decodeMembership,
    });
    const nonce = options.nonce ?? (() => randomInt(2 ** 32));
    const files = { disk, directory, group, nonce, guard, state };
    // Recovery made all of it durable.
    await guard.set({ ...state.tail, generation: state.base.generation });
    const writer = new Writer(files, hardState, {
      segmentBytes: options.segmentBytes ?? 64 * 1024 * 1024,
      groupBytesMax: options.groupBytesMax ?? 8 * 1024 * 1024,
      guardLagEntries: options.guardLagEntries ?? 512,
      guardLagBytes: options.guardLagBytes ?? 8 * 1024 * 1024,
      now: options.now ?? (() => performance.now()),
      onFailure: options.onFailure ?? (() => undefined),
    });
    const restored = {
      hardState: hardState.current,
      snapshot: snapshotIdOf(state.base),
      termRuns: state.runs.all,
      lastIndex: state.tail.index,
      memberships,
    };
    return { log: new DurableLog(files, hardState, writer), restored, verdict };
  }

  /** Resolves when durable. Calls are carried out in order; several may be outstanding. Payloads must not change. */
  append(persist: Persist): Promise<void> {
    if (this.closing) return Promise.reject(new LogFailedError("the log is closed"));
    return this.writer.append(persist);
  }

  /**
   * Entries `from` through `through`, at most `bytesMax` bytes of payload but at least one entry; ends earlier at the end
   * of what is durable. Empty if `from` is compacted or not durable yet: the caller then needs a snapshot, or waits.
   */
  async read(from: number, through: number, bytesMax: number): Promise<readonly Entry[]> {
    return this.guarded(() => {
      const { disk, state } = this.files;
      if (from <= state.base.last.index) return Promise.resolve([]);
      return readEntries(disk, state, from, Math.min(through, state.tail.index), bytesMax);
    });
  }

  /** The chain at an entry (record.ts, C1) from memory: the base and the latest `recentChains` durable entries. */
  chainAt(index: number): number | undefined {
    const { base, chains } = this.files.state;
    return index === base.last.index ? base.chain : chains.at(index);
  }

  /** The chain at any durable entry at or above the base, from disk if need be; undefined outside. */
  async readChain(index: number): Promise<number | undefined> {
    const recent = this.chainAt(index);
    if (recent !== undefined) return recent;
    return this.guarded(async () => {
      const { disk, state } = this.files;
      if (index < state.base.last.index || index > state.tail.index) return undefined;
      return this.chainAt(index) ?? (await locate(disk, state, index)).chain;
    });
  }

  /**
   * Forgets entries through `through`, after what the caller has made durable elsewhere (E8): RocksDB's flush must have
   * returned for a state that has applied it. Does nothing at or below the base.
   */
  compact(through: number, membership: Membership): Promise<void> {
    return this.writer.change(() => compactThrough(this.files, through, membership, {}));
  }

  /** After a snapshot was installed whose last entry is in the log with the same term: the tail stays (fig. 13). */
  keepTail({ last, membership }: SnapshotId, chain: number): Promise<void> {
    const expected = { term: last.term, chain };
    return this.writer.change(() => compactThrough(this.files, last.index, membership, expected));
  }

  /** After a snapshot was installed whose last entry is not in the log: the log is empty after it (fig. 13, E1). */
  reset(snapshot: SnapshotId, chain: number): Promise<void> {
    return this.writer.change(() => resetTo(this.files, snapshot, chain));
  }

  /** Waits for what was handed in, makes the guard exact, closes the files. */
  close(): Promise<void> {
    assert(!this.closing, "a log is closed once");
    this.closing = true;
    return this.writer.change(async () => {
      const { guard, state } = this.files;
      await guard.set({ ...state.tail, generation: state.base.generation });
      await guard.close();
      await this.hardState.close();
      await state.active?.close();
      state.active = undefined;
    });
  }

  /** The last durable entry. */
  get lastIndex(): number {
    return this.files.state.tail.index;
  }

  /** Entries through this index are compacted. */
  get baseIndex(): number {
    return this.files.state.base.last.index;
  }

  /** Payload bytes handed to `append` and not yet durable; the caller bounds it (I1). */
  get backlogBytes(): number {
    return this.writer.backlogBytes;
  }

  /** When the disk work under way began, on the injected clock; undefined: idle. For the stall watchdog (F8, R12). */
  get pendingSince(): number | undefined {
    return this.writer.pendingSince;
  }

  /** The first error, if there was one. */
  get failure(): Error | undefined {
    return this.writer.failure;
  }

  /** Bytes of the segment files. */
  get bytesOnDisk(): number {
    return this.files.state.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get counters(): LogCounters {
    return this.writer.metrics.counters;
  }

  /** A read that fails or finds damage ends the log too: a damaged node serves nothing (F7). */
  private async guarded<T>(read: () => Promise<T>): Promise<T> {
    if (this.writer.failure !== undefined) throw this.writer.failure;
    try {
      return await this.writer.gate.shared(read);
    } catch (error) {
      this.writer.fail(error);
      throw error;
    }
  }
}
