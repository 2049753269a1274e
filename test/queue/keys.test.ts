import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as keys from "../../queue/keys.ts";

const lane = fc
  .array(fc.oneof(fc.constantFrom(0, 1, 255), fc.nat(255)), { maxLength: 6 })
  .map((units) => String.fromCharCode(...units));
const u32 = fc.nat(0xffff_ffff);
const u48 = fc.oneof(fc.nat(300), fc.nat(2 ** 48 - 1));

describe("rows sort as what they name", () => {
  test("messages: by queue, then lane, then key_seq", () => {
    fc.assert(
      fc.property(fc.tuple(u32, lane, u48), fc.tuple(u32, lane, u48), (a, b) => {
        const row = ([queue, name, keySeq]: [number, string, number]): string =>
          keys.messageRow(keys.messagePrefix(queue), name, keySeq);
        const order = a[0] - b[0] || compare(a[1], b[1]) || a[2] - b[2];
        expect(compare(row(a), row(b))).toBe(Math.sign(order));
      }),
    );
  });

  test("numbers come back", () => {
    fc.assert(
      fc.property(u32, u48, (a, b) => {
        expect(keys.readU32(`x${keys.u32(a)}`, 1)).toBe(a);
        expect(keys.readU48(`x${keys.u48(b)}`, 1)).toBe(b);
      }),
    );
    expect(() => keys.u48(2 ** 48)).toThrow();
  });

  test("a row gives its place back; what is not a message's id gives nothing", () => {
    fc.assert(
      fc.property(u32, lane, u48, (queueId, name, keySeq) => {
        const row = keys.messageRow(keys.messagePrefix(queueId), name, keySeq);
        expect(keys.partsOfMessageRow(row)).toEqual({ queueId, lane: name, keySeq });
        expect(keys.rowOfMessage({ queueId, lane: name, keySeq })).toBe(row);
        expect(keys.rowOfMessageId(keys.messageIdOfRow(row))).toBe(row);
        const lanePrefix = keys.lanePrefix(queueId);
        expect(keys.laneOfRow(keys.laneRow(lanePrefix, name))).toEqual({ queueId, lane: name });
      }),
    );
    for (const id of ["", "abc", "\x00".repeat(11), "\x00".repeat(13)]) {
      expect(keys.rowOfMessageId(id)).toBeUndefined();
    }
  });

  test("what goes with a queue or a session is its own, all of it, and nothing else's", () => {
    fc.assert(
      fc.property(u32, u32, lane, u48, (queueId, other, name, keySeq) => {
        const rows = (id: number): string[] => [
          keys.laneRow(keys.lanePrefix(id), name),
          keys.flightRow(id, keySeq, ""),
          keys.messageRow(keys.messagePrefix(id), name, keySeq),
        ];
        const ranges = keys.rangesOfQueue(queueId);
        expect(rows(queueId).every((row) => covered(ranges, row))).toBe(true);
        expect(rows(other).some((row) => covered(ranges, row))).toBe(other === queueId);
        const session = queueId * 3;
        const of = (id: number): string[] => [
          keys.answersRow(id, keySeq),
          keys.consumerRow(id, other),
          keys.receiveRow(id, keySeq),
        ];
        const its = keys.rangesOfSession(session);
        expect(of(session).every((row) => covered(its, row))).toBe(true);
        expect(of(session + 1).some((row) => covered(its, row))).toBe(false);
      }),
    );
  });

  test("start-up reads everything but messages; a snapshot carries these too", () => {
    const rows = [keys.metaRow, keys.queueRow(1), keys.flightRow(0xffff_ffff, 1, "")];
    const message = keys.messageRow(keys.messagePrefix(0xffff_ffff), "\xff", 1);
    for (const row of rows) expect(covered([keys.loadRange], row)).toBe(true);
    expect(covered([keys.loadRange], message)).toBe(false);
    for (const row of [...rows, message]) expect(covered([keys.stateRange], row)).toBe(true);
  });
});

function covered(ranges: readonly keys.KeyRange[], row: string): boolean {
  return ranges.some(({ from, to }) => from <= row && row < to);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
