import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Canary } from "../../../jepsen-like/host/canary.ts";
import { whyNoDisks } from "../../../jepsen-like/host/disks.ts";
import { cleanLeftovers, nameOf, ownerOf } from "../../../jepsen-like/host/leftovers.ts";
import { LoopDisk } from "../../../jepsen-like/host/loop-disk.ts";

const why = await whyNoDisks(tmpdir());
if (why !== undefined) console.log(`skipped, no disks of their own here: ${why}`);
const bytes = 64 * 1024 * 1024;

let directory: string;
let disk: LoopDisk;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "raftq-disk-"));
  if (why !== undefined) return;
  disk = await LoopDisk.make(join(directory, nameOf("disk.img")), join(directory, "mnt"), bytes);
  await disk.mount();
});
afterEach(async () => {
  if (why === undefined) await disk.remove();
  rmSync(directory, { recursive: true, force: true });
});

test.skipIf(why !== undefined)(
  "D1: lost power takes what was not synced, and only that",
  async () => {
    const canary = await Canary.put(disk);
    await disk.losePower();
    await disk.repair();
    expect(await canary.lost()).toBe(true);
  },
);

test.skipIf(why !== undefined)("D1: without a loss of power nothing is lost", async () => {
  const canary = await Canary.put(disk);
  await disk.repair();
  expect(await canary.lost()).toBe(false);
});

test.skipIf(why !== undefined)(
  "D2: from the cut on the disk is dead, until it is repaired",
  async () => {
    await disk.losePower();
    const file = join(disk.mountPoint, "file");
    expect(() => writeFileSync(file, "x")).toThrow(/EIO/);
    await disk.repair();
    writeFileSync(file, "x");
    expect(readFileSync(file, "utf8")).toBe("x");
  },
);

test.skipIf(why !== undefined)("L1: what a dead run left is taken away, what lives stays", () => {
  expect(cleanLeftovers(() => false)).toEqual([]);
  expect(existsSync(disk.image)).toBe(true);
  const isOurs = (pid: number): boolean => pid === process.pid;
  expect(cleanLeftovers(isOurs)).toEqual([disk.image]);
  expect(existsSync(disk.image)).toBe(false);
  expect(readFileSync("/proc/mounts", "utf8")).not.toContain(disk.mountPoint);
});

test("L1: a name tells whose it is", () => {
  expect(ownerOf(`/tmp/x/${nameOf("node-2.img")}`)).toBe(process.pid);
  expect(ownerOf("/tmp/raftq-jepsen-abc/disk.img")).toBeUndefined();
});
