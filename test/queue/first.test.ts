import { expect, test } from "vitest";
import { First } from "../../queue/first.ts";

const count = 100_000;
const limit = 1_000;
const names = Array.from({ length: count }, (_, i) => String((i * 7919) % count).padStart(6, "0"));

function pageOf(offered: readonly string[]): { taken: string[]; compared: number } {
  let compared = 0;
  const first = new First<string>((a, b) => {
    compared += 1;
    return a === b ? 0 : a < b ? -1 : 1;
  }, limit);
  for (const name of offered) first.offer(name, name);
  return { taken: first.taken(), compared };
}

test("the first thousand of a hundred thousand, whatever the order, for a comparison or two each", () => {
  const sorted = [...names].sort();
  for (const offered of [names, sorted, sorted.toReversed(), [...names, ...names]]) {
    const { taken, compared } = pageOf(offered);
    expect(taken).toEqual(sorted.slice(0, limit));
    // The event loop stands still for it: a list of 100,000 queues is 100 such pages.
    if (offered !== names && offered !== sorted) continue;
    expect(compared).toBeLessThan(3 * count);
  }
});

test("a name that is offered again counts once, as it is now", () => {
  const first = new First<number>((a, b) => a - b, 2);
  for (let i = 0; i < 2_000; i += 1) first.offer(String(i), i);
  first.offer("1", -1);
  expect(first.taken()).toEqual([-1, 0]);
});
