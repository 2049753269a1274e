// One machine: a disk, a store, a clock, and the lives of a node on them. A node begins as in a real process: openNode, and
// the services of node/grpc behind it.

import { pino, type Logger } from "pino";
import type { ServerConfig } from "../node/server-options.ts";
import { clientServices } from "../node/grpc/server.ts";
import { Dismissed } from "../node/members.ts";
import type { Node } from "../node/node.ts";
import type { Members } from "../node/members.ts";
import { openNode } from "../node/open-node.ts";
import type { TransportEvents } from "../node/transport.ts";
import type { NodeId } from "../raft/index.ts";
import type { Listener, Services } from "./calls/call-world.ts";
import type { Calls } from "./calls/calls.ts";
import { SimClock } from "./clock.ts";
import type { WorldCounters } from "./counters.ts";
import { diskError } from "./disk/disk-error.ts";
import {
  SimDisk,
  type DiskObserver,
  type Operation,
  type SimDiskOptions,
} from "./disk/sim-disk.ts";
import { SimStores, type StoreOperation } from "./disk/sim-stores.ts";
import { SimTransport, type Peer, type PeerWorld } from "./peers.ts";
import { Random } from "./random.ts";
import { Process, type Time } from "./time.ts";
import type { Trace } from "./trace.ts";

const silent = pino({ level: "silent" });

export interface DiskWeather {
  /** A sync takes between these. */
  readonly syncMs: readonly [number, number];
  /** An operation of the store takes up to so long. */
  readonly storeMs: number;
}

export interface MachineWorld extends PeerWorld {
  readonly time: Time;
  readonly trace: Trace;
  readonly counters: WorldCounters;
  readonly calls: Calls;
  readonly diskWeather: DiskWeather;
  readonly isTraced: boolean;
  /** By the membership that is committed. */
  isMember(id: NodeId): boolean;
  /** The node ended by itself although nothing was done to it. */
  readonly violated: (what: string) => void;
}

/** Reads along on the disk of a machine. */
export interface DiskWatcher extends DiskObserver {
  /** The disk as a whole is another one: after a crash, a damage, a repair. */
  reload(disk: SimDisk): void;
}

export interface Saved {
  readonly disk: SimDisk;
  readonly stores: SimStores;
}

type EndKind = "killed" | "power" | "stopped" | "fatal";

export class Machine implements Listener {
  readonly id: NodeId;
  readonly name: string;
  readonly endpoint: string;
  readonly config: ServerConfig;
  readonly process: Process;
  readonly clock: SimClock;
  disk: SimDisk;
  stores: SimStores;
  node: Node | undefined;
  services: Services | undefined;
  peer: Peer | undefined;
  /** Without power; a process that has merely ended leaves a machine that refuses connections. */
  isDark = false;
  state: "down" | "starting" | "up" | "stopping" = "down";
  /** It is a member no longer, and never will be again. */
  isRetired = false;
  /** Why its next end, or its refusal to start, is no defect of the node. */
  excuse: string | undefined;
  /** Why it did not start the last time. */
  refusal: Error | undefined;
  /** Fails the next operation that changes something. */
  failNext = false;
  /** The store fails its next write. */
  failStore = false;
  stalledUntil = 0;
  /** Infinity: the disk is never full (F9). */
  #capacityBytes = Infinity;
  readonly #world: MachineWorld;
  readonly #random: Random;
  #transport: SimTransport | undefined;
  readonly #watcher: DiskWatcher | undefined;
  #busyUntil = 0;
  #incarnations = 0;

  constructor(
    world: MachineWorld,
    id: NodeId,
    config: ServerConfig,
    random: Random,
    clock: { readonly rate: number; readonly lookMs: number; readonly wallSkewMs: number },
    watcher?: DiskWatcher,
  ) {
    this.#world = world;
    this.#random = random;
    this.id = id;
    this.name = `n${id}`;
    this.config = config;
    this.endpoint = `client-${id}:7400`;
    this.process = new Process(this.name);
    this.clock = new SimClock(world.time, this.process, clock.rate, clock.lookMs);
    this.clock.wallSkewMs = clock.wallSkewMs;
    this.#watcher = watcher;
    this.disk = new SimDisk(this.#diskOptions());
    this.stores = new SimStores(this.#storeGate);
  }

  get isRunning(): boolean {
    return this.node !== undefined;
  }

  // ---------------------------------------------------------------- lives

  start(): void {
    if (this.state !== "down" || this.isRetired) return;
    const world = this.#world;
    const { process, config } = this;
    const { life } = process;
    this.state = "starting";
    this.isDark = false;
    this.refusal = undefined;
    world.trace.event("start", this.id);
    const late: { events?: TransportEvents } = {};
    const fatal = (error: unknown): void => {
      if (process.life === life) this.#died(error);
    };
    const random = this.#random.fork();
    openNode(config, {
      disk: this.disk,
      stores: this.stores,
      clock: this.clock,
      random: random.next,
      logger: world.isTraced ? this.#logger() : silent,
      fatal,
      identity: {
        uuid: () => `disk-${this.id}-${++this.#incarnations}`,
        now: () => new Date(this.clock.wallMs()),
      },
      nonce: () => random.u32(),
      connect: (events, members) => {
        late.events = events;
        const peer = this.#asPeer(events, members);
        this.peer = peer;
        this.#transport = new SimTransport(world, peer);
        return this.#transport;
      },
    }).then(
      (node) => {
        if (process.life !== life) return;
        this.node = node;
        this.state = "up";
        this.services = this.#serve(node);
        world.trace.event("up", this.id, node.machine.appliedIndex);
      },
      (error: unknown) => {
        if (process.life === life) this.#refusedToStart(error);
      },
    );
  }

  #asPeer(events: TransportEvents, members: Members): Peer {
    return { id: this.id, process: this.process, members, events };
  }

  #serve(node: Node): Services {
    const { clusterId, tickMs, outboxBytesMax } = this.config;
    const logger = this.#world.isTraced ? this.#logger() : silent;
    const version = "simulated";
    const context = { node, clock: this.clock, clusterId, version };
    const { queue, admin } = clientServices({ ...context, tickMs, outboxBytesMax, logger });
    return { ...queue, ...admin } as unknown as Services;
  }

  /** A stack would say where this copy of raftq lies. */
  #logger(): Logger {
    const write = (line: string): void => this.#world.trace.event("log", this.id, line.trim());
    const serializers = { err: String };
    return pino({ level: "info", base: null, timestamp: false, serializers }, { write });
  }

  #refusedToStart(error: unknown): void {
    this.refusal = error instanceof Error ? error : new Error("not an error", { cause: error });
    this.#world.trace.event("refused-to-start", this.id, String(error));
    if (this.excuse === undefined && !isInjected(error)) {
      this.#world.violated(`node ${this.id} does not start: ${describe(error)}`);
    }
    this.#end("fatal");
  }

  #died(error: unknown): void {
    this.#world.trace.event("died", this.id, String(error));
    if (error instanceof Dismissed && this.excuse === undefined) {
      if (this.#world.isMember(this.id))
        this.#world.violated(`node ${this.id} leaves, and is a member: ${error.message}`);
      this.isRetired = true;
    } else if (this.excuse === undefined && !isInjected(error)) {
      this.#world.violated(`node ${this.id} ended by itself: ${describe(error)}`);
    }
    this.#end("fatal");
  }

  /** SIGKILL: what is in the page cache stays. */
  kill(): void {
    this.#world.counters.crashes += 1;
    this.#end("killed");
  }

  /** What was not synced may be gone; nobody is told that this machine is. */
  losePower(): void {
    this.#world.counters.powerLosses += 1;
    this.#end("power");
  }

  /** SIGTERM. */
  stop(): void {
    if (this.node === undefined || this.state !== "up") return;
    this.#world.counters.gracefulStops += 1;
    this.state = "stopping";
    const { process } = this;
    const { life } = process;
    const done = (): void => {
      if (process.life === life) this.#end("stopped");
    };
    this.node.stop().then(done, (error: unknown) => {
      if (process.life === life) this.#died(error);
    });
  }

  /** What is on its disk and in its store; it does not run. */
  saved(): Saved {
    return { disk: this.disk.copy(this.#diskOptions()), stores: this.stores.kill() };
  }

  restore({ disk, stores }: Saved): void {
    if (this.state !== "down") this.#end("killed");
    this.disk = disk;
    this.disk.capacityBytes = this.#capacityBytes;
    this.stores = stores;
    this.stores.gate = this.#storeGate;
    this.#watcher?.reload(disk);
  }

  /** The disk is gone; an empty one takes its place. */
  wipe(): void {
    this.#world.counters.wipes += 1;
    if (this.state !== "down") this.#end("power");
    this.disk = new SimDisk(this.#diskOptions());
    this.stores = new SimStores(this.#storeGate);
    this.#watcher?.reload(this.disk);
    this.isDark = false;
  }

  #end(kind: EndKind): void {
    const world = this.#world;
    const { process, peer } = this;
    const { life } = process;
    process.life += 1;
    if (process.paused) world.time.resume(process);
    this.state = "down";
    this.node = undefined;
    this.services = undefined;
    this.peer = undefined;
    this.isDark = kind === "power";
    this.stalledUntil = 0;
    this.#busyUntil = 0;
    world.trace.event("end", this.id, kind);
    if (kind === "power") {
      this.disk = this.disk.crash(this.#diskOptions());
      world.counters.tornWrites += this.disk.tornWrites;
      this.stores = this.stores.crash(() => this.#random.next());
      this.#watcher?.reload(this.disk);
    } else {
      this.disk = this.disk.kill(this.#diskOptions());
      this.stores = this.stores.kill();
    }
    this.stores.gate = this.#storeGate;
    world.calls.serverEnded(process, life, this.isDark);
    if (peer !== undefined) world.peerEnded(this.id, this.#transport, this.isDark);
    this.#transport = undefined;
  }

  /** `bytes` more can be written; Infinity: as many as one likes. */
  set roomBytes(bytes: number) {
    this.#capacityBytes = bytes === Infinity ? bytes : this.disk.usedBytes + bytes;
    this.disk.capacityBytes = this.#capacityBytes;
  }

  link(to: NodeId): ReturnType<SimTransport["link"]> {
    return this.#transport?.link(to);
  }

  // ---------------------------------------------------------------- disk and store

  #diskOptions(): SimDiskOptions {
    return {
      random: () => this.#random.next(),
      gate: this.#diskGate,
      ...(this.#watcher === undefined ? {} : { observer: this.#watcher }),
      capacityBytes: this.#capacityBytes,
    };
  }

  /** F2, R1: a failure on a durability path ends the process within a second. */
  #mustEnd(): void {
    const { time } = this.#world;
    const { life } = this.process;
    time.at(
      time.now + 1_000,
      this.process,
      () => {
        if (this.process.life === life && this.state !== "down")
          this.#world.violated(`F2: node ${this.id} goes on after an error of its disk`);
      },
      "timer",
    );
  }

  readonly #diskGate = ({ kind, path }: Operation): void | Promise<void> => {
    const { time, counters, diskWeather } = this.#world;
    const changes = kind !== "read" && kind !== "size" && kind !== "list";
    if (this.failNext && changes) {
      this.failNext = false;
      counters.diskErrors += 1;
      if (path.includes("/log/")) this.#mustEnd();
      throw diskError("EIO", path);
    }
    const isSync = kind === "sync" || kind === "sync-directory";
    if (!isSync && this.stalledUntil <= time.now) return undefined;
    const [least, most] = diskWeather.syncMs;
    const ms = isSync ? least + (most - least) * this.#random.next() : 0;
    // One thing at a time, as a disk does.
    this.#busyUntil = Math.max(this.#busyUntil, time.now, this.stalledUntil) + ms;
    return time.sleep(this.#busyUntil - time.now, this.process);
  };

  readonly #storeGate = (operation: StoreOperation): void | Promise<void> => {
    const { time, counters, diskWeather } = this.#world;
    if (this.failStore && operation === "write") {
      this.failStore = false;
      counters.diskErrors += 1;
      this.#mustEnd();
      throw diskError("EIO", "store");
    }
    const { storeMs } = diskWeather;
    if (storeMs === 0) return undefined;
    const worst = operation === "flush" ? 10 * storeMs : storeMs;
    return time.sleep(worst * this.#random.next(), this.process);
  };
}

/** Whether it comes of an error that a fault made. */
function isInjected(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if (code === "EIO" || code === "ENOSPC") return true;
  }
  return false;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
