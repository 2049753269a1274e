// The power-loss sweep: the power goes at each of the first N syncs of a node, and nothing that was acknowledged may be gone.
//   SW1. The points are counted by a first run that only looks; a point says which sync it really hit, since runs differ a little.
//   SW2. Each point is written down when it is done; a sweep that was interrupted goes on where it was.
//   SW3. A sweep counts only when each point was reached and its disks really lost what was not synced.

import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whyNoDisks } from "./host/disks.ts";
import { cleanLeftovers } from "./host/leftovers.ts";
import { firstSyncs, runPoint, type PointResult, type SweepMode } from "./host/sweep-point.ts";
import { whyNoTracing } from "./host/tracing.ts";

export type { PointResult, SweepMode } from "./host/sweep-point.ts";

export const sweepModes: readonly SweepMode[] = ["one", "all", "single"];

export interface SweepOptions {
  /** What was found so far, one line per point (SW2), the table, and what is left of points where something was wrong. */
  readonly directory: string;
  /** Syncs of a node, from its first. Default 200. */
  readonly points?: number;
  /** Every so many of them. Default 1: all. */
  readonly every?: number;
  /** Default: one node of three, and all three. */
  readonly modes?: readonly SweepMode[];
  /** A line for who watches. */
  say(line: string): void;
  readonly signal?: AbortSignal;
}

export interface SweepResult {
  readonly results: readonly PointResult[];
  /** Something acknowledged is gone, doubled or out of order, or a node did not come back. */
  readonly violated: readonly PointResult[];
  /** Points that show nothing (SW3). */
  readonly inconclusive: readonly PointResult[];
  /** Markdown. */
  readonly table: string;
}

/** Undefined: it can be had here. */
export async function whyNoSweep(): Promise<string | undefined> {
  return (await whyNoDisks(tmpdir())) ?? (await whyNoTracing());
}

/**
 * @throws where there are no such disks or no tracing (`whyNoSweep`).
 */
export async function sweep(options: SweepOptions): Promise<SweepResult> {
  const why = await whyNoSweep();
  if (why !== undefined) throw new Error(`no power-loss sweep here: ${why}`);
  cleanLeftovers();
  await mkdir(options.directory, { recursive: true });
  const file = join(options.directory, "points.jsonl");
  const done = await readResults(file);
  for (const mode of options.modes ?? ["one", "all"])
    for await (const result of remaining(options, mode, done)) {
      done.push(result);
      await appendFile(file, `${JSON.stringify(result)}\n`);
      options.say(progress(result, done, options));
    }
  const summary = summarise(done);
  await writeFile(join(options.directory, "table.md"), summary.table);
  return summary;
}

async function* remaining(
  options: SweepOptions,
  mode: SweepMode,
  done: readonly PointResult[],
): AsyncGenerator<PointResult> {
  const { directory, points = 200, every = 1, signal } = options;
  const isDone = new Set(done.filter((each) => each.mode === mode).map(({ point }) => point));
  const left = Array.from({ length: points }, (_, index) => index + 1).filter(
    (point) => (point - 1) % every === 0 && !isDone.has(point),
  );
  if (left.length === 0) return;
  options.say(`${mode}: looking at the first ${points} syncs of a node`);
  const syncs = await firstSyncs(join(directory, "look"), mode === "single" ? 1 : 3, points);
  for (const point of left) {
    const at = syncs[point - 1];
    if (signal?.aborted === true || at === undefined) return;
    yield await runPoint(join(directory, `${mode}-${point}`), mode, point, at);
  }
}

async function readResults(file: string): Promise<PointResult[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  // A line that was being written at an interruption has no end.
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as PointResult);
}

const shows = ({ sync, powerLost }: PointResult): boolean => sync > 0 && powerLost;

function progress(last: PointResult, done: readonly PointResult[], options: SweepOptions): string {
  const total = Math.ceil((options.points ?? 200) / (options.every ?? 1));
  const ofMode = done.filter(({ mode }) => mode === last.mode).length;
  const what = last.sync === 0 ? "not reached" : `sync ${last.sync}, ${last.at}`;
  const verdict = last.violations[0] ?? (shows(last) ? "all there" : "shows nothing");
  return `${last.mode} ${ofMode}/${total}: ${what}: ${last.acked} acknowledged, ${verdict} (${last.seconds} s)`;
}

export function summarise(results: readonly PointResult[]): SweepResult {
  const violated = results.filter(({ violations }) => violations.length > 0);
  const inconclusive = results.filter((each) => each.violations.length === 0 && !shows(each));
  const rows = sweepModes.flatMap((mode) => {
    const all = results.filter((each) => each.mode === mode);
    return all.length === 0 ? [] : [row(mode, all)];
  });
  const head = [
    "| power lost by | points | syncs hit | in files | acknowledged before / in all | found | lost, doubled, out of order | shows nothing | minutes |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
  ];
  return { results, violated, inconclusive, table: `${[...head, ...rows].join("\n")}\n` };
}

const titles: Readonly<Record<SweepMode, string>> = {
  one: "one node of three",
  all: "all three nodes",
  single: "the only node",
};

function row(mode: SweepMode, all: readonly PointResult[]): string {
  const sum = (of: (each: PointResult) => number): number =>
    all.reduce((total, each) => total + of(each), 0);
  const hit = new Set(all.filter(shows).map(({ sync }) => sync));
  const kinds = new Map<string, number>();
  for (const each of all.filter(shows)) {
    const kind = kindOf(each.at);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const files = [...kinds].sort((a, b) => b[1] - a[1]).map(([kind, count]) => `${kind} ${count}`);
  const cells = [
    ...[titles[mode], all.length, `${hit.size} (${Math.min(...hit)} to ${Math.max(...hit)})`],
    ...[files.join(", "), `${sum((each) => each.ackedBefore)} / ${sum((each) => each.acked)}`],
    ...[sum((each) => each.found), sum(({ violations }) => violations.length)],
    ...[all.filter((each) => !shows(each)).length, (sum(({ seconds }) => seconds) / 60).toFixed(1)],
  ];
  return `| ${cells.join(" | ")} |`;
}

/** "fdatasync log/0000000000000001-0000000000.log" → "log segment". */
function kindOf(at: string): string {
  const file = at.replace(/^\w+ /, "");
  if (at.startsWith("fsync ") && !/\.\w+$/.test(file)) return "directory";
  if (/^log\/\d+-\d+/.test(file)) return "log segment";
  if (file.startsWith("state/")) return "state";
  return file.replace(/\.tmp$/, "");
}
