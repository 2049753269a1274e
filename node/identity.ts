// Who this data directory belongs to: a file that is written once and read at every start. A node that lost its disk
// must not come back under its old id, for it has forgotten its votes and acknowledgements (R5, C7): its new incarnation
// tells the others.

import { createHash, randomUUID } from "node:crypto";

import { readWhole, replaceFile } from "./log/disk.ts";
import type { Disk } from "./log/disk.ts";

const fileName = "identity";
/** Beside it while `raftq recover` is not finished (recover.ts). */
const recoveryName = "recovery";
const formatVersion = 1;
const fileBytesMax = 4096;

export interface Identity {
  readonly clusterId: string;
  readonly nodeId: number;
  /** A UUID, new with each new data directory. */
  readonly incarnation: string;
  /** When the directory was made: ISO 8601, for people only. */
  readonly created: string;
}

/** The directory is not this node's, or its identity cannot be read. The message says what to do. */
export class IdentityError extends Error {
  override readonly name = "IdentityError";
}

/** Whether the directory belongs to a node already. */
export async function isUsed(disk: Disk, directory: string): Promise<boolean> {
  return (await disk.list(directory)).includes(fileName);
}

export interface IdentitySource {
  /** Default: crypto.randomUUID. */
  readonly uuid?: () => string;
  /** Default: the current time. */
  readonly now?: () => Date;
}

/** Reads the identity and compares it with the configuration; a directory without one is new and gets one. */
export async function openIdentity(
  disk: Disk,
  directory: string,
  configured: { readonly clusterId: string; readonly nodeId: number },
  { uuid = randomUUID, now = () => new Date() }: IdentitySource = {},
): Promise<{ readonly identity: Identity; readonly created: boolean }> {
  await disk.makeDirectory(directory);
  const path = `${directory}/${fileName}`;
  if (await isUsed(disk, directory)) {
    const identity = await readIdentity(disk, directory);
    if ((await readRecovery(disk, directory)) !== undefined) {
      throw new IdentityError(
        `${directory}: an unsafe recovery of this node was begun and not finished: run \`raftq recover --unsafe\` again`,
      );
    }
    compare(path, identity, configured);
    return { identity, created: false };
  }
  // It is written before anything else: a log beside no identity means that the file was lost, not that the node is new.
  if ((await disk.list(`${directory}/log`)).length > 0) {
    throw damaged(path, "it is missing beside a log");
  }
  const { clusterId, nodeId } = configured;
  const identity = { clusterId, nodeId, incarnation: uuid(), created: now().toISOString() };
  await writeIdentity(disk, directory, identity);
  return { identity, created: true };
}

/** @throws {IdentityError} */
export async function readIdentity(disk: Disk, directory: string): Promise<Identity> {
  const path = `${directory}/${fileName}`;
  return parse(path, (await readWhole(disk, path, fileBytesMax)).toString("utf8"));
}

/** Durable when it resolves; a crash leaves the old one or the new one. */
export function writeIdentity(disk: Disk, directory: string, identity: Identity): Promise<void> {
  return replaceFile(disk, directory, fileName, Buffer.from(format(identity)));
}

/** The new cluster id of a recovery that was begun; undefined: none was. @throws {IdentityError} */
export async function readRecovery(disk: Disk, directory: string): Promise<string | undefined> {
  if (!(await disk.list(directory)).includes(recoveryName)) return undefined;
  const path = `${directory}/${recoveryName}`;
  return parse(path, (await readWhole(disk, path, fileBytesMax)).toString("utf8")).clusterId;
}

/** `next` is the identity that the node will have. */
export function beginRecovery(disk: Disk, directory: string, next: Identity): Promise<void> {
  return replaceFile(disk, directory, recoveryName, Buffer.from(format(next)));
}

export async function endRecovery(disk: Disk, directory: string): Promise<void> {
  await disk.remove(`${directory}/${recoveryName}`);
  await disk.syncDirectory(directory);
}

function checksum({ clusterId, nodeId, incarnation, created }: Identity): string {
  const content = JSON.stringify([formatVersion, clusterId, nodeId, incarnation, created]);
  return createHash("sha256").update(content).digest("hex");
}

function format(identity: Identity): string {
  const { clusterId, nodeId, incarnation, created } = identity;
  const fields = { formatVersion, clusterId, nodeId, incarnation, created };
  return `${JSON.stringify({ ...fields, checksum: checksum(identity) }, undefined, 2)}\n`;
}

function parse(path: string, text: string): Identity {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, "it is not JSON", cause);
  }
  if (typeof fields !== "object" || fields === null) throw damaged(path, "it is not an object");
  const {
    formatVersion: version,
    clusterId,
    nodeId,
    incarnation,
    created,
    checksum: sum,
  } = fields as Record<string, unknown>;
  if (version !== formatVersion) {
    throw new IdentityError(
      `${path}: format ${String(version)} is not known to this version of raftq (it reads ${formatVersion}): ` +
        "run the version that wrote it, or a later one",
    );
  }
  if (
    typeof clusterId !== "string" ||
    typeof nodeId !== "number" ||
    typeof incarnation !== "string" ||
    typeof created !== "string"
  ) {
    throw damaged(path, "a field is missing");
  }
  const identity = { clusterId, nodeId, incarnation, created };
  if (sum !== checksum(identity)) throw damaged(path, "its checksum does not match");
  return identity;
}

function damaged(path: string, what: string, cause?: unknown): IdentityError {
  return new IdentityError(
    `${path} is damaged: ${what}. Replace this node: remove the member from the cluster, and add a new one with an ` +
      "empty data directory under an id that was never used.",
    { cause },
  );
}

function compare(
  path: string,
  found: Identity,
  configured: { readonly clusterId: string; readonly nodeId: number },
): void {
  if (found.clusterId !== configured.clusterId) {
    throw new IdentityError(
      `${path} belongs to the cluster ${JSON.stringify(found.clusterId)}, but the configuration says ` +
        `${JSON.stringify(configured.clusterId)}. Correct the cluster id or the data directory; ` +
        "to join another cluster, start with an empty data directory.",
    );
  }
  if (found.nodeId !== configured.nodeId) {
    throw new IdentityError(
      `${path} belongs to node ${found.nodeId}, but the configuration says node ${configured.nodeId}. ` +
        "Correct the node id or the data directory. Never copy or rename a data directory to make another node: " +
        "a node id must not be used twice.",
    );
  }
}
