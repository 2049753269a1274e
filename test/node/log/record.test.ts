import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { crc32c } from "../../../node/log/crc.ts";
import {
  chainAfter,
  decodeHeader,
  encodeRecords,
  headerBytes,
  payloadMatches,
} from "../../../node/log/record.ts";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  parseSegmentFileName,
  segmentFileName,
} from "../../../node/log/segment.ts";
import type { Entry } from "../../../raft/index.ts";

import { nextChain } from "./workload.ts";

const u32 = fc.nat(0xffff_ffff);
const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 });

const anyEntries = fc.array(
  fc.record({
    index: u48,
    term: u48,
    kind: fc.constantFrom("noop" as const, "command" as const, "membership" as const),
    payload: fc.uint8Array({ maxLength: 200 }),
  }),
  { minLength: 1, maxLength: 5 },
);

describe("records (R3)", () => {
  test("what is encoded is decoded again, and the chain follows from the history alone", () => {
    fc.assert(
      fc.property(anyEntries, u32, u48, u32, (entries, chainBefore, synced, salt) => {
        const { buffers, bytes, chains } = encodeRecords(entries, chainBefore, synced, salt);
        const all = Buffer.concat(buffers);
        expect(all).toHaveLength(bytes);
        const found: Entry[] = [];
        let chain = chainBefore;
        for (let at = 0; at < all.length;) {
          const header = decodeHeader(all, at, salt)!;
          expect(header.synced).toBe(synced);
          expect(header.chain).toBe(chainAfter(all, at, chain));
          chain = header.chain;
          const { index, term, kind, payloadBytes } = header;
          const payload = all.subarray(at + headerBytes, at + headerBytes + payloadBytes);
          expect(payloadMatches(header, payload)).toBe(true);
          found.push({ index, term, kind, payload: new Uint8Array(payload) });
          at += headerBytes + payloadBytes;
        }
        expect(found).toEqual(entries);
        const expected = entries.map(
          (
            (running) => (entry: Entry) =>
              (running = nextChain(running, entry))
          )(chainBefore),
        );
        expect(chains).toEqual(expected);
      }),
    );
  });

  test("any flipped bit of a record is found, and so is another salt", () => {
    fc.assert(
      fc.property(anyEntries, u32, fc.nat(), (entries, salt, where) => {
        const [entry] = entries;
        const record = Buffer.concat(encodeRecords([entry!], 1, 2, salt).buffers);
        expect(decodeHeader(record, 0, salt ^ 1)).toBeUndefined();
        const bit = where % (record.length * 8);
        record.writeUInt8(record.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        const header = decodeHeader(record, 0, salt);
        const payload = record.subarray(headerBytes);
        expect(header !== undefined && payloadMatches(header, payload)).toBe(false);
      }),
    );
  });

  test("random bytes and zeros are no record", () => {
    const zeros = Buffer.alloc(headerBytes);
    fc.assert(fc.property(u32, (salt) => decodeHeader(zeros, 0, salt) === undefined));
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: headerBytes, maxLength: headerBytes }),
        u32,
        (bytes, salt) => decodeHeader(Buffer.from(bytes), 0, salt) === undefined,
      ),
    );
  });

  test("the checksum is CRC-32C: the check value of the standard", () => {
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
    expect(crc32c(Buffer.from("6789"), crc32c(Buffer.from("12345")))).toBe(0xe3069283);
  });
});

describe("segments", () => {
  test("header and name are read as they were written; any flipped bit is found", () => {
    const anyHeader = fc.record({
      first: u48,
      generation: u32,
      group: fc.nat(0xffff),
      termBefore: u48,
      chainBefore: u32,
    });
    fc.assert(
      fc.property(anyHeader, u32, fc.nat(64 * 8 - 1), (header, nonce, bit) => {
        const bytes = encodeSegmentHeader(header, nonce);
        expect(decodeSegmentHeader(bytes)?.header).toEqual(header);
        const { first, generation } = header;
        expect(parseSegmentFileName(segmentFileName(header))).toEqual({ first, generation });
        bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(decodeSegmentHeader(bytes)).toBeUndefined();
      }),
    );
  });
});
