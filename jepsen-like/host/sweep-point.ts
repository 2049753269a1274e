// One point of the sweep: a fresh cluster under load, the power gone at one exact sync, and what is there afterwards.
//   SP1. Node 1 is killed when it enters the sync, before it is carried out; then its disk loses what was not synced.
//   SP2. "one": the others go on serving. Then node 1 is back and another node is gone for good: what node 1 had synced counts.
//   SP3. "all": the other disks lose power in the same moment. First only node 1 and one other come back: a majority must have all.
//   SP4. "single": a cluster of one node, where nobody else can make up for what was lost (B7).

import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "../cluster/contract.ts";
import { Canary } from "./canary.ts";
import { nameOf } from "./leftovers.ts";
import { LoopDisk } from "./loop-disk.ts";
import { armCut } from "./power.ts";
import { drain, judge, SweepLoad } from "./sweep-load.ts";
import { SweepNodes } from "./sweep-nodes.ts";
import { traced, type Injection } from "./tracing.ts";

export type SweepMode = "one" | "all" | "single";

/** The `ordinal`-th call of its kind: strace counts each kind for itself (TR1). */
export interface SyncPoint {
  readonly call: string;
  readonly ordinal: number;
}

/** A disk that says that it has synced a file, and has not: what a sweep is there to find. Power goes after so many answers. */
export interface LyingDisk {
  /** Below the data directory. */
  readonly liesAbout: string;
  readonly afterAcked: number;
}

export interface PointResult {
  readonly mode: SweepMode;
  /** From 1. */
  readonly point: number;
  /** Which sync of the node it really was, from 1; 0: it was not reached in time. */
  readonly sync: number;
  /** "fdatasync log/0000000000000001-0000000000.log" */
  readonly at: string;
  readonly acked: number;
  readonly ackedBefore: number;
  readonly unknown: number;
  readonly found: number;
  /** Unsynced bytes were really lost, on every disk whose power was cut. */
  readonly powerLost: boolean;
  readonly violations: readonly string[];
  readonly seconds: number;
}

const victim = 1;
const reachMsMax = 20_000;
const startMsMax = 30_000;
/** How long the others go on alone (SP2). */
const aloneMs = 300;
const diskBytes = 256 * 1024 * 1024;

/** One thread for files: then the order of its syncs is the order of the node's (TR1). */
const oneThread = (command: Command): Command => ({
  ...command,
  env: { ...command.env, UV_THREADPOOL_SIZE: "1" },
});

/** Runs one point in `directory`, which is deleted unless something is wrong. */
export async function runPoint(
  directory: string,
  mode: SweepMode,
  point: number,
  at: SyncPoint | LyingDisk,
): Promise<PointResult> {
  const began = performance.now();
  const trial = await Trial.prepare(directory, mode, point);
  try {
    const result = await trial.run(at);
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    if (result.violations.length === 0) await trial.clear();
    return { ...result, mode, point, seconds };
  } finally {
    await trial.close();
  }
}

type Outcome = Omit<PointResult, "mode" | "point" | "seconds">;

class Trial {
  readonly #directory: string;
  readonly #mode: SweepMode;
  readonly #point: number;
  readonly #nodes: SweepNodes;
  readonly #disks: LoopDisk[] = [];
  readonly #canaries: Canary[] = [];

  private constructor(directory: string, mode: SweepMode, point: number, nodes: SweepNodes) {
    this.#directory = directory;
    this.#mode = mode;
    this.#point = point;
    this.#nodes = nodes;
  }

  static async prepare(directory: string, mode: SweepMode, point: number): Promise<Trial> {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    const nodes = await SweepNodes.make(directory, mode === "single" ? 1 : 3);
    const trial = new Trial(directory, mode, point, nodes);
    try {
      for (const id of mode === "all" ? nodes.ids : [victim]) {
        const image = join(directory, nameOf(`node-${id}.img`));
        const disk = await LoopDisk.make(image, nodes.diskOf(id), diskBytes);
        trial.#disks.push(disk);
        await disk.mount();
        trial.#canaries.push(await Canary.put(disk));
      }
      return trial;
    } catch (error) {
      await trial.close();
      throw error;
    }
  }

  async run(at: SyncPoint | LyingDisk): Promise<Outcome> {
    const log = join(this.#directory, "syncs.log");
    const power = await armCut(this.#disks.map((disk) => disk.mountPoint));
    this.#nodes.start(victim, (command) => traced(oneThread(command), this.#injection(at), log));
    for (const id of this.#others) this.#nodes.start(id);
    const load = new SweepLoad(this.#nodes.endpoints);
    if ("liesAbout" in at) void this.#killAfter(load, at.afterAcked);
    const reached = await within(reachMsMax, this.#nodes.ended(victim));
    if (reached === undefined) power.disarm();
    else await power.cut();
    const ackedBefore = load.acked;
    if (reached === undefined || this.#mode === "all") await this.#nodes.kill();
    else if (this.#others.length > 0) await sleep(aloneMs);
    const { sync, name } = lastSync(await readFile(log, "utf8"));
    const violations: string[] = [];
    if (reached !== undefined && reached !== "SIGKILL")
      violations.push(`node ${victim} ended by itself: ${reached}`);
    const lost = await this.#repair(reached !== undefined);
    const said = await this.#comeBack(load, violations);
    return {
      ...{ sync: reached === "SIGKILL" ? sync : 0, at: name, ackedBefore },
      ...{ powerLost: lost, ...said, violations },
    };
  }

  #injection(at: SyncPoint | LyingDisk): Injection {
    if (!("liesAbout" in at))
      return { calls: [at.call], what: `signal=SIGKILL:when=${at.ordinal}` };
    const path = join(this.#nodes.diskOf(victim), "data", at.liesAbout);
    return { calls: ["fdatasync"], what: "retval=0", path };
  }

  async #killAfter(load: SweepLoad, acked: number): Promise<void> {
    while (load.acked < acked) await sleep(5);
    await this.#nodes.kill([victim]);
  }

  get #others(): readonly number[] {
    return this.#nodes.ids.filter((id) => id !== victim);
  }

  async #repair(wasCut: boolean): Promise<boolean> {
    if (!wasCut) return false;
    for (const disk of this.#disks) await disk.repair();
    const lost = await Promise.all(this.#canaries.map((canary) => canary.lost()));
    return lost.every(Boolean);
  }

  async #comeBack(
    load: SweepLoad,
    violations: string[],
  ): Promise<Pick<Outcome, "acked" | "unknown" | "found">> {
    // Which of the others is missing alternates.
    const away = this.#others[this.#point % 2];
    const isDown = (id: number): boolean => id === victim || this.#mode !== "one";
    const back = this.#nodes.ids.filter((id) => isDown(id) && id !== away);
    await this.#startAll(back, violations);
    if (violations.length > 0) {
      await this.#nodes.kill();
      return { acked: load.acked, unknown: 0, found: 0 };
    }
    const counts = await this.#count(load, away, violations);
    // It too must start on what its disk has (SP3).
    if (this.#mode === "all" && away !== undefined) await this.#startAll([away], violations);
    return counts;
  }

  /** A refusal, or silence, is a violation too: the queue itself may be gone, or the session. */
  async #count(
    load: SweepLoad,
    away: number | undefined,
    violations: string[],
  ): Promise<Pick<Outcome, "acked" | "unknown" | "found">> {
    try {
      const { acked, unknown } = await load.finish();
      if (this.#mode === "one" && away !== undefined) await this.#nodes.kill([away]);
      const found = await drain(this.#nodes.endpoints);
      violations.push(...judge(acked, unknown, found));
      return { acked: acked.length, unknown: unknown.length, found: found.length };
    } catch (error) {
      violations.push(`after the crash: ${error instanceof Error ? error.message : String(error)}`);
      return { acked: load.acked, unknown: 0, found: 0 };
    }
  }

  async #startAll(ids: readonly number[], violations: string[]): Promise<void> {
    for (const id of ids) this.#nodes.start(id, oneThread);
    for (const id of ids) {
      const serves = await within(startMsMax, this.#nodes.serving(id));
      if (serves === true) continue;
      const lines = this.#nodes.lastLines(id).join("\n");
      violations.push(
        `node ${id} did not start again (${serves === false ? "it ended" : "it hangs"}): ${lines}`,
      );
    }
  }

  async clear(): Promise<void> {
    await this.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await this.#nodes.kill();
    for (const disk of this.#disks) if (disk.isMounted) await disk.unmount();
  }
}

/** The syncs that a node asks for in the beginning, in order: what the points are counted by. */
export async function firstSyncs(
  directory: string,
  nodeCount: number,
  count: number,
): Promise<SyncPoint[]> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const nodes = await SweepNodes.make(directory, nodeCount);
  const log = join(directory, "syncs.log");
  try {
    for (const id of nodes.ids)
      nodes.start(id, (plain) =>
        id === victim ? traced(oneThread(plain), undefined, log) : plain,
      );
    const load = new SweepLoad(nodes.endpoints);
    const deadline = Date.now() + 2 * reachMsMax;
    while (syncsIn(await readFile(log, "utf8").catch(() => "")).length < count) {
      if (Date.now() > deadline) throw new Error(`node ${victim} made fewer than ${count} syncs`);
      await sleep(100);
    }
    await load.finish();
    const seen = new Map<string, number>();
    return syncsIn(await readFile(log, "utf8"))
      .slice(0, count)
      .map(({ call }) => {
        const ordinal = (seen.get(call) ?? 0) + 1;
        seen.set(call, ordinal);
        return { call, ordinal };
      });
  } finally {
    await nodes.kill();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Lines of strace, with -f and -y: "4711 fdatasync(19</…/disk/data/log/guard>) = 0". */
export function syncsIn(log: string): { readonly call: string; readonly file: string }[] {
  return [...log.matchAll(/^\d+ +(fsync|fdatasync)\(\d+<([^>]*)>/gm)].map(
    ([, call = "", path = ""]) => ({
      call,
      file: path.replace(/^.*\/data(\/|$)/, ""),
    }),
  );
}

function lastSync(log: string): { readonly sync: number; readonly name: string } {
  const all = syncsIn(log);
  const last = all.at(-1);
  return { sync: all.length, name: last === undefined ? "" : `${last.call} ${last.file || "."}` };
}

/** Undefined: not within the time. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined);
  const first = await Promise.race([promise, late]);
  timer.abort();
  return first;
}
