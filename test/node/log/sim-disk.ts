// A disk in memory that is as unkind as POSIX allows. Deterministic: all chance comes from the injected function, there
// is no clock, and every operation passes `gate`, which may wait (virtual time, stalls) or throw (EIO, ENOSPC).
//
// Content: a write is in the page cache until `sync`. At a crash every 512-byte sector of every unsynced write is kept
// or lost by itself, some are torn inside, the size may have grown without content (zeros), truncations may be undone.
// Names: a create, rename or remove is certain only after `syncDirectory`; before, each name by itself may be found in
// any of its states since then.
// A failed sync throws the pending writes away although the cache still shows them, as Linux does (F2).

import type { Disk, DiskFile, OpenMode } from "../../../node/log/disk.ts";

export type OperationKind =
  | "open"
  | "close"
  | "read"
  | "write"
  | "sync"
  | "truncate"
  | "size"
  | "list"
  | "make-directory"
  | "rename"
  | "remove"
  | "sync-directory";

export interface Operation {
  readonly kind: OperationKind;
  readonly path: string;
  /** Counts from 1, over all operations of this disk that change something. 0 for those that do not. */
  readonly number: number;
}

export interface SimDiskOptions {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Runs before each operation: throw to make it fail, wait to make it slow, never resolve to hang it. */
  readonly gate?: (operation: Operation) => void | Promise<void>;
  /** Bytes that all files together may have; a write above fails with ENOSPC after part of it was taken. */
  readonly capacityBytes?: number;
}

export function diskError(code: "EIO" | "ENOSPC" | "ENOENT" | "EBADF", path: string): Error {
  return Object.assign(new Error(`${code}: simulated, ${path}`), { code });
}

type Pending =
  | { readonly kind: "write"; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: "truncate"; readonly size: number };

class Inode {
  durable: Buffer = Buffer.alloc(0);
  cached: Buffer = Buffer.alloc(0);
  pending: Pending[] = [];
}

/** The states of a name since the last sync of its directory, the durable one first; undefined: no such name. */
type NameHistory = (Inode | undefined)[];

const sectorBytes = 512;
const changes: ReadonlySet<OperationKind> = new Set<OperationKind>([
  "write",
  "sync",
  "truncate",
  "rename",
  "remove",
  "sync-directory",
]);

export class SimDisk implements Disk {
  readonly counts = new Map<OperationKind, number>();
  private readonly options: SimDiskOptions;
  private readonly names = new Map<string, NameHistory>();
  private operations = 0;
  private dead = false;

  constructor(options: SimDiskOptions) {
    this.options = options;
  }

  /** Operations so far that changed something. */
  get changes(): number {
    return this.operations;
  }

  count(kind: OperationKind): number {
    return this.counts.get(kind) ?? 0;
  }

  /** The machine loses power: this disk answers no more, and the one returned has what survived. */
  crash(options: SimDiskOptions = this.options): SimDisk {
    this.dead = true;
    const after = new SimDisk(options);
    const { random } = this.options;
    // Everything, nothing or a mixture: pure chance would rarely reach the two extremes.
    const keep = random();
    const chance = keep < 0.25 ? 0 : keep < 0.5 ? 1 : random();
    const survivors = new Map<Inode, Inode>();
    for (const [path, history] of this.names) {
      const last = history.length - 1;
      const inode = history[random() < chance ? last : Math.floor(random() * (last + 1))];
      if (inode === undefined) continue;
      let survivor = survivors.get(inode);
      if (survivor === undefined) {
        survivor = new Inode();
        survivor.durable = crashed(inode, random, chance);
        survivor.cached = Buffer.from(survivor.durable);
        survivors.set(inode, survivor);
      }
      after.names.set(path, [survivor]);
    }
    return after;
  }

  /** The process dies and the machine lives on: the cache stays. This disk answers no more. */
  kill(options: SimDiskOptions = this.options): SimDisk {
    this.dead = true;
    const after = new SimDisk(options);
    for (const [path, history] of this.names) after.names.set(path, history);
    return after;
  }

  /** Damage: changes bytes in the cache and on the disk alike. */
  damage(path: string, change: (content: Buffer) => Buffer): void {
    const inode = this.current(path);
    if (inode === undefined) throw diskError("ENOENT", path);
    inode.cached = change(Buffer.from(inode.cached));
    inode.durable = Buffer.from(inode.cached);
    inode.pending = [];
  }

  /** Damage: the name is gone. */
  lose(path: string): void {
    this.names.delete(path);
  }

  content(path: string): Buffer {
    const inode = this.current(path);
    if (inode === undefined) throw diskError("ENOENT", path);
    return Buffer.from(inode.cached);
  }

  paths(): string[] {
    return [...this.names.keys()].filter((path) => this.current(path) !== undefined).sort();
  }

  async makeDirectory(path: string): Promise<void> {
    await this.perform("make-directory", path);
  }

  async list(directory: string): Promise<readonly string[]> {
    await this.perform("list", directory);
    const prefix = `${directory}/`;
    return this.paths()
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/"))
      .map((path) => path.slice(prefix.length));
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    await this.perform("open", path);
    let inode = this.current(path);
    if (inode === undefined) {
      if (mode !== "create") throw diskError("ENOENT", path);
      inode = new Inode();
      this.bind(path, inode);
    } else if (mode === "create") {
      inode.cached = Buffer.alloc(0);
      inode.pending.push({ kind: "truncate", size: 0 });
    }
    return new SimFile(this, path, inode);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.perform("rename", from);
    const inode = this.current(from);
    if (inode === undefined) throw diskError("ENOENT", from);
    this.bind(from, undefined);
    this.bind(to, inode);
  }

  async remove(path: string): Promise<void> {
    await this.perform("remove", path);
    if (this.current(path) === undefined) throw diskError("ENOENT", path);
    this.bind(path, undefined);
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.perform("sync-directory", directory);
    const prefix = `${directory}/`;
    for (const [path, history] of this.names) {
      if (!path.startsWith(prefix) || path.slice(prefix.length).includes("/")) continue;
      const now = history.at(-1);
      if (now === undefined) this.names.delete(path);
      else this.names.set(path, [now]);
    }
  }

  /** Used by SimFile: counts, passes the gate, and hangs for ever on a disk that has crashed. */
  async perform(kind: OperationKind, path: string): Promise<void> {
    if (this.dead) await new Promise(() => undefined);
    this.counts.set(kind, this.count(kind) + 1);
    const number = changes.has(kind) ? ++this.operations : 0;
    await this.options.gate?.({ kind, path, number });
    if (this.dead) await new Promise(() => undefined);
  }

  /** Bytes of `wanted` that still fit. */
  room(wanted: number): number {
    const { capacityBytes = Infinity } = this.options;
    let used = 0;
    for (const path of this.paths()) used += this.current(path)?.cached.byteLength ?? 0;
    return Math.max(0, Math.min(wanted, capacityBytes - used));
  }

  private current(path: string): Inode | undefined {
    return this.names.get(path)?.at(-1);
  }

  private bind(path: string, inode: Inode | undefined): void {
    const history = this.names.get(path) ?? [undefined];
    this.names.set(path, [...history, inode]);
  }
}

class SimFile implements DiskFile {
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
    const growth = Math.max(0, at + bytes.byteLength - this.inode.cached.byteLength);
    const room = this.disk.room(growth);
    if (room < growth) {
      failed ??= diskError("ENOSPC", this.path);
      bytes = bytes.subarray(0, Math.max(0, bytes.byteLength - (growth - room)));
    }
    if (bytes.byteLength > 0) {
      this.inode.cached = overwritten(this.inode.cached, at, bytes);
      this.inode.pending.push({ kind: "write", at, bytes });
    }
    if (failed !== undefined) throw failed as Error;
  }

  async read(buffer: Uint8Array, at: number): Promise<number> {
    this.assertOpen();
    await this.disk.perform("read", this.path);
    const found = this.inode.cached.subarray(at, at + buffer.byteLength);
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
    this.inode.durable = applied(this.inode.durable, this.inode.pending);
    this.inode.pending = [];
  }

  async truncate(size: number): Promise<void> {
    this.assertOpen();
    await this.disk.perform("truncate", this.path);
    this.inode.cached = resized(this.inode.cached, size);
    this.inode.pending.push({ kind: "truncate", size });
  }

  async size(): Promise<number> {
    this.assertOpen();
    await this.disk.perform("size", this.path);
    return this.inode.cached.byteLength;
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

function resized(content: Buffer, size: number): Buffer {
  const next = Buffer.alloc(size);
  content.copy(next, 0, 0, size);
  return next;
}

function overwritten(content: Buffer, at: number, bytes: Buffer): Buffer {
  const end = at + bytes.byteLength;
  const next = end > content.byteLength ? resized(content, end) : content;
  bytes.copy(next, at);
  return next;
}

function applied(content: Buffer, pending: readonly Pending[]): Buffer {
  let next = content;
  for (const change of pending) {
    next =
      change.kind === "write"
        ? overwritten(next, change.at, change.bytes)
        : resized(next, change.size);
  }
  return next;
}

/** What a crash leaves of a file. */
function crashed(inode: Inode, random: () => number, chance: number): Buffer {
  let content: Buffer = Buffer.from(inode.durable);
  for (const change of inode.pending) {
    if (change.kind === "truncate") {
      if (random() < chance) content = resized(content, change.size);
      continue;
    }
    const { at, bytes } = change;
    let from = 0;
    while (from < bytes.byteLength) {
      const sectorEnd = (Math.floor((at + from) / sectorBytes) + 1) * sectorBytes - at;
      let to = Math.min(bytes.byteLength, sectorEnd);
      const next = to;
      if (random() < chance) {
        if (chance < 1 && random() < 0.1) to = from + Math.floor(random() * (to - from));
        if (to > from) content = overwritten(content, at + from, bytes.subarray(from, to));
      } else if (random() < chance) {
        // The size was written, the content was not.
        if (at + to > content.byteLength) content = resized(content, at + to);
      }
      from = next;
    }
  }
  return content;
}
