// Every node's log as data, through the product's own `raftq log`: what the witness-order check replays.
//   E1. What a node removes while a run lasts (a snapshot covers it, a disk is wiped) is kept: each segment file is hard-linked
//       about once a second. A linked file goes on growing, and is cut, with the node's own.
//   E2. A node's log is what its last file continues: from there back, from file to file, each found by the chain that the later
//       one begins with. So what an earlier generation, an overwritten end or an old copy left behind does not get in.
//   E3. It is dense. It begins where nothing continues it to the front, and ends with the last whole entry.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, link, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { LogEntry, NodeLog } from "../checkers/contract.ts";

const segmentName = /^(\d{16})-(\d{10})\.log$/;

/** The built `raftq` of this checkout, seen from the source or from dist/. */
const builtBinary = fileURLToPath(
  new URL(
    import.meta.url.endsWith(".ts") ? "../../dist/cli/raftq.cjs" : "../../cli/raftq.cjs",
    import.meta.url,
  ),
);

interface SegmentFile {
  readonly name: string;
  readonly path: string;
  readonly inode: number;
  readonly bytes: number;
}

/**
 * Keeps every segment file that there is now (E1), under its name and inode: a name can come again. Both directories should lie on
 * one file system; otherwise files are copied whenever they have another length than their copy.
 */
export async function archive(dataDirectory: string, archiveDirectory: string): Promise<void> {
  await mkdir(archiveDirectory, { recursive: true });
  for (const file of await segmentsIn(join(dataDirectory, "log"))) {
    const kept = join(archiveDirectory, `${file.name}.${file.inode}`);
    try {
      await link(file.path, kept);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // It went meanwhile; it had been kept before, unless it came and went within one round.
      if (code === "ENOENT") continue;
      if (code === "EEXIST" && (await sameLength(kept, file.bytes))) continue;
      if (code !== "EXDEV" && code !== "EEXIST") throw error;
      await copyIfThere(file.path, kept);
    }
  }
}

async function sameLength(path: string, bytes: number): Promise<boolean> {
  const kept = await stat(path);
  // One file with two names: its length is its own.
  return kept.nlink > 1 || kept.size === bytes;
}

/** A file that went, or whose disk is dead, is left as it was kept: the next round asks again. */
async function copyIfThere(from: string, to: string): Promise<void> {
  const fresh = `${to}.tmp`;
  try {
    await copyFile(from, fresh);
    await rename(fresh, to);
  } catch (error) {
    await rm(fresh, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "EIO") throw error;
  }
}

async function segmentsIn(directory: string): Promise<SegmentFile[]> {
  const found: SegmentFile[] = [];
  for (const name of await namesIn(directory)) {
    if (!segmentName.test(name)) continue;
    const path = join(directory, name);
    const status = await stat(path).catch(() => undefined);
    if (status !== undefined) found.push({ name, path, inode: status.ino, bytes: status.size });
  }
  return found;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

export interface NodeFiles {
  readonly nodeId: number;
  readonly dataDirectory: string;
  /** Where `archive` has kept this node's files: one directory for each node. */
  readonly archiveDirectory: string;
}

/** `raftq log` could not be run, or said something else than entries. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

/**
 * The logs, in the order of `nodes`; a node without any entry has an empty one. Entries that several nodes have alike are one object.
 * `binary`: default: the built raftq of this checkout. @throws {ExportError}
 */
export async function exportLogs(
  nodes: readonly NodeFiles[],
  { binary = builtBinary }: { readonly binary?: string } = {},
): Promise<NodeLog[]> {
  const shared = new Shared();
  const logs: NodeLog[] = [];
  for (const { nodeId, dataDirectory, archiveDirectory } of nodes) {
    await archive(dataDirectory, archiveDirectory);
    const present = await segmentsIn(join(dataDirectory, "log"));
    const names = (await namesIn(archiveDirectory)).sort();
    const paths = names.map((name) => join(archiveDirectory, name));
    const files = await readEntries(binary, paths, shared);
    const last = lastFile(files, present, archiveDirectory);
    logs.push({ nodeId, entries: last === undefined ? [] : continued(last, files) });
  }
  return logs;
}

/** Entries of one file: dense. */
interface FileEntries {
  readonly path: string;
  readonly generation: number;
  /** Of the entry before the first. */
  readonly chainBefore: string;
  readonly entries: LogEntry[];
}

/** A line of `raftq log --json`. */
type Line = LogEntry & {
  readonly file: string;
  readonly generation: number;
  readonly chainBefore: string;
  readonly end?: string;
};

/** Entries alike on several nodes are kept once: by a hash of everything that the line says of them. */
class Shared {
  readonly #byHash = new Map<string, LogEntry>();

  entry(text: string, line: Line): LogEntry {
    const { index, term, kind, chain, chainBefore, stamp, commands } = line;
    const entry = { index, term, kind, chain, chainBefore, stamp, commands };
    const at = text.indexOf('"index":');
    const hash = createHash("sha1").update(text.slice(at)).digest("base64");
    const known = this.#byHash.get(hash);
    if (known !== undefined) return known;
    this.#byHash.set(hash, entry);
    return entry;
  }
}

/** Command lines have a bound. */
const filesPerRun = 200;

async function readEntries(
  binary: string,
  paths: readonly string[],
  shared: Shared,
): Promise<FileEntries[]> {
  const files = new Map<string, FileEntries>();
  for (let at = 0; at < paths.length; at += filesPerRun) {
    await runLog(binary, paths.slice(at, at + filesPerRun), (text) => {
      const line = JSON.parse(text) as Line;
      if (line.end !== undefined) return;
      let file = files.get(line.file);
      if (file === undefined) {
        const { generation, chainBefore } = line;
        file = { path: line.file, generation, chainBefore, entries: [] };
        files.set(line.file, file);
      }
      const before = file.entries.at(-1)?.index ?? line.index - 1;
      if (line.index !== before + 1)
        throw new ExportError(`${line.file}: entry ${line.index} follows entry ${before}`);
      file.entries.push(shared.entry(text, line));
    });
  }
  return [...files.values()];
}

/** Damage in a file (exit code 1) is no failure of the export: what is whole before it was said. */
async function runLog(
  binary: string,
  paths: readonly string[],
  take: (line: string) => void,
): Promise<void> {
  const child = spawn(process.execPath, [binary, "log", "--json", ...paths], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity }))
    take(line);
  const code = await ended;
  if (code === 0 || (code === 1 && said.includes(": damaged;"))) return;
  throw new ExportError(`raftq log ended with code ${code ?? "none"}: ${said.trim()}`);
}

/** The one that the node would append to: of its newest generation, the last. A node whose directory is gone: of what was kept. */
function lastFile(
  files: readonly FileEntries[],
  present: readonly SegmentFile[],
  archiveDirectory: string,
): FileEntries | undefined {
  const now = new Set(present.map(({ name, inode }) => join(archiveDirectory, `${name}.${inode}`)));
  const there = files.filter(({ path }) => now.has(path));
  const candidates = there.length > 0 ? there : files;
  return candidates.reduce<FileEntries | undefined>(
    (last, file) => (last === undefined || isLater(file, last) ? file : last),
    undefined,
  );
}

function isLater(a: FileEntries, b: FileEntries): boolean {
  if (a.generation !== b.generation) return a.generation > b.generation;
  return lastIndex(a) > lastIndex(b);
}

function lastIndex({ entries }: FileEntries): number {
  return entries.at(-1)?.index ?? 0;
}

/** E2. */
function continued(last: FileEntries, files: readonly FileEntries[]): readonly LogEntry[] {
  const parts: (readonly LogEntry[])[] = [last.entries];
  let begin = { index: last.entries[0]?.index ?? 1, chain: last.chainBefore };
  while (begin.index > 1) {
    const before = files.find((file) => entryAt(file, begin.index - 1)?.chain === begin.chain);
    if (before === undefined) break;
    const first = before.entries[0]?.index ?? 1;
    parts.push(before.entries.slice(0, begin.index - first));
    begin = { index: first, chain: before.chainBefore };
  }
  return parts.reverse().flat();
}

function entryAt({ entries }: FileEntries, index: number): LogEntry | undefined {
  return entries[index - (entries[0]?.index ?? 1)];
}
