// A disk of its own for a node: a file as a block device, with ext4 on it. Power can be taken from it while the rest of the
// machine goes on: what had not been synced is then really gone, which `kill -9` never shows (the page cache survives that).
//   D1. Nothing reaches the disk but by a sync: journal commits by time are put off (commit=600). Losing power drops the page
//       cache and the open journal transaction (EXT4_IOC_SHUTDOWN, NOLOGFLUSH); what a sync had returned for stays.
//   D2. From the cut until `repair` every write, sync and read of the disk fails with EIO, for processes that had files open too.
//   D3. The image carries the process that made it, and the loop device goes with the mount (L1, L2).

import { mkdir, open, rm, statfs } from "node:fs/promises";
import { must, run } from "./command.ts";
import { hold, release, unmountNow } from "./leftovers.ts";
import { cutPower } from "./power.ts";

/** Sparse: only what is written costs space on the host. */
const standardBytes = 2 * 1024 * 1024 * 1024;
const mkfsFlags = ["-q", "-F", "-m", "0", "-N", "16384", "-J", "size=8", "-E"];
const lazy = "lazy_itable_init=1,lazy_journal_init=1,nodiscard";
const unmountMsMax = 10_000;

export class LoopDisk {
  readonly image: string;
  readonly #mountPoint: string;
  #mounted = false;

  private constructor(image: string, mountPoint: string) {
    this.image = image;
    this.#mountPoint = mountPoint;
  }

  /** An empty disk; it is not mounted yet. `image` is a name of this process (D3). Default size: 2 GiB. */
  static async make(image: string, mountPoint: string, bytes = standardBytes): Promise<LoopDisk> {
    const file = await open(image, "w");
    await file.truncate(bytes);
    await file.close();
    await must("mkfs.ext4", ...mkfsFlags, lazy, image);
    return new LoopDisk(image, mountPoint);
  }

  get mountPoint(): string {
    return this.#mountPoint;
  }

  get isMounted(): boolean {
    return this.#mounted;
  }

  async mount(at = this.#mountPoint): Promise<void> {
    await mkdir(at, { recursive: true });
    await must("mount", "-t", "ext4", "-o", "loop,commit=600,noatime", this.image, at);
    this.#mounted = true;
    hold(this.image, () => unmountNow(at));
  }

  /** @throws when somebody still has files open on it after ten seconds. */
  async unmount(at = this.#mountPoint): Promise<void> {
    const deadline = Date.now() + unmountMsMax;
    for (;;) {
      const { code, stderr } = await run("umount", [at]);
      if (code === 0 || stderr.includes("not mounted")) break;
      if (Date.now() > deadline) throw new Error(`umount ${at}: ${stderr.trim()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    this.#mounted = false;
    release(this.image);
  }

  /** D1, D2. */
  async losePower(): Promise<void> {
    await cutPower([this.#mountPoint]);
  }

  /** Power is back: checked and mounted again, as at a boot. Nobody may have files open on it any more. */
  async repair(): Promise<void> {
    await this.unmount();
    // 1: it had something to repair (the journal), and did.
    const { code, stdout, stderr } = await run("e2fsck", ["-p", this.image]);
    if (code !== 0 && code !== 1) throw new Error(`e2fsck ${this.image}: ${stdout}${stderr}`);
    await this.mount();
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#mountPoint);
    return bavail * bsize;
  }

  /** Unmounts it if need be, and deletes it with all that is on it. */
  async remove(): Promise<void> {
    if (this.#mounted) await this.unmount();
    await rm(this.image, { force: true });
  }
}
