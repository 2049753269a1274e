import { describe, expect, test } from "vitest";

import { DurableLog, LogFailedError } from "../../../node/log/index.ts";
import type { DurableLogOptions } from "../../../node/log/index.ts";
import type { Entry, Persist } from "../../../raft/index.ts";

import { seeded } from "./random.ts";
import { diskError } from "../../../testing/disk/disk-error.ts";
import { SimDisk } from "../../../testing/disk/sim-disk.ts";
import type { Operation, OperationKind } from "../../../testing/disk/sim-disk.ts";
import { directory, smallLimits } from "./workload.ts";

function entry(index: number, term = 1, text = `payload ${index}`): Entry {
  return { index, term, kind: "command", payload: Buffer.from(text) };
}

function persist(entries: readonly Entry[], more: Partial<Persist> = {}): Persist {
  return { sequence: 0, hardState: undefined, truncateAfter: undefined, entries, ...more };
}

/** A disk whose gate can be changed at any time. */
function gatedDisk(seed = 1): {
  disk: SimDisk;
  set: (gate: (operation: Operation) => void | Promise<void>) => void;
} {
  let gate: (operation: Operation) => void | Promise<void> = () => undefined;
  const disk = new SimDisk({ random: seeded(seed), gate: (operation) => gate(operation) });
  return { disk, set: (next) => (gate = next) };
}

const options: DurableLogOptions = {
  ...smallLimits,
  segmentBytes: 1 << 20,
  guardLagBytes: 1 << 20,
  guardLagEntries: 1000,
};

async function openLog(disk: SimDisk, more: Partial<DurableLogOptions> = {}): Promise<DurableLog> {
  return (await DurableLog.open(disk, directory, { ...options, ...more })).log;
}

async function outcome(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "resolved",
    (error: unknown) => (error as Error).name,
  );
}

describe("the first disk error ends the log (F2, R1, F10)", () => {
  const failing: readonly OperationKind[] = ["write", "sync"];
  for (const kind of failing) {
    test(`an error of ${kind} rejects the append, those waiting, and all later ones, and is told once`, async () => {
      const { disk, set } = gatedDisk();
      const failures: Error[] = [];
      const log = await openLog(disk, { onFailure: (error) => failures.push(error) });
      await log.append(persist([entry(1)]));
      let left = 1;
      set((operation) => {
        if (operation.kind === kind && left-- > 0) throw diskError("EIO", operation.path);
      });
      const outcomes = await Promise.all(
        [2, 3, 4].map((index) => outcome(log.append(persist([entry(index)])))),
      );
      expect(outcomes).toEqual(["LogFailedError", "LogFailedError", "LogFailedError"]);
      // The disk works again; the log does not try it.
      const before = disk.changes;
      expect(await outcome(log.append(persist([entry(2)])))).toBe("LogFailedError");
      expect(await outcome(log.compact(1, { voters: [1], learners: [], context: "" }))).toBe(
        "LogFailedError",
      );
      expect(await outcome(log.read(1, 1, 100))).toBe("LogFailedError");
      expect(disk.changes).toBe(before);
      expect(failures).toHaveLength(1);
      expect(log.failure).toBeInstanceOf(LogFailedError);
      expect(log.backlogBytes).toBe(0);
    });
  }

  test("after a failed fdatasync the entries read back after a restart are made durable before they count", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { disk, set } = gatedDisk(seed);
      const log = await openLog(disk);
      await log.append(persist([entry(1)]));
      set(({ kind, path }) => {
        if (kind === "sync" && path.endsWith(".log")) throw diskError("EIO", path);
      });
      expect(await outcome(log.append(persist([entry(2), entry(3)])))).toBe("LogFailedError");

      // The page cache still shows 2 and 3, in pages that are clean and that the disk never got.
      set(() => undefined);
      const restarted = disk.kill();
      const { restored } = await DurableLog.open(restarted, directory, options);
      expect(restored.lastIndex).toBe(3);
      const afterPowerLoss = await DurableLog.open(restarted.crash(), directory, options);
      expect(afterPowerLoss.restored.lastIndex).toBe(3);
    }
  });

  test("a hard state whose fdatasync failed is made durable before it counts again (A1, R2)", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { disk, set } = gatedDisk(seed);
      const log = await openLog(disk);
      set(({ kind, path }) => {
        if (kind === "sync" && path.endsWith("hard-state")) throw diskError("EIO", path);
      });
      const vote = { term: 5, vote: 2 };
      expect(await outcome(log.append(persist([], { hardState: vote })))).toBe("LogFailedError");
      set(() => undefined);
      const restarted = disk.kill();
      const { restored } = await DurableLog.open(restarted, directory, options);
      const again = await DurableLog.open(restarted.crash(), directory, options);
      expect(again.restored.hardState).toEqual(restored.hardState);
    }
  });

  test("an error while the guard is raised ends the log too", async () => {
    const { disk, set } = gatedDisk();
    const log = await openLog(disk, { guardLagEntries: 2 });
    set(({ kind, path }) => {
      if (kind === "sync" && path.endsWith("guard")) throw diskError("EIO", path);
    });
    await log.append(persist([entry(1), entry(2)]));
    await outcome(log.append(persist([entry(3)])));
    expect(await outcome(log.append(persist([entry(4)])))).toBe("LogFailedError");
  });

  test("a gap, a decreasing term and a vote taken back are refused and end the log (F10, A1, A2)", async () => {
    const begin = persist([entry(1, 3)], { hardState: { term: 3, vote: 1 } });
    const wrong = [
      persist([entry(3, 3)]),
      persist([entry(1, 3)]),
      persist([entry(2, 2)]),
      persist([], { truncateAfter: 2 }),
      persist([], { hardState: { term: 2, vote: undefined } }),
      persist([], { hardState: { term: 3, vote: 2 } }),
      persist([], { hardState: { term: 3, vote: undefined } }),
    ];
    for (const bad of wrong) {
      const log = await openLog(new SimDisk({ random: seeded(1) }));
      await log.append(begin);
      expect(await outcome(log.append(bad))).toBe("LogFailedError");
    }
  });
});

describe("a full disk (F9)", () => {
  test("ENOSPC ends the log; after a restart, still on a full disk, everything acknowledged is there", async () => {
    const disk = new SimDisk({ random: seeded(3), capacityBytes: 40_000 });
    const log = await openLog(disk);
    let acknowledged = 0;
    for (let index = 1; index < 200; index++) {
      const result = await outcome(log.append(persist([entry(index, 1, "x".repeat(1000))])));
      if (result !== "resolved") break;
      acknowledged = index;
    }
    expect(acknowledged).toBeGreaterThan(20);
    const full = disk.kill();
    const { log: restarted, restored, verdict } = await DurableLog.open(full, directory, options);
    expect(restored.lastIndex).toBe(acknowledged);
    expect(verdict.kind).toBe("torn-tail");
    // Votes are written in place and need no space.
    await restarted.append(persist([], { hardState: { term: 9, vote: 1 } }));
  });
});

describe("order and group commit (O2, W1-W3, B4)", () => {
  test("appends that wait together share one fdatasync", async () => {
    const { disk } = gatedDisk();
    const log = await openLog(disk);
    await log.append(persist([entry(1)]));
    const before = disk.count("sync");
    await Promise.all(Array.from({ length: 64 }, (_, at) => log.append(persist([entry(at + 2)]))));
    // The first finds the disk idle and goes alone; the other 63 wait for it and go together.
    expect(disk.count("sync") - before).toBe(2);
    expect(log.counters).toMatchObject({ groups: 3, appends: 65, entries: 65 });
    expect(log.counters.groupSizes.slice(0, 6)).toEqual([2, 0, 0, 0, 0, 1]);
  });

  test("groups are bounded in bytes", async () => {
    const { disk } = gatedDisk();
    const log = await openLog(disk, { groupBytesMax: 1000 });
    await log.append(persist([entry(1)]));
    const before = disk.count("sync");
    const large = Array.from({ length: 9 }, (_, at) => entry(at + 2, 1, "x".repeat(400)));
    await Promise.all(large.map((one) => log.append(persist([one]))));
    expect(disk.count("sync") - before).toBe(5);
  });

  test("acknowledgements come in the order of the calls, each after its own fdatasync", async () => {
    const { disk } = gatedDisk();
    const log = await openLog(disk);
    const done: number[] = [];
    const note = (sequence: number): void => void done.push(sequence);
    const jobs = [
      log.append(persist([entry(1), entry(2)])).then(() => note(1)),
      // The entry 2 of the first is overwritten: its acknowledgement must not stand for the new one (B4).
      log
        .append(persist([entry(2, 2)], { truncateAfter: 1, hardState: { term: 2, vote: 1 } }))
        .then(() => note(2)),
      log.append(persist([entry(3, 2)])).then(() => note(3)),
    ];
    await Promise.all(jobs);
    expect(done).toEqual([1, 2, 3]);
    const entries = await log.read(1, 3, 1000);
    expect(entries.map(({ index, term }) => [index, term])).toEqual([
      [1, 1],
      [2, 2],
      [3, 2],
    ]);
  });

  test("hard state is synced before a truncation, that before the guard's promise ends, and entries come last", async () => {
    const { disk, set } = gatedDisk();
    const log = await openLog(disk, { guardLagEntries: 1 });
    await log.append(persist([entry(1), entry(2), entry(3)]));
    await log.append(persist([entry(4)]));
    const seen: string[] = [];
    set(({ kind, path, number }) => {
      if (number > 0) seen.push(`${kind} ${path.endsWith(".log") ? "segment" : path.slice(9)}`);
    });
    await log.append(persist([entry(2, 2)], { hardState: { term: 2, vote: 1 }, truncateAfter: 1 }));
    const twice = (name: string): string[] => [
      `write ${name}`,
      `sync ${name}`,
      `write ${name}`,
      `sync ${name}`,
    ];
    expect(seen.slice(0, 12)).toEqual([
      ...twice("hard-state"),
      ...twice("guard"),
      "truncate segment",
      "sync segment",
      "write segment",
      "sync segment",
    ]);
  });

  test("the stall watchdog sees since when the disk has not answered (F8, R12)", async () => {
    const { disk, set } = gatedDisk();
    let time = 100;
    const log = await openLog(disk, { now: () => time });
    await log.append(persist([entry(1)]));
    expect(log.pendingSince).toBeUndefined();
    let release: () => void = () => undefined;
    set(({ kind }) =>
      kind === "sync" ? new Promise<void>((resolve) => (release = resolve)) : undefined,
    );
    const stuck = log.append(persist([entry(2)]));
    time = 900;
    const waiting = log.append(persist([entry(3)]));
    await Promise.resolve();
    expect(log.pendingSince).toBe(100);
    expect(log.backlogBytes).toBe(2 * "payload 2".length);
    await new Promise((resolve) => setImmediate(resolve));
    set(() => undefined);
    release();
    await Promise.all([stuck, waiting]);
    expect(log.pendingSince).toBeUndefined();
    expect(log.backlogBytes).toBe(0);
  });
});

describe("reading", () => {
  test("pages are bounded in bytes, hold at least one entry, and cross segments", async () => {
    const log = await openLog(new SimDisk({ random: seeded(1) }), { segmentBytes: 500 });
    const entries = Array.from({ length: 40 }, (_, at) => entry(at + 1, 1, "x".repeat(at * 7)));
    for (const one of entries) await log.append(persist([one]));
    for (const bytesMax of [1, 100, 1000, 1_000_000]) {
      const found: Entry[] = [];
      while (found.length < 40) {
        const page = await log.read(found.length + 1, 40, bytesMax);
        const bytes = page.reduce((sum, { payload }) => sum + payload.byteLength, 0);
        expect(page.length).toBeGreaterThan(0);
        if (page.length > 1) expect(bytes).toBeLessThanOrEqual(bytesMax);
        found.push(...page);
      }
      expect(found).toEqual(entries);
    }
    expect(await log.read(41, 50, 100)).toEqual([]);
    expect(await log.read(5, 7, 10_000)).toHaveLength(3);
  });

  test("reads beside truncations never see a file being cut", async () => {
    const log = await openLog(new SimDisk({ random: seeded(1) }), { segmentBytes: 400 });
    let next = 1;
    for (let round = 1; round <= 30; round++) {
      const entries = Array.from({ length: 6 }, (_, at) => entry(next + at, round));
      const cut = next > 4 ? next - 3 : undefined;
      const from = cut === undefined ? next : cut + 1;
      const shifted = entries.map((one, at) => ({ ...one, index: from + at }));
      const write = log.append(persist(shifted, { truncateAfter: cut }));
      const reads = [1, 2, 3].map(() => log.read(1, 1000, 100_000));
      await Promise.all([write, ...reads]);
      next = from + 6;
    }
    expect(log.failure).toBeUndefined();
    expect(log.lastIndex).toBe(next - 1);
  });

  test("damage found by a read ends the log: a damaged node serves nothing (F7)", async () => {
    const disk = new SimDisk({ random: seeded(1) });
    const log = await openLog(disk);
    await log.append(persist([entry(1), entry(2)]));
    const [path] = disk.paths().filter((one) => one.endsWith(".log"));
    disk.damage(path!, (content) => {
      content.writeUInt8(content.readUInt8(content.length - 1) ^ 1, content.length - 1);
      return content;
    });
    expect(await outcome(log.read(1, 2, 100))).toBe("CorruptLogError");
    expect(await outcome(log.append(persist([entry(3)])))).toBe("LogFailedError");
  });

  test("equal histories have equal chains on every node, however they were written (F11)", async () => {
    const one = await openLog(new SimDisk({ random: seeded(1) }), { segmentBytes: 300 });
    const other = await openLog(new SimDisk({ random: seeded(2) }));
    const entries = Array.from({ length: 20 }, (_, at) => entry(at + 1, 1 + (at >> 3)));
    for (const each of entries) await one.append(persist([each]));
    await other.append(persist([...entries.slice(0, 10), entry(11, 2, "overwritten")]));
    await other.append(persist(entries.slice(10), { truncateAfter: 10 }));
    for (const { index } of entries) {
      expect(await one.readChain(index)).toBe(await other.readChain(index));
    }
    expect(await one.readChain(1)).not.toBe(await one.readChain(2));
    expect(one.chainAt(1)).toBeUndefined();
    expect(one.chainAt(20)).toBe(await other.readChain(20));
    expect(await one.readChain(21)).toBeUndefined();
  });
});
