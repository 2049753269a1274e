import { describe, expect, test } from "vitest";
import type { Call } from "../../../jepsen-like/checkers/contract.ts";
import { report, type RunData } from "../../../jepsen-like/report/index.ts";
import { badRun, emptyRun, goodRun, thinRun } from "./sample.ts";
import { elementOf, faultsOf, textOf } from "./well-formed.ts";

const small = { seconds: 40, rate: 20 };

describe("the page", () => {
  test.each([
    ["a good run", goodRun(small)],
    ["a bad run", badRun(small)],
    ["a thin run", thinRun()],
    ["a run in which nothing happened", emptyRun()],
  ])("of %s is well-formed", (_, data) => {
    expect(faultsOf(report(data))).toEqual([]);
  });

  test("the reader of these tests finds what is not well-formed", () => {
    expect(faultsOf("<p><b>a</p>")).not.toEqual([]);
    expect(faultsOf("<p>a < b</p>")).not.toEqual([]);
    expect(faultsOf("<p>a & b</p>")).not.toEqual([]);
    expect(faultsOf('<p id="a"></p><p id="a"></p>')).not.toEqual([]);
    expect(faultsOf('<a href="#nowhere">a</a>')).not.toEqual([]);
    expect(faultsOf("<p title=a>a</p>")).not.toEqual([]);
  });

  test("loads nothing, and lets no script run but its own (R1)", () => {
    const page = report(badRun(small));
    expect(page).not.toMatch(/(src|href)="(?!#)/);
    expect(page).not.toMatch(/url\(|@import|https?:/);
    expect(page).toContain("default-src &#39;none&#39;");
    expect(page.match(/<script>/g)).toHaveLength(1);
  });

  test("is the same for the same run", () => {
    expect(report(goodRun(small))).toBe(report(goodRun(small)));
  });

  test.each(["PASS", "FAIL", "INCONCLUSIVE"] as const)("says %s first, and why", (result) => {
    const data = { ...goodRun(small), overall: { result, reasons: ["Because of <this> & that."] } };
    const text = textOf(report(data));
    expect(text.indexOf(result)).toBeGreaterThan(0);
    expect(text.indexOf(result)).toBeLessThan(150);
    expect(text).toContain("Because of <this> & that.");
  });

  test("has the command, seed, version and host facts", () => {
    const { facts } = goodRun(small);
    const text = textOf(report(goodRun(small)));
    for (const said of [
      facts.command,
      facts.seed,
      facts.version,
      ...facts.host.map(({ value }) => value),
    ])
      expect(text).toContain(said);
  });

  test("says how many kinds of fault were skipped, if any were", () => {
    const figures = (skipped: RunData["skipped"]): string => {
      const page = report({ ...goodRun(small), skipped });
      return textOf(page.slice(0, page.indexOf("</header>")));
    };
    const one = { fault: "clock", why: "no CAP_SYS_TIME" };
    expect(figures([])).toContain("injected Checks that hold");
    expect(figures([one])).toContain("injected; 1 kind skipped");
    expect(figures([one, one])).toContain("injected; 2 kinds skipped");
  });

  test("cuts what is long, and says how long it was", () => {
    const reasons = ["x".repeat(20_000)];
    const text = textOf(report({ ...goodRun(small), overall: { result: "FAIL", reasons } }));
    expect(text).toContain("xx… (20,000 characters)");
  });

  test("of nothing says so in each section", () => {
    const text = textOf(report(emptyRun()));
    expect(text).toContain("Nothing was asked.");
    expect(text).toContain("None was made.");
    expect(text).toContain("None was asked for.");
    expect(text).toContain("No node was seen to lead.");
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  test.each([goodRun(small), badRun(small), thinRun()])("shows no figure that is none", (data) => {
    expect(report(data).replace(/<script>[\s\S]*/, "")).not.toMatch(
      /NaN|undefined|Infinity|\[object/,
    );
  });
});

describe("nothing is left out (R3)", () => {
  const data = badRun();
  const page = report(data);
  const text = textOf(page);

  test("each verdict, with its result, what was looked at, its findings and why", () => {
    const checks = textOf(elementOf(page, "section", "checks"));
    for (const { check, result, looked, why, findings } of data.verdicts) {
      expect(checks).toContain(`${result} ${check}`);
      expect(checks).toContain(looked);
      if (why !== undefined) expect(checks).toContain(why);
      for (const { what } of findings) expect(checks).toContain(what);
    }
  });

  test("violated checks stand before all others, with the first findings open", () => {
    const checks = elementOf(page, "section", "checks");
    const at = (result: string): number => checks.indexOf(`<tr class="${result}" `);
    expect(at("violated")).toBeLessThan(at("inconclusive"));
    expect(at("inconclusive")).toBeLessThan(at("holds"));
    expect(checks.indexOf("<ol>")).toBeLessThan(checks.indexOf("<details>"));
  });

  test("each fault: how often, how often observed; each time, with what showed it", () => {
    const faults = textOf(elementOf(page, "section", "faults"));
    for (const name of new Set(data.injected.map(({ fault }) => fault))) {
      const times = data.injected.filter(({ fault }) => fault === name);
      const seen = times.filter(({ observed }) => observed !== undefined).length;
      const what = data.catalogue.find((one) => one.name === name)!.what;
      expect(faults).toContain(`${name} ${what} ${times.length} ${seen} `);
    }
    for (const { what, observed } of data.injected)
      expect(faults).toContain(`${what} ${observed ?? "no visible effect: not counted"}`);
  });

  test("each fault that was skipped, and why", () => {
    for (const { fault, why } of data.skipped) {
      expect(text).toContain(fault);
      expect(text).toContain(`skipped: ${why}`);
    }
  });

  test("a fault has a bar in the lane of each of its targets; one that hit none of them, in a lane of its own", () => {
    const injected = [
      {
        fault: "one-way",
        what: "both",
        targets: [1, 3],
        from: 1_000_000,
        to: 2_000_000,
        observed: "yes",
      },
      { fault: "clients-cut", what: "all clients", targets: [], from: 1_500_000, to: 2_000_000 },
    ];
    const run = elementOf(report({ ...data, injected }), "section", "run");
    expect(run.match(/class="bar network[^"]*"/g)).toHaveLength(2);
    expect(run.match(/class="bar other unseen[^"]*"/g)).toHaveLength(1);
    expect(textOf(run)).toContain("As a whole");
    expect(textOf(report(data))).not.toContain("As a whole");
  });

  test("nodes that took the place of others share their lanes, once they are many", () => {
    const replaced = (nodes: number): RunData => ({
      ...data,
      deaths: [],
      leaders: [],
      injected: Array.from({ length: nodes }, (_, at) => ({
        ...{ fault: "replace-member", what: "gone", targets: [at + 1] },
        ...{ from: 1_000_000 * at, to: 1_000_000 * at + 900_000, observed: "yes" },
      })),
    });
    const lanes = (nodes: number): string => {
      const run = textOf(elementOf(report(replaced(nodes)), "section", "run"));
      return /Nodes? \d.*?0:00/.exec(run)![0];
    };
    expect(lanes(5)).toMatch(/Node 1 .*Node 2 .*Node 3 .*Node 4 .*Node 5 /);
    expect(lanes(9)).toMatch(/Nodes 1, 4, 5, 6, 7, 8, 9 .*Node 2 .*Node 3 /);
    expect(lanes(9)).not.toContain("Node 4");
  });

  test("each change of leader, with its term", () => {
    const leaders = textOf(elementOf(page, "section", "leaders"));
    for (const { term, nodeId } of data.leaders)
      expect(leaders).toContain(`${term} node ${nodeId}`);
  });

  test("the nodes’ digests, and whether they agree", () => {
    expect(text).toContain("The nodes did not end in the same state");
    expect(textOf(report(goodRun(small)))).toContain("All nodes ended in the same state.");
    for (const { digest } of data.digests) expect(text).toContain(digest);
  });

  test("a process that ended by itself, with its last lines", () => {
    for (const { lastLines } of data.deaths)
      for (const said of lastLines) expect(text).toContain(said);
    expect(textOf(report(goodRun(small)))).toContain("No process ended by itself.");
  });

  test("operations by outcome, and why they did not succeed", () => {
    const operations = textOf(elementOf(page, "section", "operations"));
    const of = (f: string, type: string): Call[] =>
      data.history.calls.filter(
        (call) => call.asked.f === f && (call.told?.type ?? "unknown") === type,
      );
    const figure = (value: number): string => value.toLocaleString("en");
    expect(operations).toContain(
      `ack ${figure(of("ack", "ok").length)} ${of("ack", "fail").length} ${of("ack", "unknown").length} `,
    );
    expect(operations).toContain("NO_LEADER no answer within 1000 ms");
    expect(operations).toContain("STALE_LEASE");
  });
});

describe("the top of a page of a run that failed", () => {
  const data = badRun();
  const page = report(data);
  const [first, ...others] = data.verdicts.filter(({ result }) => result === "violated");
  const top = page.slice(0, page.indexOf("</header>"));

  test("says how much is wrong, which keys, when, and what was done to the cluster then", () => {
    const text = textOf(top);
    expect(text).toContain(`${others.length + 1} of ${data.verdicts.length} checks violated.`);
    expect(text).toContain(`Concerned: key ${first!.findings[0]!.key} of queue ledger`);
    expect(text).toMatch(/At \d+:\d\d\.\d{3} to .*, (under|[\d.]+ s after) [a-z]/);
  });

  test("leads from each reason to its check, its key and its time", () => {
    const reasons = [`${first!.check}: ${first!.findings[0]!.what}`, "something else"];
    const page = report({ ...data, overall: { result: "FAIL", reasons } });
    const found = elementOf(page, "ul", "reasons");
    const row = data.verdicts.findIndex(({ check }) => check === first!.check) + 1;
    expect(found).toContain(`href="#check-${row}"`);
    expect(page).toContain(`id="check-${row}"`);
    expect(found).toContain('href="#key-1"');
    expect(found).toContain("data-from=");
    expect(found).toContain("something else");
  });

  test("is followed by the keys, and the times are marked on the picture of the run", () => {
    expect(page.indexOf('<section id="keys">')).toBeLessThan(page.indexOf('<section id="run">'));
    const run = elementOf(page, "section", "run");
    const times = data.verdicts
      .filter(({ result }) => result === "violated")
      .flatMap(({ findings }) => findings.flatMap(({ times = [] }) => times));
    expect(run.match(/class="mark"/g)).toHaveLength(times.length);
    expect(report(goodRun(small))).not.toContain('class="mark"');
  });
});
