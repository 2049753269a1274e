// One bug against real clusters: run after run, each from another seed, until one says FAIL or the time is over.
//   O1. Only FAIL counts. INCONCLUSIVE is what a cluster comes to that does not get on, and that has many reasons.
//   O2. What clients or logs show is named before what the run itself saw; a server that ends itself by name.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Verdict } from "../../jepsen-like/checkers/contract.ts";
import { faultsNamed } from "../../jepsen-like/nemesis/catalogue.ts";
import type { RunVerdict } from "../../jepsen-like/run/evidence.ts";
import type { RunOptions } from "../../jepsen-like/run/options.ts";
import { catalogue, workloadsNamed } from "../../jepsen-like/workloads/catalogue.ts";
import { compile } from "./compile.ts";
import { compiledVariable, mutantVariable, type Mutant } from "./mutant.ts";
import type { Trouble } from "./outside-catalogue.ts";

/** Of a cluster that is known to be broken it is no use to wait for more. */
const drainMsMax = 30_000;

/** What is needed of a run's verdict. */
export type Came = Pick<RunVerdict, "result" | "reasons" | "verdicts" | "directory">;

export interface Sighting {
  /** The check that says it, and its sentence. */
  readonly check: string;
  readonly what: string;
  /** All other checks that are violated. */
  readonly also: readonly string[];
}

export interface OutsideTrial {
  /** undefined: no run said FAIL. */
  readonly found: Sighting | undefined;
  readonly seconds: number;
  readonly seeds: readonly number[];
  /** Of each run: its result, or why there is none. */
  readonly results: readonly string[];
}

export interface TrialOptions {
  readonly secondsMax: number;
  readonly firstSeed: number;
  readonly runsMax: number;
  /** One run; rejects when the cluster could not even be started. */
  readonly runOnce: (seed: number) => Promise<Came>;
  readonly now?: () => number;
  /** True: no further run. */
  readonly isEnough?: (came: Came) => boolean;
}

const isFound = ({ result }: Came): boolean => result === "FAIL";

export async function tryOutside(options: TrialOptions): Promise<OutsideTrial> {
  const { secondsMax, firstSeed, runsMax, runOnce } = options;
  const { now = () => performance.now(), isEnough = isFound } = options;
  const began = now();
  const seconds = (): number => (now() - began) / 1_000;
  const seeds: number[] = [];
  const results: string[] = [];
  while (seeds.length < runsMax && (seeds.length === 0 || seconds() < secondsMax)) {
    const seed = firstSeed + seeds.length;
    seeds.push(seed);
    try {
      const came = await runOnce(seed);
      results.push(came.result === "PASS" ? "PASS" : `${came.result}: ${came.reasons.join("; ")}`);
      const isLate = seconds() > secondsMax;
      if (isFound(came) && !isLate) {
        const found = sightingOf(came.verdicts);
        return { found, seconds: seconds(), seeds, results };
      }
      if (isEnough(came)) break;
    } catch (error) {
      results.push(`no run: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { found: undefined, seconds: seconds(), seeds, results };
}

/** Of the run itself (own-checks.ts), from the most to the least telling. */
const ownLast = [
  "one leader in a term",
  "replicas agree under way",
  "what the workers saw themselves",
  "no process ends by itself",
  "the cluster comes back",
];

/** O2. */
function sightingOf(verdicts: readonly Verdict[]): Sighting {
  const violated = verdicts
    .filter(({ result }) => result === "violated")
    .sort((a, b) => ownLast.indexOf(a.check) - ownLast.indexOf(b.check));
  const [first, ...others] = violated;
  const check = first?.check ?? "";
  const what = first?.findings[0]?.what ?? "violated";
  return {
    check: check === "no process ends by itself" ? "a node ended itself" : check,
    // The last words of a server are a line of its log, or name files of the run.
    what: what
      .replaceAll(/\s+/g, " ")
      .replace(/\{.*?"message":"([^"]*)".*$/, "$1")
      .replaceAll(/(?<= )\/\S+\//g, ""),
    also: others.map((verdict) => verdict.check),
  };
}

/** What `run` of jepsen-like/ is to be told. Nothing is asked of a run but what it finds: it is too short for each fault to come. */
export function optionsOf(
  trouble: Trouble,
  seed: number,
  out: string,
  serverEnv: Readonly<Record<string, string>>,
): RunOptions {
  const { nemesis, workloads, rate, seconds } = trouble;
  return {
    nodes: 3,
    minutes: seconds / 60,
    seed,
    nemesis: { faults: faultsNamed(nemesis).faults, named: [] },
    nemesisList: nemesis,
    rate,
    workloads: workloads === "all" ? catalogue : workloadsNamed(workloads.split(",")),
    network: "proxies",
    out,
    keep: false,
    json: false,
    minOps: 200,
    minLeaderChanges: 0,
    serverEnv,
    drainMsMax,
  };
}

/** The environment of servers with the bug in them; `dispose` when none will be started any more. */
export function infected(mutant: Mutant): { env: Record<string, string>; dispose: () => void } {
  const directory = mkdtempSync(join(tmpdir(), "raftq-mutant-"));
  const compiled = join(directory, "module.js");
  writeFileSync(compiled, compile(mutant));
  const env = {
    [mutantVariable]: mutant.name,
    [compiledVariable]: compiled,
    NODE_OPTIONS: `--import=${new URL("./register.js", import.meta.url).href}`,
    // Module hooks make the pool before the server's first file can ask for its size (cli/raftq.cts).
    UV_THREADPOOL_SIZE: "16",
  };
  return { env, dispose: () => rmSync(directory, { recursive: true, force: true }) };
}
