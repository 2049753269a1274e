// Fresh seeds for the test files of this folder. SIM_SEEDS: how many in all files together, default 200. SIM_FIRST: the first of
// them, default random.

import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { failureText } from "./batch.ts";
import { runSeed } from "./run-seed.ts";

const files = 2;
const perTest = 10;

/** The share of file `file`, of 0 and 1: they run beside each other. */
export function freshSeeds(file: number): void {
  const count = Math.ceil(Number(process.env["SIM_SEEDS"] ?? 200) / files);
  const given = process.env["SIM_FIRST"];
  const first = given === undefined ? randomInt(2 ** 32 - count) : Number(given) + file * count;
  for (let at = first; at < first + count; at += perTest) {
    const end = Math.min(at + perTest, first + count);
    test(`seeds ${at} to ${end - 1}`, { timeout: 180_000 }, async () => {
      for (let seed = at; seed < end; seed += 1) await expectNoViolation(seed);
    });
  }
}

export async function expectNoViolation(seed: number, nodes?: number): Promise<void> {
  const { failure } = await runSeed(seed, { nodes });
  expect(failure === undefined ? "" : failureText({ seed, ...failure }, nodes)).toBe("");
  // The runner has not been heard of while the world had the thread.
  await new Promise((resolve) => setImmediate(resolve));
}
