import { describe, expect, test } from "vitest";
import type { ClientCommand } from "../../proto/frame.ts";
import { rejection, start } from "./clients.ts";
import { defaultReply, grpcError, lostAnswer, wireError } from "./fake-cluster.ts";

const optionsOf = (command: ClientCommand | undefined) =>
  command?.op === "enqueue" ? command.options : undefined;

describe("what a producer asks for", () => {
  test("each option arrives, times as milliseconds since 1970", async () => {
    const { client, cluster } = await start();
    const q = client.queue("orders");
    await q.enqueue(1, {
      key: "a",
      dedupId: "order-1",
      expectKeySeq: 7,
      notBefore: new Date(2_000_000_000_000),
      delayMs: 500,
      expiresAt: 2_100_000_000_000,
      ttlMs: 60_000,
      priority: 9,
    });
    expect(optionsOf(cluster.stream.commands[0])).toEqual({
      dedupIdBytes: "order-1",
      expectKeySeq: 7,
      notBeforeMs: 2_000_000_000_000,
      delayMs: 500,
      expiresAtMs: 2_100_000_000_000,
      ttlMs: 60_000,
      priority: 9,
    });
  });

  test("nothing asked for: no options on the wire", async () => {
    const { client, cluster } = await start();
    await client.queue("orders").enqueue(1, { key: "a", headers: { x: "y" } });
    expect(optionsOf(cluster.stream.commands[0])).toBeUndefined();
  });

  test.each([
    [{ priority: 10 }, "priority"],
    [{ priority: 1.5 }, "priority"],
    [{ delayMs: -1 }, "delay_ms"],
    [{ delayMs: 367 * 86_400_000 }, "delay_ms"],
    [{ ttlMs: 0 }, "ttl_ms"],
    [{ expectKeySeq: 0 }, "expect_key_seq"],
    [{ notBefore: new Date(NaN) }, "not_before_ms"],
    [{ expiresAt: -5 }, "expires_at_ms"],
  ])("%j is refused before it is sent, naming the field", async (options, field) => {
    const { client, cluster } = await start();
    const error = await rejection(client.queue("orders").enqueue(1, options));
    expect(error).toMatchObject({ reason: "MALFORMED", outcome: "NOT_APPLIED", field });
    const batch = await rejection(client.queue("orders").enqueueBatch([{ value: 1, ...options }]));
    expect(batch.field).toBe(field);
    expect(cluster.stream.commands).toEqual([]);
  });

  test("deduplicated is told; KEY_SEQ_MISMATCH says what it would have been", async () => {
    const { client, cluster } = await start();
    const q = client.queue("orders");
    cluster.respond = () => ({
      kind: "enqueued",
      messageIdBytes: "1/a/3",
      seq: 3,
      keySeq: 3,
      deduplicated: true,
    });
    expect(await q.enqueue(1, { dedupId: "x" })).toMatchObject({ keySeq: 3, deduplicated: true });
    cluster.respond = () => ({
      kind: "error",
      error: wireError({ reason: "KEY_SEQ_MISMATCH", code: 10, currentKeySeq: 4 }),
    });
    const error = await rejection(q.enqueue(1, { expectKeySeq: 9 }));
    expect(error).toMatchObject({ reason: "KEY_SEQ_MISMATCH", currentKeySeq: 4 });
  });

  test("perItem: each message has its outcome, at its place", async () => {
    const { client, cluster } = await start();
    cluster.respond = (command) => {
      const reply = defaultReply(command);
      if (reply.kind !== "batchEnqueued") return reply;
      const error = wireError({ reason: "QUEUE_FULL", code: 8, retryAfterMs: 100 });
      return { ...reply, errors: [{ index: 1, error }] };
    };
    const outcomes = await client
      .queue("orders")
      .enqueueBatch([{ value: 1 }, { value: 2 }, { value: 3 }], { perItem: true });
    expect(outcomes.map(({ enqueued }) => enqueued?.seq)).toEqual([1, undefined, 3]);
    expect(outcomes[1]!.error).toMatchObject({ reason: "QUEUE_FULL", outcome: "NOT_APPLIED" });
    expect(cluster.stream.commands[0]).toMatchObject({ op: "enqueueBatch", perItem: true });
  });
});

describe("topics", () => {
  test("publish is an enqueue to the topic's name", async () => {
    const { client, cluster } = await start();
    const orders = client.topic<{ n: number }>("orders");
    await orders.publish({ n: 1 }, { key: "a", headers: { kind: "new" }, dedupId: "d" });
    await orders.publishBatch([{ value: { n: 2 }, key: "b" }]);
    expect(cluster.stream.commands).toMatchObject([
      { op: "enqueue", queue: "orders", keyBytes: "a", options: { dedupIdBytes: "d" } },
      { op: "enqueueBatch", queue: "orders", messages: [{ keyBytes: "b" }] },
    ]);
  });

  test("topics and subscriptions as resources", async () => {
    const { client, cluster } = await start();
    const calls: [string, object][] = [];
    const topic = {
      id: 3,
      name: "orders",
      revision: 1,
      createdAtMs: 5,
      lastSequence: 9,
      firstSequence: 4,
      bytes: 100,
      subscriptions: ["payment"],
      options: {
        retentionMs: 1,
        retentionBytes: 2,
        maxMessageBytes: 3,
        dedupWindowMs: 4,
        labels: {},
      },
    };
    cluster.onUnary = (method, request) => {
      calls.push([method, request]);
      return { topic, topics: [topic], created: true, queue: queueReply };
    };
    const { topic: info, created } = await client.createTopic("orders", {
      retentionMs: 60_000,
      labels: { team: "sales" },
    });
    expect([info.lastSequence, info.options.labels, created]).toEqual([9, {}, true]);
    expect((await client.listTopics()).map(({ name }) => name)).toEqual(["orders"]);
    const { queue } = await client.createSubscription("payment", {
      topic: "orders",
      leaseMs: 5_000,
      onExpiry: "DEAD_LETTER",
      filter: { headers: { kind: "new" } },
      start: { time: new Date(1_700_000_000_000) },
    });
    expect(queue.subscription).toEqual({
      topic: "orders",
      filter: { keyPrefix: "", headers: { kind: "new" } },
      catchingUpFrom: 4,
    });
    await client.replay("payment", { sequence: 4 });
    await client.deleteTopic("orders", { force: true });
    const [create, , subscribe, replay, remove] = calls;
    expect(create![1]).toMatchObject({
      options: { retentionMs: 60_000, labels: { team: "sales" }, setLabels: true },
    });
    expect(subscribe![1]).toMatchObject({
      topic: "orders",
      options: { leaseMs: 5_000, onExpiry: "EXPIRY_DEAD_LETTER" },
      filter: { headers: { kind: "new" } },
      start: { start: "timeMs", timeMs: 1_700_000_000_000 },
    });
    expect(replay![1]).toMatchObject({
      subscription: "payment",
      start: { start: "sequence", sequence: 4 },
      caller: { sessionId: "s2", sequence: 1 },
    });
    expect(remove![1]).toMatchObject({ name: "orders", force: true });
  });

  test.each([{ start: { sequence: 0 } }, { start: { time: NaN } }] as const)(
    "%j is no start",
    async ({ start: from }) => {
      const { client } = await start();
      const error = await rejection(client.createSubscription("s", { topic: "t", start: from }));
      expect(error.field).toMatch(/^start\./);
      expect((await rejection(client.replay("s", from))).reason).toBe("MALFORMED");
    },
  );

  test("deleting a topic that an earlier try deleted is done", async () => {
    const { client, cluster } = await start();
    let tries = 0;
    cluster.onUnary = () => {
      if (tries++ === 0) throw lostAnswer;
      throw grpcError(5, { reason: "TOPIC_NOT_FOUND" });
    };
    await client.deleteTopic("orders");
    expect(tries).toBe(2);
    expect((await rejection(client.deleteTopic("orders"))).reason).toBe("TOPIC_NOT_FOUND");
  });
});

const queueReply = {
  name: "payment",
  options: { retry: {}, labels: {}, onExpiry: "EXPIRY_DEAD_LETTER" },
  topic: "orders",
  filter: { keyPrefix: "", headers: { kind: "new" } },
  catchingUpFrom: 4,
};
