// The Disk port over node:fs. Whatever waits for the device runs on the libuv pool, fdatasync above all. A file is closed only
// when its own calls have returned: the log does so.

import { constants, fdatasync, writev, writevSync } from "node:fs";
import { mkdir, open, readdir, rename, statfs, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

import type { Disk, DiskFile, OpenMode } from "./disk.ts";

const flags: Readonly<Record<OpenMode, number>> = {
  create: constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
  write: constants.O_RDWR,
  read: constants.O_RDONLY,
};

/**
 * Writes of up to this many bytes are made at once, on the main thread: into the page cache that takes 10 to 40 us, less than the
 * way to the pool and back costs. Where the kernel makes even such a write wait, the node is silent as one that was stopped, and
 * the others go on without it (F8).
 */
const atOnceBytesMax = 128 * 1024;

class NodeFile implements DiskFile {
  private readonly handle: FileHandle;

  constructor(handle: FileHandle) {
    this.handle = handle;
  }

  async write(buffers: readonly Uint8Array[], at: number): Promise<void> {
    let rest = buffers;
    let position = at;
    let bytes = 0;
    for (const buffer of buffers) bytes += buffer.byteLength;
    while (bytes > 0) {
      const bytesWritten =
        bytes <= atOnceBytesMax
          ? writevSync(this.handle.fd, rest, position)
          : await writeSome(this.handle.fd, rest, position);
      // A full disk may show as a short write before it shows as ENOSPC: go on until there is an error or an end.
      if (bytesWritten === 0) throw new Error("write: the disk took no bytes and gave no error");
      position += bytesWritten;
      bytes -= bytesWritten;
      if (bytes > 0) rest = dropFront(rest, bytesWritten);
    }
  }

  async read(buffer: Uint8Array, at: number): Promise<number> {
    let filled = 0;
    while (filled < buffer.byteLength) {
      const { bytesRead } = await this.handle.read(
        buffer,
        filled,
        buffer.byteLength - filled,
        at + filled,
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) =>
      fdatasync(this.handle.fd, (error) => {
        if (error === null) resolve();
        else reject(error);
      }),
    );
  }

  truncate(size: number): Promise<void> {
    return this.handle.truncate(size);
  }

  async size(): Promise<number> {
    return (await this.handle.stat()).size;
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/** With callbacks, as `sync`: the promises of FileHandle cost the main thread a third more (80 against 60 us for both). */
function writeSome(fd: number, buffers: readonly Uint8Array[], at: number): Promise<number> {
  return new Promise((resolve, reject) =>
    writev(fd, buffers, at, (error, bytes) => {
      if (error === null) resolve(bytes);
      else reject(error);
    }),
  );
}

function dropFront(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let drop = bytes;
  for (const buffer of buffers) {
    if (drop >= buffer.byteLength) drop -= buffer.byteLength;
    else {
      rest.push(drop === 0 ? buffer : buffer.subarray(drop));
      drop = 0;
    }
  }
  return rest;
}

export class NodeDisk implements Disk {
  async makeDirectory(path: string): Promise<void> {
    await mkdir(path, { recursive: true });
  }

  async list(directory: string): Promise<readonly string[]> {
    try {
      const found = await readdir(directory, { withFileTypes: true });
      return found.filter((item) => item.isFile()).map((item) => item.name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    return new NodeFile(await open(path, flags[mode], 0o640));
  }

  rename(from: string, to: string): Promise<void> {
    return rename(from, to);
  }

  remove(path: string): Promise<void> {
    return unlink(path);
  }

  async freeBytes(directory: string): Promise<number> {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows opens no directories and makes names durable by itself.
    if (process.platform === "win32") return;
    const handle = await open(path, constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}
