// Watches the nodes during a run, past the network's trouble: who leads when, and whether replicas that are equally far agree.
//   B1. At most one node leads in a term, ever (Election Safety, A1).
//   B2. Equal applied index, equal digest, whichever nodes and whenever (R9, Q13).

import { setTimeout as sleep } from "node:timers/promises";
import type { NodeDigest } from "../checkers/contract.ts";
import type { Cluster, View } from "../cluster/contract.ts";
import { nowUs } from "../history/record.ts";

export interface LeaderSeen {
  /** Microseconds of CLOCK_MONOTONIC, when it was first seen to lead. */
  readonly time: number;
  readonly term: number;
  readonly nodeId: number;
}

const lookEveryMs = 200;
/** Digests are compared within this many applied indexes: how far apart nodes can be that run at all. */
const rememberedMax = 50_000;

export class Observer {
  readonly #cluster: Cluster;
  readonly #leaders = new Map<number, LeaderSeen>();
  readonly #digests = new Map<number, NodeDigest>();
  readonly #violations: string[] = [];
  #compared = 0;
  #isOver = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** In the order of terms. */
  get leaders(): readonly LeaderSeen[] {
    return [...this.#leaders.values()].sort((a, b) => a.term - b.term);
  }

  /** Of node `nodeId` leading in the highest term seen; undefined: none was seen yet. */
  get leader(): LeaderSeen | undefined {
    return this.leaders.at(-1);
  }

  /** Sentences, B1 and B2. */
  get violations(): readonly string[] {
    return this.#violations;
  }

  /** How often two nodes were seen at one index. */
  get compared(): number {
    return this.#compared;
  }

  start(): void {
    this.#loop = this.#watch();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#loop;
  }

  /** All nodes at one applied index, at least `index`: their digests; undefined when they do not get there in time. */
  async settled(index: number, msMax: number): Promise<readonly NodeDigest[] | undefined> {
    const deadline = performance.now() + msMax;
    while (performance.now() < deadline) {
      const views = await this.look();
      const applied = views.map(({ appliedIndex }) => appliedIndex);
      const isAll = views.length === this.#cluster.nodeIds.length;
      if (isAll && Math.min(...applied) >= index && new Set(applied).size === 1)
        return views.map(({ nodeId, appliedIndex, digest }) => ({ nodeId, appliedIndex, digest }));
      await sleep(lookEveryMs);
    }
    return undefined;
  }

  /** Asks every node once. */
  async look(): Promise<readonly View[]> {
    const ids = this.#cluster.nodeIds;
    const views = await Promise.all(ids.map((id) => this.#cluster.observe(id)));
    const seen = views.filter((view): view is View => view !== undefined);
    for (const view of seen) this.#see(view);
    return seen;
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      await this.look();
      await sleep(lookEveryMs);
    }
  }

  #see(view: View): void {
    const { nodeId, term, role, appliedIndex, digest } = view;
    if (role.toLowerCase() === "leader") {
      const known = this.#leaders.get(term);
      if (known === undefined) this.#leaders.set(term, { time: nowUs(), term, nodeId });
      else if (known.nodeId !== nodeId)
        this.#violations.push(`nodes ${known.nodeId} and ${nodeId} both led in term ${term} (B1)`);
    }
    // A node that has yet to be added has no state to compare.
    if (digest === "") return;
    const other = this.#digests.get(appliedIndex);
    if (other === undefined) this.#remember({ nodeId, appliedIndex, digest });
    else if (other.nodeId !== nodeId) {
      this.#compared += 1;
      if (other.digest !== digest)
        this.#violations.push(
          `at index ${appliedIndex} node ${other.nodeId} has digest ${other.digest}, node ${nodeId} ${digest} (B2)`,
        );
    }
  }

  #remember(seen: NodeDigest): void {
    this.#digests.set(seen.appliedIndex, seen);
    if (this.#digests.size <= rememberedMax) return;
    const [oldest] = this.#digests.keys();
    if (oldest !== undefined) this.#digests.delete(oldest);
  }
}
