// OrderedStore on RocksDB: the only import of rocksdb-native. Durability comes from our log, never from RocksDB's WAL
// (the binding cannot sync it): only what a flush has moved to table files survives.
//   K1. Writes take effect in the order of the calls, each all or nothing; after a failed one none is tried (F2).
//   K2. Memory of a range is bounded in bytes, not in rows: the page size follows the size of the rows seen.
//   K3. What is found at open is a state that existed: the writes up to some flush, and none behind it. RocksDB's own
//       write-ahead log cannot promise that (a file of it, or the end of the MANIFEST, may be lost without a trace, and what
//       came later would be put on top of the hole: F5, F7), so nobody reads it: our log brings back what was not flushed.
//   K4. Every block that is read is checked by RocksDB, on each read from disk: damage is an error, never a wrong row (F7).

import { readdir, rm, unlink } from "node:fs/promises";
import { join } from "node:path";

import type RocksDB from "rocksdb-native";

import { manifestDamage } from "./rocks-manifest.ts";
import type {
  Bytes,
  OrderedStore,
  RangeOptions,
  Row,
  StoreSnapshot,
  Write,
} from "../queue/store.ts";

export interface RocksStoreOptions {
  /** Size at which the table in memory is written out, and how many may exist. Defaults 32 MiB and 4. */
  readonly writeBufferBytes?: number;
  readonly writeBuffersMax?: number;
  /** Threads for flushes and compactions. Default 2. */
  readonly backgroundJobs?: number;
}

/** Rows of the first page of a range, and of any page. The binding's own default of 8 is four times slower than 512. */
const pageRowsFirst = 64;
const pageRowsMax = 512;
/** What a page should hold at most. Unit: bytes. */
const pageBytes = 1024 * 1024;
/** Longest slice of the event loop that filling a batch takes at once, and the rows between two looks at the clock. */
const sliceMs = 4;
const writesPerLook = 64;

function keyBytes(key: Bytes): Buffer {
  // The binding takes an empty key for "no bound", and the key layout has none.
  if (key === "") throw new Error("an empty key is not a key");
  return Buffer.from(key, "latin1");
}

/** K3. A process that has the store open, and will have us refused, loses nothing: it does not read them either. */
async function forgetWriteAheadLog(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  });
  for (const name of names) {
    if (/^\d+\.log$/.test(name)) await unlink(join(directory, name));
  }
}

/** Before a batch of the binding exists: one that is given up half way would keep the database from closing. */
function assertKeys(writes: readonly Write[]): void {
  for (const write of writes) {
    if (write.kind !== "delete-range" && write.key === "") keyBytes(write.key);
  }
}

export class RocksStore implements OrderedStore {
  private readonly database: RocksDB;
  private readonly directory: string;
  /** The latest write handed in; settles without error. */
  private latest: Promise<void> = Promise.resolve();
  private failure: Error | undefined;
  private closed = false;

  private constructor(database: RocksDB, directory: string) {
    this.database = database;
    this.directory = directory;
  }

  /** Makes the directory if there is none. Fails if another process has it open: RocksDB holds a lock file in it. */
  static async open(directory: string, options: RocksStoreOptions = {}): Promise<RocksStore> {
    const Database = await loadDatabase();
    const damage = await manifestDamage(directory);
    if (damage !== undefined)
      throw new CorruptStore(`${damage.file} is damaged at byte ${damage.offset}. ${whatToDo}`);
    await forgetWriteAheadLog(directory);
    const database = new Database(directory, {
      writeBufferSize: options.writeBufferBytes ?? 32 * 1024 * 1024,
      maxWriteBufferNumber: options.writeBuffersMax ?? 4,
      maxBackgroundJobs: options.backgroundJobs ?? 2,
    });
    try {
      await database.ready();
    } catch (error) {
      throw explainOpenFailure(directory, error);
    }
    return new RocksStore(database, directory);
  }

  /** Removes a store that is not open, with all it holds. */
  static async destroy(directory: string): Promise<void> {
    await rm(directory, { recursive: true, force: true });
  }

  getMany(keys: readonly Bytes[]): Promise<(Uint8Array | undefined)[]> {
    this.assertUsable();
    return getMany(this.directory, this.database, keys);
  }

  async *range(from: Bytes, to: Bytes, options: RangeOptions = {}): AsyncIterable<readonly Row[]> {
    this.assertUsable();
    // Pages are separate reads; a snapshot makes them one moment.
    const session = this.database.snapshot();
    try {
      yield* pages(this.directory, session, from, to, options);
    } finally {
      await session.close();
    }
  }

  async write(writes: readonly Write[]): Promise<void> {
    this.assertUsable();
    assertKeys(writes);
    const turn = this.latest.then(() => this.writeNow(writes));
    // The next write waits for this one; that this one failed it learns from `failure`.
    this.latest = turn.catch(() => undefined);
    await turn;
  }

  snapshot(): StoreSnapshot {
    this.assertUsable();
    return new RocksSnapshot(this.directory, this.database.snapshot());
  }

  async flush(): Promise<void> {
    this.assertUsable();
    await this.latest;
    this.assertUsable();
    try {
      await this.database.flush();
    } catch (error) {
      this.failure = explainFailure(
        `${this.directory}: a flush failed, nothing more is tried (F2)`,
        error,
      );
      throw this.failure;
    }
  }

  /** Waits for writes; snapshots and ranges must have been closed, or it waits for them too. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.latest;
    await this.database.close();
  }

  private async writeNow(writes: readonly Write[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    if (writes.length === 0) return;
    try {
      const batch = this.database.write({ capacity: writes.length, autoDestroy: true });
      await addAll(batch, writes);
      await batch.flush();
    } catch (error) {
      this.failure = explainFailure(
        `${this.directory}: a write failed, no other is tried (F2)`,
        error,
      );
      throw this.failure;
    }
  }

  private assertUsable(): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.closed) throw new Error(`${this.directory}: the store is closed`);
  }
}

class RocksSnapshot implements StoreSnapshot {
  private readonly directory: string;
  private readonly session: RocksDB;
  private closed = false;

  constructor(directory: string, session: RocksDB) {
    this.directory = directory;
    this.session = session;
  }

  getMany(keys: readonly Bytes[]): Promise<(Uint8Array | undefined)[]> {
    this.assertOpen();
    return getMany(this.directory, this.session, keys);
  }

  range(from: Bytes, to: Bytes, options: RangeOptions = {}): AsyncIterable<readonly Row[]> {
    this.assertOpen();
    return pages(this.directory, this.session, from, to, options);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.session.close();
  }

  private assertOpen(): void {
    if (this.closed) throw new Error("the snapshot is closed");
  }
}

async function getMany(
  directory: string,
  session: RocksDB,
  keys: readonly Bytes[],
): Promise<(Uint8Array | undefined)[]> {
  if (keys.length === 0) return [];
  const encoded = keys.map(keyBytes);
  const batch = session.read({ capacity: keys.length, autoDestroy: true });
  const values = Promise.all(encoded.map((key) => batch.get(key)));
  batch.tryFlush();
  try {
    return (await values).map((value) => value ?? undefined);
  } catch (error) {
    throw explainFailure(`${directory}: a read failed`, error);
  }
}

/** In slices: some 5 us for each row, and a batch may have a hundred thousand. Nobody sees it before it is flushed. */
async function addAll(
  batch: ReturnType<RocksDB["write"]>,
  writes: readonly Write[],
): Promise<void> {
  let end = performance.now() + sliceMs;
  for (const [at, write] of writes.entries()) {
    addTo(batch, write);
    if (at % writesPerLook !== 0 || performance.now() < end) continue;
    await new Promise((resolve) => setImmediate(resolve));
    end = performance.now() + sliceMs;
  }
}

function addTo(batch: ReturnType<RocksDB["write"]>, write: Write): void {
  switch (write.kind) {
    case "put":
      batch.tryPut(keyBytes(write.key), write.value);
      return;
    case "delete":
      batch.tryDelete(keyBytes(write.key));
      return;
    case "delete-range":
      // RocksDB refuses an inverted range; ours is empty.
      if (write.from >= write.to) return;
      batch.tryDeleteRange(Buffer.from(write.from, "latin1"), keyBytes(write.to));
      return;
  }
}

async function* pages(
  directory: string,
  session: RocksDB,
  from: Bytes,
  to: Bytes,
  { limit = Infinity, reverse = false }: RangeOptions,
): AsyncGenerator<readonly Row[]> {
  let low = from;
  let high = to;
  let left = limit;
  let size = pageRowsFirst;
  while (left > 0 && low < high) {
    const rows: Row[] = [];
    let bytes = 0;
    const wanted = Math.min(size, left);
    // One more than wanted: the binding then knows without another trip that it is done.
    const bounds = { gte: Buffer.from(low, "latin1"), lt: keyBytes(high) };
    const found = session.iterator({ ...bounds, reverse, limit: wanted, capacity: wanted + 1 });
    try {
      await eachRow(found, ({ key, value }) => {
        rows.push({ key: key.toString("latin1"), value });
        bytes += key.byteLength + value.byteLength;
      });
    } catch (error) {
      throw explainFailure(`${directory}: a read failed`, error);
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    if (rows.length < wanted) return;
    left -= rows.length;
    if (reverse) high = last.key;
    else low = `${last.key}\0`;
    size = Math.max(
      1,
      Math.min(pageRowsMax, size * 4, Math.floor((pageBytes * rows.length) / bytes)),
    );
  }
}

/** As events: `for await` costs a promise per row, which is most of the time of a range. */
function eachRow(
  rows: ReturnType<RocksDB["iterator"]>,
  visit: (row: { readonly key: Buffer; readonly value: Buffer }) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    rows.on("data", visit);
    rows.on("error", reject);
    // After "end" the native iterator is freed; the session must outlive it.
    rows.on("close", resolve);
  });
}

/** The addon is loaded here and not at import, so that a missing library is told in words. */
async function loadDatabase(): Promise<typeof RocksDB> {
  try {
    return (await import("rocksdb-native")).default;
  } catch (error) {
    throw explainLoadFailure(error);
  }
}

export function explainLoadFailure(error: unknown): Error {
  const reason = causeOf(error);
  const help = reason.includes("libatomic")
    ? "RocksDB needs libatomic1: run `apt-get install libatomic1` (Debian, Ubuntu) or `dnf install libatomic` (Fedora)"
    : `RocksDB could not be loaded on ${process.platform}-${process.arch}`;
  return new Error(`${help}. The loader said: ${reason}`, { cause: error });
}

function explainOpenFailure(directory: string, error: unknown): Error {
  return lockTaken.test(causeOf(error))
    ? explainFailure(
        `${directory} is in use by another process (or by this one): one data directory belongs to one node`,
        error,
      )
    : explainFailure(`${directory}: RocksDB could not be opened`, error);
}

const whatToDo =
  "This node's state is damaged, so it must not run on this data. Replace the node: raftq cluster replace, with a new " +
  "node on an empty data directory";

/** Stored rows cannot be read as they were written. */
export class CorruptStore extends Error {
  override readonly name = "CorruptStore";
}

/** What the machine refuses today; all else that RocksDB complains of is in the files themselves. */
const refusals =
  /no space left|input\/output error|permission denied|too many open files|read-only file system|closed/i;
const lockTaken = /\block (file|hold)/i;

function isDamage(error: unknown): boolean {
  const said = causeOf(error);
  return !refusals.test(said) && !lockTaken.test(said);
}

/** RocksDB names the file and the offset where it knows them. */
function explainFailure(what: string, error: unknown): Error {
  const text = `${what}. RocksDB said: ${causeOf(error)}`;
  if (!isDamage(error)) return new Error(text, { cause: error });
  return new CorruptStore(`${text}. ${whatToDo}`, { cause: error });
}

/** The innermost message: the binding wraps what RocksDB said. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : causeOf(error.cause);
}
