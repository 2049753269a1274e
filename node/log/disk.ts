// What the log needs from a disk, and nothing more. node-disk.ts satisfies it with node:fs, the tests with a simulated
// disk that loses and tears whatever was not synced.
//   D1. Bytes written survive a crash only after a `sync` of the file that began after the write had ended.
//   D2. A created, renamed or removed name survives a crash only after `syncDirectory` of its directory (F3).
//   D3. After an error of `write`, `truncate` or `sync` nothing is known about the file: nobody retries (F2).

import { CorruptLogError } from "./errors.ts";

export interface DiskFile {
  /** Writes all buffers, in order, from byte `at`; handles short writes. */
  write(buffers: readonly Uint8Array[], at: number): Promise<void>;
  /** Reads into `buffer` from byte `at`; returns the bytes read, fewer than asked only at the end of the file. */
  read(buffer: Uint8Array, at: number): Promise<number>;
  /** fdatasync: the content and the size. */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** `create` empties a file that exists already; `write` and `read` want it to exist. */
export type OpenMode = "create" | "write" | "read";

export interface Disk {
  /** Also makes the parents. */
  makeDirectory(path: string): Promise<void>;
  /** Names of the files in the directory, in no order; none if there is no such directory. */
  list(directory: string): Promise<readonly string[]>;
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Replaces `to` if it exists. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /** Bytes that may still be written to the file system of this directory. */
  freeBytes(directory: string): Promise<number>;
}

/** Reads a whole small file; fails if it is larger than `bytesMax`. */
export async function readWhole(disk: Disk, path: string, bytesMax: number): Promise<Buffer> {
  const file = await disk.open(path, "read");
  try {
    const size = await file.size();
    if (size > bytesMax) throw new CorruptLogError(path, bytesMax, `at most ${bytesMax} bytes`);
    const bytes = Buffer.alloc(size);
    const read = await file.read(bytes, 0);
    return bytes.subarray(0, read);
  } finally {
    await file.close();
  }
}

/** Replaces a small file so that a crash leaves the old content or the new one, nothing else (E5, F3). */
export async function replaceFile(
  disk: Disk,
  directory: string,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const path = `${directory}/${name}`;
  const file = await disk.open(`${path}.tmp`, "create");
  try {
    await file.write([bytes], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(`${path}.tmp`, path);
  await disk.syncDirectory(directory);
}
