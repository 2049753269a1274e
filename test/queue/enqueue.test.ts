import { describe, expect, test } from "vitest";
import { bytes, message, only, places, Story, text } from "./harness.ts";

describe("O1: Enqueue", () => {
  test("numbers messages densely from 1, by queue and by key", async () => {
    const story = new Story();
    await story.queue("q");
    const seqs = [];
    for (const key of ["a", "b", "a"]) {
      const reply = await story.put("q", key);
      if (reply.kind === "enqueued")
        seqs.push([reply.message.lane, reply.message.seq, reply.message.keySeq]);
    }
    expect(seqs).toEqual([
      ["a", 1, 1],
      ["b", 2, 1],
      ["a", 3, 2],
    ]);
    const refusal = await story.refusal({ kind: "enqueue", queue: "q", message: message("") });
    expect(refusal).toMatchObject({ reason: "KEY_REQUIRED", field: "key" });
    const reply = await story.put("q", "a");
    expect(reply).toMatchObject({ message: { seq: 4, keySeq: 3 } });
  });

  test("TOTAL and NONE are one lane; the key is kept but does not order", async () => {
    for (const ordering of ["total", "none"] as const) {
      const story = new Story();
      await story.queue("q", { ordering });
      await story.session("q");
      await story.put("q", "a");
      const grant = only(story.grants);
      expect(grant).toMatchObject({ lane: "", keySeq: 1 });
      expect(await story.replica.message(grant)).toMatchObject({ key: "a", seq: 1 });
      await story.put("q", "");
      expect(places(story.grants)).toEqual(ordering === "none" ? ["/2"] : []);
    }
  });

  test("a message says where and when it came in", async () => {
    const story = new Story();
    await story.queue("q");
    await story.session("q");
    await story.put("q", "a", "body");
    const grant = only(story.grants);
    const expected = {
      seq: 1,
      logIndex: story.index,
      enqueuedAt: story.time,
      key: "a",
      deadLetter: undefined,
    };
    const pending = await story.replica.message(grant);
    expect(pending).toMatchObject(expected);
    await story.replica.flush();
    const stored = await story.replica.message(grant);
    expect(stored).toMatchObject(expected);
    expect(text(stored!.content)).toBe("body");
  });

  test("a queue that is not there refuses", async () => {
    const story = new Story();
    expect(
      await story.refusal({ kind: "enqueue", queue: "q", message: message("a") }),
    ).toMatchObject({
      reason: "QUEUE_NOT_FOUND",
      field: "queue",
    });
  });

  test("TOO_LARGE by the queue's own limit", async () => {
    const story = new Story();
    await story.queue("q", { maxMessageBytes: 3 });
    expect((await story.put("q", "a", "123")).kind).toBe("enqueued");
    const refusal = await story.refusal({
      kind: "enqueue",
      queue: "q",
      message: message("a", "1234"),
    });
    expect(refusal).toMatchObject({ reason: "TOO_LARGE", field: "body" });
  });
});

describe("Z1: EnqueueBatch is all or nothing", () => {
  test("one message that is refused refuses all", async () => {
    const story = new Story();
    await story.queue("q", { maxMessageBytes: 3 });
    for (const wrong of [message("", "1"), message("a", "1234")]) {
      const messages = [message("a", "1"), wrong];
      await story.refusal({ kind: "enqueue-batch", queue: "q", messages });
    }
    expect(story.machine.queueInfo("q")).toMatchObject({ ready: 0, enqueued: 0, bytes: 0 });
  });

  test("its messages are numbered in their order", async () => {
    const story = new Story();
    await story.queue("q");
    const messages = [message("a"), message("b"), message("a")];
    const reply = await story.call({ kind: "enqueue-batch", queue: "q", messages });
    expect(reply).toMatchObject({
      messages: [
        { lane: "a", seq: 1, keySeq: 1 },
        { lane: "b", seq: 2, keySeq: 1 },
        { lane: "a", seq: 3, keySeq: 2 },
      ],
    });
    const none = await story.call({ kind: "enqueue-batch", queue: "q", messages: [] });
    expect(none).toEqual({ kind: "batch-enqueued", messages: [] });
  });
});

describe("limits and backlog: quotas", () => {
  test("QUEUE_FULL by messages says when to come back; an ack makes room", async () => {
    const story = new Story();
    await story.queue("q", { maxMessages: 2 });
    await story.session("q");
    await story.put("q", "a");
    const first = only(story.grants);
    await story.put("q", "b");
    const refusal = await story.refusal({ kind: "enqueue", queue: "q", message: message("c") });
    expect(refusal).toMatchObject({ reason: "QUEUE_FULL", retryAfterMs: 1000 });
    await story.ack(first);
    const messages = [message("c"), message("d")];
    await story.refusal({ kind: "enqueue-batch", queue: "q", messages });
    expect((await story.put("q", "c")).kind).toBe("enqueued");
  });

  test("QUEUE_FULL by bytes", async () => {
    const story = new Story();
    await story.queue("q", { maxBytes: 5 });
    await story.put("q", "a", "123");
    await story.refusal({ kind: "enqueue", queue: "q", message: message("b", "123") });
    expect((await story.put("q", "b", "12")).kind).toBe("enqueued");
    expect(story.machine.queueInfo("q")).toMatchObject({ bytes: 5 });
  });

  test("bytes are a mean per key, and exactly 0 when the key is empty", async () => {
    const story = new Story();
    await story.queue("q");
    await story.session("q");
    for (const size of [1, 2, 10]) await story.put("q", "a", "x".repeat(size));
    const seen = [];
    for (let keySeq = 1; keySeq <= 3; keySeq++) {
      const info = story.machine.queueInfo("q")!;
      seen.push(info.bytes);
      const lease = only(story.machine.liveGrants(1));
      await story.ack(lease);
    }
    expect(seen).toEqual([13, 9, 5]);
    expect(story.machine.queueInfo("q")).toMatchObject({ bytes: 0, activeKeys: 0, acked: 3 });
  });
});

test("no memory per waiting message: a thousand of them are one lane", async () => {
  const story = new Story();
  await story.queue("q");
  const messages = Array.from({ length: 1000 }, () => ({ key: "a", content: bytes("x") }));
  await story.call({ kind: "enqueue-batch", queue: "q", messages });
  await story.replica.flush();
  const { state } = story.machine;
  const lanes = [...state.queues.values()].flatMap((queue) => [...queue.lanes.values()]);
  expect(only(lanes)).toMatchObject({ cursor: 1, tail: 1000, firstFlight: undefined });
  expect(story.machine.writeBehindBytes).toBe(0);
});
