// One run: a cluster, its clients, trouble, and then the question whether what they saw is possible.
//   R1. Whatever happens, no process, proxy or mount of ours is left; what the run wrote stays.
//   R2. Before anything is checked all trouble is over, all that was asked is decided (the barrier), and all nodes are equally far.
//   R3. What cannot be had on this host is skipped and counted; what was never seen to have effect is not counted.

import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { NodeDigest } from "../checkers/contract.ts";
import { RealCluster } from "../cluster/cluster.ts";
import type { Network } from "../net/contract.ts";
import { openNamespaces } from "../net/namespaces.ts";
import { openProxies } from "../net/proxies.ts";
import { until } from "../nemesis/effect.ts";
import type { Fault, Scene } from "../nemesis/fault.ts";
import { closeHost } from "../nemesis/faults/host.ts";
import { randomFrom } from "../nemesis/random.ts";
import { Schedule, type Outcome } from "../nemesis/schedule.ts";
import { Crew, type Finished } from "../workloads/crew.ts";
import { Archive } from "./archive.ts";
import { conclude, type RunRecord, type RunVerdict } from "./evidence.ts";
import { Observer } from "./observer.ts";
import { commandOf, type RunOptions } from "./options.ts";
import { newPlace, removeData, saveLogs, writeJson, type Place } from "./place.ts";
import { Progress } from "./progress.ts";
import { Tally } from "./tally.ts";
import { hostFacts, versionOf } from "./version.ts";

const electionMs = 500;
const settleMsMax = 60_000;
/** Before the first fault: so that there is something to break. */
const warmCalls = 100;
const warmMsMax = 20_000;
const drainMsMax = 120_000;

/** Everything that is running, and is ended by `close` (R1). */
interface Stage {
  readonly options: RunOptions;
  readonly place: Place;
  readonly network: Network;
  readonly cluster: RealCluster;
  readonly observer: Observer;
  readonly archive: Archive;
  readonly crew: Crew;
  readonly scene: Scene;
  readonly faults: readonly Fault[];
  readonly skipped: readonly { readonly fault: string; readonly why: string }[];
  readonly date: string;
}

type Say = (line: string) => void;

/**
 * @param stops fires when whoever started it wants it to end: trouble ends then, everything after it is done all the same.
 * @throws {Error} when the cluster or its clients could not even be started.
 */
export async function run(options: RunOptions, say: Say, stops: AbortSignal): Promise<RunVerdict> {
  const date = new Date();
  const place = newPlace(options.out, options.seed, date);
  say(`seed ${options.seed}; everything goes to ${place.directory}`);
  const closers: (() => Promise<void>)[] = [];
  try {
    const stage = await begin(options, place, date.toISOString(), say, closers);
    const { record, cluster } = await trouble(stage, say, stops);
    for (const close of closers.splice(0).reverse()) await close();
    say("exports the logs of all nodes");
    const logs = await stage.archive.export(cluster.nodeIds);
    await saveLogs(place, logs);
    writeJson(place.record, record);
    say("checks");
    const verdict = await conclude(place, record, logs);
    if (verdict.result === "PASS" && !options.keep) removeData(place, stage.archive.nodeIds);
    return verdict;
  } finally {
    for (const close of closers.reverse()) await close().catch(() => undefined);
  }
}

/** Starts everything, and notes in `closers` how it is ended. */
async function begin(
  options: RunOptions,
  place: Place,
  date: string,
  say: Say,
  closers: (() => Promise<void>)[],
): Promise<Stage> {
  const random = randomFrom(options.seed);
  const jitter = random.fork("jitter");
  const chance = (): number => jitter.next();
  const network =
    options.network === "namespaces"
      ? await openNamespaces({ chance })
      : await openProxies({ nodes: options.nodes, chance });
  closers.push(() => network.close());
  const { faults, skipped } = await available(options.nemesis.faults, network);
  const base = {
    random: random.fork("nemesis"),
    electionMs,
    directory: place.scratch,
    say: (line: string) => say(`  ${line}`),
  };
  for (const fault of faults) await fault.prepare?.(base);
  const cluster = await RealCluster.start({
    directory: place.nodes,
    network,
    nodes: options.nodes,
    serverFlags: serverFlags(random.fork("servers")),
    ...(options.serverEnv === undefined ? {} : { serverEnv: options.serverEnv }),
  });
  closers.push(async () => {
    await cluster.close();
    await closeHost(cluster, place.scratch);
  });
  const archive = new Archive(cluster, place.archive);
  closers.push(() => archive.stop());
  archive.start();
  const observer = new Observer(cluster);
  closers.push(() => observer.stop());
  observer.start();
  const crew = await Crew.start({
    endpoints: () => cluster.endpoints,
    directory: place.history,
    seed: options.seed,
    workloads: options.workloads.map(({ name }) => name),
    ...(options.rate === undefined ? {} : { rate: options.rate }),
    say: (line) => say(`  ${line}`),
  });
  closers.push(() => crew.close());
  const scene: Scene = { ...base, cluster, network };
  return {
    ...{ options, place, network, cluster, observer, archive, crew, scene, faults, skipped, date },
  };
}

/** R3. */
async function available(
  faults: readonly Fault[],
  network: Network,
): Promise<{ faults: readonly Fault[]; skipped: { fault: string; why: string }[] }> {
  const skipped: { fault: string; why: string }[] = [];
  const here: Fault[] = [];
  for (const fault of faults) {
    const { between } = fault;
    const why =
      between !== undefined && network.can?.(1, 2, between) === false
        ? `between nodes in ${network.kind} there are black holes only`
        : await fault.probe?.();
    if (why === undefined) here.push(fault);
    else skipped.push({ fault: fault.name, why });
  }
  return { faults: here, skipped };
}

/** Small logs in some runs: nodes that were away need a snapshot then, and segments come and go. */
function serverFlags(random: Scene["random"]): string[] {
  const flags = ["--election-ms", String(electionMs)];
  if (random.chance(0.5)) return flags;
  const segment = random.pick([65_536, 262_144]);
  return [...flags, "--segment-bytes", String(segment), "--log-retain-bytes", String(1_048_576)];
}

async function trouble(
  stage: Stage,
  say: Say,
  stops: AbortSignal,
): Promise<{ readonly record: RunRecord; readonly cluster: RealCluster }> {
  const { options, place, cluster, observer, crew, scene, faults } = stage;
  const tally = new Tally(place.history);
  const progress = new Progress(tally, observer, say);
  progress.start();
  const failures: string[] = [];
  await until(warmMsMax, () => (stops.aborted || tally.look().ok >= warmCalls ? true : undefined));
  const ends = endOf(stops, options.minutes * 60_000);
  const outcome = await nemesis(stage, ends);
  failures.push(...outcome.failures, ...(await healAll(stage)));
  say(`trouble is over: ${outcome.injected.length} faults; drains`);
  const patienceMs = options.drainMsMax ?? drainMsMax;
  const finished = await crew.finish({ drainMsMax: patienceMs });
  const digests = await settle(observer, finished, Math.min(patienceMs, settleMsMax));
  await observer.stop();
  progress.stop();
  const record: RunRecord = {
    facts: {
      seed: String(options.seed),
      version: versionOf(),
      nodes: options.nodes,
      minutes: options.minutes,
      command: commandOf(options),
      date: stage.date,
      host: [...hostFacts(), { name: "network", value: scene.network.kind }],
    },
    demands: demandsOf(options, faults),
    queues: crew.queues,
    leaders: observer.leaders,
    digests: digests ?? [],
    barrier: finished.barrier,
    drained: finished.isDrained,
    missing: [
      ...finished.missing,
      ...(digests === undefined
        ? ["the nodes did not reach the barrier, all at one applied index, in a minute"]
        : []),
    ],
    skipped: stage.skipped,
    passed: outcome.passed,
    watched: {
      terms: observer.leaders.length,
      compared: observer.compared,
      violations: observer.violations,
      failures,
      turns: outcome.injected.length,
      recoveryMsMax: outcome.recoveryMsMax,
      complaints: finished.complaints,
      deaths: cluster.deaths,
      injected: outcome.injected,
    },
    counts: tally.look(),
  };
  return { record, cluster };
}

/** Fires after so long, or when the run is stopped. (A signal made by AbortSignal.any may be collected before it fires.) */
function endOf(stops: AbortSignal, ms: number): AbortSignal {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), ms);
  const stop = (): void => {
    clearTimeout(timer);
    over.abort();
  };
  if (stops.aborted) stop();
  else stops.addEventListener("abort", stop, { once: true });
  return over.signal;
}

async function nemesis({ place, scene, faults }: Stage, ends: AbortSignal): Promise<Outcome> {
  if (faults.length === 0) {
    await sleepUntil(ends);
    return { injected: [], failures: [], passed: [], recoveryMsMax: 0 };
  }
  const schedule = new Schedule(faults, scene, {
    injected: (one) => appendFileSync(place.nemesis, `${JSON.stringify(one)}\n`),
  });
  return await schedule.run(ends);
}

async function sleepUntil(ends: AbortSignal): Promise<void> {
  await sleep(2 ** 31 - 1, undefined, { signal: ends }).catch(() => undefined);
}

/** R2: nothing is in trouble any more, every member runs. Sentences of what could not be brought back. */
async function healAll({ network, cluster }: Stage): Promise<string[]> {
  network.heal();
  const failures: string[] = [];
  for (const id of cluster.nodeIds) {
    try {
      cluster.resume(id);
      if (cluster.isRunning(id) || (await cluster.start(id))) continue;
      failures.push(`node ${id} does not start any more`);
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  return failures;
}

async function settle(
  observer: Observer,
  { barrier }: Finished,
  msMax: number,
): Promise<readonly NodeDigest[] | undefined> {
  return barrier === 0 ? undefined : await observer.settled(barrier, msMax);
}

/** Faults after which somebody else should lead. */
const deposing =
  /leader|kill-all|kill-majority|halves|restart-all|transfer|pause-all|pause-majority/;

function demandsOf(options: RunOptions, faults: readonly Fault[]): RunRecord["demands"] {
  const asks = faults.some(({ name }) => deposing.test(name));
  return {
    opsMin: options.minOps,
    leaderChangesMin: options.minLeaderChanges ?? (asks ? 2 : 0),
    okShareMin: 0.5,
    named: options.nemesis.named,
  };
}
