// Topics: what is published, to whom it goes, what is retained, and how a subscription catches up (PS1 to PS7).

import { describe, expect, test } from "vitest";
import {
  defaultLimits,
  defaultOptions,
  standardRules,
  type Command,
  type Filter,
  type QueueOptions,
  type Reply,
  type StartFrom,
  type TopicOptions,
} from "../../queue/index.ts";
import { defaultTopicOptions } from "../../queue/topic-options.ts";
import { message, nobody, only, places, Replica, Story, text } from "./harness.ts";

const small = {
  ...standardRules,
  ...{ topicBlockMessagesMax: 3, catchUpMessagesMax: 4, catchUpSubscriptionsMax: 1 },
};

function story(rules = small): Story {
  return new Story(Replica.empty(defaultLimits, rules));
}

function topic(name: string, options: Partial<TopicOptions> = {}): Command {
  return { kind: "create-topic", name, options: { ...defaultTopicOptions(), ...options } };
}

const kept = { retentionBytes: 1_000_000 };

interface Wanted {
  readonly options?: Partial<QueueOptions>;
  readonly filter?: Partial<Filter>;
  readonly start?: StartFrom;
}

function subscription(name: string, { options, filter, start }: Wanted = {}): Command {
  return {
    kind: "create-subscription",
    ...{ name, topic: "t", options: { ...defaultOptions(), ...options } },
    filter: { keyPrefix: "", headers: {}, ...filter },
    start: start ?? { at: "new" },
  };
}

function published(
  key: string,
  body = "x",
  headers: Record<string, string> = {},
  dedupId = "",
): Command {
  const none = { expectKeySeq: 0, notBefore: 0, expiresAt: 0, ttlMs: 0, delayMs: 0 };
  const extras = { ...none, dedupId, priority: 0, headers };
  return { kind: "enqueue", queue: "t", message: { ...message(key, body), extras } };
}

async function depth(of: Story, queue: string): Promise<number> {
  return Promise.resolve(of.machine.queueInfo(queue)?.ready ?? -1);
}

/** The bodies that a queue has, by key and key_seq. */
async function bodies(of: Story, queue: string): Promise<string[]> {
  const session = await of.session();
  const found: string[] = [];
  for (;;) {
    const reply = await of.in(session, {
      ...{ kind: "receive", queue, maxMessages: 100, maxWaitMs: 0, leaseMs: 0 },
    });
    if (reply.kind !== "received") throw new Error(reply.kind);
    if (reply.grants.length === 0) return found;
    for (const grant of reply.grants) {
      found.push(text((await of.replica.message(grant))!.content));
      await of.ack(grant);
    }
  }
}

/** As whoever leads would: an entry as long as something is due. */
async function settle(of: Story): Promise<number> {
  let entries = 0;
  while (of.machine.nextDeadline() === 0) {
    await of.entry([[nobody, { kind: "tick" }]]);
    if (++entries > 100) throw new Error("it never ends");
  }
  return entries;
}

function topicOf(reply: Reply): Extract<Reply, { kind: "topic" }> {
  if (reply.kind !== "topic") throw new Error(JSON.stringify(reply));
  return reply;
}

describe("a topic", () => {
  test("is created once, with the same options again, and differs otherwise", async () => {
    const one = story();
    expect(topicOf(await one.call(topic("t", { labels: { a: "1" } }))).created).toBe(true);
    expect(topicOf(await one.call(topic("t", { labels: { a: "1" } }))).created).toBe(false);
    expect(await one.refusal(topic("t", { retentionMs: 5 }))).toMatchObject({
      reason: "QUEUE_DIFFERS",
      message: expect.stringContaining("retention_ms is 0, asked for 5") as string,
    });
    await one.restart();
    expect(one.machine.topicInfo("t")).toMatchObject({ last: 0, first: 1, revision: 1 });
    expect(one.machine.listTopics()).toHaveLength(1);
  });

  test("shares its names with the queues", async () => {
    const one = story();
    await one.queue("q");
    await one.call(topic("t"));
    expect(await one.refusal(topic("q"))).toMatchObject({ reason: "QUEUE_DIFFERS" });
    const queue: Command = { kind: "create-queue", name: "t", options: defaultOptions() };
    expect(await one.refusal(queue)).toMatchObject({ reason: "QUEUE_DIFFERS", field: "name" });
    expect(await one.refusal(subscription("t"))).toMatchObject({ reason: "QUEUE_DIFFERS" });
  });

  test("is changed by revision", async () => {
    const one = story();
    await one.call(topic("t"));
    const change = (revision: number): Command => ({
      kind: "update-topic",
      ...{ name: "t", revision, changes: { retentionMs: 7 } },
    });
    expect(await one.refusal(change(2))).toMatchObject({ reason: "REVISION_CONFLICT" });
    expect(topicOf(await one.call(change(1))).topic).toMatchObject({
      revision: 2,
      options: { retentionMs: 7, retentionBytes: 0 },
    });
  });

  test("goes with what it retains; its subscriptions stay as queues, when forced", async () => {
    const one = story();
    await one.call(topic("t", kept));
    await one.call(subscription("s"));
    await one.call(published("a", "1"));
    await one.replica.flush();
    await one.call(published("a", "2"));
    const remove = (force: boolean): Command => ({
      kind: "delete-topic",
      ...{ name: "t", revision: 0, force },
    });
    expect(await one.refusal(remove(false))).toMatchObject({ reason: "TOPIC_IN_USE" });
    expect(await one.call(remove(true))).toEqual({ kind: "done" });
    await one.restart();
    expect(one.machine.queueInfo("s")).toMatchObject({ ready: 2, subscription: undefined });
    expect(await one.refusal(published("a"))).toMatchObject({ reason: "QUEUE_NOT_FOUND" });
    const rows = await one.replica.image();
    expect(rows.filter(({ key }) => key.startsWith("\x44") || key.startsWith("\x09"))).toEqual([]);
  });

  test("is not there", async () => {
    const one = story();
    const missing = { reason: "TOPIC_NOT_FOUND" };
    expect(await one.refusal(subscription("s"))).toMatchObject(missing);
    const change: Command = { kind: "update-topic", name: "t", revision: 0, changes: {} };
    expect(await one.refusal(change)).toMatchObject(missing);
    const remove: Command = { kind: "delete-topic", name: "t", revision: 0, force: false };
    expect(await one.refusal(remove)).toMatchObject(missing);
  });
});

describe("publishing", () => {
  test("reaches every subscription that matches, in one entry", async () => {
    const one = story();
    await one.call(topic("t"));
    await one.call(subscription("all"));
    await one.call(subscription("keys", { filter: { keyPrefix: "eu/" } }));
    await one.call(subscription("red", { filter: { headers: { color: "red" } } }));
    await one.call(
      subscription("both", { filter: { keyPrefix: "eu/", headers: { color: "red" } } }),
    );
    expect(await one.call(published("eu/a", "1", { color: "red", size: "1" }))).toMatchObject({
      message: { seq: 1, keySeq: 0 },
    });
    await one.restart();
    await one.call(published("us/a", "2", { color: "blue" }));
    await one.call(published("eu/b", "3"));
    expect(await bodies(one, "all")).toEqual(["1", "2", "3"]);
    expect(await bodies(one, "keys")).toEqual(["1", "3"]);
    expect(await bodies(one, "red")).toEqual(["1"]);
    expect(await bodies(one, "both")).toEqual(["1"]);
  });

  test("PS4: a full subscription refuses it for all, and is named", async () => {
    const one = story();
    await one.call(topic("t", kept));
    await one.call(subscription("a"));
    await one.call(subscription("b", { options: { maxMessages: 2 } }));
    await one.call(published("k"));
    const batch: Command = {
      kind: "enqueue-batch",
      ...{ queue: "t", messages: [message("k"), message("k")] },
    };
    expect(await one.refusal(batch)).toMatchObject({
      reason: "QUEUE_FULL",
      message: expect.stringContaining("queue b") as string,
    });
    expect(await depth(one, "a")).toBe(1);
    expect(one.machine.topicInfo("t")).toMatchObject({ last: 1 });
    expect(await one.call(published("k"))).toMatchObject({ message: { seq: 2 } });
  });

  test("a dedup_id is seen by the topic: nobody gets it twice", async () => {
    const one = story();
    await one.call(topic("t", { ...kept, dedupWindowMs: 5000 }));
    await one.call(subscription("s"));
    const again = published("a", "1", {}, "id");
    const first = await one.call(again);
    await one.restart();
    expect(await one.call(again)).toMatchObject({ message: { seq: 1, deduplicated: true } });
    expect(await one.refusal(published("a", "2", {}, "id"))).toMatchObject({
      reason: "IDEMPOTENCY_CONFLICT",
    });
    expect(one.machine.topicInfo("t")).toMatchObject({ last: 1 });
    await one.pass(6000);
    expect(await one.call(again)).toMatchObject({ message: { seq: 2 } });
    expect(first).toMatchObject({ message: { seq: 1, keySeq: 0 } });
    expect(await depth(one, "s")).toBe(2);
    await one.call({ kind: "delete-topic", name: "t", revision: 0, force: true });
    await one.replica.flush();
    const rows = await one.replica.image();
    expect(rows.filter(({ key }) => /^[\x42\x44]/.test(key))).toEqual([]);
    await one.pass(6000);
    expect(one.machine.nextDeadline()).not.toBe(0);
  });

  test("a batch: all or nothing, or each for itself", async () => {
    const one = story();
    await one.call(topic("t"));
    await one.call(subscription("s", { options: { maxMessages: 2 } }));
    const batch = (perItem: boolean): Command => ({
      kind: "enqueue-batch",
      ...{ queue: "t", messages: ["a", "", "b", "c"].map((key) => message(key)), perItem },
    });
    expect(await one.refusal(batch(false))).toMatchObject({ reason: "KEY_REQUIRED" });
    expect(await one.call(batch(true))).toMatchObject({
      items: [{ seq: 1 }, { reason: "KEY_REQUIRED" }, { seq: 2 }, { reason: "QUEUE_FULL" }],
    });
    expect(one.machine.topicInfo("t")).toMatchObject({ last: 2 });
    expect(await depth(one, "s")).toBe(2);
  });

  test("a subscription's own rules hold for what it gets: also when it catches up", async () => {
    const one = story();
    await one.call(topic("t", kept));
    const options = { messageTtlMs: 5000, onExpiry: "discard" } as const;
    await one.call(subscription("s", { options }));
    await one.call(published("a"));
    await one.call({ kind: "replay", subscription: "s", start: { at: "earliest" } });
    await settle(one);
    expect(await depth(one, "s")).toBe(2);
    await one.restart();
    await one.pass(6000);
    expect(one.machine.queueInfo("s")).toMatchObject({ ready: 0, expired: 2 });
  });

  test("what is for queues only is refused, with the field", async () => {
    const one = story();
    await one.call(topic("t", { maxMessageBytes: 3 }));
    await one.call(subscription("s"));
    const base = published("a", "1") as Extract<Command, { kind: "enqueue" }>;
    const fields = {
      expectKeySeq: "expect_key_seq",
      notBefore: "not_before_ms",
      delayMs: "delay_ms",
      expiresAt: "expires_at_ms",
      ttlMs: "ttl_ms",
      priority: "priority",
    };
    for (const [name, field] of Object.entries(fields)) {
      const extras = { ...base.message.extras!, [name]: 1 };
      const command = { ...base, message: { ...base.message, extras } };
      expect(await one.refusal(command)).toMatchObject({ reason: "MALFORMED", field });
    }
    expect(await one.refusal(published("a", "four"))).toMatchObject({ reason: "TOO_LARGE" });
    expect(await one.refusal(published(""))).toMatchObject({ reason: "KEY_REQUIRED" });
    expect(one.machine.topicInfo("t")).toMatchObject({ last: 0 });
  });
});

describe("PS2: retention", () => {
  test("by bytes: whole blocks go when the rest is enough", async () => {
    const one = story();
    await one.call(topic("t", { retentionBytes: 50 }));
    for (let n = 1; n <= 8; n++) await one.call(published("a", "ten bytes!"));
    // Blocks of three: without the first there are five messages, which is what the bound asks for.
    expect(one.machine.topicInfo("t")).toMatchObject({ first: 4, last: 8, bytes: 50 });
    await one.restart();
    expect(one.machine.topicInfo("t")).toMatchObject({ first: 4, last: 8, bytes: 50 });
    const rows = await one.replica.image();
    expect(rows.filter(({ key }) => key.startsWith("\x44"))).toHaveLength(5);
  });

  test("blocks are few, however much is retained: then they are larger", async () => {
    const one = story({ ...small, topicBlocksMax: 4 });
    await one.call(topic("t", { retentionBytes: 100 }));
    for (let n = 1; n <= 12; n++) await one.call(published("a", "ten bytes!"));
    expect(one.machine.state.topics.get("t")!.blocks).toHaveLength(4);
    await one.call(published("a", "ten bytes!"));
    expect(one.machine.state.topics.get("t")!.blocks.map(({ first }) => first)).toEqual([1, 7, 13]);
    expect(one.machine.topicInfo("t")).toMatchObject({ first: 1, last: 13, bytes: 130 });
    for (let n = 14; n <= 16; n++) await one.call(published("a", "ten bytes!"));
    expect(one.machine.topicInfo("t")).toMatchObject({ first: 7, last: 16, bytes: 100 });
  });

  test("by age: also when nothing is published", async () => {
    const one = story();
    await one.call(topic("t", { retentionMs: 10_000 }));
    for (let n = 1; n <= 4; n++) await one.call(published("a"));
    await one.restart();
    await one.pass(9000);
    expect(one.machine.topicInfo("t")).toMatchObject({ first: 1 });
    await one.pass(2000);
    expect(one.machine.topicInfo("t")).toMatchObject({ first: 5, last: 4, bytes: 0 });
    await one.replica.flush();
    const rows = await one.replica.image();
    expect(rows.filter(({ key }) => key.startsWith("\x44"))).toEqual([]);
    await one.call(published("a"));
    expect(one.machine.topicInfo("t")).toMatchObject({ first: 5, last: 5 });
  });

  test("none: nothing is kept, and a change to none takes what there is", async () => {
    const one = story();
    await one.call(topic("t"));
    await one.call(published("a"));
    expect(one.machine.topicInfo("t")).toMatchObject({ first: 2, last: 1 });
    const change = (retentionBytes: number): Command => ({
      kind: "update-topic",
      ...{ name: "t", revision: 0, changes: { retentionBytes } },
    });
    await one.call(change(100));
    await one.call(published("a"));
    expect(one.machine.topicInfo("t")).toMatchObject({ first: 2, last: 2 });
    await one.call(change(0));
    expect(one.machine.topicInfo("t")).toMatchObject({ first: 3, last: 2, bytes: 0 });
  });
});

describe("a subscription that begins in the past", () => {
  async function ten(rules = small): Promise<Story> {
    const one = story(rules);
    await one.call(topic("t", kept));
    for (let n = 1; n <= 10; n++) await one.call(published("a", String(n)));
    return one;
  }
  const from = (n: number): string[] =>
    Array.from({ length: 11 - n }, (_, at) => String(n + at)).filter((one) => Number(one) > 0);

  test("earliest: gets what is retained, a little with each entry, then what is published", async () => {
    const one = await ten();
    await one.replica.flush();
    await one.call(subscription("s", { start: { at: "earliest" } }));
    expect(one.machine.queueInfo("s")!.subscription).toMatchObject({ catchingUpFrom: 1 });
    await one.entry([[nobody, published("a", "11")]]);
    expect(one.machine.queueInfo("s")).toMatchObject({
      ready: 4,
      subscription: { catchingUpFrom: 5 },
    });
    await one.restart();
    expect(await settle(one)).toBe(2);
    expect(one.machine.queueInfo("s")!.subscription).toMatchObject({ catchingUpFrom: 0 });
    await one.call(published("a", "12"));
    expect(await bodies(one, "s")).toEqual([...from(1), "11", "12"]);
  });

  test("at a sequence, at a time, now", async () => {
    const one = await ten();
    await one.call(subscription("s", { start: { at: "sequence", sequence: 8 } }));
    // Entry 1 creates the topic at 1,000,001: message n is published at 1,000,001 + n.
    await one.call(subscription("u", { start: { at: "time", time: 1_000_010 } }));
    await one.call(subscription("v", { start: { at: "new" } }));
    await one.call(subscription("w", { start: { at: "sequence", sequence: 11 } }));
    await settle(one);
    expect(await bodies(one, "s")).toEqual(["8", "9", "10"]);
    expect(await bodies(one, "u")).toEqual(["9", "10"]);
    expect(await bodies(one, "v")).toEqual([]);
    expect(await bodies(one, "w")).toEqual([]);
  });

  test("with a filter", async () => {
    const one = await ten();
    await one.call(published("b", "11", { color: "red" }));
    await one.call(subscription("s", { filter: { keyPrefix: "b" }, start: { at: "earliest" } }));
    const red = { headers: { color: "red" } };
    await one.call(subscription("u", { filter: red, start: { at: "earliest" } }));
    await settle(one);
    expect(await bodies(one, "s")).toEqual(["11"]);
    expect(await bodies(one, "u")).toEqual(["11"]);
  });

  test("PS7: stops at its quota, wakes nobody for nothing, and goes on when there is room", async () => {
    const one = await ten();
    await one.call(
      subscription("s", { options: { maxMessages: 3 }, start: { at: "sequence", sequence: 2 } }),
    );
    await settle(one);
    expect(await depth(one, "s")).toBe(3);
    await one.restart();
    expect(one.machine.nextDeadline()).not.toBe(0);
    const session = await one.session("s", 1);
    const seen: string[] = [];
    while (one.grants.length > 0) {
      const grant = only(one.grants);
      seen.push(text((await one.replica.message(grant))!.content));
      await one.ack(grant);
      const next = one.grants;
      await settle(one);
      if (one.grants.length === 0) one.grants = next;
    }
    expect(seen).toEqual(from(2));
    expect(one.machine.sessionInfo(session)).toMatchObject({ leases: 0 });
    expect(one.machine.queueInfo("s")!.subscription).toMatchObject({ catchingUpFrom: 0 });
  });

  test("bytes that are nearly full wake nobody for nothing", async () => {
    const one = await ten();
    const options = { maxBytes: 2 };
    await one.call(published("a", "three"));
    await one.call(subscription("s", { options, start: { at: "sequence", sequence: 9 } }));
    expect(await settle(one)).toBeLessThan(5);
    expect(await depth(one, "s")).toBe(1);
    expect(await bodies(one, "s")).toEqual(["9", "10"]);
    expect(await settle(one)).toBeLessThan(5);
    expect(one.machine.queueInfo("s")!.subscription).toMatchObject({ catchingUpFrom: 11 });
  });

  test("passes over what retention took meanwhile, and is live when nothing is left", async () => {
    const one = story();
    await one.call(topic("t", { retentionBytes: 50 }));
    for (let n = 1; n <= 5; n++) await one.call(published("a", "ten bytes!"));
    const options = { maxMessages: 1 };
    await one.call(subscription("s", { options, start: { at: "earliest" } }));
    await settle(one);
    const body = (n: number): string => `ten bytes${n % 10}`;
    for (let n = 6; n <= 11; n++) await one.call(published("a", body(n)));
    expect(one.machine.topicInfo("t")).toMatchObject({ first: 7 });
    expect(await bodies(one, "s")).toEqual(["ten bytes!", ...[7, 8, 9, 10, 11].map(body)]);
    await one.call({ kind: "replay", subscription: "s", start: { at: "earliest" } });
    const change = { retentionBytes: 0 };
    await one.call({ kind: "update-topic", name: "t", revision: 0, changes: change });
    await one.pass(1);
    expect(one.machine.queueInfo("s")!.subscription).toMatchObject({ catchingUpFrom: 0 });
  });

  test("replay goes back, and forth", async () => {
    const one = await ten();
    await one.call(subscription("s"));
    await one.call(published("a", "11"));
    const replay = (start: StartFrom): Command => ({ kind: "replay", subscription: "s", start });
    expect(await one.call(replay({ at: "sequence", sequence: 10 }))).toEqual({ kind: "done" });
    await settle(one);
    expect(await bodies(one, "s")).toEqual(["11", "10", "11"]);
    await one.call(replay({ at: "earliest" }));
    await one.call(replay({ at: "new" }));
    await settle(one);
    // Nothing but what the entry of the second call copied at its beginning.
    expect(await bodies(one, "s")).toEqual(["1", "2", "3", "4"]);
    expect(await one.refusal(replay({ at: "sequence", sequence: 13 }))).toMatchObject({
      reason: "MALFORMED",
      field: "start.sequence",
    });
    expect(await one.refusal(replay({ at: "time", time: one.time + 100 }))).toMatchObject({
      reason: "MALFORMED",
      field: "start.time_ms",
    });
    await one.queue("plain");
    const plain: Command = { kind: "replay", subscription: "plain", start: { at: "new" } };
    expect(await one.refusal(plain)).toMatchObject({ reason: "MALFORMED", field: "subscription" });
  });

  test("is the same on a replica that takes at other moments", async () => {
    const [one, other] = [await ten(), await ten()];
    await other.replica.flush();
    for (const of of [one, other]) {
      await of.call(subscription("s", { start: { at: "earliest" } }));
      await of.call(subscription("u", { start: { at: "sequence", sequence: 5 } }));
      await of.entry([[nobody, published("b", "11")]]);
      if (of === other) await of.restart();
      await settle(of);
      await of.replica.flush();
    }
    expect(one.machine.digest).toBe(other.machine.digest);
    expect(await one.replica.stored()).toEqual(await other.replica.stored());
  });

  test("lanes that are not in memory are read", async () => {
    const one = story();
    await one.call(topic("t", kept));
    await one.call(subscription("s"));
    for (const key of ["a", "b", "c"]) await one.call(published(key, key));
    expect(await bodies(one, "s")).toHaveLength(3);
    await one.restart({ ...defaultLimits, lanesResidentMax: 0 });
    await one.call(published("a", "again"));
    await one.call({ kind: "replay", subscription: "s", start: { at: "sequence", sequence: 2 } });
    await settle(one);
    const session = await one.session("s");
    expect(places(one.grants)).toEqual(["a/2", "b/2", "c/2"]);
    expect(one.machine.sessionInfo(session)).toMatchObject({ leases: 3 });
  });
});

describe("a subscription", () => {
  test("is created once, and differs by topic and filter", async () => {
    const one = story();
    await one.call(topic("t"));
    const filter = { keyPrefix: "a", headers: { x: "1" } };
    expect(await one.call(subscription("s", { filter }))).toMatchObject({ created: true });
    expect(await one.call(subscription("s", { filter }))).toMatchObject({ created: false });
    expect(await one.refusal(subscription("s"))).toMatchObject({ reason: "QUEUE_DIFFERS" });
    await one.restart();
    expect(one.machine.queueInfo("s")!.subscription).toEqual({
      ...{ topic: "t", filter, catchingUpFrom: 0 },
    });
    expect(one.machine.topicInfo("t")).toMatchObject({ subscriptions: ["s"] });
    const plain: Command = { kind: "create-queue", name: "s", options: defaultOptions() };
    expect(await one.refusal(plain)).toMatchObject({ reason: "QUEUE_DIFFERS" });
  });

  test("ends with its queue", async () => {
    const one = story();
    await one.call(topic("t", kept));
    await one.call(subscription("s"));
    await one.call(published("a"));
    await one.call({ kind: "replay", subscription: "s", start: { at: "earliest" } });
    await one.call({ kind: "delete-queue", name: "s", revision: 0, ifEmpty: false });
    expect(one.machine.topicInfo("t")).toMatchObject({ subscriptions: [] });
    expect(one.machine.nextDeadline()).toBeUndefined();
    await one.call(published("a"));
    await one.restart();
    expect(one.machine.topicInfo("t")).toMatchObject({ last: 2, subscriptions: [] });
  });

  test("answers are remembered", async () => {
    const one = story();
    const session = await one.session();
    const origin = one.next(session);
    const first = await one.call(topic("t", { retentionMs: 5, labels: { a: "b" } }), origin);
    await one.restart();
    expect(await one.call(topic("t"), origin)).toEqual(first);
  });
});
