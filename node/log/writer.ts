// The one place that writes: jobs are done strictly in the order in which they were handed in.
//   W1. A persist's hard state is durable before its truncation, that before its entries (output.ts O2, A1).
//   W2. Group commit: persists with nothing but entries that wait together are written with one write and one
//       fdatasync. An idle writer starts at once, so waiting never adds delay.
//   W3. A persist is acknowledged only after its fdatasync, and never before an earlier one (B4).
//   W4. The first error ends the writer: the job under way and all later ones are rejected, nothing is retried (F2, R1).

import type { Entry, HardState, Persist } from "../../raft/index.ts";

import { beginSegment, truncateAfter } from "./changes.ts";
import type { LogFiles } from "./changes.ts";
import type { DiskFile } from "./disk.ts";
import { LogFailedError, assert } from "./errors.ts";
import type { HardStateFile } from "./hard-state.ts";
import { LogMetrics } from "./metrics.ts";
import { encodeRecords, headerBytes } from "./record.ts";
import { ReadGate } from "./read-gate.ts";
import type { Segment } from "./segment.ts";

export interface WriterOptions {
  readonly segmentBytes: number;
  readonly groupBytesMax: number;
  readonly guardLagEntries: number;
  readonly guardLagBytes: number;
  readonly now: () => number;
  readonly onFailure: (error: Error) => void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Append extends Waiting {
  readonly kind: "append";
  readonly persist: Persist;
  readonly bytes: number;
}

interface Change extends Waiting {
  readonly kind: "change";
  readonly run: () => Promise<void>;
}

type Job = Append | Change;

export class Writer {
  readonly metrics = new LogMetrics();
  readonly gate = new ReadGate();
  /** Payload bytes handed in and not yet durable. */
  backlogBytes = 0;
  /** When the disk work under way began, in the units of `now`; undefined: none is (F8). */
  pendingSince: number | undefined;
  failure: Error | undefined;

  private readonly files: LogFiles;
  private readonly hardState: HardStateFile;
  private readonly options: WriterOptions;
  private queue: Job[] = [];
  private running = false;
  private bytesSinceGuard = 0;

  constructor(files: LogFiles, hardState: HardStateFile, options: WriterOptions) {
    this.files = files;
    this.hardState = hardState;
    this.options = options;
  }

  append(persist: Persist): Promise<void> {
    let bytes = 0;
    for (const { payload } of persist.entries) bytes += payload.byteLength;
    return new Promise((resolve, reject) => {
      this.backlogBytes += bytes;
      this.submit({ kind: "append", persist, bytes, resolve, reject });
    });
  }

  /** Runs alone, after everything handed in before, with no read under way. */
  change(run: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => this.submit({ kind: "change", run, resolve, reject }));
  }

  /** The first error of a durability path; later ones change nothing. */
  fail(cause: unknown): void {
    if (this.failure !== undefined) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const error = new LogFailedError(`the log failed and will not write again: ${reason}`, {
      cause,
    });
    this.failure = error;
    const queue = this.queue;
    this.queue = [];
    for (const job of queue) this.finish(job);
    this.options.onFailure(error);
  }

  private submit(job: Job): void {
    if (this.failure !== undefined) {
      this.finish(job);
      return;
    }
    this.queue.push(job);
    if (!this.running) void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.queue.length > 0) {
      const jobs = this.takeGroup();
      this.pendingSince = this.options.now();
      try {
        await this.perform(jobs);
        if (this.failure !== undefined) throw this.failure;
      } catch (error) {
        this.fail(error);
      }
      this.pendingSince = undefined;
      for (const job of jobs) this.finish(job);
    }
    this.running = false;
  }

  private finish(job: Job): void {
    if (job.kind === "append") this.backlogBytes -= job.bytes;
    if (this.failure === undefined) job.resolve();
    else job.reject(this.failure);
  }

  /** The longest run of jobs that may share an fdatasync: one of any kind, then appends of entries only. */
  private takeGroup(): readonly Job[] {
    let bytes = 0;
    let count = 0;
    for (const job of this.queue) {
      if (count > 0 && (job.kind === "change" || !entriesOnly(job.persist))) break;
      if (job.kind === "append") bytes += job.bytes;
      if (count > 0 && bytes > this.options.groupBytesMax) break;
      count++;
      if (job.kind === "change") break;
    }
    return this.queue.splice(0, count);
  }

  private async perform(jobs: readonly Job[]): Promise<void> {
    const [first] = jobs;
    if (first?.kind === "change") {
      await this.gate.exclusive(first.run);
      return;
    }
    const entries: Entry[] = [];
    let hardState: HardState | undefined;
    let cut: number | undefined;
    for (const job of jobs) {
      assert(job.kind === "append", "a group holds appends");
      hardState ??= job.persist.hardState;
      cut ??= job.persist.truncateAfter;
      for (const entry of job.persist.entries) entries.push(entry);
    }
    if (hardState !== undefined) await this.hardState.write(hardState);
    if (cut !== undefined) await this.truncate(cut);
    if (entries.length > 0) await this.writeEntries(entries, jobs.length);
  }

  private async truncate(after: number): Promise<void> {
    if (after === this.files.state.tail.index) return;
    await this.gate.exclusive(() => truncateAfter(this.files, after));
  }

  private async writeEntries(entries: readonly Entry[], appends: number): Promise<void> {
    const { state } = this.files;
    const { tail } = state;
    let term = tail.term;
    entries.forEach((entry, at) => {
      assert(entry.index === tail.index + 1 + at, "F10: appended entries continue the log");
      assert(entry.term >= term, "terms never decrease along the log");
      term = entry.term;
    });
    const { file, segment } = await this.activeSegment();

    const began = this.options.now();
    const encoded = encodeRecords(entries, tail.chain, tail.index, segment.salt);
    const at = segment.bytes;
    await file.write(encoded.buffers, at);
    await file.sync();

    // Only now is it in the log: what is read or compacted is always durable.
    let offset = at;
    entries.forEach(({ index, term: entryTerm, payload }, position) => {
      segment.index.add(index, offset);
      offset += headerBytes + payload.byteLength;
      state.runs.add(index, entryTerm);
      state.chains.add(index, encoded.chains[position] ?? 0);
    });
    assert(offset === at + encoded.bytes, "the sparse index counts the bytes that were written");
    segment.bytes = offset;
    segment.last = tail.index + entries.length;
    state.tail = { index: segment.last, term, chain: encoded.chains.at(-1) ?? tail.chain };
    this.metrics.group(appends, entries.length, encoded.bytes, this.options.now() - began);
    this.bytesSinceGuard += encoded.bytes;
    const lag = state.tail.index - this.files.guard.current.index;
    if (lag >= this.options.guardLagEntries || this.bytesSinceGuard >= this.options.guardLagBytes) {
      this.raiseGuard();
    }
  }

  private async activeSegment(): Promise<{ file: DiskFile; segment: Segment }> {
    const { state } = this.files;
    if ((state.segments.at(-1)?.bytes ?? Infinity) >= this.options.segmentBytes) {
      if (state.segments.length > 0) this.raiseGuard();
      // Alone, because it closes the file that reads may be using.
      await this.gate.exclusive(() => beginSegment(this.files));
    }
    const segment = state.segments.at(-1);
    assert(
      segment !== undefined && state.active !== undefined,
      "the last segment is the active one",
    );
    return { file: state.active, segment };
  }

  private raiseGuard(): void {
    const { guard, state } = this.files;
    this.bytesSinceGuard = 0;
    const value = { ...state.tail, generation: state.base.generation };
    guard.raise(value, (error) => this.fail(error));
  }
}

function entriesOnly({ hardState, truncateAfter: cut }: Persist): boolean {
  return hardState === undefined && cut === undefined;
}
