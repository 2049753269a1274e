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
  | "sync-directory"
  | "free-bytes";

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
  readonly observer?: DiskObserver;
}

/** Told what is certain: for whoever checks what is on the disk. */
export interface DiskObserver {
  /** `content` of the file is durable; it differs from what was durable before at `from` and behind it only. */
  synced(path: string, content: Buffer, from: number): void;
  removed(path: string): void;
}

export function diskError(code: "EIO" | "ENOSPC" | "ENOENT" | "EBADF", path: string): Error {
  return Object.assign(new Error(`${code}: simulated, ${path}`), { code });
}

type Pending =
  | { readonly kind: "write"; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: "truncate"; readonly size: number };

/** Bytes that grow at the end without being copied each time. */
class Content {
  private buffer = Buffer.alloc(0);
  private used = 0;

  static of(bytes: Buffer): Content {
    const content = new Content();
    content.write(0, bytes);
    return content;
  }

  get length(): number {
    return this.used;
  }

  /** A view: valid until the next change. */
  get bytes(): Buffer {
    return this.buffer.subarray(0, this.used);
  }

  write(at: number, bytes: Buffer): void {
    const end = at + bytes.byteLength;
    if (end > this.used) this.resize(end);
    bytes.copy(this.buffer, at);
  }

  /** What is gained is zero. */
  resize(size: number): void {
    if (size > this.buffer.length) {
      const larger = Buffer.alloc(Math.max(size, 2 * this.buffer.length, 256));
      this.buffer.copy(larger, 0, 0, this.used);
      this.buffer = larger;
    } else if (size > this.used) this.buffer.fill(0, this.used, size);
    this.used = size;
  }

  apply(change: Pending): void {
    if (change.kind === "write") this.write(change.at, change.bytes);
    else this.resize(change.size);
  }
}

class Inode {
  durable = new Content();
  cached = new Content();
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
  /** Infinity: no bound. */
  capacityBytes: number;
  /** Unsynced writes that the crash before this disk's beginning lost, as a whole or in part. */
  tornWrites = 0;

  constructor(options: SimDiskOptions) {
    this.options = options;
    this.capacityBytes = options.capacityBytes ?? Infinity;
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
        const { content, torn } = crashed(inode, random, chance);
        survivor.durable = Content.of(content.bytes);
        survivor.cached = content;
        after.tornWrites += torn;
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

  /** Another disk with the same content, what is not durable included. */
  copy(options: SimDiskOptions = this.options): SimDisk {
    const copy = new SimDisk(options);
    const inodes = new Map<Inode, Inode>();
    const of = (inode: Inode | undefined): Inode | undefined => {
      if (inode === undefined) return undefined;
      let same = inodes.get(inode);
      if (same === undefined) {
        same = new Inode();
        same.durable = Content.of(inode.durable.bytes);
        same.cached = Content.of(inode.cached.bytes);
        same.pending = [...inode.pending];
        inodes.set(inode, same);
      }
      return same;
    };
    for (const [path, history] of this.names) copy.names.set(path, history.map(of));
    return copy;
  }

  /** Damage: changes bytes in the cache and on the disk alike. */
  damage(path: string, change: (content: Buffer) => Buffer): void {
    const inode = this.current(path);
    if (inode === undefined) throw diskError("ENOENT", path);
    const changed = change(Buffer.from(inode.cached.bytes));
    inode.cached = Content.of(changed);
    inode.durable = Content.of(changed);
    inode.pending = [];
  }

  /** Damage: the name is gone. */
  lose(path: string): void {
    this.names.delete(path);
  }

  content(path: string): Buffer {
    const inode = this.current(path);
    if (inode === undefined) throw diskError("ENOENT", path);
    return Buffer.from(inode.cached.bytes);
  }

  /** What is certain to survive. */
  durable(path: string): Buffer {
    return this.current(path)?.durable.bytes ?? Buffer.alloc(0);
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
      inode.cached = new Content();
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
    this.options.observer?.removed(path);
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

  async freeBytes(directory: string): Promise<number> {
    await this.perform("free-bytes", directory);
    return this.room(Number.MAX_SAFE_INTEGER);
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
    if (this.capacityBytes === Infinity) return wanted;
    return Math.max(0, Math.min(wanted, this.capacityBytes - this.usedBytes));
  }

  get usedBytes(): number {
    let used = 0;
    for (const path of this.names.keys()) used += this.current(path)?.cached.length ?? 0;
    return used;
  }

  synced(path: string, content: Buffer, from: number): void {
    this.options.observer?.synced(path, content, from);
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

/** What a crash leaves of a file. */
function crashed(
  inode: Inode,
  random: () => number,
  chance: number,
): { content: Content; torn: number } {
  const content = Content.of(inode.durable.bytes);
  let torn = 0;
  for (const change of inode.pending) {
    if (change.kind === "truncate") {
      if (random() < chance) content.resize(change.size);
      continue;
    }
    const { at, bytes } = change;
    let isWhole = true;
    let from = 0;
    while (from < bytes.byteLength) {
      const sectorEnd = (Math.floor((at + from) / sectorBytes) + 1) * sectorBytes - at;
      let to = Math.min(bytes.byteLength, sectorEnd);
      const next = to;
      if (random() < chance) {
        if (chance < 1 && random() < 0.1) to = from + Math.floor(random() * (to - from));
        if (to > from) content.write(at + from, bytes.subarray(from, to));
        isWhole &&= to === next;
      } else {
        isWhole = false;
        // The size was written, the content was not.
        if (random() < chance && at + to > content.length) content.resize(at + to);
      }
      from = next;
    }
    if (!isWhole) torn += 1;
  }
  return { content, torn };
}
