import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Heap } from "../../queue/heap.ts";
import { Ring, type Linked } from "../../queue/ring.ts";

class Item implements Linked<Item> {
  ring: Ring<Item> | undefined = undefined;
  previous: Item | undefined = undefined;
  next: Item | undefined = undefined;
}

describe("N1: a ring", () => {
  test("is an array with removal from anywhere", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(7)), (picks) => {
        const items = Array.from({ length: 8 }, () => new Item());
        const ring = new Ring<Item>();
        const model: Item[] = [];
        for (const pick of picks) {
          const item = items[pick]!;
          if (model.includes(item)) {
            ring.remove(item);
            model.splice(model.indexOf(item), 1);
          } else {
            ring.push(item);
            model.push(item);
          }
          const listed: Item[] = [];
          for (let one = ring.first; one !== undefined; one = one.next) listed.push(one);
          expect(listed).toEqual(model);
          expect(ring.last).toBe(model.at(-1));
          expect(ring.size).toBe(model.length);
        }
      }),
    );
  });

  test("refuses what is in a list already, and what is not in this one", () => {
    const [one, two] = [new Ring<Item>(), new Ring<Item>()];
    const item = new Item();
    one.push(item);
    expect(() => two.push(item)).toThrow("N1");
    expect(() => two.remove(item)).toThrow("N1");
  });
});

test("a heap gives numbers back in order", () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), (numbers) => {
      const heap = new Heap();
      for (const one of numbers) heap.push(one);
      const sorted = [...numbers].sort((a, b) => a - b);
      expect(heap.least).toBe(sorted[0]);
      expect(numbers.map(() => heap.pop())).toEqual(sorted);
      expect(heap.pop()).toBeUndefined();
    }),
  );
});
