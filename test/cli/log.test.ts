// `raftq log` against the data directory of a real server, stopped and running, and against copies of its files.

import { appendFileSync, copyFileSync, mkdtempSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalCluster } from "../../cli/local-cluster.ts";
import { bytesCodec, connect } from "../../client/index.ts";
import { saidBy, valuesOf } from "./said.ts";

const directory = mkdtempSync(join(tmpdir(), "raftq-log-"));
const data = join(directory, "node-1", "data");
let commitIndex = 0;
/** What it said while the node was running, of what was decided by then. */
let beside: Line[] = [];

beforeAll(async () => {
  const cluster = await LocalCluster.start({ directory, nodes: 1, clusterId: "logged" });
  const client = await connect({ endpoints: cluster.endpoints });
  await client.createQueue("q");
  await client.createQueue("out");
  const queue = client.queue("q");
  await queue.enqueue("first", { key: "a", headers: { from: "test" } });
  await client
    .queue("q", { codec: bytesCodec })
    .enqueue(Buffer.from([0xff, 0x00]), { key: "ключ" });
  const [first, second] = await queue.receiveBatch({ maxMessages: 2, maxWaitMs: 5_000 });
  await first!.nack({ delayMs: 0, error: new Error("not yet") });
  const done = await client.commit((tx) => {
    tx.ack(second!);
    tx.enqueue(client.queue("out"), "made", { key: "b" });
  });
  commitIndex = done.logIndex;
  await client.close();
  // The node goes on, and writes now and then: the end may be a record that is half written.
  beside = (await json("--data", data)).filter(({ index }) => index <= commitIndex);
  await cluster.stopAll();
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

interface Line {
  readonly file: string;
  readonly index: number;
  readonly kind: string;
  readonly chain: string;
  readonly chainBefore: string;
  readonly end?: string;
  readonly commands: readonly Record<string, unknown>[];
}

const json = async (...words: string[]): Promise<Line[]> =>
  (await valuesOf("log", "--json", ...words)) as Line[];

const segments = (): string[] =>
  readdirSync(join(data, "log"))
    .filter((name) => name.endsWith(".log"))
    .map((name) => join(data, "log", name));

/** A copy of the only segment, changed. */
function copy(name: string, change: (path: string) => void): string {
  const path = join(directory, name);
  copyFileSync(segments()[0]!, path);
  change(path);
  return path;
}

describe("of the stopped node", () => {
  test("every entry, dense, its chain continuing the one before", async () => {
    const lines = await json("--data", data);
    expect(lines.map(({ index }) => index)).toEqual(lines.map((_, at) => at + 1));
    for (const [at, line] of lines.slice(1).entries())
      expect(line.chainBefore).toBe(lines[at]!.chain);
    expect(lines[0]!.chainBefore).toBe("00000000");
    expect(new Set(lines.map(({ kind }) => kind))).toContain("command");
  });

  test("beside the running node it was the same", async () => {
    expect(beside.length).toBe(commitIndex);
    expect((await json("--data", data)).slice(0, commitIndex)).toEqual(beside);
  });

  test("commands with their fields; text as text, other bytes as base64", async () => {
    const commands = (await json("--data", data)).flatMap((line) => line.commands);
    const of = (op: string): Record<string, unknown>[] =>
      commands.filter((command) => command["op"] === op);
    expect(of("create-queue").map((command) => command["name"])).toEqual(["q", "out"]);
    expect(of("enqueue")).toMatchObject([
      { queue: "q", key: "a", headers: { from: "test" }, session: 1 },
      { queue: "q", key: "ключ", body: { base64: "/wA=" } },
    ]);
    expect(String(of("enqueue")[0]!["body"])).toContain("first");
    expect(of("nack")).toMatchObject([
      { queue: "q", key: "a", keySeq: 1, fencingToken: 1, delayMs: 0, error: "not yet" },
    ]);
    expect(of("commit")).toMatchObject([
      {
        settles: [{ kind: "ack", queue: "q", key: "ключ", keySeq: 1, fencingToken: 2 }],
        enqueues: [{ queue: "out", key: "b" }],
        conditions: [],
      },
    ]);
  });

  test("--from and --to", async () => {
    const lines = await json("--data", data, "--from", "3", "--to", "5");
    expect(lines.map(({ index }) => index)).toEqual([3, 4, 5]);
    const [line] = await json("--data", data, "--from", `${commitIndex}`, "--to", `${commitIndex}`);
    expect(line!.commands.some(({ op }) => op === "commit")).toBe(true);
  });

  test("for people: a line for each entry, the membership, and whose log it is", async () => {
    const { code, out, err } = await saidBy("log", "--data", data);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^node 1 of cluster logged, 1 segment file\n/);
    // With fields when it is alone in its entry; others may have come in the same turn.
    expect(out).toMatch(/ +command +.*create-queue (name=)?q\b/);
    expect(out).toMatch(/enqueue (queue=)?q/);
  });
});

describe("files that lie somewhere else", () => {
  test("a torn end is shown as one, and is no error", async () => {
    const whole = await json(copy("whole.log", () => undefined));
    const path = copy("torn.log", (file) => truncateSync(file, readFileSync(file).length - 3));
    const lines = await json(path);
    expect(lines.at(-1)).toMatchObject({ file: path, end: "torn" });
    expect(lines.length).toBe(whole.length);
    const { code, out } = await saidBy("log", path);
    expect(code).toBe(0);
    expect(out).toMatch(/torn: .*torn\.log at byte [\d,]+: not a record of \d+ bytes/);
    const garbage = copy("garbage.log", (file) => appendFileSync(file, Buffer.alloc(50)));
    expect((await json(garbage)).at(-1)).toMatchObject({ end: "torn" });
  });

  test("a header that was not finished is torn too", async () => {
    const lines = await json(copy("short.log", (file) => truncateSync(file, 30)));
    expect(lines).toMatchObject([{ end: "torn", offset: 0 }]);
  });

  test("F4: a bad record with whole ones behind it is damage, and exit code 1", async () => {
    const path = copy("damaged.log", (file) => {
      const bytes = readFileSync(file);
      bytes[64 + 35 + 2] = (bytes[64 + 35 + 2] ?? 0) ^ 1;
      writeFileSync(file, bytes);
    });
    const { code, out, err } = await saidBy("log", path);
    expect(code).toBe(1);
    expect(out).toMatch(
      /damaged: .* at byte 99: not a record header .*; entry 3 is whole at byte \d+/,
    );
    expect(err).toMatch(/damaged\.log: damaged/);
    const spoilt = copy("spoilt.log", (file) => {
      const bytes = readFileSync(file);
      bytes[20] = 7;
      writeFileSync(file, bytes);
    });
    expect((await saidBy("log", "--json", spoilt)).out).toContain('"end":"damaged","offset":0');
  });
});

describe("what is refused", () => {
  const cases: [what: string, words: () => string[], code: number, says: RegExp][] = [
    ["nothing to look at", () => [], 2, /give either --data or segment files/],
    ["both", () => ["--data", data, "x.log"], 2, /give either --data or segment files/],
    ["no such directory", () => ["--data", join(directory, "none")], 1, /there is no such dir/],
    ["a file as a directory", () => ["--data", segments()[0]!], 1, /is not a directory/],
    ["no data directory", () => ["--data", directory], 1, /not the data directory of a node/],
    [
      "another cluster's",
      () => ["--data", data, "--cluster-id", "prod"],
      1,
      /is of node 1 of cluster logged, not of cluster prod/,
    ],
    ["whose is a file", () => ["x.log", "--cluster-id", "a"], 2, /does not say whose it is/],
    ["no such file", () => [join(directory, "none.log")], 1, /there is no such file/],
    ["a directory as a file", () => [directory], 1, /is a directory: name its \.log files/],
    ["no segment", () => [join(data, "identity")], 1, /is not a log segment of raftq/],
    ["from behind to", () => ["--data", data, "--from", "5", "--to", "4"], 2, /--from: is behind/],
    ["no number", () => ["--data", data, "--from", "x"], 2, /--from/],
  ];
  test.each(cases)("%s", async (_what, words, code, says) => {
    const said = await saidBy("log", ...words());
    expect(said.code).toBe(code);
    expect(said.err).toMatch(says);
  });

  test("an empty directory is no data directory", async () => {
    const empty = join(directory, "empty");
    mkdirSync(empty);
    expect((await saidBy("log", "--data", empty)).err).toMatch(/it has no identity/);
  });
});
