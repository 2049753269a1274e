// The command line of a run.

import { randomInt } from "node:crypto";
import { Command, InvalidArgumentError, Option } from "commander";
import { faultsNamed, type Chosen } from "../nemesis/catalogue.ts";
import { catalogue as workloads, workloadsNamed } from "../workloads/catalogue.ts";
import type { Workload } from "../workloads/workload.ts";

export interface RunOptions {
  readonly nodes: number;
  /** Of trouble; starting, draining and checking come on top. */
  readonly minutes: number;
  readonly seed: number;
  readonly nemesis: Chosen;
  /** As it was written. */
  readonly nemesisList: string;
  /** Calls per second over all processes; default of the crew when undefined. */
  readonly rate?: number;
  readonly workloads: readonly Workload[];
  readonly network: "proxies" | "namespaces";
  readonly out: string;
  /** Keeps data directories and archived logs of a run that passes, too. */
  readonly keep: boolean;
  readonly json: boolean;
  readonly minOps: number;
  /** Undefined: 2 when a fault asks for an election, else 0. */
  readonly minLeaderChanges?: number;
  // Not from the command line, but from who calls `run`:
  /** Environment of the servers alone, beside our own. */
  readonly serverEnv?: Readonly<Record<string, string>>;
  /** What the drain may take, default two minutes, and what all nodes may take to be equally far, at most one. */
  readonly drainMsMax?: number;
}

interface Flags {
  readonly nodes: string;
  readonly minutes: number;
  readonly seed?: number;
  readonly nemesis: Chosen & { readonly list: string };
  readonly rate?: number;
  readonly workloads: readonly Workload[];
  readonly network: "proxies" | "namespaces";
  readonly out: string;
  readonly keep?: boolean;
  readonly json?: boolean;
  readonly minOps: number;
  readonly minLeaderChanges?: number;
}

const seedMax = 2 ** 32 - 1;

function number(min: number, max: number, whole: boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const fits = Number.isFinite(value) && value >= min && value <= max && text.trim() !== "";
    if (fits && (!whole || Number.isInteger(value))) return value;
    throw new InvalidArgumentError(
      `expected a ${whole ? "whole " : ""}number from ${min} to ${max}`,
    );
  };
}

function orRefused<T>(read: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return read(text);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  };
}

const nemesis = orRefused((list: string) => ({ ...faultsNamed(list), list }));
const chosenWorkloads = orRefused((list: string) =>
  list === "all" ? workloads : workloadsNamed(list.split(",").map((word) => word.trim())),
);

const help = `
--nemesis takes names, beginnings of names (one-way: one-way-in, one-way-out …), kinds, all, none; a "-" before a word takes
away: "all,-disk,-kill-all". "npm run jepsen -- list" says which there are, and which can be had here.

Exit codes:
  0  PASS: everything holds, and enough was tried for that to mean something
  1  FAIL: something is wrong, or INCONCLUSIVE: too little was tried; the last lines say which
  2  the command line is wrong`;

/** The command `run`, which is the default one. */
export function runCommand(act: (options: RunOptions) => Promise<void>): Command {
  return new Command("run")
    .description("Breaks a real cluster from outside and proves what its clients saw.")
    .addOption(new Option("--nodes <n>", "of the cluster").choices(["3", "5"]).default("3"))
    .option("--minutes <n>", "how long there is trouble", number(0.05, 10_000, false), 2)
    .option("--seed <n>", "of all that is drawn; default: random", number(0, seedMax, true))
    .addOption(
      new Option("--nemesis <list>", "which faults")
        .argParser(nemesis)
        .default({ ...faultsNamed("all"), list: "all" }, "all"),
    )
    .option("--rate <n>", "calls per second, of all processes together", number(1, 1e5, true))
    .addOption(
      new Option("--workloads <list>", `which: ${workloads.map(({ name }) => name).join(", ")}`)
        .argParser(chosenWorkloads)
        .default(workloads, "all"),
    )
    .addOption(
      new Option("--network <kind>", "whose trouble it is: ours, or the kernel's (needs root)")
        .choices(["proxies", "namespaces"])
        .default("proxies"),
    )
    .option("--out <dir>", "where the run is kept", "jepsen-like/runs")
    .option("--keep", "keeps the nodes' directories of a run that passes, too")
    .option("--json", "prints the verdict as one line of JSON")
    .option("--min-ops <n>", "calls without which it proves nothing", number(0, 1e9, true), 0)
    .option(
      "--min-leader-changes <n>",
      "the same, of changes of leader; default 2 when a fault asks for one",
      number(0, 1e6, true),
    )
    .addHelpText("after", help)
    .action(async (flags: Flags) => {
      await act({
        nodes: Number(flags.nodes),
        minutes: flags.minutes,
        seed: flags.seed ?? randomInt(seedMax),
        nemesis: flags.nemesis,
        nemesisList: flags.nemesis.list,
        ...(flags.rate === undefined ? {} : { rate: flags.rate }),
        workloads: flags.workloads,
        network: flags.network,
        out: flags.out,
        keep: flags.keep ?? false,
        json: flags.json ?? false,
        minOps: flags.minOps,
        ...(flags.minLeaderChanges === undefined
          ? {}
          : { minLeaderChanges: flags.minLeaderChanges }),
      });
    });
}

export interface SweepFlags {
  readonly points: number;
  readonly every: number;
  readonly out: string;
}

/** The command `power-loss`. */
export function sweepCommand(act: (flags: SweepFlags) => Promise<void>): Command {
  return new Command("power-loss")
    .description(
      "Cuts the power at each of the first syncs of a node: of that node alone, then of all three at once. Needs root and strace.",
    )
    .option("--points <n>", "how many syncs", number(1, 1e4, true), 200)
    .option("--every <n>", "only each n-th of them", number(1, 1e4, true), 1)
    .option(
      "--out <dir>",
      "what is found; the same again: goes on where it was interrupted",
      "jepsen-like/runs/power-loss",
    )
    .action(act);
}

/** What one types to have the same again. */
export function commandOf(options: RunOptions): string {
  const { nodes, minutes, seed, nemesisList, rate, workloads: chosen, network } = options;
  const words = [
    ...["--nodes", nodes, "--minutes", minutes, "--seed", seed, "--nemesis", nemesisList],
    ...(rate === undefined ? [] : ["--rate", rate]),
    ...(chosen.length === workloads.length
      ? []
      : ["--workloads", chosen.map(({ name }) => name).join(",")]),
    ...(network === "proxies" ? [] : ["--network", network]),
  ];
  return `npm run jepsen -- ${words.join(" ")}`;
}
