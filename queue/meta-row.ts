// The value of the one row that is about all others: how far the state is, under which rules, and in which format.

import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { standardRules } from "./options.ts";
import type { State } from "./state.ts";
import { NewerRules } from "./version.ts";

/**
 * Of all rows; in the meta row. The second says the version of the rules too, and begins when that is first raised: a
 * release that knows no versions reads the rows of version 0, and refuses all others (G5).
 */
const rowFormat = { unversioned: 1, versioned: 2 } as const;

export function encodeMeta(writer: ByteWriter, state: State): void {
  writer.u16(state.version === 0 ? rowFormat.unversioned : rowFormat.versioned);
  writer.int(state.appliedIndex);
  writer.int(state.clusterTime);
  writer.int(state.leaseClock);
  writer.int(state.nextToken);
  writer.int(state.nextTicket);
  writer.int(state.nextSession);
  writer.int(state.nextQueue);
  writer.u32(state.digest.high);
  writer.u32(state.digest.low);
  if (state.version > 0) writer.int(state.version);
}

export interface MetaRow {
  readonly appliedIndex: number;
  readonly clusterTime: number;
  readonly leaseClock: number;
  readonly nextToken: number;
  readonly nextTicket: number;
  readonly nextSession: number;
  readonly nextQueue: number;
  readonly high: number;
  readonly low: number;
  readonly version: number;
}

/** @throws {NewerRules} for a state of rules that this release does not know. */
export function decodeMeta(
  value: Uint8Array,
  versionMax: number = standardRules.versionMax,
): MetaRow {
  const reader = new ByteReader(value);
  const format = reader.u16();
  if (format !== rowFormat.unversioned && format !== rowFormat.versioned)
    throw new NewerRules(`rows of format ${format}`);
  const meta = {
    appliedIndex: reader.int(),
    clusterTime: reader.int(),
    leaseClock: reader.int(),
    nextToken: reader.int(),
    nextTicket: reader.int(),
    nextSession: reader.int(),
    nextQueue: reader.int(),
    high: reader.u32(),
    low: reader.u32(),
    version: format === rowFormat.versioned ? reader.int() : 0,
  };
  if (meta.version > versionMax) throw new NewerRules(`a state of version ${meta.version}`);
  return meta;
}
