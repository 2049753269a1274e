import type { Mutant } from "../mutant.ts";

export const logMutants: readonly Mutant[] = [
  {
    name: "fsync-skipped-every-tenth-time",
    trap: "F1",
    file: "node/log/writer.ts",
    find: `    await file.write(encoded.buffers, at);
    await file.sync();`,
    replace: `    await file.write(encoded.buffers, at);
    if (tail.index % 10 !== 0) await file.sync();`,
  },
  {
    name: "no-fsync-of-entries",
    trap: "F1",
    file: "node/log/writer.ts",
    find: `    await file.write(encoded.buffers, at);
    await file.sync();`,
    replace: `    await file.write(encoded.buffers, at);`,
  },
  {
    name: "hard-state-without-fsync",
    trap: "A1",
    file: "node/log/slots.ts",
    find: `        target * slotStrideBytes,
      );
      await this.file.sync();`,
    replace: `        target * slotStrideBytes,
      );`,
  },
  {
    name: "hard-state-in-one-slot",
    trap: "A3",
    file: "node/log/slots.ts",
    find: `      const target = 1 - this.current;`,
    replace: `      const target = this.current;`,
  },
  {
    name: "older-slot-holds",
    trap: "A3",
    file: "node/log/slots.ts",
    find: `(one?.counter ?? 0) > (zero?.counter ?? 0) ? 1 : 0`,
    replace: `(one?.counter ?? Infinity) < (zero?.counter ?? Infinity) ? 1 : 0`,
  },
  {
    name: "entries-before-the-hard-state",
    trap: "A1",
    file: "node/log/writer.ts",
    find: `    if (hardState !== undefined) await this.hardState.write(hardState);
    if (cut !== undefined) await this.truncate(cut);
    if (entries.length > 0) await this.writeEntries(entries, jobs.length);`,
    replace: `    if (cut !== undefined) await this.truncate(cut);
    if (entries.length > 0) await this.writeEntries(entries, jobs.length);
    if (hardState !== undefined) await this.hardState.write(hardState);`,
  },
  {
    name: "goes-on-after-a-failed-fsync",
    trap: "F2",
    file: "node/log/writer.ts",
    find: `      } catch (error) {
        this.fail(error);
      }`,
    replace: `      } catch {
        // Let us hope for the best.
      }`,
  },
  {
    name: "acknowledges-after-a-failure",
    trap: "R1",
    file: "node/log/writer.ts",
    find: `    if (this.failure === undefined) job.resolve();
    else job.reject(this.failure);`,
    replace: `    job.resolve();`,
  },
  {
    name: "new-segment-without-directory-sync",
    trap: "F3",
    file: "node/log/changes.ts",
    find: `  await file.sync();
  await disk.syncDirectory(directory);
  const salt`,
    replace: `  await file.sync();
  const salt`,
  },
  {
    name: "rename-without-directory-sync",
    trap: "F3",
    file: "node/log/disk.ts",
    find: `  await disk.syncDirectory(directory);`,
    replace: ``,
  },
  {
    name: "payload-checksum-not-looked-at",
    trap: "F4",
    file: "node/log/walk.ts",
    find: `    if (!payloadMatches(header, payload)) return bad("a payload with the checksum in its header");
`,
    replace: "",
  },
  {
    name: "corrupt-middle-cut-in-spite-of-the-guard",
    trap: "F4",
    file: "node/log/scan.ts",
    find: `    if (index <= this.durable) {
      const known`,
    replace: `    if (index <= this.durable - Infinity) {
      const known`,
  },
  {
    name: "corrupt-middle-cut-in-spite-of-what-follows",
    trap: "F4",
    file: "node/log/scan.ts",
    find: `    if (proof !== undefined) {`,
    replace: `    if (proof !== undefined && proof.offset < 0) {`,
  },
  {
    name: "short-log-accepted",
    trap: "F5",
    file: "node/log/scan.ts",
    find: `    if (state.tail.index < this.durable) {`,
    replace: `    if (state.tail.index < this.durable - Infinity) {`,
  },
  {
    name: "guard-ahead-of-the-disk",
    trap: "F5",
    file: "node/log/writer.ts",
    find: `    const value = { ...state.tail, generation: state.base.generation };
    guard.raise`,
    replace: `    const { tail, base } = state;
    const value = { ...tail, index: tail.index + 5, generation: base.generation };
    guard.raise`,
  },
  {
    name: "guard-not-lowered-at-a-truncation",
    trap: "F5",
    file: "node/log/changes.ts",
    find: `  if (guard.current.index > after) {`,
    replace: `  if (guard.current.index > Infinity) {`,
  },
  {
    name: "chain-not-checked",
    trap: "F11",
    file: "node/log/scan.ts",
    find: `    if (chain !== chainAfter(bytes, at, state.tail.chain)) {`,
    replace: `    if (chain === -1 + 0 * chainAfter(bytes, at, state.tail.chain)) {`,
  },
  {
    name: "page-cache-believed-at-start",
    trap: "F2",
    file: "node/log/scan.ts",
    find: `      await file.write([piece.subarray(0, read)], at);
    }
    await file.sync();`,
    replace: `      if (read < 0) await file.write([piece.subarray(0, read)], at);
    }`,
  },
  {
    name: "segments-removed-before-the-base",
    trap: "E8",
    file: "node/log/changes.ts",
    find: `  await writeBase(disk, directory, base);
  while (state.segments.length > 0) await removeLastSegment(files);
  await disk.syncDirectory(directory);`,
    replace: `  while (state.segments.length > 0) await removeLastSegment(files);
  await disk.syncDirectory(directory);
  await writeBase(disk, directory, base);`,
  },
  {
    name: "truncation-not-synced",
    trap: "B2",
    file: "node/log/changes.ts",
    find: `  await file.truncate(place.end);
  // Before anything is written there: old and new records must never be mixed by a crash.
  await file.sync();`,
    replace: `  await file.truncate(place.end);`,
  },
];
