// The parts of the world that everything else relies on: what they do, and that they are no kinder than they say.

import { describe, expect, test } from "vitest";
import { decodeMembership, type Entry } from "../../raft/index.ts";
import { DurableLog } from "../../node/log/index.ts";
import { SimDisk } from "../../testing/disk/sim-disk.ts";
import { Batch, batchMin } from "./batch.ts";
import { noCounters, type Counters } from "./counters.ts";
import { DiskLog } from "./disk-log.ts";
import { Network } from "../../testing/network.ts";
import { Random } from "../../testing/random.ts";
import type { SeedResult } from "./run-seed.ts";
import { draw } from "./swarm.ts";
import { Time } from "../../testing/time.ts";
import { Trace } from "../../testing/trace.ts";

describe("the network", () => {
  test("a cut is one way, and a mended one is whole", () => {
    const network = new Network(new Time(), new Random(1));
    network.cut("n1", "n2");
    expect([network.isCut("n1", "n2"), network.isCut("n2", "n1")]).toEqual([true, false]);
    network.mend("n1", "n2");
    expect(network.isCut("n1", "n2")).toBe(false);
  });

  test("a name in quarantine reaches nobody, whatever is mended", () => {
    const network = new Network(new Time(), new Random(1));
    network.quarantined.add("n1");
    network.healAll();
    expect([network.isCut("n1", "n2"), network.isCut("n2", "n1")]).toEqual([true, true]);
  });

  test("what was clogged comes at once, in order", () => {
    const network = new Network(new Time(), new Random(1));
    const come: number[] = [];
    network.clog("n1", "n2");
    for (let i = 0; i < 3; i += 1) network.through("n1", "n2", () => come.push(i));
    network.through("n2", "n1", () => come.push(9));
    expect(come).toEqual([9]);
    network.unclog("n1", "n2");
    expect(come).toEqual([9, 0, 1, 2]);
  });
});

describe("what is on a disk", () => {
  const entry = (index: number): Entry => ({
    index,
    term: 1,
    kind: "command",
    payload: Buffer.from(`entry ${index}`),
  });

  test("D1: an entry counts from its sync on, and not before", async () => {
    const seen: number[] = [];
    const log = new DiskLog(({ index }) => seen.push(index));
    let isHeld = false;
    const release: (() => void)[] = [];
    const disk = new SimDisk({
      random: () => 0.5,
      observer: log,
      gate: ({ kind, path }) =>
        isHeld && kind === "sync" && path.endsWith(".log")
          ? new Promise<void>((resolve) => release.push(resolve))
          : undefined,
    });
    const { log: durable } = await DurableLog.open(disk, "log", {
      decodeMembership,
      now: () => 0,
      nonce: () => 7,
    });
    const persist = (index: number, sequence: number): Promise<void> =>
      durable.append({
        sequence,
        hardState: undefined,
        truncateAfter: undefined,
        entries: [entry(index)],
      });
    await persist(1, 1);
    expect(seen).toEqual([1]);
    isHeld = true;
    const second = persist(2, 2);
    for (let i = 0; i < 50; i += 1) await Promise.resolve();
    expect(seen).toEqual([1]);
    expect(log.last).toBe(1);
    isHeld = false;
    for (const go of release) go();
    await second;
    expect(log.at(2)?.payload.toString()).toBe("entry 2");
    await durable
      .append({
        sequence: 3,
        hardState: undefined,
        truncateAfter: 1,
        entries: [],
      })
      .catch(() => undefined);
    expect(log.at(2)).toBeUndefined();
    const after = disk.crash();
    log.reload(after);
    expect([log.last, log.at(1)?.payload.toString()]).toEqual([1, "entry 1"]);
  });
});

describe("a batch", () => {
  const result = (counters: Partial<Counters>): SeedResult => ({
    seed: 1,
    plan: draw(new Random(1)),
    failure: undefined,
    counters: { ...noCounters(), ...counters },
    simulatedMs: 1_000,
    steps: 10,
  });
  const everything = Object.fromEntries(Object.keys(noCounters()).map((name) => [name, 1]));

  function inconclusive(counters: Partial<Counters>, nodes?: number): readonly string[] {
    const batch = new Batch(nodes);
    for (let i = 0; i < batchMin; i += 1) batch.add(result(counters), 1);
    return batch.summary(1).inconclusive;
  }

  test("in which everything happened means something", () => {
    expect(inconclusive({ ...everything, ok: 10 })).toEqual([]);
  });

  test("in which nothing of a kind happened is inconclusive, and says of which", () => {
    expect(inconclusive({ ...everything, ok: 10, snapshotsInstalled: 0 })).toEqual([
      "no snapshotsInstalled",
    ]);
    expect(inconclusive({}).length).toBeGreaterThan(20);
  });

  test("in which most operations failed is inconclusive", () => {
    expect(inconclusive({ ...everything, ok: 1, unknown: 5 })).toEqual([
      "fewer than half of the operations were ok",
    ]);
  });

  test("of single nodes needs no snapshot", () => {
    expect(inconclusive({ ...everything, ok: 10, snapshotsInstalled: 0 }, 1)).toEqual([]);
  });
});

test("the last hundred events are kept, oldest first, and faults apart from them", () => {
  let now = 0;
  const trace = new Trace(() => now, undefined);
  trace.fault("kill", "n1");
  for (now = 1; now <= 150; now += 1) trace.event("send", now);
  expect(trace.last()).toHaveLength(100);
  expect(trace.last()[0]).toMatch(/51\.000 send 51$/);
  expect(trace.faults).toEqual([expect.stringMatching(/0\.000 kill n1$/)]);
});

test("a seed draws the same plan each time, and seeds differ", () => {
  expect(draw(new Random(5))).toEqual(draw(new Random(5)));
  const plans = Array.from({ length: 200 }, (_, seed) => draw(new Random(seed)));
  expect(new Set(plans.map((plan) => JSON.stringify(plan))).size).toBe(200);
  // E7: a fifth of them keeps nothing.
  const keepNothing = plans.filter(({ config }) => config.logRetainBytes === 0).length;
  expect(keepNothing).toBeGreaterThan(20);
  expect(keepNothing).toBeLessThan(60);
});
