import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteReader } from "../../queue/byte-reader.ts";
import { ByteWriter } from "../../queue/byte-writer.ts";
import { hasRoomFor, Spans } from "../../queue/spans.ts";

function runsOf(values: readonly number[]): number {
  return values.filter((value, at) => value !== (values[at - 1] ?? -1) + 1).length;
}

test("D1: a set of numbers, as runs", () => {
  const change = fc.record({ add: fc.boolean(), value: fc.integer({ min: 1, max: 30 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60, size: "max" }), (changes) => {
      const spans = new Spans();
      const model = new Set<number>();
      for (const { add, value } of changes) {
        if (!add) {
          expect(spans.delete(value)).toBe(model.delete(value));
        } else if (!model.has(value)) {
          const before = spans.count;
          const grows = spans.grows(value);
          expect(hasRoomFor(spans, value, before)).toBe(!grows);
          spans.add(value);
          model.add(value);
          expect(grows).toBe(spans.count > before);
        }
        const sorted = [...model].sort((a, b) => a - b);
        expect([...spans.values()]).toEqual(sorted);
        expect(spans.size).toBe(sorted.length);
        expect(spans.count).toBe(runsOf(sorted));
        expect([spans.first, spans.last]).toEqual([sorted[0], sorted.at(-1)]);
        expect(spans.has(value)).toBe(model.has(value));
      }
      const writer = new ByteWriter(64);
      spans.write(writer);
      const again = Spans.read(new ByteReader(writer.cut()));
      expect([...again.values()]).toEqual([...spans.values()]);
      expect([again.size, again.count]).toEqual([spans.size, spans.count]);
    }),
  );
});

test("the first run is passed as a whole", () => {
  const spans = new Spans();
  for (const value of [3, 4, 7]) spans.add(value);
  expect(spans.passFrom(2)).toBe(2);
  expect(spans.passFrom(3)).toBe(5);
  expect([...spans.values()]).toEqual([7]);
  expect(spans.size).toBe(1);
});
