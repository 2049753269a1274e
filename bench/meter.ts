// What a stretch of time cost: the difference of two readings, per message.

import { nowMs } from "./body.ts";
import type { Figures } from "./item.ts";
import { cpuSeconds, diskBytes, loopbackBytes, machineCpuSeconds } from "./machine.ts";

/** Undefined: unavailable on this machine. */
export interface Reading {
  readonly ms: number;
  readonly serverCpu: number | undefined;
  /** CPU that neither servers nor clients used: the kernel's own threads, and other people. */
  readonly otherCpu: number | undefined;
  readonly diskBytes: number | undefined;
  readonly networkBytes: number | undefined;
}

export function readMeter(servers: readonly number[], clients: readonly number[]): Reading {
  const machine = machineCpuSeconds();
  const ours = cpuSeconds([...servers, ...clients, process.pid]);
  return {
    ms: nowMs(),
    serverCpu: cpuSeconds(servers),
    otherCpu: machine === undefined || ours === undefined ? undefined : machine - ours,
    diskBytes: diskBytes(servers),
    networkBytes: loopbackBytes(),
  };
}

/** Of all nodes together. */
export function costs(before: Reading, after: Reading, messages: number): Figures {
  const between = (field: keyof Reading, unit: number): number | undefined => {
    const [from, to] = [before[field], after[field]];
    return from === undefined || to === undefined || unit === 0 ? undefined : (to - from) / unit;
  };
  return {
    cpu_s_per_100k: between("serverCpu", messages / 100_000),
    disk_bytes_per_message: between("diskBytes", messages),
    network_bytes_per_message: between("networkBytes", messages),
    other_cores: between("otherCpu", (after.ms - before.ms) / 1_000),
  };
}
