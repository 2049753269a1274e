// What a run leaves behind, and where:
//   history/*.jsonl   what every process asked and was told       nodes/node-N/      data (unless it passed) and server.log
//   nemesis.jsonl     what was injected, when, and what showed it  logs/node-N.jsonl  each node's log, as data
//   run.json          seed, version, command line, queues, leaders, digests, barrier …
//   verdict.json      what it came to                              report.html        the page

import { createWriteStream, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { LogEntry, NodeLog } from "../checkers/contract.ts";

export interface Place {
  readonly directory: string;
  readonly history: string;
  readonly nodes: string;
  readonly archive: string;
  readonly logs: string;
  /** For what faults keep: images, old copies. */
  readonly scratch: string;
  readonly nemesis: string;
  readonly record: string;
  readonly verdict: string;
  readonly page: string;
}

export function placeIn(directory: string): Place {
  const at = (name: string): string => join(directory, name);
  return {
    directory,
    history: at("history"),
    nodes: at("nodes"),
    archive: at("archive"),
    logs: at("logs"),
    scratch: at("scratch"),
    nemesis: at("nemesis.jsonl"),
    record: at("run.json"),
    verdict: at("verdict.json"),
    page: at("report.html"),
  };
}

/** OUT/2026-11-21T15-40-12-SEED, made. */
export function newPlace(out: string, seed: number, now: Date): Place {
  const time = now.toISOString().slice(0, 19).replaceAll(":", "-");
  const place = placeIn(resolve(out, `${time}-${seed}`));
  for (const folder of [place.history, place.nodes, place.archive, place.logs, place.scratch])
    mkdirSync(folder, { recursive: true });
  return place;
}

export const writeJson = (path: string, value: unknown): void =>
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);

/** @throws {Error} that names the file. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new Error(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Data directories and archived segments, which are large; logs of the servers stay. */
export function removeData(place: Place, nodeIds: readonly number[]): void {
  for (const folder of [place.archive, place.scratch])
    rmSync(folder, { recursive: true, force: true });
  for (const id of nodeIds)
    rmSync(join(place.nodes, `node-${id}`, "data"), { recursive: true, force: true });
}

/** One file for each node, an entry a line. */
export async function saveLogs(place: Place, logs: readonly NodeLog[]): Promise<void> {
  for (const { nodeId, entries } of logs) {
    const stream = createWriteStream(join(place.logs, `node-${nodeId}.jsonl`));
    for (const entry of entries) {
      if (!stream.write(`${JSON.stringify(entry)}\n`)) await once(stream, "drain");
    }
    stream.end();
    await once(stream, "finish");
  }
}

export async function readLogs(place: Place): Promise<NodeLog[]> {
  const logs: NodeLog[] = [];
  // Alike on most nodes: kept once.
  const known = new Map<string, LogEntry>();
  for (const name of (await readdir(place.logs)).sort()) {
    const id = /^node-(\d+)\.jsonl$/.exec(name)?.[1];
    if (id === undefined) continue;
    const entries: LogEntry[] = [];
    for await (const line of createInterface({ input: createReadStream(join(place.logs, name)) })) {
      const entry = known.get(line) ?? (JSON.parse(line) as LogEntry);
      known.set(line, entry);
      entries.push(entry);
    }
    logs.push({ nodeId: Number(id), entries });
  }
  return logs;
}
