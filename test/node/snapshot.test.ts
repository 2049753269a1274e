import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeChunk, encodeChunk } from "../../node/snapshot-chunk.ts";
import { SnapshotReceiver } from "../../node/snapshot-receiver.ts";
import { SnapshotSender } from "../../node/snapshot-sender.ts";
import { StateDirectory } from "../../node/state-directory.ts";
import {
  defaultOptions,
  Loader,
  loadRange,
  Machine,
  type OrderedStore,
} from "../../queue/index.ts";
import type { SnapshotId, SnapshotRead, SnapshotWrite } from "../../raft/index.ts";
import { randomFrom, rowsOf, silent, VirtualTime } from "./fakes.ts";
import { SimStores } from "../../testing/disk/sim-stores.ts";
import { SimDisk } from "../../testing/disk/sim-disk.ts";

const nobody = { session: 0, sequence: 0, floor: 0 };
const membership = { voters: [1, 2, 3], learners: [], context: "" };

function idAt(index: number): SnapshotId {
  return { last: { term: 1, index }, membership };
}

const bytes = fc.uint8Array({ maxLength: 30 });
const rows = fc.array(
  fc.record({ key: bytes.map((array) => Buffer.from(array).toString("latin1")), value: bytes }),
  { maxLength: 10 },
);
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });

describe("chunks", () => {
  test("decode(encode(x)) = x", () => {
    fc.assert(
      fc.property(u32, u32, rows, (chain, before, some) => {
        const decoded = decodeChunk(encodeChunk(chain, before, some));
        expect(decoded?.chain).toBe(chain);
        expect(decoded?.before).toBe(before);
        expect(decoded?.rows.map(({ key, value }) => [key, [...value]])).toEqual(
          some.map(({ key, value }) => [key, [...value]]),
        );
      }),
    );
  });

  test("V1: any damage is seen, whatever it is", () => {
    fc.assert(
      fc.property(rows, fc.nat(), fc.integer({ min: 1, max: 255 }), (some, where, how) => {
        const chunk = encodeChunk(1, 2, some);
        const damaged = Buffer.from(chunk);
        const at = where % chunk.length;
        damaged[at] = (damaged[at] ?? 0) ^ how;
        expect(decodeChunk(damaged)).toBeUndefined();
        expect(decodeChunk(chunk.subarray(0, at))).toBeUndefined();
      }),
    );
  });

  test("random bytes are no chunk, and nothing is thrown", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => decodeChunk(noise) === undefined),
    );
  });
});

/** A machine with messages in its store, and the sender of its snapshots. */
async function leader(messages = 40, contentBytes = 50_000) {
  const time = new VirtualTime();
  const stores = new SimStores();
  const store = await stores.open("leader");
  const machine = Machine.empty();
  let index = 0;
  const grow = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      index += 1;
      machine.begin({ index, time: index });
      machine.apply(nobody, { kind: "create-queue", name: "q", options: defaultOptions() });
      machine.apply(nobody, { kind: "open-session", name: "s", ttlMs: 60_000 });
      const content = Buffer.alloc(contentBytes, index);
      machine.apply(nobody, {
        kind: "enqueue",
        queue: "q",
        message: { key: `k${index % 5}`, content },
      });
      machine.end();
    }
    await store.write(machine.takeWrites());
    machine.writesStored();
  };
  await grow(messages);
  const compacted = { through: 0 };
  const log = { read: () => Promise.resolve() };
  const failures: unknown[] = [];
  const sender = new SnapshotSender(time.clock(), silent, {
    chunkBytes: 512 * 1024,
    store: () => store,
    idAt,
    chainAt: async (at) => {
      await log.read();
      return at < compacted.through ? undefined : at * 7;
    },
    failed: (error) => failures.push(error),
  });
  const read = (last: SnapshotRead["last"], chunk: number, to = 2) =>
    sender.read({ to, last, chunk });
  return { time, stores, store, machine, sender, read, grow, compacted, log, failures };
}

async function follower() {
  const disk = new SimDisk({ random: randomFrom(1) });
  const stores = new SimStores();
  const { directory, state } = await StateDirectory.open(disk, "state", stores, {
    lanesResidentMax: 100,
  });
  return { disk, stores, directory, state, receiver: new SnapshotReceiver(directory, silent) };
}

/** All chunks of a fresh snapshot, as the follower would get them. */
async function chunksOf(
  read: Awaited<ReturnType<typeof leader>>["read"],
): Promise<SnapshotWrite[]> {
  const chunks: SnapshotWrite[] = [];
  let last: SnapshotRead["last"];
  for (let chunk = 0; ; chunk += 1) {
    const got = await read(last, chunk);
    if (got === undefined) throw new Error("lost");
    const { snapshot, data, done } = got;
    last = snapshot.last;
    chunks.push({ from: 1, snapshot, chunk, data, done });
    if (done) return chunks;
  }
}

async function load(store: OrderedStore): Promise<Machine> {
  const loader = new Loader();
  for await (const batch of store.range(loadRange.from, loadRange.to))
    for (const { key, value } of batch) loader.row(key, value);
  return loader.finish();
}

describe("E6: from one store to another", () => {
  test("the receiver has every row, the same digest, and the log's chain", async () => {
    const { read, store } = await leader();
    const { receiver, state, stores } = await follower();
    const chunks = await chunksOf(read);
    expect(chunks.length).toBeGreaterThan(2);
    for (const chunk of chunks) expect(await receiver.take(chunk)).toBe(true);
    const installed = await receiver.install(chunks[0]!.snapshot, state.store);
    expect(installed.chain).toBe(40 * 7);
    expect(await rowsOf(installed.state.store)).toEqual(await rowsOf(store));
    expect(installed.state.machine.digest).toBe((await load(store)).digest);
    expect(stores.paths).toEqual(["state/2"]);
  });

  test("X1: what is written meanwhile is not in it", async () => {
    const { read, grow } = await leader();
    const { receiver, state } = await follower();
    const first = await read(undefined, 0);
    await grow(10);
    const { snapshot } = first!;
    expect(await receiver.take({ from: 1, ...first! })).toBe(true);
    for (let chunk = 1; ; chunk += 1) {
      const next = await read(snapshot.last, chunk);
      expect(await receiver.take({ from: 1, ...next! })).toBe(true);
      if (next!.done) break;
    }
    const installed = await receiver.install(snapshot, state.store);
    expect(installed.state.machine.appliedIndex).toBe(40);
  });

  test("E3: a chunk that is asked for again is the same; another one begins anew", async () => {
    const { read } = await leader();
    const zero = await read(undefined, 0);
    const { last } = zero!.snapshot;
    expect(Buffer.compare((await read(last, 0))!.data, zero!.data)).toBe(0);
    const one = await read(last, 1);
    expect(Buffer.compare((await read(last, 1))!.data, one!.data)).toBe(0);
    expect(await read(last, 0)).toBeUndefined();
    expect(await read(last, 2)).toBeUndefined();
    const again = await read(undefined, 0);
    expect(again?.chunk).toBe(0);
  });

  test("a snapshot that the log cannot follow any more is not begun", async () => {
    const { read, compacted, sender } = await leader();
    compacted.through = 100;
    expect(await read(undefined, 0)).toBeUndefined();
    expect(sender.keepFrom).toBe(Infinity);
  });

  test("X1: nothing is compacted while the index of a view is being found out", async () => {
    const { time, log, read, sender } = await leader();
    log.read = () => time.sleep(10);
    const reading = read(undefined, 0);
    await time.advance(5);
    expect(sender.keepFrom).toBe(0);
    await time.advance(5);
    await reading;
    expect(sender.keepFrom).toBe(41);
  });

  test("an empty store is a snapshot too", async () => {
    const { read } = await leader(0);
    const only = await read(undefined, 0);
    expect(only).toMatchObject({ chunk: 0, done: true });
  });
});

describe("X2: transfers end", () => {
  test("keepFrom holds the log back while a transfer lasts, and for a minute after it was last asked for", async () => {
    const { time, read, sender } = await leader();
    const zero = await read(undefined, 0);
    expect(sender.keepFrom).toBe(41);
    await time.advance(50_000);
    sender.tick();
    await read(zero!.snapshot.last, 1);
    await time.advance(50_000);
    sender.tick();
    expect(sender.keepFrom).toBe(41);
    await time.advance(20_000);
    sender.tick();
    expect(sender.keepFrom).toBe(Infinity);
    expect(await read(zero!.snapshot.last, 1)).toBeUndefined();
  });

  test("one that is given up while a chunk is read: that chunk is none, least of all the last one", async () => {
    const { time, stores, read, sender } = await leader();
    const zero = await read(undefined, 0);
    stores.gate = (operation) => (operation === "range" ? time.sleep(10) : undefined);
    const reading = read(zero!.snapshot.last, 1);
    const stopped = sender.stop();
    await time.advance(5_000);
    await stopped;
    expect(await reading).toBeUndefined();
  });

  test("two followers are served side by side", async () => {
    const { read } = await leader();
    const a = await read(undefined, 0, 2);
    const b = await read(undefined, 0, 3);
    expect(await read(a!.snapshot.last, 1, 2)).toMatchObject({ to: 2, chunk: 1 });
    expect(await read(b!.snapshot.last, 1, 3)).toMatchObject({ to: 3, chunk: 1 });
  });
});

describe("V1, V2: what goes wrong on the way changes nothing", () => {
  test("a damaged chunk rejects the transfer; from chunk 0 it works", async () => {
    const { read, store } = await leader();
    const { receiver, state } = await follower();
    const chunks = await chunksOf(read);
    expect(await receiver.take(chunks[0]!)).toBe(true);
    const damaged = Buffer.from(chunks[1]!.data);
    damaged[100] = (damaged[100] ?? 0) ^ 1;
    expect(await receiver.take({ ...chunks[1]!, data: damaged })).toBe(false);
    expect(state.machine.appliedIndex).toBe(0);
    const fresh = await chunksOf(read);
    for (const chunk of fresh) expect(await receiver.take(chunk)).toBe(true);
    const installed = await receiver.install(fresh[0]!.snapshot, state.store);
    expect(await rowsOf(installed.state.store)).toEqual(await rowsOf(store));
  });

  test("chunk 0 again forgets what came before", async () => {
    const { read, grow } = await leader();
    const { receiver, state } = await follower();
    const old = await chunksOf(read);
    for (const chunk of old.slice(0, 2)) await receiver.take(chunk);
    await grow(3);
    const fresh = await chunksOf(read);
    for (const chunk of fresh) expect(await receiver.take(chunk)).toBe(true);
    const installed = await receiver.install(fresh[0]!.snapshot, state.store);
    expect(installed.state.machine.appliedIndex).toBe(43);
  });

  test("chunks of two transfers never make one snapshot, also when both are of the same entry", async () => {
    const { read } = await leader();
    // The same state, cut into other chunks: as another leader might.
    const other = await leader(40, 49_000);
    const { receiver } = await follower();
    const [zero] = await chunksOf(read);
    const [, one] = await chunksOf(other.read);
    expect(zero!.snapshot).toEqual(one!.snapshot);
    expect(await receiver.take(zero!)).toBe(true);
    expect(await receiver.take(one!)).toBe(false);
  });

  test("a chunk that is left out, or comes twice, is refused", async () => {
    const { read } = await leader();
    const { receiver } = await follower();
    const [zero, one, two] = await chunksOf(read);
    expect(await receiver.take(zero!)).toBe(true);
    expect(await receiver.take(two!)).toBe(false);
    expect(await receiver.take(one!)).toBe(true);
    expect(await receiver.take(one!)).toBe(false);
  });

  test("a snapshot whose state is of another entry than it says is refused", async () => {
    const { read } = await leader();
    const { receiver } = await follower();
    const chunks = await chunksOf(read);
    const lying = chunks.map((chunk) => ({ ...chunk, snapshot: idAt(41) }));
    const taken: boolean[] = [];
    for (const chunk of lying) taken.push(await receiver.take(chunk));
    expect(taken.at(-1)).toBe(false);
  });

  test("stop closes a store that was being filled", async () => {
    const { read } = await leader();
    const { receiver, stores } = await follower();
    await receiver.take((await chunksOf(read))[0]!);
    await receiver.stop();
    await stores.destroy("state/2");
  });
});
