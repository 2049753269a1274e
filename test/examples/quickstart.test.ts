// The README's program is a real file, and it runs: against the built server, as a reader would run it.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { LocalCluster } from "../../cli/local-cluster.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

test("the README shows examples/quickstart.ts as it is", () => {
  const [, shown] = /```ts\n([^]*?)```/.exec(read("README.md")) ?? [];
  expect(shown).toBe(read("examples/quickstart.ts"));
});

test("it runs, and shows the account's payments in their order", async () => {
  const directory = mkdtempSync(join(tmpdir(), "raftq-quickstart-"));
  const cluster = await LocalCluster.start({ directory, nodes: 1 });
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [new URL("dist/examples/quickstart.js", root).pathname],
      { env: { ...process.env, RAFTQ_ENDPOINTS: cluster.endpoints.join(",") }, timeout: 20_000 },
    );
    expect(stdout).toBe("account-1 #1: 100\naccount-1 #2: -30\n");
  } finally {
    await cluster.stopAll();
    rmSync(directory, { recursive: true, force: true });
  }
});
