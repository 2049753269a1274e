// `raftq dev`: a cluster on this machine to try things with, real server processes and all.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { Option, type Command } from "commander";
import { exitCodes, UsageError } from "./failure.ts";
import { LocalCluster } from "./local-cluster.ts";
import { isNews, logLine } from "./log-line.ts";
import { painter, type Paint } from "./output.ts";
import { checkPorts } from "./ports.ts";
import { wholeNumber } from "./remote.ts";

const basePortDefault = 7400;

interface DevFlags {
  readonly nodes: string;
  readonly fresh: boolean;
  readonly data: string;
  readonly basePort: string;
  readonly verbose: boolean;
}

export function addDevCommand(program: Command): void {
  program
    .command("dev")
    .description("start a cluster on this machine; Ctrl-C stops it, its data stays")
    .addOption(
      new Option("--nodes <n>", "members")
        .choices(["1", "2", "3", "4", "5", "6", "7"])
        .default("3"),
    )
    .option("--fresh", "delete the data of earlier runs first", false)
    .option("--data <dir>", "where the nodes keep their data", ".raftq")
    .option(
      "--base-port <port>",
      "client ports: this one, +10, +20 …; peers use the ones above them",
      String(basePortDefault),
    )
    .option(
      "--verbose",
      "show all that the servers log, not only changes of role and warnings",
      false,
    )
    .action(async (flags: DevFlags) => {
      process.exitCode = await dev(flags);
    });
}

async function dev(flags: DevFlags): Promise<number> {
  const nodes = Number(flags.nodes);
  const basePort = wholeNumber("--base-port", flags.basePort, 1, 65_535 - 10 * nodes);
  // Before --fresh deletes anything: it could be the data of a cluster that runs.
  await checkPorts(basePort, nodes);
  prepareData(flags.data, nodes, flags.fresh);
  const paint = painter(process.stdout, process.env);
  const say = (text: string): boolean => process.stdout.write(`${text}\n`);
  const asked = interrupted();
  const seen = { ready: false, died: false };

  say(paint.dim(`starting ${nodes} nodes, data in ${flags.data}/ …`));
  const cluster = await LocalCluster.start({
    directory: flags.data,
    nodes,
    basePort,
    clusterId: "dev",
    onLine: (nodeId, line) => {
      // Before all of them are up, that they do not find each other is no news.
      if (flags.verbose || (seen.ready && isNews(line))) say(logLine(nodeId, line, paint));
    },
    onDeath: (nodeId, how, lastLines) => {
      seen.died = true;
      say(paint.bad(`node ${nodeId} ${how}; its last lines:`));
      for (const line of lastLines.slice(-3)) say(`  ${logLine(nodeId, line, paint)}`);
    },
  });
  seen.ready = true;
  say(welcome(cluster, flags, basePort, paint));
  await asked;
  say(paint.dim("stopping …"));
  await cluster.stopAll();
  return seen.died ? exitCodes.refused : exitCodes.ok;
}

/** What to type next, in words that can be copied. */
function welcome(cluster: LocalCluster, flags: DevFlags, basePort: number, paint: Paint): string {
  const raftq = invocation();
  const where =
    basePort === basePortDefault && cluster.nodeIds.length <= 3
      ? ""
      : ` --endpoints ${cluster.endpoints.join(",")}`;
  return [
    "",
    paint.good(`ready: ${cluster.endpoints.join(", ")}`),
    paint.dim(
      `logs: ${join(flags.data, "node-*", "server.log")}   stop: Ctrl-C   start afresh: --fresh`,
    ),
    "",
    "In another terminal:",
    `  ${raftq} queue create orders${where}`,
    `  ${raftq} enqueue orders '{"amount":5}' --key account-1${where}`,
    `  ${raftq} receive orders --ack${where}`,
    `  ${raftq} status${where}`,
    "",
    "From TypeScript:",
    `  const client = await connect({ endpoints: ${JSON.stringify(cluster.endpoints)} });`,
    "",
  ].join("\n");
}

/** The way this process was started, so that the printed commands work where they are pasted. */
function invocation(): string {
  const script = process.argv[1] ?? "raftq";
  // npm sets it for its scripts and for npx.
  if (process.env["npm_execpath"] !== undefined) return "npx raftq";
  return script.endsWith(".js") ? `node ${relative(process.cwd(), script)}` : basename(script);
}

/** A cluster's membership is in its data: three nodes' data cannot be started as five. */
function prepareData(directory: string, nodes: number, fresh: boolean): void {
  const note = join(directory, "cluster.json");
  if (fresh) {
    // Only what a `raftq dev` made: --data may have been a slip of the hand.
    if (existsSync(directory) && !existsSync(note) && readdirSync(directory).length > 0) {
      throw new UsageError(
        `--fresh: ${directory} was not made by \`raftq dev\`: delete it yourself`,
      );
    }
    rmSync(directory, { recursive: true, force: true });
  }
  if (existsSync(note)) {
    const before = JSON.parse(readFileSync(note, "utf8")) as { nodes?: number };
    if (before.nodes !== nodes) {
      throw new UsageError(
        `--nodes: the data in ${directory} is of ${before.nodes} nodes; use --nodes ${before.nodes}, or --fresh to delete it`,
      );
    }
    return;
  }
  mkdirSync(directory, { recursive: true });
  writeFileSync(note, `${JSON.stringify({ nodes })}\n`);
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = (): void => {
      // The second Ctrl-C does not wait: the nodes end by themselves when this process is gone.
      if (asked) process.exit(130);
      asked = true;
      resolve();
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, ask);
  });
}
