// What the loss of power leaves of a file: every sector of an unsynced write is kept or lost by itself, some are torn inside.

import { Content, type Inode } from "./inode.ts";

const sectorBytes = 512;

/** What a crash leaves of a file, and how many of its writes came through only in part. */
export function crashed(
  inode: Inode,
  random: () => number,
  chance: number,
): { content: Content; torn: number } {
  const content = Content.of(inode.durable.bytes);
  let torn = 0;
  for (const change of inode.pending) {
    if (change.kind === "truncate") {
      if (random() < chance) content.resize(change.size);
      continue;
    }
    const { at, bytes } = change;
    let isWhole = true;
    let from = 0;
    while (from < bytes.byteLength) {
      const sectorEnd = (Math.floor((at + from) / sectorBytes) + 1) * sectorBytes - at;
      let to = Math.min(bytes.byteLength, sectorEnd);
      const next = to;
      if (random() < chance) {
        if (chance < 1 && random() < 0.1) to = from + Math.floor(random() * (to - from));
        if (to > from) content.write(at + from, bytes.subarray(from, to));
        isWhole &&= to === next;
      } else {
        isWhole = false;
        // The size was written, the content was not.
        if (random() < chance && at + to > content.length) content.resize(at + to);
      }
      from = next;
    }
    if (!isWhole) torn += 1;
  }
  return { content, torn };
}
