// On a cluster of virtual time: each call leaves its two lines, and a history never says more than the client knows.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Client } from "../../../client/index.ts";
import type { Call, History } from "../../../jepsen-like/checkers/contract.ts";
import { readHistory } from "../../../jepsen-like/history/reader.ts";
import { HistoryWriter } from "../../../jepsen-like/history/writer.ts";
import { Calls, type Held, type Shared } from "../../../jepsen-like/workloads/calls.ts";
import {
  barrierQueue,
  createAll,
  drainAll,
  enqueueBarrier,
  lookAtAll,
  waitDrained,
} from "../../../jepsen-like/workloads/ends.ts";
import { queueNamed } from "../../../jepsen-like/workloads/workload.ts";
import { createTestCluster, type TestCluster } from "../../../testing/index.ts";

let directory = "";
let shared: Shared;
let complaints: string[] = [];
let cluster: TestCluster;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "raftq-calls-"));
  complaints = [];
  shared = {
    writer: new HistoryWriter(join(directory, "p1.1.jsonl"), "p1.1"),
    counts: { ok: 0, fail: 0, unknown: 0 },
    bodies: 0,
    complain: (what) => complaints.push(what),
  };
  cluster = await createTestCluster({ nodes: 3, seed: 1 });
});
afterEach(async () => {
  await cluster.close();
  shared.writer.close();
  rmSync(directory, { recursive: true, force: true });
});

const written = async (): Promise<History> =>
  (await readHistory([join(directory, "p1.1.jsonl")])).history;
const last = async (): Promise<Call> => (await written()).calls.at(-1)!;

async function only(calls: Calls, queue: string): Promise<Held> {
  const received = await calls.receive(queue, 1, 0);
  if (received.type !== "ok" || received.value[0] === undefined) throw new Error("nothing came");
  return received.value[0];
}

/** Does not fire: what is waited for comes. */
const open = new AbortController().signal;
const over = AbortSignal.abort();

describe("calls and their two lines", () => {
  test("what was asked and what was told, of every kind", async () => {
    const calls = new Calls(await cluster.connect(), shared);
    await calls.createQueue("a", {});
    await calls.createQueue("b", {});
    const [one, two] = [calls.newBody(), calls.newBody()];
    expect([one, two]).toEqual(["p1.1-1", "p1.1-2"]);

    await calls.enqueue("a", { key: "k", body: one });
    expect(await last()).toMatchObject({
      asked: { f: "enqueue", queue: "a", key: "k", body: one },
      told: {
        type: "ok",
        told: { placed: [{ body: one, seq: 1, keySeq: 1, deduplicated: false }] },
      },
    });
    await calls.enqueueBatch("a", [
      { key: "k", body: two },
      { key: "l", body: "p1.1-x" },
    ]);
    const batch = (await last()).told?.told;
    expect(batch?.placed).toMatchObject([
      { body: two, seq: 2, keySeq: 2 },
      { body: "p1.1-x", seq: 3, keySeq: 1 },
    ]);
    expect(batch?.logIndex).toBe(batch?.placed?.[0]?.logIndex);

    const held = await only(calls, "a");
    const { asked, told } = await last();
    expect(asked).toMatchObject({ f: "receive", queue: "a", max: 1 });
    expect(told).toMatchObject({ type: "ok", told: { received: 1 } });
    const { token } = held.lease;
    expect(token).toBeGreaterThan(0);
    const lease = { queue: "a", key: "k", keySeq: 1, token, body: one };
    expect((await written()).delivered).toMatchObject([
      { ...lease, op: asked.op, seq: 1, deliveries: 1, redelivery: "" },
    ]);

    await calls.commit([held], [{ queue: "b", key: "k", body: "p1.1-y" }]);
    const commit = await last();
    expect(commit.asked).toMatchObject({ f: "commit", acks: [lease] });
    expect(commit.told?.told).toMatchObject({ placed: [{ body: "p1.1-y", seq: 1 }] });
    expect(commit.told?.told?.logIndex).toBeGreaterThan(0);

    for (const how of ["release", "nack", "reject"] as const) {
      await calls.settle(how, await only(calls, "b"));
      expect(await last()).toMatchObject({ asked: { f: how }, told: { type: "ok" } });
      // The back-off of the nack.
      await cluster.run(2_000);
    }
    await calls.getQueue("b");
    const { counters } = (await last()).told!.told!;
    expect(counters).toMatchObject({ parked: 1, enqueued: 1, acked: 0 });
    expect(counters).not.toHaveProperty("createdAtMs");
    await calls.browse("b");
    expect((await last()).told?.told?.there).toEqual([
      { key: "k", keySeq: 1, body: "p1.1-y", state: "PARKED" },
    ]);
    expect(shared.counts).toMatchObject({ fail: 0, unknown: 0 });
    expect(complaints).toEqual([]);
  });

  test("a named message that is asked for again is stored once, and the history has both", async () => {
    const calls = new Calls(await cluster.connect(), shared);
    await calls.createQueue("a", { dedupWindowMs: 60_000 });
    for (let tries = 0; tries < 2; tries++)
      await calls.enqueue("a", { key: "k", body: "p1.1-1" }, { dedupId: "d" });
    const asked = (await written()).calls.filter((call) => call.asked.f === "enqueue");
    expect(asked.map(({ asked: { ...one } }) => "dedupId" in one && one.dedupId)).toEqual([
      "d",
      "d",
    ]);
    expect(asked.map(({ told }) => told?.told?.placed?.[0])).toMatchObject([
      { seq: 1, deduplicated: false },
      { seq: 1, deduplicated: true },
    ]);
  });

  test("a refusal is a failure (C3), with the client's reason", async () => {
    const calls = new Calls(await cluster.connect(), shared);
    expect(await calls.enqueue("none", { key: "k", body: "b" })).toMatchObject({
      type: "fail",
      reason: "QUEUE_NOT_FOUND",
    });
    expect((await last()).told).toMatchObject({ type: "fail", reason: "QUEUE_NOT_FOUND" });
    await calls.createQueue("a", { leaseMs: 100, maxAttempts: 9 });
    await calls.enqueue("a", { key: "k", body: "b" });
    const held = await only(calls, "a");
    await cluster.run(1_000);
    expect(await calls.settle("ack", held)).toMatchObject({ type: "fail", reason: "STALE_LEASE" });
    expect((await written()).notes).toMatchObject([
      { what: "lease-lost", detail: { queue: "a", key: "k", token: held.lease.token } },
    ]);
    expect(shared.counts.fail).toBe(2);
  });

  test("an answer that does not come is unknown, and the message may be there all the same (C3)", async () => {
    const client = await cluster.connect({ timeoutMs: 500 });
    const calls = new Calls(client, shared);
    await calls.createQueue("a", {});
    const asking = calls.enqueue("a", { key: "k", body: "b" });
    cluster.pause(cluster.leader!);
    expect(await asking).toMatchObject({ type: "unknown", reason: "TIMEOUT" });
    expect((await last()).told).toMatchObject({ type: "unknown", reason: "TIMEOUT" });
    expect(complaints).toEqual([]);
  });

  test("a new leader and a lost session are noted", async () => {
    const calls = new Calls(await cluster.connect({ sessionTtlMs: 1_000 }), shared);
    await calls.createQueue("a", {});
    await cluster.killLeader();
    await calls.enqueue("a", { key: "k", body: "b" });
    const [attached] = (await written()).notes;
    expect(attached).toMatchObject({ what: "attached" });
    expect(attached?.detail?.["term"]).toBeGreaterThan(1);
    cluster.pause(calls.client);
    await cluster.run(5_000);
    cluster.resume(calls.client);
    expect(await calls.enqueue("a", { key: "k", body: "c" })).toMatchObject({
      reason: "SESSION_EXPIRED",
    });
    const notes = (await written()).notes.map(({ what }) => what);
    expect(notes).toEqual(["attached", "session-lost"]);
  });

  test("a closed client's calls fail, and nothing is thrown (C1)", async () => {
    const calls = new Calls(await cluster.connect(), shared);
    await calls.client.close();
    expect(await calls.enqueue("a", { key: "k", body: "c" })).toMatchObject({
      type: "fail",
      reason: "CLOSED",
    });
  });

  test("what is no QueueError is a complaint, and unknown (C2)", async () => {
    const broken = {
      on: () => undefined,
      getQueue: () => Promise.reject(new TypeError("undefined is not a function")),
    };
    const calls = new Calls(broken as unknown as Client, shared);
    expect(await calls.getQueue("a")).toMatchObject({ type: "unknown", reason: "UNTYPED" });
    expect((await last()).told).toMatchObject({ type: "unknown", reason: "UNTYPED" });
    calls.streamEnded("a", "a string");
    expect(complaints).toMatchObject(
      [/get-queue: .*undefined is not a function/, /a stream of a ended/].map(
        (pattern) => expect.stringMatching(pattern) as unknown,
      ),
    );
  });
});

describe("the end of a run", () => {
  const work = queueNamed("work", { workload: "w", maxAttempts: 1 });
  const dead = queueNamed("dead", { workload: "w", holds: "dead-letters" });

  test("what is left is taken out; parked messages, what waits behind them, and dead letters stay and are looked at", async () => {
    const calls = new Calls(await cluster.connect(), shared);
    expect(await createAll(calls, [dead, work], open)).toEqual([]);
    for (const key of ["free", "parks", "parks"])
      await calls.enqueue("work", { key, body: calls.newBody() });
    await calls.enqueue("dead", { key: "k", body: calls.newBody() });
    const received = await calls.receive("work", 2, 0);
    if (received.type !== "ok") throw new Error(received.reason);
    for (const held of received.value)
      await calls.settle(held.lease.key === "parks" ? "reject" : "release", held);
    expect(await drainAll(calls, [dead, work], open)).toEqual([]);
    expect(await waitDrained(calls, [dead, work], open)).toEqual([]);
    expect(await lookAtAll(calls, [dead, work], open)).toEqual([]);
    const browsed = (await written()).calls.filter(({ asked }) => asked.f === "browse");
    expect(
      browsed.map(({ told }) => told?.told?.there?.map(({ key, state }) => [key, state])),
    ).toEqual([
      [
        ["parks", "PARKED"],
        ["parks", "READY"],
      ],
      [["k", "READY"]],
    ]);
  });

  test("a message that another one holds is not drained (B2)", async () => {
    const calls = new Calls(await cluster.connect(), shared);
    await createAll(calls, [work], open);
    await calls.enqueue("work", { key: "k", body: "b" });
    await only(calls, "work");
    expect(await drainAll(calls, [work], over)).toEqual([
      expect.stringMatching(/queue work is not drained: .*"leased":1/),
    ]);
    expect(await waitDrained(calls, [work], over)).toEqual([]);
  });

  test("the barrier is the last entry, or 0", async () => {
    const calls = new Calls(await cluster.connect({ timeoutMs: 500 }), shared);
    expect(await enqueueBarrier(calls, over)).toBe(0);
    await createAll(calls, [barrierQueue, work], open);
    const before = await calls.enqueue("work", { key: "k", body: "b" });
    const barrier = await enqueueBarrier(calls, open);
    expect(before.type === "ok" && barrier > before.value.logIndex).toBe(true);
  });

  test("a queue that is there with other options is told", async () => {
    const calls = new Calls(await cluster.connect(), shared);
    await calls.createQueue("work", { maxAttempts: 7 });
    expect(await createAll(calls, [work, dead], open)).toEqual([
      "queue work could not be created: QUEUE_DIFFERS",
    ]);
    expect(await lookAtAll(calls, [dead], over)).toEqual(["queue dead could not be looked at"]);
  });
});
