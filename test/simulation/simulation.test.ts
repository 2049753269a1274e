// Whole clusters in trouble, each from one seed (docs/simulation.md).

import { randomInt } from "node:crypto";
import { describe, expect, test } from "vitest";
import { corpus } from "./corpus.ts";
import { expectNoViolation, freshSeeds } from "./fresh.ts";
import { runSeed } from "./run-seed.ts";

describe("seeds that once found a bug", () => {
  for (const { seed, nodes, what } of corpus)
    test(`seed ${seed}: ${what}`, { timeout: 60_000 }, () => expectNoViolation(seed, nodes));
});

describe("one seed, one world", () => {
  const first = randomInt(2 ** 32 - 3);
  for (const seed of [first, first + 1, first + 2]) {
    test(
      `seed ${seed} does the same things twice, event by event`,
      { timeout: 120_000 },
      async () => {
        const traced = async (): Promise<string> => {
          const lines: string[] = [];
          await runSeed(seed, { onEvent: (line) => void lines.push(line) });
          return lines.join("\n");
        };
        const once = await traced();
        expect(once.length).toBeGreaterThan(1_000);
        expect(await traced()).toBe(once);
      },
    );
  }

  test("being looked at changes nothing", { timeout: 120_000 }, async () => {
    const seen = await runSeed(first, { onEvent: () => undefined });
    const unseen = await runSeed(first);
    expect(unseen.steps).toBe(seen.steps);
    expect(unseen.counters).toEqual(seen.counters);
  });
});

describe("fresh seeds", () => freshSeeds(0));
