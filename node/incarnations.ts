// Which disk belongs to which member, before the membership says it (R5, C7): the first incarnation that a member shows is the
// one it has. Kept in a file, so that a node that was wiped is refused by every member that has ever spoken to it.

import type { NodeId } from "../raft/index.ts";
import { crc32c } from "./log/crc.ts";
import { readWhole, replaceFile, type Disk } from "./log/disk.ts";

const fileName = "members";
const bytesMax = 64 * 1024;
/** Far above the members that a cluster can have at a time; the oldest is forgotten, the membership knows it by then. */
const knownMax = 256;

export interface Incarnations {
  known(peer: NodeId): string | undefined;
  /** The first one counts; later ones change nothing. */
  remember(peer: NodeId, incarnation: string): void;
}

/** The file cannot be trusted. The message says what to do. */
export class CorruptIncarnations extends Error {
  override readonly name = "CorruptIncarnations";
}

/** `failed`: what was remembered could not be written down (F2). @throws {CorruptIncarnations} */
export async function openIncarnations(
  disk: Disk,
  directory: string,
  failed: (error: unknown) => void,
): Promise<Incarnations> {
  const path = `${directory}/${fileName}`;
  const found = (await disk.list(directory)).includes(fileName);
  const known = found
    ? decode(path, await readWhole(disk, path, bytesMax))
    : new Map<NodeId, string>();
  let writing: Promise<void> = Promise.resolve();
  return {
    known: (peer) => known.get(peer),
    remember: (peer, incarnation) => {
      if (known.has(peer)) return;
      known.set(peer, incarnation);
      for (const oldest of known.keys()) {
        if (known.size <= knownMax) break;
        known.delete(oldest);
      }
      const bytes = encode(known);
      writing = writing.then(() => replaceFile(disk, directory, fileName, bytes)).catch(failed);
    },
  };
}

/** crc32c of the rest in hexadecimal, a line break, then a line for each member: number, blank, incarnation. */
function encode(known: ReadonlyMap<NodeId, string>): Buffer {
  const text = [...known].map(([id, incarnation]) => `${id} ${incarnation}\n`).join("");
  return Buffer.from(`${sumOf(text)}\n${text}`);
}

function decode(path: string, bytes: Buffer): Map<NodeId, string> {
  const text = bytes.toString("utf8");
  const rest = text.slice(9);
  if (text.slice(0, 9) !== `${sumOf(rest)}\n`) {
    throw new CorruptIncarnations(
      `${path} is damaged (its checksum does not match). It says which disk each member had when this node first met it; ` +
        "without it a wiped member could pass for the old one. Restore the file, or replace this node: remove the member " +
        "from the cluster, and add a new one with an empty data directory under a number that was never used",
    );
  }
  const lines = rest.split("\n").filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      const blank = line.indexOf(" ");
      return [Number(line.slice(0, blank)), line.slice(blank + 1)];
    }),
  );
}

function sumOf(text: string): string {
  return crc32c(Buffer.from(text)).toString(16).padStart(8, "0");
}
