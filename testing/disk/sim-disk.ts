// A disk in memory that is as unkind as POSIX allows. Deterministic: all chance comes from the injected function, there
// is no clock, and every operation passes `gate`, which may wait (virtual time, stalls) or throw (EIO, ENOSPC).
//
// Content: a write is in the page cache until `sync`. At a crash every 512-byte sector of every unsynced write is kept
// or lost by itself, some are torn inside, the size may have grown without content (zeros), truncations may be undone.
// Names: a create, rename or remove is certain only after `syncDirectory`; before, each name by itself may be found in
// any of its states since then.
// A failed sync throws the pending writes away although the cache still shows them, as Linux does (F2).

import type { Disk, DiskFile, OpenMode } from "../../node/log/disk.ts";
import { crashed } from "./crash.ts";
import { diskError } from "./disk-error.ts";
import { Content, Inode } from "./inode.ts";
import { SimFile } from "./sim-file.ts";

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

/** The states of a name since the last sync of its directory, the durable one first; undefined: no such name. */
type NameHistory = (Inode | undefined)[];

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
