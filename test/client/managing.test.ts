import { describe, expect, test } from "vitest";
import { rejection, start } from "./clients.ts";
import { grpcError, lostAnswer, type FakeCluster } from "./fake-cluster.ts";
import type { Clock } from "../../client/clock.ts";
import { connect } from "../../client/index.ts";
import { FakeCluster as Cluster } from "./fake-cluster.ts";

type Call = readonly [method: string, request: Record<string, unknown>];

function record(cluster: FakeCluster, answer: (method: string, nth: number) => object): Call[] {
  const calls: Call[] = [];
  cluster.onUnary = (method, request) => {
    calls.push([method, request as Record<string, unknown>]);
    return answer(method, calls.length);
  };
  return calls;
}

const wireMessage = (keySeq: number) => ({
  queue: "orders",
  key: "a",
  keySeq,
  messageId: `1/a/${keySeq}`,
  state: "PARKED",
  error: "out of stock",
  enqueuedAtMs: 5,
  content: { body: Buffer.from(`{"n":${keySeq}}`), headers: { h: "1" } },
});

describe("O6, looking", () => {
  test("peek goes through the pages, and gives values", async () => {
    const { client, cluster } = await start();
    const calls = record(cluster, (_, nth) => ({
      messages: [wireMessage(nth)],
      next: nth < 3 ? `page-${nth}` : "",
    }));
    const seen: unknown[] = [];
    for await (const message of client.queue<{ n: number }>("orders").peek({ key: "a" })) {
      seen.push([message.keySeq, message.value.n, message.state, message.headers["h"]]);
    }
    expect(seen).toEqual([
      [1, 1, "PARKED", "1"],
      [2, 2, "PARKED", "1"],
      [3, 3, "PARKED", "1"],
    ]);
    expect(calls.map(([, { after }]) => after)).toEqual(["", "page-1", "page-2"]);
    expect(calls[0]![1]).toMatchObject({ queue: "orders", key: "a", consistency: "LINEARIZABLE" });
  });

  test("leaving the loop asks for no further page", async () => {
    const { client, cluster } = await start();
    const calls = record(cluster, () => ({ keys: [{ key: "a" }, { key: "b" }], next: "more" }));
    for await (const { key } of client.queue("orders").keys({ state: "PARKED", stale: true })) {
      expect(key).toBe("a");
      break;
    }
    expect(calls).toHaveLength(1);
    expect(calls[0]![1]).toMatchObject({ state: "PARKED", consistency: "STALE", maxKeys: 1_000 });
  });

  test("one message, by place or by id; its history", async () => {
    const { client, cluster } = await start();
    const calls = record(cluster, (method) =>
      method === "GetMessage"
        ? { message: wireMessage(4) }
        : { events: [{ kind: "delivered", timeMs: 9, fencingToken: 2 }] },
    );
    const q = client.queue<{ n: number }>("orders");
    expect((await q.getMessage({ key: "a", keySeq: 4 })).value).toEqual({ n: 4 });
    expect((await client.getMessage("1/a/4")).body.length).toBeGreaterThan(0);
    expect(await q.history({ key: "a", keySeq: 4 })).toMatchObject([
      { kind: "delivered", time: 9 },
    ]);
    expect(calls.map(([, request]) => [request["keySeq"], request["messageId"]])).toEqual([
      [4, ""],
      [0, "1/a/4"],
      [4, ""],
    ]);
    expect((await rejection(q.getMessage({ key: "a", keySeq: 0 }))).field).toBe("keySeq");
    expect((await rejection(q.peekPage({ max: 1_001 }))).field).toBe("max");
  });
});

describe("O5, deciding", () => {
  test("resolveParked: retry, skip with a reason, replace with a value", async () => {
    const { client, cluster } = await start();
    const calls = record(cluster, () => ({ keySeq: 7 }));
    const q = client.queue<{ n: number }>("orders");
    expect(await q.resolveParked("a", { action: "retry" })).toBe(7);
    await q.resolveParked("a", { action: { skip: "bad account" }, keySeq: 7 });
    await q.resolveParked("a", { action: { replace: { n: 2 } }, headers: { by: "me" } });
    expect(calls.map(([, request]) => request)).toMatchObject([
      { queue: "orders", key: "a", keySeq: 0, action: "retry" },
      { keySeq: 7, action: "skip", skip: { reason: "bad account" } },
      { action: "replace", replace: { body: Buffer.from('{"n":2}'), headers: { by: "me" } } },
    ]);
  });

  test("Y1: a decision whose answer was lost is asked again under its number, and takes effect once", async () => {
    const { client, cluster } = await start();
    const calls = record(cluster, (_, nth) => {
      if (nth === 1) throw lostAnswer;
      return { keySeq: 1 };
    });
    await client.queue("orders").resolveParked("a", { action: "skip" });
    const callers = calls.map(([, { caller }]) => caller);
    expect(callers).toEqual([
      { sessionId: "s2", sequence: 1, firstOutstanding: 1 },
      { sessionId: "s2", sequence: 1, firstOutstanding: 1 },
    ]);
    expect(cluster.closed).toEqual(["s2"]);
  });

  test("its session is closed after a refusal as well", async () => {
    const { client, cluster } = await start();
    cluster.onUnary = () => {
      throw grpcError(9, { reason: "MESSAGE_LEASED" });
    };
    const refused = await rejection(client.queue("orders").cancel({ key: "a", keySeq: 1 }));
    expect(refused.reason).toBe("MESSAGE_LEASED");
    expect(cluster.closed).toEqual(["s2"]);
  });

  test("redrive goes on until the server says that this was all, in one session", async () => {
    const { client, cluster } = await start();
    const calls = record(cluster, (_, nth) => ({
      moved: 10,
      refused: 1,
      gone: 0,
      next: nth < 3 ? `p${nth}` : "",
    }));
    const told: number[] = [];
    const sum = await client.queue("dead").redrive({
      filter: { queue: "orders", error: "stock" },
      force: true,
      onProgress: ({ moved }) => told.push(moved),
    });
    expect(sum).toEqual({ moved: 30, refused: 3, gone: 0 });
    expect(told).toEqual([10, 20, 30]);
    expect(calls.map(([, { after, caller }]) => [after, caller])).toEqual([
      ["", { sessionId: "s2", sequence: 1, firstOutstanding: 1 }],
      ["p1", { sessionId: "s2", sequence: 2, firstOutstanding: 2 }],
      ["p2", { sessionId: "s2", sequence: 3, firstOutstanding: 3 }],
    ]);
    expect(calls[0]![1]).toMatchObject({
      maxMessages: 1_000,
      force: true,
      dryRun: false,
      filter: { queue: "orders", error: "stock" },
    });
  });

  test("redrive keeps its rate: small steps, and pauses that make up for them", async () => {
    const cluster = await Cluster.start();
    const pauses: number[] = [];
    let now = 0;
    const clock: Clock = {
      now: () => now,
      after: (ms, run) => {
        const paces = ms >= 200 && ms < 2_000;
        const timer = setTimeout(run, paces ? 0 : ms);
        if (paces) {
          pauses.push(ms);
          now += ms;
        }
        return { cancel: () => clearTimeout(timer) };
      },
      soon: (run) => setImmediate(run),
    };
    const client = await connect({ endpoints: cluster.endpoints }, { clock });
    try {
      pauses.length = 0;
      const calls = record(cluster, (_, nth) => ({
        moved: 5,
        refused: 0,
        gone: 0,
        next: nth < 5 ? "more" : "",
      }));
      await client.queue("dead").redrive({ ratePerSecond: 20 });
      expect(calls[0]![1]["maxMessages"]).toBe(5);
      // 25 messages at 20 a second: the last step needs no pause after it.
      expect(pauses.reduce((sum, ms) => sum + ms, 0)).toBeCloseTo(1_000, 0);
    } finally {
      await client.close();
      cluster.stop();
    }
  });

  test("an aborted redrive says so; what was moved was told", async () => {
    const { client, cluster } = await start();
    const stop = new AbortController();
    record(cluster, () => ({ moved: 1, refused: 0, gone: 0, next: "more" }));
    const told: number[] = [];
    const run = client.queue("dead").redrive({
      signal: stop.signal,
      onProgress: ({ moved }) => {
        told.push(moved);
        if (moved === 2) stop.abort();
      },
    });
    expect((await rejection(run)).reason).toBe("ABORTED");
    expect(told).toEqual([1, 2]);
    expect((await rejection(client.queue("dead").redrive({ ratePerSecond: 0 }))).field).toBe(
      "ratePerSecond",
    );
  });

  test("purge, cancel, pause and resume", async () => {
    const { client, cluster } = await start();
    const calls = record(cluster, () => ({ messages: 3, keys: 2 }));
    const q = client.queue("orders");
    expect(await q.purge({ key: "a", dryRun: true })).toEqual({ messages: 3, keys: 2 });
    await q.purge();
    await q.cancel({ key: "a", keySeq: 3 });
    await q.pause();
    await q.resume();
    await q.pauseKey("a");
    await q.resumeKey("a");
    expect(calls.map(([method]) => method)).toEqual([
      "PurgeQueue",
      "PurgeQueue",
      "CancelMessage",
      "PauseQueue",
      "ResumeQueue",
      "PauseKey",
      "ResumeKey",
    ]);
    expect([calls[0]![1]["key"], calls[0]![1]["_key"], calls[1]![1]["_key"]]).toEqual([
      "a",
      "key",
      undefined,
    ]);
  });
});
