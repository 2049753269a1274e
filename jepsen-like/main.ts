// npm run jepsen: breaks a real cluster from outside and proves what its clients saw. docs/jepsen.md tells how to use it.

import { Command, CommanderError } from "commander";
import { catalogue } from "./nemesis/catalogue.ts";
import { sweep } from "./power-loss.ts";
import { conclude, type RunRecord, type RunVerdict } from "./run/evidence.ts";
import { runCommand, sweepCommand, type SweepFlags } from "./run/options.ts";
import { placeIn, readJson, readLogs } from "./run/place.ts";
import { run } from "./run/run.ts";
import { summary } from "./run/summary.ts";
import { catalogue as workloads } from "./workloads/catalogue.ts";

const exitCodes = { pass: 0, fail: 1, usage: 2 } as const;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

function tell(verdict: RunVerdict, json: boolean): void {
  process.stdout.write(`${json ? JSON.stringify(verdict) : summary(verdict)}\n`);
  process.exitCode = verdict.result === "PASS" ? exitCodes.pass : exitCodes.fail;
}

/** With what is said after it, which `helpInformation` leaves out. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

/** The first Ctrl-C ends the trouble, and what was asked is still checked; the second one ends everything. */
function interruption(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(exitCodes.fail);
      say("ends the trouble, then drains and checks; once more: ends at once");
      stop.abort();
    });
  }
  return stop.signal;
}

async function list(): Promise<void> {
  for (const fault of catalogue) {
    const { name, what, kind } = fault;
    const why = await fault.probe?.();
    const here = why === undefined ? "" : `  [not here: ${why}]`;
    process.stdout.write(`${kind.padEnd(11)}${name.padEnd(22)}${what}${here}\n`);
  }
  for (const { name, what } of workloads)
    process.stdout.write(`${"workload".padEnd(11)}${name.padEnd(22)}${what}\n`);
}

async function again(directory: string, json: boolean): Promise<void> {
  const place = placeIn(directory);
  const record = readJson(place.record) as RunRecord;
  tell(await conclude(place, record, await readLogs(place)), json);
}

async function powerLoss({ out, points, every }: SweepFlags): Promise<void> {
  const { violated, inconclusive, table } = await sweep({
    ...{ directory: out, points, every, say, signal: interruption() },
  });
  process.stdout.write(`\n${table}\n`);
  for (const { mode, point, violations } of violated)
    process.stdout.write(`FAILED  ${mode}, sync ${point}: ${violations.join("; ")}\n`);
  for (const { mode, point } of inconclusive)
    process.stdout.write(`shows nothing  ${mode}, sync ${point}\n`);
  process.exitCode = violated.length + inconclusive.length === 0 ? exitCodes.pass : exitCodes.fail;
}

async function main(words: readonly string[]): Promise<void> {
  const program = new Command("npm run jepsen --")
    .description("Breaks a real cluster from outside and proves what its clients saw.")
    .exitOverride();
  const starting = runCommand(async (options) =>
    tell(await run(options, say, interruption()), options.json),
  );
  program.addCommand(starting.exitOverride(), { isDefault: true });
  program.addHelpText("after", () => `\nWithout a command, it runs:\n\n${helpOf(starting)}`);
  program
    .command("list")
    .description("All faults and workloads, and what cannot be had here, and why.")
    .action(list);
  program
    .command("check")
    .description("Checks what a run left behind once more, and writes its page anew.")
    .argument("<DIR>", "a run's directory")
    .option("--json", "prints the verdict as one line of JSON")
    .action((directory: string, { json = false }: { json?: boolean }) => again(directory, json));
  program.addCommand(sweepCommand(powerLoss).exitOverride());
  try {
    await program.parseAsync([...words], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.pass : exitCodes.usage;
      return;
    }
    say(`jepsen: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exitCode = exitCodes.fail;
  }
}

await main(process.argv.slice(2));
// Clients whose servers are gone go on looking for them for a while; everything that is ours has ended (run.ts, R1).
process.stdout.write("", () => process.exit());
