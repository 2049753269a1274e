import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FairQueue, type Piece } from "../../node/fair-queue.ts";

const quantum = 4096;

function piece(session: number, name: number, bytes: number): Piece<number> {
  return { session, records: new Uint8Array(bytes), waiting: [name] };
}

function names(pieces: readonly Piece<number>[]): number[] {
  return pieces.flatMap(({ waiting }) => waiting);
}

describe("a queue of the pieces of many sessions", () => {
  const steps = fc.array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ session: fc.nat(4), bytes: fc.integer({ min: 1, max: 6000 }) }),
      },
      { weight: 1, arbitrary: fc.record({ max: fc.integer({ min: 1, max: 20_000 }) }) },
    ),
    { maxLength: 300 },
  );

  test("FQ1: each session's pieces leave in order, each once, and no more than fit; drain hands out the rest", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const queue = new FairQueue<number>();
        const came = new Map<number, number[]>();
        const left = new Map<number, number[]>();
        let bytes = 0;
        const leave = (pieces: readonly Piece<number>[]): void => {
          for (const { session, records, waiting } of pieces) {
            bytes -= records.length;
            left.set(session, [...(left.get(session) ?? []), ...waiting]);
          }
        };
        for (const [name, step] of all.entries()) {
          if ("max" in step) {
            const taken = queue.take(step.max);
            const size = taken.reduce((sum, { records }) => sum + records.length, 0);
            expect(size <= step.max || taken.length === 1).toBe(true);
            expect(taken.length > 0).toBe(bytes > 0);
            leave(taken);
          } else {
            queue.push(piece(step.session, name, step.bytes));
            bytes += step.bytes;
            came.set(step.session, [...(came.get(step.session) ?? []), name]);
          }
          expect(queue.bytes).toBe(bytes);
          expect(queue.isEmpty).toBe(bytes === 0);
        }
        leave(queue.drain());
        expect(queue.isEmpty).toBe(true);
        expect(queue.bytes).toBe(0);
        expect(left).toEqual(came);
      }),
    );
  });

  test("FQ2: who has few waits for one turn of each other, however much those have", () => {
    const queue = new FairQueue<number>();
    for (let at = 0; at < 1000; at += 1) queue.push(piece(1, 1, quantum));
    for (let at = 0; at < 1000; at += 1) queue.push(piece(2, 2, 100));
    queue.push(piece(3, 3, 50));
    const taken = names(queue.take(64 * 1024));
    // One of 4,096 bytes, as many of 100 as begin within 4,096, and the small one.
    expect(taken.indexOf(3)).toBe(1 + 41);
    expect(taken.filter((name) => name === 1).length * quantum).toBeLessThanOrEqual(
      taken.filter((name) => name === 2).length * 100 + quantum,
    );
  });

  test("FQ2: a turn that an entry had no room for comes first in the next one", () => {
    const queue = new FairQueue<number>();
    queue.push(piece(1, 1, 3000));
    queue.push(piece(2, 2, 3000));
    queue.push(piece(1, 3, 3000));
    expect(names(queue.take(4000))).toEqual([1]);
    expect(names(queue.take(4000))).toEqual([3]);
    expect(names(queue.take(4000))).toEqual([2]);
  });

  test("a piece larger than an entry may be goes alone", () => {
    const queue = new FairQueue<number>();
    queue.push(piece(1, 1, 10));
    queue.push(piece(1, 2, 5000));
    queue.push(piece(1, 3, 10));
    expect(names(queue.take(100))).toEqual([1]);
    expect(names(queue.take(100))).toEqual([2]);
    expect(names(queue.take(100))).toEqual([3]);
  });
});
