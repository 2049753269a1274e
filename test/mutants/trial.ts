// One mutant against one suite, in a process of its own.

import { spawn } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { mutantVariable, type Mutant } from "./mutant.ts";

export interface Found {
  /** The invariant or the test that went red. */
  readonly check: string;
  /** Seeds of the simulation until then; undefined: found without it. */
  readonly seeds: number | undefined;
}

export interface Trial {
  readonly suite: "simulation" | "tests";
  /** undefined: the suite stayed green. */
  readonly found: Found | undefined;
  readonly seconds: number;
}

const root = fileURLToPath(new URL("../../../", import.meta.url));
const register = new URL("./register.js", import.meta.url).href;
const simulation = fileURLToPath(new URL("../simulation/main.js", import.meta.url));
const vitest = join(root, "node_modules/vitest/vitest.mjs");

/** Whole clusters, seed after seed, until one of them shows the bug. */
export async function trySimulation(
  mutant: Mutant | undefined,
  { seeds, seconds }: { readonly seeds: number; readonly seconds: number },
): Promise<Trial> {
  const args = ["--seeds", String(seeds), "--first", "1", "--jobs", "1", "--json"];
  const began = performance.now();
  const { code, stdout, timedOut } = await run([simulation, ...args], mutant, seconds * 1_000, {
    NODE_OPTIONS: `--import=${register}`,
  });
  const took = (performance.now() - began) / 1_000;
  if (timedOut) return { suite: "simulation", found: undefined, seconds: took };
  if (code === 0) return { suite: "simulation", found: undefined, seconds: took };
  return { suite: "simulation", found: foundIn(stdout), seconds: took };
}

function foundIn(stdout: string): Found {
  const report = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as {
    readonly seeds?: number;
    readonly failures?: readonly { readonly what: string }[];
    readonly inconclusive?: readonly string[];
  };
  const failure = report.failures?.[0]?.what ?? `inconclusive: ${report.inconclusive?.join(", ")}`;
  return { check: failure.split("\n")[0] ?? "", seeds: report.seeds };
}

/** The folder of the tests that look at a source file most closely. */
export function testsOf({ file }: Mutant): string {
  return file.startsWith("node/log/") ? "test/node/log/" : `test/${file.split("/")[0] ?? ""}/`;
}

/** The tests of a folder, without the simulation. */
export async function tryTests(
  mutant: Mutant | undefined,
  folder: string,
  seconds: number,
): Promise<Trial> {
  const report = join(tmpdir(), `raftq-mutant-${process.pid}-${mutant?.name ?? "none"}.json`);
  const began = performance.now();
  const { code, timedOut } = await run(
    [
      ...[vitest, "run", "--project", "unit", folder, "--bail", "1"],
      ...["--reporter", "json", "--outputFile", report],
    ],
    mutant,
    seconds * 1_000,
    {},
  );
  const took = (performance.now() - began) / 1_000;
  if (timedOut)
    return {
      suite: "tests",
      found: { check: "the tests do not end", seeds: undefined },
      seconds: took,
    };
  if (code === 0) return { suite: "tests", found: undefined, seconds: took };
  const { testResults } = JSON.parse(await readFile(report, "utf8")) as {
    readonly testResults: readonly {
      readonly name: string;
      readonly status: string;
      readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
    }[];
  };
  await rm(report, { force: true });
  const failed = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ status }) => status === "failed");
  const file = testResults.find(({ status }) => status === "failed")?.name ?? "";
  return {
    suite: "tests",
    found: { check: failed?.fullName ?? `${file} cannot be loaded`, seeds: undefined },
    seconds: took,
  };
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly timedOut: boolean;
}

function run(
  args: readonly string[],
  mutant: Mutant | undefined,
  timeoutMs: number,
  environment: NodeJS.ProcessEnv,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, ...environment, [mutantVariable]: mutant?.name ?? "", NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    });
    let stdout = "";
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      // The whole group: vitest has workers.
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, timeoutMs);
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, timedOut });
    });
  });
}
