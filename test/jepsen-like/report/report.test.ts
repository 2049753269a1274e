import { describe, expect, test } from "vitest";
import type { Call, Verdict } from "../../../jepsen-like/checkers/contract.ts";
import { report, type RunData } from "../../../jepsen-like/report/index.ts";
import { badRun, emptyRun, goodRun, thinRun } from "./sample.ts";
import { elementOf, faultsOf, textOf } from "./well-formed.ts";

const megabyte = 1_000_000;
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

describe("what comes from servers is text", () => {
  const evil = `</script><script>alert("1")</script><img src=x onerror='alert(2)'>&amp;\u0000\u202e`;

  function evilRun(): RunData {
    const bad = badRun(small);
    const [delivery] = bad.history.delivered;
    const first = bad.injected[0]!;
    return {
      ...bad,
      facts: {
        ...bad.facts,
        seed: evil,
        version: evil,
        command: evil,
        date: evil,
        host: [{ name: evil, value: evil }],
      },
      overall: { result: "FAIL", reasons: [evil] },
      catalogue: [{ name: evil, what: evil, kind: "disk" }],
      injected: [
        { ...first, fault: evil, what: evil, observed: evil },
        { ...first, fault: evil },
      ],
      skipped: [{ fault: evil, why: evil }],
      verdicts: (["violated", "inconclusive", "holds", "skipped"] as const).map((result) => ({
        check: evil,
        result,
        looked: evil,
        why: evil,
        findings: [{ what: evil, queue: evil, key: evil, times: [delivery!.time] }],
      })),
      history: {
        calls: (["ok", "fail", "unknown"] as const).map((type, op) => ({
          asked: {
            type: "invoke",
            process: evil,
            op,
            time: delivery!.time - 10,
            f: "enqueue",
            queue: evil,
            key: evil,
            body: evil,
          },
          told: { type, process: evil, op, time: delivery!.time, reason: evil, message: evil },
        })),
        delivered: [
          { ...delivery!, process: evil, queue: evil, key: evil, body: evil, redelivery: evil },
        ],
        notes: [
          {
            type: "note",
            process: evil,
            time: delivery!.time,
            what: "attached",
            detail: { [evil]: evil },
          },
        ],
      },
      deaths: [{ nodeId: 1, time: delivery!.time, code: null, signal: evil, lastLines: [evil] }],
      digests: [{ nodeId: 1, appliedIndex: 1, digest: evil }],
    };
  }

  test("everywhere (M1)", () => {
    const page = report(evilRun());
    expect(faultsOf(page)).toEqual([]);
    expect(page.match(/<script>/g)).toHaveLength(1);
    expect(page.match(/<\/script>/g)).toHaveLength(2);
    expect(page).not.toContain("<img");
    expect(page).not.toMatch(/[\u0000\u202e]/);
    expect(textOf(page)).toContain(`</script><script>alert("1")</script>`);
  });
});

describe("the size of the page is bounded (R2)", () => {
  /** The same again and again, one after the other. */
  function repeated(data: RunData, times: number): RunData {
    const seconds = data.facts.minutes * 60 + 20;
    const each = Array.from({ length: times }, (_, at) => at * seconds * 1_000_000);
    const { calls, delivered, notes } = data.history;
    const later = <T extends { readonly time: number }>(what: T, by: number): T => ({
      ...what,
      time: what.time + by,
    });
    return {
      ...data,
      injected: each.flatMap((by) =>
        data.injected.map((one) => ({ ...one, from: one.from + by, to: one.to + by })),
      ),
      leaders: each.flatMap((by) => data.leaders.map((one) => later(one, by))),
      history: {
        calls: each.flatMap((by) =>
          calls.map(({ asked, told }) => ({
            asked: later(asked, by),
            ...(told === undefined ? {} : { told: later(told, by) }),
          })),
        ),
        delivered: each.flatMap((by) => delivered.map((one) => later(one, by))),
        notes,
      },
    };
  }

  test("a hundred thousand calls of a long run", () => {
    const data = repeated(badRun({ seconds: 60, rate: 20 }), 45);
    expect(data.history.calls.length).toBeGreaterThan(100_000);
    expect(report(data).length).toBeLessThan(1.5 * megabyte);
  });

  test("a run twice as long, of a kind, makes the page hardly longer", () => {
    const data = badRun(small);
    expect(report(repeated(data, 20)).length).toBeLessThan(report(repeated(data, 10)).length * 1.6);
  });

  test("everything that can be long is, and many times", () => {
    const data = badRun(small);
    const long = "x".repeat(20_000);
    const times = data.history.delivered.map(({ time }) => time);
    const first = data.injected[0]!;
    const keys = Array.from({ length: 60 }, (_, at) => `account-${at}`);
    const verdicts = Array.from({ length: 40 }, (_, at): Verdict => ({
      check: `check ${at}`,
      result: "violated",
      looked: long,
      why: long,
      findings: Array.from({ length: 20 }, (__, nr) => ({
        what: long,
        queue: "ledger",
        key: keys[(at + nr) % 60]!,
        times,
      })),
    }));
    const page = report({
      ...data,
      overall: { result: "FAIL", reasons: Array.from({ length: 500 }, () => long) },
      injected: Array.from({ length: 5_000 }, (_, at) => ({
        ...first,
        targets: [1, 2, 3, 4, 5],
        what: long,
        observed: long,
        from: first.from + at,
        to: first.to + at,
      })),
      leaders: Array.from({ length: 20_000 }, (_, at) => ({
        time: first.from + at,
        term: at,
        nodeId: (at % 5) + 1,
      })),
      deaths: Array.from({ length: 500 }, () => ({
        nodeId: 1,
        time: first.from,
        code: 1,
        signal: null,
        lastLines: Array.from({ length: 500 }, () => long),
      })),
      verdicts,
    });
    expect(page.length).toBeLessThan(3 * megabyte);
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

describe("a key with something wrong", () => {
  const data = badRun();
  const page = report(data);
  const finding = data.verdicts.find(({ check }) => check === "Q3 FIFO per key")!.findings[0]!;
  const article = elementOf(page, "article", "key-1");

  test("is drawn for each finding that names one, and for no other", () => {
    const keys = new Set(
      data.verdicts.flatMap(({ findings }) =>
        findings.flatMap(({ key }) => (key === undefined ? [] : [key])),
      ),
    );
    expect(page.match(/<article /g)).toHaveLength(keys.size);
    expect(report(goodRun(small))).not.toContain("<article");
    expect(elementOf(page, "section", "checks")).toContain('href="#key-1"');
  });

  test("shows the findings, each delivery with its consumer, and how it ended", () => {
    const text = textOf(article);
    expect(text).toContain(finding.what);
    const named = data.history.delivered.filter(
      ({ key, body }) => key === finding.key && finding.what.includes(body),
    );
    expect(named.length).toBe(4);
    for (const { process, token } of named)
      expect(article).toContain(`${process} · token ${token} · `);
    expect(text).toContain("ack refused");
    expect(text).toContain("nack?");
    expect(text).toContain("lease-lost");
    expect(text).toContain("again: lease expired");
  });

  test("marks the messages and the times that the findings name (E1)", () => {
    expect(article.match(/class="message named"/g)).toHaveLength(2);
    expect(article.match(/class="finding"/g)).toHaveLength(3);
  });

  test("lists every event of the messages that the findings name (E1)", () => {
    const text = textOf(article);
    const bodies = data.history.delivered
      .filter(({ key, body }) => key === finding.key && finding.what.includes(body))
      .map(({ body }) => body);
    for (const { asked } of data.history.calls) {
      if (!("body" in asked) || asked.key !== finding.key || !bodies.includes(asked.body)) continue;
      expect(text).toMatch(
        new RegExp(`${asked.process} ${asked.f} · (ok|fail|unknown) ${asked.body} `),
      );
    }
    for (const body of bodies) expect(text).toMatch(new RegExp(`c\\d delivered ${body} `));
  });

  test("marks the messages that an entry of the log is about, which a finding names (E1)", () => {
    const logIndex = data.history.calls.find(
      ({ asked, told }) => asked.f === "ack" && asked.key === finding.key && told?.type === "ok",
    )!.told!.told!.logIndex!;
    const named = (what: string): number => {
      const verdicts: Verdict[] = [
        {
          check: "Q",
          result: "violated",
          looked: "",
          findings: [{ what, queue: "ledger", key: finding.key! }],
        },
      ];
      const found = elementOf(report({ ...data, verdicts }), "article", "key-1");
      return found.match(/class="message named"/g)?.length ?? 0;
    };
    expect(named(`entry ${logIndex} is wrong`)).toBe(1);
    expect(named(`entry ${logIndex}0 is wrong`)).toBe(0);
  });

  test("does not take a body for another that begins with it", () => {
    const { body } = data.history.delivered.find(({ key }) => key === finding.key)!;
    const verdicts: Verdict[] = [
      {
        check: "Q",
        result: "violated",
        looked: "",
        findings: [{ what: `${body}7 is wrong`, queue: "ledger", key: finding.key! }],
      },
    ];
    expect(report({ ...data, verdicts })).not.toContain('class="message named"');
  });

  test("is found in batches and commits too, and where a finding names no queue", () => {
    const place = { seq: 1, keySeq: 1, logIndex: 7, deduplicated: true };
    const lease = { queue: "q", key: "k", keySeq: 1, token: 5, body: "w1-1" };
    const calls: Call[] = [
      {
        asked: {
          type: "invoke",
          process: "w1",
          op: 1,
          time: 10,
          f: "enqueue-batch",
          queue: "q",
          messages: [
            { key: "k", body: "w1-1" },
            { key: "other", body: "w1-2" },
          ],
        },
        told: {
          type: "ok",
          process: "w1",
          op: 1,
          time: 20,
          told: {
            placed: [
              { ...place, body: "w1-1" },
              { ...place, body: "w1-2" },
            ],
          },
        },
      },
      {
        asked: {
          type: "invoke",
          process: "c1",
          op: 1,
          time: 30,
          f: "commit",
          acks: [lease],
          enqueues: [{ queue: "q2", key: "k", body: "c1-1" }],
        },
        told: { type: "ok", process: "c1", op: 1, time: 40, told: { logIndex: 9, already: true } },
      },
    ];
    const verdicts: Verdict[] = [
      {
        check: "Q",
        result: "violated",
        looked: "",
        findings: [{ what: "w1-1 is wrong", key: "k" }],
      },
    ];
    const text = textOf(
      elementOf(
        report({ ...emptyRun(), verdicts, history: { calls, delivered: [], notes: [] } }),
        "article",
        "key-1",
      ),
    );
    expect(text).toContain(
      "enqueue-batch · ok w1-1 answered at 0:00.000, seq 1, log index 7, deduplicated",
    );
    expect(text).toContain(
      "commit · ok w1-1 token 5, answered at 0:00.000, log index 9, already settled",
    );
    expect(text).toContain("commit · ok c1-1");
    expect(text).not.toContain("w1-2");
  });

  test("that the history does not know says so", () => {
    const verdicts: Verdict[] = [
      {
        check: "Q",
        result: "violated",
        looked: "",
        findings: [{ what: "gone", queue: "q", key: "k" }],
      },
    ];
    expect(textOf(report({ ...emptyRun(), verdicts }))).toContain(
      "The history has nothing of this key.",
    );
  });
});
