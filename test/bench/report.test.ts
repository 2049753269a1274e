import { describe, expect, test } from "vitest";
import { brokenPromises, figureText, reportText } from "../../bench/report.ts";
import { isMet, targetOf, targets } from "../../bench/targets.ts";
import { items } from "../../bench/items/index.ts";
import { relative } from "../../bench/compare.ts";
import { costs, type Reading } from "../../bench/meter.ts";
import { item, one, reportOf } from "./sample.ts";

describe("the table", () => {
  test("has the machine, the commit and what was asked for", () => {
    const text = reportText(reportOf());
    for (const said of ["3 nodes", "256-byte", "1,000 keys", "Some CPU", "abc1234"])
      expect(text).toContain(said);
  });

  test("one repetition: the figure; several: the median and how far they lie apart", () => {
    const single = reportOf(item("x", [one({ rate: 10 })]));
    expect(reportText(single)).toMatch(/^ {2}rate {2}10$/m);
    const three = reportOf(
      item("x", [one({ rate: 30 })], [one({ rate: 10 })], [one({ rate: 20.04 })]),
    );
    expect(reportText(three)).toMatch(/^ {2}rate {2}20 \(10 to 30\)$/m);
  });

  test("cases stand beside each other, and a figure that one of them lacks is a dash", () => {
    const text = reportText(
      reportOf(
        item("x", [one({ rate: 1 }, { label: "a" }), one({ rate: 2, more: 3 }, { label: "b" })]),
      ),
    );
    expect(text).toMatch(/^ +a +b$/m);
    expect(text).toMatch(/^ {2}rate +1 +2$/m);
    expect(text).toMatch(/^ {2}more +- +3$/m);
  });

  test("what a machine cannot say is said so", () => {
    expect(reportText(reportOf(item("x", [one({ cpu: undefined })])))).toContain(
      "unavailable here",
    );
  });

  test("what failed is said, beside the repetitions that did not", () => {
    const report = reportOf({ ...item("x", [one({ rate: 1 })]), failures: ["no leader"] });
    expect(reportText(report)).toContain("FAILED: no leader");
    expect(reportText(report)).toContain("rate");
    expect(reportText(reportOf({ ...item("x"), failures: ["no leader"] }))).toContain("no leader");
  });

  test("three digits, and none behind the point of what is large", () => {
    expect([12_345.6, 99.96, 1.2345, 0.00123, 0].map(figureText)).toEqual([
      "12,346",
      "100",
      "1.23",
      "0.00123",
      "0",
    ]);
  });
});

describe("targets", () => {
  test("each belongs to an item that there is", () => {
    const names = items.map(({ name }) => name);
    for (const target of targets) expect(names).toContain(target.item);
  });

  test("met and missed are said beside the figure", () => {
    const text = (ms: number): string =>
      reportText(reportOf(item("failover", [one({ median_ms: ms })])));
    expect(text(300)).toContain("at most 300: met");
    expect(text(301)).toContain("at most 300: MISSED");
  });

  test("a target of one case is not one of the others", () => {
    expect(targetOf("nodes", "3 nodes", "acked_per_s_ratio")).toBeUndefined();
    const target = targetOf("nodes", "5 nodes", "acked_per_s_ratio");
    expect(target && [isMet(target, 0.7), isMet(target, 0.69)]).toEqual([true, false]);
  });

  test("a broken promise is named, also when only one repetition broke it; a slow run is none", () => {
    const broken = reportOf(
      item("failover", [one({ lost: 0 })], [one({ lost: 1 })], [one({ lost: 0, worst_ms: 1e6 })]),
    );
    expect(brokenPromises(broken)).toEqual(["failover: lost is 1"]);
    expect(brokenPromises(reportOf(item("failover", [one({ lost: 0 })])))).toEqual([]);
  });
});

test("a case is told as a fraction of another one, where there is one", () => {
  const all = [one({ rate: 10 }, { label: "a" }), one({ rate: 5 }, { label: "b" })];
  expect(relative(all, "rate", "a").map(({ figures }) => figures["rate_ratio"])).toEqual([1, 0.5]);
  expect(relative(all, "rate", "z")[0]?.figures["rate_ratio"]).toBeUndefined();
});

describe("the meter", () => {
  const reading = (ms: number, each: number | undefined): Reading => ({
    ms,
    serverCpu: each,
    otherCpu: each,
    diskBytes: each,
    networkBytes: each,
  });

  test("costs are differences, per message", () => {
    expect(costs(reading(1_000, 10), reading(3_000, 16), 200_000)).toEqual({
      cpu_s_per_100k: 3,
      disk_bytes_per_message: 6 / 200_000,
      network_bytes_per_message: 6 / 200_000,
      other_cores: 3,
    });
  });

  test("of nothing nothing is said, and nothing of what is unknown", () => {
    expect(costs(reading(0, 1), reading(1_000, 2), 0).cpu_s_per_100k).toBeUndefined();
    expect(costs(reading(0, 1), reading(1_000, undefined), 5).other_cores).toBeUndefined();
  });
});
