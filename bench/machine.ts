// What the servers cost, read from /proc. Elsewhere than on Linux these figures are unavailable, and say so.

import { readFileSync } from "node:fs";
import { cpus } from "node:os";

/** The kernel's clock ticks per second (USER_HZ) as /proc shows them: 100 on every Linux. */
const ticksPerSecond = 100;

/** User and system CPU seconds of all these processes; undefined where there is no /proc. */
export function cpuSeconds(pids: readonly number[]): number | undefined {
  let ticks = 0;
  for (const pid of pids) {
    const text = read(`/proc/${pid}/stat`);
    if (text === undefined) return undefined;
    // The process name, in brackets, may hold blanks: count the fields behind it.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / ticksPerSecond;
}

/** Busy CPU seconds of the whole machine since it was started. */
export function machineCpuSeconds(): number | undefined {
  const [, ...fields] = (read("/proc/stat")?.split("\n")[0] ?? "").trim().split(/\s+/);
  if (fields.length === 0) return undefined;
  const [user, nice, system, , , irq, softIrq] = fields.map(Number);
  const ticks = [user, nice, system, irq, softIrq].reduce<number>(
    (sum, each) => sum + (each ?? 0),
    0,
  );
  return ticks / ticksPerSecond;
}

/** Resident MiB of one process. */
export function residentMiB(pid: number): number | undefined {
  const kibibytes = /VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return kibibytes === undefined ? undefined : Math.round(Number(kibibytes) / 102.4) / 10;
}

export interface MachineInfo {
  readonly cpu: string;
  readonly cores: number;
  readonly platform: string;
  readonly node: string;
}

export function machineInfo(): MachineInfo {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? "unknown",
    cores: cores.length,
    platform: `${process.platform}-${process.arch}`,
    node: process.versions.node,
  };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
