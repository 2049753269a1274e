// The benchmark's command line.

import { Command, InvalidArgumentError } from "commander";
import { bodyBytesMin } from "./body.ts";
import type { BenchOptions, Item } from "./item.ts";
import { items } from "./items/index.ts";

export interface Options extends BenchOptions {
  readonly items: readonly Item[];
  readonly nodes: number;
  readonly repetitions: number;
  readonly json: boolean;
}

/** Ends the process with code 2 when the command line is wrong. */
export function parseOptions(words: readonly string[]): Options {
  const command = new Command("npm run bench --")
    .description("Starts a cluster on this machine and measures it.")
    .option("--only <names>", `some of ${items.map((item) => item.name).join(",")}`, chosen)
    .option("--size <bytes>", "of a message's body", whole(bodyBytesMin, 1_048_576), 256)
    .option("--keys <n>", "ordering keys, used in turn", whole(1, 1_000_000), 1_000)
    .option(
      "--seconds <n>",
      "length of the counted windows (default: 4 to 7, by item)",
      whole(1, 3_600),
    )
    .option("--reps <n>", "repetitions; the table shows medians", whole(1, 100), 1)
    .option("--nodes <n>", "members of the cluster", whole(1, 7), 3)
    .option("--json", "print JSON instead of a table", false);
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  command.parse([...words], { from: "user" });
  const given = command.opts<{
    only?: readonly Item[];
    size: number;
    keys: number;
    seconds?: number;
    reps: number;
    nodes: number;
    json: boolean;
  }>();
  return {
    items: given.only ?? items,
    bytes: given.size,
    keys: given.keys,
    seconds: given.seconds,
    repetitions: given.reps,
    nodes: given.nodes,
    json: given.json,
  };
}

function chosen(text: string): readonly Item[] {
  return text.split(",").map((name) => {
    const item = items.find((candidate) => candidate.name === name.trim());
    if (item === undefined) throw new InvalidArgumentError(`There is no item ${name}.`);
    return item;
  });
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}
