// The least cluster that faults of a host can be tried on: three processes, without a network of ours between them.

import { spawn, type ChildProcess } from "node:child_process";
import { appendFileSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../../../client/index.ts";
import { observe } from "../../../cli/observe.ts";
import { freePorts } from "../../../cli/ports.ts";
import type { Cluster, Death, Launcher, View } from "../../../jepsen-like/cluster/contract.ts";
import { nowUs } from "../../../jepsen-like/history/record.ts";

const binary = resolve(import.meta.dirname, "../../../dist/cli/raftq.cjs");

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  expected: boolean;
}

export class PlainCluster implements Cluster {
  readonly deaths: Death[] = [];
  readonly nodeIds: readonly number[];
  readonly endpoints: readonly string[];
  readonly #ports: readonly number[];
  readonly #directory: string;
  readonly #flags: readonly string[];
  readonly #running = new Map<number, Running>();
  #launcher: Launcher | undefined;

  private constructor(directory: string, ports: readonly number[], flags: readonly string[]) {
    this.#directory = directory;
    this.#ports = ports;
    this.#flags = flags;
    this.nodeIds = ports.map((_, index) => index + 1);
    this.endpoints = ports.map((port) => `127.0.0.1:${port}`);
  }

  static async make(directory: string, nodes: number, flags: readonly string[] = []) {
    return new PlainCluster(directory, await freePorts(nodes), flags);
  }

  isRunning = (id: number): boolean => this.#running.has(id);
  pid = (id: number): number | undefined => this.#running.get(id)?.child.pid;
  dataDirectory = (id: number): string => join(this.#directory, `node-${id}`, "disk", "data");
  logFile = (id: number): string => join(this.#directory, `node-${id}`, "server.log");
  setLauncher(launcher: Launcher | undefined): void {
    this.#launcher = launcher;
  }

  async start(id: number, timeoutMs = 30_000): Promise<boolean> {
    mkdirSync(this.dataDirectory(id), { recursive: true });
    const endpoint = (node: number): string => this.endpoints[node - 1]!;
    const peer = (node: number): string => `127.0.0.1:${this.#ports[node - 1]! + 1}`;
    const args = [
      ...[binary, "server", "--exit-with-stdin", "--node-id", String(id), "--cluster-id", "plain"],
      ...["--data", this.dataDirectory(id), "--listen", endpoint(id), "--peer-listen", peer(id)],
      ...this.nodeIds.flatMap((node) => ["--member", `${node}=${peer(node)}/${endpoint(node)}`]),
      ...this.#flags,
    ];
    const plain = { file: process.execPath, args, env: {} };
    const command = this.#launcher?.(id, plain) ?? plain;
    const child = spawn(command.file, [...command.args], {
      env: { ...process.env, ...command.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const lastLines: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => {
        lastLines.push(line);
        if (lastLines.length > 12) lastLines.shift();
        appendFileSync(this.logFile(id), `${line}\n`);
      });
    child.stdin.on("error", () => undefined);
    const running: Running = {
      child,
      expected: false,
      ended: new Promise((done) => {
        child.once("exit", (code, signal) => {
          this.#running.delete(id);
          const time = nowUs();
          if (!running.expected) this.deaths.push({ nodeId: id, time, code, signal, lastLines });
          done();
        });
      }),
    };
    this.#running.set(id, running);
    const deadline = Date.now() + timeoutMs;
    while (Date.now() < deadline && this.#running.get(id) === running) {
      if ((await this.observe(id)) !== undefined) return true;
      await sleep(50);
    }
    return false;
  }

  async #end(id: number, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined) return;
    running.expected = true;
    running.child.kill(signal);
    await running.ended;
  }

  kill = (id: number): Promise<void> => this.#end(id, "SIGKILL");
  stop = (id: number): Promise<void> => this.#end(id, "SIGTERM");
  pause = (id: number): void => void this.#running.get(id)?.child.kill("SIGSTOP");
  resume = (id: number): void => void this.#running.get(id)?.child.kill("SIGCONT");

  async observe(id: number): Promise<View | undefined> {
    const info = await observe(this.endpoints[id - 1]!, 1_000);
    const self = info?.members.find(({ nodeId }) => nodeId === id);
    if (info === undefined || self === undefined) return undefined;
    const { lastIndex, commitIndex, appliedIndex, stateDigest: digest, role } = self;
    const members = info.members.map(({ nodeId, voter: isVoter }) => ({ nodeId, isVoter }));
    const leaderId = info.leader?.nodeId ?? 0;
    const term = info.leader?.term ?? 0;
    const said = { role, term, leaderId, lastIndex, commitIndex, appliedIndex, digest, members };
    return { nodeId: id, ...said };
  }

  async leader(timeoutMs = 10_000): Promise<number | undefined> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const views = await Promise.all([...this.#running.keys()].map((id) => this.observe(id)));
      const own = views.filter((view) => view !== undefined && view.leaderId === view.nodeId);
      own.sort((a, b) => b!.term - a!.term);
      if (own[0] !== undefined || Date.now() > deadline) return own[0]?.nodeId;
      await sleep(50);
    }
  }

  async transferLeadership(to: number): Promise<void> {
    const client = await connect({ endpoints: this.endpoints });
    try {
      await client.transferLeadership(to);
    } finally {
      await client.close();
    }
  }

  add = (): Promise<number> => Promise.reject(new Error("not of a plain cluster"));
  remove = (): Promise<void> => Promise.reject(new Error("not of a plain cluster"));
  async close(): Promise<void> {
    for (const id of this.nodeIds) this.resume(id);
    await Promise.all(this.nodeIds.map((id) => this.kill(id)));
  }
}
