// What a seed draws before its world begins: how many nodes, how large everything is, which faults are on and how strong.

import type { ServerConfig } from "../../node/server-options.ts";
import { faultKinds, type FaultKind } from "./faults.ts";
import type { Weather } from "../../testing/network.ts";
import type { DiskWeather } from "../../testing/machine.ts";
import type { Random } from "../../testing/random.ts";

export interface Plan {
  readonly nodes: number;
  readonly config: Partial<ServerConfig>;
  readonly weather: Weather;
  readonly diskWeather: DiskWeather;
  readonly clockDrift: number;
  readonly clockSkewMs: number;
  readonly lookMs: number;
  readonly faults: readonly FaultKind[];
  /** Mean time between two faults. */
  readonly faultEveryMs: number;
  /** How long faults go on. */
  readonly troubleMs: number;
  readonly clients: number;
  readonly operations: number;
  readonly thinkMs: number;
  readonly keys: number;
  readonly windowBytes: number;
}

const kibibyte = 1024;

export function draw(random: Random, nodes?: number): Plan {
  const count = nodes ?? random.pick([3, 3, 3, 3, 3, 3, 5, 5, 4, 2, 1]);
  const on = faultKinds.filter(() => random.chance(0.5));
  const operations = random.int(1_600, 4_000);
  const troubleMs = random.between(8_000, 24_000);
  const clients = random.int(5, 10);
  return {
    nodes: count,
    config: drawConfig(random),
    weather: {
      delayMs: random.pick([0.2, 0.5, 2, 10]),
      jitterMs: random.pick([0.2, 1, 5, 30]),
      loss: random.pick([0, 0, 0, 0.01, 0.1]),
      duplication: random.pick([0, 0, 0.01, 0.1]),
      reordering: random.pick([0, 0, 0.01, 0.1]),
    },
    diskWeather: {
      syncMs: random.pick([
        [0.1, 0.5],
        [0.5, 3],
        [2, 20],
      ] as const),
      storeMs: random.pick([0, 0, 1, 20]),
    },
    clockDrift: random.pick([0, 0.001, 0.05, 0.3]),
    clockSkewMs: random.pick([0, 1_000, 3_600_000]),
    lookMs: random.pick([0, 0, 0.01, 0.5]),
    faults: on,
    faultEveryMs: random.between(200, 1_500),
    troubleMs,
    clients,
    operations,
    // Most of their time goes by with waiting for answers: so they ask for as much as there is in about the time of the trouble.
    thinkMs: Math.max(1, (troubleMs * clients) / operations / 16),
    keys: random.pick([1, 3, 10, 40]),
    windowBytes: random.pick([2, 64, 1_024]) * kibibyte,
  };
}

function drawConfig(random: Random): Partial<ServerConfig> {
  const tickMs = random.pick([10, 20, 50]);
  const electionMs = tickMs * random.int(10, 30);
  const isKeepingNothing = random.chance(0.2);
  return {
    tickMs,
    electionMs,
    heartbeatMs: Math.max(tickMs, Math.floor(electionMs / random.int(3, 10))),
    entryBytesMax: random.pick([256, 4 * kibibyte, 64 * kibibyte]),
    uncommittedBytesMax: random.pick([4 * kibibyte, 64 * kibibyte, 8_192 * kibibyte]),
    inflightBytesMax: random.pick([1 * kibibyte, 16 * kibibyte, 1_024 * kibibyte]),
    cacheBytesMax: random.pick([0, 8 * kibibyte, 1_024 * kibibyte]),
    writeBehindMs: random.pick([0, 20, 200]),
    writeBehindBytesMax: random.pick([1 * kibibyte, 32 * kibibyte, 1_024 * kibibyte]),
    applyBacklogBytesMax: random.pick([8 * kibibyte, 8_192 * kibibyte]),
    // E7: a follower that is behind gets a snapshot.
    logRetainBytes: isKeepingNothing ? 0 : random.pick([4, 32, 256, 4_096]) * kibibyte,
    segmentBytes: random.pick([1, 4, 16, 64]) * kibibyte,
    snapshotChunkBytes: random.pick([1, 4, 64]) * kibibyte,
    outboxBytesMax: random.pick([1, 16, 256]) * kibibyte,
    lanesResidentMax: random.pick([1, 10, 1_000]),
    drainMs: random.pick([0, 100, 1_000]),
  };
}
