// What the kernel says of a process.

import { readdirSync, readFileSync } from "node:fs";

/** "R", "S", "T" (stopped) …; undefined: it is gone. */
export function stateOf(pid: number): string | undefined {
  return /^State:\s+(\S)/m.exec(status(pid))?.[1];
}

/** Who traces it; 0: nobody. */
export function tracerOf(pid: number): number {
  return Number(/^TracerPid:\s+(\d+)/m.exec(status(pid))?.[1] ?? 0);
}

/** The number that the next file to be opened gets: the limit of open files is a limit of these numbers. */
export function nextFile(pid: number): number {
  const open = new Set(list(`/proc/${pid}/fd`).map(Number));
  let next = 0;
  while (open.has(next)) next++;
  return next;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function status(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}
