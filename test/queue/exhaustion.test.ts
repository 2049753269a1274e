import { describe, expect, test } from "vitest";
import type { Grant, QueueOptions } from "../../queue/index.ts";
import { partsOfMessageRow, rowOfMessageId } from "../../queue/keys.ts";
import { bytes, message, only, Story, text } from "./harness.ts";

async function exhausting(options: Partial<QueueOptions>): Promise<{ story: Story; grant: Grant }> {
  const story = new Story();
  await story.queue("q", { maxAttempts: 1, leaseMs: 1000, ...options });
  await story.session("q");
  await story.put("q", "a", "the body");
  return { story, grant: only(story.grants) };
}

const toDead = { onExhausted: "dead-letter", deadLetterQueue: "dead" } as const;

describe("P8: a message that failed for good", () => {
  test("PARK: stays, with its key", async () => {
    const { story, grant } = await exhausting({ onExhausted: "park" });
    await story.nack(grant);
    expect(story.machine.queueInfo("q")).toMatchObject({
      parked: 1,
      parkedKeys: 1,
      deadLettered: 0,
    });
    await story.restart();
    expect(story.machine.queueInfo("q")).toMatchObject({ parked: 1, parkedKeys: 1, activeKeys: 1 });
  });

  test("DISCARD: is gone, and counted", async () => {
    const { story, grant } = await exhausting({ onExhausted: "discard" });
    await story.settle(grant, { kind: "reject", error: "" });
    expect(story.machine.queueInfo("q")).toMatchObject({
      ready: 0,
      parked: 0,
      discarded: 1,
      activeKeys: 0,
    });
    expect(await story.replica.message(grant)).toBeUndefined();
  });

  test("DEAD_LETTER: moves to the same key of the other queue, with its reason, in the same entry", async () => {
    const { story, grant } = await exhausting(toDead);
    await story.queue("dead");
    const reader = await story.session("dead");
    await story.nack(grant);
    const letter = only(story.grants);
    expect(letter).toMatchObject({
      session: reader,
      queue: "dead",
      lane: "a",
      attempts: 0,
      deliveries: 1,
    });
    const moved = (await story.replica.message(letter))!;
    expect(text(moved.content)).toBe("the body");
    expect(moved.deadLetter).toMatchObject({
      cause: "exhausted",
      attempts: 1,
      error: "no",
      queue: "q",
    });
    const place = partsOfMessageRow(rowOfMessageId(moved.deadLetter!.messageId)!);
    expect(place).toEqual({ queueId: 1, lane: "a", keySeq: 1 });
    expect(await story.replica.message(grant)).toBeUndefined();
    expect(story.machine.queueInfo("q")).toMatchObject({ deadLettered: 1, leased: 0 });
    await story.replica.flush();
    const { seq, logIndex, enqueuedAt, key, content, deadLetter } = moved;
    expect(await story.replica.message(letter)).toEqual({
      ...{ seq, logIndex, enqueuedAt, key, content, deadLetter },
      ...{ notBefore: 0, expiresAt: 0, priority: 0 },
    });
  });

  test("DEAD_LETTER of a message that left memory long ago: its row is read before apply", async () => {
    for (const how of ["nack", "reject", "expiry"] as const) {
      const { story, grant } = await exhausting(toDead);
      await story.queue("dead");
      await story.put("dead", "b");
      await story.restart({ lanesResidentMax: 0 });
      const reads = story.replica.reads;
      if (how === "nack") await story.nack(grant);
      else if (how === "reject") await story.settle(grant, { kind: "reject", error: "never" });
      else await story.pass(2000);
      if (how === "expiry") expect(story.replica.reads).toBe(reads + 1);
      const reader = await story.session("dead");
      const letter = story.grants.find((one) => one.lane === "a")!;
      expect(letter.session).toBe(reader);
      const moved = await story.replica.message(letter);
      expect(text(moved!.content)).toBe("the body");
      const error = { nack: "no", reject: "never", expiry: "the lease expired" }[how];
      const cause = how === "reject" ? "rejected" : "exhausted";
      expect(moved!.deadLetter).toMatchObject({ cause, error, attempts: 1 });
    }
  });

  test("the key under which it goes on may be known only when its row was read", async () => {
    const story = new Story();
    await story.queue("q", { ordering: "none", maxAttempts: 1, ...toDead });
    await story.queue("dead");
    const reader = await story.session("dead");
    await story.put("dead", "a");
    await story.ack(only(story.grants));
    await story.session("q");
    await story.put("q", "a");
    const grant = only(story.grants);
    await story.restart({ lanesResidentMax: 0 });
    await story.nack(grant);
    expect(story.grants).toMatchObject([{ session: reader, lane: "a", keySeq: 2 }]);
  });

  test("X2: a dead-letter queue that is not there: the message is parked", async () => {
    const { story, grant } = await exhausting(toDead);
    await story.nack(grant);
    expect(story.machine.queueInfo("q")).toMatchObject({
      parked: 1,
      parkedKeys: 1,
      deadLettered: 0,
    });
    expect(await story.replica.message(grant)).toBeDefined();
  });

  test("Z2: quotas and limits do not keep a dead letter out", async () => {
    const { story, grant } = await exhausting(toDead);
    await story.queue("dead", { maxMessages: 1, maxBytes: 1, maxMessageBytes: 1 });
    await story.put("dead", "b", "1");
    await story.nack(grant);
    expect(story.machine.queueInfo("dead")).toMatchObject({ ready: 2, enqueued: 2 });
    const more = message("c", "1");
    expect((await story.refusal({ kind: "enqueue", queue: "dead", message: more })).reason).toBe(
      "QUEUE_FULL",
    );
  });

  test("the key goes on after DEAD_LETTER and DISCARD", async () => {
    for (const options of [toDead, { onExhausted: "discard" }] as const) {
      const { story, grant } = await exhausting(options);
      await story.queue("dead");
      await story.put("q", "a");
      await story.nack(grant);
      expect(only(story.grants)).toMatchObject({ queue: "q", keySeq: 2, attempts: 0 });
    }
  });

  test("a dead letter that fails again goes its own queue's way", async () => {
    const { story, grant } = await exhausting(toDead);
    await story.queue("dead", { maxAttempts: 1 });
    await story.session("dead");
    await story.nack(grant);
    await story.nack(only(story.grants));
    expect(story.machine.queueInfo("dead")).toMatchObject({ parked: 1 });
  });

  test("many at once, by one jump of time: each once, in the order of their leases", async () => {
    const story = new Story();
    await story.queue("q", { ordering: "none", maxAttempts: 1, leaseMs: 1000, ...toDead });
    await story.queue("dead", { ordering: "total" });
    await story.session("q", 10);
    const messages = ["one", "two", "three"].map((body) => ({ key: "k", content: bytes(body) }));
    await story.call({ kind: "enqueue-batch", queue: "q", messages });
    await story.restart();
    await story.pass(2000, 2000);
    const bodies = [];
    await story.session("dead");
    for (let left = 3; left > 0; left--) {
      const letter = only(story.grants);
      bodies.push(text((await story.replica.message(letter))!.content));
      await story.ack(letter);
    }
    expect(bodies).toEqual(["one", "two", "three"]);
  });
});
