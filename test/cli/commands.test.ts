// Each command of queues, topics and subscriptions as a shell would run it, against a server.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalCluster } from "../../cli/local-cluster.ts";
import { connect } from "../../client/index.ts";
import { saidBy, valuesOf, type Said } from "./said.ts";

const directory = mkdtempSync(join(tmpdir(), "raftq-commands-"));
let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start({ directory, nodes: 1 });
});
afterAll(async () => {
  await cluster.stopAll();
  rmSync(directory, { recursive: true, force: true });
});

const raftq = (...words: string[]): Promise<Said> =>
  saidBy(...words, "--endpoints", cluster.endpoints.join(","));
const json = (...words: string[]): Promise<unknown[]> =>
  valuesOf(...words, "--json", "--endpoints", cluster.endpoints.join(","));

describe("raftq queue", () => {
  test("a parked message: found, looked at, skipped, and put back from the dead letters", async () => {
    await json("queue", "create", "dead");
    await json("queue", "create", "orders", "--dead-letter-queue", "dead", "--history-ms", "60000");
    await json("enqueue", "orders", "first", "--key", "a");
    await json("enqueue", "orders", "second", "--key", "a");
    await json("enqueue", "orders", "other", "--key", "b");
    const client = await connect({ endpoints: cluster.endpoints });
    const [first] = await client.queue("orders").receiveBatch({ keys: ["a"] });
    await first?.reject(new Error("no such account"));
    await client.close();

    const [keys] = await json("queue", "keys", "orders", "--state", "parked");
    expect(keys).toMatchObject([{ key: "a", messages: 2, parked: 1 }]);
    const { out } = await raftq("queue", "message", "2/a/1");
    expect(out).toMatch(/state +parked\n/);
    expect(out).toMatch(/last error +no such account\n/);
    const [history] = (await json("queue", "history", "2/a/1")) as [{ kind: string }[]];
    expect(history.map(({ kind }) => kind)).toEqual([
      "enqueued",
      "delivered",
      "rejected",
      "parked",
    ]);

    const skipped = await raftq("queue", "resolve", "orders", "a", "--skip", "account closed");
    expect(skipped.out).toBe("orders a: message 1 is skipped\n");
    const [letter] = await json("queue", "peek", "dead");
    const deadLetter = { cause: "SKIPPED", error: "account closed", messageId: "2/a/1" };
    expect(letter).toMatchObject({ body: "first", deadLetter });
    const again = await raftq("queue", "resolve", "orders", "a", "--retry");
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("MESSAGE_NOT_FOUND")]);

    const redrive = ["queue", "redrive", "dead", "--from", "orders"];
    expect((await raftq(...redrive, "--dry-run")).out).toBe("1 would be put back\n");
    expect(await json(...redrive, "--rate", "50")).toEqual([
      { moved: 1, refused: 0, gone: 0, dryRun: false },
    ]);
    const peeked = await json("queue", "peek", "orders", "--key", "a");
    expect(peeked).toMatchObject([{ body: "first", keySeq: 1 }, { body: "second" }]);
  });

  test("cancel, purge, pause and resume; keys", async () => {
    await json("queue", "create", "work");
    for (const key of ["a", "a", "b"]) await json("enqueue", "work", "x", "--key", key);
    const ofB = await raftq("receive", "work", "--key", "b", "--max", "10");
    expect(ofB.out).toBe("3/b/1  x\n");
    const cancelled = await raftq("queue", "cancel", "3/a/1");
    expect(cancelled.out).toBe("3/a/1: cancelled\n");
    expect(await json("queue", "pause", "work", "--key", "b")).toEqual([
      { queue: "work", key: "b", paused: true },
    ]);
    const [keys] = await json("queue", "keys", "work");
    expect(keys).toMatchObject([
      { key: "a", messages: 1, paused: false },
      { key: "b", messages: 1, paused: true },
    ]);
    const [paused] = await json("queue", "keys", "work", "--paused", "--state", "ready");
    expect(paused).toMatchObject([{ key: "b" }]);
    await json("queue", "resume", "work", "--key", "b");
    expect(await json("queue", "purge", "work", "--dry-run")).toEqual([
      { queue: "work", messages: 2, keys: 2, dryRun: true },
    ]);
    const unasked = await raftq("queue", "purge", "work");
    expect(unasked.code).toBe(2);
    expect(unasked.err).toContain("would lose 2 messages of 2 keys: add --yes");
    const { out } = await raftq("queue", "purge", "work", "--yes");
    expect(out).toBe("work: 2 messages of 2 keys were taken out\n");
    expect((await raftq("queue", "pause", "work")).out).toBe("work: paused\n");
    expect((await raftq("queue", "show", "work")).out).toMatch(/paused +yes/);
    expect((await raftq("queue", "resume", "work")).out).toBe("work: resumed\n");
  });

  test("what a message asks for", async () => {
    await json("queue", "create", "none", "--ordering", "none", "--dedup-window-ms", "60000");
    await json("enqueue", "none", "low");
    await json("enqueue", "none", "high", "--priority", "9", "--dedup-id", "once");
    const [again] = await json("enqueue", "none", "high", "--priority", "9", "--dedup-id", "once");
    expect(again).toMatchObject({ deduplicated: true });
    const received = await json("receive", "none", "--ack", "--max", "2");
    expect(received).toMatchObject([{ body: "high" }, { body: "low" }]);
    const other = await raftq("enqueue", "none", "other", "--dedup-id", "once");
    expect(other.err).toMatch(/^raftq: IDEMPOTENCY_CONFLICT/);
  });
});

describe("raftq topic and subscription", () => {
  test("publish, filter, replay, delete", async () => {
    await json("topic", "create", "news", "--retention-bytes", "1000000");
    await json("subscription", "create", "sport", "--topic", "news", "--header", "kind=sport");
    await json("enqueue", "news", "goal", "--key", "a", "--header", "kind=sport");
    await json("enqueue", "news", "rain", "--key", "a", "--header", "kind=weather");
    expect(await json("queue", "peek", "sport")).toMatchObject([{ body: "goal" }]);
    await json("subscription", "create", "all", "--topic", "news", "--start", "earliest");
    const [subscriptions] = await json("subscription", "list", "--topic", "news");
    expect(subscriptions).toMatchObject([
      { name: "all", subscription: { topic: "news" } },
      { name: "sport", subscription: { filter: { headers: { kind: "sport" } } } },
    ]);
    expect((await raftq("topic", "list")).out).toMatch(/news +2 +2 .*all, sport\n$/);
    expect((await raftq("topic", "show", "news")).out).toMatch(/retention +976\.6 KiB/);
    const [updated] = await json("topic", "update", "news", "--retention-ms", "60000");
    expect(updated).toMatchObject({ revision: 2, options: { retentionMs: 60_000 } });
    await json("receive", "sport", "--ack");
    await json("subscription", "replay", "sport", "--start", "1");
    const replayed = await json("receive", "sport", "--ack", "--wait-ms", "5000");
    expect(replayed).toMatchObject([{ body: "goal", keySeq: 2 }]);
    const inUse = await raftq("topic", "delete", "news");
    expect([inUse.code, inUse.err]).toEqual([1, expect.stringContaining("TOPIC_IN_USE")]);
    await json("topic", "delete", "news", "--force");
    expect((await raftq("topic", "list")).out).toContain("no topics");
  });
});
