// The examples that README names run as a reader would run them: built, against a built server.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalCluster } from "../../cli/local-cluster.ts";
import { problemsOf, type Booked, type Order } from "../../examples/orders/proof.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

describe("run", () => {
  const directory = mkdtempSync(join(tmpdir(), "raftq-examples-"));
  let cluster: LocalCluster | undefined;
  beforeAll(async () => {
    cluster = await LocalCluster.start({ directory, nodes: 1 });
  });
  afterAll(async () => {
    await cluster?.stopAll();
    rmSync(directory, { recursive: true, force: true });
  });

  const run = async (path: string): Promise<string> => {
    const endpoints = cluster?.endpoints.join(",") ?? "";
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [new URL(`dist/examples/${path}.js`, root).pathname],
      { env: { ...process.env, RAFTQ_ENDPOINTS: endpoints }, timeout: 25_000 },
    );
    return stdout;
  };

  test("examples/tour.ts: what docs/client.md shows", async () => {
    expect((await run("tour")).split("\n")).toEqual([
      "stored once: true",
      "stored, KEY_SEQ_MISMATCH",
      "the value does not match its schema: amount: expected a whole number",
      "parked: anna 2: no such account",
      "enqueued, delivered, rejected, parked",
      "MESSAGE_NOT_FOUND",
      "anna 2 READY 51",
      "anna has 1",
      "ben has 1",
      "a purge would take 2",
      "a redrive would move 0",
      "goal",
      "990 cents",
      "",
    ]);
  });

  test("examples/orders: both subscriptions see every order of an account in order", async () => {
    expect(await run("orders/main")).toBe(
      "100 orders of 4 accounts: 150 pieces reserved\n" +
        "inventory and payment saw every order of each account, once, in order\n",
    );
  });

  test("examples/pipeline: count in = count out, although handlers fail on the way", async () => {
    expect(await run("pipeline/main")).toBe(
      "400 readings in, 400 out\neach went through three stages once, each sensor in order\n",
    );
  });
});

test("docs/client.md shows examples/tour.ts as it is", () => {
  const tour = read("examples/tour.ts");
  const blocks = [...read("docs/client.md").matchAll(/```ts\n([^]*?)```/g)];
  expect(blocks.length).toBeGreaterThan(5);
  for (const [, block] of blocks) expect(tour).toContain(block);
});

describe("the proof of examples/orders finds", () => {
  const order = (number: number, account = "a"): Order => ({
    account,
    number,
    article: "book",
    pieces: 1,
  });
  const booking = (number: number, fencingToken = number): Booked => ({
    order: order(number),
    keySeq: number,
    fencingToken,
  });
  const placed = [order(1), order(2), order(3)];
  const booked = [booking(1), booking(2), booking(3)];

  test("nothing where all is well", () => {
    expect(problemsOf(placed, placed, booked)).toEqual([]);
  });

  test.each([
    ["a lost order", [order(1), order(3)], booked, "inventory, a: saw 1 3; placed were 1 2 3"],
    ["an order seen twice", [...placed, order(3)], booked, "inventory, a: saw 1 2 3 3"],
    ["orders that changed places", [order(2), order(1), order(3)], booked, "inventory, a: saw 2 1"],
    [
      "an order of nobody",
      [...placed, order(1, "b")],
      booked,
      "inventory, b: saw 1; placed were none",
    ],
    ["a booking too few", placed, [booking(1), booking(2)], "payment, a: saw 1 2; placed"],
    ["a gap in key_seq", placed, [booking(1), booking(3), booking(2)], "key_seq 3 after 1"],
    ["a token that does not grow", placed, [booking(1), booking(2, 1)], "token 1 after 1"],
  ])("%s", (_, seen, bookings, problem) => {
    expect(problemsOf(placed, seen, bookings).join("\n")).toContain(problem);
  });
});
