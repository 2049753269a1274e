import { describe, expect, test } from "vitest";
import { catalogue, faultsNamed } from "../../../jepsen-like/nemesis/catalogue.ts";
import { alone, bridge, deaf, halves, mute, ring } from "../../../jepsen-like/nemesis/cuts.ts";
import type { Fault } from "../../../jepsen-like/nemesis/fault.ts";
import { goTogether, Plan } from "../../../jepsen-like/nemesis/plan.ts";
import { randomFrom } from "../../../jepsen-like/nemesis/random.ts";

const turns = (plan: Plan, count: number): Fault[][] =>
  Array.from({ length: count }, () => [...plan.next().faults]);

const names = (drawn: readonly (readonly Fault[])[]): string[][] =>
  drawn.map((faults) => faults.map(({ name }) => name));

describe("what comes next", () => {
  test("the same seed draws the same, another one something else", () => {
    const drawn = (seed: number): string[][] =>
      names(turns(new Plan(catalogue, randomFrom(seed)), 60));
    expect(drawn(1)).toEqual(drawn(1));
    expect(drawn(1)).not.toEqual(drawn(2));
  });

  test("P1: every fault has its turn before any comes again", () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const first = turns(new Plan(catalogue, randomFrom(seed)), catalogue.length);
      expect(new Set(first.map(([fault]) => fault?.name)).size).toBe(catalogue.length);
    }
  });

  test("one node cut off comes most often", () => {
    const plan = new Plan(catalogue, randomFrom(5));
    turns(plan, catalogue.length);
    const counts = new Map<string, number>();
    for (const [fault] of turns(plan, 4_000))
      counts.set(fault!.name, (counts.get(fault!.name) ?? 0) + 1);
    const [most] = [...counts].sort((a, b) => b[1] - a[1]);
    expect(most?.[0]).toBe("isolate");
    expect(counts.size).toBe(catalogue.length);
  });

  test("P2: two at once are of different kinds, and combine; both happen", () => {
    const drawn = turns(new Plan(catalogue, randomFrom(9)), 2_000);
    const pairs = drawn.filter(({ length }) => length === 2);
    expect(pairs.length).toBeGreaterThan(100);
    for (const [one, other] of pairs) expect(goTogether(one!, other!)).toBe(true);
    const alone = catalogue.filter(({ combines }) => combines === false);
    expect(alone.length).toBeGreaterThan(3);
    for (const faults of drawn)
      if (faults.some((fault) => alone.includes(fault))) expect(faults).toHaveLength(1);
  });

  test("without faults there is no plan", () => {
    expect(() => new Plan([], randomFrom(1))).toThrow(RangeError);
  });
});

describe("--nemesis", () => {
  const chosen = (list: string): string[] => faultsNamed(list).faults.map(({ name }) => name);

  test("names, beginnings of names, kinds, all and none", () => {
    expect(chosen("kill")).toEqual(["kill"]);
    expect(chosen("one-way")).toEqual([
      "one-way-in",
      "one-way-out",
      "one-way-in-leader",
      "one-way-out-leader",
    ]);
    expect(faultsNamed("network").faults.every(({ kind }) => kind === "network")).toBe(true);
    expect(chosen("all")).toHaveLength(catalogue.length);
    expect(chosen("none")).toEqual([]);
    expect(chosen("kill, isolate")).toEqual(["kill", "isolate"]);
  });

  test("a word with a minus takes away", () => {
    expect(chosen("process,-kill-all,-pause")).not.toContain("kill-all");
    expect(chosen("process,-kill-all,-pause")).not.toContain("pause");
    expect(chosen("process,-kill-all,-pause")).toContain("pause-leader");
  });

  test("only what is asked for by its own name must be shown", () => {
    expect(faultsNamed("network,kill,one-way").named).toEqual(["kill"]);
    expect(faultsNamed("kill,-kill").named).toEqual([]);
  });

  test("a word that means nothing is refused, with what there is", () => {
    expect(() => faultsNamed("kil")).toThrow(/no fault "kil"; there are: kill, .*kinds: process/);
  });

  test("names are unique, and every fault says what it does", () => {
    expect(new Set(catalogue.map(({ name }) => name)).size).toBe(catalogue.length);
    for (const { what } of catalogue) expect(what.length).toBeGreaterThan(10);
  });
});

describe("who does not hear whom", () => {
  const text = (directions: readonly (readonly [unknown, unknown])[]): string[] =>
    directions.map(([from, to]) => `${String(from)}>${String(to)}`).sort();

  test("one alone loses both ways; deaf loses what comes, mute what goes", () => {
    expect(text(alone([1, 2, 3], 2))).toEqual(["1>2", "2>1", "2>3", "3>2"]);
    expect(text(deaf([1, 2, 3], 2))).toEqual(["1>2", "3>2"]);
    expect(text(mute([1, 2, 3], 2))).toEqual(["2>1", "2>3"]);
  });

  test("a bridge reaches both halves, which do not reach each other", () => {
    expect(text(bridge([1, 2, 3]))).toEqual(["2>3", "3>2"]);
    expect(text(bridge([5, 1, 2, 3, 4]))).toHaveLength(8);
    expect(text(bridge([5, 1, 2, 3, 4])).some((direction) => direction.includes("5"))).toBe(false);
  });

  test("of an odd number the first half has the majority", () => {
    expect(text(halves([1, 2, 3]))).toEqual(["1>3", "2>3", "3>1", "3>2"]);
    expect(text(halves([1, 2, 3, 4, 5]))).toHaveLength(12);
  });

  test.each([[[1, 2, 3]], [[3, 1, 5, 2, 4]], [[1, 2, 3, 4, 5, 6, 7]]])(
    "in a ring of %j each hears a majority, and no two the same one",
    (order) => {
      const lost = ring(order);
      const heard = order.map((to) =>
        order
          .filter((from) => !lost.some(([a, b]) => a === from && b === to))
          .sort((a, b) => a - b),
      );
      for (const [place, voices] of heard.entries()) {
        expect(voices).toContain(order[place]);
        expect(voices).toHaveLength(Math.floor(order.length / 2) + 1);
      }
      expect(new Set(heard.map(String)).size).toBe(order.length);
    },
  );
});
