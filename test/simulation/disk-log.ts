// What is on a node's disk, read from its bytes as they become durable: independent of what the node believes (P1, F1).
//   D1. An entry counts from the sync of its file on, not before.
//   D2. The chain of an entry depends on everything before it (node/log/record.ts C1): two disks with the same chain at an
//       index have the same log up to there.
//   D3. Term and vote count from the sync of one of their two slots on (node/log/slots.ts); so does the guard.

import { crc32c } from "../../node/log/crc.ts";
import { guardName } from "../../node/log/guard.ts";
import { hardStateName } from "../../node/log/hard-state.ts";
import { decodeHeader, headerBytes, payloadMatches } from "../../node/log/record.ts";
import {
  decodeSegmentHeader,
  parseSegmentFileName,
  segmentHeaderBytes,
} from "../../node/log/segment.ts";
import type { EntryKind } from "../../raft/index.ts";
import type { DiskObserver, SimDisk } from "../../testing/disk/sim-disk.ts";

const slotStrideBytes = 4_096;
const slotHeadBytes = 14;

/** The payload of the slot that holds (node/log/slots.ts). */
function newestSlot(content: Buffer): Buffer | undefined {
  let newest: { counter: number; payload: Buffer } | undefined;
  for (const start of [0, slotStrideBytes]) {
    if (content.length < start + slotHeadBytes) continue;
    const end = start + slotHeadBytes + content.readUInt16LE(start + 6);
    if (content.length < end + 4) continue;
    if (crc32c(content.subarray(start, end)) !== content.readUInt32LE(end)) continue;
    const counter = content.readUIntLE(start + 8, 6);
    if (counter > (newest?.counter ?? -1))
      newest = { counter, payload: content.subarray(start + slotHeadBytes, end) };
  }
  return newest?.payload;
}

export interface DiskEntry {
  readonly index: number;
  readonly term: number;
  readonly kind: EntryKind;
  readonly chain: number;
  readonly payload: Buffer;
}

interface File {
  readonly path: string;
  readonly generation: number;
  salt: number;
  /** Everything before is read. */
  readTo: number;
  readonly entries: { readonly offset: number; readonly entry: DiskEntry }[];
}

export class DiskLog implements DiskObserver {
  readonly #files = new Map<string, File>();
  readonly #entries = new Map<number, { readonly file: File; readonly entry: DiskEntry }>();
  readonly #onEntry: (entry: DiskEntry) => void;
  /** The highest index; 0: none. */
  last = 0;
  /** The highest index that was durable here and went with its file. */
  #removedThrough = 0;
  /** D3. */
  hardState = { term: 0, vote: 0 };
  /** Nothing up to here may be lost without a word (F5). */
  guard = { generation: 0, index: 0 };

  /** `onEntry`: each entry that has become durable. */
  constructor(onEntry: (entry: DiskEntry) => void) {
    this.#onEntry = onEntry;
  }

  at(index: number): DiskEntry | undefined {
    return this.#entries.get(index)?.entry;
  }

  /** It was durable here, and the log has since been compacted past it: the node itself may not have taken that in yet. */
  isCompacted(index: number): boolean {
    if (index > this.#removedThrough) return false;
    for (const present of this.#entries.keys()) if (present <= index) return false;
    return true;
  }

  /** The disk as a whole is another one: after a crash, a damage, a repair. */
  reload(disk: SimDisk): void {
    this.#files.clear();
    this.#entries.clear();
    this.last = 0;
    this.#removedThrough = 0;
    this.hardState = { term: 0, vote: 0 };
    this.guard = { generation: 0, index: 0 };
    for (const path of disk.paths()) this.synced(path, disk.durable(path), 0);
  }

  synced(path: string, content: Buffer, from: number): void {
    const fileName = path.slice(path.lastIndexOf("/") + 1);
    const name = parseSegmentFileName(fileName);
    if (name === undefined) {
      this.#slots(fileName, content);
      return;
    }
    let file = this.#files.get(path);
    if (file === undefined) {
      file = { path, generation: name.generation, salt: 0, readTo: 0, entries: [] };
      this.#files.set(path, file);
    }
    this.#dropFrom(file, from);
    if (file.readTo === 0) {
      const header = content.length < segmentHeaderBytes ? undefined : decodeSegmentHeader(content);
      if (header === undefined) return;
      file.salt = header.salt;
      file.readTo = segmentHeaderBytes;
    }
    while (file.readTo + headerBytes <= content.length) {
      const header = decodeHeader(content, file.readTo, file.salt);
      if (header === undefined) break;
      const start = file.readTo + headerBytes;
      if (start + header.payloadBytes > content.length) break;
      const { index, term, kind, chain } = header;
      const payload = Buffer.from(content.subarray(start, start + header.payloadBytes));
      if (!payloadMatches(header, payload)) break;
      const entry = { index, term, kind, chain, payload };
      file.entries.push({ offset: file.readTo, entry });
      this.#add(file, entry);
      file.readTo = start + header.payloadBytes;
    }
  }

  #slots(fileName: string, content: Buffer): void {
    if (fileName === hardStateName) {
      const payload = newestSlot(content);
      if (payload === undefined) return;
      this.hardState = { term: payload.readUIntLE(0, 6), vote: payload.readUIntLE(6, 6) };
    } else if (fileName === guardName) {
      const payload = newestSlot(content);
      if (payload === undefined) return;
      this.guard = { generation: payload.readUInt32LE(0), index: payload.readUIntLE(4, 6) };
    }
  }

  removed(path: string): void {
    const file = this.#files.get(path);
    if (file === undefined) return;
    const end = file.entries.at(-1)?.entry.index ?? 0;
    this.#removedThrough = Math.max(this.#removedThrough, end);
    this.#dropFrom(file, 0);
    this.#files.delete(path);
  }

  #add(file: File, entry: DiskEntry): void {
    const present = this.#entries.get(entry.index);
    // Files of older generations are garbage.
    if (present !== undefined && present.file.generation > file.generation) return;
    this.#entries.set(entry.index, { file, entry });
    this.last = Math.max(this.last, entry.index);
    this.#onEntry(entry);
  }

  #dropFrom(file: File, offset: number): void {
    if (offset < segmentHeaderBytes) file.readTo = 0;
    for (;;) {
      const end = file.entries.at(-1);
      if (end === undefined) break;
      if (end.offset + headerBytes + end.entry.payload.length <= offset) break;
      file.entries.pop();
      file.readTo = Math.min(file.readTo, end.offset);
      const { index } = end.entry;
      if (this.#entries.get(index)?.file !== file) continue;
      this.#entries.delete(index);
      while (this.last > 0 && !this.#entries.has(this.last)) this.last -= 1;
    }
  }
}
