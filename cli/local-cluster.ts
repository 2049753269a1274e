// A cluster of real server processes on this machine, each with its own data directory. `raftq dev`, the examples, the
// benchmarks and the cluster tests all run on it, so that what they try is the built binary that people run.
//
//   K1. No process outlives its parent: each child holds a pipe as standard input and exits when that closes, so even
//       `kill -9` of the parent leaves nothing behind.
//   K2. A killed node comes back on the same ports and the same data.
//   K3. "Is the leader" is only believed of a node that says so of itself, in the highest term: followers name a dead
//       leader until they notice.
//   K4. A node's number is used once: a node that is added has the next one, also after others were removed (C7).

import { spawn, type ChildProcess } from "node:child_process";
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  type WriteStream,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connect, type Client } from "../client/index.ts";
import { promoteWhenReady } from "./membership.ts";
import { observe, type ClusterView } from "./observe.ts";
import { checkPorts, freePorts, host } from "./ports.ts";

/** Between SIGTERM and SIGKILL. */
const stopMsMax = 10_000;
const logTailLinesMax = 12;
const logFileBytesMax = 16 * 1024 * 1024;

/**
 * glibc gives each thread that allocates an arena of its own, and what was free in one is of no use to the others: with two of
 * them a node under load keeps a fifth less memory (docs/performance.md). Read by glibc once, when a process starts.
 */
const fewArenas = { MALLOC_ARENA_MAX: "2" } as const;

/** The built binary, whether this file runs from the sources (tests) or from dist/. */
const binary = fileURLToPath(
  new URL(
    import.meta.url.endsWith(".ts") ? "../dist/cli/raftq.cjs" : "./raftq.cjs",
    import.meta.url,
  ),
);

export interface LocalClusterOptions {
  /** One directory per node is made in it: node-1/data, node-1/server.log … */
  readonly directory: string;
  /** Default 3. */
  readonly nodes?: number;
  /** Client ports basePort, +10, +20 …; peer ports one above. Default: any free ones. */
  readonly basePort?: number;
  readonly clusterId?: string;
  /** More flags for every server, say ["--log-level", "debug"]. */
  readonly serverFlags?: readonly string[];
  /** Beside this process's own environment, for every server. */
  readonly environment?: Readonly<Record<string, string>>;
  /** How long a start may take until there is a leader. Default 30 s. */
  readonly startMsMax?: number;
  /** Each line that a server logs. */
  readonly onLine?: (nodeId: number, line: string) => void;
  /** A process that ended without having been told to. */
  readonly onDeath?: (nodeId: number, how: string, lastLines: readonly string[]) => void;
}

export interface LocalLeader {
  readonly nodeId: number;
  readonly endpoint: string;
  readonly term: number;
}

interface LocalNode {
  readonly id: number;
  /** It was added to the running cluster. */
  readonly joins: boolean;
  readonly port: number;
  readonly directory: string;
  readonly tail: string[];
  child: ChildProcess | undefined;
  exited: Promise<void>;
  /** Set before a signal that ends it, so that its end is no surprise. */
  expectedToEnd: boolean;
  /** It has lost its data: the others will refuse it, and it will end by itself. */
  wiped: boolean;
}

export class LocalCluster {
  readonly #options: LocalClusterOptions;
  readonly #nodes: LocalNode[];
  /** `--member` of the first start: the nodes that the cluster began with. */
  readonly #founders: readonly string[];
  #lastId: number;

  private constructor(options: LocalClusterOptions, ports: readonly number[]) {
    this.#options = options;
    this.#nodes = ports.map((port, index) => this.#newNode(index + 1, port, false));
    this.#founders = this.#nodes.flatMap((node) => ["--member", memberOf(node)]);
    this.#lastId = Math.max(ports.length, ...idsIn(options.directory));
  }

  #newNode(id: number, port: number, joins: boolean): LocalNode {
    return {
      id,
      joins,
      port,
      directory: join(this.#options.directory, `node-${id}`),
      tail: [],
      child: undefined,
      exited: Promise.resolve(),
      expectedToEnd: false,
      wiped: false,
    };
  }

  /** Starts all nodes; resolves when there is a leader and all of them answer. Leaves nothing running when it fails. */
  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    const count = options.nodes ?? 3;
    const ports =
      options.basePort === undefined
        ? await freePorts(count)
        : await checkPorts(options.basePort, count);
    const cluster = new LocalCluster(options, ports);
    try {
      for (const node of cluster.#nodes) cluster.#spawn(node);
      const deadline = Date.now() + (options.startMsMax ?? 30_000);
      await cluster.leader(deadline - Date.now());
      for (const node of cluster.#nodes) await cluster.#answers(node, deadline - Date.now());
      return cluster;
    } catch (error) {
      await cluster.stopAll();
      throw error;
    }
  }

  get nodeIds(): readonly number[] {
    return this.#nodes.map((node) => node.id);
  }

  get endpoints(): readonly string[] {
    return this.#nodes.map(endpointOf);
  }

  endpoint(nodeId: number): string {
    return endpointOf(this.#node(nodeId));
  }

  logFile(nodeId: number): string {
    return join(this.#node(nodeId).directory, "server.log");
  }

  /** Undefined while it is down. */
  pid(nodeId: number): number | undefined {
    return this.#node(nodeId).child?.pid;
  }

  isRunning(nodeId: number): boolean {
    return this.#node(nodeId).child !== undefined;
  }

  /** The present leader; waits for one. */
  async leader(timeoutMs = 30_000): Promise<LocalLeader> {
    return await this.#until(timeoutMs, "no leader", async () => {
      const views = await Promise.all(this.#running().map((node) => observe(endpointOf(node))));
      const claims = views.flatMap((view) => claimOf(view));
      return claims.sort((a, b) => b.term - a.term)[0];
    });
  }

  /** What one node says; undefined when it does not answer. */
  async view(nodeId: number): Promise<ClusterView | undefined> {
    return await observe(this.endpoint(nodeId));
  }

  /** Ends a node without warning (SIGKILL) or asks it to end (SIGTERM, SIGINT); resolves when the process is gone. */
  async kill(nodeId: number, signal: "SIGKILL" | "SIGTERM" | "SIGINT" = "SIGKILL"): Promise<void> {
    const node = this.#node(nodeId);
    node.expectedToEnd = true;
    node.child?.kill(signal);
    await node.exited;
  }

  /** SIGSTOP: the process hangs, its sockets stay open. SIGCONT wakes it. */
  freeze(nodeId: number): void {
    this.#node(nodeId).child?.kill("SIGSTOP");
  }

  thaw(nodeId: number): void {
    this.#node(nodeId).child?.kill("SIGCONT");
  }

  /** Starts a node that is down (K2); resolves when it answers, or, after a wipe, when it has ended again. */
  async restart(nodeId: number, timeoutMs = 30_000): Promise<void> {
    const node = this.#node(nodeId);
    if (node.child !== undefined) throw new Error(`node ${nodeId} is running`);
    this.#spawn(node);
    await this.#answers(node, timeoutMs);
  }

  /** Resolves when the leader counts the node within `lagMax` entries of its own log. */
  async caughtUp(nodeId: number, timeoutMs = 60_000, lagMax = 100): Promise<void> {
    await this.#until(timeoutMs, `node ${nodeId} is still behind`, async () => {
      const leader = await this.leader(timeoutMs);
      if (leader.nodeId === nodeId) return true;
      const view = await observe(leader.endpoint);
      const member = view?.members.find((candidate) => candidate.nodeId === nodeId);
      return member !== undefined && member.lag >= 0 && member.lag <= lagMax ? true : undefined;
    });
  }

  /** Starts a new node and adds it to the cluster, as a voter unless `learner`; resolves to its number. */
  async add({ learner = false, timeoutMs = 60_000 } = {}): Promise<number> {
    const [port] = await freePorts(1);
    if (port === undefined) throw new Error("no free port");
    const node = this.#newNode(++this.#lastId, port, true);
    this.#nodes.push(node);
    this.#spawn(node);
    await this.#answers(node, timeoutMs);
    await this.#administrate(timeoutMs, async (client) => {
      const peerAddress = peerOf(node);
      await client.addLearner({ nodeId: node.id, peerAddress, clientAddress: endpointOf(node) });
      if (!learner) await promoteWhenReady(client, node.id, timeoutMs);
    });
    return node.id;
  }

  /** Removes a member; resolves when its process has ended, if it ran. */
  async remove(nodeId: number, timeoutMs = 60_000): Promise<void> {
    const node = this.#node(nodeId);
    node.expectedToEnd = true;
    await this.#administrate(timeoutMs, (client) => client.removeMember(nodeId));
    await node.exited;
    this.#nodes.splice(this.#nodes.indexOf(node), 1);
  }

  /** Ends a node and deletes its data. When it is started again the others refuse it, and it ends by itself (C7). */
  async wipe(nodeId: number): Promise<void> {
    await this.kill(nodeId);
    const node = this.#node(nodeId);
    rmSync(join(node.directory, "data"), { recursive: true, force: true });
    node.wiped = true;
  }

  async #administrate(
    timeoutMs: number,
    work: (client: Client) => Promise<unknown>,
  ): Promise<void> {
    const client = await connect({ endpoints: this.endpoints, timeoutMs, name: "local-cluster" });
    try {
      await work(client);
    } finally {
      await client.close();
    }
  }

  /** SIGTERM to all, SIGKILL to whoever is still there after ten seconds. */
  async stopAll(): Promise<void> {
    await Promise.all(
      this.#running().map(async (node) => {
        node.expectedToEnd = true;
        // A frozen process takes no SIGTERM.
        node.child?.kill("SIGCONT");
        node.child?.kill("SIGTERM");
        const late = setTimeout(() => node.child?.kill("SIGKILL"), stopMsMax);
        await node.exited;
        clearTimeout(late);
      }),
    );
  }

  #node(nodeId: number): LocalNode {
    const node = this.#nodes.find(({ id }) => id === nodeId);
    if (node === undefined) throw new Error(`no node ${nodeId}`);
    return node;
  }

  #running(): readonly LocalNode[] {
    return this.#nodes.filter((node) => node.child !== undefined);
  }

  #spawn(node: LocalNode): void {
    mkdirSync(node.directory, { recursive: true });
    const flags = [
      ...["--node-id", String(node.id), "--cluster-id", this.#options.clusterId ?? "local"],
      ...["--data", join(node.directory, "data"), "--listen", endpointOf(node)],
      ...["--peer-listen", peerOf(node)],
      ...(node.joins ? ["--join"] : this.#founders),
      ...(this.#options.serverFlags ?? []),
    ];
    // A process group of its own: Ctrl-C reaches the parent alone, which then stops the nodes in good order.
    const child = spawn(process.execPath, [binary, "server", "--exit-with-stdin", ...flags], {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
      env: { ...fewArenas, ...process.env, ...this.#options.environment },
    });
    node.child = child;
    node.expectedToEnd = false;
    node.tail.length = 0;
    const log = openLog(join(node.directory, "server.log"));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        log.write(`${line}\n`);
        node.tail.push(line);
        if (node.tail.length > logTailLinesMax) node.tail.shift();
        this.#options.onLine?.(node.id, line);
      });
    }
    // The pipe breaks when the child dies; its end is seen below.
    child.stdin.on("error", () => undefined);
    node.exited = new Promise((resolve) => {
      let gone = false;
      const ended = (how: string): void => {
        if (gone) return;
        gone = true;
        node.child = undefined;
        log.end();
        if (!node.expectedToEnd) this.#options.onDeath?.(node.id, how, [...node.tail]);
        resolve();
      };
      child.once("error", (error) => ended(`could not be started: ${error.message}`));
      child.once("close", (code, signal) => {
        ended(signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
      });
    });
  }

  async #answers(node: LocalNode, timeoutMs: number): Promise<void> {
    await this.#until(timeoutMs, `node ${node.id} does not answer`, async () => {
      const view = await observe(endpointOf(node));
      const hasEnded = node.wiped && node.child === undefined;
      return view !== undefined || hasEnded ? true : undefined;
    });
  }

  /** Polls; gives up when the time is over, or at once when a process has died unasked. */
  async #until<T>(
    timeoutMs: number,
    complaint: string,
    look: () => Promise<T | undefined>,
  ): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      const dead = this.#nodes.find(
        (node) => node.child === undefined && !node.expectedToEnd && !node.wiped,
      );
      if (dead !== undefined) {
        throw new Error(
          `${complaint}: node ${dead.id} ended by itself; its last lines:\n${dead.tail.join("\n")}`,
        );
      }
      if (Date.now() > deadline) {
        throw new Error(
          `${complaint} after ${timeoutMs} ms; logs: ${this.#options.directory}/node-*/server.log`,
        );
      }
      await sleep(20);
    }
  }
}

/** K4: of nodes that have ever been in this directory. */
function idsIn(directory: string): number[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).flatMap((name) => {
    const id = /^node-(\d+)$/.exec(name)?.[1];
    return id === undefined ? [] : [Number(id)];
  });
}

function endpointOf(node: LocalNode): string {
  return `${host}:${node.port}`;
}

function peerOf(node: LocalNode): string {
  return `${host}:${node.port + 1}`;
}

function memberOf(node: LocalNode): string {
  return `${node.id}=${peerOf(node)}/${endpointOf(node)}`;
}

/** The leader, when it is the answering node itself (K3). */
function claimOf(view: ClusterView | undefined): LocalLeader[] {
  const leader = view?.leader;
  return leader !== undefined && leader.nodeId === view?.nodeId ? [leader] : [];
}

function openLog(path: string): WriteStream {
  // One old file is kept: enough to look back, and a bound on what a long-lived `raftq dev` leaves on the disk.
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logFileBytesMax) renameSync(path, `${path}.1`);
  return createWriteStream(path, { flags: "a" });
}
