// The directory `state/`: the present store, and how another one takes its place.
//   state/current     which generation is the present one, and, if it came as a snapshot, as of which entry
//   state/<n>/        the RocksDB of generation n
//   G1. `current` changes by an atomic, synced rename after the new generation is durable (E5). A crash at any point leaves
//       the old state or the new one; other generations are garbage.

import type { Machine, OrderedStore } from "../queue/index.ts";
import { openMachine } from "./open-machine.ts";
import type { SnapshotId } from "../raft/index.ts";
import { assert } from "./assert.ts";
import { crc32c } from "./log/crc.ts";
import { readWhole, replaceFile, type Disk } from "./log/disk.ts";

export interface State {
  readonly machine: Machine;
  readonly store: OrderedStore;
}

export interface Stores {
  open(path: string): Promise<OrderedStore>;
  destroy(path: string): Promise<void>;
}

/** The snapshot that a generation began as: the log must go on from it. */
export interface Installed {
  readonly snapshot: SnapshotId;
  readonly chain: number;
}

interface Current {
  readonly generation: number;
  readonly installed: Installed | undefined;
}

interface MachineOptions {
  readonly lanesResidentMax: number;
}

const currentName = "current";
const bytesMax = 64 * 1024;

/** The state directory cannot be trusted: the node must not start on it. */
export class CorruptState extends Error {
  override readonly name = "CorruptState";
}

export class StateDirectory {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #stores: Stores;
  readonly #options: MachineOptions;
  #current: Current;

  private constructor(
    disk: Disk,
    path: string,
    stores: Stores,
    options: MachineOptions,
    current: Current,
  ) {
    this.#disk = disk;
    this.#path = path;
    this.#stores = stores;
    this.#options = options;
    this.#current = current;
  }

  /** @throws {CorruptState} naming the file and what to do. */
  static async open(
    disk: Disk,
    path: string,
    stores: Stores,
    options: MachineOptions,
  ): Promise<{ directory: StateDirectory; state: State; installed: Installed | undefined }> {
    await disk.makeDirectory(path);
    const found = (await disk.list(path)).includes(currentName);
    let current: Current = { generation: 1, installed: undefined };
    if (found) {
      // The process may have died between its rename and the sync: what it replaced goes only when it is there for certain.
      await disk.syncDirectory(path);
      const file = `${path}/${currentName}`;
      current = decodeCurrent(file, await readWhole(disk, file, bytesMax));
      // What a crash may have left: the state before the present one, and one that was being received. Never on the word of
      // a file that is missing (F7).
      for (const garbage of [current.generation - 1, current.generation + 1])
        await stores.destroy(`${path}/${garbage}`);
    } else await replaceFile(disk, path, currentName, encodeCurrent(current));
    const directory = new StateDirectory(disk, path, stores, options, current);
    const store = await stores.open(directory.#pathOf(current.generation));
    return {
      directory,
      state: { store, machine: await openMachine(store, options) },
      installed: current.installed,
    };
  }

  /** An empty store for a state that is being received. */
  async begin(): Promise<{ store: OrderedStore; generation: number }> {
    const generation = this.#current.generation + 1;
    await this.#stores.destroy(this.#pathOf(generation));
    return { store: await this.#stores.open(this.#pathOf(generation)), generation };
  }

  /** G1. */
  async adopt(
    store: OrderedStore,
    generation: number,
    installed: Installed,
    old: OrderedStore,
  ): Promise<State> {
    assert(generation === this.#current.generation + 1, "G1: generations follow one another");
    await store.flush();
    const next = { generation, installed };
    await replaceFile(this.#disk, this.#path, currentName, encodeCurrent(next));
    const previous = this.#current.generation;
    this.#current = next;
    await old.close();
    await this.#stores.destroy(this.#pathOf(previous));
    return { store, machine: await openMachine(store, this.#options) };
  }

  #pathOf(generation: number): string {
    return `${this.#path}/${generation}`;
  }
}

function encodeCurrent({ generation, installed }: Current): Buffer {
  const text = JSON.stringify({ version: 1, generation, installed: installed ?? null });
  return Buffer.from(`${crc32c(Buffer.from(text)).toString(16).padStart(8, "0")} ${text}\n`);
}

function decodeCurrent(path: string, bytes: Buffer): Current {
  const line = bytes.toString("utf8").trimEnd();
  const text = line.slice(9);
  if (line.slice(0, 8) !== crc32c(Buffer.from(text)).toString(16).padStart(8, "0")) {
    throw new CorruptState(
      `${path} is damaged (its checksum does not match): this node's state cannot be trusted. Replace the node: wipe its data directory and add it under a new number`,
    );
  }
  const { version, generation, installed } = JSON.parse(text) as {
    version: number;
    generation: number;
    installed: Installed | null;
  };
  if (version !== 1)
    throw new CorruptState(
      `${path} has format ${version}, which this version of raftq does not know`,
    );
  return { generation, installed: installed ?? undefined };
}
