// Messages whose time has come to an end (expiry.ts E1 to E3).

import { describe, expect, test } from "vitest";
import {
  decodeHistoryEvent,
  standardRules,
  type Command,
  type MessageExtras,
} from "../../queue/index.ts";
import { extraMessage, only, places, Replica, Story } from "./harness.ts";

const tight = { lanesResidentMax: 0, agendaRowsMax: 1 };

function put(key: string, extras: Partial<MessageExtras>): Command {
  return { kind: "enqueue", queue: "q", message: extraMessage(key, extras) };
}

async function opened(story = new Story(Replica.empty(tight))): Promise<Story> {
  await story.queue("dead");
  await story.queue("q", { onExpiry: "dead-letter", deadLetterQueue: "dead" });
  return story;
}

describe("E1: what waits", () => {
  for (const restart of [false, true]) {
    test(`goes to the dead-letter queue, from the middle of its key too${restart ? ", after a restart" : ""}`, async () => {
      const story = await opened();
      await story.put("q", "a");
      await story.putWith("q", "a", { ttlMs: 1000 });
      await story.put("q", "a");
      await story.putWith("q", "a", { expiresAt: story.time + 500 });
      if (restart) await story.restart(tight);
      await story.pass(2000, 500);
      expect(story.machine.queueInfo("q")).toMatchObject({ ready: 2, expired: 2, deadLettered: 2 });
      if (restart) await story.restart(tight);
      await story.session("q");
      expect(places(story.grants)).toEqual(["a/1"]);
      await story.ack(only(story.grants));
      expect(places(story.grants)).toEqual(["a/3"]);
      await story.ack(only(story.grants));
      expect(story.grants).toEqual([]);
      await story.put("q", "a");
      expect(places(story.grants)).toEqual(["a/5"]);
      await story.session("dead");
      const letter = await story.replica.message(only(story.grants));
      expect(letter?.deadLetter).toMatchObject({ cause: "expired", queue: "q", attempts: 0 });
    });
  }

  test("DISCARD: is dropped, and counted; a key of nothing else is idle", async () => {
    const story = new Story();
    await story.queue("q", { onExpiry: "discard", messageTtlMs: 1000 });
    for (let i = 0; i < 3; i++) await story.put("q", "a");
    await story.pass(2000);
    expect(story.machine.queueInfo("q")).toMatchObject({
      ...{ ready: 0, expired: 3, discarded: 3, bytes: 0, activeKeys: 0 },
    });
    await story.replica.flush();
    const families = (await story.replica.image()).map(({ key }) => key.charCodeAt(0));
    expect(families).toEqual([1, 2, 7]);
  });

  test("what backs off, and what is to be granted again", async () => {
    const story = await opened();
    await story.session("q");
    await story.putWith("q", "a", { ttlMs: 1000 });
    await story.nack(only(story.grants), 60_000);
    await story.putWith("q", "b", { ttlMs: 1000 });
    const b = only(story.grants);
    await story.in(1, { kind: "unsubscribe", consumer: 1 });
    await story.settle(b, { kind: "release" });
    await story.pass(2000);
    expect(story.machine.queueInfo("q")).toMatchObject({ expired: 2, retrying: 0, ready: 0 });
  });

  test("what is delayed, without order", async () => {
    const story = new Story(Replica.empty(tight));
    await story.queue("dead", { ordering: "none" });
    await story.queue("q", {
      ...{ ordering: "none", onExpiry: "dead-letter", deadLetterQueue: "dead" },
    });
    await story.putWith("q", "", { delayMs: 5000, ttlMs: 1000 });
    await story.restart(tight);
    await story.pass(2000);
    expect(story.machine.queueInfo("q")).toMatchObject({ expired: 1, delayed: 0, bytes: 0 });
    await story.session("q");
    expect(await story.pass(5000)).toEqual([]);
  });

  test("what is delayed for longer than it lasts: both times come in one entry", async () => {
    const story = new Story();
    await story.queue("q", { ordering: "none", onExpiry: "discard" });
    await story.putWith("q", "", { delayMs: 500, ttlMs: 100 });
    await story.pass(1000);
    expect(story.machine.queueInfo("q")).toMatchObject({ ready: 0, delayed: 0, expired: 1 });
  });

  test("what is held back, in order: the key goes on", async () => {
    const story = new Story();
    await story.queue("q", { orderedDelay: "block-key", onExpiry: "discard" });
    await story.session("q");
    await story.putWith("q", "a", { delayMs: 5000, ttlMs: 1000 });
    await story.put("q", "a");
    expect(places(await story.pass(1000, 500))).toEqual(["a/2"]);
    expect(story.machine.queueInfo("q")).toMatchObject({ expired: 1, delayed: 0, leased: 1 });
  });
});

describe("E1: what is leased goes when its lease ends", () => {
  async function leased() {
    const story = await opened();
    const session = await story.session("q", 10, 60_000);
    await story.putWith("q", "a", { ttlMs: 1000 });
    const grant = only(story.grants);
    await story.pass(2000);
    expect(story.machine.queueInfo("q")).toMatchObject({ leased: 1, expired: 0 });
    await story.restart(tight);
    return { story, session, grant };
  }

  for (const [how, end] of [
    ["nack", { kind: "nack", delayMs: undefined, error: "no" }],
    ["release", { kind: "release" }],
  ] as const) {
    test(`by ${how}`, async () => {
      const { story, grant } = await leased();
      await story.settle(grant, end);
      expect(story.machine.queueInfo("q")).toMatchObject({ leased: 0, ready: 0, expired: 1 });
      expect(story.machine.queueInfo("dead")).toMatchObject({ ready: 1 });
    });
  }

  test("by time", async () => {
    const { story } = await leased();
    await story.pass(30_000);
    expect(story.machine.queueInfo("q")).toMatchObject({ leased: 0, ready: 0, expired: 1 });
  });

  test("by the end of its session, closed or expired", async () => {
    const closed = await leased();
    await closed.story.in(closed.session, { kind: "close-session" });
    expect(closed.story.machine.queueInfo("q")).toMatchObject({ leased: 0, expired: 1 });
    const expired = await leased();
    await expired.story.settle(expired.grant, { kind: "extend", leaseMs: 600_000 });
    await expired.story.restart(tight);
    await expired.story.pass(62_000);
    expect(expired.story.machine.queueInfo("q")).toMatchObject({ leased: 0, expired: 1 });
  });

  test("not by an ack", async () => {
    const { story, grant } = await leased();
    await story.ack(grant);
    expect(story.machine.queueInfo("q")).toMatchObject({ acked: 1, expired: 0 });
  });

  test("nor when it is parked: a person decides", async () => {
    const { story, grant } = await leased();
    await story.settle(grant, { kind: "reject", error: "bad" });
    expect(story.machine.queueInfo("q")).toMatchObject({ parked: 1, expired: 0 });
    await story.pass(5000);
    expect(story.machine.queueInfo("q")).toMatchObject({ parked: 1, expired: 0 });
  });
});

test("E2: without the dead-letter queue it stays, and goes its usual way", async () => {
  const story = await opened();
  await story.session("q");
  for (let i = 0; i < 2; i++) await story.putWith("q", "a", { ttlMs: 1000 });
  const [held] = story.machine.liveGrants(1);
  await story.call({ kind: "delete-queue", name: "dead", revision: 0, ifEmpty: false });
  await story.pass(2000);
  await story.settle(held!, { kind: "release" });
  expect(places(story.grants)).toEqual(["a/1"]);
  await story.ack(only(story.grants));
  expect(places(story.grants)).toEqual(["a/2"]);
  expect(story.machine.queueInfo("q")).toMatchObject({ expired: 0 });
});

test("E3: a key with too many gaps is tried again later", async () => {
  const story = new Story(Replica.empty(tight, { ...standardRules, spansPerLaneMax: 1 }));
  await story.queue("q", { onExpiry: "discard" });
  await story.put("q", "a");
  await story.putWith("q", "a", { ttlMs: 1000 });
  await story.put("q", "a");
  await story.putWith("q", "a", { ttlMs: 1000 });
  await story.put("q", "a");
  await story.pass(1500, 500);
  expect(story.machine.queueInfo("q")).toMatchObject({ expired: 1, ready: 4 });
  await story.session("q", 1);
  await story.ack(only(story.grants));
  await story.restart(tight);
  await story.pass(3000, 500);
  expect(story.machine.queueInfo("q")).toMatchObject({ expired: 2 });
});

test("the history says so, once", async () => {
  const story = new Story();
  await story.queue("dead");
  await story.queue("q", {
    ...{ onExpiry: "dead-letter", deadLetterQueue: "dead", historyMs: 10_000 },
  });
  await story.putWith("q", "a", { ttlMs: 1000 });
  await story.session("q");
  await story.putWith("q", "a", { ttlMs: 1000 });
  await story.pass(2000);
  await story.settle(story.machine.liveGrants(1)[0]!, { kind: "release" });
  await story.replica.flush();
  const rows = (await story.replica.image()).filter(({ key }) => key.startsWith("\x43"));
  const kinds = rows.map(({ key, value }) => decodeHistoryEvent(key, value).kind);
  expect(kinds).toEqual(["enqueued", "delivered", "released", "expired", "enqueued", "expired"]);
});

describe("refused", () => {
  test("where the owner wrote no rule", async () => {
    const story = new Story();
    await story.queue("q");
    for (const [extras, field] of [
      [{ expiresAt: 9_000_000 }, "expires_at_ms"],
      [{ ttlMs: 1 }, "ttl_ms"],
    ] as const) {
      expect(await story.refusal(put("a", extras))).toMatchObject({ reason: "MALFORMED", field });
    }
  });

  test("what has passed, and what is too far ahead", async () => {
    const story = await opened();
    const far = 367 * 24 * 3_600_000;
    for (const [extras, field] of [
      [{ expiresAt: story.time }, "expires_at_ms"],
      [{ expiresAt: story.time + far }, "expires_at_ms"],
      [{ ttlMs: far }, "ttl_ms"],
    ] as const) {
      expect(await story.refusal(put("a", extras))).toMatchObject({ reason: "MALFORMED", field });
    }
  });

  test("options that say half of it", async () => {
    const story = new Story();
    await story.queue("q");
    const update = (changes: object): Command => {
      return { kind: "update-queue", name: "q", revision: 0, changes };
    };
    expect(await story.refusal(update({ messageTtlMs: 1 }))).toMatchObject({
      ...{ reason: "MALFORMED", field: "message_ttl_ms" },
    });
    expect(await story.refusal(update({ onExpiry: "dead-letter" }))).toMatchObject({
      ...{ reason: "MALFORMED", field: "dead_letter_queue" },
    });
  });
});
