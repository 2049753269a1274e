// The examples of docs/testing.md run as their reader would run them, and end by themselves.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

async function run(...args: string[]): Promise<string> {
  const file = fileURLToPath(new URL(`dist/examples/${args.pop() ?? ""}`, root));
  const { stdout } = await promisify(execFile)(process.execPath, [...args, file], {
    timeout: 25_000,
  });
  return stdout;
}

test("docs/testing.md shows examples/failover.ts as it is, and it runs", async () => {
  const [, shown] = /```ts\n([^]*?)```/.exec(read("docs/testing.md")) ?? [];
  expect(shown).toBe(read("examples/failover.ts"));
  expect(await run("failover.js")).toMatch(/^the balance is 10, after \d+ virtual milliseconds$/m);
});

test("the tests of examples/wallet/ pass under node --test", async () => {
  const stdout = await run("--test", "--test-reporter=tap", "wallet/wallets-test.js");
  expect(stdout).toContain("# pass 2");
  expect(stdout).toContain("# fail 0");
});
