// `npm run bench`: measures this build on a cluster of its own, in the way in which the README tells.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalCluster } from "../cli/local-cluster.ts";
import { connect } from "../client/index.ts";
import { nowMs } from "./body.ts";
import { Bench, type Figures, type Item } from "./item.ts";
import { machineInfo } from "./machine.ts";
import { parseOptions, type Options } from "./options.ts";
import { reportText, type ItemReport, type Report } from "./report.ts";

async function main(options: Options): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "raftq-bench-"));
  const cluster = await LocalCluster.start({ directory, nodes: options.nodes });
  const client = await connect({ endpoints: [...cluster.endpoints], name: "bench" });
  try {
    const results: ItemReport[] = [];
    for (const item of options.items) {
      const figures: Figures[] = [];
      for (let repetition = 1; repetition <= options.repetitions; repetition++) {
        process.stderr.write(`${item.title} (${repetition} of ${options.repetitions}) …\n`);
        figures.push(
          await measure(item, new Bench(options, cluster, client, `${item.name}-${repetition}`)),
        );
      }
      results.push({ name: item.name, title: item.title, figures });
    }
    const report: Report = {
      at: new Date().toISOString(),
      machine: machineInfo(),
      nodes: options.nodes,
      bytes: options.bytes,
      keys: options.keys,
      results,
    };
    const file = save(report);
    process.stdout.write(`${options.json ? JSON.stringify(report) : reportText(report)}\n`);
    process.stderr.write(`written to ${file}\n`);
  } finally {
    await client.close();
    await cluster.stopAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(item: Item, bench: Bench): Promise<Figures> {
  await bench.open();
  try {
    const startMs = nowMs();
    const before = bench.otherCpuSeconds();
    const figures = await item.run(bench);
    const after = bench.otherCpuSeconds();
    if (before === undefined || after === undefined) return figures;
    return { ...figures, other_cores: (after - before) / ((nowMs() - startMs) / 1e3) };
  } finally {
    await bench.close();
  }
}

function save(report: Report): string {
  const directory = join("bench", "results");
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${report.at.replaceAll(":", "-")}.json`);
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
  return file;
}

try {
  await main(parseOptions(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
