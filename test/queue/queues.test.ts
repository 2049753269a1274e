import { describe, expect, test } from "vitest";
import {
  defaultLimits,
  defaultOptions,
  differences,
  optionsRefusal,
  standardRules,
} from "../../queue/index.ts";
import type { QueueOptions } from "../../queue/index.ts";
import { message, only, places, Replica, settleCommand, Story } from "./harness.ts";

const options = (changes: Partial<QueueOptions> = {}): QueueOptions => ({
  ...defaultOptions(),
  ...changes,
});

describe("CreateQueue", () => {
  test("is idempotent: the same options find the queue that is there", async () => {
    const story = new Story();
    const create = {
      kind: "create-queue",
      name: "q",
      options: options({ labels: { a: "1", b: "2" } }),
    } as const;
    expect(await story.call(create)).toMatchObject({
      created: true,
      queue: { id: 1, revision: 1 },
    });
    await story.restart();
    const same = { ...create, options: options({ labels: { b: "2", a: "1" } }) };
    expect(await story.call(same)).toMatchObject({ created: false, queue: { id: 1, revision: 1 } });
  });

  test("with other options it fails and says which differ", async () => {
    const story = new Story();
    await story.queue("q", { labels: { a: "1" } });
    const refusal = await story.refusal({
      kind: "create-queue",
      name: "q",
      options: options({
        leaseMs: 1,
        deadLetterQueue: "d",
        retry: { initialMs: 1, multiplier: 2, maxMs: 3 },
      }),
    });
    expect(refusal.reason).toBe("QUEUE_DIFFERS");
    for (const field of [
      "lease_ms is 30000, asked for 1",
      "dead_letter_queue is empty",
      "retry",
      "labels",
    ]) {
      expect(refusal.message).toContain(field);
    }
    expect(refusal.message).not.toContain("max_attempts");
  });

  test("options that do not go together are refused", async () => {
    const story = new Story();
    const wrong: [Partial<QueueOptions>, string][] = [
      [{ onExhausted: "dead-letter" }, "dead_letter_queue"],
      [{ deadLetterQueue: "q" }, "dead_letter_queue"],
      [{ retry: { initialMs: 10, multiplier: 2, maxMs: 9 } }, "retry.max_ms"],
      [{ retry: { initialMs: 10, multiplier: 0.5, maxMs: 90 } }, "retry.multiplier"],
      [{ maxInFlightPerKey: 0 }, "max_in_flight_per_key"],
      [{ maxAttempts: 0 }, "max_attempts"],
      [{ leaseMs: 0 }, "lease_ms"],
    ];
    for (const [changes, field] of wrong) {
      const refusal = await story.refusal({
        kind: "create-queue",
        name: "q",
        options: options(changes),
      });
      expect(refusal).toMatchObject({ reason: "MALFORMED", field });
    }
    expect(optionsRefusal("q", options())).toBeUndefined();
  });

  test("P8: nothing is dropped by a default", () => {
    expect(defaultOptions("key").onExhausted).toBe("park");
    expect(defaultOptions("total", "d").onExhausted).toBe("park");
    expect(defaultOptions("none").onExhausted).toBe("park");
    expect(defaultOptions("none", "d").onExhausted).toBe("dead-letter");
    expect(differences(defaultOptions(), defaultOptions())).toEqual([]);
  });

  test("queues are bounded in number", async () => {
    const rules = { ...standardRules, queuesMax: 1 };
    const story = new Story(Replica.empty(defaultLimits, rules));
    await story.queue("q");
    const refusal = await story.refusal({ kind: "create-queue", name: "p", options: options() });
    expect(refusal.reason).toBe("TOO_MANY_IN_FLIGHT");
  });
});

describe("UpdateQueue", () => {
  test("compares the revision and raises it", async () => {
    const story = new Story();
    await story.queue("q");
    const update = { kind: "update-queue", name: "q", changes: { leaseMs: 5 } } as const;
    expect((await story.refusal({ ...update, revision: 2 })).reason).toBe("REVISION_CONFLICT");
    expect(await story.call({ ...update, revision: 1 })).toMatchObject({ queue: { revision: 2 } });
    expect(await story.call({ ...update, revision: 0 })).toMatchObject({ queue: { revision: 3 } });
    await story.restart();
    expect(story.machine.queueInfo("q")).toMatchObject({ revision: 3, options: { leaseMs: 5 } });
    expect((await story.refusal({ ...update, revision: 0, name: "p" })).reason).toBe(
      "QUEUE_NOT_FOUND",
    );
  });

  test("checks the options as a whole; the ordering stays", async () => {
    const story = new Story();
    await story.queue("q");
    const update = { kind: "update-queue", name: "q", revision: 0 } as const;
    const dead = await story.refusal({ ...update, changes: { onExhausted: "dead-letter" } });
    expect(dead).toMatchObject({ reason: "MALFORMED", field: "dead_letter_queue" });
    const order = await story.refusal({ ...update, changes: { ordering: "none" } });
    expect(order).toMatchObject({ reason: "MALFORMED", field: "ordering" });
    expect(story.machine.queueInfo("q")).toMatchObject({ revision: 1 });
  });

  test("a wider window lets keys go on, by name; a narrower one takes effect as leases end", async () => {
    const story = new Story();
    await story.queue("q");
    await story.session("q");
    for (const key of ["b", "a", "b", "a", "b", "a"]) await story.put("q", key);
    const update = { kind: "update-queue", name: "q", revision: 0 } as const;
    await story.call({ ...update, changes: { maxInFlightPerKey: 2 } });
    expect(places(story.grants)).toEqual(["a/2", "b/2"]);
    await story.call({ ...update, changes: { maxInFlightPerKey: 1 } });
    const [, a1, a2] = story.machine.liveGrants(1);
    await story.ack(a1!);
    expect(story.grants).toEqual([]);
    await story.ack(a2!);
    expect(places(story.grants)).toEqual(["a/3"]);
  });

  test("paused: enqueues and settlements go on, grants do not", async () => {
    const story = new Story();
    await story.queue("q");
    await story.session("q");
    await story.put("q", "a");
    const grant = only(story.grants);
    const update = { kind: "update-queue", name: "q", revision: 0 } as const;
    await story.call({ ...update, changes: { paused: true } });
    await story.put("q", "a");
    await story.ack(grant);
    await story.restart();
    await story.put("q", "b");
    expect(story.grants).toEqual([]);
    await story.call({ ...update, changes: { paused: false } });
    expect(places(story.grants)).toEqual(["a/2", "b/1"]);
  });
});

describe("DeleteQueue", () => {
  test("goes with everything in it, in memory and in the store", async () => {
    for (const ordering of ["key", "none"] as const) {
      const story = new Story();
      await story.queue("q", { ordering });
      const session = await story.session("q", 2);
      for (const key of ["a", "b", "c"]) await story.put("q", key);
      await story.replica.flush();
      await story.nack(story.machine.liveGrants(session)[0]!, 1000);
      await story.put("q", "d");
      const grant = story.machine.liveGrants(session)[0]!;
      expect(
        await story.call({ kind: "delete-queue", name: "q", revision: 0, ifEmpty: false }),
      ).toEqual({
        kind: "done",
      });
      expect(story.machine.liveGrants(session)).toEqual([]);
      expect(story.machine.sessionInfo(session)).toMatchObject({ consumers: [], leases: 0 });
      expect((await story.refusal(settleCommand(grant, { kind: "ack" }))).reason).toBe(
        "QUEUE_NOT_FOUND",
      );
      await story.replica.flush();
      const rows = (await story.replica.image()).filter((row) => /^[\x02\x05-\x40]/.test(row.key));
      expect(rows).toEqual([]);
      expect(story.machine.writeBehindBytes).toBe(0);
      await story.queue("q");
      expect(await story.put("q", "a")).toMatchObject({
        message: { queueId: 2, seq: 1, keySeq: 1 },
      });
    }
  });

  test("only when empty, only at this revision, if asked so", async () => {
    const story = new Story();
    await story.queue("q");
    await story.put("q", "a");
    const remove = { kind: "delete-queue", name: "q", revision: 0, ifEmpty: true } as const;
    expect((await story.refusal(remove)).reason).toBe("QUEUE_NOT_EMPTY");
    expect((await story.refusal({ ...remove, revision: 2 })).reason).toBe("REVISION_CONFLICT");
    expect((await story.refusal({ ...remove, name: "p" })).reason).toBe("QUEUE_NOT_FOUND");
    expect((await story.call({ ...remove, ifEmpty: false })).kind).toBe("done");
  });
});

test("GetQueue counts what is where; ListQueues is sorted by name", async () => {
  const story = new Story();
  await story.queue("q", { maxAttempts: 1 });
  await story.queue("b");
  await story.session("q", 3);
  for (const key of ["a", "b", "c", "d", "a"]) {
    await story.call({ kind: "enqueue", queue: "q", message: message(key, "12345678") });
  }
  const [a, b] = story.machine.liveGrants(1);
  await story.nack(a!);
  await story.ack(b!);
  const expected = {
    ...{ id: 1, name: "q", revision: 1, createdAt: 1_000_001 },
    ...{ ready: 1, leased: 2, retrying: 0, parked: 1, bytes: 32, activeKeys: 3, parkedKeys: 1 },
    ...{ consumers: 1, enqueued: 5, acked: 1, deadLettered: 0, discarded: 0 },
  };
  expect(story.machine.queueInfo("q")).toMatchObject(expected);
  await story.restart();
  expect(story.machine.queueInfo("q")).toMatchObject(expected);
  expect(story.machine.listQueues().map((queue) => queue.name)).toEqual(["b", "q"]);
  expect(story.machine.listQueues({ max: 1 }).map((queue) => queue.name)).toEqual(["b"]);
  expect(story.machine.listQueues({ after: "b" }).map((queue) => queue.name)).toEqual(["q"]);
  expect(story.machine.queueInfo("none")).toBeUndefined();
});
