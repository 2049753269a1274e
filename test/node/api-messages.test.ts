// Enqueueing, receiving, settling and committing through the unary calls: what each answers.

import { describe, expect, test } from "vitest";
import { Api, bodies, leaseOf, Receiver, type Reply } from "./api.ts";

const content = (body: string) => ({ body: Buffer.from(body) });

describe("Enqueue", () => {
  test("dedup_id: the first one's ids; another body is a conflict (O1)", async () => {
    const api = await Api.started();
    await api.queue("q", { dedupWindowMs: 60_000 });
    const messageOptions = { dedupId: "d1" };
    const first = await api.enqueue("q", "k", "one", { messageOptions });
    expect(first).toMatchObject({ keySeq: 1, deduplicated: false });
    const again = await api.enqueue("q", "k", "one", { messageOptions });
    expect(again).toEqual({ ...first, deduplicated: true });
    const request = { queue: "q", key: "k", content: content("two"), messageOptions };
    expect(await api.refusal("Enqueue", request)).toMatchObject({
      reason: "IDEMPOTENCY_CONFLICT",
      field: "message_options.dedup_id",
      code: 6,
    });
    expect(await api.info("q")).toMatchObject({ ready: 1, deduplicated: 1 });
  });

  test("expect_key_seq: it gets that one, or is refused with the one that it would have got", async () => {
    const api = await Api.started();
    await api.queue("q");
    const expecting = (expectKeySeq: number) => ({ messageOptions: { expectKeySeq } });
    expect(await api.enqueue("q", "k", "x", expecting(1))).toMatchObject({ keySeq: 1 });
    const request = { queue: "q", key: "k", content: content("x"), ...expecting(1) };
    expect(await api.refusal("Enqueue", request)).toMatchObject({
      reason: "KEY_SEQ_MISMATCH",
      field: "message_options.expect_key_seq",
      currentKeySeq: 2,
      code: 10,
    });
  });

  test("priority, delay and expiry are delivered with the message, in the order of priorities", async () => {
    const api = await Api.started();
    await api.queue("q", { ordering: "NONE", onExpiry: "EXPIRY_DISCARD" });
    await api.enqueue("q", "", "low");
    await api.enqueue("q", "", "high", { messageOptions: { priority: 9, ttlMs: 60_000 } });
    await api.enqueue("q", "", "later", { messageOptions: { delayMs: 10_000 } });
    await api.enqueue("q", "", "gone", { messageOptions: { ttlMs: 10 } });
    await api.cluster.run(1_000);
    expect(await api.info("q")).toMatchObject({ ready: 2, delayed: 1, expired: 1 });
    const receiver = await Receiver.of(api);
    const got = await receiver.receive("q");
    expect(bodies(got)).toEqual(["high", "low"]);
    expect(got[0]).toMatchObject({ priority: 9 });
    expect(Number(got[0]?.["expiresAtMs"])).toBeGreaterThan(Number(got[0]?.["enqueuedAtMs"]));
    await api.cluster.run(10_000);
    expect(bodies(await receiver.receive("q"))).toEqual(["later"]);
  });
});

describe("EnqueueBatch", () => {
  const messages = [
    { key: "a", content: content("1") },
    { key: "a", content: content("x".repeat(200)) },
    { key: "a", content: content("3") },
  ];

  test("all or none", async () => {
    const api = await Api.started();
    await api.queue("q", { maxMessageBytes: 100 });
    expect(await api.refusal("EnqueueBatch", { queue: "q", messages })).toMatchObject({
      reason: "TOO_LARGE",
      field: "messages[1].content",
    });
    expect(await api.info("q")).toMatchObject({ enqueued: 0 });
  });

  test("per_item: each for itself, and the reason of each that is refused", async () => {
    const api = await Api.started();
    await api.queue("q", { maxMessageBytes: 100 });
    const reply = await api.call("EnqueueBatch", { queue: "q", messages, perItem: true });
    expect(reply["messages"]).toMatchObject([
      { messageId: "1/a/1", keySeq: 1 },
      { messageId: "", keySeq: 0 },
      { messageId: "1/a/2", keySeq: 2 },
    ]);
    expect(reply["errors"]).toMatchObject([
      { index: 1, error: { reason: "TOO_LARGE", outcome: "NOT_APPLIED", code: 3 } },
    ]);
  });
});

describe("Receive", () => {
  test("only some keys, and no more bytes than asked for", async () => {
    const api = await Api.started();
    await api.queue("q", { maxInFlightPerKey: 10 });
    for (const key of ["a", "b", "c"])
      for (const n of [1, 2]) await api.enqueue("q", key, `${key}${n}${"x".repeat(100)}`);
    const receiver = await Receiver.of(api);
    const some = await receiver.receive("q", { keys: ["a", "c"] });
    expect(some.map(({ key, keySeq }) => [key, keySeq]).sort()).toEqual([
      ["a", 1],
      ["a", 2],
      ["c", 1],
      ["c", 2],
    ]);
    expect(await receiver.receive("q", { maxBytes: 120 })).toHaveLength(1);
  });
});

describe("Commit", () => {
  async function started(): Promise<{ api: Api; receiver: Receiver; got: Reply[] }> {
    const api = await Api.started();
    await api.queue("in");
    await api.queue("out");
    for (const key of ["a", "b"]) await api.enqueue("in", key, key);
    const receiver = await Receiver.of(api);
    return { api, receiver, got: await receiver.receive("in") };
  }

  test("takes from one queue and puts into another in one step (O4)", async () => {
    const { api, receiver, got } = await started();
    const reply = await api.call("Commit", {
      caller: receiver.caller,
      conditions: [
        { tailIs: { queue: "out", key: "a", keySeq: 0 } },
        { lengthIs: { queue: "in", key: "b", messages: 1 } },
        { leaseHeld: leaseOf(got[1]) },
      ],
      settles: [
        { kind: "ACK", lease: leaseOf(got[0]) },
        { kind: "NACK", lease: leaseOf(got[1]), delayMs: 0, error: "later" },
      ],
      enqueues: [
        { queue: "out", message: { key: "a", content: content("1") } },
        { queue: "out", message: { key: "a", content: content("2") } },
      ],
    });
    expect(reply["messages"]).toMatchObject([
      { messageId: "2/a/1", keySeq: 1 },
      { messageId: "2/a/2", keySeq: 2 },
    ]);
    expect(await api.info("in")).toMatchObject({ acked: 1, ready: 1, leased: 0 });
    expect(await api.info("out")).toMatchObject({ ready: 2 });
  });

  test("the same call again has the same answer, and no effect (P6)", async () => {
    const { api, receiver, got } = await started();
    const request = {
      caller: receiver.caller,
      settles: [{ kind: "ACK", lease: leaseOf(got[0]) }],
      enqueues: [{ queue: "out", message: { key: "a", content: content("1") } }],
    };
    const first = await api.call("Commit", request);
    expect((await api.call("Commit", request))["messages"]).toEqual(first["messages"]);
    expect(await api.info("out")).toMatchObject({ enqueued: 1 });
  });

  test.each([
    [
      "a condition",
      { conditions: [{ lengthIs: { queue: "in", key: "a", messages: 5 } }] },
      { reason: "CONDITION_FAILED", field: "conditions[0]", currentKeySeq: 1 },
    ],
    [
      "a lease that is not held",
      { conditions: [{ leaseHeld: { queue: "in", key: "a", keySeq: 1, fencingToken: 99 } }] },
      { reason: "CONDITION_FAILED", field: "conditions[0]" },
    ],
    [
      "a lease",
      { settles: [{ kind: "ACK", lease: { queue: "in", key: "a", keySeq: 1, fencingToken: 99 } }] },
      { reason: "STALE_LEASE", field: "settles[0].lease" },
    ],
    [
      "a message",
      { enqueues: [{ queue: "out", message: { content: content("x") } }] },
      { reason: "KEY_REQUIRED", field: "enqueues[0].message.key" },
    ],
    [
      "a queue",
      { enqueues: [{ queue: "none", message: { key: "a", content: content("x") } }] },
      { reason: "QUEUE_NOT_FOUND", field: "enqueues[0].queue" },
    ],
  ])("%s that is not right: nothing happens at all", async (_what, wrong, expected) => {
    const { api, receiver, got } = await started();
    const right = {
      settles: [{ kind: "ACK", lease: leaseOf(got[1]) }],
      enqueues: [{ queue: "out", message: { key: "b", content: content("1") } }],
    };
    const request: Record<string, unknown> = { caller: receiver.caller, ...right };
    for (const [field, value] of Object.entries<object[]>(wrong))
      request[field] = [...value, ...((request[field] as object[] | undefined) ?? [])];
    expect(await api.refusal("Commit", request)).toMatchObject(expected);
    expect(await api.info("in")).toMatchObject({ leased: 2, acked: 0 });
    expect(await api.info("out")).toMatchObject({ enqueued: 0 });
  });
});
