// {term, vote} on disk (R2, A1, A3). Written in two copies: a damaged slot must never bring an older vote back, for
// then this node could vote twice in a term.

import type { HardState } from "../../raft/index.ts";

import type { Disk } from "./disk.ts";
import { CorruptLogError, assert } from "./errors.ts";
import { SlotFile } from "./slots.ts";

export const hardStateName = "hard-state";
/** "HARD" */
const magic = 0x48415244;

/** term u48, vote u48; 0 is no vote, for node ids are positive. */
function encode({ term, vote }: HardState): Buffer {
  assert(vote === undefined || vote > 0, "a vote is for a positive node id");
  const bytes = Buffer.alloc(12);
  bytes.writeUIntLE(term, 0, 6);
  bytes.writeUIntLE(vote ?? 0, 6, 6);
  return bytes;
}

export class HardStateFile {
  private readonly slots: SlotFile;
  private value: HardState;

  private constructor(slots: SlotFile, value: HardState) {
    this.slots = slots;
    this.value = value;
  }

  get current(): HardState {
    return this.value;
  }

  static create(disk: Disk, directory: string): Promise<void> {
    return SlotFile.create(
      disk,
      directory,
      hardStateName,
      magic,
      encode({ term: 0, vote: undefined }),
    );
  }

  /** Reads it and writes it again: what was read may so far be in the page cache only (see recovery.ts, P3). */
  static async open(
    disk: Disk,
    directory: string,
  ): Promise<{ file: HardStateFile; damaged: number | undefined }> {
    const path = `${directory}/${hardStateName}`;
    const { slots, payload, damaged } = await SlotFile.open(disk, path, magic);
    if (payload.byteLength !== 12) throw new CorruptLogError(path, 0, "12 bytes of hard state");
    const vote = payload.readUIntLE(6, 6);
    const value = { term: payload.readUIntLE(0, 6), vote: vote === 0 ? undefined : vote };
    const file = new HardStateFile(slots, value);
    await slots.write(encode(value), 2);
    return { file, damaged };
  }

  async write(next: HardState): Promise<void> {
    const { term, vote } = this.value;
    assert(next.term >= term, "A1: the term never goes back");
    assert(
      next.term > term || vote === undefined || next.vote === vote,
      "A2: one vote in a term, and it is never taken back",
    );
    await this.slots.write(encode(next), 2);
    this.value = next;
  }

  close(): Promise<void> {
    return this.slots.close();
  }
}
