// A small value that is overwritten in place: two slots a page apart, each with a counter and a checksum; the valid
// slot with the higher counter holds. A write torn by a crash leaves the other slot.
//   S1. The slot that holds is never the one being written.
//   S2. Written with two copies, a value survives the loss of either slot: damage to one slot never brings an older
//       value back.
//   S3. The file appears by rename, complete: a file without a valid slot is damage, never a crash.

import { crc32c } from "./crc.ts";
import { replaceFile } from "./disk.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { CorruptLogError, assert } from "./errors.ts";

/** Two slots never share a page, the unit that a disk or file system tears. Unit: bytes. */
const slotStrideBytes = 4096;
const formatVersion = 1;
/** magic u32, version u16, payload length u16, counter u48; then the payload, then crc32c u32. */
const headBytes = 14;
const payloadBytesMax = 64;

interface SlotContent {
  readonly counter: number;
  readonly payload: Buffer;
}

function encodeSlot(magic: number, { counter, payload }: SlotContent): Buffer {
  assert(payload.byteLength <= payloadBytesMax, "a slot's payload is too long");
  const bytes = Buffer.alloc(headBytes + payload.byteLength + 4);
  bytes.writeUInt32BE(magic, 0);
  bytes.writeUInt16LE(formatVersion, 4);
  bytes.writeUInt16LE(payload.byteLength, 6);
  bytes.writeUIntLE(counter, 8, 6);
  bytes.set(payload, headBytes);
  const end = headBytes + payload.byteLength;
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, end)), end);
  return bytes;
}

function decodeSlot(magic: number, bytes: Buffer): SlotContent | undefined {
  if (bytes.byteLength < headBytes + 4 || bytes.readUInt32BE(0) !== magic) return undefined;
  const end = headBytes + bytes.readUInt16LE(6);
  if (end > headBytes + payloadBytesMax || bytes.byteLength < end + 4) return undefined;
  if (crc32c(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) return undefined;
  const version = bytes.readUInt16LE(4);
  if (version !== formatVersion) {
    throw new Error(`slot format ${version} is not known to this version of raftq`);
  }
  return { counter: bytes.readUIntLE(8, 6), payload: bytes.subarray(headBytes, end) };
}

export interface OpenedSlots {
  readonly slots: SlotFile;
  readonly payload: Buffer;
  /** The number of the damaged slot, if one is. */
  readonly damaged: number | undefined;
}

export class SlotFile {
  private readonly file: DiskFile;
  private readonly magic: number;
  private current: number;
  private counter: number;

  private constructor(file: DiskFile, magic: number, current: number, counter: number) {
    this.file = file;
    this.magic = magic;
    this.current = current;
    this.counter = counter;
  }

  static async create(
    disk: Disk,
    directory: string,
    name: string,
    magic: number,
    payload: Buffer,
  ): Promise<void> {
    const slot = encodeSlot(magic, { counter: 1, payload });
    const bytes = Buffer.alloc(slotStrideBytes + slot.byteLength);
    bytes.set(slot, 0);
    bytes.set(slot, slotStrideBytes);
    await replaceFile(disk, directory, name, bytes);
  }

  static async open(disk: Disk, path: string, magic: number): Promise<OpenedSlots> {
    const file = await disk.open(path, "write");
    const found: (SlotContent | undefined)[] = [];
    for (const number of [0, 1]) {
      const bytes = Buffer.alloc(headBytes + payloadBytesMax + 4);
      const read = await file.read(bytes, number * slotStrideBytes);
      found.push(decodeSlot(magic, bytes.subarray(0, read)));
    }
    const [zero, one] = found;
    const current = (one?.counter ?? 0) > (zero?.counter ?? 0) ? 1 : 0;
    const holds = found[current];
    if (holds === undefined) {
      await file.close();
      throw new CorruptLogError(path, 0, "one of the two slots must have a valid checksum (S3)");
    }
    const damaged = found[1 - current] === undefined ? 1 - current : undefined;
    return {
      slots: new SlotFile(file, magic, current, holds.counter),
      payload: holds.payload,
      damaged,
    };
  }

  /** Durable when it resolves. Two copies cost two syncs: for what must survive damage to a slot (S2). */
  async write(payload: Buffer, copies: 1 | 2): Promise<void> {
    for (let copy = 0; copy < copies; copy++) {
      const target = 1 - this.current;
      const counter = this.counter + 1;
      await this.file.write(
        [encodeSlot(this.magic, { counter, payload })],
        target * slotStrideBytes,
      );
      await this.file.sync();
      this.current = target;
      this.counter = counter;
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
