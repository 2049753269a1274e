import { describe, expect, test } from "vitest";

import { DurableLog } from "../../../node/log/index.ts";
import type { OpenedLog } from "../../../node/log/index.ts";

import { seeded } from "./random.ts";
import { SimDisk } from "../../../testing/disk/sim-disk.ts";
import type { Operation } from "../../../testing/disk/sim-disk.ts";
import { Workload, describeModel, directory, modelOf, smallLimits } from "./workload.ts";

/** Runs the history until the disk's `crashAt`th change, which does not happen; returns what then survives. */
async function runUntil(
  workload: Workload,
  disk: SimDisk,
  crashed: Promise<void>,
  calls: number,
): Promise<void> {
  await Promise.race([workload.run(disk, calls), crashed]);
}

function crashingDisk(
  random: () => number,
  crashAt: number,
  content?: SimDisk,
): { disk: SimDisk; crashed: Promise<void> } {
  let crash: () => void = () => undefined;
  const crashed = new Promise<void>((resolve) => (crash = resolve));
  const gate = async ({ number }: Operation): Promise<void> => {
    if (number !== crashAt) return;
    crash();
    await new Promise(() => undefined);
  };
  const disk = content?.kill({ random, gate }) ?? new SimDisk({ random, gate });
  return { disk, crashed };
}

/** The log after the crash must be the history after one of its steps, from the last one acknowledged on. */
async function checkSurvivor(workload: Workload, opened: OpenedLog, where: string): Promise<void> {
  const found = describeModel(await modelOf(opened));
  const allowed = workload.steps.slice(workload.acknowledged).map(describeModel);
  if (allowed.includes(found)) return;
  const older = workload.steps.map(describeModel).lastIndexOf(found);
  const steps = `steps ${workload.acknowledged} to ${workload.steps.length - 1}`;
  expect.fail(
    `${where}: expected a state of ${steps}, found ${older === -1 ? "none of the history" : `step ${older}`}: ` +
      `${found}\nacknowledged: ${allowed[0] ?? ""}`,
  );
}

async function sweep(seed: number, calls: number): Promise<number> {
  const trial = new SimDisk({ random: seeded(seed) });
  await new Workload(seeded(seed), undefined).run(trial, calls);
  for (let crashAt = 1; crashAt <= trial.changes; crashAt++) {
    const where = `seed ${seed}, crash at change ${crashAt}`;
    const faults = seeded(seed * 100_003 + crashAt);
    const { disk, crashed } = crashingDisk(faults, crashAt);
    const workload = new Workload(seeded(seed));
    await runUntil(workload, disk, crashed, calls);

    // The power may fail, or fail again, while the log is being recovered. Only the process may have ended before: then recovery
    // reads what is in the page cache, and must not rest on it.
    const isKilled = faults() < 0.5;
    let survivor = isKilled ? disk.kill({ random: faults }) : disk.crash({ random: faults });
    if (isKilled || faults() < 0.3) {
      const again = crashingDisk(faults, 1 + Math.floor(faults() * 12), survivor);
      await Promise.race([DurableLog.open(again.disk, directory, smallLimits), again.crashed]);
      survivor = again.disk.crash({ random: faults });
    }
    const opened = await DurableLog.open(survivor, directory, smallLimits).catch(
      (error: unknown) => {
        throw new Error(`${where}: ${String(error)}`, { cause: error });
      },
    );
    await checkSurvivor(workload, opened, where);

    // What was restored is durable, and the log goes on from there: more history, one more crash.
    const next = new Workload(faults, await modelOf(opened));
    await opened.log.close();
    const more = crashingDisk(faults, 1 + Math.floor(faults() * 40), survivor);
    await runUntil(next, more.disk, more.crashed, 6);
    const reopened = await DurableLog.open(
      more.disk.crash({ random: faults }),
      directory,
      smallLimits,
    );
    await checkSurvivor(next, reopened, `${where}, second crash`);
  }
  return trial.changes;
}

describe("power is lost at every change of the disk (R3, E5, E8, F1, F3, F4, F10, A1)", () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    test(`seed ${seed}: what was acknowledged is there, and nothing that never was`, async () => {
      expect(await sweep(seed, 32)).toBeGreaterThan(60);
    });
  }
});

test("F3: a compaction that only the page cache knows removes nothing that the disk still needs", async () => {
  const gate: { of: (operation: Operation) => Promise<void> | undefined } = { of: () => undefined };
  const random = seeded(1);
  const disk = new SimDisk({ random, gate: (operation) => gate.of(operation) });
  const { log } = await DurableLog.open(disk, directory, smallLimits);
  const payload = new Uint8Array(400);
  for (let index = 1; index <= 20; index += 1) {
    const entries = [{ index, term: 1, kind: "command", payload }] as const;
    await log.append({ sequence: index, hardState: undefined, truncateAfter: undefined, entries });
  }
  // The process ends between the rename of the base and the sync of its name …
  await new Promise<void>((resolve) => {
    gate.of = ({ kind }) => {
      if (kind !== "sync-directory") return undefined;
      resolve();
      return new Promise(() => undefined);
    };
    void log.compact(12, { voters: [1], learners: [], context: "" });
  });
  const killed = disk.kill({ random });
  // … and the power fails at some change of the next life, which removes what is below that base.
  let removals = 0;
  for (let crashAt = 1; crashAt <= 12; crashAt += 1) {
    for (let chance = 0; chance < 50; chance += 1) {
      const faults = seeded(1_000 * crashAt + chance);
      const life = crashingDisk(faults, crashAt, killed.copy());
      await Promise.race([DurableLog.open(life.disk, directory, smallLimits), life.crashed]);
      removals += life.disk.count("remove");
      const after = life.disk.crash({ random: faults });
      const opened = await DurableLog.open(after, directory, smallLimits);
      expect(opened.restored.lastIndex).toBe(20);
    }
  }
  expect(removals).toBeGreaterThan(0);
});
