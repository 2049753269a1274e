// Two files on a disk, one synced and one not: what became of them shows that power was really lost, and only that.

import { randomUUID } from "node:crypto";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LoopDisk } from "./loop-disk.ts";

export class Canary {
  readonly #directory: string;
  readonly #text: string;

  private constructor(directory: string, text: string) {
    this.#directory = directory;
    this.#text = text;
  }

  static async put(disk: LoopDisk): Promise<Canary> {
    const canary = new Canary(disk.mountPoint, randomUUID());
    const file = await open(canary.#path("synced"), "w");
    await file.writeFile(canary.#text);
    await file.sync();
    await file.close();
    await writeFile(canary.#path("unsynced"), canary.#text);
    return canary;
  }

  /**
   * Whether what had not been synced is gone; takes the files away.
   * @throws when even what was synced is gone: then the disk lies, and no finding on it counts.
   */
  async lost(): Promise<boolean> {
    const read = (name: string): Promise<string> =>
      readFile(this.#path(name), "utf8").catch(() => "");
    if ((await read("synced")) !== this.#text)
      throw new Error(`${this.#directory}: what was synced is gone: this disk shows nothing`);
    const lost = (await read("unsynced")) !== this.#text;
    for (const name of ["synced", "unsynced"]) await rm(this.#path(name), { force: true });
    return lost;
  }

  #path(name: string): string {
    return join(this.#directory, `canary-${name}`);
  }
}
