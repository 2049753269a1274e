// F4, F5, F7: a node that was stopped, one of whose real files was damaged meanwhile. It starts with the state that the log
// makes, or it does not start, or it stops at the first read; and says which file, and what to do. Never a silent loss.
// DAMAGES=5000 SEED=7 npx vitest run --project unit test/node/damage.test.ts for a longer look, or another one.

import { cp, mkdtemp, readdir, readFile, rm, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Bodies } from "../../node/bodies.ts";
import { systemClock, type Clock } from "../../node/clock.ts";
import { NodeDisk } from "../../node/log/index.ts";
import type { DiskFile, OpenMode } from "../../node/log/disk.ts";
import type { Node } from "../../node/node.ts";
import { openNode } from "../../node/open-node.ts";
import { RocksStore } from "../../node/rocks-store.ts";
import {
  defaultOptions,
  metaRow,
  stateRange,
  type Answer,
  type Command,
  type OrderedStore,
  type Origin,
} from "../../queue/index.ts";
import { logicalRows, type StoredState } from "../queue/logical-rows.ts";
import { configOf, randomFrom, silent } from "./fakes.ts";

const damages = Number(process.env["DAMAGES"] ?? 200);
const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
const nobody: Origin = { session: 0, sequence: 0, floor: 0 };

/** Twenty times as fast: elections and write-behind need not be waited for. */
const hasty: Clock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() * 20,
  every: (ms, run) => systemClock.every(ms / 20, run),
  after: (ms, run) => systemClock.after(ms / 20, run),
};

/** What a process lets go of when it ends. */
class Holdings extends NodeDisk {
  readonly stores: OrderedStore[] = [];
  readonly #files = new Set<DiskFile>();

  override async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const file = await super.open(path, mode);
    this.#files.add(file);
    return file;
  }

  async letGo(): Promise<void> {
    for (const store of this.stores) await store.close().catch(() => undefined);
    for (const file of this.#files) await file.close().catch(() => undefined);
  }
}

interface Life {
  readonly node: Node;
  /** What the node ended of, if it did. */
  readonly failures: unknown[];
  end(): Promise<void>;
}

async function live(data: string, electionMs = 1_000): Promise<Life> {
  const holdings = new Holdings();
  const failures: unknown[] = [];
  const config = configOf(1, 1, { data, electionMs, heartbeatMs: 100, segmentBytes: 65_536 });
  try {
    const node = await openNode(config, {
      disk: holdings,
      stores: {
        open: async (path) => {
          const store = await RocksStore.open(path);
          holdings.stores.push(store);
          return store;
        },
        destroy: (path) => RocksStore.destroy(path),
      },
      clock: hasty,
      random: randomFrom(3),
      logger: silent,
      fatal: (error) => failures.push(error),
      connect: () => ({ send: () => undefined, close: () => Promise.resolve() }),
    });
    const end = async (): Promise<void> => {
      await node.stop().catch((error: unknown) => failures.push(error));
      await holdings.letGo();
    };
    return { node, failures, end };
  } catch (error) {
    await holdings.letGo();
    throw error;
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

async function askNode(node: Node, command: Command, origin: Origin): Promise<Answer["reply"]> {
  const answer = await new Promise<Answer>((resolve, reject) => {
    node.submit(origin, command, (said) =>
      "kind" in said ? reject(new Error(said.kind)) : resolve(said),
    );
  });
  return answer.reply;
}

async function rowsOf(store: OrderedStore): Promise<Map<string, Uint8Array>> {
  const rows = new Map<string, Uint8Array>();
  for await (const batch of store.range(stateRange.from, stateRange.to)) {
    for (const { key, value } of batch) rows.set(key, value);
  }
  return rows;
}

const content = (n: number): Buffer => {
  const bytes = Buffer.alloc(2_000);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = (n * 31 + i * i) & 0xff;
  return bytes;
};

/** Queues, messages of which some are settled, a session that came and went, several tables, a log that was compacted. */
async function fill(node: Node, digests: Map<number, string>): Promise<void> {
  await until(() => node.ready);
  await until(() => node.machine.version === node.machine.versionMax);
  const ask = async (command: Command, origin = nobody): Promise<Answer["reply"]> => {
    const reply = await askNode(node, command, origin);
    digests.set(node.machine.appliedIndex, node.digest);
    return reply;
  };
  for (const name of ["a", "b"])
    await ask({ kind: "create-queue", name, options: defaultOptions() });
  const opened = await ask({ kind: "open-session", name: "s", ttlMs: 3_600_000 });
  if (opened.kind !== "session-opened") throw new Error(opened.kind);
  const { session } = opened;
  let sequence = 0;
  const next = (): Origin => ({ session, sequence: ++sequence, floor: sequence });
  for (let n = 0; n < 900; n += 1) {
    const queue = n % 3 === 0 ? "a" : "b";
    const message = { key: `k${n % 17}`, content: content(n) };
    await ask({ kind: "enqueue", queue, message });
    if (n % 150 === 100) await node.state.store.flush();
    if (n % 4 !== 0) continue;
    const got = await ask(
      { kind: "receive", queue: "b", maxMessages: 1, maxWaitMs: 0, leaseMs: 0 },
      next(),
    );
    if (got.kind !== "received") throw new Error(got.kind);
    for (const { lane, keySeq, token } of got.grants) {
      const lease = { queue: "b", lane, keySeq, token };
      await ask({ kind: "settle", lease, settlement: { kind: "ack" } }, next());
    }
  }
  await ask({ kind: "close-session" }, next());
}

interface Template {
  /** Stopped in good order: the guard is exact, nothing may be missing. */
  readonly stopped: string;
  /** As a kill would have left it a moment before. */
  readonly killed: string;
  readonly digest: string;
  /** At each index that a command was answered at. */
  readonly digests: ReadonlyMap<number, string>;
  readonly last: number;
  readonly state: StoredState;
  readonly files: readonly string[];
}

let home = "";
let template: Template;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "raftq-damage-"));
  const [stopped, killed] = [join(home, "stopped"), join(home, "killed")];
  // A disk that others keep busy must not end its leadership.
  const first = await live(stopped, 20_000);
  const digests = new Map<number, string>();
  await fill(first.node, digests);
  expect(first.failures).toEqual([]);
  const { digest } = first.node;
  const last = first.node.raftStatus().last.index;
  await cp(stopped, killed, { recursive: true });
  await first.end();
  const store = await RocksStore.open(join(stopped, "state/1"));
  const state = logicalRows(await rowsOf(store));
  await store.close();
  template = { stopped, killed, digest, digests, last, state, files: await filesOf(stopped) };
}, 60_000);

afterAll(() => rm(home, { recursive: true, force: true }));

async function filesOf(path: string): Promise<string[]> {
  const found = await readdir(path, { recursive: true, withFileTypes: true });
  return found
    .filter((item) => item.isFile())
    .map((item) => join(item.parentPath, item.name).slice(path.length + 1))
    .sort();
}

/** CURRENT, MANIFEST, 000012.sst … as a kind of file. */
function kindOf(file: string): string {
  return file
    .replace(/^state\/\d+\//, "rocksdb/")
    .replace(/\d{5,}(-\d+)?/, "N")
    .replace(/LOG\.old.*/, "LOG.old");
}

function byKind(files: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of files) found.set(kindOf(file), [...(found.get(kindOf(file)) ?? []), file]);
  return found;
}

type Damage = "flip" | "truncate" | "zero" | "lose";
const kinds: readonly Damage[] = ["flip", "flip", "truncate", "truncate", "zero", "lose"];

/** What was done, for people. */
async function damage(file: string, how: Damage, random: () => number): Promise<string> {
  const bytes = await readFile(file);
  switch (how) {
    case "flip": {
      if (bytes.length === 0) return "nothing to flip";
      const at = Math.floor(random() * bytes.length);
      const bit = Math.floor(random() * 8);
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
      await writeFile(file, bytes);
      return `bit ${bit} of byte ${at} flipped`;
    }
    case "truncate": {
      const choices = [0, bytes.length - 1, Math.floor(random() * bytes.length)];
      const size = Math.max(0, choices[Math.floor(random() * choices.length)] ?? 0);
      await truncate(file, size);
      return `cut to ${size} of ${bytes.length} bytes`;
    }
    case "zero": {
      const at = Math.floor((random() * bytes.length) / 512) * 512;
      bytes.fill(0, at, Math.min(bytes.length, at + 512));
      await writeFile(file, bytes);
      return `zeros from byte ${at}`;
    }
    case "lose":
      await unlink(file);
      return "removed";
  }
}

interface Finding {
  readonly verdict:
    "CLEAN" | "TORN TAIL" | "CORRUPT at start" | "CORRUPT at a read" | "SILENT LOSS";
  readonly said: string;
}

/** Starts the node on damaged files, lets it lead, and compares all that it has. */
async function examine(data: string): Promise<Finding> {
  let life: Life;
  try {
    life = await live(data);
  } catch (error) {
    return { verdict: "CORRUPT at start", said: String(error) };
  }
  const { node, failures } = life;
  const last = node.raftStatus().last.index;
  try {
    await until(() => node.ready || failures.length > 0);
    if (failures.length > 0) return { verdict: "CORRUPT at a read", said: String(failures[0]) };
    const { digest } = node;
    if (last < template.last)
      return { verdict: digest === digestAt(last) ? "TORN TAIL" : "SILENT LOSS", said: `${last}` };
    const rows = await rowsOf(await stored(life)).catch((error: unknown) => String(error));
    if (typeof rows === "string") return { verdict: "CORRUPT at a read", said: rows };
    const isSame = digest === template.digest && sameState(logicalRows(rows));
    return { verdict: isSame ? "CLEAN" : "SILENT LOSS", said: `${digest} ${rows.size} rows` };
  } finally {
    await life.end();
  }
}

function digestAt(index: number): string | undefined {
  const answered = [...template.digests.keys()].filter((at) => at <= index);
  return template.digests.get(Math.max(...answered));
}

/** The store with everything that is applied in it. */
async function stored({ node, failures }: Life): Promise<OrderedStore> {
  await until(() => node.machine.writeBehindBytes === 0 || failures.length > 0);
  await new Promise((resolve) => hasty.after(200, () => resolve(undefined)));
  return node.state.store;
}

/** But for how far it has come. */
function sameState({ rows }: StoredState): boolean {
  const wanted = template.state.rows;
  if (rows.size !== wanted.size) return false;
  for (const [key, value] of wanted) if (key !== metaRow && rows.get(key) !== value) return false;
  return true;
}

async function damagedCopy(
  name: string,
  from: string,
  file: string,
  how: Damage,
  random: () => number,
): Promise<{ data: string; what: string }> {
  const data = join(home, name);
  await cp(from, data, { recursive: true });
  return { data, what: `${file}: ${await damage(join(data, file), how, random)}` };
}

describe("F7: damage to any one file of a stopped node", () => {
  test("undamaged, it starts as it was: the comparison is not vacuous", async () => {
    const data = join(home, "undamaged");
    await cp(template.stopped, data, { recursive: true });
    expect(await examine(data)).toMatchObject({ verdict: "CLEAN" });
    expect(await examine(template.killed)).toMatchObject({ verdict: "CLEAN" });
    expect(template.state.rows.size).toBeGreaterThan(500);
    expect(template.files.map(kindOf)).toEqual(
      expect.arrayContaining([
        ...["identity", "log/base", "log/guard", "log/hard-state", "log/N.log", "state/current"],
        ...["rocksdb/CURRENT", "rocksdb/MANIFEST-N", "rocksdb/OPTIONS-N", "rocksdb/N.sst"],
        ...["rocksdb/N.log", "rocksdb/LOCK", "rocksdb/IDENTITY"],
      ]),
    );
  });

  test(
    `never loses anything silently (${damages} damages, SEED=${seed})`,
    async () => {
      const random = randomFrom(seed);
      const ofStopped = byKind(template.files);
      const ofKilled = byKind(await filesOf(template.killed));
      const all = [...ofStopped.keys()];
      const tally = new Map<string, number>();
      for (let n = 0; n < damages; n += 1) {
        // Every kind of file in turn: there are many segments and few identities.
        const kind = all[n % all.length] ?? "";
        const isKilled = random() < 0.3;
        const files = (isKilled ? ofKilled : ofStopped).get(kind) ?? [];
        const file = files[Math.floor(random() * files.length)] ?? "";
        const how = kinds[Math.floor(random() * kinds.length)] ?? "flip";
        const from = isKilled ? template.killed : template.stopped;
        const { data, what } = await damagedCopy(`damaged-${n}`, from, file, how, random);
        const { verdict, said } = await examine(data);
        const key = `${kindOf(file)} ${how}: ${verdict}`;
        tally.set(key, (tally.get(key) ?? 0) + 1);
        expect(verdict, `${what}: ${said}`).not.toBe("SILENT LOSS");
        // F4: only the end of the log of a node that was killed may be taken for one that was never acknowledged.
        if (verdict === "TORN TAIL")
          expect([isKilled, kindOf(file)], what).toEqual([true, "log/N.log"]);
        else if (verdict !== "CLEAN") {
          // Where, and what to do.
          expect(said, what).toContain(data);
          expect(said, what).toMatch(/replace|restore|correct|run the/i);
        }
        await rm(data, { recursive: true });
      }
      if (process.env["DAMAGES"] !== undefined)
        console.log([...tally].sort().map(String).join("\n"));
    },
    60_000 + damages * 1_000,
  );

  const removed: readonly [string, Damage, RegExp][] = [
    ["log/hard-state", "lose", /log\/hard-state is damaged at byte 0.*Replace this node/],
    ["log/guard", "lose", /log\/guard is damaged at byte 0.*Replace this node/],
    ["log/base", "lose", /log\/base is damaged at byte 0.*Replace this node/],
    ["identity", "lose", /identity is damaged: it is missing beside a log. Replace this node/],
    ["state/1/CURRENT", "lose", /the state has applied entries through 0, the log holds.*replace/],
  ];
  test.each(removed)("without %s: it says so", async (file, how, expected) => {
    const name = `without-${file.replaceAll("/", "-")}`;
    const { data } = await damagedCopy(name, template.stopped, file, how, Math.random);
    const { verdict, said } = await examine(data);
    expect(verdict).toBe("CORRUPT at start");
    expect(said).toMatch(expected);
  });

  test("both slots of the hard state, or of the guard, are not one too many", async () => {
    for (const file of ["log/hard-state", "log/guard"]) {
      const data = join(home, `slots-${file.slice(4)}`);
      await cp(template.stopped, data, { recursive: true });
      await truncate(join(data, file), 0);
      expect((await examine(data)).said).toMatch(/valid checksum.*Replace this node/);
    }
  });

  test("K4, N3: a table that is read long after the start stops the node, and delivers nothing wrong", async () => {
    let found = 0;
    for (const [n, file] of template.files.filter((name) => name.endsWith(".sst")).entries()) {
      const data = join(home, `table-${n}`);
      await cp(template.stopped, data, { recursive: true });
      const bytes = await readFile(join(data, file));
      const at = Math.floor(bytes.length / 2);
      bytes.fill(0xff, at, at + 64);
      await writeFile(join(data, file), bytes);
      const life = await live(data).catch(() => undefined);
      // Rows that are read at the start: the test above.
      if (life === undefined) continue;
      await until(() => life.node.ready);
      const wrong = await readAll(life.node);
      if (life.failures.length > 0) {
        found += 1;
        expect(String(life.failures)).toMatch(
          /checksum mismatch.*\.sst offset.*raftq cluster replace/,
        );
      }
      expect(wrong).toBe(0);
      await life.end();
    }
    expect(found).toBeGreaterThan(0);
  });
});

/** Loads every message as for a delivery; returns how many are not what was put in. */
async function readAll(node: Node): Promise<number> {
  const bodies = new Bodies(
    () => node.state,
    (store, error) => node.storeFailed(store, error),
  );
  let wrong = 0;
  for (const [place, stored] of template.state.messages) {
    const loaded = await bodies.messages([place]).catch(() => undefined);
    if (loaded === undefined) continue;
    const content = Buffer.from(loaded[0]?.content ?? []);
    if (!content.equals(Buffer.from(stored.content))) wrong += 1;
  }
  return wrong;
}
