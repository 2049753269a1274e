import { describe, expect, test } from "vitest";
import { openLog } from "../../node/open-log.ts";
import { CorruptState, StateDirectory } from "../../node/state-directory.ts";
import { Machine, type OrderedStore } from "../../queue/index.ts";
import type { SnapshotId } from "../../raft/index.ts";
import { configOf, randomFrom, silent } from "./fakes.ts";
import { SimStores } from "../../testing/disk/sim-stores.ts";
import { SimDisk, type Operation } from "../../testing/disk/sim-disk.ts";

const options = { lanesResidentMax: 100 };
const config = configOf(1, 3);
const snapshot: SnapshotId = {
  last: { term: 2, index: 20 },
  membership: { voters: [1, 2, 3], learners: [], context: "" },
};
const chain = 4_711;

/** The rows of a machine that has applied `index`. */
async function fill(store: OrderedStore, index: number): Promise<void> {
  const machine = Machine.empty();
  machine.skip(index);
  await store.write(machine.takeWrites());
}

function open(disk: SimDisk, stores: SimStores) {
  return StateDirectory.open(disk, "data/state", stores, options);
}

/** Whether it comes to its end: false when it waits for a disk that has stopped. */
function endsSoon(work: Promise<unknown>): Promise<boolean> {
  return Promise.race([
    work.then(() => true),
    new Promise<false>((resolve) => setImmediate(() => setImmediate(() => resolve(false)))),
  ]);
}

describe("G1: one state takes the place of another", () => {
  test("a fresh directory: an empty state of generation 1", async () => {
    const disk = new SimDisk({ random: randomFrom(1) });
    const stores = new SimStores();
    const { state, installed } = await open(disk, stores);
    expect(state.machine.appliedIndex).toBe(0);
    expect(installed).toBeUndefined();
    expect(stores.paths).toEqual(["data/state/1"]);
  });

  test("adopt: the new one is found after a restart, with the snapshot that it began as", async () => {
    const disk = new SimDisk({ random: randomFrom(1) });
    const stores = new SimStores();
    const { directory, state } = await open(disk, stores);
    const { store, generation } = await directory.begin();
    await fill(store, 20);
    const adopted = await directory.adopt(store, generation, { snapshot, chain }, state.store);
    expect(adopted.machine.appliedIndex).toBe(20);
    const again = await open(
      disk.crash(),
      stores.crash(() => 0),
    );
    expect(again.state.machine.appliedIndex).toBe(20);
    expect(again.installed).toEqual({ snapshot, chain });
  });

  test.each([
    { how: "power loss", isKilledFirst: false },
    { how: "a kill, a start, and power loss then,", isKilledFirst: true },
  ])(
    "E5: $how at every change of the disk leaves the old state or the new one, and the log fits it",
    async ({ isKilledFirst }) => {
      const outcomes = new Set<number>();
      for (let at = 1; at < 80; at += 1) {
        for (const seed of [at, at + 1_000, at + 2_000]) {
          const random = randomFrom(seed);
          const limit: { number: number } = { number: Infinity };
          const gate = ({ number }: Operation) =>
            number >= limit.number ? new Promise<void>(() => undefined) : undefined;
          const disk = new SimDisk({ random, gate });
          const stores = new SimStores();
          const { directory, state } = await open(disk, stores);
          const { log } = await openLog(disk, "data/log", config, silent, undefined);
          await log.append({
            sequence: 1,
            hardState: { term: 2, vote: undefined },
            truncateAfter: undefined,
            entries: [1, 2, 3].map((index) => ({
              index,
              term: 1,
              kind: "noop",
              payload: new Uint8Array(),
            })),
          });
          limit.number = disk.changes + at;
          // What node.ts does when the last chunk has come; at some change of the disk the power goes.
          const installing = (async () => {
            const { store, generation } = await directory.begin();
            await fill(store, 20);
            await directory.adopt(store, generation, { snapshot, chain }, state.store);
            await log.reset(snapshot, chain);
          })();
          const finished = await endsSoon(installing);
          let lastDisk = disk;
          let lastStores = stores;
          if (isKilledFirst) {
            // What the next life reads may be in the page cache only: it must not rest on it, nor remove what was before.
            limit.number = Math.floor(random() * 30);
            lastDisk = disk.kill({ random, gate });
            lastStores = stores.kill();
            const between = open(lastDisk, lastStores).then(({ installed }) =>
              openLog(lastDisk, "data/log", config, silent, installed),
            );
            await endsSoon(between);
          }
          const after = lastDisk.crash({ random });
          const survivors = lastStores.crash(random);
          const found = await open(after, survivors);
          const opened = await openLog(after, "data/log", config, silent, found.installed);
          const applied = found.state.machine.appliedIndex;
          outcomes.add(applied);
          if (finished) expect(applied).toBe(20);
          if (applied === 20) {
            expect(opened.restored.snapshot).toEqual(snapshot);
            expect(opened.restored.lastIndex).toBe(20);
            expect(await opened.log.readChain(20)).toBe(chain);
          } else {
            expect(applied).toBe(0);
            expect(opened.restored.snapshot.last.index).toBe(0);
            expect(opened.restored.lastIndex).toBe(3);
          }
          // Raft asks for exactly this.
          expect(applied).toBeGreaterThanOrEqual(opened.restored.snapshot.last.index);
          expect(applied).toBeLessThanOrEqual(Math.max(opened.restored.lastIndex, applied));
          expect(opened.restored.hardState.term).toBe(2);
          expect(survivors.paths).toHaveLength(1);
        }
      }
      expect([...outcomes].sort((a, b) => a - b)).toEqual([0, 20]);
    },
  );

  test("the log is not touched when it has gone on from the snapshot", async () => {
    const disk = new SimDisk({ random: randomFrom(3) });
    const first = await openLog(disk, "data/log", config, silent, undefined);
    await first.log.reset(snapshot, chain);
    await first.log.append({
      sequence: 1,
      hardState: { term: 2, vote: undefined },
      truncateAfter: undefined,
      entries: [21, 22].map((index) => ({
        index,
        term: 2,
        kind: "noop",
        payload: new Uint8Array(),
      })),
    });
    const again = await openLog(disk.crash(), "data/log", config, silent, { snapshot, chain });
    expect(again.restored.lastIndex).toBe(22);
  });

  test("what an interrupted transfer left behind goes", async () => {
    const disk = new SimDisk({ random: randomFrom(1) });
    const stores = new SimStores();
    const { directory, state } = await open(disk, stores);
    await fill(state.store, 3);
    await state.store.flush();
    const { store } = await directory.begin();
    await fill(store, 20);
    const survivors = stores.kill();
    expect(survivors.paths).toEqual(["data/state/1", "data/state/2"]);
    const again = await open(disk.kill(), survivors);
    expect(again.state.machine.appliedIndex).toBe(3);
    expect(survivors.paths).toEqual(["data/state/1"]);
  });
});

describe("F7: damage", () => {
  test("a damaged `current` stops the node, with words, and nothing is deleted", async () => {
    const disk = new SimDisk({ random: randomFrom(1) });
    const stores = new SimStores();
    await open(disk, stores);
    const survivors = stores.kill();
    const content = disk.content("data/state/current");
    for (let at = 0; at < content.length - 1; at += 1) {
      // The blank between checksum and text says nothing.
      if (at === 8) continue;
      const damaged = disk.kill();
      damaged.damage("data/state/current", (bytes) => {
        bytes[at] = (bytes[at] ?? 0) ^ 0x01;
        return bytes;
      });
      const opening = open(damaged, survivors);
      await expect(opening).rejects.toBeInstanceOf(CorruptState);
      await expect(opening).rejects.toThrow(/Replace the node/);
      damaged.damage("data/state/current", () => content);
    }
    expect(survivors.paths).toEqual(["data/state/1"]);
  });

  test("a missing `current` deletes no state", async () => {
    const disk = new SimDisk({ random: randomFrom(1) });
    const stores = new SimStores();
    const { directory, state } = await open(disk, stores);
    const { store, generation } = await directory.begin();
    await fill(store, 20);
    await directory.adopt(store, generation, { snapshot, chain }, state.store);
    const after = disk.kill();
    after.lose("data/state/current");
    const survivors = stores.kill();
    await open(after, survivors).catch(() => undefined);
    expect(survivors.paths).toContain("data/state/2");
  });
});
