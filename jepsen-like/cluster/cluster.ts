// A cluster under test: real server processes with directories of their own, on a network of ours (../net/).
//   CL1. No process outlives us (PR1). A node comes back on the same addresses and the same data.
//   CL2. A node's number is used once, also after it was removed: the product refuses a number that had another disk.
//   CL3. A leader is believed when it says so of itself, and of several the one of the highest term: one that was cut off may
//        still think that it leads.
//   CL4. We look and administer past the proxies, at the nodes' own addresses: our own line is never in trouble. With a network
//        of namespaces too: its cuts are between nodes.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Network } from "../net/contract.ts";
import type { Cluster, Command, Death, Launcher, View } from "./contract.ts";
import { ask, isForLater, look, type AdminMethod } from "./observer.ts";
import { ServerProcess } from "./process.ts";

const lookMsMax = 1_000;
const pollMs = 25;
const callMsMax = 5_000;
/** Between SIGTERM and giving up on it. */
const stopMsMax = 15_000;
/** Until a removed node ends by itself. */
const leaveMsMax = 5_000;

/** The built server, whether this file runs from the sources (tests) or from dist/. */
const binary = fileURLToPath(
  new URL(
    import.meta.url.endsWith(".ts") ? "../../dist/cli/raftq.cjs" : "../../cli/raftq.cjs",
    import.meta.url,
  ),
);

export interface RealClusterOptions {
  /** One directory per node is made in it: node-1/data, node-1/server.log … */
  readonly directory: string;
  readonly network: Network;
  /** Default 3. */
  readonly nodes?: number;
  readonly clusterId?: string;
  /** More flags for every server, from its next start on: ["--election-ms", "300"]. */
  readonly serverFlags?: readonly string[];
  /** Environment of every server, beside our own: { NODE_OPTIONS: "--max-old-space-size=256" }. */
  readonly serverEnv?: Readonly<Record<string, string>>;
  /** Before the first start; see `setLauncher`. */
  readonly launcher?: Launcher;
  /** How long the first start may take until there is a leader and all answer. Default 60 s. */
  readonly startMsMax?: number;
  /** As soon as it is known, before anything else hears of it. */
  readonly onDeath?: (death: Death) => void;
}

interface Node {
  readonly id: number;
  /** It was added to the running cluster. */
  readonly joins: boolean;
  readonly directory: string;
  process: ServerProcess | undefined;
  /** Resolves when the present process, or the last one, is gone. */
  ended: Promise<void>;
}

/** A new node was started, and it is not known to be a voter: it may be one, a learner, or none. `remove` it, or leave it. */
export class NotAdded extends Error {
  override readonly name = "NotAdded";
  readonly nodeId: number;

  constructor(nodeId: number, cause: unknown) {
    super(`node ${nodeId} was not added: ${messageOf(cause)}`, { cause });
    this.nodeId = nodeId;
  }
}

export class RealCluster implements Cluster {
  readonly #options: RealClusterOptions;
  readonly #network: Network;
  readonly #nodes: Node[] = [];
  readonly #deaths: Death[] = [];
  #launcher: Launcher | undefined;
  #lastId: number;

  private constructor(options: RealClusterOptions) {
    this.#options = options;
    this.#network = options.network;
    this.#launcher = options.launcher;
    this.#lastId = options.nodes ?? 3;
    for (let id = 1; id <= this.#lastId; id++) this.#nodes.push(this.#newNode(id, false));
    this.#network.knowProcesses?.(() => this.#pids());
  }

  /** Starts all nodes; resolves when there is a leader and all answer. @throws when not; then nothing is left running. */
  static async start(options: RealClusterOptions): Promise<RealCluster> {
    const cluster = new RealCluster(options);
    const timeoutMs = options.startMsMax ?? 60_000;
    try {
      const started = await Promise.all(
        cluster.nodeIds.map(async (id) => ({ id, ok: await cluster.start(id, timeoutMs) })),
      );
      const dead = started.find(({ ok }) => !ok);
      if (dead !== undefined)
        throw new Error(`node ${dead.id} ended: ${cluster.deaths.at(-1)?.lastLines.join("\n")}`);
      if ((await cluster.leader(timeoutMs)) === undefined)
        throw new Error(`no leader after ${timeoutMs} ms; logs: ${options.directory}`);
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  get nodeIds(): readonly number[] {
    return this.#nodes.map(({ id }) => id);
  }

  get endpoints(): readonly string[] {
    return this.nodeIds.map((id) => this.#network.clientAddress(id));
  }

  get deaths(): readonly Death[] {
    return this.#deaths;
  }

  isRunning(id: number): boolean {
    return this.#node(id).process !== undefined;
  }

  pid(id: number): number | undefined {
    return this.#node(id).process?.pid;
  }

  dataDirectory(id: number): string {
    return join(this.#node(id).directory, "data");
  }

  logFile(id: number): string {
    return join(this.#node(id).directory, "server.log");
  }

  setLauncher(launcher: Launcher | undefined): void {
    this.#launcher = launcher;
  }

  /** @throws when it neither answers nor ends in `timeoutMs` (default 60 s). An end by itself is also in `deaths`. */
  async start(id: number, timeoutMs = 60_000): Promise<boolean> {
    const node = this.#node(id);
    if (node.process !== undefined) throw new Error(`node ${id} is running`);
    const started = this.#spawn(node);
    const isGone = (): boolean => node.process !== started;
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      if (isGone()) return false;
      if ((await this.observe(id)) !== undefined) return true;
      await sleep(pollMs);
    }
    const lines = started.lastLines.join("\n");
    throw new Error(`node ${id} does not answer after ${timeoutMs} ms; its last lines:\n${lines}`);
  }

  async kill(id: number): Promise<void> {
    const node = this.#node(id);
    if (node.process !== undefined) node.process.isToEnd = true;
    node.process?.kill();
    await node.ended;
  }

  /** Wakes it first, if it is paused. @throws when it has not ended in 15 s; then it was killed. */
  async stop(id: number): Promise<void> {
    const node = this.#node(id);
    const { process } = node;
    if (process === undefined) return;
    process.isToEnd = true;
    process.signal("SIGTERM");
    if (process.isPaused) process.signal("SIGCONT");
    if (await endsWithin(node, stopMsMax)) return;
    process.kill();
    await node.ended;
    throw new Error(`node ${id} did not end in ${stopMsMax} ms of SIGTERM`);
  }

  pause(id: number): void {
    this.#node(id).process?.signal("SIGSTOP");
  }

  resume(id: number): void {
    this.#node(id).process?.signal("SIGCONT");
  }

  async observe(id: number): Promise<View | undefined> {
    const node = this.#nodes.find((candidate) => candidate.id === id);
    if (node?.process === undefined || node.process.isPaused) return undefined;
    return await look(this.#network.listens(id).client, lookMsMax);
  }

  /** Default: waits 60 s. */
  async leader(timeoutMs = 60_000): Promise<number | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const views = await Promise.all(this.nodeIds.map((id) => this.observe(id)));
      const claims = views.filter((view) => view !== undefined && view.leaderId === view.nodeId);
      const best = claims.sort((a, b) => (b?.term ?? 0) - (a?.term ?? 0))[0];
      if (best !== undefined) return best.nodeId;
      if (performance.now() >= deadline) return undefined;
      await sleep(pollMs);
    }
  }

  /** @throws {NotAdded} when it is not a voter after a minute. */
  async add(timeoutMs = 60_000): Promise<number> {
    const node = this.#newNode(++this.#lastId, true);
    this.#nodes.push(node);
    const deadline = performance.now() + timeoutMs;
    try {
      if (!(await this.start(node.id, timeoutMs))) throw new Error("it ended by itself");
      const member = {
        nodeId: node.id,
        peerAddress: this.#network.peerAddress(0, node.id),
        clientAddress: this.#network.clientAddress(node.id),
      };
      await this.#administrate("AddLearner", member, deadline);
      await this.#administrate("PromoteMember", { nodeId: node.id }, deadline);
      return node.id;
    } catch (error) {
      throw new NotAdded(node.id, error);
    }
  }

  /** @throws what gRPC says of a refusal, or when there was no answer for a minute: then it runs on, and may be removed or not. */
  async remove(id: number, timeoutMs = 60_000): Promise<void> {
    const node = this.#node(id);
    const { process } = node;
    // It ends by itself as soon as it hears of it.
    if (process !== undefined) process.isToEnd = true;
    try {
      const deadline = performance.now() + timeoutMs;
      await this.#administrate("RemoveMember", { nodeId: id }, deadline);
    } catch (error) {
      if (process !== undefined) process.isToEnd = false;
      throw error;
    }
    if (!(await endsWithin(node, leaveMsMax))) await this.kill(id);
    this.#nodes.splice(this.#nodes.indexOf(node), 1);
  }

  /** @throws when leadership could not be handed over for 15 s, or what gRPC says of a refusal. */
  async transferLeadership(to: number, timeoutMs = 15_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    await this.#administrate("TransferLeadership", { nodeId: to }, deadline);
  }

  async close(): Promise<void> {
    await Promise.all(this.nodeIds.map((id) => this.stop(id).catch(() => undefined)));
  }

  /** At the leader, again and again while time can change the answer. */
  async #administrate(method: AdminMethod, request: object, deadline: number): Promise<void> {
    let last: unknown = new Error("there is no leader");
    do {
      const leader = await this.leader(Math.max(0, deadline - performance.now()));
      if (leader === undefined) break;
      try {
        await ask(this.#network.listens(leader).client, method, request, callMsMax);
        return;
      } catch (error) {
        if (!isForLater(error)) throw error;
        last = error;
      }
      await sleep(4 * pollMs);
    } while (performance.now() < deadline);
    throw new Error(`${method} was not carried out: ${messageOf(last)}`, { cause: last });
  }

  #newNode(id: number, joins: boolean): Node {
    const directory = join(this.#options.directory, `node-${id}`);
    return { id, joins, directory, process: undefined, ended: Promise.resolve() };
  }

  #node(id: number): Node {
    const node = this.#nodes.find((candidate) => candidate.id === id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  #pids(): ReadonlyMap<number, number> {
    const pids = new Map<number, number>();
    for (const { id, process } of this.#nodes) {
      const pid = process?.pid;
      if (pid !== undefined) pids.set(id, pid);
    }
    return pids;
  }

  #spawn(node: Node): ServerProcess {
    mkdirSync(node.directory, { recursive: true });
    const wrapped = this.#launcher?.(node.id, this.#command(node)) ?? this.#command(node);
    const command = this.#network.launcher?.(node.id, wrapped) ?? wrapped;
    const started = new ServerProcess(command, join(node.directory, "server.log"));
    node.process = started;
    node.ended = started.ended.then((how) => {
      node.process = undefined;
      if (started.isToEnd) return;
      const time = Number(process.hrtime.bigint() / 1000n);
      const death: Death = { nodeId: node.id, time, ...how };
      this.#deaths.push(death);
      this.#options.onDeath?.(death);
    });
    return started;
  }

  #command(node: Node): Command {
    const { client, peer } = this.#network.listens(node.id);
    const flags = [
      ...["--node-id", String(node.id), "--cluster-id", this.#options.clusterId ?? "jepsen-like"],
      ...["--data", join(node.directory, "data"), "--listen", client, "--peer-listen", peer],
      ...(node.joins ? ["--join"] : []),
      ...this.#members(node).flatMap((member) => ["--member", member]),
      ...(this.#options.serverFlags ?? []),
    ];
    return {
      file: process.execPath,
      args: [binary, "server", "--exit-with-stdin", ...flags],
      env: { ...definedIn(process.env), ...this.#options.serverEnv },
    };
  }

  /** Everybody as this node is to reach them: an address given here wins over the one in the log. Its own is what others are told. */
  #members(node: Node): string[] {
    const others = this.nodeIds.filter((id) => id !== node.id);
    const ids = [node.id, ...(node.joins ? others : others.slice(0, foundersMax - 1))];
    return ids.map((id) => {
      const peer = this.#network.peerAddress(id === node.id ? 0 : node.id, id);
      return `${id}=${peer}/${this.#network.clientAddress(id)}`;
    });
  }
}

/** `--member` takes so many without `--join`. */
const foundersMax = 7;

/** False: it goes on. */
async function endsWithin(node: Node, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false);
  const ended = await Promise.race([node.ended.then(() => true), late]);
  timer.abort();
  return ended;
}

function definedIn(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
