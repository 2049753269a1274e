import { mkdtemp, readdir, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { CorruptLogError, DurableLog, NodeDisk } from "../../../node/log/index.ts";

import { seeded } from "./random.ts";
import { Workload, describeModel, modelOf, smallLimits } from "./workload.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "raftq-log-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** The workload's paths, under the temporary directory. */
class DiskBelow extends NodeDisk {
  override makeDirectory(path: string): Promise<void> {
    return super.makeDirectory(join(directory, path));
  }
  override list(path: string): Promise<readonly string[]> {
    return super.list(join(directory, path));
  }
  override open(path: string, mode: "create" | "write" | "read"): ReturnType<NodeDisk["open"]> {
    return super.open(join(directory, path), mode);
  }
  override rename(from: string, to: string): Promise<void> {
    return super.rename(join(directory, from), join(directory, to));
  }
  override remove(path: string): Promise<void> {
    return super.remove(join(directory, path));
  }
  override syncDirectory(path: string): Promise<void> {
    return super.syncDirectory(join(directory, path));
  }
}

describe("the log on a real disk", () => {
  test("a random history is read back as it was written", async () => {
    const disk = new DiskBelow();
    const workload = new Workload(seeded(11));
    await workload.run(disk, 80);
    const opened = await DurableLog.open(disk, "data/log", smallLimits);
    expect(opened.verdict).toEqual({ kind: "clean", repaired: [] });
    expect(describeModel(await modelOf(opened))).toBe(describeModel(workload.model));
    await opened.log.close();
  });

  test("a file cut by hand is found", async () => {
    const disk = new DiskBelow();
    await new Workload(seeded(11)).run(disk, 80);
    const log = join(directory, "data/log");
    const last = (await readdir(log))
      .filter((name) => name.endsWith(".log"))
      .sort()
      .at(-1);
    const path = join(log, last!);
    await truncate(path, (await stat(path)).size - 1);
    await expect(DurableLog.open(disk, "data/log", smallLimits)).rejects.toThrow(CorruptLogError);
  });

  test("a directory that does not exist is empty; a file that does not exist is an error", async () => {
    const disk = new DiskBelow();
    expect(await disk.list("nowhere")).toEqual([]);
    await expect(disk.open("nowhere", "read")).rejects.toThrow("ENOENT");
    await expect(disk.open("nowhere", "write")).rejects.toThrow("ENOENT");
  });

  // Small enough to be written at once, and not.
  test.each([1, 100])(
    "more buffers than one system call takes are written in order, x%d",
    async (times) => {
      const disk = new DiskBelow();
      const file = await disk.open("many", "create");
      const buffers = Array.from({ length: 3000 }, (_, at) => Buffer.from(`${at},`.repeat(times)));
      await file.write(buffers, 5);
      await file.sync();
      const whole = Buffer.concat(buffers);
      const read = Buffer.alloc(whole.length + 100);
      expect(await file.read(read, 5)).toBe(whole.length);
      expect(read.subarray(0, whole.length).equals(whole)).toBe(true);
      await file.close();
    },
  );
});
