import { describe, expect, test } from "vitest";
import { markup } from "../../bench/page/markup.ts";
import { page } from "../../bench/page/index.ts";
import { linear, logarithmic, percentiles, short } from "../../bench/page/scale.ts";
import { nameOf } from "../../bench/page/names.ts";
import { faultsOf, textOf } from "../jepsen-like/report/well-formed.ts";
import { fullReport, item, one, reportOf } from "./sample.ts";

const wellFormed = (text: string): string[] =>
  // The other report's reader knows HTML alone: attributes of SVG have capitals and dots in them.
  faultsOf(text.replace(/viewBox=/g, "view-box="));

describe("the page", () => {
  test.each([
    ["everything", fullReport()],
    ["one item", reportOf(item("pipelined", [one({ enqueued_per_s: 1 })]))],
    ["nothing", reportOf()],
    ["a failure", reportOf({ ...item("soak"), failures: ["<no> leader & no figures"] })],
  ])("of %s is well-formed", (_, report) => {
    expect(wellFormed(page(report))).toEqual([]);
  });

  test("loads nothing and has no script", () => {
    expect(page(fullReport())).not.toMatch(/<script|src=|href=|url\(|@import|https?:/);
  });

  test("no number in it is none", () => {
    expect(page(fullReport()).match(/.{0,60}(NaN|Infinity|undefined|null)/)).toBeNull();
  });

  test("has each kind of chart", () => {
    const text = textOf(page(fullReport()));
    for (const said of [
      "Messages a second",
      "Enqueue until it is confirmed",
      "End to end at half load, with snapshots",
      "one blow after the other",
      "Resident memory over the backlog",
      "Soak: resident memory",
    ])
      expect(page(fullReport())).toContain(said);
    expect(text).toContain("median 95");
    // Of several nodes the one that is worst off.
    expect(text).toContain("memory of the backlog 4,000 MiB at most 381 MiB");
  });

  test("is the same after the report's way through JSON", () => {
    const report = fullReport();
    expect(page(JSON.parse(JSON.stringify(report)) as typeof report)).toBe(page(report));
  });

  test("a whisker only where there are several repetitions", () => {
    const whiskers = (...rates: readonly number[]): number =>
      page(
        reportOf(item("pipelined", ...rates.map((rate) => [one({ enqueued_per_s: rate })]))),
      ).split('class="whisker"').length - 1;
    expect([whiskers(5), whiskers(5, 6)]).toEqual([0, 1]);
  });

  test("what is put into it is text", () => {
    expect(markup`<b>${'<i>"&'}</b>${undefined}${1.23456}`.markup).toBe(
      "<b>&lt;i&gt;&quot;&amp;</b>1.23",
    );
  });
});

describe("scales", () => {
  test.each([0.7, 1, 9, 10, 47_000, 1e6])(
    "a line from zero to %d ends on a round number",
    (max) => {
      const { ticks, at } = linear(max);
      expect(ticks[0]).toMatchObject({ at: 0, label: "0" });
      expect(ticks.at(-1)?.at).toBeCloseTo(1, 9);
      expect(ticks.length).toBeLessThanOrEqual(7);
      expect(at(max)).toBeLessThanOrEqual(1);
      expect(at(max)).toBeGreaterThan(0.6);
    },
  );

  test("nothing at all has a scale too", () => {
    expect(linear(0).at(0)).toBe(0);
    expect(linear(NaN).ticks.length).toBeGreaterThan(0);
  });

  test("powers of ten are equally far apart, and the ends are within", () => {
    const { ticks, at } = logarithmic(0.8, 1_200);
    expect(at(10) - at(1)).toBeCloseTo(at(100) - at(10), 9);
    expect([at(0), at(0.8) > 0, at(1_200) < 1, at(1e9)]).toEqual([0, true, true, 1]);
    expect(ticks.map(({ label }) => label)).toEqual(["1", "10", "100", "1000"]);
    for (const { at: place } of ticks) expect(place).toBeLessThanOrEqual(1);
  });

  test.each([
    [1, 1, ["1", "2"]],
    [3, 80, ["2", "5", "10", "20", "50", "100"]],
    [0.02, 0.6, ["0.02", "0.05", "0.1", "0.2", "0.5", "1"]],
  ])("from %d to %d the axis has %s", (min, max, labels) => {
    const { ticks } = logarithmic(min, max);
    expect(ticks.map(({ label }) => label)).toEqual(labels);
    expect([ticks[0]?.at, ticks.at(-1)?.at]).toEqual([0, 1]);
  });

  test("per cent are placed by what they leave over", () => {
    const { ticks, at } = percentiles(99.9);
    expect(ticks.map(({ label }) => label)).toEqual(["0 %", "50 %", "90 %", "99 %", "99.9 %"]);
    expect(at(99) - at(90)).toBeCloseTo(at(99.9) - at(99), 6);
  });

  test("numbers beside an axis are short", () => {
    expect([0, 0.25, 500, 9_500, 20_000, 1_500_000].map(short)).toEqual([
      "0",
      "0.25",
      "500",
      "9500",
      "20k",
      "1.5M",
    ]);
  });
});

test("figures have names for people, and units", () => {
  const said = (figure: string): string => {
    const { name, unit } = nameOf(figure);
    return `${name}|${unit}`;
  };
  expect(
    ["confirm_p999_ms", "acked_per_s", "acked_per_s_beside", "e2e_p50_ms", "lost"].map(said),
  ).toEqual(["confirm p99.9|ms", "acked|/s", "acked, beside|/s", "end to end p50|ms", "lost|"]);
  expect(said("cpu_s_per_100k")).toBe("CPU of all nodes|s per 100,000");
  expect(said("disk_bytes_per_message")).toBe("disk|bytes a message");
  expect(said("acked_per_s_ratio")).toBe("acked ratio|");
  expect(said("start_whole_s")).toBe("start whole|s");
});
