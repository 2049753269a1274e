// This member's copy of the queues through its life: applied from the log, made durable, compacted behind, and replaced as a
// whole by a snapshot. Chunks of a snapshot are taken one after the other, also those of two leaders (E2).

import type { Logger } from "pino";
import type { Effects, Machine, OrderedStore } from "../queue/index.ts";
import type { Entry, Membership, SnapshotWrite } from "../raft/index.ts";
import { Applier, type ApplierEvents } from "./applier.ts";
import type { Clock } from "./clock.ts";
import { Compactor } from "./compactor.ts";
import type { ServerConfig } from "./server-options.ts";
import type { Consensus } from "./consensus.ts";
import type { DiskSpace } from "./disk-space.ts";
import type { DurableLog } from "./log/index.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import type { State, StateDirectory } from "./state-directory.ts";

/** Between two looks whether there is room for a snapshot that is being received. */
const roomMs = 1_000;

export interface ReplicaPorts {
  readonly clock: Clock;
  readonly log: DurableLog;
  readonly states: StateDirectory;
  readonly space: DiskSpace;
  readonly logger: Logger;
  readonly consensus: Consensus;
  /** The first index that a snapshot on its way to another member still needs. */
  readonly keepFrom: () => number;
}

export interface ReplicaEvents {
  readonly answer: ApplierEvents["answer"];
  applied(index: number, effects: Effects): void;
  /** Another state has taken the place of the present one. */
  installed(index: number, membership: Membership): void;
  readonly failed: (error: unknown) => void;
}

export class Replica {
  readonly #config: ServerConfig;
  readonly #ports: ReplicaPorts;
  readonly #events: ReplicaEvents;
  readonly #consensus: Consensus;
  readonly #receiver: SnapshotReceiver;
  readonly #compactor: Compactor;
  #applier: Applier;
  #receiving: Promise<void> = Promise.resolve();
  /** Machine, store and log are being replaced. */
  #installing = false;
  #leads = false;

  constructor(config: ServerConfig, state: State, ports: ReplicaPorts, events: ReplicaEvents) {
    this.#config = config;
    this.#ports = ports;
    this.#events = events;
    this.#consensus = ports.consensus;
    this.#receiver = new SnapshotReceiver(ports.states, ports.logger);
    this.#compactor = new Compactor(ports.log, config.logRetainBytes, ports.logger);
    this.#applier = this.#newApplier(state);
  }

  get machine(): Machine {
    return this.#applier.machine;
  }

  get state(): State {
    return this.#applier;
  }

  get store(): OrderedStore {
    return this.#applier.store;
  }

  /** Of the state at `machine.appliedIndex` (R9); empty while an entry is applied in part. */
  get digest(): string {
    return this.#applier.midEntry ? "" : this.machine.digest;
  }

  /** Payload bytes committed and not applied here (I7). */
  get backlogBytes(): number {
    return this.#applier.backlogBytes;
  }

  /** Only a leader delivers; what a later one has to deliver it finds in the leases. */
  set leads(leads: boolean) {
    this.#leads = leads;
    this.machine.collectGrants = leads;
  }

  committed(entries: readonly Entry[]): void {
    this.#applier.push(entries);
  }

  received(chunk: SnapshotWrite): void {
    this.#receiving = this.#receiving.then(() => this.#receive(chunk));
  }

  /** The store behind `state` cannot be read: an error, unless its time is over anyway. */
  storeFailed(store: OrderedStore, error: unknown): void {
    if (this.#installing || store !== this.#applier.store) return;
    this.#events.failed(error);
  }

  /** Everything that is applied is durable when this resolves, and the store is closed. */
  async close(): Promise<void> {
    await this.#receiving;
    await this.#receiver.stop();
    await this.#consensus.persisted();
    await this.#compactor.idle();
    await this.#applier.checkpoint();
    await this.#applier.stop();
    await this.#ports.log.close();
    await this.#applier.store.close();
  }

  #newApplier(state: State): Applier {
    state.machine.collectGrants = this.#leads;
    return new Applier(state.machine, state.store, this.#ports.clock, this.#config, {
      answer: this.#events.answer,
      applied: (index, effects) => {
        if (this.#consensus.ended) return;
        this.#events.applied(index, effects);
        this.#compact();
      },
      failed: this.#events.failed,
    });
  }

  #compact(): void {
    if (this.#installing) return;
    const work = this.#compactor.consider(
      () => this.#applier.checkpoint(),
      this.#ports.keepFrom,
      (index) => this.#consensus.snapshotIdAt(index).membership,
    );
    void work.then((index) => {
      if (index !== undefined) this.#consensus.input({ kind: "compacted", index });
    }, this.#events.failed);
  }

  async #receive(write: SnapshotWrite): Promise<void> {
    const consensus = this.#consensus;
    await this.#room();
    if (consensus.ended) return;
    const { last } = write.snapshot;
    try {
      const taken = await this.#receiver.take(write);
      if (!taken) {
        consensus.input({ kind: "snapshot-rejected", last });
        return;
      }
      if (!write.done) {
        consensus.input({ kind: "snapshot-written", last, chunk: write.chunk });
        return;
      }
      await this.#install(write);
    } catch (error) {
      this.#events.failed(error);
    }
  }

  /** raft/output.ts O5: whatever was handed out before is durable, and its effects are inside the snapshot. */
  async #install({ snapshot }: SnapshotWrite): Promise<void> {
    this.#installing = true;
    await this.#consensus.persisted();
    await this.#compactor.idle();
    await this.#applier.stop();
    const { state, chain } = await this.#receiver.install(snapshot, this.#applier.store);
    await this.#ports.log.reset(snapshot, chain);
    this.#applier = this.#newApplier(state);
    this.#installing = false;
    this.#consensus.input({ kind: "snapshot-installed", snapshot });
    this.#events.installed(snapshot.last.index, snapshot.membership);
  }

  /** F9: a chunk that waits for room is not acknowledged, and holds the sender back as a slow disk would. */
  async #room(): Promise<void> {
    while (this.#ports.space.full && !this.#consensus.ended)
      await new Promise<void>((resolve) => this.#ports.clock.after(roomMs, resolve));
  }
}
