// A machine of the simulation: what its disk holds is read along, from the bytes (disk-log.ts).

import type { ServerConfig } from "../../node/server-options.ts";
import type { NodeId } from "../../raft/index.ts";
import { Machine, type MachineWorld, type Saved } from "../../testing/machine.ts";
import type { Random } from "../../testing/random.ts";
import { DiskLog, type DiskEntry } from "./disk-log.ts";

export interface WatchedWorld extends MachineWorld {
  /** What the disk of node `id` now certainly holds. */
  entryOnDisk(id: NodeId, entry: DiskEntry): void;
}

export class WatchedMachine extends Machine {
  readonly log: DiskLog;
  #away: DiskLog | undefined;

  constructor(
    world: WatchedWorld,
    id: NodeId,
    config: ServerConfig,
    random: Random,
    clock: { readonly rate: number; readonly lookMs: number; readonly wallSkewMs: number },
  ) {
    const log = new DiskLog((entry) => world.entryOnDisk(id, entry));
    super(world, id, config, random, clock, log);
    this.log = log;
  }

  override saved(): Saved {
    const saved = super.saved();
    this.#away = new DiskLog(() => undefined);
    this.#away.reload(saved.disk);
    return saved;
  }

  override restore(saved: Saved): void {
    super.restore(saved);
    this.#away = undefined;
  }

  /** What its disk holds, or the one that is put away and comes back. */
  onDisk(index: number): DiskEntry | undefined {
    return this.log.at(index) ?? this.#away?.at(index);
  }
}
