// What is measured, item by item. A new item is one file in items/ and one line in items/index.ts.

import { setTimeout as sleep } from "node:timers/promises";
import type { LocalCluster } from "../cli/local-cluster.ts";
import type { Client } from "../client/index.ts";
import { nowMs } from "./body.ts";
import { cpuSeconds, machineCpuSeconds, residentMiB } from "./machine.ts";
import type { Consumed, Produced } from "./protocol.ts";
import { WorkerProcess } from "./worker-process.ts";

export interface Item {
  /** What --only calls it. */
  readonly name: string;
  readonly title: string;
  readonly run: (bench: Bench) => Promise<Figures>;
}

/** Named figures, in the order of the table. A unit is part of the name; undefined: unavailable on this machine. */
export type Figures = Readonly<Record<string, number | undefined>>;

export interface BenchOptions {
  readonly bytes: number;
  readonly keys: number;
  /** Length of the counted window; undefined: the item's own. */
  readonly seconds: number | undefined;
}

/** Gives an item its queue and its client processes, and cleans up after it. */
export class Bench {
  readonly options: BenchOptions;
  readonly cluster: LocalCluster;
  readonly queue: string;
  /** Of the bench itself: prepares what is measured. */
  readonly client: Client;
  readonly #queues: string[] = [];
  readonly #workers: WorkerProcess[] = [];

  constructor(options: BenchOptions, cluster: LocalCluster, client: Client, queue: string) {
    this.options = options;
    this.cluster = cluster;
    this.queue = queue;
    this.client = client;
  }

  windowMs(itemSeconds: number): number {
    return 1_000 * (this.options.seconds ?? itemSeconds);
  }

  async open(): Promise<void> {
    await this.addQueue(this.queue);
  }

  /** One more queue ordered by key; it goes with the item. */
  async addQueue(name: string): Promise<string> {
    await this.client.createQueue(name, { ordering: "KEY" });
    this.#queues.push(name);
    return name;
  }

  async worker(outstanding: number): Promise<WorkerProcess> {
    const worker = new WorkerProcess();
    this.#workers.push(worker);
    await worker.call("connect", { endpoints: this.cluster.endpoints, outstanding });
    return worker;
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) {
      await worker.call("close", null).catch(() => undefined);
      worker.kill();
    }
    for (const queue of this.#queues) await this.client.deleteQueue(queue);
  }

  /** CPU seconds that the servers have used so far. */
  serverCpuSeconds(): number | undefined {
    return cpuSeconds(this.#serverPids());
  }

  /**
   * CPU seconds that neither servers nor clients used so far: the kernel's own threads, and other people. Where it is high,
   * the measurement was disturbed.
   */
  otherCpuSeconds(): number | undefined {
    const workers = this.#workers.flatMap((worker) => worker.pid ?? []);
    const machine = machineCpuSeconds();
    const ours = cpuSeconds([...this.#serverPids(), ...workers, process.pid]);
    return machine === undefined || ours === undefined ? undefined : machine - ours;
  }

  residentMiB(): Figures {
    return Object.fromEntries(
      this.cluster.nodeIds.map((nodeId) => {
        const pid = this.cluster.pid(nodeId);
        return [`rss_node_${nodeId}_mib`, pid === undefined ? undefined : residentMiB(pid)];
      }),
    );
  }

  #serverPids(): readonly number[] {
    return this.cluster.nodeIds.flatMap((nodeId) => this.cluster.pid(nodeId) ?? []);
  }
}

/** CPU seconds of all servers per 100,000 messages. */
export function cpuPer100k(
  before: number | undefined,
  after: number | undefined,
  messages: number,
): number | undefined {
  if (before === undefined || after === undefined || messages === 0) return undefined;
  return ((after - before) / messages) * 100_000;
}

export function producedFigures(produced: Produced): Figures {
  const { latency } = produced;
  return {
    enqueued_per_s: produced.perSecond,
    confirm_p50_ms: latency.p50,
    confirm_p99_ms: latency.p99,
    confirm_p999_ms: latency.p999,
    errors: produced.errors,
  };
}

export function consumedFigures(consumed: Consumed): Figures {
  const { latency } = consumed;
  return {
    acked_per_s: consumed.ackedPerSecond,
    e2e_p50_ms: latency.p50,
    e2e_p99_ms: latency.p99,
    e2e_p999_ms: latency.p999,
    redelivered: consumed.redelivered,
  };
}

/** Waits until everything is acked, or nothing more has been for three seconds. */
export async function drained(consumer: WorkerProcess, messages: number): Promise<void> {
  let acked = -1;
  let movedMs = nowMs();
  while (acked < messages && nowMs() - movedMs < 3_000) {
    const counts = await consumer.call("counts", null);
    if (counts.acked !== acked) {
      acked = counts.acked;
      movedMs = nowMs();
    }
    await sleep(50);
  }
}
