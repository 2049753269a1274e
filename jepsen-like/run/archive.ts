// Keeps what the nodes' logs held: about once a second every segment file of every node gets a second name (export.ts).

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { NodeLog } from "../checkers/contract.ts";
import type { Cluster } from "../cluster/contract.ts";
import { archive, exportLogs } from "./export.ts";

const everyMs = 1_000;

export class Archive {
  readonly #cluster: Cluster;
  readonly #directory: string;
  /** Every node that there ever was. */
  readonly #data = new Map<number, string>();
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(cluster: Cluster, directory: string) {
    this.#cluster = cluster;
    this.#directory = directory;
  }

  get nodeIds(): readonly number[] {
    return [...this.#data.keys()];
  }

  start(): void {
    this.#loop = this.#go();
    // Awaited by `stop`, which throws it then.
    this.#loop.catch(() => undefined);
  }

  /** @throws {Error} when files could not be kept. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  /** Of nodes that have ended. */
  async export(ids: readonly number[]): Promise<NodeLog[]> {
    return await exportLogs(
      ids.map((nodeId) => ({
        nodeId,
        dataDirectory: this.#data.get(nodeId) ?? "",
        archiveDirectory: this.#place(nodeId),
      })),
    );
  }

  #place(id: number): string {
    return join(this.#directory, `node-${id}`);
  }

  async #go(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      for (const id of this.#cluster.nodeIds) this.#data.set(id, this.#cluster.dataDirectory(id));
      for (const [id, data] of this.#data) await archive(data, this.#place(id));
      // Once more after the signal: what came last.
      if (signal.aborted) return;
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
