// The durable guard (F5): a statement outside the segments that the log was durable through some entry. It lags behind
// by a bounded number of entries and bytes, and it is exact after a clean close.
//
// What it promises: an entry at or below the guard is never lost silently. What it cannot promise: entries above it
// that stand in the last group written, or in whole groups cut off exactly at a record boundary, look like a crash
// before they were durable. Damage in an older group is found without the guard (record.ts, C2).
//   U1. The guard never says more than is durable.
//   U2. It is lowered, durably and in both copies, before a conflicting suffix is removed.

import type { Disk } from "./disk.ts";
import { CorruptLogError } from "./errors.ts";
import { SlotFile } from "./slots.ts";

export const guardName = "guard";
/** "GARD" */
const magic = 0x47415244;

export interface GuardValue {
  /** The generation of the log it speaks about: a guard of an older one says nothing. */
  readonly generation: number;
  readonly index: number;
  readonly term: number;
  readonly chain: number;
}

/** generation u32, index u48, term u48, chain u32 */
function encode(value: GuardValue): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt32LE(value.generation, 0);
  bytes.writeUIntLE(value.index, 4, 6);
  bytes.writeUIntLE(value.term, 10, 6);
  bytes.writeUInt32LE(value.chain, 16);
  return bytes;
}

export class GuardFile {
  private readonly slots: SlotFile;
  private value: GuardValue;
  private raising: Promise<void> | undefined;

  private constructor(slots: SlotFile, value: GuardValue) {
    this.slots = slots;
    this.value = value;
  }

  /** What the disk says, or is about to say. */
  get current(): GuardValue {
    return this.value;
  }

  static create(disk: Disk, directory: string): Promise<void> {
    return SlotFile.create(
      disk,
      directory,
      guardName,
      magic,
      encode({ generation: 0, index: 0, term: 0, chain: 0 }),
    );
  }

  static async open(
    disk: Disk,
    directory: string,
  ): Promise<{ file: GuardFile; damaged: number | undefined }> {
    const path = `${directory}/${guardName}`;
    const { slots, payload, damaged } = await SlotFile.open(disk, path, magic);
    if (payload.byteLength !== 20) throw new CorruptLogError(path, 0, "20 bytes of guard");
    const value = {
      generation: payload.readUInt32LE(0),
      index: payload.readUIntLE(4, 6),
      term: payload.readUIntLE(10, 6),
      chain: payload.readUInt32LE(16),
    };
    return { file: new GuardFile(slots, value), damaged };
  }

  /** Raises it beside the appends, unless that is under way already; appends do not wait for it. */
  raise(value: GuardValue, failed: (error: unknown) => void): void {
    if (this.raising !== undefined) return;
    this.value = value;
    this.raising = this.slots
      .write(encode(value), 1)
      .catch(failed)
      .finally(() => (this.raising = undefined));
  }

  /** Durable, in both copies, when it resolves (U2). */
  async set(value: GuardValue): Promise<void> {
    await this.raising;
    await this.slots.write(encode(value), 2);
    this.value = value;
  }

  async close(): Promise<void> {
    await this.raising;
    await this.slots.close();
  }
}
