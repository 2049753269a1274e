// What lies in the log of a data directory, or in segment files, for looking: opens nothing that a node has open, changes nothing.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isUsed, readIdentity } from "./identity.ts";
import { inspectSegment, type SegmentEnd } from "./log/inspect.ts";
import { NodeDisk } from "./log/index.ts";
import { parseSegmentFileName, segmentFileName, type SegmentName } from "./log/segment.ts";
import { viewOf, type EntryView } from "./log-view.ts";

/** There is no log where one was looked for. The message says what to do. */
export class InspectError extends Error {
  override readonly name = "InspectError";
}

export interface LogFiles {
  /** In the order of the log: by generation, then by first entry. */
  readonly paths: readonly string[];
  /** Whose it is. */
  readonly clusterId: string;
  readonly nodeId: number;
}

const disk = new NodeDisk();

/** The segment files of a node. `clusterId`: the cluster that it must be of. @throws {InspectError} {IdentityError} */
export async function logFilesOf(data: string, clusterId?: string): Promise<LogFiles> {
  const found = await stat(data).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new InspectError(`${data}: there is no such directory`);
    throw error;
  });
  if (!found.isDirectory())
    throw new InspectError(`${data} is not a directory; give segment files without --data`);
  if (!(await isUsed(disk, data))) {
    throw new InspectError(
      `${data} is not the data directory of a node: it has no identity; give segment files by their names, without --data`,
    );
  }
  const identity = await readIdentity(disk, data);
  if (clusterId !== undefined && identity.clusterId !== clusterId) {
    throw new InspectError(
      `${data} is of node ${identity.nodeId} of cluster ${identity.clusterId}, not of cluster ${clusterId}`,
    );
  }
  const names: SegmentName[] = [];
  for (const name of await disk.list(join(data, "log"))) {
    const parsed = parseSegmentFileName(name);
    if (parsed !== undefined) names.push(parsed);
  }
  names.sort((a, b) => a.generation - b.generation || a.first - b.first);
  const paths = names.map((name) => join(data, "log", segmentFileName(name)));
  return { paths, clusterId: identity.clusterId, nodeId: identity.nodeId };
}

export interface InspectRange {
  /** First and last index wanted. Default: all. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** The entries of one file, in pages, and how it ends. @throws {NotASegment}, and the disk's errors: ENOENT … */
export async function* inspectLogFile(
  path: string,
  { from = 1, to = Number.MAX_SAFE_INTEGER }: InspectRange = {},
): AsyncGenerator<readonly EntryView[], SegmentEnd> {
  const records = inspectSegment(disk, path, { from, to });
  for (;;) {
    const next = await records.next();
    if (next.done === true) return next.value;
    yield next.value.map((record) => viewOf(path, record));
  }
}
