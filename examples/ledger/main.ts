// `npm run demo`: a ledger through a cluster whose leader is killed on the way; every balance is proved at the end.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalCluster } from "../../cli/local-cluster.ts";
import { painter } from "../../cli/output.ts";
import { LedgerError, parseLedger } from "./csv.ts";
import { generateLedger } from "./generate.ts";
import { parseOptions, type DemoOptions } from "./options.ts";
import { Progress } from "./progress.ts";
import { resultText } from "./report.ts";
import type { LedgerRow } from "./row.ts";
import { run } from "./run.ts";

/** A bank rounds to a tenth of a crown; a made-up ledger is exact. */
const bankToleranceTenths = 1;
const sendSecondsDefault = 10;

async function main(options: DemoOptions): Promise<number> {
  const progress = new Progress();
  const rows = readLedger(options);
  const directory = dataDirectory(options);
  let keep = options.keep || options.data !== undefined;
  progress.say(`Starting ${options.nodes} nodes in ${directory} …`);
  const cluster = await LocalCluster.start({
    directory,
    nodes: options.nodes,
    onDeath: (nodeId, how) => progress.say(`  node ${nodeId} ${how}`),
  });
  const stopped = stopWhenInterrupted(cluster, keep ? undefined : directory);
  try {
    const result = await run(
      cluster,
      rows,
      {
        ledger: options.file ?? `made up, seed ${options.seed}`,
        kills: options.kills,
        ratePerSecond: options.rate ?? Math.ceil(rows.length / sendSecondsDefault),
        toleranceTenths: options.file === undefined ? 0 : bankToleranceTenths,
      },
      progress,
    );
    progress.say("");
    const paint = painter(process.stdout, process.env);
    process.stdout.write(`${options.json ? JSON.stringify(result) : resultText(result, paint)}\n`);
    if (result.problems.length === 0) return 0;
    keep = true;
    return 1;
  } catch (error) {
    keep = true;
    throw error;
  } finally {
    stopped();
    await cluster.stopAll();
    if (keep) progress.say(`The nodes' data and logs are in ${directory}`);
    else rmSync(directory, { recursive: true, force: true });
  }
}

function readLedger(options: DemoOptions): readonly LedgerRow[] {
  if (options.file === undefined) return generateLedger(options);
  try {
    return parseLedger(readFileSync(options.file, "utf8"), bankToleranceTenths);
  } catch (error) {
    if (error instanceof LedgerError) error.message = `${options.file}: ${error.message}`;
    throw error;
  }
}

/** Old data would bring old messages, and the proof would rightly fail: the directory must be empty. */
function dataDirectory(options: DemoOptions): string {
  if (options.data === undefined) return mkdtempSync(join(tmpdir(), "raftq-demo-"));
  if (existsSync(options.data) && readdirSync(options.data).length > 0) {
    throw new Error(`--data: ${options.data} is not empty`);
  }
  mkdirSync(options.data, { recursive: true });
  return options.data;
}

/** Ctrl-C: the nodes first, then their data, then this process. Returns how to stop listening. */
function stopWhenInterrupted(cluster: LocalCluster, temporary: string | undefined): () => void {
  const stop = (): void => {
    void cluster.stopAll().finally(() => {
      if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
      process.exit(130);
    });
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
  return () => process.off("SIGINT", stop).off("SIGTERM", stop);
}

try {
  process.exitCode = await main(parseOptions(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  // Clients of a run that failed may still be trying.
  process.exit(1);
}
