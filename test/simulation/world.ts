// The whole cluster and its clients in one thread, from one seed.

import type { ServerConfig } from "../../node/server-options.ts";
import type { NodeId } from "../../raft/index.ts";
import { configOf } from "../node/fakes.ts";
import type { CallWorld, Listener } from "../../testing/calls/call-world.ts";
import { Calls } from "../../testing/calls/calls.ts";
import { SimClient, roles, type ClientWorld } from "./clients.ts";
import { noCounters } from "./counters.ts";
import type { DiskEntry } from "./disk-log.ts";
import { Faults } from "./faults.ts";
import type { FaultWorld } from "./faults/kit.ts";
import { History } from "./history.ts";
import { Network } from "../../testing/network.ts";
import type { DiskWeather } from "../../testing/machine.ts";
import { Operator } from "./operator.ts";
import { peerKeepAliveMs, type Peer, type SimTransport } from "../../testing/peers.ts";
import { Random } from "../../testing/random.ts";
import type { Plan } from "./swarm.ts";
import { Time, type Process } from "../../testing/time.ts";
import { Trace } from "../../testing/trace.ts";
import { Violation, Watch } from "./watch.ts";
import { WatchedMachine, type WatchedWorld } from "./watched-machine.ts";

/** A world in which so much happens is one in which something never ends. */
const stepsMax = 3_000_000;

export class World implements WatchedWorld, CallWorld, ClientWorld, FaultWorld {
  readonly time = new Time();
  readonly network: Network;
  readonly trace: Trace;
  readonly isTraced: boolean;
  readonly counters = noCounters();
  readonly history = new History();
  readonly observer = this.history;
  readonly calls: Calls;
  readonly machines = new Map<NodeId, WatchedMachine>();
  readonly clients: SimClient[] = [];
  readonly deadClients = new Set<string>();
  readonly watch: Watch;
  readonly faults: Faults;
  readonly operator: Operator;
  readonly plan: Plan;
  readonly random: Random;
  readonly electionMs: number;
  readonly thinkMs: number;
  readonly keys: number;
  readonly windowBytes: number;
  diskWeather: DiskWeather;
  goesOn = true;
  operationsLeft: number;
  readonly #byProcess = new Map<Process, WatchedMachine>();
  #clientsMade = 0;
  /** What was violated within an event, to be told when the event is over. */
  #violation: Violation | undefined;

  constructor(plan: Plan, random: Random, listener: ((line: string) => void) | undefined) {
    this.plan = plan;
    this.random = random;
    this.isTraced = listener !== undefined;
    this.trace = new Trace(() => this.time.now, listener);
    this.network = new Network(this.time, random.fork());
    this.calls = new Calls(this);
    this.thinkMs = plan.thinkMs;
    this.keys = plan.keys;
    this.windowBytes = plan.windowBytes;
    this.diskWeather = plan.diskWeather;
    this.operationsLeft = plan.operations;
    for (let id = 1; id <= plan.nodes; id += 1)
      this.#newMachine(configOf(id, plan.nodes, plan.config));
    this.electionMs = [...this.machines.values()][0]?.config.electionMs ?? 0;
    this.watch = new Watch(this.machines, this.counters, this.trace);
    this.network.weather = plan.weather;
    this.operator = new Operator(this, random.fork());
    this.faults = new Faults(this, random.fork(), plan.faults);
  }

  addMachine(): WatchedMachine {
    const { plan, machines } = this;
    const changes = { ...plan.config, members: [], join: true };
    return this.#newMachine(configOf(machines.size + 1, plan.nodes, changes));
  }

  #newMachine(config: ServerConfig): WatchedMachine {
    const { plan, random } = this;
    const id = config.nodeId;
    const machine = new WatchedMachine(this, id, config, random.fork(), {
      rate: 1 + random.between(-plan.clockDrift, plan.clockDrift),
      lookMs: plan.lookMs,
      wallSkewMs: Math.round(random.between(-plan.clockSkewMs, plan.clockSkewMs)),
    });
    this.machines.set(id, machine);
    this.#byProcess.set(machine.process, machine);
    return machine;
  }

  addClient(): SimClient {
    const { random, plan } = this;
    const number = ++this.#clientsMade;
    const role = roles[(number - 1) % roles.length] ?? "producer";
    const rate = 1 + random.between(-plan.clockDrift, plan.clockDrift);
    const client = new SimClient(this, `c${number}`, role, random.fork(), rate);
    this.clients.push(client);
    client.start();
    return client;
  }

  replaceClient(client: SimClient): void {
    this.clients.splice(this.clients.indexOf(client), 1);
    this.deadClients.add(client.name);
    this.time.after(200, undefined, () => this.addClient());
  }

  // ---------------------------------------------------------------- what the parts ask for

  get endpoints(): readonly string[] {
    return [...this.machines.values()].flatMap(({ id, endpoint }) =>
      this.isMember(id) ? [endpoint] : [],
    );
  }

  get hasHadOneVoter(): boolean {
    return this.watch.hasHadOneVoter;
  }

  isMember(id: NodeId): boolean {
    const { voters, learners } = this.watch.membership;
    return voters.includes(id) || learners.includes(id);
  }

  get leader(): WatchedMachine | undefined {
    let found: WatchedMachine | undefined;
    for (const machine of this.machines.values()) {
      const { node } = machine;
      if (node?.ready === true && node.term > (found?.node?.term ?? 0)) found = machine;
    }
    return found;
  }

  listener(endpoint: string): Listener | undefined {
    return this.machines.get(Number(/^client-(\d+):/.exec(endpoint)?.[1]));
  }

  isClient(name: string): boolean {
    return this.clients.some((client) => client.name === name);
  }

  link(from: string, to: string): ReturnType<WatchedMachine["link"]> {
    const machine = [...this.machines.values()].find(({ name }) => name === from);
    return machine?.isRetired === true ? undefined : machine?.link(Number(to.slice(1)));
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

  entryOnDisk(id: NodeId, entry: DiskEntry): void {
    this.#noting(() => this.watch.entryOnDisk(id, entry));
  }

  sent(message: Parameters<Watch["sent"]>[0]): void {
    this.#noting(() => this.watch.sent(message));
  }

  readonly violated = (what: string): void => {
    this.#violation ??= new Violation(what);
  };

  clientFailed(client: SimClient, error: unknown): void {
    if (client.isDead) return;
    this.violated(
      `client ${client.name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }

  /** Product code is running: what is thrown here would be taken for its own failure. */
  #noting(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#violation ??= error;
    }
  }

  // ---------------------------------------------------------------- time

  /** Until `done`, at most `ms`: whether it came true. @throws {Violation} */
  async until(done: () => boolean, ms: number): Promise<boolean> {
    const end = this.time.now + ms;
    await this.time.run(
      () => this.time.now >= end || done(),
      (process) => this.#afterStep(process),
    );
    return done();
  }

  /** @throws {Violation} */
  async run(ms: number): Promise<void> {
    await this.until(() => false, ms);
  }

  #afterStep(process: Process | undefined): void {
    if (this.#violation !== undefined) throw this.#violation;
    if (this.time.steps > stepsMax) throw new Violation(`more than ${stepsMax} steps`);
    const machine = process === undefined ? undefined : this.#byProcess.get(process);
    if (machine !== undefined) this.watch.afterStep(machine);
  }
}
