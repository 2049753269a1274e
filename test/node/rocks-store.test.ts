import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
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

/** What is there when a process is killed now: not closed first, closing would be kinder. */
async function killed(directory: string): Promise<string> {
  const copy = await freshDirectory();
  await promisify(execFile)("cp", ["-r", `${directory}/.`, copy]);
  return copy;
}

async function text(store: RocksStore, key: string): Promise<string | undefined> {
  const [value] = await store.getMany([key]);
  return value === undefined ? undefined : Buffer.from(value).toString();
}

orderedStoreContract("RocksStore", async () => RocksStore.open(await freshDirectory()));

describe("what RocksStore promises about durability", () => {
  test("K3: what was flushed survives, and nothing else: a state that existed, whatever the write-ahead log holds", async () => {
    const directory = await freshDirectory();
    const store = await RocksStore.open(directory);
    await store.write([put("flushed", "1"), put("meta", "1")]);
    await store.flush();
    await store.write([put("later", "1"), put("meta", "2")]);
    const after = await RocksStore.open(await killed(directory));
    expect(await text(after, "flushed")).toBe("1");
    expect(await text(after, "later")).toBeUndefined();
    expect(await text(after, "meta")).toBe("1");
    await after.close();
    await store.close();
  });

  test("K3, F5, F7: without the end of its MANIFEST the store goes back, and puts nothing on top of a hole", async () => {
    const directory = await freshDirectory();
    const store = await RocksStore.open(directory);
    const manifest = (await readdir(directory)).find((name) => name.startsWith("MANIFEST"));
    await store.write([put("a", "1"), put("meta", "a")]);
    await store.flush();
    const { size } = await stat(join(directory, manifest!));
    await store.write([put("b", "1"), put("meta", "b")]);
    await store.flush();
    await store.write([put("c", "1"), put("meta", "c")]);
    const copy = await killed(directory);
    await truncate(join(copy, manifest!), size);
    const after = await RocksStore.open(copy);
    const rows = await Promise.all(["a", "b", "c", "meta"].map((key) => text(after, key)));
    expect(rows).toEqual(["1", undefined, undefined, "a"]);
    await after.close();
    await store.close();
  });

  test("F7: a flipped bit in any head of a MANIFEST's records is an error that names the file: RocksDB alone would hang on some", async () => {
    const directory = await freshDirectory();
    const store = await RocksStore.open(directory);
    await store.write([put("a", "1")]);
    await store.flush();
    await store.close();
    const name = (await readdir(directory)).find((each) => each.startsWith("MANIFEST"));
    const path = join(directory, name!);
    const good = await readFile(path);
    let records = 0;
    for (let at = 0; at < good.length; at += 7 + good.readUInt16LE(at + 4)) {
      records += 1;
      for (let bit = 0; bit < 8; bit += 1) {
        const bad = Buffer.from(good);
        bad.writeUInt8(bad.readUInt8(at + 6) ^ (1 << bit), at + 6);
        await writeFile(path, bad);
        await expect(RocksStore.open(directory)).rejects.toThrow(
          RegExp(`${name} (is damaged at byte ${at}\\.|may be corrupted).*raftq cluster replace`),
        );
      }
    }
    expect(records).toBeGreaterThan(2);
    await writeFile(path, good);
    await (await RocksStore.open(directory)).close();
  });

  test("a flush waits for the writes handed in before it", async () => {
    const directory = await freshDirectory();
    const store = await RocksStore.open(directory);
    const writes = Array.from({ length: 20 }, (_, at) => store.write([put(`k${at}`, "1")]));
    await store.flush();
    const after = await RocksStore.open(await killed(directory));
    await Promise.all(writes);
    expect(await text(after, "k19")).toBe("1");
    await after.close();
    await store.close();
  });
});

test("a large batch is filled in slices, and is one batch all the same: in order, whole, behind those before it", async () => {
  const store = await RocksStore.open(await freshDirectory());
  let filled = 0;
  const count = 50_000;
  const batch = (value: string) =>
    Array.from({ length: count }, (_, at) => ({
      kind: "put" as const,
      key: `k${at}`,
      get value() {
        filled += 1;
        return Buffer.from(value);
      },
    }));
  const first = store.write(batch("1"));
  const second = store.write([...batch("2"), put("last", "2")]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(filled).toBeLessThan(count);
  expect(await text(store, "k0")).toBeUndefined();
  await first;
  expect(await text(store, `k${count - 1}`)).toBe("1");
  expect(await text(store, "last")).toBeUndefined();
  await second;
  expect([await text(store, "k0"), await text(store, "last")]).toEqual(["2", "2"]);
  await store.close();
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
    // K3: the refused ones have removed its write-ahead log.
    await store.write([put("still", "works")]);
    await store.flush();
    await store.write([put("and again", "works")]);
    await store.flush();
    await store.close();
    const again = await RocksStore.open(directory);
    expect([await text(again, "still"), await text(again, "and again")]).toEqual([
      "works",
      "works",
    ]);
    await again.close();
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
