import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readRegister } from "../../../jepsen-like/check/register/history.ts";
import { search } from "../../../jepsen-like/check/register/search.ts";
import { standardBounds } from "../../../jepsen-like/check/verdict.ts";
import { registerByForce, type Op } from "./brute-force.ts";
import { cas, historyOf, read, refutation, register, write } from "./support.ts";

describe("a history that some register could have", () => {
  test.each<[string, Op[]]>([
    ["nothing", []],
    ["null at first", [read(null, 0, 1), cas([null, 1], 2, 3), read(1, 4, 5)]],
    [
      "concurrent writes in either order",
      [write(1, 0, 9), write(2, 1, 8), read(2, 10, 11), read(2, 12, 13)],
    ],
    ["a read during a write sees it or not", [write(1, 0, 9), read(null, 1, 2), read(1, 3, 4)]],
    ["calls that touch are concurrent", [write(1, 0, 1), write(2, 1, 2), read(1, 2, 3)]],
    ["a write that did not happen", [write(1, 0, 1, false), read(null, 2, 3)]],
    [
      "a write that never returned, seen late",
      [write(1, 0, null), read(null, 5, 6), read(1, 7, 8)],
    ],
    [
      "one whose outcome is unknown may happen after its return",
      [write(1, 0, 1, null), read(null, 5, 6), read(1, 7, 8)],
    ],
    ["or never", [write(1, 0, null), cas([null, 2], 0, null), read(null, 8, 9)]],
    [
      "a read without an answer says nothing",
      [read(7, 0, 1, null), read(7, 0, 1, false), read(null, 0, null)],
    ],
    ["a cas that found another value", [write(1, 0, 1), cas([2, 3], 2, 3, false), read(1, 4, 5)]],
    [
      "a cas that found another value while it changed",
      [write(1, 0, 9), cas([null, 3], 1, 8, false), read(1, 10, 11)],
    ],
    ["a lost cas upon a lost write", [write(1, 0, null), cas([1, 2], 0, null), read(2, 5, 6)]],
    [
      "a write back and forth, lost in between",
      [write(1, 0, 1), write(2, 0, null), write(1, 2, 3), read(2, 4, 5)],
    ],
    [
      "two lost calls make the same value, and only one of them can do so later",
      [write(1, 0, null), cas([null, 1], 1, null), read(1, 5, 6), write(2, 7, 8), read(1, 9, 10)],
    ],
    ["values of any kind", [write({ b: 1, a: [null] }, 0, 1), read({ a: [null], b: 1 }, 2, 3)]],
  ])("%s", (_, ops) => {
    expect(register(ops)).toEqual({ linearizable: true });
  });
});

describe("a history that no register could have", () => {
  test.each<[string, Op[], number[]]>([
    ["a value that nobody wrote", [write(1, 0, 1), read(2, 2, 3), read(1, 4, 5)], [1]],
    ["an old value", [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)], [0, 1, 2]],
    ["back to the old value", [write(1, 0, 9), read(1, 1, 2), read(null, 3, 4)], [0, 1, 2]],
    ["a write that did not happen is seen", [write(1, 0, 1, false), read(1, 2, 3)], [1]],
    ["a lost write is seen before it was asked for", [read(1, 0, 1), write(1, 2, null)], [0]],
    ["a cas that should have failed", [write(1, 0, 1), cas([2, 3], 2, 3)], [1]],
    ["a cas that should have succeeded", [write(1, 0, 1), cas([1, 3], 2, 3, false)], [0, 1]],
    ["two of the same cas", [cas([null, 1], 0, 5), cas([null, 1], 0, 5)], [0, 1]],
    [
      "a lost write does not happen twice",
      [write(1, 0, null), write(2, 0, 1), read(1, 2, 3), write(3, 4, 5), read(1, 6, 7)],
      [0, 1, 2, 3, 4],
    ],
  ])("%s", (_, ops, places) => {
    const { because, places: found } = refutation(register(ops));
    expect(because).toMatch(/^No order of these calls gives each its answer\./);
    expect(
      found.every((place) => places.includes(place)),
      String(found),
    ).toBe(true);
    expect(registerByForce(ops)).toBe(false);
  });

  test("the call that fits nowhere is named, and nothing that came after it is shown", () => {
    const ops = [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5), read(9, 6, 7)];
    expect(refutation(register(ops))).toEqual({
      because:
        "No order of these calls gives each its answer. Without that of ops[2] there is one.",
      places: [0, 1, 2],
    });
  });

  test("nothing is named when the time for it has run out", () => {
    const ops = [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5), read(9, 6, 7)];
    const { because } = refutation(register(ops, { ...standardBounds, shrinkStepsMax: 0 }));
    expect(because).toBe("No order of these calls gives each its answer.");
  });
});

const call = fc.record({
  f: fc.constantFrom("read", "read", "write", "cas"),
  ...{ v: fc.nat(2), old: fc.nat(2), gap: fc.nat(8), late: fc.nat(8) },
  ...{ open: fc.nat(9), wrong: fc.nat(9), ok: fc.boolean() },
});

const histories = fc
  .tuple(fc.array(call, { maxLength: 8 }), fc.boolean(), fc.boolean())
  .map(([calls, opens, lies]) => {
    let now: number | null = null;
    return calls.map(({ f, v, old, gap, late, open, wrong, ok }, place): Op => {
      const inv = 2 * place - gap;
      const lie = lies && wrong < 2;
      const unknown = opens && open < 3;
      const ret = unknown && open < 2 ? null : 2 * place + late;
      const happens = !unknown || wrong % 2 === 0;
      if (f === "read") return read(lie ? v : now, inv, ret, unknown ? null : true);
      if (f === "write") {
        if (happens) now = v;
        return write(v, inv, ret, unknown ? null : true);
      }
      const expected = ok ? now : old;
      const fits = expected === now;
      if (fits && happens) now = v;
      return cas([expected, v], inv, ret, unknown ? null : fits !== lie);
    });
  });

test("agrees with the search through every order; and a counter-example is one", () => {
  fc.assert(
    fc.property(histories, (ops) => {
      const said = register(ops);
      expect(said.linearizable).toBe(registerByForce(ops));
      if (said.linearizable === false)
        expect(registerByForce(historyOf(said.counterexample))).toBe(false);
    }),
    { numRuns: 5_000 },
  );
});

describe("the work for a long history", () => {
  const stepsOf = (ops: readonly Op[]): { found: unknown; steps: number } => {
    const effort = { ...standardBounds, steps: 0 };
    return {
      found: search(readRegister(JSON.stringify({ ops })).history, effort),
      steps: effort.steps,
    };
  };
  const long = Array.from({ length: 5_000 }, (_, n) =>
    n % 2 === 0
      ? write(n % 6, 10 * n - 20, 10 * n + 15)
      : read((n - 1) % 6, 10 * n - 20, 10 * n + 15),
  );

  test("grows with its length, not with the number of its orders", () => {
    const half = stepsOf(long.slice(0, 2_500));
    const whole = stepsOf(long);
    expect([half.found, whole.found]).toEqual(["linearizable", "linearizable"]);
    expect(whole.steps).toBeLessThan(2.5 * half.steps);
  });

  test("a state met twice is not tried twice: 10 writes at once have 2^10 sets, and 10! orders", () => {
    const writes = Array.from({ length: 10 }, (_, n) => write(n, 0, 50));
    const { found, steps } = stepsOf([...writes, read("never", 60, 61)]);
    expect(found).toBe("refuted");
    expect(steps).toBeLessThan(10 * 2 ** 10 * 10 * 4);
  });

  test("writes that never returned and that nobody saw cost nothing", () => {
    const lost = Array.from({ length: 200 }, (_, n) => write(`lost ${n}`, n, null));
    const { found, steps } = stepsOf([
      ...lost,
      write(1, 300, 301),
      read(1, 302, 303),
      read(2, 304, 305),
    ]);
    expect(found).toBe("refuted");
    expect(steps).toBeLessThan(30);
  });

  test("lost writes of one value are tried in one order only", () => {
    const lost = Array.from({ length: 40 }, (_, n) => write(1, n, null));
    const rest = [
      write(2, 100, 101),
      read(1, 102, 103),
      write(2, 104, 105),
      read(1, 106, 107),
      read(3, 108, 109),
    ];
    const { found, steps } = stepsOf([...lost, ...rest]);
    expect(found).toBe("refuted");
    expect(steps).toBeLessThan(5_000);
  });

  test("what is not decided within a bound is unknown, and says so", () => {
    const ops = [write(1, 0, 9), write(2, 0, 9), write(3, 0, 9), read(4, 10, 11)];
    expect(register(ops, { ...standardBounds, statesMax: 3 })).toEqual({
      linearizable: "unknown",
      because: "not decided within 3 states",
    });
    expect(register(ops, { ...standardBounds, stepsMax: 3 })).toEqual({
      linearizable: "unknown",
      because: "not decided within 3 steps",
    });
  });
});
