import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesOf, isAtLeastAsUpToDate, isSlice, Log } from "../../raft/log.ts";
import type { Entry, EntryId } from "../../raft/index.ts";
import { entry, restored } from "./harness.ts";

function logOf(...entries: Entry[]): Log {
  const log = new Log(restored({}), 1 << 20);
  for (const item of entries) log.append(item);
  return log;
}

describe("the log", () => {
  test("L1: an append leaves no gap", () => {
    const log = logOf(entry(1, 1));
    expect(() => log.append(entry(1, 3))).toThrow("L1");
  });

  test("L2: terms never decrease", () => {
    const log = logOf(entry(2, 1));
    expect(() => log.append(entry(1, 2))).toThrow("L2");
  });

  test("L3: an applied entry is never truncated", () => {
    const log = logOf(entry(1, 1), entry(1, 2));
    log.handedOut(1, 0);
    log.persisted(1);
    log.applied(2);
    expect(() => log.truncateAfter(1)).toThrow("L3");
  });

  test("L4, B4: the confirmation of a replaced entry says nothing about its replacement", () => {
    const log = logOf(entry(1, 1), entry(1, 2), entry(1, 3));
    log.handedOut(1, 0);
    log.truncateAfter(1);
    log.append(entry(2, 2));
    log.append(entry(2, 3));
    log.handedOut(2, 0);
    log.persisted(1);
    expect(log.durable).toBe(1);
    log.persisted(2);
    expect(log.durable).toBe(3);
  });

  test("L4: truncation makes durable what is left", () => {
    const log = logOf(entry(1, 1), entry(1, 2));
    log.handedOut(1, 0);
    log.persisted(1);
    log.truncateAfter(1);
    expect(log.durable).toBe(1);
  });

  test("L5: unapplied entries stay in memory, applied ones within the bound of bytes", () => {
    const log = new Log(restored({}), 3 * bytesOf(entry(1, 1)));
    for (let index = 1; index <= 10; index += 1) log.append(entry(1, index));
    expect(log.windowFirst).toBe(1);
    log.handedOut(1, 0);
    log.persisted(1);
    log.applied(7);
    expect(log.windowFirst).toBe(5);
    expect(log.entryAt(4)).toBeUndefined();
    expect(log.entryAt(8)?.index).toBe(8);
    expect(log.termAt(2)).toBe(1);
  });

  test("a slice is bounded in bytes, but never empty", () => {
    const log = logOf(entry(1, 1), entry(1, 2), entry(1, 3));
    expect(log.slice(1, 2 * bytesOf(entry(1, 1)))).toHaveLength(2);
    expect(log.slice(2, 1)).toHaveLength(1);
  });

  test("B9: the last entry not above a term skips whole runs", () => {
    const log = logOf(entry(1, 1), entry(3, 2), entry(3, 3), entry(5, 4), entry(5, 5));
    expect(log.lastNotAbove(5, 5)).toEqual({ term: 5, index: 5 });
    expect(log.lastNotAbove(5, 4)).toEqual({ term: 3, index: 3 });
    expect(log.lastNotAbove(2, 2)).toEqual({ term: 1, index: 1 });
    expect(log.lastNotAbove(9, 0)).toEqual({ term: 0, index: 0 });
  });

  test("E1, fig. 13: a snapshot takes the place of the whole log", () => {
    const log = logOf(entry(1, 1), entry(1, 2), entry(1, 3));
    log.handedOut(1, 0);
    log.reset({ term: 2, index: 2 });
    log.persisted(1);
    expect(log.last).toEqual({ term: 2, index: 2 });
    expect(log.durable).toBe(2);
    expect(log.termAt(1)).toBeUndefined();
    expect(log.termAt(2)).toBe(2);
    expect(log.termAt(3)).toBeUndefined();
  });

  test("A4: a log is up to date by (term, index), never by index alone", () => {
    const newer: [EntryId, EntryId, boolean][] = [
      [{ term: 1, index: 1 }, { term: 1, index: 1 }, true],
      [{ term: 1, index: 2 }, { term: 1, index: 1 }, true],
      [{ term: 1, index: 1 }, { term: 1, index: 2 }, false],
      [{ term: 2, index: 1 }, { term: 1, index: 9 }, true],
      [{ term: 1, index: 9 }, { term: 2, index: 1 }, false],
    ];
    for (const [candidate, own, expected] of newer) {
      expect(isAtLeastAsUpToDate(candidate, own)).toBe(expected);
    }
  });

  test("a slice is checked where it enters", () => {
    const origin = { term: 0, index: 0 };
    expect(isSlice(origin, [entry(1, 1), entry(2, 2)], 2)).toBe(true);
    expect(isSlice(origin, [entry(1, 1), entry(2, 3)], 2)).toBe(false);
    expect(isSlice(origin, [entry(2, 1), entry(1, 2)], 2)).toBe(false);
    expect(isSlice(origin, [entry(3, 1)], 2)).toBe(false);
  });

  test("what is on disk at start is refused when it contradicts itself", () => {
    const good = restored({ entries: [entry(1, 1), entry(2, 2)] });
    expect(() => new Log(good, 1)).not.toThrow();
    expect(() => new Log({ ...good, applied: 3 }, 1)).toThrow("applied");
    expect(() => new Log({ ...good, termRuns: [] }, 1)).toThrow("L1");
    expect(() => new Log({ ...good, termRuns: [{ firstIndex: 2, term: 1 }] }, 1)).toThrow("L1");
    const falling = [
      { firstIndex: 1, term: 2 },
      { firstIndex: 2, term: 1 },
    ];
    expect(() => new Log({ ...good, termRuns: falling }, 1)).toThrow("L2");
  });
});

describe("the log against a plain array", () => {
  const operation = fc.oneof(
    fc.record({ kind: fc.constant("append" as const), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant("new-term" as const) }),
    fc.record({
      kind: fc.constant("truncate" as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    fc.record({
      kind: fc.constant("apply" as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    fc.record({
      kind: fc.constant("compact" as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  );

  test("terms and entries are those of the model after any history", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const log = new Log(restored({}), 500);
        let term = 1;
        let applied = 0;
        let compacted = 0;
        let sequence = 0;
        const model: Entry[] = [];
        for (const op of operations) {
          if (op.kind === "new-term") term += 1;
          if (op.kind === "append") {
            for (let n = 0; n < op.count; n += 1) {
              const item = entry(term, model.length + 1);
              model.push(item);
              log.append(item);
            }
            sequence += 1;
            log.handedOut(sequence, 0);
            log.persisted(sequence);
          }
          if (op.kind === "truncate") {
            const index = applied + Math.floor(op.part * (model.length - applied));
            if (index < model.length) {
              model.length = index;
              log.truncateAfter(index);
              term += 1;
            }
          }
          if (op.kind === "apply") {
            applied += Math.floor(op.part * (model.length - applied));
            log.applied(applied);
          }
          if (op.kind === "compact") {
            const index = compacted + Math.floor(op.part * (applied - compacted));
            if (index > compacted) log.compact(index);
            compacted = index;
          }
          expect(log.lastIndex).toBe(model.length);
          expect(log.durable).toBe(model.length);
          expect(log.compacted.index).toBe(compacted);
          for (let index = compacted; index <= model.length + 1; index += 1) {
            const expected = index === 0 ? 0 : model[index - 1]?.term;
            expect(log.termAt(index)).toBe(expected);
            if (index > applied) expect(log.entryAt(index)).toBe(model[index - 1]);
          }
          expect(log.last).toEqual({ term: log.termAt(model.length), index: model.length });
        }
      }),
      { numRuns: 500 },
    );
  });
});
