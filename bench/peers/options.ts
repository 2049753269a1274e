// The command line of `npm run bench:peers`.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { whole } from "../options.ts";
import { systems, type System } from "./systems.ts";

export interface PeersOptions {
  /** The folder of the scripts that run the other systems. */
  readonly peers: string;
  /** Undefined: those that are installed. */
  readonly systems?: readonly System[];
  readonly groups: readonly string[];
  readonly rounds: number;
  readonly failovers: number;
  readonly keep: boolean;
  readonly json: boolean;
}

const groupsDefault = ["mem", "enqueue", "e2e", "drain", "failover"];

export function peersCommand(): Command {
  return new Command("npm run bench:peers --")
    .description(
      "Measures raftq and other systems in turn, with the scripts in --peers, and prints one table with ratios.",
    )
    .requiredOption(
      "--peers <dir>",
      "folder of those scripts; it is copied, and stays as it is",
      folder,
    )
    .option(
      "--systems <names>",
      `some of ${systems.map(({ name }) => name).join(",")} (default: those that are installed)`,
      chosen,
    )
    .option(
      "--groups <names>",
      `of the scripts' groups, or ITEM:SIZE as in e2e:256 (default: ${groupsDefault.join(",")})`,
      words,
    )
    .option("--rounds <n>", "all systems in turn, so many times", whole(1, 100), 3)
    .option("--failovers <n>", "leaders killed of each system, over all rounds", whole(1, 1_000), 6)
    .option("--keep", "leave the copy of the scripts, with their results, in place", false)
    .option("--json", "print JSON instead of a table", false);
}

/** Ends the process with code 2 when the command line is wrong. */
export function parsePeersOptions(given: readonly string[]): PeersOptions {
  const command = peersCommand();
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  command.parse([...given], { from: "user" });
  const options = command.opts<Omit<PeersOptions, "groups"> & { groups?: readonly string[] }>();
  return { ...options, groups: options.groups ?? groupsDefault };
}

const needed = ["run", "bench.mjs", "worker.mjs", "lib.mjs", "common.sh", "package-lock.json"];

function folder(text: string): string {
  const path = resolve(text);
  if (!existsSync(path)) throw new InvalidArgumentError(`There is no folder ${path}.`);
  const absent = needed.filter((name) => !existsSync(join(path, name)));
  if (absent.length > 0)
    throw new InvalidArgumentError(
      `${path} does not hold the scripts that run the other systems: it has no ${absent.join(", ")}.`,
    );
  return path;
}

function chosen(text: string): readonly System[] {
  return words(text).map((name) => {
    const system = systems.find((candidate) => candidate.name === name);
    if (system === undefined) throw new InvalidArgumentError(`There is no system ${name}.`);
    return system;
  });
}

function words(text: string): readonly string[] {
  return text.split(",").map((word) => word.trim());
}
