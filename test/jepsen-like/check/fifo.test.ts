import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { search } from "../../../jepsen-like/check/fifo/search.ts";
import { readFifo } from "../../../jepsen-like/check/fifo/history.ts";
import { standardBounds } from "../../../jepsen-like/check/verdict.ts";
import { fifoByForce, type Op } from "./brute-force.ts";
import { dequeue, empty, enqueue, fifo, historyOf, lost, refutation } from "./support.ts";

const verdict = (...ops: Op[]): boolean | "unknown" => fifo(ops).linearizable;

describe("a history that some queue could have", () => {
  test.each<[string, Op[]]>([
    ["nothing", []],
    ["a value comes and goes", [enqueue(1, 0, 1), dequeue(1, 2, 3)]],
    [
      "first in, first out",
      [enqueue(1, 0, 1), enqueue(2, 2, 3), dequeue(1, 4, 5), dequeue(2, 6, 7)],
    ],
    ["concurrent enqueues in either order", [enqueue(1, 0, 3), enqueue(2, 1, 2), dequeue(2, 4, 5)]],
    ["taken while it is being enqueued", [enqueue(1, 0, 9), dequeue(1, 1, 2)]],
    [
      "empty before, between and after",
      [empty(0, 1), enqueue(1, 2, 3), dequeue(1, 4, 5), empty(6, 7)],
    ],
    ["empty while the value comes", [enqueue(1, 0, 5), empty(1, 2), empty(3, 4)]],
    ["calls that touch are concurrent", [enqueue(1, 0, 2), empty(2, 2), dequeue(1, 2, 3)]],
    [
      "empty in the moment between two",
      [enqueue(1, 0, 1), dequeue(1, 3, 4), enqueue(2, 2, 3), empty(2, 4)],
    ],
    ["an enqueue that never returned, and happened", [enqueue(1, 0, null), dequeue(1, 8, 9)]],
    ["one that did not happen", [enqueue(1, 0, null), empty(8, 9)]],
    [
      "a lost dequeue took what is missing",
      [enqueue(1, 0, 1), enqueue(2, 2, 3), lost(3), dequeue(2, 4, 5)],
    ],
    ["a lost dequeue made it empty", [enqueue(1, 0, 1), lost(2), empty(5, 6)]],
    ["a lost dequeue took nothing", [enqueue(1, 0, 1), lost(0), dequeue(1, 2, 3)]],
    [
      "the same value twice",
      [enqueue(1, 0, 1), enqueue(1, 2, 3), dequeue(1, 4, 5), dequeue(1, 6, 7)],
    ],
    [
      "a lost dequeue took the first of two of one value",
      [
        enqueue(1, 0, 1),
        enqueue(2, 2, 3),
        enqueue(1, 4, 5),
        lost(6),
        dequeue(2, 7, 8),
        dequeue(1, 9, 10),
      ],
    ],
    ["null is a value", [enqueue(null, 0, 1), dequeue(null, 2, 3)]],
    [
      "names in any order are the same value",
      [enqueue({ a: 1, b: [2] }, 0, 1), dequeue({ b: [2], a: 1 }, 2, 3)],
    ],
  ])("%s", (_, ops) => {
    expect(fifo(ops)).toEqual({ linearizable: true });
  });
});

describe("a history that no queue could have, and why", () => {
  test.each<[string, Op[], string, number[]]>([
    [
      "nobody enqueued it",
      [enqueue(1, 0, 1), dequeue(2, 2, 3)],
      "2 was dequeued, and nobody enqueued it.",
      [1],
    ],
    [
      "a number is not its text",
      [enqueue(1, 0, 1), dequeue("1", 2, 3)],
      '"1" was dequeued, and nobody enqueued it.',
      [1],
    ],
    [
      "an order of a list matters",
      [enqueue([1, 2], 0, 1), dequeue([2, 1], 2, 3)],
      "[2,1] was dequeued, and nobody enqueued it.",
      [1],
    ],
    [
      "taken before it came",
      [dequeue(1, 0, 1), enqueue(1, 2, 3)],
      "1 was dequeued by 1, and its enqueue began only at 2.",
      [0, 1],
    ],
    [
      "taken twice",
      [enqueue(1, 0, 1), dequeue(1, 2, 3), dequeue(1, 4, 5)],
      "1 was dequeued 2 times, and enqueued once.",
      [0, 1, 2],
    ],
    [
      "overtaken",
      [
        enqueue(0, 0, 1),
        enqueue(1, 2, 3),
        enqueue(2, 4, 5),
        dequeue(0, 5, 6),
        dequeue(2, 7, 8),
        dequeue(1, 9, 10),
      ],
      "Overtaken: the enqueue of 1 returned at 3, that of 2 began at 4; yet 2 was dequeued by 8, when the dequeue of 1 had not begun (9).",
      [1, 2, 4, 5],
    ],
    [
      "overtaken, with one lost dequeue for two values",
      [enqueue(1, 0, 1), enqueue(2, 2, 3), enqueue(3, 4, 5), lost(5), dequeue(3, 6, 7), lost(8)],
      "Overtaken: the enqueue of 2 returned at 3, that of 3 began at 4; yet 3 was dequeued by 7, and 2 was never dequeued, whatever the dequeue that never returned may have taken.",
      [0, 1, 2, 3, 4],
    ],
    [
      "not empty",
      [enqueue(1, 0, 1), empty(2, 3), dequeue(1, 4, 5)],
      "Not empty: at every moment from 2 to 3 the queue held 1.",
      [0, 1, 2],
    ],
    [
      "never empty, by two values in turn",
      [
        enqueue(1, 0, 1),
        enqueue(2, 2, 3),
        dequeue(1, 4, 9),
        empty(2, 6),
        dequeue(2, 8, 9),
        enqueue(3, 4, 5),
      ],
      "Not empty: at every moment from 2 to 6 the queue held 1 or 2.",
      [0, 1, 2, 3, 4],
    ],
    [
      "the same value twice, and one too early for either",
      [
        enqueue(1, 0, 1),
        enqueue(2, 2, 3),
        enqueue(1, 4, 5),
        dequeue(1, 6, 7),
        dequeue(1, 8, 9),
        dequeue(2, 10, 11),
      ],
      "Overtaken: the enqueue of 2 returned at 3, that of 1 began at 4; yet 1 was dequeued by 9, when the dequeue of 2 had not begun (10).",
      [1, 2, 4, 5],
    ],
  ])("%s", (_, ops, because, places) => {
    expect(refutation(fifo(ops))).toEqual({ because, places });
  });

  test("a value that occurs twice is told apart in every way before the answer is no", () => {
    // The enqueues of 1 are nested: either may be the first.
    const ops = [
      enqueue(1, 0, 9),
      enqueue(1, 2, 3),
      enqueue(2, 4, 5),
      dequeue(1, 10, 11),
      dequeue(2, 12, 13),
    ];
    expect(verdict(...ops, dequeue(1, 14, 15))).toBe(true);
    expect(verdict(...ops.slice(0, 3), dequeue(2, 10, 11), dequeue(1, 12, 13))).toBe(false);
  });
});

const time = fc.integer({ min: 0, max: 24 });
const length = fc.integer({ min: 0, max: 9 });
const value = fc.integer({ min: 0, max: 3 });
const stays = fc.record({
  kind: fc.constantFrom("enqueue", "dequeue"),
  value,
  gap: length,
  late: length,
  open: fc.nat(9),
  wrong: fc.nat(9),
});

/** What a queue of two values did, too long for every order. */
const longAndTrue = fc
  .array(
    fc.record({
      put: fc.boolean(),
      value: fc.nat(1),
      gap: fc.nat(40),
      late: fc.nat(40),
      lose: fc.nat(19),
    }),
    {
      minLength: 20,
      maxLength: 40,
    },
  )
  .map((calls) => {
    const queue: number[] = [];
    return calls.map(({ put, value, gap, late, lose }, place): Op => {
      const inv = 2 * place - gap;
      const ret = lose === 0 ? null : 2 * place + late;
      if (put) {
        queue.push(value);
        return enqueue(value, inv, ret);
      }
      const took = queue.shift();
      return ret === null ? lost(inv) : dequeue(took ?? "empty", inv, ret);
    });
  });

/** What a queue did, each call stretched around the moment at which it happened, and now and then a lie. */
const nearlyTrue = fc
  .tuple(fc.array(stays, { maxLength: 9 }), fc.boolean(), fc.boolean())
  .map(([calls, opens, lies]) => {
    const queue: number[] = [];
    return calls.map((call, place): Op => {
      const inv = 2 * place - call.gap;
      const ret = opens && call.open < 2 ? null : 2 * place + call.late;
      const happens = ret !== null || call.wrong % 2 === 0;
      if (call.kind === "enqueue") {
        if (happens) queue.push(call.value);
        return enqueue(call.value, inv, ret);
      }
      const took = happens ? queue.shift() : undefined;
      if (ret === null) return lost(inv);
      return dequeue(lies && call.wrong === 0 ? call.value : (took ?? "empty"), inv, ret);
    });
  });

/** Anything at all. */
const anything = fc.array(
  fc
    .record({
      f: fc.constantFrom("enqueue", "dequeue"),
      v: value,
      inv: time,
      length,
      open: fc.nat(9),
      said: fc.nat(4),
    })
    .map(({ f, v, inv, length, open, said }): Op => {
      const ret = open === 0 ? null : inv + length;
      if (f === "enqueue") return enqueue(v, inv, ret);
      return ret === null ? lost(inv) : dequeue(said === 0 ? "empty" : v, inv, ret);
    }),
  { maxLength: 7 },
);

describe("agrees with the search through every order", () => {
  test.each([
    ["of histories that a queue could nearly have", nearlyTrue],
    ["of any histories", anything],
  ])("%s; and no smaller counter-example hides in a counter-example", (_, histories) => {
    fc.assert(
      fc.property(histories, (ops) => {
        const said = fifo(ops);
        expect(said.linearizable).toBe(fifoByForce(ops));
        if (said.linearizable === false)
          expect(fifoByForce(historyOf(said.counterexample))).toBe(false);
      }),
      { numRuns: 3_000 },
    );
  });
});

test("what a queue did is never called impossible, however its values repeat", () => {
  fc.assert(
    fc.property(longAndTrue, (ops) => {
      expect(fifo(ops, { ...standardBounds, stepsMax: 100_000 }).linearizable).not.toBe(false);
    }),
    { numRuns: 1_000 },
  );
});

/** A long true history in which every call overlaps a few others. */
function long(count: number, valueOf: (place: number) => unknown): Op[] {
  return Array.from({ length: count }, (_, place) => {
    const n = place >> 1;
    return place % 2 === 0
      ? enqueue(valueOf(n), 10 * place - (place % 7) * 5, 10 * place + (place % 11) * 4)
      : dequeue(valueOf(n), 10 * place + 60 - (place % 5) * 6, 10 * place + 70 + (place % 13) * 3);
  });
}

describe("the work for a long history", () => {
  const stepsOf = (ops: readonly Op[]): { kind: string; steps: number } => {
    const effort = { steps: 0, stepsMax: standardBounds.stepsMax };
    return {
      kind: search(readFifo(JSON.stringify({ ops })).history, effort).kind,
      steps: effort.steps,
    };
  };

  test("10,000 calls with different values are looked at once each", () => {
    const { kind, steps } = stepsOf(long(10_000, (n) => n));
    expect(kind).toBe("linearizable");
    expect(steps).toBeLessThanOrEqual(10_001);
  });

  test("a wrong one is found without a search, and its counter-example is small", () => {
    const ops = [
      ...long(10_000, (n) => n),
      enqueue("late", 200_000, 200_001),
      dequeue("late", 1, 2),
    ];
    expect(refutation(fifo(ops)).places).toEqual([10_000, 10_001]);
    const overtaking = long(10_000, (n) => n).map((op) =>
      op.v === 2_500 && op.f === "dequeue" ? { ...op, inv: 99_999, ret: 99_999 } : op,
    );
    expect(refutation(fifo(overtaking)).places).toHaveLength(4);
    expect(stepsOf(overtaking).steps).toBeLessThanOrEqual(10_001);
  });

  test("values that occur a thousand times cost a few looks more", () => {
    const { kind, steps } = stepsOf(long(10_000, (n) => n % 5));
    expect(kind).toBe("linearizable");
    expect(steps).toBeLessThanOrEqual(50 * 10_001);
  });

  test("what is not decided within the bound is unknown, and says so", () => {
    const ops = [
      enqueue(1, 0, 9),
      enqueue(1, 2, 3),
      enqueue(2, 4, 5),
      dequeue(2, 10, 11),
      dequeue(1, 12, 13),
    ];
    expect(fifo(ops, { ...standardBounds, stepsMax: 6 })).toEqual({
      linearizable: "unknown",
      because:
        "values occur more than once, and not all ways to tell them apart were tried within 6 steps",
    });
  });
});
