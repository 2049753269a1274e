// A clock of its own for a node, by libfaketime: it jumps while the node runs.
//   CK1. Only the time of day is false. The monotonic clock stays true, as it does when a real host's clock is set; a false one would
//        stop Node's timers, which no clock change does.
//   CK2. The offset lies in a file that libfaketime reads again after a second at the latest.

import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Command } from "../cluster/contract.ts";
import { run } from "./command.ts";

/** Debian's places, one per architecture; RAFTQ_FAKETIME names another one. */
export function libfaketime(): string | undefined {
  const given = process.env["RAFTQ_FAKETIME"];
  if (given !== undefined) return given;
  const roots = [
    "/usr/lib",
    "/usr/local/lib",
    ...list("/usr/lib").map((name) => `/usr/lib/${name}`),
  ];
  for (const root of roots) {
    const found = list(join(root, "faketime")).find((name) => /^libfaketimeMT\.so/.test(name));
    if (found !== undefined) return join(root, "faketime", found);
  }
  return undefined;
}

export async function whyNoClock(): Promise<string | undefined> {
  const library = libfaketime();
  if (library === undefined) return "libfaketime is not installed";
  const script = "process.stdout.write(String(Date.now()))";
  const asked = ["-u", "NODE_OPTIONS", `LD_PRELOAD=${library}`, "FAKETIME=+7200", process.execPath];
  const { code, stdout, stderr } = await run("env", [...asked, "-e", script]);
  if (code !== 0) return `Node does not run with ${library}: ${stderr.trim()}`;
  const ahead = Number(stdout) - Date.now();
  return Math.abs(ahead - 7_200_000) < 60_000 ? undefined : `${library} changes nothing`;
}

/** The command with a clock that `setClock(file, …)` moves. */
export function withClock(command: Command, file: string): Command {
  const library = libfaketime();
  if (library === undefined) throw new Error("libfaketime is not installed");
  const env = {
    ...command.env,
    LD_PRELOAD: library,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: "1",
    NO_FAKE_STAT: "1",
  };
  return { ...command, env };
}

/** CK2. Seconds ahead of the true time; negative: behind. */
export function setClock(file: string, seconds: number): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${seconds < 0 ? "" : "+"}${seconds}\n`);
}

/** How far ahead of us the clock of a line of a server's log is, in seconds; undefined: the line has no time. */
export function aheadOf(line: string, nowMs: number): number | undefined {
  const time = /"time":(\d+)/.exec(line)?.[1];
  return time === undefined ? undefined : (Number(time) - nowMs) / 1_000;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
