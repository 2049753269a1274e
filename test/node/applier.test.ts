import { describe, expect, test } from "vitest";
import { Applier, lanesPerBatch, type ApplierEvents } from "../../node/applier.ts";
import {
  decodeMeta,
  defaultOptions,
  Loader,
  loadRange,
  Machine,
  metaRow,
  type Answer,
  type Bytes,
  type Command,
  type Effects,
  type MessageExtras,
  type Origin,
  type OrderedStore,
} from "../../queue/index.ts";
import { EntryWriter } from "../queue/entry-writer.ts";
import type { Entry } from "../../raft/index.ts";
import { logicalRows, type StoredState } from "../queue/logical-rows.ts";
import { randomFrom, rowsOf, VirtualTime } from "./fakes.ts";
import { SimStores, type StoreOperation } from "../../testing/disk/sim-stores.ts";

const nobody: Origin = { session: 0, sequence: 0, floor: 0 };

const noExtras: MessageExtras = {
  ...{ dedupId: "", expectKeySeq: 0, notBefore: 0, expiresAt: 0 },
  ...{ ttlMs: 0, delayMs: 0, priority: 0, headers: {} },
};

function entryOf(
  index: number,
  commands: readonly (readonly [Origin, Command])[],
  stamp = index * 10,
): Entry {
  const writer = new EntryWriter();
  for (const [origin, command] of commands) writer.add(origin, command);
  return { index, term: 1, kind: "command", payload: writer.finish(stamp) };
}

const noop = (index: number): Entry => ({
  index,
  term: 1,
  kind: "noop",
  payload: new Uint8Array(),
});

function createQueue(name: string): Command {
  return { kind: "create-queue", name, options: defaultOptions() };
}

function enqueue(queue: string, key: Bytes, bytes = 10): Command {
  return { kind: "enqueue", queue, message: { key, content: new Uint8Array(bytes) } };
}

async function world(
  options: {
    writeBehindMs?: number;
    writeBehindBytesMax?: number;
    lanesResidentMax?: number;
    stores?: SimStores;
  } = {},
) {
  const time = new VirtualTime();
  const clock = time.clock();
  const operations: { operation: StoreOperation; at: number }[] = [];
  const stores = options.stores ?? new SimStores();
  const gates: Partial<Record<StoreOperation, () => void | Promise<void>>> = {};
  stores.gate = (operation) => {
    operations.push({ operation, at: time.now });
    return gates[operation]?.();
  };
  const store = await stores.open("state/1");
  const machine = await load(store, options.lanesResidentMax);
  const answers: { index: number; ordinal: number; answer: Answer | undefined }[] = [];
  const effects: Effects[] = [];
  const failures: unknown[] = [];
  const applied: number[] = [];
  const events: ApplierEvents = {
    answer: (entry, ordinal, _origin, answer) =>
      answers.push({ index: entry.index, ordinal, answer }),
    applied: (index, happened) => {
      applied.push(index);
      effects.push(happened);
    },
    failed: (error) => failures.push(error),
  };
  const applier = new Applier(
    machine,
    store,
    clock,
    { writeBehindMs: 50, writeBehindBytesMax: 64 * 1024, ...options },
    events,
  );
  return {
    time,
    clock,
    stores,
    store,
    applier,
    answers,
    effects,
    failures,
    applied,
    operations,
    gates,
  };
}

async function load(store: OrderedStore, lanesResidentMax = 1_000): Promise<Machine> {
  // Without the beginning of the agenda, which openMachine would read: the applier finds out for itself.
  const loader = new Loader({ lanesResidentMax });
  for await (const rows of store.range(loadRange.from, loadRange.to)) {
    for (const { key, value } of rows) loader.row(key, value);
  }
  return loader.finish();
}

async function storedIndex(store: OrderedStore): Promise<number> {
  const [meta] = await store.getMany([metaRow]);
  return meta === undefined ? 0 : decodeMeta(meta).appliedIndex;
}

/** Two entries are applied; key "a" of queue "q" has had a message, and has gone out of memory. */
async function withEvictedLane() {
  const made = await world({ lanesResidentMax: 0 });
  const { applier, time } = made;
  applier.push([
    entryOf(1, [
      [nobody, createQueue("q")],
      [nobody, enqueue("q", "a")],
    ]),
  ]);
  await time.advance(100);
  applier.push([
    entryOf(2, [
      [nobody, { kind: "open-session", name: "", ttlMs: 60_000 }],
      [
        { session: 1, sequence: 1, floor: 1 },
        { kind: "receive", queue: "q", maxMessages: 1, maxWaitMs: 0, leaseMs: 0 },
      ],
      [
        nobody,
        {
          kind: "settle",
          lease: { queue: "q", lane: "a", keySeq: 1, token: 1 },
          settlement: { kind: "ack" },
        },
      ],
    ]),
  ]);
  await time.advance(100);
  return made;
}

describe("A1: entries are applied in index order, each once", () => {
  test("commands are answered in order, with the entry that decided them", async () => {
    const { applier, answers, time } = await world();
    applier.push([entryOf(1, [[nobody, createQueue("q")]]), noop(2)]);
    applier.push([
      entryOf(3, [
        [nobody, enqueue("q", "a")],
        [nobody, enqueue("q", "a")],
      ]),
    ]);
    await time.idle();
    expect(answers.map(({ index, ordinal }) => [index, ordinal])).toEqual([
      [1, 0],
      [3, 0],
      [3, 1],
    ]);
    expect(answers.map(({ answer }) => answer?.index)).toEqual([1, 3, 3]);
    expect(applier.machine.appliedIndex).toBe(3);
  });

  test("a gap is a defect: the node ends (R15)", async () => {
    const { applier, failures, time } = await world();
    applier.push([noop(2)]);
    await time.idle();
    expect(failures).toHaveLength(1);
  });

  test("an entry that this version cannot read ends the node, and nothing is applied after it (G4, G5)", async () => {
    const { applier, failures, time, applied } = await world();
    applier.push([{ index: 1, term: 1, kind: "command", payload: Uint8Array.of(99) }, noop(2)]);
    await time.idle();
    expect(failures).toHaveLength(1);
    expect(applied).toEqual([]);
    applier.push([noop(3)]);
    await time.idle();
    expect(applied).toEqual([]);
  });
});

describe("A2: rows that are missing are fetched before apply", () => {
  test("what is due at a cluster time, from the store, in its order", async () => {
    const stores = new SimStores();
    const first = await world({ stores });
    const delayed = (delayMs: number): readonly [Origin, Command] => {
      const message = { key: "", content: new Uint8Array(1), extras: { ...noExtras, delayMs } };
      return [nobody, { kind: "enqueue", queue: "q", message }];
    };
    const options = defaultOptions("none");
    first.applier.push([
      entryOf(1, [
        [nobody, { kind: "raise-version", version: 2 }],
        [nobody, { kind: "create-queue", name: "q", options }],
        ...[50, 10, 30, 40, 20].map(delayed),
      ]),
    ]);
    await first.time.advance(100);
    await first.applier.stop();
    await first.applier.store.close();
    const second = await world({ stores });
    expect(second.applier.machine.queueInfo("q")).toMatchObject({ delayed: 5, ready: 0 });
    second.applier.push([entryOf(2, [[nobody, { kind: "tick" }]], 1_000)]);
    await second.time.advance(100);
    expect(second.failures).toEqual([]);
    expect(second.applier.machine.queueInfo("q")).toMatchObject({ delayed: 0, ready: 5 });
  });

  test("a lane left out of memory is read back, and apply gives what it would have given", async () => {
    const { applier, answers, time, operations } = await world({ lanesResidentMax: 1 });
    applier.push([
      entryOf(1, [
        [nobody, createQueue("q")],
        [nobody, { kind: "open-session", name: "", ttlMs: 60_000 }],
      ]),
    ]);
    // Each key gets a message that is leased and settled: the keys are idle afterwards.
    const keys = ["a", "b", "c", "d"];
    let index = 1;
    let sequence = 0;
    for (const key of keys) {
      index += 1;
      applier.push([
        entryOf(index, [
          [nobody, enqueue("q", key)],
          [
            { session: 1, sequence: ++sequence, floor: sequence },
            { kind: "receive", queue: "q", maxMessages: 1, maxWaitMs: 0, leaseMs: 0 },
          ],
        ]),
      ]);
      await time.idle();
      const reply = answers.at(-1)?.answer?.reply;
      if (reply?.kind !== "received") throw new Error("a grant");
      const grant = reply.grants[0]!;
      index += 1;
      applier.push([
        entryOf(index, [
          [
            nobody,
            {
              kind: "settle",
              lease: { queue: "q", lane: key, keySeq: grant.keySeq, token: grant.token },
              settlement: { kind: "ack" },
            },
          ],
        ]),
      ]);
      await time.advance(100);
    }
    const before = operations.filter(({ operation }) => operation === "get").length;
    index += 1;
    applier.push([
      entryOf(
        index,
        keys.map((key) => [nobody, enqueue("q", key)] as const),
      ),
    ]);
    await time.idle();
    const enqueued = answers.slice(-4).map(({ answer }) => answer?.reply);
    for (const reply of enqueued) {
      expect(reply?.kind === "enqueued" ? reply.message.keySeq : 0).toBe(2);
    }
    // One trip for the whole entry.
    expect(operations.filter(({ operation }) => operation === "get").length).toBe(before + 1);
  });

  test("a store that cannot be read ends the node (F2)", async () => {
    const { applier, time, gates, failures } = await withEvictedLane();
    gates.get = () => {
      throw new Error("EIO");
    };
    applier.push([entryOf(3, [[nobody, enqueue("q", "a")]]), noop(4)]);
    await time.idle();
    expect(failures).toHaveLength(1);
    expect(applier.machine.appliedIndex).toBe(2);
  });
});

describe("A3: one atomic batch of whole entries at a time", () => {
  test("batches never contain half of an entry, however slow the store and whatever is missing (F6)", async () => {
    const random = randomFrom(7);
    const { applier, time, stores, gates, failures } = await world({
      lanesResidentMax: 1,
      writeBehindMs: 1,
      writeBehindBytesMax: 512,
    });
    gates.get = () => time.sleep(1 + random() * 5);
    gates.write = () => time.sleep(1 + random() * 5);
    const reference = Machine.empty({ lanesResidentMax: 1 });
    const digests = new Map<number, string>([[0, reference.digest]]);
    const entries: Entry[] = [entryOf(1, [[nobody, createQueue("q")]])];
    for (let index = 2; index <= 60; index += 1) {
      const commands = Array.from(
        { length: 6 },
        () => [nobody, enqueue("q", `k${Math.floor(random() * 8)}`, 40)] as const,
      );
      entries.push(entryOf(index, commands));
    }
    for (const entry of entries) {
      applier.push([entry]);
      await time.advance(random() * 3);
      // Power loss right now: whatever prefix of the batches survived is the state after some entry.
      const after = stores.crash(() => 0.999_999);
      const survivor = await after.open("state/1");
      const machine = await load(survivor);
      expect(machine.appliedIndex).toBeLessThanOrEqual(entry.index);
      digests.set(machine.appliedIndex, machine.digest);
      stores.gate = (operation) => gates[operation]?.();
    }
    await time.advance(1_000);
    expect(failures).toEqual([]);
    // Replay tells whether those were the digests of whole entries.
    const replay = await world();
    for (const entry of entries) {
      replay.applier.push([entry]);
      await replay.time.idle();
      const seen = digests.get(entry.index);
      if (seen !== undefined) expect(seen).toBe(replay.applier.machine.digest);
    }
    expect(digests.size).toBeGreaterThan(5);
  });

  test("what is applied is written after writeBehindMs, once", async () => {
    const { applier, time, store, operations } = await world({ writeBehindMs: 50 });
    applier.push([entryOf(1, [[nobody, createQueue("q")]])]);
    await time.advance(30);
    applier.push([entryOf(2, [[nobody, enqueue("q", "a")]])]);
    await time.advance(15);
    expect(await storedIndex(store)).toBe(0);
    await time.advance(10);
    expect(await storedIndex(store)).toBe(2);
    await time.advance(500);
    expect(operations.filter(({ operation }) => operation === "write")).toHaveLength(1);
    expect(applier.storedIndex).toBe(2);
  });

  test("with many changed lanes a batch is due at once: taking it stops everything else (A4)", async () => {
    const { applier, time, operations, failures } = await world({
      writeBehindMs: 1_000,
      writeBehindBytesMax: 64 * 1024 * 1024,
    });
    const writes = (): number => operations.filter((one) => one.operation === "write").length;
    const keys = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, n) => [nobody, enqueue("q", `k${from + n}`)] as const);
    applier.push([entryOf(1, [[nobody, createQueue("q")]])]);
    applier.push([entryOf(2, keys(0, lanesPerBatch - 1))]);
    await time.advance(900);
    expect(writes()).toBe(0);
    applier.push([entryOf(3, keys(lanesPerBatch - 1, lanesPerBatch))]);
    await time.advance(1);
    expect(writes()).toBe(1);
    expect(applier.storedIndex).toBe(3);
    expect(failures).toEqual([]);
  });

  test("above the bound a batch is due at once, and one batch is out at a time (A4, I7)", async () => {
    const { applier, time, gates, operations } = await world({
      writeBehindMs: 1_000,
      writeBehindBytesMax: 1_000,
    });
    let writing = 0;
    gates.write = async () => {
      writing += 1;
      expect(writing).toBe(1);
      await time.sleep(10);
      writing -= 1;
    };
    applier.push([entryOf(1, [[nobody, createQueue("q")]])]);
    for (let index = 2; index <= 40; index += 1) {
      applier.push([entryOf(index, [[nobody, enqueue("q", "a", 500)]])]);
      await time.advance(1);
      // At twice the bound applying waits for the store.
      expect(applier.machine.writeBehindBytes).toBeLessThan(2 * 1_000 + 2 * 700);
    }
    await time.advance(2_000);
    expect(applier.machine.appliedIndex).toBe(40);
    expect(applier.storedIndex).toBe(40);
    const writes = operations.filter(({ operation }) => operation === "write").length;
    expect(writes).toBeLessThan(40);
  });

  test("the store fails: said once, and nothing is written after it (F2, R1)", async () => {
    const { applier, time, gates, failures, operations } = await world({ writeBehindMs: 10 });
    gates.write = () => {
      throw new Error("EIO");
    };
    applier.push([entryOf(1, [[nobody, createQueue("q")]])]);
    await time.advance(20);
    applier.push([entryOf(2, [[nobody, enqueue("q", "a")]])]);
    await time.advance(100);
    expect(failures).toHaveLength(1);
    expect(operations.filter(({ operation }) => operation === "write")).toHaveLength(1);
    expect(applier.machine.appliedIndex).toBe(1);
  });

  test("a defect while rows are gathered is said too, not swallowed (G4)", async () => {
    const { applier, time, failures } = await world({ writeBehindMs: 10 });
    applier.push([entryOf(1, [[nobody, createQueue("q")]])]);
    await time.idle();
    applier.machine.takeWrites = () => {
      throw new Error("a defect");
    };
    await time.advance(20);
    expect(failures).toHaveLength(1);
  });

  test("checkpoint: everything applied is flushed, and its index is what is safe to compact (E8)", async () => {
    const { applier, time, stores } = await world({ writeBehindMs: 10_000 });
    applier.push([
      entryOf(1, [[nobody, createQueue("q")]]),
      entryOf(2, [[nobody, enqueue("q", "a")]]),
    ]);
    await time.idle();
    expect(await applier.checkpoint()).toBe(2);
    const survivor = await stores.crash(() => 0).open("state/1");
    expect((await load(survivor)).appliedIndex).toBe(2);
  });

  test("A5: the store is flushed by itself after 32 MiB of entries", async () => {
    const { applier, time, stores, operations } = await world();
    applier.push([entryOf(1, [[nobody, createQueue("q")]])]);
    for (let index = 2; index <= 20; index += 1) {
      applier.push([entryOf(index, [[nobody, enqueue("q", "a", 4 * 1024 * 1024)]])]);
      await time.advance(100);
    }
    // 76 MiB.
    expect(operations.filter(({ operation }) => operation === "flush")).toHaveLength(2);
    const survivor = await stores.kill().open("state/1");
    expect((await load(survivor)).appliedIndex).toBeGreaterThanOrEqual(17);
  });

  test("checkpoint does not claim a batch that failed", async () => {
    const { applier, time, gates, failures } = await world({ writeBehindMs: 10_000 });
    gates.write = () => {
      throw new Error("EIO");
    };
    applier.push([entryOf(1, [[nobody, createQueue("q")]])]);
    await time.idle();
    expect(await applier.checkpoint().catch(() => 0)).toBe(0);
    expect(failures).toHaveLength(1);
  });

  test("restart from the store at any moment equals replay of the whole log", async () => {
    const random = randomFrom(11);
    const commands: Command[] = [
      createQueue("q"),
      { kind: "open-session", name: "s", ttlMs: 60_000 },
    ];
    const entries: Entry[] = commands.map((command, i) => entryOf(i + 1, [[nobody, command]]));
    entries.push(
      entryOf(3, [
        [
          { session: 1, sequence: 1, floor: 1 },
          { kind: "subscribe", consumer: 1, queue: "q", credit: 5, leaseMs: 500 },
        ],
        [{ session: 1, sequence: 0, floor: 0 }, { kind: "attach" }],
      ]),
    );
    for (let index = 4; index <= 80; index += 1) {
      entries.push(
        entryOf(
          index,
          [
            [nobody, enqueue("q", `k${Math.floor(random() * 5)}`)],
            [nobody, { kind: "tick" }],
          ],
          index * 50,
        ),
      );
    }
    const whole = await world();
    whole.applier.push(entries);
    await whole.time.advance(10_000);
    const wanted = await stateIn(whole.store);

    let part = await world({ writeBehindMs: 5 });
    let at = 0;
    while (at < entries.length) {
      const next = Math.min(entries.length, at + 1 + Math.floor(random() * 9));
      part.applier.push(entries.slice(at, next));
      await part.time.advance(random() * 10);
      part = await world({ stores: part.stores.crash(random), writeBehindMs: 5 });
      at = part.applier.machine.appliedIndex;
      if (random() < 0.3) {
        part.applier.push(entries.slice(at, next));
        await part.time.advance(1_000);
        await part.applier.checkpoint();
        at = Math.max(at, next);
      }
    }
    await part.time.advance(1_000);
    expect(part.applier.machine.digest).toBe(whole.applier.machine.digest);
    expect(await stateIn(part.store)).toEqual(wanted);
  });
});

async function stateIn(store: OrderedStore): Promise<StoredState> {
  const rows = [...(await rowsOf(store))];
  return logicalRows(new Map(rows.map(([key, value]) => [key, Buffer.from(value, "latin1")])));
}

describe("A4: applying is sliced", () => {
  test("a slice ends when its time is over; the consensus clock runs in between", async () => {
    const { applier, time, clock, applied } = await world();
    applier.push([entryOf(1, [[nobody, createQueue("q")]])]);
    await time.idle();
    applied.length = 0;
    // Each look at the clock costs 2 ms.
    clock.lookMs = 2;
    applier.push(
      Array.from({ length: 100 }, (_, i) => entryOf(i + 2, [[nobody, enqueue("q", "a")]])),
    );
    let turns = 0;
    while (applier.machine.appliedIndex < 101) {
      await time.turn();
      turns += 1;
      expect(turns).toBeLessThan(200);
    }
    expect(turns).toBeGreaterThan(5);
    expect(applied).toEqual([...applied].sort((a, b) => a - b));
  });

  test("one entry of many commands is sliced too", async () => {
    const { applier, time, clock, answers } = await world();
    applier.push([entryOf(1, [[nobody, createQueue("q")]])]);
    await time.idle();
    clock.lookMs = 2;
    const commands = Array.from({ length: 5_000 }, () => [nobody, enqueue("q", "a")] as const);
    applier.push([entryOf(2, commands)]);
    await time.turn();
    expect(answers.length).toBeLessThan(5_001);
    await time.idle();
    expect(answers.length).toBe(5_001);
    expect(applier.machine.appliedIndex).toBe(2);
  });
});

describe("stop", () => {
  test("waits for a fetch under way: the store may be closed right after it (E2)", async () => {
    const { applier, time, store, gates, failures } = await withEvictedLane();
    let fetching = false;
    gates.get = async () => {
      fetching = true;
      await time.sleep(20);
    };
    applier.push([entryOf(3, [[nobody, enqueue("q", "a")]]), noop(4)]);
    await time.idle();
    expect(fetching).toBe(true);
    const stopped = applier.stop().then(() => store.close());
    await time.advance(100);
    await stopped;
    await time.idle();
    expect(failures).toEqual([]);
    expect(applier.machine.appliedIndex).toBe(2);
  });
});
