// A cluster for tests: real nodes and real clients in this process, in virtual time (flow.ts).

import type { Client } from "../client/client.ts";
import type { ConnectOptions } from "../client/options.ts";
import { invalid } from "../client/errors.ts";
import { ClusterWorld, type Program } from "./cluster-world.ts";
import { bothWays, cutAll } from "./cuts.ts";
import { Flow } from "./flow.ts";
import { Machine } from "./machine.ts";
import {
  checkMs,
  checkOptions,
  type Limits,
  type TestClusterOptions,
  type TestSettings,
} from "./options.ts";

/** A node by its number, or the program of a client. */
export type Party = number | Client;

export interface TestNode {
  readonly id: number;
  /** For calls that name one, such as `client.cluster(endpoint)`. */
  readonly endpoint: string;
  readonly state: "down" | "starting" | "up" | "stopping" | "paused";
}

/** What `settle` takes for the end of everything that is on its way; beyond the delays of a calm network. */
const quietMs = 100;
const withinMsDefault = 60_000;
const toldEvents = 30;

/** Starts its nodes, and waits for their first leader. @throws {QueueError} MALFORMED: an option is wrong */
export async function createTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const cluster = new TestCluster(checkOptions(options));
  try {
    for (const { id } of cluster.nodes) cluster.start(id);
    await cluster.until(() => cluster.leader !== undefined);
    return cluster;
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

export class TestCluster {
  readonly seed: number;
  readonly #world: ClusterWorld;
  readonly #flow: Flow;
  #closing: Promise<void> | undefined;

  /** Use `createTestCluster`. */
  constructor(settings: TestSettings) {
    this.seed = settings.seed;
    const world = new ClusterWorld(settings);
    this.#world = world;
    const programs = {
      get isUnanswered() {
        return world.clients.some(({ isUnanswered }) => isUnanswered);
      },
      get isAwaited() {
        return world.clients.some(({ isAwaited }) => isAwaited);
      },
      get inHand() {
        return world.clients.flatMap(({ inHand }) => inHand);
      },
    };
    this.#flow = new Flow(world.time, programs, settings.patienceMs, world.afterStep);
  }

  // ---------------------------------------------------------------- looking

  /** Virtual milliseconds since it began. */
  get now(): number {
    return this.#world.time.now;
  }

  /** The node that leads; undefined: none does. */
  get leader(): number | undefined {
    return this.#world.leader?.id;
  }

  get nodes(): readonly TestNode[] {
    return [...this.#world.machines.values()].map(({ id, endpoint, state, process }) => ({
      id,
      endpoint,
      state: process.paused ? "paused" : state,
    }));
  }

  /** The last hundred events of nodes and clients, oldest first. */
  get trace(): readonly string[] {
    return this.#world.trace.last();
  }

  // ---------------------------------------------------------------- time

  /**
   * With a number: lets so many virtual milliseconds pass. With a promise, or a function that makes one: lets time pass until it
   * is settled, and is settled alike.
   */
  run(ms: number): Promise<void>;
  run<T>(work: PromiseLike<T> | (() => PromiseLike<T>), limits?: Limits): Promise<T>;
  async run<T>(
    what: number | PromiseLike<T> | (() => PromiseLike<T>),
    limits: Limits = {},
  ): Promise<T | undefined> {
    if (typeof what !== "number") return this.#during(what, limits);
    const end = this.now + checkMs("ms", what);
    await this.#flow.until(() => this.now >= end, what);
    return undefined;
  }

  /**
   * Lets time pass until `condition`, which is asked after every event, is true.
   * @throws when it throws, and when it is not true within `withinMs` of virtual time
   */
  async until(
    condition: () => boolean,
    { withinMs = withinMsDefault }: Limits = {},
  ): Promise<void> {
    const late = new Error("late");
    if (await this.#flow.until(condition, checkMs("withinMs", withinMs))) return;
    late.message = this.#account(`it did not come true within ${withinMs} ms of virtual time`);
    throw late;
  }

  /** Lets time pass until nothing is on its way: what waits for a later time, such as a back-off, goes on waiting. */
  async settle(limits: Limits = {}): Promise<void> {
    let since = this.now;
    await this.until(() => {
      if (!this.#isQuiet) since = this.now;
      return this.now - since >= quietMs;
    }, limits);
  }

  // ---------------------------------------------------------------- clients

  /** Another program with the real SDK, connected. */
  connect(options: Omit<ConnectOptions, "endpoints" | "tls"> = {}): Promise<Client> {
    return this.run(() => this.#world.connect(options, this.#flow.woken));
  }

  // ---------------------------------------------------------------- faults

  /** Of a node as SIGKILL: what it had written stays. Of a client: its program is gone, and what it awaits never comes. */
  kill(party: Party): void {
    const it = this.#find(party);
    if (isDown(it)) return;
    this.#world.trace.fault("kill", nameOf(it));
    if (it instanceof Machine) it.kill();
    else this.#world.killProgram(it);
  }

  /** The leader of now, or the next one if there is none. Resolves to its number when it is dead. */
  async killLeader(): Promise<number> {
    await this.until(() => this.leader !== undefined);
    const id = this.leader;
    if (id === undefined) throw new Error("a leader that was there is there");
    this.kill(id);
    return id;
  }

  /** What a node had not synced may be gone, and the others hear only its silence. */
  losePower(node: number): void {
    const machine = this.#machine(node);
    if (machine.state === "down") return;
    this.#world.trace.fault("power", machine.name);
    machine.losePower();
  }

  /** As SIGTERM: resolves when it has ended. */
  async stop(node: number): Promise<void> {
    const machine = this.#machine(node);
    await this.until(() => machine.state !== "starting");
    this.#world.trace.fault("stop", machine.name);
    machine.stop();
    await this.until(() => machine.state === "down");
  }

  /** Begins to start a node that is down. */
  start(node: number): void {
    this.#machine(node).start();
  }

  /** Starts a node that is down. Resolves when it runs. */
  async restart(node: number): Promise<void> {
    const machine = this.#machine(node);
    await this.until(() => machine.state !== "stopping");
    machine.start();
    await this.until(() => machine.state === "up");
  }

  /** As SIGSTOP. @throws {QueueError} MALFORMED: the node is down */
  pause(party: Party): void {
    const it = this.#find(party);
    if (isDown(it))
      throw invalid("party", `node ${it.id} is down; expected one that runs, or a client`);
    this.#world.trace.fault("pause", nameOf(it));
    this.#world.time.pause(it.process);
  }

  /** As SIGCONT: what it missed happens at once. */
  resume(party: Party): void {
    const it = this.#find(party);
    this.#world.trace.fault("resume", nameOf(it));
    this.#world.time.resume(it.process);
  }

  /** Nothing passes between the one and the others any more, until `heal`. */
  partition(some: readonly Party[], others: readonly Party[]): void {
    const [left, right] = [some, others].map((side) =>
      side.map((party) => nameOf(this.#find(party))),
    );
    if (left === undefined || right === undefined) return;
    this.#world.trace.fault("partition", `${left.join()} | ${right.join()}`);
    cutAll(this.#world, bothWays(left, right));
  }

  /** The network is whole again. */
  heal(): void {
    this.#world.trace.fault("heal");
    this.#world.network.healAll();
  }

  // ---------------------------------------------------------------- the end

  /** Closes its clients and ends its nodes. Nothing of it is left in this process. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const { programs, machines, time } = this.#world;
    for (const { process } of programs) time.resume(process);
    try {
      const closed = Promise.all(this.#world.clients.map((client) => client.close()));
      await this.#during(closed, {});
    } catch {
      // The flow has ended: whoever waited was told why.
    }
    this.#flow.end(new Error("the test cluster is closed"));
    for (const program of [...programs]) this.#world.killProgram(program);
    for (const machine of machines.values()) if (machine.state !== "down") machine.kill();
  }

  // ---------------------------------------------------------------- inside

  async #during<T>(
    work: PromiseLike<T> | (() => PromiseLike<T>),
    { withinMs = withinMsDefault }: Limits,
  ): Promise<T> {
    const late = new Error("late");
    const promise = typeof work === "function" ? work() : work;
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    promise.then(settled, settled);
    const isDone = await this.#flow.until(() => isSettled, checkMs("withinMs", withinMs));
    if (isDone) return promise;
    late.message = this.#account(`it was not settled within ${withinMs} ms of virtual time`);
    throw late;
  }

  get #isQuiet(): boolean {
    const { clients, machines, leader } = this.#world;
    if (leader?.node === undefined) return false;
    const { commit } = leader.node.raftStatus();
    const isApplied = ({ state, node, process }: Machine): boolean =>
      state === "down" || process.paused || (node?.machine.appliedIndex ?? 0) >= commit;
    return (
      [...machines.values()].every(isApplied) &&
      clients.every(({ isUnanswered, inHand }) => !isUnanswered && inHand.length === 0)
    );
  }

  #find(party: Party): Machine | Program {
    if (typeof party === "number") return this.#machine(party);
    const found = this.#world.programs.find(({ client }) => client === party);
    if (found === undefined)
      throw invalid("party", "the client is none of this cluster's, or was killed");
    return found;
  }

  #machine(id: number): Machine {
    const machine = this.#world.machines.get(id);
    if (machine !== undefined) return machine;
    const last = this.#world.machines.size;
    throw invalid("node", `there is no node ${id}; expected a whole number from 1 to ${last}`);
  }

  /** For whoever has to find out why. */
  #account(what: string): string {
    const nodes = [...this.#world.machines.values()].map(({ name, state, process, node }) => {
      if (node === undefined) return `${name} ${state}`;
      const { role, term, commit } = node.raftStatus();
      const paused = process.paused ? " paused" : "";
      return `${name} ${role}${paused}, term ${term}, commit ${commit}`;
    });
    const clients = this.#world.programs.map(({ process, client }) => {
      const waits = client?.isUnanswered === true ? " without an answer" : "";
      return `${process.name}${waits}, ${client?.inHand.length ?? 0} in hand`;
    });
    return [
      `${what} (seed ${this.seed}, at ${Math.round(this.now)} ms)`,
      [...nodes, ...clients].join("; "),
      ...this.trace.slice(-toldEvents),
    ].join("\n");
  }
}

function isDown(it: Machine | Program): it is Machine {
  return it instanceof Machine && it.state === "down";
}

function nameOf(it: Machine | Program): string {
  return it.process.name;
}
