// A file of the simulated disk that is open.

import type { DiskFile } from "../../node/log/disk.ts";
import { diskError } from "./disk-error.ts";
import type { Inode } from "./inode.ts";
import type { SimDisk } from "./sim-disk.ts";

export class SimFile implements DiskFile {
  private readonly disk: SimDisk;
  private readonly path: string;
  private readonly inode: Inode;
  private open = true;

  constructor(disk: SimDisk, path: string, inode: Inode) {
    this.disk = disk;
    this.path = path;
    this.inode = inode;
  }

  async write(buffers: readonly Uint8Array[], at: number): Promise<void> {
    this.assertOpen();
    let bytes = Buffer.concat(buffers);
    let failed: unknown;
    try {
      await this.disk.perform("write", this.path);
    } catch (error) {
      // A write that fails may have written a part.
      failed = error;
      bytes = bytes.subarray(0, Math.floor(bytes.byteLength / 2));
    }
    const growth = Math.max(0, at + bytes.byteLength - this.inode.cached.length);
    const room = this.disk.room(growth);
    if (room < growth) {
      failed ??= diskError("ENOSPC", this.path);
      bytes = bytes.subarray(0, Math.max(0, bytes.byteLength - (growth - room)));
    }
    if (bytes.byteLength > 0) {
      this.inode.cached.write(at, bytes);
      this.inode.pending.push({ kind: "write", at, bytes });
    }
    if (failed !== undefined) throw failed as Error;
  }

  async read(buffer: Uint8Array, at: number): Promise<number> {
    this.assertOpen();
    await this.disk.perform("read", this.path);
    const found = this.inode.cached.bytes.subarray(at, at + buffer.byteLength);
    buffer.set(found);
    return found.byteLength;
  }

  async sync(): Promise<void> {
    this.assertOpen();
    try {
      await this.disk.perform("sync", this.path);
    } catch (error) {
      this.inode.pending = [];
      throw error;
    }
    const { durable, pending } = this.inode;
    if (pending.length === 0) return;
    let from = Infinity;
    for (const change of pending) {
      from = Math.min(from, change.kind === "write" ? change.at : change.size);
      durable.apply(change);
    }
    this.inode.pending = [];
    this.disk.synced(this.path, durable.bytes, from);
  }

  async truncate(size: number): Promise<void> {
    this.assertOpen();
    await this.disk.perform("truncate", this.path);
    this.inode.cached.resize(size);
    this.inode.pending.push({ kind: "truncate", size });
  }

  async size(): Promise<number> {
    this.assertOpen();
    await this.disk.perform("size", this.path);
    return this.inode.cached.length;
  }

  async close(): Promise<void> {
    this.assertOpen();
    await this.disk.perform("close", this.path);
    this.open = false;
  }

  private assertOpen(): void {
    if (!this.open) throw diskError("EBADF", this.path);
  }
}
