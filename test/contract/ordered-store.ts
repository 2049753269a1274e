// What every OrderedStore must do: run on RocksDB and on the store in memory, so that a simulation never tests a kinder
// world than the real one.

import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";

import type { OrderedReader, OrderedStore, RangeOptions, Write } from "../../queue/store.ts";

type Pair = readonly [key: string, value: string];

export function put(key: string, value: string): Write {
  return { kind: "put", key, value: Buffer.from(value, "latin1") };
}

function remove(key: string): Write {
  return { kind: "delete", key };
}

function removeRange(from: string, to: string): Write {
  return { kind: "delete-range", from, to };
}

async function rowsOf(
  reader: OrderedReader,
  from = "\0",
  to = "\xff\xff\xff\xff",
  options?: RangeOptions,
): Promise<Pair[]> {
  const found: Pair[] = [];
  for await (const rows of reader.range(from, to, options)) {
    for (const { key, value } of rows) found.push([key, Buffer.from(value).toString("latin1")]);
  }
  return found;
}

async function keysOf(...range: Parameters<typeof rowsOf>): Promise<string[]> {
  return (await rowsOf(...range)).map(([key]) => key);
}

async function valuesOf(
  reader: OrderedReader,
  keys: readonly string[],
): Promise<(string | undefined)[]> {
  const values = await reader.getMany(keys);
  return values.map((value) =>
    value === undefined ? undefined : Buffer.from(value).toString("latin1"),
  );
}

/** A sorted array: the meaning of the port in a few lines. */
class Model {
  private rows: Pair[] = [];

  write(writes: readonly Write[]): void {
    for (const write of writes) {
      this.rows = this.rows.filter(([key]) =>
        write.kind === "delete-range" ? key < write.from || key >= write.to : key !== write.key,
      );
      if (write.kind === "put") {
        this.rows.push([write.key, Buffer.from(write.value).toString("latin1")]);
        this.rows.sort(([a], [b]) => (a < b ? -1 : 1));
      }
    }
  }

  range(from: string, to: string, { limit = Infinity, reverse = false }: RangeOptions): Pair[] {
    const found = this.rows.filter(([key]) => key >= from && key < to);
    return (reverse ? found.reverse() : found).slice(0, limit);
  }
}

/** Few different bytes, the extreme ones among them, so that random keys meet. */
const anyKey = fc
  .array(fc.constantFrom("\0", "\x01", "a", "b", "\x7f", "\x80", "\xfe", "\xff"), {
    minLength: 1,
    maxLength: 3,
  })
  .map((bytes) => bytes.join(""));

const anyWrite: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(anyKey, fc.string({ maxLength: 4 })).map(([k, v]) => put(k, v)),
  },
  { weight: 2, arbitrary: anyKey.map(remove) },
  { weight: 1, arbitrary: fc.tuple(anyKey, anyKey).map(([from, to]) => removeRange(from, to)) },
);

const anyRange = fc.record({
  from: anyKey,
  to: anyKey,
  reverse: fc.boolean(),
  limit: fc.option(fc.nat(5), { nil: undefined }),
});

export function orderedStoreContract(name: string, open: () => Promise<OrderedStore>): void {
  describe(`${name} is an OrderedStore`, () => {
    const opened: OrderedStore[] = [];

    async function openStore(): Promise<OrderedStore> {
      const store = await open();
      opened.push(store);
      return store;
    }

    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });

    test("a range yields keys in byte order, from included, to excluded", async () => {
      const store = await openStore();
      const keys = ["b", "\xff", "a\0", "\0", "a", "\x80", "\xff\xff", "a\xff", "\x7f", "\0\0"];
      await store.write(keys.map((key) => put(key, "1")));
      const sorted = ["\0", "\0\0", "a", "a\0", "a\xff", "b", "\x7f", "\x80", "\xff", "\xff\xff"];
      expect(await keysOf(store)).toEqual(sorted);
      expect(await keysOf(store, "a", "b")).toEqual(["a", "a\0", "a\xff"]);
      expect(await keysOf(store, "a\0", "\x80")).toEqual(["a\0", "a\xff", "b", "\x7f"]);
      expect(await keysOf(store, "\xff", "\xff\xff")).toEqual(["\xff"]);
    });

    test("a range of nothing is empty: equal bounds, inverted bounds, no rows", async () => {
      const store = await openStore();
      await store.write([put("a", "1"), put("c", "2")]);
      expect(await keysOf(store, "a", "a")).toEqual([]);
      expect(await keysOf(store, "c", "a")).toEqual([]);
      expect(await keysOf(store, "c", "a", { reverse: true })).toEqual([]);
      expect(await keysOf(store, "b", "c")).toEqual([]);
    });

    test("limit and reverse", async () => {
      const store = await openStore();
      await store.write(["a", "b", "c", "d"].map((key) => put(key, key)));
      expect(await keysOf(store, "a", "d", { limit: 2 })).toEqual(["a", "b"]);
      expect(await keysOf(store, "a", "d", { reverse: true })).toEqual(["c", "b", "a"]);
      expect(await keysOf(store, "a", "z", { reverse: true, limit: 2 })).toEqual(["d", "c"]);
      expect(await keysOf(store, "a", "z", { limit: 0 })).toEqual([]);
      expect(await keysOf(store, "a", "z", { limit: 100 })).toEqual(["a", "b", "c", "d"]);
    });

    test("getMany answers in the order of the keys, undefined for what is missing", async () => {
      const store = await openStore();
      await store.write([put("a", "1"), put("b", ""), put("c", "\0\xff")]);
      const keys = ["c", "missing", "a", "b", "a", "\xff"];
      expect(await valuesOf(store, keys)).toEqual(["\0\xff", undefined, "1", "", "1", undefined]);
      expect(await store.getMany([])).toEqual([]);
    });

    test("the writes of a batch take effect in order", async () => {
      const store = await openStore();
      await store.write([put("a", "old"), put("b", "old"), put("c", "old")]);
      await store.write([
        put("a", "1"),
        put("b", "1"),
        removeRange("a", "c"),
        put("a", "2"),
        remove("c"),
        put("c", "1"),
        put("c", "2"),
      ]);
      expect(await rowsOf(store)).toEqual([
        ["a", "2"],
        ["c", "2"],
      ]);
      await store.write([put("a", "3"), remove("a"), put("z", "1")]);
      expect(await keysOf(store)).toEqual(["c", "z"]);
    });

    test("delete-range takes from, leaves to; deleting what is not there is no error", async () => {
      const store = await openStore();
      await store.write(["a", "b", "c", "d"].map((key) => put(key, key)));
      await store.write([removeRange("b", "d"), remove("x"), removeRange("x", "z")]);
      expect(await keysOf(store)).toEqual(["a", "d"]);
      await store.write([removeRange("a", "a"), removeRange("d", "a")]);
      expect(await keysOf(store)).toEqual(["a", "d"]);
      await store.write([]);
    });

    test("writes take effect in the order of the calls, also when they are not awaited", async () => {
      const store = await openStore();
      await Promise.all(
        Array.from({ length: 50 }, (_, at) =>
          store.write([put("k", String(at)), put(`k${at}`, "")]),
        ),
      );
      expect(await valuesOf(store, ["k"])).toEqual(["49"]);
      expect(await keysOf(store, "k", "l")).toHaveLength(51);
    });

    test("a snapshot sees the moment at which it was taken", async () => {
      const store = await openStore();
      await store.write([put("a", "1"), put("b", "1")]);
      const snapshot = store.snapshot();
      await store.write([put("a", "2"), remove("b"), put("c", "1")]);
      expect(await rowsOf(snapshot)).toEqual([
        ["a", "1"],
        ["b", "1"],
      ]);
      expect(await valuesOf(snapshot, ["a", "b", "c"])).toEqual(["1", "1", undefined]);
      const later = store.snapshot();
      await store.write([removeRange("a", "z")]);
      expect(await keysOf(snapshot)).toEqual(["a", "b"]);
      expect(await keysOf(later)).toEqual(["a", "c"]);
      await snapshot.close();
      await later.close();
      expect(await keysOf(store)).toEqual([]);
    });

    test("many rows come in batches, and a range sees one moment although writes go on", async () => {
      const store = await openStore();
      const count = 5000;
      const key = (at: number): string => String(at).padStart(6, "0");
      await store.write(Array.from({ length: count }, (_, at) => put(key(at), `v${at}`)));
      const keys: string[] = [];
      let batches = 0;
      for await (const rows of store.range("0", "9")) {
        batches++;
        for (const row of rows) keys.push(row.key);
        if (batches === 1) await store.write([removeRange("0", "9"), put("000100x", "new")]);
      }
      expect(batches).toBeGreaterThan(1);
      expect(keys).toEqual(Array.from({ length: count }, (_, at) => key(at)));
      expect(await keysOf(store)).toEqual(["000100x"]);
    });

    test("many rows in reverse, with a limit", async () => {
      const store = await openStore();
      const key = (at: number): string => String(at).padStart(6, "0");
      await store.write(Array.from({ length: 2000 }, (_, at) => put(key(at), "")));
      const found = await keysOf(store, "0", "9", { reverse: true, limit: 1500 });
      expect(found).toEqual(Array.from({ length: 1500 }, (_, at) => key(1999 - at)));
    });

    test("a range may be left early", async () => {
      const store = await openStore();
      await store.write(Array.from({ length: 1000 }, (_, at) => put(`k${at}`, "")));
      for await (const rows of store.range("a", "z")) {
        expect(rows.length).toBeGreaterThan(0);
        break;
      }
      await store.write([put("a", "1")]);
    });

    test("large values and keys", async () => {
      const store = await openStore();
      const value = "x".repeat(1024 * 1024);
      const key = "k".repeat(1000);
      await store.write(Array.from({ length: 5 }, (_, at) => put(`${key}${at}`, value)));
      const rows = await rowsOf(store);
      expect(rows.map(([found, content]) => [found.length, content.length])).toEqual(
        Array.from({ length: 5 }, () => [1001, value.length]),
      );
    });

    test("an empty key is refused", async () => {
      const store = await openStore();
      await expect((async () => store.getMany([""]))()).rejects.toThrow("empty key");
      await expect((async () => store.write([put("", "1")]))()).rejects.toThrow("empty key");
    });

    test("after close every call fails and says so", async () => {
      const store = await open();
      await store.write([put("a", "1")]);
      await store.close();
      const calls: (() => Promise<unknown>)[] = [
        async () => store.getMany(["a"]),
        async () => store.write([put("a", "1")]),
        async () => store.flush(),
        async () => keysOf(store),
        async () => Promise.resolve(store.snapshot()),
      ];
      for (const call of calls) await expect(call()).rejects.toThrow("closed");
    });

    test("it equals a sorted array under any writes, ranges and limits", async () => {
      const store = await openStore();
      const batch = fc.array(anyWrite, { maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(batch, anyRange), { minLength: 1, maxLength: 6 }),
          async (steps) => {
            const model = new Model();
            await store.write([removeRange("\0", "\xff\xff\xff\xff")]);
            for (const [writes, { from, to, reverse, limit }] of steps) {
              await store.write(writes);
              model.write(writes);
              const options = { reverse, ...(limit === undefined ? {} : { limit }) };
              expect(await rowsOf(store, from, to, options)).toEqual(
                model.range(from, to, options),
              );
              expect(await rowsOf(store)).toEqual(model.range("\0", "\xff\xff\xff\xff", {}));
            }
          },
        ),
        { numRuns: 60 },
      );
    });
  });
}
