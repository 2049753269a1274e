// `npm run simulate`: fresh random seeds until a budget ends, or one seed again.

import { fork } from "node:child_process";
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { Batch, failureText, summaryText } from "./batch.ts";
import { runSeed } from "./run-seed.ts";
import type { Done, Order } from "./worker.ts";

interface Options {
  readonly seconds?: number;
  readonly seeds?: number;
  readonly first?: number;
  readonly seed?: number;
  readonly nodes?: number;
  readonly jobs: number;
  readonly trace?: boolean;
  readonly json?: boolean;
  readonly keepGoing?: boolean;
}

const defaultSeconds = 60;

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}`);
  };
}

const seedMax = 2 ** 32 - 1;

function parse(): Options {
  return new Command("npm run simulate --")
    .description("Whole clusters in trouble, each from one seed, on virtual time.")
    .option("--seconds <n>", `time budget; default ${defaultSeconds}`, whole(1, 1e6))
    .option("--seeds <n>", "number of seeds, instead of a time budget", whole(1, 1e9))
    .option("--first <n>", "first seed; the others follow it; default: random", whole(0, seedMax))
    .option("--seed <n>", "this one seed", whole(0, seedMax))
    .option("--nodes <n>", "nodes of each cluster; default: the seed decides", whole(1, 7))
    .option("--jobs <n>", "processes", whole(1, 64), availableParallelism())
    .option("--trace", "prints every event, with --seed")
    .option("--json", "prints the report as one line of JSON")
    .option("--keep-going", "does not end with the first failure")
    .parse()
    .opts<Options>();
}

const tell = (text: string): void => void process.stderr.write(`${text}\n`);

async function one(seed: number, options: Options): Promise<Batch> {
  const batch = new Batch(options.nodes);
  const lines: string[] = [];
  const onEvent = options.trace === true ? (line: string) => void lines.push(line) : undefined;
  const began = performance.now();
  const result = await runSeed(seed, { nodes: options.nodes, onEvent });
  batch.add(result, performance.now() - began);
  if (lines.length > 0) process.stdout.write(`${lines.join("\n")}\n`);
  tell(`seed ${seed}: ${JSON.stringify(result.plan)}`);
  return batch;
}

/** Seeds from `first` on, until enough of them have begun or the time is over. */
class Budget {
  readonly #end: number;
  readonly #seeds: number;
  #next: number;
  #begun = 0;
  isOver = false;

  constructor(first: number, { seeds, seconds }: Options) {
    this.#next = first;
    this.#seeds = seeds ?? Infinity;
    const limit = seconds ?? (seeds === undefined ? defaultSeconds : Infinity);
    this.#end = performance.now() + limit * 1_000;
  }

  take(): number | undefined {
    if (this.isOver || this.#begun >= this.#seeds || performance.now() >= this.#end)
      return undefined;
    this.#begun += 1;
    const seed = this.#next;
    this.#next = (seed + 1) % (seedMax + 1);
    return seed;
  }
}

async function many(options: Options): Promise<Batch> {
  const first = options.first ?? randomInt(seedMax);
  tell(`seeds from ${first} on, ${options.jobs} at a time`);
  const budget = new Budget(first, options);
  const batch = new Batch(options.nodes);
  const progress = setInterval(() => {
    tell(`${batch.seeds} seeds, ${batch.failures.length} failures`);
  }, 10_000);
  const finished = ({ result, tookMs }: Done): void => {
    batch.add(result, tookMs);
    if (result.failure !== undefined)
      tell(`seed ${result.seed}: ${result.failure.what.split("\n")[0] ?? ""}`);
    if (result.failure !== undefined && options.keepGoing !== true) budget.isOver = true;
  };
  try {
    if (options.jobs === 1) await inThisProcess(budget, options, finished);
    else
      await Promise.all(
        Array.from({ length: options.jobs }, () => inAnother(budget, options, finished)),
      );
  } finally {
    clearInterval(progress);
  }
  return batch;
}

async function inThisProcess(
  budget: Budget,
  { nodes }: Options,
  finished: (done: Done) => void,
): Promise<void> {
  for (let seed = budget.take(); seed !== undefined; seed = budget.take()) {
    const began = performance.now();
    const result = await runSeed(seed, { nodes });
    finished({ result, tookMs: performance.now() - began });
    // The event loop has not turned meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function inAnother(
  budget: Budget,
  { nodes }: Options,
  finished: (done: Done) => void,
): Promise<void> {
  // From the sources under a loader, from dist/ otherwise: beside this file in both cases.
  const worker = fork(fileURLToPath(new URL("./worker.js", import.meta.url)));
  return new Promise((resolve, reject) => {
    let present: number | undefined;
    const next = (): void => {
      present = budget.take();
      if (present === undefined) {
        worker.disconnect();
        return;
      }
      const order: Order = { seed: present, nodes };
      worker.send(order);
    };
    worker.on("message", (done: Done) => {
      finished(done);
      next();
    });
    worker.on("error", reject);
    worker.on("exit", (code) => {
      if (present === undefined) resolve();
      else reject(new Error(`the process that ran seed ${present} ended with ${String(code)}`));
    });
    next();
  });
}

const options = parse();
const began = performance.now();
const batch = options.seed === undefined ? await many(options) : await one(options.seed, options);
const summary = batch.summary((performance.now() - began) / 1_000);
for (const failure of summary.failures) tell(failureText(failure, options.nodes));
process.stdout.write(
  options.json === true ? `${JSON.stringify(summary)}\n` : `${summaryText(summary)}\n`,
);
process.exitCode = summary.failures.length > 0 ? 1 : summary.inconclusive.length > 0 ? 2 : 0;
