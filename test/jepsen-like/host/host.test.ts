import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import type { Cluster, Command, Launcher } from "../../../jepsen-like/cluster/contract.ts";
import { Group, whyNoGroup } from "../../../jepsen-like/host/cgroup.ts";
import { aheadOf, setClock, whyNoClock, withClock } from "../../../jepsen-like/host/clock.ts";
import { missing, must } from "../../../jepsen-like/host/command.ts";
import { wrap } from "../../../jepsen-like/host/launchers.ts";
import {
  burstCpu,
  limitCpu,
  limitFiles,
  whyNoFileLimit,
} from "../../../jepsen-like/host/limits.ts";
import { stateOf } from "../../../jepsen-like/host/processes.ts";
import { hostFaults } from "../../../jepsen-like/nemesis/faults/host.ts";
import { summarise, type PointResult } from "../../../jepsen-like/power-loss.ts";

const noCpu = await whyNoGroup("cpu");
const noMemory = await whyNoGroup("memory");
const noFiles = await whyNoFileLimit();
const noClock = await whyNoClock();
for (const [what, why] of Object.entries({ noCpu, noMemory, noFiles, noClock }))
  if (why !== undefined) console.log(`skipped, ${what}: ${why}`);

let child: ChildProcess | undefined;
afterEach(() => void child?.kill("SIGKILL"));

const busy = "for (;;);";

async function until(isTrue: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isTrue())) await sleep(10);
}

test.skipIf(noCpu !== undefined)(
  "a busy process is held back by its group, and then no more",
  async () => {
    child = spawn(process.execPath, ["-e", busy]);
    const slowed = await limitCpu(child.pid!, 5);
    await until(async () => (await slowed.seen()) !== undefined);
    await slowed.end();
    expect(stateOf(child.pid!)).toBe("R");
  },
);

test("without control groups it is stopped most of the time, and then no more", async () => {
  child = spawn(process.execPath, ["-e", busy]);
  const slowed = burstCpu(child.pid!, 10);
  await until(async () => (await slowed.seen()) !== undefined);
  await slowed.end();
  await until(() => stateOf(child!.pid!) === "R");
});

test.skipIf(noMemory !== undefined)(
  "a process without memory is killed, and that is counted",
  async () => {
    const group = await Group.make("memory", "test");
    expect(await group.limitMemory(48 * 1024 * 1024)).toBe(true);
    const script = 'echo $$ > "$0" && exec "$@"';
    const hungry = "const all = []; for (;;) all.push(Buffer.alloc(1e6, 1));";
    child = spawn("sh", ["-c", script, group.members, process.execPath, "-e", hungry]);
    const signal = await new Promise((resolve) => child!.once("exit", (_, name) => resolve(name)));
    expect(signal).toBe("SIGKILL");
    expect(group.outOfMemory()).toBeGreaterThan(0);
    await group.remove();
  },
);

test.skipIf(noFiles !== undefined)(
  "a process can open no more files, and then it can",
  async () => {
    const open = `
    process.stdin.on("data", () => {
      try { require("node:fs").openSync("/dev/null"); console.log("ok"); } catch (e) { console.log(e.code); }
    });`;
    const process_ = spawn(process.execPath, ["-e", open]);
    child = process_;
    const ask = (): Promise<string> =>
      new Promise((resolve) => {
        process_.stdout.once("data", (text: Buffer) => resolve(text.toString().trim()));
        process_.stdin.write("x");
      });
    expect(await ask()).toBe("ok");
    const limited = await limitFiles(process_.pid!);
    expect(await ask()).toBe("EMFILE");
    await limited.restore();
    expect(await ask()).toBe("ok");
  },
);

test.skipIf(noClock !== undefined)(
  "a clock is an hour ahead, and only the time of day",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "raftq-clock-"));
    const file = join(directory, "clock");
    setClock(file, 3_600);
    const script = "console.log(JSON.stringify({ time: Date.now(), up: performance.timeOrigin }))";
    const plain: Command = { file: process.execPath, args: ["-e", script], env: {} };
    const { file: run, args, env } = withClock(plain, file);
    const { stdout } = await promisify(execFile)(run, [...args], {
      env: { ...process.env, ...env },
    });
    expect(aheadOf(stdout, Date.now())).toBeCloseTo(3_600, -2);
    rmSync(directory, { recursive: true });
  },
);

test("a line of a log says how far ahead its clock is, or nothing", () => {
  expect(aheadOf('{"level":30,"time":5000,"msg":"x"}', 2_000)).toBe(3);
  expect(aheadOf("Error: no JSON", 2_000)).toBeUndefined();
});

test("several faults wrap one start, and one that ends takes only its own away", () => {
  let launcher: Launcher | undefined;
  const cluster = {
    setLauncher: (given: Launcher | undefined) => (launcher = given),
  } as unknown as Cluster;
  const plain: Command = { file: "node", args: [], env: {} };
  const add =
    (text: string): Launcher =>
    (_, command) => ({ ...command, args: [...command.args, text] });
  wrap(cluster, "a", add("a"));
  wrap(cluster, "b", add("b"));
  expect(launcher?.(1, plain).args).toEqual(["a", "b"]);
  wrap(cluster, "a", undefined);
  expect(launcher?.(1, plain).args).toEqual(["b"]);
  wrap(cluster, "b", undefined);
  expect(launcher).toBeUndefined();
});

test("a tool that is missing is named; one that fails is told with what it said", async () => {
  expect(await missing("sh", "no-such-tool")).toBe("no-such-tool");
  expect(await missing("sh")).toBeUndefined();
  await expect(must("sh", "-c", "echo broken >&2; exit 3")).rejects.toThrow(/broken \(code 3\)/);
});

test("every fault has a name of its own and says what it does", () => {
  expect(new Set(hostFaults.map(({ name }) => name)).size).toBe(hostFaults.length);
  for (const { what } of hostFaults) expect(what.length).toBeGreaterThan(10);
});

test("SW3: a point that was not reached, or whose disk lost nothing, shows nothing; what is lost is told", () => {
  const good: PointResult = {
    ...{ mode: "all", point: 1, sync: 1, at: "fdatasync log/guard", acked: 3, ackedBefore: 2 },
    ...{ unknown: 0, found: 3, powerLost: true, violations: [], seconds: 2 },
  };
  const { violated, inconclusive, table } = summarise([
    good,
    { ...good, point: 2, sync: 0 },
    { ...good, point: 3, sync: 3, powerLost: false },
    { ...good, point: 4, sync: 4, violations: ["Q1: a-1 was acknowledged and is gone"] },
  ]);
  expect(inconclusive.map(({ point }) => point)).toEqual([2, 3]);
  expect(violated.map(({ point }) => point)).toEqual([4]);
  expect(table).toContain("| all three nodes | 4 | 2 (1 to 4) | log/guard 2 |");
});
