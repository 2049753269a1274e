// The world of a test cluster: its machines, its clients, and what lies between them.

import { connect, type Client } from "../client/client.ts";
import type { ConnectOptions } from "../client/options.ts";
import { parseConfig } from "../node/config.ts";
import type { ServerConfig } from "../node/server-options.ts";
import type { NodeId } from "../raft/index.ts";
import type { CallWorld, Listener } from "./calls/call-world.ts";
import { Calls } from "./calls/calls.ts";
import { SimClock } from "./clock.ts";
import type { WorldCounters } from "./counters.ts";
import type { CutWorld } from "./cuts.ts";
import { Machine, type DiskWeather, type MachineWorld } from "./machine.ts";
import { Network } from "./network.ts";
import type { TestSettings } from "./options.ts";
import { peerKeepAliveMs, type Peer, type SimTransport } from "./peers.ts";
import { Random } from "./random.ts";
import { Process, Time } from "./time.ts";
import { Trace } from "./trace.ts";

/** A program of a test, and its client. */
export interface Program {
  readonly process: Process;
  /** undefined: it is being connected. */
  client: Client | undefined;
}

/** A network that is idle is full of them. */
const untold: ReadonlySet<string> = new Set(["send"]);
const mebibyte = 1_048_576;

export class ClusterWorld implements MachineWorld, CallWorld, CutWorld {
  readonly time = new Time();
  readonly network: Network;
  readonly trace: Trace;
  readonly isTraced = true;
  readonly counters: WorldCounters = {
    crashes: 0,
    powerLosses: 0,
    tornWrites: 0,
    gracefulStops: 0,
    messages: 0,
    dropped: 0,
    doubled: 0,
    reordered: 0,
    diskErrors: 0,
    wipes: 0,
    introductionsRefused: 0,
  };
  readonly calls: Calls;
  readonly observer = undefined;
  readonly windowBytes = 65_536;
  readonly diskWeather: DiskWeather = { syncMs: [0.2, 1], storeMs: 0 };
  readonly machines = new Map<NodeId, Machine>();
  readonly programs: Program[] = [];
  readonly #random: Random;
  #programs = 0;
  #violation: Error | undefined;

  constructor({ nodes, seed, network }: TestSettings) {
    this.#random = new Random(seed);
    this.trace = new Trace(() => this.time.now, undefined, untold);
    this.network = new Network(this.time, this.#random.fork());
    this.network.weather = network;
    this.calls = new Calls(this);
    const exact = { rate: 1, lookMs: 0, wallSkewMs: 0 };
    for (let id = 1; id <= nodes; id += 1)
      this.machines.set(id, new Machine(this, id, configOf(id, nodes), this.#random.fork(), exact));
  }

  /** The ready node of the highest term. */
  get leader(): Machine | undefined {
    let found: Machine | undefined;
    for (const machine of this.machines.values()) {
      const { node, process } = machine;
      if (node?.ready !== true || process.paused) continue;
      if (node.term > (found?.node?.term ?? 0)) found = machine;
    }
    return found;
  }

  /** Those that run. */
  get clients(): Client[] {
    return this.programs.flatMap(({ client, process }) => (process.paused ? [] : (client ?? [])));
  }

  /** `stirred`: something was done that time has to bring to its end. */
  async connect(options: Omit<ConnectOptions, "endpoints">, stirred: () => void): Promise<Client> {
    const name = `c${++this.#programs}`;
    const program: Program = { process: new Process(name), client: undefined };
    const random = this.#random.fork();
    const clock = new StirringClock(this.time, program.process, stirred);
    const endpoints = [...this.machines.values()].map(({ endpoint }) => endpoint);
    const dial = this.calls.dial(program.process, clock);
    const world = { clock, random: random.next, dial, waits: stirred };
    this.programs.push(program);
    try {
      program.client = await connect({ name, ...options, endpoints }, world);
      this.trace.event("connected", name);
      return program.client;
    } catch (error) {
      this.programs.splice(this.programs.indexOf(program), 1);
      throw error;
    }
  }

  /** As SIGKILL. */
  killProgram(program: Program): void {
    const { process } = program;
    const { life } = process;
    this.programs.splice(this.programs.indexOf(program), 1);
    process.life += 1;
    this.calls.clientEnded(process, life);
  }

  // ---------------------------------------------------------------- what the parts ask for

  isMember(id: NodeId): boolean {
    const membership = this.leader?.node?.raftStatus().membership;
    if (membership === undefined) return true;
    return membership.voters.includes(id) || membership.learners.includes(id);
  }

  listener(endpoint: string): Listener | undefined {
    return [...this.machines.values()].find((machine) => machine.endpoint === endpoint);
  }

  isClient(name: string): boolean {
    return this.programs.some(({ process }) => process.name === name);
  }

  link(from: string, to: string): ReturnType<Machine["link"]> {
    const machines = [...this.machines.values()];
    const other = machines.find(({ name }) => name === to);
    return other && machines.find(({ name }) => name === from)?.link(other.id);
  }

  peer(id: NodeId): Peer | undefined {
    const machine = this.machines.get(id);
    return machine?.isRunning === true ? machine.peer : undefined;
  }

  peerEnded(id: NodeId, transport: SimTransport | undefined, isDark: boolean): void {
    const ms = isDark ? peerKeepAliveMs : this.network.delay(`n${id}`, "");
    transport?.ended(ms);
    for (const machine of this.machines.values()) machine.link(id)?.otherEnded(ms);
  }

  sent(): void {
    // Nobody listens in.
  }

  readonly violated = (what: string): void => {
    this.#violation ??= new Error(what);
  };

  /** @throws what was violated */
  readonly afterStep = (): void => {
    if (this.#violation !== undefined) throw this.#violation;
  };
}

class StirringClock extends SimClock {
  readonly #stirred: () => void;

  constructor(time: Time, process: Process, stirred: () => void) {
    super(time, process);
    this.#stirred = stirred;
  }

  override after(...args: Parameters<SimClock["after"]>): ReturnType<SimClock["after"]> {
    this.#stirred();
    return super.after(...args);
  }

  override soon(run: () => void): void {
    this.#stirred();
    super.soon(run);
  }
}

/** A server's defaults; only its files are smaller. */
function configOf(id: NodeId, nodes: number): ServerConfig {
  const member = Array.from(
    { length: nodes },
    (_, i) => `${i + 1}=peer-${i + 1}:7401/client-${i + 1}:7400`,
  );
  const flags = { "node-id": id, "cluster-id": "test", data: "data", member };
  const sizes = { segmentBytes: mebibyte, diskReserveBytes: 0, diskFreeMinBytes: 0 };
  return { ...parseConfig(flags, {}), ...sizes };
}
