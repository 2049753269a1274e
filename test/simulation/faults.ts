// What goes wrong, and when it ends: each fault is drawn, done, and undone after a while (reliability.md §3.3). Isolating one
// node, mostly the leader, is the most frequent of them: it already triggers most failures.

import type { Random } from "../../testing/random.ts";
import { damage, wipe } from "./faults/data.ts";
import { full, ioError, stall } from "./faults/disks.ts";
import { FaultKit, type FaultWorld } from "./faults/kit.ts";
import { breakConnection, clog, flap, slow, weather } from "./faults/links.ts";
import { partition, usurp } from "./faults/partitions.ts";
import {
  clock,
  killClient,
  killSome,
  losePower,
  pauseClient,
  pauseSome,
  stop,
} from "./faults/processes.ts";

export const faultKinds = [
  "kill",
  "power",
  "stop",
  "pause",
  "partition",
  "usurp",
  "flap",
  "clog",
  "slow",
  "break",
  "weather",
  "io-error",
  "full",
  "stall",
  "damage",
  "wipe",
  "clock",
  "client-pause",
  "client-death",
  "membership",
  "transfer",
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Default 1. */
const weights: Partial<Record<FaultKind, number>> = {
  partition: 3,
  usurp: 3,
  kill: 2,
  power: 2,
  pause: 2,
  membership: 2,
};

const faults: Readonly<Record<FaultKind, (kit: FaultKit) => void>> = {
  kill: killSome,
  power: losePower,
  stop,
  pause: pauseSome,
  partition,
  usurp,
  flap,
  clog,
  slow,
  break: breakConnection,
  weather,
  "io-error": ioError,
  full,
  stall,
  damage,
  wipe,
  clock,
  "client-pause": pauseClient,
  "client-death": killClient,
  membership: ({ world }) => world.operator.change(),
  transfer: ({ world }) => world.operator.transfer(),
};

export class Faults {
  readonly #kit: FaultKit;
  /** Each of them as often as it weighs. */
  readonly #weighted: readonly FaultKind[];

  constructor(world: FaultWorld, random: Random, kinds: readonly FaultKind[]) {
    this.#kit = new FaultKit(world, random);
    this.#weighted = kinds.flatMap((kind) =>
      Array.from({ length: weights[kind] ?? 1 }, () => kind),
    );
  }

  /** One of them, every `everyMs` in the mean, until `over`. */
  begin(everyMs: number): void {
    const { world, random } = this.#kit;
    const next = (): void => {
      if (this.#kit.isOver) return;
      if (this.#weighted.length > 0) faults[random.pick(this.#weighted)](this.#kit);
      world.time.after(2 * everyMs * random.next(), undefined, next);
    };
    world.time.after(everyMs, undefined, next);
    this.#revive();
  }

  /** Everything that was done is undone; the network is whole. What has ended stays so. */
  over(): void {
    const { world, calmWeather } = this.#kit;
    this.#kit.over();
    for (const machine of this.#kit.machines) {
      machine.failNext = false;
      machine.failStore = false;
      machine.stalledUntil = 0;
    }
    world.network.healAll();
    const lossless = { loss: 0, duplication: 0, reordering: 0 };
    world.network.weather = { ...calmWeather, ...lossless };
  }

  /** Somebody starts what does not run, after a while. */
  #revive(): void {
    const { world, random } = this.#kit;
    const look = (): void => {
      if (this.#kit.isOver) return;
      for (const machine of this.#kit.machines) {
        if (machine.state !== "down" || machine === this.#kit.untouchable) continue;
        if (random.chance(0.25)) machine.start();
      }
      world.time.after(random.between(50, 500), undefined, look);
    };
    look();
  }
}
