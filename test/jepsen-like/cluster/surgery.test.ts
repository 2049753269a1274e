// What surgery does to a directory, on files as a node leaves them: it is told to the byte, and is the same for the same draws.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Cluster } from "../../../jepsen-like/cluster/contract.ts";
import {
  cuts,
  fileKinds,
  filesOf,
  flipBit,
  keepCopy,
  remove,
  restoreCopy,
  truncate,
  wipe,
} from "../../../jepsen-like/cluster/surgery.ts";
import { randomFrom } from "../../../jepsen-like/nemesis/random.ts";

let directory: string;
let running = false;
let cluster: Cluster;

const segment = "log/0000000000000001-0000000000.log";
const content: Readonly<Record<string, Buffer>> = {
  // Made longer beforehand: what was written is 10,000 bytes.
  [segment]: Buffer.concat([Buffer.alloc(10_000, 7), Buffer.alloc(200_000)]),
  "log/0000000000000101-0000000001.log": Buffer.alloc(0),
  // Two slots with nothing in between.
  "log/hard-state": Buffer.concat([Buffer.alloc(30, 1), Buffer.alloc(4066), Buffer.alloc(30, 1)]),
  "log/guard": Buffer.alloc(30, 2),
  "log/base": Buffer.alloc(230, 3),
  identity: Buffer.from("{}"),
  members: Buffer.from("{}"),
  "state/current": Buffer.from("1"),
  "state/1/CURRENT": Buffer.from("MANIFEST-000013\n"),
  "state/1/MANIFEST-000013": Buffer.alloc(231, 4),
  "state/1/000009.sst": Buffer.alloc(5_000, 5),
  "state/1/LOG": Buffer.from("said"),
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "raftq-surgery-"));
  running = false;
  for (const [name, bytes] of Object.entries(content)) {
    mkdirSync(dirname(join(directory, "data", name)), { recursive: true });
    writeFileSync(join(directory, "data", name), bytes);
  }
  cluster = {
    isRunning: () => running,
    dataDirectory: () => join(directory, "data"),
  } as Partial<Cluster> as Cluster;
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function bytesOf(file: string): Buffer {
  return readFileSync(join(directory, "data", file));
}

function differences(file: string): readonly number[] {
  const [before, after] = [content[file]!, bytesOf(file)];
  expect(after.length).toBe(before.length);
  return [...before.keys()].filter((at) => before[at] !== after[at]);
}

describe.each(fileKinds)("%s", (kind) => {
  test("one bit is flipped, where it says, of something that was written", () => {
    for (let seed = 0; seed < 20; seed++) {
      const done = flipBit(cluster, 1, kind, randomFrom(seed))!;
      const file = done.file!;
      expect(differences(file)).toEqual([done.offset]);
      const before = content[file]![done.offset!]!;
      expect(before).not.toBe(0);
      const flipped = before ^ bytesOf(file)[done.offset!]!;
      expect(done.what).toBe(
        `flips bit ${Math.log2(flipped)} of byte ${done.offset} of ${file} of node 1`,
      );
      writeFileSync(join(directory, "data", file), content[file]!);
    }
  });

  test.each(cuts)("a cut takes %s of what was written", (cut) => {
    const done = truncate(cluster, 1, kind, cut, randomFrom(cut))!;
    const file = done.file!;
    const used = content[file]!.findLastIndex((byte) => byte !== 0) + 1;
    const after = bytesOf(file);
    expect(after.length).toBe(done.bytesAfter);
    expect(after.equals(content[file]!.subarray(0, after.length))).toBe(true);
    const taken = used - after.length;
    if (cut === "one byte") expect(taken).toBe(1);
    if (cut === "some bytes") expect(taken).toBeGreaterThanOrEqual(Math.min(2, used));
    if (cut === "the second half") expect(taken).toBe(Math.ceil(used / 2));
    if (cut === "all") expect(after.length).toBe(0);
  });

  test("one file is deleted", () => {
    const before = filesOf(cluster, 1, kind);
    const done = remove(cluster, 1, kind, randomFrom(1))!;
    expect(filesOf(cluster, 1, kind)).toEqual(before.filter((name) => name !== done.file));
    while (remove(cluster, 1, kind, randomFrom(1)) !== undefined);
    expect(flipBit(cluster, 1, kind, randomFrom(1))).toBeUndefined();
    expect(truncate(cluster, 1, kind, "all", randomFrom(1))).toBeUndefined();
  });
});

test("the same draws do the same (SU2)", () => {
  const first = flipBit(cluster, 1, "segment", randomFrom("seed"));
  expect(flipBit(cluster, 1, "segment", randomFrom("seed"))).toEqual(first);
  expect(flipBit(cluster, 1, "segment", randomFrom("another"))).not.toEqual(first);
});

test("an old copy is put back as it was, with nothing of what came since", () => {
  const copy = join(directory, "copy");
  keepCopy(cluster, 1, copy);
  truncate(cluster, 1, "guard", "all", randomFrom(1));
  writeFileSync(join(directory, "data", "log", "since"), "new");
  restoreCopy(cluster, 1, copy);
  expect(bytesOf("log/guard").equals(content["log/guard"]!)).toBe(true);
  expect(() => bytesOf("log/since")).toThrow("ENOENT");
  expect(() => restoreCopy(cluster, 1, join(directory, "none"))).toThrow("there is no copy");
});

test("a wiped disk has nothing", () => {
  wipe(cluster, 1);
  for (const kind of fileKinds) expect(filesOf(cluster, 1, kind)).toEqual([]);
});

test("a node that runs is refused (SU1)", () => {
  running = true;
  const random = randomFrom(1);
  expect(() => wipe(cluster, 1)).toThrow("node 1 is running");
  expect(() => keepCopy(cluster, 1, join(directory, "copy"))).toThrow("is running");
  expect(() => restoreCopy(cluster, 1, directory)).toThrow("is running");
  expect(() => flipBit(cluster, 1, "guard", random)).toThrow("is running");
  expect(() => truncate(cluster, 1, "guard", "all", random)).toThrow("is running");
  expect(() => remove(cluster, 1, "guard", random)).toThrow("is running");
});
