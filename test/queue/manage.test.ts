// Managing: cancel, purge, paused keys, temporary queues (O6, O7).

import { describe, expect, test } from "vitest";
import {
  defaultLimits,
  defaultOptions,
  type Command,
  type QueueOptions,
} from "../../queue/index.ts";
import { only, places, Story, text } from "./harness.ts";

async function filled(keys: string, options: Partial<QueueOptions> = {}): Promise<Story> {
  const story = new Story();
  await story.queue("q", options);
  for (const key of keys) await story.put("q", key, `of ${key}`);
  return story;
}

async function rowsOfMessages(story: Story): Promise<number> {
  await story.replica.flush();
  return (await story.replica.stored()).messages.length;
}

describe("cancel", () => {
  const cancel = (keySeq: number, lane = "a"): Command => ({
    kind: "cancel",
    message: { queue: "q", lane, keySeq },
  });

  test("takes out what waits: at the head, in the middle, at the end", async () => {
    for (const gone of [1, 2, 3]) {
      const story = await filled("aaa");
      expect(await story.call(cancel(gone))).toEqual({ kind: "done" });
      expect(story.machine.queueInfo("q")).toMatchObject({ ready: 2, cancelled: 1 });
      expect(await rowsOfMessages(story)).toBe(2);
      await story.restart();
      expect(await story.refusal(cancel(gone))).toMatchObject({ reason: "MESSAGE_NOT_FOUND" });
      await story.session("q");
      const seen: string[] = [];
      while (story.grants.length > 0) {
        const grant = only(story.grants);
        seen.push(...places(story.grants));
        await story.ack(grant);
      }
      expect(seen).toEqual([1, 2, 3].filter((n) => n !== gone).map((n) => `a/${n}`));
      expect(story.machine.queueInfo("q")).toMatchObject({ ready: 0, activeKeys: 0, bytes: 0 });
    }
  });

  test("takes out what backs off or is parked, and its key goes on; not what somebody holds", async () => {
    const story = await filled("aa", { maxAttempts: 2 });
    await story.session("q");
    const grant = only(story.grants);
    expect(await story.refusal(cancel(1))).toMatchObject({ reason: "MESSAGE_LEASED" });
    await story.nack(grant, 60_000);
    await story.call(cancel(1));
    const next = only(story.grants);
    expect(next.keySeq).toBe(2);
    await story.settle(next, { kind: "reject", error: "" });
    await story.put("q", "a");
    expect(story.grants).toEqual([]);
    await story.call(cancel(2));
    expect(places(story.grants)).toEqual(["a/3"]);
    expect(story.machine.queueInfo("q")).toMatchObject({
      ...{ cancelled: 2, parked: 0, parkedKeys: 0, retrying: 0 },
    });
  });

  test("is not there", async () => {
    const story = await filled("a");
    for (const command of [cancel(0), cancel(2), cancel(1, "b")]) {
      expect(await story.refusal(command)).toMatchObject({ reason: "MESSAGE_NOT_FOUND" });
    }
    const nowhere: Command = { kind: "cancel", message: { queue: "x", lane: "a", keySeq: 1 } };
    expect(await story.refusal(nowhere)).toMatchObject({ reason: "QUEUE_NOT_FOUND" });
    await story.session("q");
    await story.ack(only(story.grants));
    await story.restart({ ...defaultLimits, lanesResidentMax: 0 });
    expect(await story.refusal(cancel(1))).toMatchObject({ reason: "MESSAGE_NOT_FOUND" });
  });
});

describe("purge", () => {
  const purge = (lane?: string, dryRun = false): Command => ({
    kind: "purge",
    ...{ queue: "q", lane, dryRun },
  });

  test("takes out everything that nobody holds; what is leased stays, with its row", async () => {
    const story = await filled("aaabbcd", { maxAttempts: 1 });
    await story.replica.flush();
    await story.session("q", 2);
    const [a, b] = story.grants;
    await story.settle(b!, { kind: "reject", error: "" });
    expect(await story.call(purge(undefined, true))).toEqual({
      ...{ kind: "purged", messages: 5, keys: 3 },
    });
    expect(story.machine.queueInfo("q")).toMatchObject({ ready: 4, parked: 1, leased: 2 });
    expect(await story.call(purge())).toMatchObject({ messages: 5 });
    expect(story.machine.queueInfo("q")).toMatchObject({
      ...{ ready: 0, parked: 0, parkedKeys: 0, leased: 2, cancelled: 5, activeKeys: 2 },
    });
    expect(text((await story.replica.message(a!))!.content)).toBe("of a");
    expect(await rowsOfMessages(story)).toBe(2);
    await story.restart();
    expect(await story.call(purge())).toEqual({ kind: "purged", messages: 0, keys: 0 });
    await story.put("q", "b");
    expect(await rowsOfMessages(story)).toBe(3);
    await story.ack(a!);
    expect(places(story.grants)).toEqual(["b/3"]);
  });

  test("of one key", async () => {
    const story = await filled("aabb");
    await story.session("q", 1);
    expect(await story.call(purge("a"))).toEqual({ kind: "purged", messages: 1, keys: 1 });
    expect(await story.call(purge("b", true))).toEqual({ kind: "purged", messages: 2, keys: 1 });
    expect(await story.call(purge("x"))).toEqual({ kind: "purged", messages: 0, keys: 0 });
    expect(await rowsOfMessages(story)).toBe(3);
  });

  test("of a queue without order", async () => {
    const story = await filled("aaaaa", { ordering: "none", maxAttempts: 1 });
    await story.session("q", 2);
    await story.settle(story.grants[0]!, { kind: "reject", error: "" });
    const taken = await story.call(purge());
    const info = story.machine.queueInfo("q")!;
    expect(taken).toEqual({ kind: "purged", messages: 5 - info.leased, keys: 1 });
    expect(info).toMatchObject({ ready: 0, parked: 0 });
    expect(await rowsOfMessages(story)).toBe(info.leased);
    await story.restart();
  });

  test("without order: the dry run counts what the purge takes, of every priority, delayed ones too", async () => {
    const story = await filled("", { ordering: "none", maxAttempts: 1 });
    for (const priority of [0, 9, 3, 3, 0, 5]) await story.putWith("q", "", { priority });
    for (const priority of [0, 7]) await story.putWith("q", "", { priority, delayMs: 60_000 });
    await story.session("q", 2);
    await story.settle(story.grants[0]!, { kind: "reject", error: "" });
    const info = story.machine.queueInfo("q")!;
    expect(info).toMatchObject({ parked: 1, delayed: 2 });
    const free = { kind: "purged", messages: 8 - info.leased, keys: 1 };
    for (const stored of [false, true]) {
      if (stored) await story.restart();
      expect(await story.call(purge(undefined, true))).toEqual(free);
    }
    expect(await rowsOfMessages(story)).toBe(8);
    expect(await story.call(purge())).toEqual(free);
    expect(await story.call(purge(undefined, true))).toMatchObject({ messages: 0, keys: 0 });
    expect(story.machine.queueInfo("q")).toMatchObject({
      ...{ ready: 0, parked: 0, delayed: 0, leased: info.leased, cancelled: free.messages },
    });
    expect(await rowsOfMessages(story)).toBe(info.leased);
  });

  test("P8: of a key of a queue that is not ordered by key: refused, nothing is taken", async () => {
    for (const ordering of ["none", "total"] as const) {
      const story = await filled("ab", { ordering });
      for (const dryRun of [true, false]) {
        expect(await story.refusal(purge("a", dryRun))).toMatchObject({
          ...{ reason: "MALFORMED", field: "key" },
        });
      }
      expect(story.machine.queueInfo("q")).toMatchObject({ ready: 2, cancelled: 0 });
    }
  });

  test("what was purged and not yet stored is not there, on any replica", async () => {
    const ends = await Promise.all(
      [false, true].map(async (often) => {
        const story = await filled("aab");
        if (often) await story.replica.flush();
        await story.session("q", 1);
        await story.call(purge());
        if (often) await story.replica.flush();
        await story.put("q", "a");
        await story.restart();
        return { digest: story.machine.digest, state: await story.replica.stored() };
      }),
    );
    expect(ends[0]).toEqual(ends[1]);
  });

  test("of no queue", async () => {
    const story = await filled("");
    const nowhere = { ...purge(), queue: "x" } as Command;
    expect(await story.refusal(nowhere)).toMatchObject({ reason: "QUEUE_NOT_FOUND" });
  });
});

describe("a paused key", () => {
  const pause = (paused: boolean, lane = "a"): Command => ({
    kind: "pause-key",
    ...{ queue: "q", lane, paused },
  });

  test("takes messages and delivers none; what is leased stays leased", async () => {
    const story = await filled("aab");
    await story.session("q");
    const [a, b] = story.grants;
    await story.call(pause(true));
    await story.call(pause(true));
    expect(story.machine.queueInfo("q")).toMatchObject({ pausedKeys: 1, leased: 2 });
    await story.ack(a!);
    await story.ack(b!);
    expect(story.grants).toEqual([]);
    await story.put("q", "b");
    expect(places(story.grants)).toEqual(["b/2"]);
    await story.restart();
    await story.put("q", "a");
    expect(story.grants).toEqual([]);
    await story.call(pause(false));
    expect(places(story.grants)).toEqual(["a/2"]);
    expect(story.machine.queueInfo("q")).toMatchObject({ pausedKeys: 0 });
  });

  test("stays paused while it has no messages, in memory or not", async () => {
    const story = await filled("");
    await story.session("q");
    await story.call(pause(true));
    await story.restart({ ...defaultLimits, lanesResidentMax: 0 });
    expect(story.machine.queueInfo("q")).toMatchObject({ pausedKeys: 1 });
    await story.put("q", "a");
    expect(story.grants).toEqual([]);
    await story.restart({ ...defaultLimits, lanesResidentMax: 0 });
    await story.call(pause(false));
    expect(places(story.grants)).toEqual(["a/1"]);
    expect(await story.call(pause(false, "never"))).toEqual({ kind: "done" });
  });

  test("needs keys", async () => {
    const story = await filled("", { ordering: "total" });
    expect(await story.refusal(pause(true))).toMatchObject({ reason: "MALFORMED", field: "key" });
    const nowhere = { ...pause(true), queue: "x" } as Command;
    expect(await story.refusal(nowhere)).toMatchObject({ reason: "QUEUE_NOT_FOUND" });
  });
});

describe("a temporary queue", () => {
  const temporary = (name: string, options: Partial<QueueOptions> = {}): Command => ({
    kind: "create-temporary-queue",
    ...{ name, options: { ...defaultOptions(), ...options } },
  });

  test("goes with its session, after a restart too", async () => {
    const story = new Story();
    const session = await story.session("", 1, 5000);
    const other = await story.session();
    expect(await story.in(session, temporary("r"))).toMatchObject({ created: true });
    expect(await story.in(session, temporary("r"))).toMatchObject({ created: false });
    await story.in(other, { kind: "subscribe", consumer: 1, queue: "r", credit: 5, leaseMs: 0 });
    await story.put("r", "a");
    expect(story.grants).toHaveLength(1);
    await story.restart();
    expect(story.machine.queueInfo("r")).toMatchObject({ owner: session, leased: 1 });
    await story.pass(6000);
    expect(story.machine.queueInfo("r")).toBeUndefined();
    expect(story.machine.sessionInfo(other)).toMatchObject({ leases: 0, consumers: [] });
    await story.restart();
    expect(story.machine.listQueues()).toEqual([]);
  });

  test("belongs to one session, and is no other queue", async () => {
    const story = new Story();
    const [session, other] = [await story.session(), await story.session()];
    await story.queue("q");
    await story.in(session, temporary("r"));
    const differs = { reason: "QUEUE_DIFFERS" };
    expect(await story.refusal(temporary("r"), story.next(other))).toMatchObject(differs);
    expect(await story.refusal(temporary("q"), story.next(other))).toMatchObject(differs);
    const plain: Command = { kind: "create-queue", name: "r", options: defaultOptions() };
    expect(await story.refusal(plain)).toMatchObject(differs);
    expect(await story.refusal(temporary("s"))).toMatchObject({ field: "session" });
  });

  test("may be deleted before", async () => {
    const story = new Story();
    const session = await story.session();
    await story.in(session, temporary("r"));
    await story.call({ kind: "delete-queue", name: "r", revision: 0, ifEmpty: false });
    await story.queue("r");
    await story.in(session, { kind: "close-session" });
    expect(story.machine.queueInfo("r")).toMatchObject({ owner: 0 });
  });
});
