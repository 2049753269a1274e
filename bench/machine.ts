// What processes cost, read from /proc. Elsewhere than on Linux these figures are unavailable, and say so.

import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

/** The kernel's clock ticks per second (USER_HZ) as /proc shows them: 100 on every Linux. */
const ticksPerSecond = 100;

/** User and system CPU seconds of all these processes; undefined where there is no /proc. */
export function cpuSeconds(pids: readonly number[]): number | undefined {
  return sum(pids, (pid) => {
    const text = read(`/proc/${pid}/stat`);
    if (text === undefined) return undefined;
    // The process name, in brackets, may hold blanks: count the fields behind it.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  });
}

/** Busy CPU seconds of the whole machine since it was started. */
export function machineCpuSeconds(): number | undefined {
  const [, ...fields] = (read("/proc/stat")?.split("\n")[0] ?? "").trim().split(/\s+/);
  if (fields.length === 0) return undefined;
  const [user, nice, system, , , irq, softIrq] = fields.map(Number);
  const ticks = [user, nice, system, irq, softIrq].reduce<number>(
    (all, each) => all + (each ?? 0),
    0,
  );
  return ticks / ticksPerSecond;
}

/** Resident MiB of one process. */
export function residentMiB(pid: number): number | undefined {
  const kibibytes = /VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return kibibytes === undefined ? undefined : Math.round(Number(kibibytes) / 102.4) / 10;
}

/** Bytes that these processes made the kernel write to disks: whole pages, each as often as it was written. */
export function diskBytes(pids: readonly number[]): number | undefined {
  return sum(pids, (pid) => {
    const bytes = /^write_bytes: (\d+)$/m.exec(read(`/proc/${pid}/io`) ?? "")?.[1];
    return bytes === undefined ? undefined : Number(bytes);
  });
}

/**
 * Bytes that went over this machine's loopback, headers of TCP and IP included. The kernel counts by interface and not by
 * process: everything that talks to 127.0.0.1 is in it.
 */
export function loopbackBytes(): number | undefined {
  const received = /^\s*lo:\s*(\d+)/m.exec(read("/proc/net/dev") ?? "")?.[1];
  return received === undefined ? undefined : Number(received);
}

export interface MachineInfo {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  readonly kernel: string;
  readonly node: string;
}

export function machineInfo(): MachineInfo {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? "unknown",
    cores: cores.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    kernel: release(),
    node: process.versions.node,
  };
}

/** Undefined when one of them is unknown: a sum of the others would be wrong. */
function sum(pids: readonly number[], of: (pid: number) => number | undefined): number | undefined {
  let all = 0;
  for (const pid of pids) {
    const one = of(pid);
    if (one === undefined) return undefined;
    all += one;
  }
  return all;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
