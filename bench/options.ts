// The benchmark's command line.

import { Command, InvalidArgumentError } from "commander";
import { bodyBytesMin } from "./body.ts";
import type { BenchOptions, Item } from "./item.ts";
import { items } from "./items/index.ts";

export interface Options extends BenchOptions {
  readonly items: readonly Item[];
  readonly repetitions: number;
  readonly json: boolean;
  /** Only says what there is. */
  readonly list: boolean;
  /** Only draws the page of this earlier run again. */
  readonly draw: string | undefined;
}

export function benchCommand(): Command {
  return new Command("npm run bench --")
    .description(
      "Starts clusters of real processes on this machine, measures them, prints a table, and writes JSON and a page to bench/results/.",
    )
    .option("--list", "say what can be measured, and end", false)
    .option(
      "--only <names>",
      "some items, separated by commas (default: all but long ones)",
      chosen,
    )
    .option("--size <bytes>", "of a message's body", whole(bodyBytesMin, 1_048_576), 256)
    .option("--keys <n>", "ordering keys, used in turn", whole(1, 1_000_000), 1_000)
    .option(
      "--seconds <n>",
      "length of the counted windows (default: 4 to 7, by item)",
      whole(1, 3_600),
    )
    .option("--reps <n>", "repetitions; the table shows medians", whole(1, 100), 1)
    .option("--nodes <n>", "members of the cluster", whole(1, 7), 3)
    .option(
      "--preload <n>",
      "messages waiting in drain and snapshot",
      whole(1, 100_000_000),
      200_000,
    )
    .option("--backlog <n>", "messages waiting in backlog", whole(10, 100_000_000), 1_000_000)
    .option("--failovers <n>", "leaders killed; hang has a quarter", whole(1, 1_000), 20)
    .option("--minutes <n>", "length of soak", whole(1, 10_000), 60)
    .option("--json", "print JSON instead of a table", false)
    .option("--draw <file>", "draw the page of this earlier result again, and end");
}

/** Ends the process with code 2 when the command line is wrong. */
export function parseOptions(words: readonly string[]): Options {
  const command = benchCommand();
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  command.parse([...words], { from: "user" });
  const given = command.opts<{
    list: boolean;
    only?: readonly Item[];
    size: number;
    keys: number;
    seconds?: number;
    reps: number;
    nodes: number;
    preload: number;
    backlog: number;
    failovers: number;
    minutes: number;
    json: boolean;
    draw?: string;
  }>();
  return {
    items: given.only ?? items.filter(({ isLong }) => isLong !== true),
    bytes: given.size,
    keys: given.keys,
    seconds: given.seconds,
    repetitions: given.reps,
    nodes: given.nodes,
    preload: given.preload,
    backlog: given.backlog,
    failovers: given.failovers,
    minutes: given.minutes,
    json: given.json,
    list: given.list,
    draw: given.draw,
  };
}

function chosen(text: string): readonly Item[] {
  return text.split(",").map((name) => {
    const item = items.find((candidate) => candidate.name === name.trim());
    if (item === undefined)
      throw new InvalidArgumentError(
        `There is no item ${name}; there are ${items.map((each) => each.name).join(", ")}.`,
      );
    return item;
  });
}

export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}
