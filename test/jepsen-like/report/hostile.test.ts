// Runs whose servers say what would break a page, or say it without end.

import { describe, expect, test } from "vitest";
import type { Verdict } from "../../../jepsen-like/checkers/contract.ts";
import { report, type RunData } from "../../../jepsen-like/report/index.ts";
import { badRun } from "./sample.ts";
import { faultsOf, textOf } from "./well-formed.ts";

const megabyte = 1_000_000;
const small = { seconds: 40, rate: 20 };

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
