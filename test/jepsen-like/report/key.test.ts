import { describe, expect, test } from "vitest";
import type { Call, Verdict } from "../../../jepsen-like/checkers/contract.ts";
import { report } from "../../../jepsen-like/report/index.ts";
import { badRun, emptyRun, goodRun } from "./sample.ts";
import { elementOf, textOf } from "./well-formed.ts";

const small = { seconds: 40, rate: 20 };

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
