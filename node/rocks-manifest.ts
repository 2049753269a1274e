// A look at RocksDB's MANIFEST before RocksDB sees it: from opening one with a flipped bit in the type of a record it never
// returns (10.5.1; found by flipping every bit). The format is that of its logs: blocks of 32 KiB, records of
//   { crc32c u32 (masked), length u16, type u8, payload }   (little endian; the checksum covers type and payload)
// A record that ends beyond the file is a torn tail: RocksDB leaves it out, and the state goes back to a flush, which the
// log must reach (rocks-store.ts K3, open-log.ts): so it is no damage here.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32c } from "./log/crc.ts";

const blockBytes = 32_768;
const headBytes = 7;
/** Full, first, middle, last: all that a MANIFEST has. RocksDB hangs on those that only its write-ahead logs have. */
const typeMax = 4;

export interface ManifestDamage {
  readonly file: string;
  readonly offset: number;
}

/** Undefined: nothing is wrong, or RocksDB will say it. */
export async function manifestDamage(directory: string): Promise<ManifestDamage | undefined> {
  const name = await readFile(join(directory, "CURRENT"), "latin1").catch(() => "");
  const file = join(directory, name.trimEnd());
  if (!/^MANIFEST-\d+\n$/.test(name)) return undefined;
  const bytes = await readFile(file).catch(() => undefined);
  const offset = bytes === undefined ? undefined : firstDamage(bytes);
  return offset === undefined ? undefined : { file, offset };
}

function firstDamage(bytes: Buffer): number | undefined {
  let at = 0;
  while (at + headBytes <= bytes.length) {
    const blockEnd = (Math.floor(at / blockBytes) + 1) * blockBytes;
    if (at + headBytes > blockEnd) {
      at = blockEnd;
      continue;
    }
    const length = bytes.readUInt16LE(at + 4);
    const type = bytes.readUInt8(at + 6);
    // Room that was allotted and not written yet.
    if (type === 0 && length === 0) return undefined;
    if (type === 0 || type > typeMax) return at;
    const end = at + headBytes + length;
    if (end > bytes.length) return undefined;
    if (end > blockEnd || !isRecord(bytes, at, end)) return at;
    at = end;
  }
  return undefined;
}

function isRecord(bytes: Buffer, at: number, end: number): boolean {
  const masked = bytes.readUInt32LE(at);
  const rotated = (masked - 0xa282ead8) >>> 0;
  const sum = ((rotated >>> 17) | (rotated << 15)) >>> 0;
  return crc32c(bytes.subarray(at + 6, end)) === sum;
}
