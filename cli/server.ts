// `raftq server`: one node, until it is told to stop. The options, their defaults and limits come from the one table in
// node/config.ts; this file only puts them on a command line.

import { Option, type Command } from "commander";
import {
  environmentName,
  parseConfig,
  serverOptions,
  startServer,
  type RawOptions,
  type ServerConfig,
  type ServerOption,
} from "../node/index.ts";
import { UsageError } from "./failure.ts";

export function addServerCommand(program: Command): void {
  const command = program
    .command("server")
    .description("run one node of a cluster")
    .option("--config <file>", "JSON file with any of these options, by name (env RAFTQ_CONFIG)");
  for (const option of Object.values(serverOptions)) command.addOption(commandLineOption(option));
  command
    .addOption(
      new Option("--exit-with-stdin", "stop when standard input closes: for a parent process")
        .default(false)
        .hideHelp(),
    )
    .addHelpText(
      "after",
      "\nA flag wins over the environment, the environment over the file, the file over the default.",
    )
    .action(async () => {
      await serve(rawOptions(command), command.opts<{ exitWithStdin: boolean }>().exitWithStdin);
    });
}

/** One row of the table as `--flag <value>  help (unit, limits, default, environment)`. */
export function commandLineOption(option: ServerOption): Option {
  const notes: string[] = [];
  let value: string;
  switch (option.kind) {
    case "text":
      value = option.choices === undefined ? "text" : "name";
      if (option.choices !== undefined) notes.push(option.choices.join(" | "));
      if (option.default !== undefined) notes.push(`default ${option.default}`);
      break;
    case "number":
      value = option.unit === "" ? "number" : option.unit;
      notes.push(`${option.min} to ${option.max}`);
      if (option.default !== undefined) notes.push(`default ${option.default}`);
      break;
    case "members":
      value = "id=peer/client";
      break;
    case "flag":
      value = "";
      break;
  }
  notes.push(`env ${environmentName(option)}`);
  const words = value === "" ? `--${option.flag}` : `--${option.flag} <${value}>`;
  const made = new Option(words, `${option.help} (${notes.join("; ")})`);
  if (option.kind === "members") {
    // Repeatable; no default here, so that the environment and the file can speak.
    made.argParser((text: string, earlier: readonly string[] | undefined) => [
      ...(earlier ?? []),
      text,
    ]);
  }
  return made;
}

/** What was given on the command line, by flag name, as parseConfig wants it. */
function rawOptions(command: Command): RawOptions {
  const given = command.opts<Record<string, RawOptions[string]>>();
  const raw: Record<string, RawOptions[string]> = { config: given["config"] };
  for (const { flag } of Object.values(serverOptions)) {
    raw[flag] = given[flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
  }
  return raw;
}

async function serve(raw: RawOptions, exitWithStdin: boolean): Promise<void> {
  const config = readConfig(raw);
  // Listen before the start: a signal that comes while the log is being read must not be lost.
  const asked = askedToStop(exitWithStdin);
  try {
    const server = await startServer(config);
    await asked;
    await server.stop();
  } finally {
    // The pipe from the parent would keep the process alive.
    if (exitWithStdin) process.stdin.destroy();
  }
}

function readConfig(raw: RawOptions): ServerConfig {
  try {
    return parseConfig(raw, process.env);
  } catch (error) {
    throw new UsageError(error instanceof Error ? `--${error.message}` : String(error));
  }
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
function askedToStop(exitWithStdin: boolean): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = (): void => {
      if (asked) process.exit(130);
      asked = true;
      resolve();
    };
    process.on("SIGTERM", ask);
    process.on("SIGINT", ask);
    if (exitWithStdin) {
      process.stdin.once("end", resolve).once("error", resolve).resume();
    }
  });
}
