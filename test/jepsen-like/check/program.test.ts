// What is read and what is printed: files, fields, exit codes; and the README's example, run.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { run } from "../../../jepsen-like/check/program.ts";
import { dequeue, enqueue, read, write } from "./support.ts";

const directory = mkdtempSync(join(tmpdir(), "raftq-check-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function runWords(...words: string[]): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await run(words, {
    print: (text) => Promise.resolve(void (out += text)),
    complain: (text) => (err += text),
  });
  return { code, out, err };
}

function check(kind: string, content: string | Buffer, ...words: string[]): Promise<Ran> {
  const file = join(directory, "history.jsonl");
  writeFileSync(file, content);
  return runWords(kind, file, ...words);
}

const good = JSON.stringify({ ops: [enqueue(1, 0, 1), dequeue(1, 2, 3)] });
const bad = JSON.stringify({ ops: [dequeue(1, 2, 3)] });
const hard = JSON.stringify({
  ops: [
    enqueue(1, 0, 9),
    enqueue(1, 2, 3),
    enqueue(2, 4, 5),
    dequeue(2, 10, 11),
    dequeue(1, 12, 13),
  ],
});

describe("exit codes", () => {
  test("0: all are linearizable; the last line needs no end", async () => {
    const ran = await check("fifo", `${good}\n{"ops":[]}`);
    expect(ran).toEqual({
      code: 0,
      out: '{"line":1,"linearizable":true}\n{"line":2,"linearizable":true}\n',
      err: "",
    });
  });

  test("1: one is not, and the others are told all the same", async () => {
    const { code, out } = await check("fifo", `${bad}\n${good}\n`);
    expect(code).toBe(1);
    expect(out.split("\n").map((line) => line.slice(0, 30))).toEqual([
      '{"line":1,"linearizable":false',
      '{"line":2,"linearizable":true}',
      "",
    ]);
  });

  test("3: one is unknown; 1 if another is wrong", async () => {
    const unknown = await check("fifo", `${hard}\n${good}\n`, "--steps", "6");
    expect(unknown.code).toBe(3);
    expect(unknown.out).toContain(
      '{"line":1,"linearizable":"unknown","because":"values occur more than once',
    );
    expect((await check("fifo", `${hard}\n${bad}\n`, "--steps", "6")).code).toBe(1);
  });

  test("2: a wrong command line", async () => {
    expect((await runWords("fifo")).code).toBe(2);
    expect((await runWords("stack", "x")).code).toBe(2);
    expect(await check("fifo", good, "--steps", "0")).toMatchObject({ code: 2, out: "" });
  });

  test("2: no file, or a file without a history", async () => {
    const absent = await runWords("fifo", join(directory, "absent"));
    expect(absent).toMatchObject({ code: 2, out: "" });
    expect(absent.err).toContain("ENOENT");
    expect(await check("fifo", "")).toMatchObject({
      code: 2,
      err: expect.stringContaining("expected at least one history, found none") as string,
    });
  });
});

describe("malformed input is refused, with its line and field", () => {
  const op = (change: object): string =>
    JSON.stringify({ ops: [enqueue(1, 0, 1), { ...dequeue(1, 2, 3), ...change }] });
  const times = "a number, or null when it never returned";
  test.each([
    ["{", /^check: line 2: the line: expected JSON/],
    ["", /^check: line 2: the line: expected JSON/],
    ["[]", "the line: expected an object, found []"],
    ["{}", "ops: expected a list of calls, found nothing"],
    ['{"ops":[3]}', "ops[0]: expected an object, found 3"],
    [op({ f: "deque" }), 'ops[1].f: expected "enqueue" or "dequeue", found "deque"'],
    [op({ v: undefined }), "ops[1].v: expected a value, found nothing"],
    [op({ inv: "2" }), 'ops[1].inv: expected a number, found "2"'],
    [op({ inv: null }), "ops[1].inv: expected a number, found null"],
    [op({ ret: undefined }), `ops[1].ret: expected ${times}, found nothing`],
    [op({ ret: true }), `ops[1].ret: expected ${times}, found true`],
    [op({ ret: 1 }), "ops[1].ret: expected a time that is not before inv (2), found 1"],
    [op({ ret: null }), "ops[1].v: expected null, as it never returned, found 1"],
    [
      op({ f: "enqueue", v: "empty" }),
      /ops\[1\]\.v: expected a value other than "empty".*, found "empty"/,
    ],
    [
      op({ ret: 2 ** 53 }),
      "ops[1].ret: expected a number of at most 2^53 - 1, which is exact, found 9007199254740992",
    ],
    [op({ v: [2 ** 53] }), /ops\[1\]\.v: expected a number of at most/],
    [
      good.replace('"ret":3', '"ret":1e999'),
      "ops[1].ret: expected a number of at most 2^53 - 1, which is exact, found Infinity",
    ],
    [
      op({ v: JSON.parse("[".repeat(200) + "]".repeat(200)) as unknown }),
      /ops\[1\]\.v: expected at most 100 levels/,
    ],
  ])("fifo: %s", async (line, message) => {
    const { code, out, err } = await check("fifo", `${good}\n${line}\n${good}\n`);
    expect({ code, out }).toEqual({ code: 2, out: '{"line":1,"linearizable":true}\n' });
    if (typeof message === "string") expect(err).toBe(`check: line 2: ${message}\n`);
    else expect(err).toMatch(message);
  });

  const call = (change: object): string =>
    JSON.stringify({ ops: [{ ...write(1, 0, 1), ...change }] });
  test.each([
    [call({ f: "enqueue" }), 'ops[0].f: expected "read" or "write" or "cas", found "enqueue"'],
    [
      call({ ok: undefined }),
      "ops[0].ok: expected true, false, or null when it is unknown, found nothing",
    ],
    [call({ ret: null }), "ops[0].ok: expected null, as it never returned, found true"],
    [call({ f: "cas", v: [1] }), "ops[0].v: expected a list of two values: [old, new], found [1]"],
    [
      call({ f: "cas", v: [1, 2 ** 54] }),
      "ops[0].v[1]: expected a number of at most 2^53 - 1, which is exact, found 18014398509481984",
    ],
  ])("register: %s", async (line, message) => {
    expect(await check("register", line)).toEqual({
      code: 2,
      out: "",
      err: `check: line 1: ${message}\n`,
    });
  });

  test("bytes that are no text", async () => {
    const { code, err } = await check(
      "fifo",
      Buffer.concat([Buffer.from(`${good}\n"`), Buffer.of(0xff), Buffer.from('"\n')]),
    );
    expect({ code, err }).toEqual({
      code: 2,
      err: 'check: line 2: the line: expected UTF-8, found "other bytes"\n',
    });
  });
});

test("lines longer and shorter than what is read at once", async () => {
  const ops = [enqueue("x".repeat(200_000), 0, 1), dequeue("x".repeat(200_000), 2, 3)];
  const lines = [good, JSON.stringify({ ops }), ...Array.from({ length: 3_000 }, () => good), bad];
  const { code, out } = await check("fifo", lines.join("\n"));
  expect(code).toBe(1);
  expect(
    out
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(0, 34))
      .at(-1),
  ).toBe('{"line":3003,"linearizable":false,');
  expect(out.match(/true/g)).toHaveLength(3_002);
});

test("a register's history", async () => {
  const { code, out } = await check(
    "register",
    JSON.stringify({ ops: [write(1, 0, 1), read(1, 2, 3)] }),
  );
  expect({ code, out }).toEqual({ code: 0, out: '{"line":1,"linearizable":true}\n' });
});

test("--help tells the format and the exit codes", async () => {
  for (const words of [["--help"], ["fifo", "--help"], ["register", "--help"]]) {
    const { code, out } = await runWords(...words);
    expect(code).toBe(0);
    expect(out).toContain("ret   when it returned");
    expect(out).toContain("Exit codes:");
  }
  expect((await runWords("register", "--help")).out).toContain("ok false: the value was not OLD");
});

test("the README's example prints what the README says", async () => {
  const readme = readFileSync(
    new URL("../../../jepsen-like/check/README.md", import.meta.url),
    "utf8",
  );
  const [input, output] = [...readme.matchAll(/```jsonl\n([^]*?)```/g)].map(
    ([, text]) => text ?? "",
  );
  expect(await check("fifo", input ?? "")).toEqual({ code: 1, out: output, err: "" });
});
