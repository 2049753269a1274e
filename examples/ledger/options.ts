// The demo's command line.

import { Command, InvalidArgumentError, Option } from "commander";

export interface DemoOptions {
  /** A CSV; undefined: a generated ledger. */
  readonly file: string | undefined;
  readonly messages: number;
  readonly accounts: number;
  readonly seed: number;
  readonly nodes: number;
  readonly kills: number;
  /** Bookings sent per second; undefined: so many that sending takes about ten seconds. */
  readonly rate: number | undefined;
  readonly data: string | undefined;
  readonly keep: boolean;
  readonly json: boolean;
}

/** Ends the process with code 2 when the command line is wrong. */
export function parseOptions(words: readonly string[]): DemoOptions {
  const command = new Command("npm run demo --")
    .description(
      "Streams a ledger through a cluster on this machine, kills its leader on the way, and proves\n" +
        "that every account's balance came out right at every step.",
    )
    .option("--file <csv>", "a ledger of your own; its bank may have rounded to a tenth")
    .option("--messages <n>", "bookings to make up", wholeFrom(1), 20_000)
    .option("--accounts <n>", "accounts to make up", wholeFrom(1), 1_000)
    .option("--seed <n>", "the same seed makes up the same ledger", wholeFrom(0), 1)
    .addOption(new Option("--nodes <n>", "members of the cluster").choices(["3", "5"]).default("3"))
    .option("--kills <n>", "how often the leader is killed (SIGKILL)", wholeFrom(0), 2)
    .option("--rate <n>", "bookings sent per second (default: all in ten seconds)", wholeFrom(1))
    .option("--data <dir>", "where the nodes keep their data: an empty directory, kept afterwards")
    .option("--keep", "keep the data and the servers' logs", false)
    .option("--json", "print the result as JSON", false)
    .addHelpText("after", "\nExit codes: 0 proved; 1 something was wrong; 2 bad command line.");
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  command.parse([...words], { from: "user" });
  const given = command.opts<Omit<DemoOptions, "nodes"> & { nodes: string }>();
  if (given.accounts > given.messages) {
    command.error(
      `error: --accounts is ${given.accounts}; expected at most --messages (${given.messages})`,
    );
  }
  return {
    ...given,
    file: given.file,
    rate: given.rate,
    data: given.data,
    nodes: Number(given.nodes),
  };
}

function wholeFrom(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`Expected a whole number of at least ${min}.`);
    }
    return value;
  };
}
