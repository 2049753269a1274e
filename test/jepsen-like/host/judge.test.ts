import { expect, test } from "vitest";
import { judge, type Found, type Item } from "../../../jepsen-like/host/sweep-load.ts";

const item = (key: string, n: number): Item => ({ key, n });
const found = (key: string, n: number, keySeq = n, redelivery = ""): Found => {
  return { key, n, keySeq, redelivery };
};
const acked = [item("a", 1), item("a", 2), item("b", 1)];

test("all that was acknowledged is there, once, in order: nothing is wrong", () => {
  expect(judge(acked, [], [found("a", 1), found("b", 1), found("a", 2)])).toEqual([]);
});

test("a call without an answer may be there or not", () => {
  const there = [found("a", 1), found("a", 2), found("b", 1)];
  expect(judge(acked, [item("b", 2)], there)).toEqual([]);
  expect(judge(acked, [item("b", 2)], [...there, found("b", 2)])).toEqual([]);
});

test.each<[string, Found[], RegExp]>([
  ["lost", [found("a", 1), found("a", 2)], /Q1: b-1 was acknowledged and is gone/],
  ["lost in the middle", [found("a", 2), found("b", 1)], /Q1: a-1/],
  ["doubled", [found("a", 1), found("a", 1, 2), found("a", 2, 3), found("b", 1)], /Q3: a-1/],
  ["out of order", [found("a", 2, 1), found("a", 1, 2), found("b", 1)], /Q5: a-1 comes after a-2/],
  ["invented", [found("a", 1), found("a", 2), found("a", 3), found("b", 1)], /Q2: a-3/],
  ["a gap in the numbers", [found("a", 1), found("a", 2, 3), found("b", 1)], /number 3/],
  ["redelivered", [found("a", 1, 1, "session ended"), found("a", 2), found("b", 1)], /P7: a-1/],
])("what is %s is told", (_, there, told) => {
  expect(judge(acked, [], there).join("\n")).toMatch(told);
});
