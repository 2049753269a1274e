import fc from "fast-check";
import { expect, test } from "vitest";
import { firstByName } from "../../queue/by-name.ts";

test("a page is what sorting all of it, and cutting a piece out, gives", () => {
  const names = fc.uniqueArray(
    fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom("a", "b", "c") }),
  );
  fc.assert(
    fc.property(
      names,
      fc.constantFrom("", "a", "bc"),
      fc.constantFrom("", "a", "b"),
      fc.integer({ min: 1, max: 5 }),
      (all, after, prefix, max) => {
        const expected = [...all]
          .sort()
          .filter((name) => name > after && name.startsWith(prefix))
          .slice(0, max);
        const page = firstByName(
          all.map((name) => ({ name })),
          { after, prefix, max },
        );
        expect(page.map(({ name }) => name)).toEqual(expected);
      },
    ),
  );
});

test("of very many too, of which most are cut away on the way", () => {
  const thousands = Array.from({ length: 2_000 }, (_, i) => `n${String(i).padStart(4, "0")}`);
  fc.assert(
    fc.property(fc.shuffledSubarray(thousands, { minLength: 1_500 }), (all) => {
      const page = firstByName(
        all.map((name) => ({ name })),
        { after: "n0100", max: 20 },
      );
      const expected = all.filter((name) => name > "n0100").sort();
      expect(page.map(({ name }) => name)).toEqual(expected.slice(0, 20));
    }),
    { numRuns: 20 },
  );
});
