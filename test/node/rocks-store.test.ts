import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";

import { RocksStore, explainLoadFailure } from "../../node/rocks-store.ts";
import { orderedStoreContract, put } from "../contract/ordered-store.ts";

const directories: string[] = [];

async function freshDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "raftq-rocks-"));
  directories.push(directory);
  return directory;
}

afterAll(async () => {
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});

/** Empties the write-ahead log: what a loss of power may do, since nothing syncs it. */
async function losePower(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => /^\d+\.log$/.test(name));
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) await truncate(join(directory, name), 0);
}

async function text(store: RocksStore, key: string): Promise<string | undefined> {
  const [value] = await store.getMany([key]);
  return value === undefined ? undefined : Buffer.from(value).toString();
}

orderedStoreContract("RocksStore", async () => RocksStore.open(await freshDirectory()));

describe("what RocksStore promises about durability", () => {
  test("flush: what was written before survives the loss of the whole write-ahead log", async () => {
    const directory = await freshDirectory();
    const store = await RocksStore.open(directory);
    await store.write([put("flushed", "1")]);
    await store.flush();
    await store.write([put("later", "1")]);
    // Not closed first: closing would be kinder than a crash.
    const copy = await freshDirectory();
    await promisify(execFile)("cp", ["-r", `${directory}/.`, copy]);
    await losePower(copy);
    const after = await RocksStore.open(copy);
    expect(await text(after, "flushed")).toBe("1");
    expect(await text(after, "later")).toBeUndefined();
    await after.close();
    await store.close();
  });

  test("without flush a write survives the end of the process", async () => {
    const directory = await freshDirectory();
    const store = await RocksStore.open(directory);
    await store.write([put("a", "1")]);
    const copy = await freshDirectory();
    await promisify(execFile)("cp", ["-r", `${directory}/.`, copy]);
    const after = await RocksStore.open(copy);
    expect(await text(after, "a")).toBe("1");
    await after.close();
    await store.close();
  });

  test("a flush waits for the writes handed in before it", async () => {
    const directory = await freshDirectory();
    const store = await RocksStore.open(directory);
    const writes = Array.from({ length: 20 }, (_, at) => store.write([put(`k${at}`, "1")]));
    await store.flush();
    const copy = await freshDirectory();
    await promisify(execFile)("cp", ["-r", `${directory}/.`, copy]);
    await Promise.all(writes);
    await losePower(copy);
    const after = await RocksStore.open(copy);
    expect(await text(after, "k19")).toBe("1");
    await after.close();
    await store.close();
  });
});

describe("opening and closing", () => {
  test("a directory has one owner: the second to open it is told so, in this process and in another", async () => {
    const directory = await freshDirectory();
    const store = await RocksStore.open(directory);
    await expect(RocksStore.open(directory)).rejects.toThrow("in use by another process");
    const script = `
      const RocksDB = require("rocksdb-native");
      new RocksDB(process.argv[1]).ready().then(() => process.exit(0), (error) => {
        console.log(error.message);
        process.exit(3);
      });`;
    const child = promisify(execFile)(process.execPath, ["-e", script, directory]);
    const refused = await child.catch((error: unknown) => error);
    expect(refused).toHaveProperty("code", 3);
    expect(Reflect.get(refused as object, "stdout")).toMatch(/lock/i);
    await store.write([put("still", "works")]);
    await store.close();
    await (await RocksStore.open(directory)).close();
  });

  test("destroy removes a closed store; close may be called twice", async () => {
    const directory = await freshDirectory();
    const store = await RocksStore.open(directory);
    await store.write([put("a", "1")]);
    await store.close();
    await store.close();
    await RocksStore.destroy(directory);
    const again = await RocksStore.open(directory);
    expect(await text(again, "a")).toBeUndefined();
    await again.close();
  });

  test("a missing libatomic is told with the command that installs it", () => {
    const loader = new Error(
      "libatomic.so.1: cannot open shared object file: No such file or directory",
    );
    const wrapped = new Error("Cannot find addon", { cause: loader });
    expect(explainLoadFailure(wrapped).message).toContain("apt-get install libatomic1");
    expect(explainLoadFailure(new Error("bad ELF")).message).toContain("could not be loaded");
  });
});
