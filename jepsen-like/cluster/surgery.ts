// What a bad disk, or a bad hand, does to the directory of a node that is down.
//   SU1. Only to a node that is down: what a running one has open is another fault.
//   SU2. The same draws on the same files do the same, and what was done is told to the byte, for the report.
//   SU3. It hits what was written: not the zeros that a file was made longer with beforehand, which say nothing.

import {
  closeSync,
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join, relative, sep } from "node:path";
import type { Random } from "../nemesis/random.ts";
import type { Cluster } from "./contract.ts";

/** Files of a data directory, by what they are for. */
const patterns = {
  segment: /^log\/[^/]+\.log$/,
  base: /^log\/base$/,
  "hard-state": /^log\/hard-state$/,
  guard: /^log\/guard$/,
  identity: /^identity$/,
  members: /^members$/,
  /** Which store is the present one. */
  "state-current": /^state\/current$/,
  sst: /^state\/\d+\/[^/]+\.sst$/,
  manifest: /^state\/\d+\/MANIFEST-\d+$/,
  current: /^state\/\d+\/CURRENT$/,
} as const;

export type FileKind = keyof typeof patterns;
export const fileKinds = Object.keys(patterns) as readonly FileKind[];

export const cuts = ["one byte", "some bytes", "the second half", "all"] as const;
export type Cut = (typeof cuts)[number];

export interface Operation {
  /** One sentence: "flips bit 3 of byte 4711 of log/…-0000000000.log of node 2". */
  readonly what: string;
  readonly nodeId: number;
  /** Below the data directory; absent: all of it. */
  readonly file?: string;
  /** Where it changed, or where the file ends now. */
  readonly offset?: number;
  /** Of the file; after a deletion 0. */
  readonly bytesBefore?: number;
  readonly bytesAfter?: number;
}

const blockBytes = 64 * 1024;
const someBytesMax = 4096;

/** Deletes all that the node has. Started again, it is refused by the others under its old number. */
export function wipe(cluster: Cluster, nodeId: number): Operation {
  rmSync(directoryOf(cluster, nodeId), { recursive: true, force: true });
  return { what: `wipes the disk of node ${nodeId}`, nodeId };
}

/** Keeps a copy of what the node has, in a directory that is made for it. */
export function keepCopy(cluster: Cluster, nodeId: number, copy: string): void {
  const directory = directoryOf(cluster, nodeId);
  rmSync(copy, { recursive: true, force: true });
  cpSync(directory, copy, { recursive: true });
}

/** Puts an old copy in the place of what the node has: it forgets what came since, votes and acknowledgements too. */
export function restoreCopy(cluster: Cluster, nodeId: number, copy: string): Operation {
  const directory = directoryOf(cluster, nodeId);
  if (!existsSync(copy)) throw new Error(`there is no copy of node ${nodeId} at ${copy}`);
  rmSync(directory, { recursive: true, force: true });
  cpSync(copy, directory, { recursive: true });
  return { what: `puts an old copy in the place of the disk of node ${nodeId}`, nodeId };
}

/** Flips one bit of one file of a kind. Undefined: the node has none of this kind with anything in it. */
export function flipBit(
  cluster: Cluster,
  nodeId: number,
  kind: FileKind,
  random: Random,
): Operation | undefined {
  const found = pickFile(cluster, nodeId, kind, random);
  if (found === undefined) return undefined;
  const { path, file, used, size } = found;
  const offset = pickWritten(path, used, random);
  const bit = random.between(0, 7);
  const handle = openSync(path, "r+");
  try {
    const byte = Buffer.alloc(1);
    readSync(handle, byte, 0, 1, offset);
    byte.writeUInt8(byte.readUInt8() ^ (1 << bit));
    writeSync(handle, byte, 0, 1, offset);
  } finally {
    closeSync(handle);
  }
  const what = `flips bit ${bit} of byte ${offset} of ${file} of node ${nodeId}`;
  return { what, nodeId, file, offset, bytesBefore: size, bytesAfter: size };
}

/** Takes the end of one file of a kind away. Undefined: the node has none of this kind with anything in it. */
export function truncate(
  cluster: Cluster,
  nodeId: number,
  kind: FileKind,
  cut: Cut,
  random: Random,
): Operation | undefined {
  const found = pickFile(cluster, nodeId, kind, random);
  if (found === undefined) return undefined;
  const { path, file, used, size } = found;
  const taken = {
    "one byte": 1,
    "some bytes": random.between(Math.min(2, used), Math.min(someBytesMax, used)),
    "the second half": Math.ceil(used / 2),
    all: used,
  }[cut];
  const offset = used - taken;
  truncateSync(path, offset);
  const what = `takes the last ${taken} of ${used} bytes of ${file} of node ${nodeId}`;
  return { what, nodeId, file, offset, bytesBefore: size, bytesAfter: offset };
}

/** Deletes one file of a kind. Undefined: the node has none of this kind with anything in it. */
export function remove(
  cluster: Cluster,
  nodeId: number,
  kind: FileKind,
  random: Random,
): Operation | undefined {
  const found = pickFile(cluster, nodeId, kind, random);
  if (found === undefined) return undefined;
  const { path, file, size } = found;
  rmSync(path);
  const what = `deletes ${file} (${size} bytes) of node ${nodeId}`;
  return { what, nodeId, file, offset: 0, bytesBefore: size, bytesAfter: 0 };
}

/** Files of a kind, below the data directory, in order. */
export function filesOf(cluster: Cluster, nodeId: number, kind: FileKind): readonly string[] {
  const directory = cluster.dataDirectory(nodeId);
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((name) => patterns[kind].test(name))
    .sort();
}

/** SU1. */
function directoryOf(cluster: Cluster, nodeId: number): string {
  if (cluster.isRunning(nodeId)) throw new Error(`node ${nodeId} is running`);
  return cluster.dataDirectory(nodeId);
}

interface Found {
  readonly path: string;
  readonly file: string;
  readonly size: number;
  /** Up to the last byte that is not zero (SU3). */
  readonly used: number;
}

function pickFile(
  cluster: Cluster,
  nodeId: number,
  kind: FileKind,
  random: Random,
): Found | undefined {
  const directory = directoryOf(cluster, nodeId);
  const files = filesOf(cluster, nodeId, kind)
    .map((file) => ({ file, path: join(directory, file) }))
    .map((found) => ({ ...found, size: statSync(found.path).size, used: usedBytes(found.path) }))
    .filter(({ used }) => used > 0);
  return files.length === 0 ? undefined : random.pick(files);
}

/** A byte that is not zero, or the last one if chance finds none. */
function pickWritten(path: string, used: number, random: Random): number {
  const handle = openSync(path, "r");
  try {
    const block = Buffer.alloc(Math.min(blockBytes, used));
    const from = random.between(0, used - block.length);
    readSync(handle, block, 0, block.length, from);
    const written = [...block.entries()].filter(([, byte]) => byte !== 0);
    return written.length === 0 ? used - 1 : from + random.pick(written)[0];
  } finally {
    closeSync(handle);
  }
}

function usedBytes(path: string): number {
  const handle = openSync(path, "r");
  try {
    const block = Buffer.alloc(blockBytes);
    for (let end = statSync(path).size; end > 0; end -= Math.min(end, blockBytes)) {
      const from = Math.max(0, end - blockBytes);
      readSync(handle, block, 0, end - from, from);
      for (let at = end - from - 1; at >= 0; at--) if (block[at] !== 0) return from + at + 1;
    }
    return 0;
  } finally {
    closeSync(handle);
  }
}
