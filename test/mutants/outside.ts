// npm run mutants:outside: is `npm run jepsen` to be trusted? Bugs of the catalogue in the servers of real clusters, which are
// broken from outside, until what their clients saw cannot be. docs/jepsen-mutants.md has what came of it. Exit code 0: the runs
// without a bug are green, and every bug was found.

import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { Command } from "commander";

import { run } from "../../jepsen-like/run/run.ts";
import { hostFacts, versionOf } from "../../jepsen-like/run/version.ts";
import { mutantNamed } from "./catalogue/index.ts";
import type { Mutant } from "./mutant.ts";
import { chosenOutside, troubles, type TroubleName } from "./outside-catalogue.ts";
import { markdown, type Row } from "./outside-table.ts";
import { infected, optionsOf, tryOutside, type Came } from "./outside-trial.ts";

interface Options {
  readonly only?: string;
  readonly minutes: number;
  readonly seed: number;
  readonly baseline: boolean;
  readonly out: string;
  readonly keep?: boolean;
  readonly verbose?: boolean;
  readonly json?: string;
}

/** Of a run without a bug that was too short to mean anything: another seed. */
const baselineRunsMax = 3;

const options = new Command("npm run mutants:outside --")
  .description(
    "Puts bugs into the servers of real clusters, and looks whether jepsen-like finds them.",
  )
  .option("--only <names>", "mutants, or kinds of trouble, by commas")
  .option("--minutes <n>", "longest time for each", Number, 5)
  .option("--seed <n>", "of the first run; each further one has the next", Number, 1)
  .option("--no-baseline", "without the runs that have no bug")
  .option("--out <dir>", "where the runs are kept", "jepsen-like/runs/mutants")
  .option("--keep", "keeps what the runs leave behind, all of it")
  .option("--verbose", "says what happens in each run")
  .option("--json <file>", "writes the table there, too, after each row")
  .parse()
  .opts<Options>();

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
const say = options.verbose === true ? (line: string) => console.error(line) : () => undefined;

async function tryOne(trouble: TroubleName, mutant: Mutant | undefined): Promise<Row> {
  const bug = mutant === undefined ? undefined : infected(mutant);
  const runOnce = async (seed: number): Promise<Came> => {
    const asked = optionsOf(troubles[trouble], seed, options.out, bug?.env ?? {});
    const came = await run({ ...asked, keep: options.keep === true }, say, stop.signal);
    // A failure without a bug is a bug.
    const isPrecious = mutant === undefined && came.result === "FAIL";
    if (options.keep !== true && !isPrecious) await rm(came.directory, { recursive: true });
    return came;
  };
  try {
    const trial = await tryOutside({
      secondsMax: options.minutes * 60,
      firstSeed: options.seed,
      runsMax: mutant === undefined ? baselineRunsMax : Infinity,
      runOnce,
      isEnough: ({ result }) =>
        stop.signal.aborted || result === (mutant === undefined ? "PASS" : "FAIL"),
    });
    return { trouble, mutant: mutant?.name, trap: mutant?.trap ?? "", ...trial };
  } finally {
    bug?.dispose();
  }
}

function keep(rows: readonly Row[]): void {
  if (options.json === undefined) return;
  const facts = { version: versionOf(), date: new Date().toISOString(), host: hostFacts() };
  writeFileSync(options.json, `${JSON.stringify({ ...facts, troubles, rows }, undefined, 1)}\n`);
}

async function main(): Promise<void> {
  const chosen = chosenOutside(options.only);
  const kinds = options.baseline ? [...new Set(chosen.map(({ trouble }) => trouble))] : [];
  const rows: Row[] = [];
  const add = (row: Row): void => {
    rows.push(row);
    keep(rows);
    console.log(markdown([row], { head: rows.length === 1 }));
  };
  for (const trouble of kinds) {
    const row = await tryOne(trouble, undefined);
    add(row);
    if (row.found !== undefined) throw new Error(`red without any bug: ${row.found.what}`);
  }
  for (const { trouble, name } of chosen) {
    if (stop.signal.aborted) break;
    add(await tryOne(trouble, mutantNamed(name)));
  }
  const bugs = rows.filter(({ mutant }) => mutant !== undefined);
  const found = bugs.filter((row) => row.found !== undefined);
  console.log(`\n${found.length} of ${bugs.length} found, each within ${options.minutes} minutes`);
  process.exitCode = found.length === bugs.length ? 0 : 1;
}

await main();
// As in jepsen-like/main.ts: clients whose servers are gone go on looking for them for a while.
process.stdout.write("", () => process.exit());
