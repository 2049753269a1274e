// What must not stay on the host: mounts, loop devices, control groups.
//   L1. Every name carries the process that made it. What belongs to a process that is gone is taken away by the next run.
//   L2. What a run holds is taken away when it ends, also when it ends by an exception or by process.exit.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { searchPath } from "./command.ts";

const prefix = "raftq-jepsen-";

/** A name of this process (L1): "raftq-jepsen-4711-node-2". */
export const nameOf = (what: string): string => `${prefix}${process.pid}-${what}`;

/** Undefined: not a name of ours. */
export function ownerOf(text: string): number | undefined {
  const pid = new RegExp(`${prefix}(\\d+)-`).exec(text)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

const held = new Map<string, () => void>();
let listens = false;

/** L2: `free` is called when the process exits, unless `release` came before. It may not wait. */
export function hold(name: string, free: () => void): void {
  held.set(name, free);
  if (listens) return;
  listens = true;
  process.once("exit", () => {
    for (const each of held.values()) {
      try {
        each();
      } catch {
        // The next run finds it (L1).
      }
    }
  });
}

export function release(name: string): void {
  held.delete(name);
}

/** As `run`, where nothing may be awaited; what it says is not looked at. */
export function runNow(file: string, ...args: readonly string[]): void {
  spawnSync(file, args, { env: { ...process.env, PATH: searchPath }, stdio: "ignore" });
}

/** L1; resolves to what was taken away. */
export function cleanLeftovers(isGone = (pid: number): boolean => !isAlive(pid)): string[] {
  return [...leftDisks(isGone), ...leftGroups(isGone)];
}

function leftDisks(isGone: (pid: number) => boolean): string[] {
  const cleaned: string[] = [];
  for (const device of list("/sys/block").filter((name) => name.startsWith("loop"))) {
    const image = read(`/sys/block/${device}/loop/backing_file`).trim();
    const owner = ownerOf(image);
    if (owner === undefined || !isGone(owner)) continue;
    for (const line of read("/proc/mounts").split("\n")) {
      const [source, target] = line.split(" ");
      if (source === `/dev/${device}` && target !== undefined) unmountNow(unescaped(target));
    }
    runNow("losetup", "-d", `/dev/${device}`);
    if (existsSync(image)) rmSync(image);
    cleaned.push(image);
  }
  return cleaned;
}

/** Lazily: who still holds files keeps them, and nobody waits. */
export function unmountNow(target: string): void {
  runNow("umount", "-l", target);
}

function leftGroups(isGone: (pid: number) => boolean): string[] {
  const cleaned: string[] = [];
  // As deep as control groups of ours are made (cgroup.ts).
  const look = (directory: string, depth: number): void => {
    for (const name of list(directory)) {
      const path = join(directory, name);
      const owner = ownerOf(`${name}-`);
      if (owner !== undefined && isGone(owner)) {
        try {
          rmdirSync(path);
          cleaned.push(path);
        } catch {
          // Somebody is still in it.
        }
      } else if (depth > 0 && !name.includes(".")) look(path, depth - 1);
    }
  };
  look("/sys/fs/cgroup", 3);
  return cleaned;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** /proc/mounts writes a blank as \040. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(parseInt(octal, 8)),
  );
}
