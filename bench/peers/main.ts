// `npm run bench:peers -- --peers DIR`: raftq and other systems, in turn, with the same scripts, in one run. The scripts are not
// part of this project: they are copied to a temporary folder, our driver is put beside theirs, and nothing of theirs is changed.

import { spawn } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { machineInfo } from "../machine.ts";
import { parsePeersOptions, type PeersOptions } from "./options.ts";
import type { ResultLine } from "./rows.ts";
import { isInstalled, missingText, searchPath, systems, type System } from "./systems.ts";
import { peersTable } from "./table.ts";

const home = fileURLToPath(new URL("../../..", import.meta.url));
const ours = join(home, "bench", "peers");
/** A failover of the slowest of them, with its node's return and the look at what is stored. */
const failoverSecondsMax = 45;
const interruption = new AbortController();
const isInterrupted = (): boolean => interruption.signal.aborted;

async function main(options: PeersOptions): Promise<void> {
  const wanted = options.systems ?? systems;
  const missing = wanted.filter((system) => !isInstalled(system));
  const chosen = wanted.filter((system) => !missing.includes(system));
  const advice = missingText(missing);
  if (advice !== undefined) say(advice);
  if (chosen.length === 0) throw new Error("nothing is left to be measured");
  const folder = copy(options.peers);
  try {
    await run("npm", ["ci", "--no-audit", "--no-fund"], folder, {});
    const failed = await measure(options, chosen, folder);
    const lines = readLines(folder);
    if (lines.length === 0) throw new Error("nothing was measured");
    report(options, lines, failed);
  } finally {
    if (options.keep) say(`kept: ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

function copy(peers: string): string {
  const folder = mkdtempSync(join(tmpdir(), "raftq-peers-"));
  const left = new Set(["node_modules", "results"]);
  cpSync(peers, folder, { recursive: true, filter: (path) => !left.has(basename(path)) });
  copyFileSync(join(ours, "driver.mjs"), join(folder, "raftq.mjs"));
  for (const name of ["start-raftq.sh", "stop-raftq.sh"])
    copyFileSync(join(ours, name), join(folder, name));
  return folder;
}

/** All systems in turn, again and again: a machine that drifts does so for all of them. */
async function measure(
  { groups, rounds, failovers }: PeersOptions,
  chosen: readonly System[],
  folder: string,
): Promise<readonly string[]> {
  const failed: string[] = [];
  for (let round = 1; round <= rounds; round++) {
    const kills =
      Math.floor((failovers * round) / rounds) - Math.floor((failovers * (round - 1)) / rounds);
    for (const { name, title } of chosen) {
      if (isInterrupted()) return failed;
      say(`round ${round} of ${rounds}: ${title} …`);
      const environment = {
        RAFTQ_HOME: home,
        PEER_ROOT: join(folder, "data"),
        REPS: "1",
        FAILOVERS: String(kills),
        SECTION_MAX: String(Math.max(178, kills * failoverSecondsMax)),
      };
      const doable = groups.filter((group) => group !== "failover" || kills > 0);
      const start = (): Promise<number> => run("./run", [name, ...doable], folder, environment);
      const before = readLines(folder).length;
      let code = await start();
      // Their ports are among those that outgoing connections get: one may have been taken just then.
      if (code !== 0 && readLines(folder).length === before && !isInterrupted()) {
        say(`${title} did not start; once more …`);
        code = await start();
      }
      if (code !== 0) failed.push(`round ${round}: ${title} ended with code ${code}`);
    }
  }
  return failed;
}

/** What it prints goes to a file, what it complains about to the terminal. */
function run(
  program: string,
  words: readonly string[],
  folder: string,
  environment: Readonly<Record<string, string>>,
): Promise<number> {
  const output = openSync(join(folder, "output.log"), "a");
  return new Promise<number>((resolve, reject) => {
    const child = spawn(program, words, {
      cwd: folder,
      env: { ...process.env, PATH: searchPath, ...environment },
      stdio: ["ignore", output, "inherit"],
    });
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  })
    .then((code) => {
      if (program === "npm" && code !== 0) throw new Error("npm ci failed in the scripts' copy");
      return code;
    })
    .finally(() => closeSync(output));
}

function readLines(folder: string): readonly ResultLine[] {
  const file = join(folder, "results", "results.jsonl");
  if (!existsSync(file)) return [];
  const texts = readFileSync(file, "utf8").trim().split("\n");
  return texts.map((text) => JSON.parse(text) as ResultLine);
}

function report(
  options: PeersOptions,
  lines: readonly ResultLine[],
  failed: readonly string[],
): void {
  const at = new Date().toISOString();
  const { groups, rounds, failovers } = options;
  const whole = { at, machine: machineInfo(), groups, rounds, failovers, failed, lines };
  const directory = join(home, "bench", "results");
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `peers-${at.replaceAll(":", "-")}.json`);
  writeFileSync(file, `${JSON.stringify(whole, undefined, 1)}\n`);
  process.stdout.write(`${options.json ? JSON.stringify(whole) : peersTable(lines)}\n`);
  for (const { system, item, size, error } of lines)
    if (error !== undefined) say(`${system} ${item} ${size}: ${error}`);
  for (const line of failed) say(line);
  say(`written: ${file}`);
  if (failed.length > 0) process.exitCode = 1;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

// The scripts get the signal too, and stop what they started: what is measured by then is told.
process.on("SIGINT", () => interruption.abort());
try {
  await main(parsePeersOptions(process.argv.slice(2)));
} catch (error) {
  say(`bench:peers: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
