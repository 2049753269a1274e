// What is on the disk, and may this node run on it? Verdicts (R3): clean; torn tail, cut and reported; or
// CorruptLogError.
//   P1. A bad record is cut only if nothing proves that it was durable: no later segment (segment.ts, G1), no later
//       record that says so (record.ts, C2), not the guard, not the base. Otherwise the log is corrupt (F4).
//   P2. Contiguity, checksums and chain hold from the first record to the last (F10).
//   P3. What was read may so far be in the page cache only (the process died before its fdatasync), or, after a failed
//       fdatasync, in clean pages that the disk never got (F2). So everything above the guard is written again and
//       synced before it is called durable.

import { dirname } from "node:path";

import type { Membership } from "../../raft/index.ts";

import { baseName, readBase, writeBase } from "./base.ts";
import type { Base } from "./base.ts";
import type { Disk } from "./disk.ts";
import { CorruptLogError } from "./errors.ts";
import { GuardFile, guardName } from "./guard.ts";
import { HardStateFile, hardStateName } from "./hard-state.ts";
import { Scan } from "./scan.ts";
import type { Cut, MembershipEntry, ScanOptions } from "./scan.ts";
import { parseSegmentFileName, segmentFileName } from "./segment.ts";
import type { SegmentName } from "./segment.ts";
import type { LogState } from "./state.ts";

/** Everything else is thrown as CorruptLogError. `repaired` names slots that were damaged and had a good copy. */
export type Verdict =
  | { readonly kind: "clean"; readonly repaired: readonly string[] }
  | { readonly kind: "torn-tail"; readonly cut: Cut; readonly repaired: readonly string[] };

export interface Recovered {
  readonly state: LogState;
  readonly hardState: HardStateFile;
  readonly guard: GuardFile;
  readonly memberships: readonly MembershipEntry[];
  readonly verdict: Verdict;
}

export async function recover(
  disk: Disk,
  directory: string,
  options: ScanOptions,
): Promise<Recovered> {
  const names = await prepareDirectory(disk, directory, options.initialMembership);
  const base = await readBase(disk, directory);
  const hardState = await HardStateFile.open(disk, directory);
  const guard = await GuardFile.open(disk, directory);
  const { generation } = base;
  const scan = new Scan(disk, directory, base, guard.file.current, options);
  try {
    if (guard.file.current.generation > generation) {
      const expected = `a generation of at most ${generation}, the base's`;
      throw new CorruptLogError(`${directory}/${guardName}`, 0, expected);
    }
    const segments = await removeGarbage(disk, directory, names, base);
    for (const [at, name] of segments.entries()) {
      await scan.segment(name, at === segments.length - 1);
    }
    await scan.finish();
  } catch (error) {
    await Promise.all([hardState.file.close(), guard.file.close(), scan.state.active?.close()]);
    throw error;
  }
  const repaired = [
    ...(hardState.damaged === undefined ? [] : [`hard-state slot ${hardState.damaged}`]),
    ...(guard.damaged === undefined ? [] : [`guard slot ${guard.damaged}`]),
  ];
  const { state, memberships, cut } = scan;
  const verdict: Verdict =
    cut === undefined ? { kind: "clean", repaired } : { kind: "torn-tail", cut, repaired };
  return { state, hardState: hardState.file, guard: guard.file, memberships, verdict };
}

/**
 * Makes a fresh log, or finishes making one: hard state, then guard, then base, each durable before the next. The base
 * is what says that the log exists: beside it, a missing file is damage and not a crash while the log was made.
 */
async function prepareDirectory(
  disk: Disk,
  directory: string,
  membership: Membership,
): Promise<readonly string[]> {
  await disk.makeDirectory(directory);
  await disk.syncDirectory(dirname(directory));
  // P3 for names: the process may have died between a rename and its sync. What a new base made garbage goes after that only.
  await disk.syncDirectory(directory);
  const names = await disk.list(directory);
  for (const name of names) {
    if (name.endsWith(".tmp")) await disk.remove(`${directory}/${name}`);
  }
  const begun =
    names.includes(baseName) || names.some((name) => parseSegmentFileName(name) !== undefined);
  const lost = [hardStateName, guardName, baseName].find((name) => !names.includes(name));
  if (lost === undefined) return names;
  if (begun) throw missingFile(directory, lost);
  if (names.includes(hardStateName)) {
    const { file } = await HardStateFile.open(disk, directory);
    await file.close();
    if (file.current.term > 0) throw missingFile(directory, baseName);
  } else {
    await HardStateFile.create(disk, directory);
  }
  if (!names.includes(guardName)) await GuardFile.create(disk, directory);
  const base = { last: { index: 0, term: 0 }, chain: 0, membership, generation: 0 };
  await writeBase(disk, directory, base);
  return names;
}

function missingFile(directory: string, name: string): CorruptLogError {
  return new CorruptLogError(`${directory}/${name}`, 0, "this file must exist beside the others");
}

/** Removes segments of older generations and those wholly below the base; returns the others in order. */
async function removeGarbage(
  disk: Disk,
  directory: string,
  names: readonly string[],
  base: Base,
): Promise<readonly SegmentName[]> {
  const found: SegmentName[] = [];
  const garbage: SegmentName[] = [];
  for (const name of names) {
    const parsed = parseSegmentFileName(name);
    if (parsed === undefined) continue;
    if (parsed.generation > base.generation) {
      throw new CorruptLogError(
        `${directory}/${baseName}`,
        10,
        `generation ${parsed.generation}, which the segment ${name} has`,
      );
    }
    (parsed.generation < base.generation ? garbage : found).push(parsed);
  }
  found.sort((a, b) => a.first - b.first);
  while ((found[1]?.first ?? Infinity) <= base.last.index + 1) garbage.push(...found.splice(0, 1));
  for (const name of garbage) await disk.remove(`${directory}/${segmentFileName(name)}`);
  if (garbage.length > 0) await disk.syncDirectory(directory);
  return found;
}
