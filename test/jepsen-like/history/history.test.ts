import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { historyFiles, readHistory } from "../../../jepsen-like/history/reader.ts";
import { nowUs, type Asked, type Lease } from "../../../jepsen-like/history/record.ts";
import { HistoryWriter } from "../../../jepsen-like/history/writer.ts";

let directory = "";
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "raftq-history-"))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const path = (name: string): string => join(directory, name);

function fileOf(...lines: readonly (object | string)[]): string {
  const file = path("p1.1.jsonl");
  const texts = lines.map((line) =>
    typeof line === "string" ? line : `${JSON.stringify(line)}\n`,
  );
  writeFileSync(file, texts.join(""));
  return file;
}

const lease: Lease = { queue: "q", key: "k", keySeq: 1, token: 7, body: "p1-1" };
const at = { process: "p1.1", time: 100 } as const;
const asks = { type: "invoke", ...at, op: 1, f: "enqueue", queue: "q", key: "k", body: "p1-1" };
const ends = { type: "ok", ...at, op: 1, time: 200 };

describe("what a process writes", () => {
  const calls: readonly Asked[] = [
    { f: "enqueue", queue: "q", key: "k", body: "p1-1", dedupId: "d" },
    { f: "enqueue-batch", queue: "q", messages: [{ key: "k", body: "p1-2" }] },
    { f: "receive", queue: "q", max: 3 },
    { f: "ack", ...lease },
    { f: "nack", ...lease },
    { f: "reject", ...lease },
    { f: "release", ...lease },
    { f: "commit", acks: [lease], enqueues: [{ queue: "r", key: "k", body: "p1-3" }] },
    { f: "get-queue", queue: "q" },
    { f: "browse", queue: "q" },
    { f: "create-queue", queue: "q" },
  ];

  test("is read as it was written: calls with their ends, deliveries, notes", async () => {
    const writer = new HistoryWriter(path("a.jsonl"), "p1.1");
    const before = nowUs();
    const told = {
      logIndex: 5,
      placed: [{ body: "p1-1", seq: 1, keySeq: 1, logIndex: 5, deduplicated: false }],
    };
    for (const asked of calls) {
      const op = writer.invoke(asked);
      if (asked.f === "enqueue") writer.complete(op, { type: "ok", told });
      if (asked.f === "ack")
        writer.complete(op, { type: "unknown", reason: "TIMEOUT", message: "no" });
    }
    const grant = { ...lease, seq: 1, deliveries: 2, attempts: 1, redelivery: "nack" };
    writer.delivered({ ...grant, op: 3 }, 800);
    writer.delivered(grant, 800);
    writer.note("attached", { term: 3 });
    writer.note("ended");
    writer.close();

    const { history, lines, torn } = await readHistory([path("a.jsonl")]);
    expect(lines).toBe(17);
    expect(torn).toEqual([]);
    const asked = calls.map((call, index) => ({ process: "p1.1", op: index + 1, ...call }));
    expect(history.calls.map((call) => call.asked)).toMatchObject(asked);
    const [enqueue, batch] = history.calls;
    expect(enqueue?.told).toMatchObject({ type: "ok", op: 1, told });
    expect(batch?.told).toBeUndefined();
    expect(history.calls[3]?.told).toMatchObject({ type: "unknown", reason: "TIMEOUT" });
    const [received, streamed] = history.delivered;
    expect(received).toMatchObject({ ...grant, type: "delivered", op: 3 });
    expect(streamed).not.toHaveProperty("op");
    expect(received!.leaseEnds - received!.time).toBe(800_000);
    expect(received!.time).toBeGreaterThanOrEqual(before);
    expect(history.notes.map(({ what, detail }) => [what, detail])).toEqual([
      ["attached", { term: 3 }],
      ["ended", undefined],
    ]);
  });

  test("an invocation is in the file before its call could be made (W1)", () => {
    const writer = new HistoryWriter(path("a.jsonl"), "p1.1");
    writer.invoke(calls[0]!);
    expect(readFileSync(path("a.jsonl"), "utf8")).toMatch(/"op":1,.*"f":"enqueue",.*\n$/);
    writer.close();
  });

  test("goes into a file of its own (W2)", () => {
    writeFileSync(path("empty.jsonl"), "");
    new HistoryWriter(path("empty.jsonl"), "p1.1").close();
    writeFileSync(path("used.jsonl"), "{}\n");
    expect(() => new HistoryWriter(path("used.jsonl"), "p1.2")).toThrow(
      /used\.jsonl: the history of another/,
    );
  });
});

describe("files put together", () => {
  test("are in order of time, whatever their order is", async () => {
    writeFileSync(path("a"), `${JSON.stringify({ ...asks, time: 30 })}\n`);
    const other = { ...asks, process: "p2.1", time: 20, body: "p2-1" };
    const note = { type: "note", process: "p2.1", time: 10, what: "started" };
    writeFileSync(path("b"), [other, note].map((line) => `${JSON.stringify(line)}\n`).join(""));
    const { history } = await readHistory([path("a"), path("b")]);
    expect(history.calls.map(({ asked }) => asked.process)).toEqual(["p2.1", "p1.1"]);
    expect(history.notes).toHaveLength(1);
  });

  test("may not hold two files of one process (D1)", async () => {
    writeFileSync(path("a"), `${JSON.stringify(asks)}\n`);
    writeFileSync(path("b"), `${JSON.stringify(asks)}\n`);
    await expect(readHistory([path("a"), path("b")])).rejects.toThrow(
      /b:1: process p1\.1 has a file already: .*a$/,
    );
  });

  test("are found in a directory by their names", () => {
    for (const name of ["p2.1.jsonl", "p1.1.jsonl", "notes.txt"]) writeFileSync(path(name), "");
    expect(historyFiles(directory)).toEqual([path("p1.1.jsonl"), path("p2.1.jsonl")]);
  });

  test("no file, no history", async () => {
    const { history, lines } = await readHistory([]);
    expect([history, lines]).toEqual([{ calls: [], delivered: [], notes: [] }, 0]);
    await expect(readHistory([path("none")])).rejects.toThrow(/ENOENT/);
  });
});

describe("a torn end (D2)", () => {
  test("at every byte of the last line: what came before is read, and the tear is counted", async () => {
    const whole = JSON.stringify(ends);
    for (let length = 1; length < whole.length; length++) {
      const file = fileOf(asks, whole.slice(0, length));
      const { history, torn } = await readHistory([file]);
      expect(torn).toEqual([file]);
      expect(history.calls).toMatchObject([{ asked: { op: 1 } }]);
      expect(history.calls[0]).not.toHaveProperty("told");
    }
  });

  test("a last line that lacks only its newline counts", async () => {
    const { history, torn } = await readHistory([fileOf(asks, JSON.stringify(ends))]);
    expect(torn).toEqual([]);
    expect(history.calls[0]?.told?.type).toBe("ok");
  });

  test("a letter of several bytes that is torn is a tear like another", async () => {
    const file = fileOf(asks);
    const cut = Buffer.from(JSON.stringify({ ...ends, message: "é" })).subarray(0, -3);
    writeFileSync(file, Buffer.concat([readFileSync(file), cut]));
    expect((await readHistory([file])).torn).toEqual([file]);
  });
});

describe("what is refused, with file and line", () => {
  const delivered = {
    ...{ type: "delivered", ...at, ...lease },
    ...{ seq: 1, deliveries: 1, attempts: 0, redelivery: "", leaseEnds: 500 },
  };
  test.each<[string, readonly (object | string)[], RegExp]>([
    ["a torn line in the middle", ['{"type":\n', asks], /p1\.1\.jsonl:1: .*JSON/],
    ["an empty line", [asks, "\n", ends], /:2: .*JSON/],
    ["a list", [[1]], /:1: the line: expected an object, found \[1\]/],
    ["no type", [{ ...asks, type: undefined }], /:1: type: expected invoke, ok, .*; found nothing/],
    ["an inherited name as type", [{ ...asks, type: "toString" }], /:1: type: expected invoke/],
    ["an unknown call", [{ ...asks, f: "steal" }], /:1: f: no such call: "steal"/],
    ["an inherited name as call", [{ ...asks, f: "constructor" }], /:1: f: no such call/],
    [
      "an argument that is missing",
      [{ ...asks, key: undefined }],
      /:1: key: expected a string, found nothing/,
    ],
    ["a number as text", [{ ...asks, time: "100" }], /:1: time: expected a number, found "100"/],
    ["a number with a fraction", [{ ...asks, op: 1.5 }], /:1: op: expected a number, found 1\.5/],
    [
      "a list that is none",
      [{ ...asks, f: "enqueue-batch", messages: {} }],
      /:1: messages: expected a list/,
    ],
    [
      "a wrong item",
      [{ ...asks, f: "commit", enqueues: [], acks: [lease, { ...lease, token: null }] }],
      /:1: acks\[1\]\.token: expected a number, found null/,
    ],
    [
      "an answer with a wrong place",
      [asks, { ...ends, told: { placed: [{ body: "p1-1", seq: "1", keySeq: 1, logIndex: 1 }] } }],
      /:2: told\.placed\[0\]\.seq: expected a number, found "1"/,
    ],
    [
      "an answer that is no object",
      [asks, { ...ends, told: 3 }],
      /:2: told: expected an object, found 3/,
    ],
    [
      "a delivery without its token",
      [{ ...delivered, token: undefined }],
      /:1: token: expected a number/,
    ],
    [
      "a line of another process",
      [asks, { ...ends, process: "p2.1" }],
      /:2: a line of process p2\.1 in the file of p1\.1/,
    ],
    ["an op that is used twice", [asks, ends, asks], /:3: op 1 is invoked twice/],
    ["a completion of nothing", [ends], /:1: op 1 is completed, and was not invoked before/],
    ["a second completion", [asks, ends, ends], /:3: op 1 is completed twice/],
    [
      "a completion before its time",
      [asks, { ...ends, time: 99 }],
      /:2: op 1 is completed before it was invoked/,
    ],
  ])("%s (D2, D3)", async (_what, lines, complaint) => {
    await expect(readHistory([fileOf(...lines)])).rejects.toThrow(complaint);
  });
});
