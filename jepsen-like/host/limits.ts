// Open files, processor time and memory, taken from a running node.

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { missing, must, run } from "./command.ts";
import { Group } from "./cgroup.ts";
import { nextFile, stateOf } from "./processes.ts";

export async function whyNoFileLimit(): Promise<string | undefined> {
  if ((await missing("prlimit")) !== undefined) return "prlimit is not installed";
  const sleeper = spawn("sleep", ["60"], { stdio: "ignore" });
  try {
    if (sleeper.pid === undefined) return "sleep is not installed";
    const { code, stderr } = await run("prlimit", ["--pid", String(sleeper.pid), "--nofile=64:"]);
    return code === 0 ? undefined : `prlimit is refused: ${stderr.trim()}`;
  } finally {
    sleeper.kill("SIGKILL");
  }
}

export interface FileLimit {
  readonly limit: number;
  /** What it has closed meanwhile it cannot open again either. */
  tighten(): Promise<void>;
  /** Gives back what it had. */
  restore(): Promise<void>;
}

/** From now on the process can open nothing more than it has open. */
export async function limitFiles(pid: number): Promise<FileLimit> {
  const limits = await readFile(`/proc/${pid}/limits`, "utf8");
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  if (soft === undefined) throw new Error(`process ${pid} says no limit of open files`);
  const limit = nextFile(pid);
  await must("prlimit", "--pid", String(pid), `--nofile=${limit}:`);
  return {
    limit,
    // It may have ended meanwhile.
    tighten: async () => {
      await run("prlimit", ["--pid", String(pid), `--nofile=${Math.min(limit, nextFile(pid))}:`]);
    },
    restore: async () => {
      await run("prlimit", ["--pid", String(pid), `--nofile=${soft}:`]);
    },
  };
}

export interface Slowed {
  /** What showed that it was held back; undefined: nothing. */
  seen(): Promise<string | undefined>;
  end(): Promise<void>;
}

/** At most `percent` of one processor: by a control group where there is one, else by stopping it most of the time. */
export async function limitCpu(pid: number, percent: number): Promise<Slowed> {
  const group = await Group.make("cpu", `cpu-${pid}`).catch(() => undefined);
  return group === undefined ? burstCpu(pid, percent) : await groupCpu(group, pid, percent);
}

async function groupCpu(group: Group, pid: number, percent: number): Promise<Slowed> {
  await group.limitCpu(percent);
  await group.add(pid);
  return {
    seen: async () => {
      const throttled = await group.throttled();
      return throttled === 0 ? undefined : `held back in ${throttled} periods of 100 ms`;
    },
    end: async () => await group.remove(),
  };
}

const burstMs = 100;

/** As cpulimit does it. */
export function burstCpu(pid: number, percent: number): Slowed {
  let stops = 0;
  let running = true;
  const signal = (name: "SIGSTOP" | "SIGCONT"): void => {
    try {
      process.kill(pid, name);
    } catch {
      // It ended.
    }
  };
  const timer = setInterval(() => {
    signal("SIGSTOP");
    setTimeout(
      () => {
        if (running && stateOf(pid) === "T") stops++;
        signal("SIGCONT");
      },
      burstMs * (1 - percent / 100),
    );
  }, burstMs);
  return {
    seen: () => Promise.resolve(stops === 0 ? undefined : `stopped ${stops} times`),
    end: () => {
      running = false;
      clearInterval(timer);
      signal("SIGCONT");
      return Promise.resolve();
    },
  };
}
