// What the faults have in common: where they strike, for how long, and how they are undone.

import type { NodeId } from "../../../raft/index.ts";
import type { CutWorld } from "../../../testing/cuts.ts";
import type { Weather } from "../../../testing/network.ts";
import type { Random } from "../../../testing/random.ts";
import type { Trace } from "../../../testing/trace.ts";
import type { SimClient } from "../clients.ts";
import type { Counters } from "../counters.ts";
import type { Operator } from "../operator.ts";
import type { WatchedMachine } from "../watched-machine.ts";

export type Machine = WatchedMachine;

export interface FaultWorld extends CutWorld {
  readonly trace: Trace;
  readonly counters: Counters;
  readonly machines: ReadonlyMap<NodeId, Machine>;
  readonly clients: SimClient[];
  readonly electionMs: number;
  readonly leader: Machine | undefined;
  readonly operator: Operator;
  /** At some time some disk has known a membership of one voter. */
  readonly hasHadOneVoter: boolean;
  replaceClient(client: SimClient): void;
  readonly violated: (what: string) => void;
}

export class FaultKit {
  readonly world: FaultWorld;
  readonly random: Random;
  readonly calmWeather: Weather;
  /** Its data is away or damaged at present: never more than one node, and never the only one. */
  untouchable: Machine | undefined;
  isOver = false;
  /** Ends all of it. */
  readonly #undo = new Set<() => void>();

  constructor(world: FaultWorld, random: Random) {
    this.world = world;
    this.random = random;
    this.calmWeather = world.network.weather;
  }

  /** Undoes it after `ms`, or at the end. */
  later(ms: number, undo: () => void): void {
    const once = (): void => {
      if (!this.#undo.delete(once)) return;
      undo();
    };
    this.#undo.add(once);
    this.world.time.after(ms, undefined, once);
  }

  over(): void {
    this.isOver = true;
    for (const undo of [...this.#undo]) undo();
  }

  said(what: string, machine: Machine, more?: string | number): Machine {
    this.world.trace.fault(what, machine.name, more);
    return machine;
  }

  get machines(): Machine[] {
    return [...this.world.machines.values()].filter(({ isRetired }) => !isRetired);
  }

  get isOneUntouchable(): boolean {
    return this.untouchable !== undefined || this.machines.length < 2;
  }

  get target(): Machine {
    const { leader } = this.world;
    return leader !== undefined && this.random.chance(0.5)
      ? leader
      : this.random.pick(this.machines);
  }

  /** One mostly; a majority, all. */
  get targets(): Machine[] {
    const dice = this.random.next();
    if (dice < 0.7) return [this.target];
    const all = this.random.shuffled(this.machines);
    return dice < 0.85 ? all.slice(0, Math.floor(all.length / 2) + 1) : all;
  }

  /** 1 to 3 election times, or less. */
  get whileMs(): number {
    return this.random.between(0.2, 3) * this.world.electionMs;
  }
}
