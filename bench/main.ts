// `npm run bench`: measures this build on clusters of its own, in the way in which the README tells.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sheet } from "../cli/output.ts";
import { Bench } from "./bench.ts";
import type { BenchOptions, Item, Measured } from "./item.ts";
import { items } from "./items/index.ts";
import { machineInfo } from "./machine.ts";
import { parseOptions, type Options } from "./options.ts";
import { page } from "./page/index.ts";
import { brokenPromises, reportText, type ItemReport, type Report } from "./report.ts";

async function main(options: Options): Promise<void> {
  if (options.list) {
    process.stdout.write(`${listing()}\n`);
    return;
  }
  if (options.draw !== undefined) {
    const report = JSON.parse(readFileSync(options.draw, "utf8")) as Report;
    const file = options.draw.replace(/(\.json)?$/, ".html");
    writeFileSync(file, page(report));
    process.stderr.write(`drawn: ${file}\n`);
    return;
  }
  const bench = new Bench(benchOptions(options));
  stopWhenInterrupted(bench);
  const measured: ItemReport[] = [];
  for (const item of options.items) measured.push(await measure(item, bench, options.repetitions));
  const report: Report = {
    format: 2,
    at: new Date().toISOString(),
    revision: revision(),
    machine: machineInfo(),
    options: bench.options,
    items: measured,
  };
  const files = save(report);
  process.stdout.write(`${options.json ? JSON.stringify(report) : reportText(report)}\n`);
  process.stderr.write(`written: ${files.join(", ")}\n`);
  const wrong = [
    ...measured.flatMap(({ name, failures }) => failures.map((why) => `${name}: ${why}`)),
    ...brokenPromises(report),
  ];
  for (const line of wrong) process.stderr.write(`bench: ${line}\n`);
  if (wrong.length > 0) process.exitCode = 1;
}

/** Each repetition on a cluster that nobody has used; one that fails leaves the others their figures. */
async function measure(item: Item, bench: Bench, repetitions: number): Promise<ItemReport> {
  const all: (readonly Measured[])[] = [];
  const failures: string[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    process.stderr.write(`${item.name}: ${item.title} (${repetition} of ${repetitions}) …\n`);
    try {
      await bench.start();
      all.push(await item.run(bench));
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    } finally {
      await bench.stop();
    }
  }
  const { name, title, about } = item;
  return { name, title, about, repetitions: all, failures };
}

function benchOptions(options: Options): BenchOptions {
  const { bytes, keys, nodes, seconds, backlog, preload, failovers, minutes } = options;
  return { bytes, keys, nodes, seconds, backlog, preload, failovers, minutes };
}

function listing(): string {
  return sheet(
    items.map(({ name, about, isLong }) => [
      name,
      isLong === true ? `${about} (only by name)` : about,
    ]),
  );
}

/** The servers end with this process anyway; their directory would stay. */
function stopWhenInterrupted(bench: Bench): void {
  process.once("SIGINT", () => {
    process.stderr.write("bench: interrupted, stopping the cluster …\n");
    void bench.stop().finally(() => process.exit(130));
  });
}

function revision(): string {
  try {
    const git = (...words: string[]): string =>
      execFileSync("git", words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    const isChanged = git("status", "--porcelain", "--untracked-files=no") !== "";
    return `${git("rev-parse", "--short", "HEAD")}${isChanged ? "+" : ""}`;
  } catch {
    return "";
  }
}

function save(report: Report): readonly string[] {
  const directory = join("bench", "results");
  mkdirSync(directory, { recursive: true });
  const base = join(directory, report.at.replaceAll(":", "-"));
  writeFileSync(`${base}.json`, `${JSON.stringify(report, undefined, 1)}\n`);
  writeFileSync(`${base}.html`, page(report));
  return [`${base}.json`, `${base}.html`];
}

try {
  await main(parseOptions(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
