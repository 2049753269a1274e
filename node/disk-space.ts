// How full the disk of the data directory is, and a reserve for the day on which it is full (F9).
//   S1. Below the watermark `low` is true, and stays so until an eighth more is free: it must not flutter.
//   S2. The reserve is a file of blocks that were really written. It is given back only when a node begins and finds less
//       free than the reserve holds: then it can start, let consumers take what is there, and compact.
//   S3. The reserve is made, in small steps, when there is room for it above the watermark: making it makes nothing low.
//   S4. One look at a time, and nobody waits for it. A look that fails changes nothing: only what is written tells whether
//       a disk is broken (F2).

import type { Logger } from "pino";
import type { Command, Refusal } from "../queue/index.ts";
import type { Clock, Timer } from "./clock.ts";
import type { Disk } from "./log/index.ts";

export interface DiskSpaceOptions {
  /** Watermark in bytes; 0: never low. */
  readonly diskFreeMinBytes: number;
  /** Size of the reserve in bytes; 0: none. */
  readonly diskReserveBytes: number;
}

/** A second of writing at full speed is some hundred MiB: well within a watermark of 1 GiB. */
const lookMs = 1_000;
/** Five MiB a second: the log's own syncs do not wait behind it. */
const stepBytes = 1024 * 1024;
const stepMs = 200;
/** What a memory table of RocksDB becomes on disk: with less, a snapshot is not received (node.ts). */
const fullBytes = 32 * 1024 * 1024;
const reserveName = "reserve";

export class DiskSpace {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #options: DiskSpaceOptions;
  readonly #logger: Logger;
  #freeBytes: number | undefined;
  #low = false;
  #reserved = false;
  #looking = false;
  #making = false;
  #failedOnce = false;
  #stopped = false;
  #timer: Timer | undefined;

  private constructor(
    disk: Disk,
    directory: string,
    clock: Clock,
    options: DiskSpaceOptions,
    logger: Logger,
  ) {
    this.#disk = disk;
    this.#directory = directory;
    this.#clock = clock;
    this.#options = options;
    this.#logger = logger;
  }

  /** Before anything is written to the directory, which exists: gives the reserve back if it is needed now (S2). */
  static async open(
    disk: Disk,
    directory: string,
    clock: Clock,
    options: DiskSpaceOptions,
    logger: Logger,
  ): Promise<DiskSpace> {
    const space = new DiskSpace(disk, directory, clock, options, logger);
    await space.#takeStock();
    await space.#look();
    return space;
  }

  /** Looks every second from now on, until `stop`. */
  watch(): void {
    this.#timer = this.#clock.every(lookMs, () => void this.#look());
  }

  /** Undefined: not known. */
  get freeBytes(): number | undefined {
    return this.#freeBytes;
  }

  /** S1. */
  get low(): boolean {
    return this.#low;
  }

  /** There is hardly room for anything. */
  get full(): boolean {
    return this.#low && (this.#freeBytes ?? Infinity) < fullBytes;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.stop();
  }

  async #takeStock(): Promise<void> {
    const names = await this.#disk.list(this.#directory);
    const path = `${this.#directory}/${reserveName}`;
    // Half a reserve, from a process that ended while it was made.
    if (names.includes(`${reserveName}.tmp`)) await this.#disk.remove(`${path}.tmp`);
    if (!names.includes(reserveName)) return;
    const { diskReserveBytes } = this.#options;
    const bytes = await this.#sizeOf(path);
    const free = await this.#free();
    this.#reserved = bytes === diskReserveBytes && (free === undefined || free >= bytes);
    if (this.#reserved) return;
    await this.#disk.remove(path);
    if (free !== undefined && free < bytes)
      this.#logger.warn({ free, given: bytes }, "disk full: the reserve is given back");
  }

  async #sizeOf(path: string): Promise<number> {
    const file = await this.#disk.open(path, "read");
    try {
      return await file.size();
    } finally {
      await file.close();
    }
  }

  async #free(): Promise<number | undefined> {
    try {
      return await this.#disk.freeBytes(this.#directory);
    } catch (error) {
      // S4. Said once: it would be said every second.
      if (!this.#failedOnce)
        this.#logger.warn({ err: error }, "it cannot be seen how full the disk is");
      this.#failedOnce = true;
      return undefined;
    }
  }

  async #look(): Promise<void> {
    if (this.#looking || this.#stopped) return;
    this.#looking = true;
    const free = await this.#free();
    this.#looking = false;
    if (free === undefined) return;
    this.#freeBytes = free;
    const { diskFreeMinBytes: min, diskReserveBytes: reserve } = this.#options;
    const low = free < (this.#low ? min + Math.ceil(min / 8) : min);
    if (low !== this.#low) {
      this.#low = low;
      if (low) this.#logger.warn({ free, min }, "disk below the watermark: no more messages");
      else this.#logger.info({ free, min }, "disk above the watermark again");
    }
    const wanted = reserve > 0 && !this.#reserved && !this.#making;
    // S3. Twice the reserve also where there is no watermark: it would be given back at the next start.
    if (
      wanted &&
      this.#timer !== undefined &&
      free >= Math.max(min + Math.ceil(min / 8), reserve) + reserve
    )
      void this.#makeReserve();
  }

  async #makeReserve(): Promise<void> {
    this.#making = true;
    const path = `${this.#directory}/${reserveName}`;
    try {
      const file = await this.#disk.open(`${path}.tmp`, "create");
      try {
        await this.#fill(file);
      } finally {
        await file.close();
      }
      if (this.#stopped) return;
      await this.#disk.rename(`${path}.tmp`, path);
      await this.#disk.syncDirectory(this.#directory);
      this.#reserved = true;
    } catch (error) {
      // Nothing depends on the reserve while the node runs.
      this.#logger.warn({ err: error }, "the reserve could not be made");
    } finally {
      this.#making = false;
    }
  }

  async #fill(file: Awaited<ReturnType<Disk["open"]>>): Promise<void> {
    const { diskReserveBytes: bytes } = this.#options;
    const step = incompressible(Math.min(stepBytes, bytes));
    for (let at = 0; at < bytes && !this.#stopped; at += step.length) {
      await file.write([step.subarray(0, bytes - at)], at);
      await file.sync();
      await new Promise<void>((resolve) => this.#clock.after(stepMs, resolve));
    }
  }
}

/** Commands that need room: a full node, or a full disk, refuses them. A commit that only settles makes room. */
export function addsMessages(command: Command): boolean {
  const { kind } = command;
  if (kind === "commit") return command.enqueues.length > 0;
  return kind === "enqueue" || kind === "enqueue-batch" || kind === "replay";
}

/** `own`: this node's disk; else those of too many others. */
export function diskRefusal(own: boolean): Refusal {
  const whose = own ? "the leader's disk is" : "the disks of too many members are";
  return {
    reason: "DISK_WATERMARK",
    message: `${whose} nearly full: no more messages are taken until some are consumed or there is more disk`,
    field: "",
    currentToken: 0,
    state: "",
    retryAfterMs: lookMs,
  };
}

/** Bytes that a file system which compresses has to store too. xorshift32: what they are does not matter. */
function incompressible(bytes: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let state = 0x9e3779b9;
  for (let i = 0; i < words.length; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, bytes);
}
