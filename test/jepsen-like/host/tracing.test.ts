import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { countInjected, Trace, whyNoTracing } from "../../../jepsen-like/host/tracing.ts";
import { syncsIn } from "../../../jepsen-like/host/sweep-point.ts";

const why = await whyNoTracing();
if (why !== undefined) console.log(`skipped, no tracing here: ${why}`);

let directory: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "raftq-trace-"));
});
afterEach(() => {
  child?.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

/** A process that syncs a file for each line that it reads, and says how that went. */
function syncer(): { child: ChildProcess; sync(): Promise<string> } {
  const script = `
    const fs = require("node:fs");
    const fd = fs.openSync(process.argv[1], "w");
    require("node:readline").createInterface({ input: process.stdin }).on("line", () => {
      try { fs.fdatasyncSync(fd); console.log("ok"); } catch (error) { console.log(error.code); }
    });`;
  const started = spawn(process.execPath, ["-e", script, join(directory, "file")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: started.stdout });
  return {
    child: started,
    sync: async () => {
      const answer = once(lines, "line");
      started.stdin.write("\n");
      return String((await answer)[0]);
    },
  };
}

test.skipIf(why !== undefined)(
  "syncs of a running process fail while it is traced, are counted, and succeed again",
  async () => {
    const process = syncer();
    child = process.child;
    expect(await process.sync()).toBe("ok");
    const log = join(directory, "log");
    const injection = { calls: ["fdatasync"], what: "error=EIO" };
    const trace = await Trace.attach(child.pid!, injection, log);
    expect(await trace.injected()).toBe(0);
    expect(await process.sync()).toBe("EIO");
    expect(await process.sync()).toBe("EIO");
    await trace.detach();
    expect(await trace.injected()).toBe(2);
    expect(await process.sync()).toBe("ok");
  },
);

test.skipIf(why !== undefined)("a process is killed in its n-th sync", async () => {
  const process = syncer();
  child = process.child;
  const ended = once(child, "exit");
  const injection = { calls: ["fdatasync"], what: "signal=SIGKILL:when=2" };
  await Trace.attach(child.pid!, injection, join(directory, "log"));
  expect(await process.sync()).toBe("ok");
  void process.sync();
  expect((await ended)[1]).toBe("SIGKILL");
});

test.skipIf(why !== undefined)(
  "a process that is gone cannot be traced, and that is told",
  async () => {
    const gone = spawn("true");
    await once(gone, "exit");
    const log = join(directory, "log");
    const attached = Trace.attach(gone.pid!, { calls: ["fsync"], what: "error=EIO" }, log);
    await expect(attached).rejects.toThrow(/did not attach/);
  },
);

test("a trace is read: which syncs, of which files, and which were tampered with", () => {
  const log = [
    "12 fdatasync(19</d/node-1/disk/data/log/guard>) = 0",
    "13 fsync(20</d/node-1/disk/data>) = 0",
    "12 fdatasync(19</d/node-1/disk/data/log/guard> <unfinished ...>",
    "13 --- SIGTERM {si_signo=SIGTERM} ---",
    "12 <... fdatasync resumed>) = ?",
    "12 fdatasync(3</x>) = -1 EIO (Input/output error) (INJECTED)",
    "12 fdatasync(3</x>) = 0 (DELAYED)",
  ].join("\n");
  expect(syncsIn(log).slice(0, 3)).toEqual([
    { call: "fdatasync", file: "log/guard" },
    { call: "fsync", file: "" },
    { call: "fdatasync", file: "log/guard" },
  ]);
  expect(countInjected(log)).toBe(2);
});
