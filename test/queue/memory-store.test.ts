import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryStore, type Row, type Write } from "../../queue/index.ts";

const key = fc.constantFrom("a", "a\x00", "ab", "b", "\xff", "c");
const value = fc.uint8Array({ maxLength: 3 });
const write: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ kind: fc.constant("put" as const), key, value }),
  fc.record({ kind: fc.constant("delete" as const), key }),
  fc.record({ kind: fc.constant("delete-range" as const), from: key, to: key }),
);

async function rows(range: AsyncIterable<readonly Row[]>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const batch of range) all.push(...batch);
  return all;
}

test("a store is a sorted map", async () => {
  const batches = fc.array(fc.array(write, { maxLength: 5 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(
      batches,
      key,
      key,
      fc.boolean(),
      fc.nat(4),
      async (all, from, to, reverse, limit) => {
        const store = new MemoryStore();
        const model = new Map<string, Uint8Array>();
        for (const batch of all) {
          await store.write(batch);
          for (const one of batch) {
            if (one.kind === "put") model.set(one.key, one.value);
            else if (one.kind === "delete") model.delete(one.key);
            else
              for (const has of [...model.keys()])
                if (has >= one.from && has < one.to) model.delete(has);
          }
        }
        const expected = [...model]
          .map(([name, content]) => ({ key: name, value: content }))
          .filter((row) => row.key >= from && row.key < to)
          .sort((a, b) => (a.key < b.key ? -1 : 1));
        if (reverse) expected.reverse();
        expect(await rows(store.range(from, to, { reverse, limit }))).toEqual(
          expected.slice(0, limit),
        );
        expect(await store.getMany([from, to])).toEqual([model.get(from), model.get(to)]);
      },
    ),
  );
});

test("a range of many rows comes in batches, forwards and backwards", async () => {
  const store = new MemoryStore();
  const names = Array.from({ length: 1000 }, (_, at) => String(at).padStart(4, "0"));
  await store.write(names.map((name) => ({ kind: "put", key: name, value: new Uint8Array(1) })));
  expect((await rows(store.range("", "~"))).map((row) => row.key)).toEqual(names);
  const backwards = await rows(store.range("", "~", { reverse: true }));
  expect(backwards.map((row) => row.key)).toEqual(names.reverse());
});

test("a snapshot keeps its moment; a closed store refuses", async () => {
  const store = new MemoryStore();
  const value = new Uint8Array([1]);
  await store.write([{ kind: "put", key: "a", value }]);
  value[0] = 9;
  const snapshot = store.snapshot();
  await store.write([
    { kind: "delete", key: "a" },
    { kind: "put", key: "b", value },
  ]);
  expect(await rows(snapshot.range("", "~"))).toEqual([{ key: "a", value: new Uint8Array([1]) }]);
  await snapshot.close();
  await store.flush();
  await store.close();
  await expect(store.getMany(["a"])).rejects.toThrow("closed");
});
