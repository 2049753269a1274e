// Which disk belongs to which member (R5, C7): the first incarnation that a member shows is the one it has, for ever. Kept in
// a file, so that a node that was wiped is refused by every member that has ever spoken to it.

import { readWhole, replaceFile, type Disk } from "./log/disk.ts";
import type { NodeId } from "../raft/index.ts";
import type { Incarnations } from "./grpc/handshake.ts";

const fileName = "members";
const bytesMax = 64 * 1024;

export async function openIncarnations(
  disk: Disk,
  directory: string,
  failed: (error: unknown) => void,
): Promise<Incarnations> {
  const known = new Map<NodeId, string>();
  if ((await disk.list(directory)).includes(fileName)) {
    const text = (await readWhole(disk, `${directory}/${fileName}`, bytesMax)).toString("utf8");
    for (const line of text.split("\n")) {
      const match = /^(\d+) (\S+)$/.exec(line);
      if (match !== null) known.set(Number(match[1]), String(match[2]));
    }
  }
  let writing: Promise<void> = Promise.resolve();
  return {
    known: (peer) => known.get(peer),
    remember: (peer, incarnation) => {
      known.set(peer, incarnation);
      const text = [...known].map(([id, name]) => `${id} ${name}\n`).join("");
      writing = writing
        .then(() => replaceFile(disk, directory, fileName, Buffer.from(text)))
        .catch(failed);
    },
  };
}
