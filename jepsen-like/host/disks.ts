// Nodes of a running cluster on disks of their own (loop-disk.ts), for as long as a fault needs it.
//   DI1. A disk is mounted over the directory that holds a node's data directory: no path changes.
//   DI2. Moving stops the node as an operator would, and starts it again if it ran.
//   DI3. After the fault the node's files go back to where they were: whoever else works with its directory meets no mount, and the
//        run's directory is complete. While a disk is mounted, nothing older lies below it.

import { cp, mkdir, readdir, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Cluster } from "../cluster/contract.ts";
import { missing } from "./command.ts";
import { cleanLeftovers, nameOf } from "./leftovers.ts";
import { LoopDisk } from "./loop-disk.ts";
import { cutPower, whyNoCut } from "./power.ts";

/** Undefined: power can be taken from disks here. Tries it once, on a small disk in `directory`. */
export async function whyNoDisks(directory: string): Promise<string | undefined> {
  if (process.platform !== "linux") return "it needs Linux";
  if (process.getuid?.() !== 0) return "mounting needs root";
  const tool = await missing("mkfs.ext4", "e2fsck", "mount", "umount", "losetup");
  if (tool !== undefined) return `${tool} is not installed`;
  const noCut = await whyNoCut();
  if (noCut !== undefined) return noCut;
  cleanLeftovers();
  const mountPoint = join(directory, nameOf("probe.mnt"));
  try {
    await mkdir(directory, { recursive: true });
    const disk = await LoopDisk.make(join(directory, nameOf("probe.img")), mountPoint, 128 << 20);
    try {
      await disk.mount();
      await disk.losePower();
      await disk.repair();
    } finally {
      await disk.remove();
      await rm(mountPoint, { recursive: true, force: true });
    }
    return undefined;
  } catch (error) {
    return `no ext4 on a loop device: ${(error as Error).message.split("\n")[0] ?? ""}`;
  }
}

const all = new WeakMap<Cluster, Disks>();

export class Disks {
  readonly #cluster: Cluster;
  readonly #directory: string;
  readonly #disks = new Map<number, LoopDisk>();
  /** Nodes that were started with a watermark that fits their disk (disk-faults.ts). */
  readonly watermarked = new Set<number>();

  private constructor(cluster: Cluster, directory: string) {
    this.#cluster = cluster;
    this.#directory = directory;
  }

  /** Those of a cluster; `directory` is where images are kept. */
  static of(cluster: Cluster, directory: string): Disks {
    const disks = all.get(cluster) ?? new Disks(cluster, directory);
    all.set(cluster, disks);
    return disks;
  }

  /** The disk of a node; the node is moved to it when it has none (DI2). */
  async ensure(id: number): Promise<LoopDisk> {
    const existing = this.#disks.get(id);
    if (existing !== undefined) return existing;
    const mountPoint = await mountPointOf(this.#cluster.dataDirectory(id));
    const ran = this.#cluster.isRunning(id);
    if (ran) await this.#cluster.stop(id);
    await mkdir(this.#directory, { recursive: true });
    const disk = await LoopDisk.make(join(this.#directory, nameOf(`node-${id}.img`)), mountPoint);
    const aside = `${disk.image}.mnt`;
    await disk.mount(aside);
    await rmdir(join(aside, "lost+found"));
    await copy(mountPoint, aside);
    await disk.unmount(aside);
    await rmdir(aside);
    for (const name of await readdir(mountPoint))
      await rm(join(mountPoint, name), { recursive: true, force: true });
    await disk.mount();
    this.#disks.set(id, disk);
    if (ran && !(await this.#cluster.start(id)))
      throw new Error(`node ${id} did not start on the disk that it was moved to`);
    return disk;
  }

  /** All of them at once. */
  async losePower(ids: readonly number[]): Promise<void> {
    await cutPower(ids.flatMap((id) => this.#disks.get(id)?.mountPoint ?? []));
  }

  /** DI3. A node that runs is stopped for it, and is down afterwards: `start` it. */
  async giveBack(id: number): Promise<void> {
    const disk = this.#disks.get(id);
    if (disk === undefined) return;
    if (this.#cluster.isRunning(id)) await this.#cluster.stop(id);
    await putBack(disk);
    this.#disks.delete(id);
    this.watermarked.delete(id);
  }

  /** After the cluster's end: what a fault that failed has left. */
  async close(): Promise<void> {
    for (const disk of this.#disks.values()) await putBack(disk);
    this.#disks.clear();
  }
}

async function putBack(disk: LoopDisk): Promise<void> {
  const aside = `${disk.image}.mnt`;
  if (disk.isMounted) await disk.unmount();
  await disk.mount(aside);
  await copy(aside, disk.mountPoint);
  await disk.unmount(aside);
  await disk.remove();
  await rm(aside, { recursive: true, force: true });
}

/** DI1; the data directory itself where something else lies beside it. */
async function mountPointOf(dataDirectory: string): Promise<string> {
  const parent = dirname(dataDirectory);
  await mkdir(dataDirectory, { recursive: true });
  const there = await readdir(parent);
  return there.every((name) => name === basename(dataDirectory)) ? parent : dataDirectory;
}

async function copy(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) {
    if (name === "lost+found") continue;
    await cp(join(from, name), join(to, name), { recursive: true, preserveTimestamps: true });
  }
}
