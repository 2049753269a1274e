// O4: acks, nacks, messages and conditions in one step (commit.ts CT1, CT2).

import { describe, expect, test } from "vitest";
import type { Command, Condition, Grant, NewMessage, Settlement } from "../../queue/index.ts";
import { extraMessage, message, only, places, Replica, Story } from "./harness.ts";

const tight = { lanesResidentMax: 0, agendaRowsMax: 1 };

type Commit = Extract<Command, { kind: "commit" }>;

function commit(parts: Partial<Commit>): Command {
  return { kind: "commit", conditions: [], settles: [], enqueues: [], ...parts };
}

function leaseOf({ queue, lane, keySeq, token }: Grant) {
  return { queue, lane, keySeq, token };
}

function settle(grant: Grant, settlement: Settlement = { kind: "ack" }) {
  return { lease: leaseOf(grant), settlement };
}

function to(queue: string, one: NewMessage) {
  return { queue, message: one };
}

async function pipeline(story = new Story(Replica.empty(tight))) {
  await story.queue("in", { maxInFlightPerKey: 2, maxAttempts: 2 });
  await story.queue("out");
  await story.session("in");
  for (const key of ["a", "a", "b"]) await story.put("in", key);
  const grants = story.machine.liveGrants(1);
  return { story, grants };
}

test("everything takes effect, in one entry", async () => {
  const { story, grants } = await pipeline();
  await story.restart(tight);
  const reply = await story.call(
    commit({
      conditions: [
        { kind: "tail", queue: "out", lane: "x", keySeq: 0 },
        { kind: "length", queue: "in", lane: "a", messages: 2 },
        { kind: "lease", lease: leaseOf(grants[2]!) },
      ],
      settles: [settle(grants[0]!), settle(grants[1]!, { kind: "release" })],
      enqueues: [to("out", message("x")), to("out", message("x")), to("in", message("c"))],
    }),
  );
  expect(reply).toMatchObject({
    kind: "committed",
    messages: [
      { queueId: 2, keySeq: 1 },
      { queueId: 2, keySeq: 2 },
      { queueId: 1, lane: "c", seq: 4 },
    ],
  });
  expect(places(story.grants)).toEqual(["a/2", "c/1"]);
  expect(story.machine.queueInfo("in")).toMatchObject({ acked: 1, leased: 3 });
  expect(story.machine.queueInfo("out")).toMatchObject({ ready: 2 });
});

test("once: asked again, the answer is the first one, also after a restart", async () => {
  const { story, grants } = await pipeline();
  const session = await story.session();
  const origin = story.next(session);
  const command = commit({ settles: [settle(grants[0]!)], enqueues: [to("out", message("x"))] });
  const reply = await story.call(command, origin);
  await story.restart();
  expect(await story.call(command, origin)).toEqual(reply);
  expect(story.machine.queueInfo("out")).toMatchObject({ enqueued: 1 });
});

describe("CT1: nothing happens, and the refusal names what it is about", () => {
  type Case = [what: string, parts: (grants: readonly Grant[]) => Partial<Commit>, says: object];
  const condition = (one: Condition) => [
    { kind: "length", queue: "out", lane: "x", messages: 0 } as const,
    one,
  ];
  const cases: readonly Case[] = [
    [
      "the tail is another",
      () => ({ conditions: condition({ kind: "tail", queue: "in", lane: "a", keySeq: 1 }) }),
      { reason: "CONDITION_FAILED", field: "conditions[1]", currentKeySeq: 2 },
    ],
    [
      "the length is another",
      () => ({ conditions: condition({ kind: "length", queue: "in", lane: "b", messages: 2 }) }),
      { reason: "CONDITION_FAILED", field: "conditions[1]", currentKeySeq: 1 },
    ],
    [
      "a condition on no queue",
      () => ({ conditions: condition({ kind: "length", queue: "no", lane: "b", messages: 0 }) }),
      { reason: "QUEUE_NOT_FOUND", field: "conditions[1].queue" },
    ],
    [
      "a lease that is not live",
      ([one]) => ({
        conditions: condition({ kind: "lease", lease: { ...leaseOf(one!), token: 99 } }),
      }),
      { reason: "CONDITION_FAILED", field: "conditions[1]", currentToken: 1, state: "LEASED" },
    ],
    [
      "a stale lease",
      ([one, two]) => ({
        settles: [settle(one!), { ...settle(two!), lease: { ...leaseOf(two!), token: 77 } }],
      }),
      { reason: "STALE_LEASE", field: "settles[1].lease" },
    ],
    [
      "a lease twice",
      ([one]) => ({ settles: [settle(one!), settle(one!, { kind: "release" })] }),
      { reason: "MALFORMED", field: "settles[1].lease" },
    ],
    [
      "no such queue",
      ([one]) => ({ settles: [settle(one!)], enqueues: [to("no", message("x"))] }),
      { reason: "QUEUE_NOT_FOUND", field: "enqueues[0].queue" },
    ],
    [
      "a message without a key",
      ([one]) => ({
        settles: [settle(one!)],
        enqueues: [to("out", message("x")), to("out", message(""))],
      }),
      { reason: "KEY_REQUIRED", field: "enqueues[1].message.key" },
    ],
    [
      "another key_seq than expected, these counted",
      ([one]) => ({
        settles: [settle(one!)],
        enqueues: [to("out", message("x")), to("out", extraMessage("x", { expectKeySeq: 1 }))],
      }),
      {
        ...{ reason: "KEY_SEQ_MISMATCH", field: "enqueues[1].message.expect_key_seq" },
        currentKeySeq: 2,
      },
    ],
  ];
  for (const [what, parts, says] of cases) {
    test(what, async () => {
      const { story, grants } = await pipeline();
      const before = [story.machine.listQueues(), story.machine.liveGrants(1).length];
      await story.restart(tight);
      expect(await story.refusal(commit(parts(grants)))).toMatchObject(says);
      expect([story.machine.listQueues(), story.machine.liveGrants(1).length]).toEqual(before);
    });
  }
});

describe("CT2: settlements first", () => {
  test("room that its own acks make counts", async () => {
    const { story, grants } = await pipeline();
    await story.call({
      kind: "update-queue",
      name: "in",
      revision: 0,
      changes: { maxMessages: 3, maxMessagesPerKey: 2, maxBytesPerKey: 2 },
    });
    const two = [to("in", message("a")), to("in", message("a"))];
    expect(await story.refusal(commit({ enqueues: two }))).toMatchObject({ reason: "QUEUE_FULL" });
    const acks = grants.slice(0, 2).map((grant) => settle(grant));
    const one = commit({ settles: acks.slice(0, 1), enqueues: two });
    expect(await story.refusal(one)).toMatchObject({
      reason: "QUEUE_FULL",
      field: "enqueues[1].message",
    });
    expect(await story.call(commit({ settles: acks, enqueues: two }))).toMatchObject({
      messages: [{ keySeq: 3 }, { keySeq: 4 }],
    });
  });

  test("a letter to the dead-letter queue has its place before what is enqueued there", async () => {
    const { story, grants } = await pipeline();
    await story.queue("dead");
    const changes = { onExhausted: "dead-letter", deadLetterQueue: "dead" } as const;
    await story.call({ kind: "update-queue", name: "in", revision: 0, changes });
    await story.restart(tight);
    const parts = (expectKeySeq: number): Command =>
      commit({
        settles: [settle(grants[0]!, { kind: "reject", error: "no" })],
        enqueues: [to("dead", extraMessage("a", { expectKeySeq }))],
      });
    expect(await story.refusal(parts(1))).toMatchObject({ currentKeySeq: 2 });
    expect(await story.call(parts(2))).toMatchObject({ messages: [{ keySeq: 2 }] });
  });

  test("an exhausting nack, and what has expired meanwhile", async () => {
    const story = new Story(Replica.empty(tight));
    await story.queue("dead");
    await story.queue("in", {
      ...{ onExpiry: "dead-letter", onExhausted: "dead-letter", deadLetterQueue: "dead" },
      maxAttempts: 1,
    });
    await story.session("in");
    await story.putWith("in", "a", { ttlMs: 1000 });
    await story.put("in", "b");
    await story.pass(2000);
    const [a, b] = story.machine.liveGrants(1);
    await story.restart(tight);
    const settles = [
      settle(a!, { kind: "release" }),
      settle(b!, { kind: "nack", delayMs: undefined, error: "no" }),
    ];
    const enqueues = [to("dead", extraMessage("a", { expectKeySeq: 2 }))];
    expect((await story.call(commit({ settles, enqueues }))).kind).toBe("committed");
    expect(story.machine.queueInfo("in")).toMatchObject({ expired: 1, deadLettered: 2 });
    expect(story.machine.queueInfo("dead")).toMatchObject({ ready: 3 });
  });
});

test("dedup_id: seen before, and within the commit", async () => {
  const { story } = await pipeline();
  const changes = { dedupWindowMs: 10_000 };
  await story.call({ kind: "update-queue", name: "out", revision: 0, changes });
  await story.putWith("out", "x", { dedupId: "1" });
  await story.restart(tight);
  const [one, two] = ["1", "2"].map((dedupId) => to("out", extraMessage("x", { dedupId })));
  const reply = await story.call(commit({ enqueues: [one!, two!, two!] }));
  expect(reply).toMatchObject({
    messages: [{ keySeq: 1, deduplicated: true }, { keySeq: 2 }, { keySeq: 2, deduplicated: true }],
  });
});

test("an enqueue may name a topic", async () => {
  const { story, grants } = await pipeline();
  const options = {
    ...{ retentionMs: 0, retentionBytes: 0, maxMessageBytes: 100, dedupWindowMs: 0, labels: {} },
  };
  await story.call({ kind: "create-topic", name: "t", options });
  const { options: queueOptions } = story.machine.queueInfo("out")!;
  await story.call({
    ...{ kind: "create-subscription", name: "s", topic: "t", start: { at: "new" } },
    options: { ...queueOptions, maxMessages: 1 },
    filter: { keyPrefix: "", headers: {} },
  });
  const enqueues = [to("t", message("x"))];
  const settles = [settle(grants[0]!)];
  expect(
    await story.refusal(commit({ settles, enqueues: [...enqueues, ...enqueues] })),
  ).toMatchObject({
    reason: "QUEUE_FULL",
    field: "enqueues[1].message",
  });
  await story.call(commit({ settles, enqueues }));
  expect(story.machine.queueInfo("s")).toMatchObject({ ready: 1 });
  await story.session("s");
  expect(places([only(story.grants)])).toEqual(["x/1"]);
});

test("needs the rules of version 2", async () => {
  const story = new Story(Replica.empty(tight, undefined, 1));
  expect(await story.refusal(commit({}))).toMatchObject({ reason: "VERSION_TOO_OLD" });
  await story.queue("q");
  const enqueue: Command = { kind: "enqueue", queue: "q", message: extraMessage("a", {}) };
  expect(await story.refusal(enqueue)).toMatchObject({ reason: "VERSION_TOO_OLD" });
  const update: Command = {
    ...{ kind: "update-queue", name: "q", revision: 0, changes: { dedupWindowMs: 1 } },
  };
  expect(await story.refusal(update)).toMatchObject({ reason: "VERSION_TOO_OLD" });
});
