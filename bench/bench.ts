// What an item works with: a cluster of real processes, queues, client processes, and the meter.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LocalCluster } from "../cli/local-cluster.ts";
import { connect, type Client } from "../client/index.ts";
import type { BenchOptions, Figures } from "./item.ts";
import { LoopDelays } from "./loop-delays.ts";
import { residentMiB } from "./machine.ts";
import { readMeter, type Reading } from "./meter.ts";
import { WorkerProcess } from "./worker-process.ts";

const closeMsMax = 3_000;
/** A node fills a file of 64 MiB in the first seconds of its life, for the day on which its disk is full: not in what is measured. */
const always = ["--disk-reserve-bytes", "0"];

export interface Setup {
  /** Default: as the command line says. */
  readonly nodes?: number;
  readonly serverFlags?: readonly string[];
}

interface Present {
  readonly directory: string;
  readonly cluster: LocalCluster;
  readonly client: Client;
  readonly loopDelays: LoopDelays;
}

type LineListener = (nodeId: number, line: string) => void;

export class Bench {
  readonly options: BenchOptions;
  readonly #listeners = new Set<LineListener>();
  #present: Present | undefined;
  #workers: WorkerProcess[] = [];
  #queues = 0;

  constructor(options: BenchOptions) {
    this.options = options;
  }

  /** A new cluster in place of the present one, if there is one, with its clients and its data. */
  async start(setup: Setup = {}): Promise<void> {
    await this.stop();
    const directory = mkdtempSync(join(tmpdir(), "raftq-bench-"));
    const loopDelays = new LoopDelays(directory);
    try {
      const cluster = await LocalCluster.start({
        directory,
        nodes: setup.nodes ?? this.options.nodes,
        serverFlags: [...always, ...(setup.serverFlags ?? [])],
        environment: loopDelays.environment,
        onLine: (nodeId, line) => {
          for (const listener of this.#listeners) listener(nodeId, line);
        },
      });
      const client = await connect({ endpoints: [...cluster.endpoints], name: "bench" });
      this.#present = { directory, cluster, client, loopDelays };
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.endWorkers();
    const present = this.#present;
    if (present === undefined) return;
    this.#present = undefined;
    await present.client.close();
    await present.cluster.stopAll();
    rmSync(present.directory, { recursive: true, force: true });
  }

  get cluster(): LocalCluster {
    return this.#running.cluster;
  }

  /** Of the bench itself: prepares what is measured. */
  get client(): Client {
    return this.#running.client;
  }

  windowMs(itemSeconds: number): number {
    return 1_000 * (this.options.seconds ?? itemSeconds);
  }

  /** A new queue, ordered by key. */
  async queue(): Promise<string> {
    const name = `bench-${++this.#queues}`;
    await this.client.createQueue(name, { ordering: "KEY" });
    return name;
  }

  /** A new client process, with so many clients in it. */
  async worker(clients = 1): Promise<WorkerProcess> {
    const worker = new WorkerProcess();
    this.#workers.push(worker);
    await worker.call("connect", { endpoints: this.cluster.endpoints, clients });
    return worker;
  }

  /** In good order, so that nothing of them is left in the queues; without it where the cluster does not answer. */
  async endWorkers(): Promise<void> {
    const workers = this.#workers;
    this.#workers = [];
    await Promise.all(
      workers.map(async (worker) => {
        const closed = worker.call("close", null).catch(() => undefined);
        await Promise.race([closed, sleep(closeMsMax, undefined, { ref: false })]);
        worker.kill();
        await worker.ended;
      }),
    );
  }

  /** @returns what ends it. */
  onLine(listener: LineListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  meter(): Reading {
    const workers = this.#workers.flatMap((worker) => worker.pid ?? []);
    return readMeter(this.#serverPids, workers);
  }

  /** MiB of each node that runs. */
  resident(): readonly number[] {
    return this.#serverPids.flatMap((pid) => residentMiB(pid) ?? []);
  }

  /** How late the event loops were since this was asked last: of the worst node. */
  async loopDelay(): Promise<Figures> {
    const all = await this.#running.loopDelays.take(this.#serverPids);
    const known = all.filter((one) => one !== undefined);
    const isKnown = known.length > 0;
    return {
      loop_delay_p99_ms: isKnown ? Math.max(...known.map(({ p99 }) => p99)) : undefined,
      loop_delay_max_ms: isKnown ? Math.max(...known.map(({ max }) => max)) : undefined,
    };
  }

  get #serverPids(): readonly number[] {
    const { cluster } = this.#running;
    return cluster.nodeIds.flatMap((nodeId) => cluster.pid(nodeId) ?? []);
  }

  get #running(): Present {
    if (this.#present === undefined) throw new Error("there is no cluster");
    return this.#present;
  }
}
