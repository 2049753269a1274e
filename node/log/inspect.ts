// Looks at one segment file from outside, read-only: of a stopped node, of a running one, or a copy that lies somewhere else.
//   I1. Nothing is written, and no lock is taken. What a running node appends meanwhile may be seen or not.
//   I2. Every record that is given is whole: checksums, index and chain continue the one before (record.ts C1).
//   I3. Where whole records end before the file does, it is said how: "torn" as a crash or a write under way leaves it, "damaged"
//       when a whole record follows (F4). Which of them a node may start on is not decided here (recovery.ts P1).

import type { EntryKind } from "../../raft/index.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { chainAfter } from "./record.ts";
import { decodeSegmentHeader, segmentHeaderBytes } from "./segment.ts";
import { searchRecord, walkRecords, type FoundRecord, type WalkEnd } from "./walk.ts";

/** Payloads of one page, about; one record is always in it. Unit: bytes. */
const pageBytesMax = 1024 * 1024;

/** One whole record. */
export interface InspectedRecord {
  readonly generation: number;
  readonly index: number;
  readonly term: number;
  readonly kind: EntryKind;
  readonly chain: number;
  /** Of the entry before it. */
  readonly chainBefore: number;
  readonly payload: Uint8Array;
}

export type SegmentEnd =
  | { readonly kind: "end" }
  /** Nothing whole follows byte `offset`. */
  | { readonly kind: "torn"; readonly offset: number; readonly expected: string }
  /** `later`: where the next whole record begins; undefined: the header itself is bad, or the record does not continue the one before. */
  | {
      readonly kind: "damaged";
      readonly offset: number;
      readonly expected: string;
      readonly later: { readonly index: number; readonly offset: number } | undefined;
    };

/** The file is no segment of a raftq log. */
export class NotASegment extends Error {
  override readonly name = "NotASegment";

  constructor(path: string) {
    super(
      `${path} is not a log segment of raftq (their names end in .log, and they begin with RAFTQLOG)`,
    );
  }
}

/** Entries `from` through `to`, in pages. @throws {NotASegment}, and what the disk throws. */
export async function* inspectSegment(
  disk: Disk,
  path: string,
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<readonly InspectedRecord[], SegmentEnd> {
  const file = await disk.open(path, "read");
  try {
    // Once: what comes after this moment is not looked at, so that a record under way is torn and never damaged.
    const bytes = await file.size();
    const start = Buffer.alloc(segmentHeaderBytes);
    const read = await file.read(start, 0);
    if (!isBegun(start.subarray(0, read))) throw new NotASegment(path);
    if (read < segmentHeaderBytes)
      return {
        kind: "torn",
        offset: 0,
        expected: `a segment header of ${segmentHeaderBytes} bytes`,
      };
    const decoded = decodeSegmentHeader(start);
    if (decoded === undefined) {
      const expected = "a segment header with a valid checksum";
      return { kind: "damaged", offset: 0, expected, later: undefined };
    }
    return yield* pages(file, bytes, decoded, { from, to });
  } finally {
    await file.close();
  }
}

/** As far as there is something: a header is written at once, but a crash may leave less of it, or zeros. */
function isBegun(start: Buffer): boolean {
  const magic = Buffer.from("RAFTQLOG");
  const there = start.subarray(0, magic.length);
  return there.equals(magic.subarray(0, there.length)) || start.every((byte) => byte === 0);
}

type Decoded = NonNullable<ReturnType<typeof decodeSegmentHeader>>;

async function* pages(
  file: DiskFile,
  bytes: number,
  { header, salt }: Decoded,
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<readonly InspectedRecord[], SegmentEnd> {
  const { generation } = header;
  let before = { index: header.first - 1, chain: header.chainBefore };
  let at = segmentHeaderBytes;
  for (;;) {
    const page: InspectedRecord[] = [];
    let pageBytes = 0;
    let odd: { offset: number; expected: string } | undefined;
    const take = (record: FoundRecord): boolean => {
      const { index, term, kind, chain } = record.header;
      const expected = continuation(record, before);
      if (expected !== undefined) {
        odd = { offset: record.offset, expected };
        return false;
      }
      const chainBefore = before.chain;
      before = { index, chain };
      if (index > to) return false;
      if (index < from) return true;
      page.push({ generation, index, term, kind, chain, chainBefore, payload: record.payload });
      pageBytes += record.payload.byteLength;
      return pageBytes < pageBytesMax;
    };
    const walk = { salt, from: at, end: bytes, keep: true };
    const end: WalkEnd = await walkRecords(file, walk, take);
    if (page.length > 0) yield page;
    if (odd !== undefined) return { kind: "damaged", ...odd, later: undefined };
    if (end.kind === "bad") return badEnd(file, salt, bytes, end, before.index);
    if (end.kind === "end" || before.index > to) return { kind: "end" };
    at = end.offset;
  }
}

/** What should be there instead; undefined: it continues the one before (I2). */
function continuation(
  { header, bytes, at }: FoundRecord,
  before: { readonly index: number; readonly chain: number },
): string | undefined {
  if (header.index !== before.index + 1) return `entry ${before.index + 1}`;
  if (header.chain !== chainAfter(bytes, at, before.chain))
    return "the chain that continues the entry before";
  return undefined;
}

async function badEnd(
  file: DiskFile,
  salt: number,
  bytes: number,
  { offset, expected }: Extract<WalkEnd, { kind: "bad" }>,
  last: number,
): Promise<SegmentEnd> {
  const rest = { salt, from: offset + 1, end: bytes, keep: false };
  const later = await searchRecord(file, rest, ({ index }) => index > last);
  if (later === undefined) return { kind: "torn", offset, expected };
  const found = { index: later.header.index, offset: later.offset };
  return { kind: "damaged", offset, expected, later: found };
}
