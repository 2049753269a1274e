// npm run mutants: is the suite to be trusted? Every bug of the catalogue against the simulation, and, if that stays green,
// against the tests of its folder (reliability.md §6). Exit code 0: at least 95 % were found.

import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { Command, Option } from "commander";

import { mutantNamed, mutants } from "./catalogue/index.ts";
import type { Mutant } from "./mutant.ts";
import { testsOf, tryTests, trySimulation, type Trial } from "./trial.ts";

interface Options {
  readonly only?: string;
  readonly suite: "both" | "simulation" | "tests";
  readonly seeds: number;
  readonly seconds: number;
  readonly jobs: number;
  readonly json?: string;
}

interface Row {
  readonly mutant: Mutant;
  readonly trials: readonly Trial[];
}

const shareMin = 0.95;
const baselineSecondsMax = 600;

const program = new Command("npm run mutants --")
  .description("Puts bugs in on purpose, one at a time, and looks whether the tests find them.")
  .option("--only <names>", "mutants, or beginnings of their files (raft/, node/log/), by commas")
  .addOption(
    new Option(
      "--suite <which>",
      "what they are tried with: the simulation, and if that is green the tests",
    )
      .choices(["both", "simulation", "tests"])
      .default("both"),
  )
  .option("--seeds <n>", "seeds of the simulation for each", Number, 150)
  .option("--seconds <s>", "longest time for each suite", Number, 90)
  .option("--jobs <n>", "mutants at a time", Number, availableParallelism())
  .option("--json <file>", "write the table there, too")
  .parse();

function chosen(only: string | undefined): readonly Mutant[] {
  if (only === undefined) return mutants;
  return only.split(",").flatMap((name) => {
    const inFolder = mutants.filter(({ file }) => name.includes("/") && file.startsWith(name));
    return inFolder.length > 0 ? inFolder : [mutantNamed(name)];
  });
}

async function tryOne(mutant: Mutant, { suite, seeds, seconds }: Options): Promise<Row> {
  const trials: Trial[] = [];
  // The simulation has no use for the checkers of jepsen-like/.
  if (suite !== "tests" && !mutant.file.startsWith("jepsen-like/"))
    trials.push(await trySimulation(mutant, { seeds, seconds }));
  if (suite !== "simulation" && trials.every(({ found }) => found === undefined))
    trials.push(await tryTests(mutant, testsOf(mutant), seconds));
  return { mutant, trials };
}

function lineOf({ mutant, trials }: Row): string {
  const { name, trap, equivalent } = mutant;
  const seconds = trials.reduce((sum, trial) => sum + trial.seconds, 0);
  const by = trials.find(({ found }) => found !== undefined);
  const head = `${trap.padEnd(4)} ${name.padEnd(48)}`;
  const time = `${seconds.toFixed(0)} s`.padStart(5);
  if (by?.found === undefined)
    return `${head} ${time}  NOT FOUND${equivalent === undefined ? "" : `: ${equivalent}`}`;
  const { check, seeds } = by.found;
  const how = seeds === undefined ? "tests" : `${seeds} seed${seeds === 1 ? "" : "s"}`;
  return `${head} ${time}  ${how.padEnd(9)} ${check.replaceAll(/\s+/g, " ").slice(0, 110)}`;
}

/** Without a bug everything must be green, or nothing that follows means anything. */
async function checkBaseline(
  mutants: readonly Mutant[],
  { suite, seeds, seconds }: Options,
): Promise<void> {
  const trials: Trial[] = [];
  if (suite !== "tests")
    trials.push(await trySimulation(undefined, { seeds, seconds: baselineSecondsMax }));
  if (suite !== "simulation") {
    for (const folder of new Set(mutants.map(testsOf)))
      trials.push(await tryTests(undefined, folder, 4 * seconds));
  }
  const red = trials.find(({ found }) => found !== undefined)?.found;
  if (red !== undefined) throw new Error(`red without any bug: ${red.check}`);
  console.log("green without a bug");
}

const options = program.opts<Options>();
const waiting = [...chosen(options.only)];
await checkBaseline(waiting, options);
const total = waiting.length;
const rows: Row[] = [];

async function work(): Promise<void> {
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const row = await tryOne(mutant, options);
    rows.push(row);
    console.log(`${String(rows.length).padStart(3)}/${total} ${lineOf(row)}`);
  }
}

await Promise.all(Array.from({ length: options.jobs }, work));
const counted = rows.filter(({ mutant }) => mutant.equivalent === undefined);
const found = counted.filter(({ trials }) => trials.some((trial) => trial.found !== undefined));
const inSimulation = counted.filter(({ trials }) =>
  trials.some((trial) => trial.suite === "simulation" && trial.found !== undefined),
);
const share = found.length / counted.length;
console.log(
  `\n${found.length} of ${counted.length} found (${(share * 100).toFixed(1)} %), ` +
    `${inSimulation.length} of them by the simulation; ${rows.length - counted.length} make no difference`,
);
for (const row of rows.filter((one) => one.trials.every((trial) => trial.found === undefined)))
  console.log(`  ${lineOf(row)}`);
if (options.json !== undefined) await writeFile(options.json, JSON.stringify(rows, undefined, 1));
process.exitCode = share >= shareMin ? 0 : 1;
