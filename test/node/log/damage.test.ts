import { describe, expect, test } from "vitest";

import { CorruptLogError, DurableLog } from "../../../node/log/index.ts";
import type { OpenedLog } from "../../../node/log/index.ts";
import type { Entry, Persist } from "../../../raft/index.ts";

import { seeded } from "./random.ts";
import { SimDisk } from "../../../testing/disk/sim-disk.ts";
import {
  Workload,
  decodeMembership,
  describeModel,
  directory,
  modelOf,
  smallLimits,
} from "./workload.ts";

const segmentHeader = 64;
const recordHeader = 35;

function open(disk: SimDisk): Promise<OpenedLog> {
  return DurableLog.open(disk, directory, smallLimits);
}

async function openOrError(disk: SimDisk): Promise<OpenedLog | CorruptLogError> {
  return open(disk).catch((error: unknown) => {
    if (error instanceof CorruptLogError) return error;
    throw error;
  });
}

function flip(disk: SimDisk, path: string, offset: number, bit = 0): void {
  disk.damage(path, (content) => {
    content.writeUInt8(content.readUInt8(offset) ^ (1 << bit), offset);
    return content;
  });
}

function cut(disk: SimDisk, path: string, size: number): void {
  disk.damage(path, (content) => content.subarray(0, size));
}

/** One segment with `count` entries of 100 bytes, appended one by one: each in a group of its own. */
async function logOf(
  count: number,
  options: { guardLagEntries: number; together?: boolean; fill?: number; nonce?: number },
): Promise<{ disk: SimDisk; path: string; log: DurableLog }> {
  const disk = new SimDisk({ random: seeded(1) });
  const { log } = await DurableLog.open(disk, directory, {
    decodeMembership,
    guardLagEntries: options.guardLagEntries,
    nonce: () => options.nonce ?? 0,
  });
  const entries = Array.from({ length: count }, (_, at): Entry => {
    return {
      index: at + 1,
      term: 1,
      kind: "command",
      payload: Buffer.alloc(100, at + (options.fill ?? 1)),
    };
  });
  const persist = (list: readonly Entry[]): Persist => {
    return { sequence: 1, hardState: undefined, truncateAfter: undefined, entries: list };
  };
  if (options.together === true) await log.append(persist(entries));
  else for (const entry of entries) await log.append(persist([entry]));
  const [path] = disk.paths().filter((name) => name.endsWith(".log"));
  return { disk, path: path!, log };
}

function recordOffset(index: number): number {
  return segmentHeader + (index - 1) * (recordHeader + 100);
}

describe("a torn tail is cut, damage before it is not (F4)", () => {
  test("bytes that were never acknowledged are cut and reported", async () => {
    const { disk, path } = await logOf(5, { guardLagEntries: 1000 });
    disk.damage(path, (content) => Buffer.concat([content, Buffer.alloc(50, 7)]));
    const { verdict, restored } = await open(disk.kill());
    expect(restored.lastIndex).toBe(5);
    const offset = recordOffset(6);
    expect(verdict).toMatchObject({ kind: "torn-tail", cut: { file: path, offset, bytes: 50 } });
    expect(disk.content(path)).toHaveLength(offset);
  });

  test("a tail of zeros is no damage: the size was written, the content was not", async () => {
    const { disk, path } = await logOf(5, { guardLagEntries: 1000 });
    disk.damage(path, (content) => Buffer.concat([content, Buffer.alloc(100_000)]));
    const { restored } = await open(disk.kill());
    expect(restored.lastIndex).toBe(5);
  });

  test("a bad record with a later group behind it is corrupt, however far the guard lags", async () => {
    const { disk, path } = await logOf(20, { guardLagEntries: 1000 });
    for (let index = 1; index <= 19; index++) {
      const damaged = disk.kill();
      const good = disk.content(path);
      flip(damaged, path, recordOffset(index) + recordHeader + 50);
      const error = await openOrError(damaged);
      expect(error).toBeInstanceOf(CorruptLogError);
      expect(error).toMatchObject({ file: path, offset: recordOffset(index) });
      expect((error as Error).message).toContain("Replace this node");
      damaged.damage(path, () => good);
    }
  });

  test("a bad record in the only group, above the guard, is cut with what follows: no proof that it was acknowledged", async () => {
    const { disk, path } = await logOf(20, { guardLagEntries: 1000, together: true });
    flip(disk, path, recordOffset(12) + recordHeader);
    const { verdict, restored } = await open(disk.kill());
    expect(verdict.kind).toBe("torn-tail");
    expect(restored.lastIndex).toBe(11);
  });

  test("the same at or below the guard is corrupt", async () => {
    const { disk, path, log } = await logOf(20, { guardLagEntries: 1000, together: true });
    await log.close();
    flip(disk, path, recordOffset(20) + recordHeader);
    const before = disk.content(path);
    expect(await openOrError(disk.kill())).toBeInstanceOf(CorruptLogError);
    // And nothing was cut: a person may still want to look at it.
    expect(disk.content(path).equals(before)).toBe(true);
  });

  test("entries missing at the end, cut exactly between two records, are missed below the guard only (F5)", async () => {
    const { disk, path } = await logOf(20, { guardLagEntries: 8 });
    // The guard was raised at 8 and at 16.
    const below = disk.kill();
    const good = disk.content(path);
    cut(below, path, recordOffset(16));
    expect(await openOrError(below)).toBeInstanceOf(CorruptLogError);
    below.damage(path, () => good);
    const above = disk.kill();
    cut(above, path, recordOffset(17));
    const { verdict, restored } = await open(above);
    // Within its lag the guard cannot promise more: this looks like a crash before 17 was durable.
    expect(verdict.kind).toBe("clean");
    expect(restored.lastIndex).toBe(16);
  });

  test("a record image inside a payload does not pass for a record (F12)", async () => {
    const { disk, path } = await logOf(3, { guardLagEntries: 1000 });
    const other = await logOf(9, { guardLagEntries: 1000, nonce: 5 });
    const image = other.disk.content(other.path).subarray(recordOffset(7));
    const { log } = await open(disk);
    const payload = Buffer.concat([Buffer.from("x"), image]);
    const first: Entry = { index: 4, term: 1, kind: "command", payload };
    await log.append({
      sequence: 1,
      hardState: undefined,
      truncateAfter: undefined,
      entries: [first],
    });
    const size = disk.content(path).length;
    flip(disk, path, recordOffset(4) + 3);
    const { verdict } = await open(disk.kill());
    expect(verdict).toMatchObject({ cut: { bytes: size - recordOffset(4) } });
  });
});

describe("a record that is whole but does not belong there (F12, R3)", () => {
  async function spliced(index: number, from: number): Promise<unknown> {
    const { disk, path, log } = await logOf(9, { guardLagEntries: 1000 });
    await log.close();
    const other = await logOf(9, { guardLagEntries: 1000, fill: 50 });
    const record = other.disk
      .content(other.path)
      .subarray(recordOffset(from), recordOffset(from + 1));
    disk.damage(path, (content) => {
      record.copy(content, recordOffset(index));
      return content;
    });
    return openOrError(disk);
  }

  test("the chain shows that it continues another history", async () => {
    for (const index of [1, 5, 9]) {
      const error = await spliced(index, index);
      // Nothing comes before the first: only the second shows it.
      expect(error).toMatchObject({ offset: recordOffset(Math.max(2, index)) });
      expect((error as Error).message).toContain("chain");
    }
  });

  test("the index shows that it was written elsewhere, or that one is missing (F10)", async () => {
    for (const from of [4, 6]) {
      expect(await spliced(5, from)).toMatchObject({ offset: recordOffset(5) });
    }
  });
});

describe("a lost or foreign file is corrupt, not a new log (F5, F7)", () => {
  for (const name of ["base", "guard", "hard-state"]) {
    test(`${name} is missing`, async () => {
      const { disk, log } = await logOf(3, { guardLagEntries: 1 });
      await log.append({
        sequence: 1,
        hardState: { term: 4, vote: 2 },
        truncateAfter: undefined,
        entries: [],
      });
      await log.close();
      disk.lose(`${directory}/${name}`);
      expect(await openOrError(disk.kill())).toBeInstanceOf(CorruptLogError);
    });
  }

  test("a vote is never forgotten because one file is missing, even without entries (A1)", async () => {
    const disk = new SimDisk({ random: seeded(1) });
    const { log } = await open(disk);
    const hardState = { term: 4, vote: 2 };
    await log.append({ sequence: 1, hardState, truncateAfter: undefined, entries: [] });
    for (const name of ["base", "guard", "hard-state"]) {
      const damaged = disk.kill();
      const content = damaged.content(`${directory}/${name}`);
      damaged.lose(`${directory}/${name}`);
      expect(await openOrError(damaged)).toBeInstanceOf(CorruptLogError);
      const file = await damaged.open(`${directory}/${name}`, "create");
      await file.write([content], 0);
      await file.close();
      // kill() shares nothing that lose() changed with the first disk.
      expect((await open(disk.kill())).restored.hardState).toEqual(hardState);
    }
  });

  test("a segment is missing: the first, one in the middle, the last", async () => {
    const disk = new SimDisk({ random: seeded(1) });
    const { log } = await DurableLog.open(disk, directory, { ...smallLimits, segmentBytes: 300 });
    for (let index = 1; index <= 20; index++) {
      const entry: Entry = { index, term: 1, kind: "command", payload: Buffer.alloc(100) };
      await log.append({
        sequence: index,
        hardState: undefined,
        truncateAfter: undefined,
        entries: [entry],
      });
    }
    await log.close();
    const segments = disk.paths().filter((path) => path.endsWith(".log"));
    expect(segments.length).toBeGreaterThan(2);
    for (const path of segments) {
      const damaged = disk.kill();
      damaged.lose(path);
      expect(await openOrError(damaged)).toBeInstanceOf(CorruptLogError);
    }
  });

  test("a log of another group is refused", async () => {
    const { disk, log } = await logOf(3, { guardLagEntries: 1 });
    await log.close();
    const opened = DurableLog.open(disk, directory, { ...smallLimits, group: 7 });
    await expect(opened).rejects.toThrow("the group id must be 7, but it is 0");
  });
});

describe("after a clean close every damage is found, or does no harm (F5, F7, R3)", () => {
  async function closedLog(seed: number): Promise<{ disk: SimDisk; expected: string }> {
    const disk = new SimDisk({ random: seeded(seed) });
    const workload = new Workload(seeded(seed));
    await workload.run(disk, 40);
    return { disk, expected: describeModel(workload.model) };
  }

  /** Damages a copy; the log must open with everything in it, or not open. */
  async function harmless(
    disk: SimDisk,
    path: string,
    damage: (content: Buffer) => Buffer,
    expected: string,
    what: string,
  ): Promise<boolean> {
    const damaged = new SimDisk({ random: seeded(1) });
    for (const name of disk.paths()) {
      const file = await damaged.open(name, "create");
      await file.write([disk.content(name)], 0);
    }
    damaged.damage(path, damage);
    const opened = await openOrError(damaged);
    if (opened instanceof CorruptLogError) return false;
    expect(describeModel(await modelOf(opened)), what).toBe(expected);
    return true;
  }

  test("bits flipped anywhere, in every kind of file", async () => {
    for (const seed of [1, 2, 3]) {
      const { disk, expected } = await closedLog(seed);
      const random = seeded(seed);
      const found = new Map<string, number>();
      for (const path of disk.paths()) {
        const size = disk.content(path).length;
        for (let round = 0; round < 60; round++) {
          const offset = Math.floor(random() * size);
          const bit = Math.floor(random() * 8);
          const what = `seed ${seed}: bit ${bit} of byte ${offset} of ${path}`;
          const flipped = (content: Buffer): Buffer => {
            content.writeUInt8(content.readUInt8(offset) ^ (1 << bit), offset);
            return content;
          };
          const opened = await harmless(disk, path, flipped, expected, what);
          const kind = path.endsWith(".log") ? "segment" : path;
          if (!opened) found.set(kind, (found.get(kind) ?? 0) + 1);
          // Slots have a second copy; nothing else has.
          if (kind === "segment" || path.endsWith("base")) expect(opened, what).toBe(false);
        }
      }
      expect(found.get("segment")).toBeGreaterThan(50);
    }
  });

  test("every file truncated anywhere", async () => {
    for (const seed of [4, 5]) {
      const { disk, expected } = await closedLog(seed);
      const random = seeded(seed);
      for (const path of disk.paths()) {
        const size = disk.content(path).length;
        for (const part of [0, 1, size - 1, ...Array.from({ length: 20 }, () => random() * size)]) {
          const to = Math.floor(part);
          const what = `seed ${seed}: ${path} truncated to ${to} of ${size}`;
          const opened = await harmless(disk, path, (all) => all.subarray(0, to), expected, what);
          const isLast =
            path ===
            disk
              .paths()
              .filter((name) => name.endsWith(".log"))
              .at(-1);
          const empty = isLast && size === segmentHeader;
          if (!empty && !/guard|hard-state/.test(path)) expect(opened, what).toBe(false);
        }
      }
    }
  });
});
