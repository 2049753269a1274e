// What happened in a world, in numbers: for the report, and for the judgement whether enough happened (vacuity).

import type { WorldCounters } from "../../testing/counters.ts";

export interface Counters extends WorldCounters {
  elections: number;
  pauses: number;
  partitions: number;
  clogs: number;
  brokenConnections: number;
  diskFull: number;
  diskStalls: number;
  damaged: number;
  corruptVerdicts: number;
  clockJumps: number;
  compactions: number;
  snapshotsInstalled: number;
  membershipChanges: number;
  transfers: number;
  clientDeaths: number;
  ok: number;
  fail: number;
  unknown: number;
}

export function noCounters(): Counters {
  return {
    elections: 0,
    crashes: 0,
    powerLosses: 0,
    tornWrites: 0,
    gracefulStops: 0,
    pauses: 0,
    partitions: 0,
    clogs: 0,
    brokenConnections: 0,
    messages: 0,
    dropped: 0,
    doubled: 0,
    reordered: 0,
    diskErrors: 0,
    diskFull: 0,
    diskStalls: 0,
    damaged: 0,
    corruptVerdicts: 0,
    wipes: 0,
    introductionsRefused: 0,
    clockJumps: 0,
    compactions: 0,
    snapshotsInstalled: 0,
    membershipChanges: 0,
    transfers: 0,
    clientDeaths: 0,
    ok: 0,
    fail: 0,
    unknown: 0,
  };
}

export function add(sum: Counters, more: Counters): void {
  for (const name of Object.keys(sum) as (keyof Counters)[]) sum[name] += more[name];
}
