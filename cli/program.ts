// The command line as a whole: commands, help, exit codes.

import { Command, CommanderError } from "commander";
import { version } from "../node/index.ts";
import { addClusterCommand } from "./cluster.ts";
import { addDevCommand } from "./dev.ts";
import { exitCodes, failureOf } from "./failure.ts";
import { addLogCommand } from "./log.ts";
import { addMessageCommands } from "./messages.ts";
import { painter } from "./output.ts";
import { addQueueCommand } from "./queue.ts";
import { addRecoverCommand } from "./recover.ts";
import { addRemoteOptions } from "./remote.ts";
import { addServerCommand } from "./server.ts";
import { addStatusCommand } from "./status.ts";
import { addSubscriptionCommand, addTopicCommand } from "./topic.ts";

const exitCodeHelp = `
Exit codes:
  0  done
  1  refused or failed: the line on standard error says why
  2  the command line is wrong
  3  no answer in time: the cluster is not reachable or has no leader; a change may or may not have been made`;

/** Runs one command line (without `node` and the script); resolves to its exit code. */
export async function run(words: readonly string[]): Promise<number> {
  const program = buildProgram();
  try {
    await program.parseAsync([...words], { from: "user" });
    return typeof process.exitCode === "number" ? process.exitCode : exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and --version end with code 0; commander has already printed what there is to say.
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    const failure = failureOf(error);
    const paint = painter(process.stderr, process.env);
    process.stderr.write(`${paint.bad("raftq:")} ${failure.line}\n`);
    return failure.exitCode;
  }
}

export function buildProgram(): Command {
  const program = new Command("raftq")
    .description("A Raft-replicated ordered queue: servers, and a client for the shell.")
    .version(version)
    .addHelpText("after", exitCodeHelp)
    .exitOverride();
  addRemoteOptions(program);
  addDevCommand(program);
  addServerCommand(program);
  addStatusCommand(program);
  addClusterCommand(program);
  addQueueCommand(program);
  addTopicCommand(program);
  addSubscriptionCommand(program);
  addMessageCommands(program);
  addLogCommand(program);
  addRecoverCommand(program);
  for (const command of everyCommand(program)) command.exitOverride().showHelpAfterError(false);
  return program;
}

function everyCommand(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
