// Parked messages and dead letters: what a person decides (X3, RD1 to RD4).

import { describe, expect, test } from "vitest";
import {
  defaultLimits,
  type Command,
  type Grant,
  type QueueOptions,
  type Reply,
  type Resolution,
} from "../../queue/index.ts";
import { bytes, message, only, places, Story, text } from "./harness.ts";

function resolve(resolution: Resolution, keySeq = 0, lane = "a"): Command {
  return { kind: "resolve-parked", message: { queue: "q", lane, keySeq }, resolution };
}

/** Message a/1 is parked, a/2 waits behind it. */
async function parked(options: Partial<QueueOptions> = {}): Promise<Story> {
  const story = new Story();
  await story.queue("dead");
  await story.queue("q", { maxAttempts: 1, ...options });
  await story.session("q");
  await story.put("q", "a", "one");
  const grant = only(story.grants);
  await story.put("q", "a", "two");
  await story.nack(grant);
  return story;
}

async function bodyOf(story: Story, grant: Grant): Promise<string> {
  return text((await story.replica.message(grant))!.content);
}

describe("a parked message", () => {
  test("is told to whoever consumes its queue", async () => {
    const story = await parked();
    expect(story.effects.events).toEqual([
      { kind: "parked", queue: "q", lane: "a", keySeq: 1, attempts: 1, error: "no" },
    ]);
    await story.pass(5);
    expect(story.effects.events).toEqual([]);
  });

  test("is told by the leader only", async () => {
    const story = new Story();
    await story.queue("q", { maxAttempts: 1 });
    await story.session("q");
    await story.put("q", "a");
    const grant = only(story.grants);
    story.machine.collectGrants = false;
    await story.nack(grant);
    expect(story.effects.events).toEqual([]);
  });

  test("RETRY: its attempts begin anew, at its place", async () => {
    const story = await parked({
      maxAttempts: 2,
      retry: { initialMs: 1, multiplier: 1, maxMs: 1 },
    });
    await story.pass(100);
    await story.nack(only(story.grants));
    await story.restart();
    expect(story.machine.queueInfo("q")).toMatchObject({ parked: 1, parkedKeys: 1 });
    expect(await story.call(resolve({ kind: "retry" }))).toEqual({ kind: "resolved", keySeq: 1 });
    const again = only(story.grants);
    expect(again).toMatchObject({ keySeq: 1, attempts: 0, deliveries: 3, redelivery: "nack" });
    expect(story.machine.queueInfo("q")).toMatchObject({ parked: 0, parkedKeys: 0, leased: 1 });
    await story.ack(again);
    expect(places(story.grants)).toEqual(["a/2"]);
  });

  test("SKIP: goes to the dead-letter queue, with the reason, and its key goes on", async () => {
    const story = await parked({ deadLetterQueue: "dead" });
    await story.restart({ ...defaultLimits, lanesResidentMax: 0 });
    const reply = await story.call(resolve({ kind: "skip", error: "not needed" }, 1));
    expect(reply).toEqual({ kind: "resolved", keySeq: 1 });
    expect(places(story.grants)).toEqual(["a/2"]);
    expect(story.machine.queueInfo("q")).toMatchObject({
      ...{ skipped: 1, deadLettered: 0, parked: 0, parkedKeys: 0 },
    });
    await story.session("dead");
    const letter = (await story.replica.message(only(story.grants)))!;
    expect(letter.deadLetter).toMatchObject({
      ...{ cause: "skipped", attempts: 1, error: "not needed", queue: "q" },
    });
    expect(text(letter.content)).toBe("one");
  });

  test("SKIP without a dead-letter queue: is gone, and counted", async () => {
    const story = await parked();
    await story.call(resolve({ kind: "skip", error: "" }));
    expect(places(story.grants)).toEqual(["a/2"]);
    await story.restart();
    expect(story.machine.queueInfo("q")).toMatchObject({ skipped: 1, leased: 1, ready: 0 });
    expect(story.machine.queueInfo("dead")).toMatchObject({ ready: 0 });
  });

  test.each([false, true])(
    "REPLACE: another content, same place and name; stored before: %s",
    async (before) => {
      const story = await parked();
      const info = story.machine.queueInfo("q")!;
      if (before) await story.replica.flush();
      const old = (await story.replica.message({ queueId: info.id, lane: "a", keySeq: 1 }))!;
      await story.call(resolve({ kind: "replace", content: bytes("another") }));
      const grant = only(story.grants);
      expect(grant).toMatchObject({ keySeq: 1, attempts: 0 });
      expect(story.machine.queueInfo("q")!.bytes).toBe(
        info.bytes + "another".length - "one".length,
      );
      await story.restart();
      const { seq, logIndex, enqueuedAt, key } = old;
      expect(await story.replica.message(grant)).toMatchObject({
        seq,
        logIndex,
        enqueuedAt,
        key,
      });
      expect(await bodyOf(story, grant)).toBe("another");
      await story.ack(grant);
      await story.ack(only(story.grants));
      expect(story.machine.queueInfo("q")).toMatchObject({ bytes: 0, activeKeys: 0 });
      await story.replica.flush();
      expect(
        (await story.replica.image()).filter(({ key: row }) => /^[\x40\x45]/.test(row)),
      ).toEqual([]);
    },
  );

  test("REPLACE: what was stored before and is settled soon after leaves nothing behind", async () => {
    const story = await parked();
    await story.replica.flush();
    await story.call(resolve({ kind: "replace", content: bytes("another") }));
    await story.ack(only(story.grants));
    await story.ack(only(story.grants));
    await story.replica.flush();
    const rows = await story.replica.image();
    expect(rows.filter(({ key }) => key.startsWith("\x40"))).toEqual([]);
  });

  test("is resolved once; what is not parked is not found", async () => {
    const story = await parked({ maxMessageBytes: 10 });
    const missing = { reason: "MESSAGE_NOT_FOUND" };
    expect(await story.refusal(resolve({ kind: "retry" }, 2))).toMatchObject(missing);
    expect(await story.refusal(resolve({ kind: "retry" }, 9))).toMatchObject(missing);
    expect(await story.refusal(resolve({ kind: "retry" }, 0, "b"))).toMatchObject(missing);
    const large = resolve({ kind: "replace", content: bytes("eleven bytes") });
    expect(await story.refusal(large)).toMatchObject({ reason: "TOO_LARGE" });
    await story.call(resolve({ kind: "retry" }));
    expect(await story.refusal(resolve({ kind: "retry" }))).toMatchObject(missing);
    const nowhere: Command = {
      kind: "resolve-parked",
      ...{ message: { queue: "x", lane: "a", keySeq: 0 }, resolution: { kind: "retry" } },
    };
    expect(await story.refusal(nowhere)).toMatchObject({ reason: "QUEUE_NOT_FOUND" });
  });

  test("without order: one of many is found by its key_seq, or the first of them", async () => {
    const story = new Story();
    await story.queue("q", { ordering: "none", maxAttempts: 1 });
    await story.session("q");
    for (let n = 0; n < 3; n++) await story.put("q", "");
    const session = [...story.machine.state.sessions.keys()][0]!;
    for (const grant of story.machine.liveGrants(session)) await story.nack(grant);
    await story.restart();
    expect(await story.call(resolve({ kind: "retry" }, 2, ""))).toMatchObject({ keySeq: 2 });
    expect(await story.call(resolve({ kind: "skip", error: "" }, 0, ""))).toMatchObject({
      keySeq: 1,
    });
    expect(story.machine.queueInfo("q")).toMatchObject({ parked: 1, leased: 1, skipped: 1 });
  });
});

describe("redrive", () => {
  const toDead = { maxAttempts: 1, onExhausted: "dead-letter", deadLetterQueue: "dead" } as const;

  function redrive(letters: readonly number[], how: { force?: true; dryRun?: true } = {}): Command {
    return {
      kind: "redrive",
      ...{ queue: "dead", letters: letters.map((keySeq) => ({ lane: "a", keySeq })) },
      ...{ force: how.force === true, dryRun: how.dryRun === true },
    };
  }

  /** Messages a/1 to a/n are dead; `waiting` more wait, since nobody consumes any more. */
  async function dead(
    n: number,
    waiting: number,
    options: Partial<QueueOptions> = {},
  ): Promise<Story> {
    const story = new Story();
    await story.queue("dead", { ordering: options.ordering ?? "key" });
    await story.queue("q", { ...toDead, ...options });
    const session = await story.session("q", 1);
    for (let at = 1; at <= n; at++) {
      await story.put("q", "a", `body ${at}`);
      await story.nack(only(story.grants));
    }
    await story.in(session, { kind: "unsubscribe", consumer: 1 });
    for (let at = 1; at <= waiting; at++) await story.put("q", "a", `later ${at}`);
    return story;
  }

  async function delivered(story: Story): Promise<string[]> {
    await story.session("q", 1);
    const seen: string[] = [];
    while (story.grants.length > 0) {
      const grant = only(story.grants);
      seen.push(`${grant.keySeq} ${await bodyOf(story, grant)}`);
      await story.ack(grant);
    }
    return seen;
  }

  test("puts letters back at their old place, before what waits", async () => {
    const story = await dead(2, 1);
    await story.restart({ ...defaultLimits, lanesResidentMax: 0 });
    expect(await story.call(redrive([1, 2]))).toEqual({
      ...{ kind: "redriven", moved: 2, refused: 0, gone: 0 },
    });
    expect(story.machine.queueInfo("q")).toMatchObject({ ready: 3, redriven: 2, activeKeys: 1 });
    expect(story.machine.queueInfo("dead")).toMatchObject({ ready: 0, redriven: 2, bytes: 0 });
    await story.restart();
    expect(await delivered(story)).toEqual(["1 body 1", "2 body 2", "3 later 1"]);
    expect(story.machine.queueInfo("q")).toMatchObject({ bytes: 0, activeKeys: 0, acked: 3 });
  });

  test("a dry run says the same, and does nothing", async () => {
    const story = await dead(3, 1);
    const before = await story.call(redrive([1, 3, 9], { dryRun: true }));
    expect(before).toEqual({ kind: "redriven", moved: 1, refused: 1, gone: 1 });
    expect(story.machine.queueInfo("dead")).toMatchObject({ ready: 3, redriven: 0 });
    expect(await story.call(redrive([1, 2, 3], { dryRun: true }))).toMatchObject({ moved: 3 });
    expect(await story.call(redrive([1, 3, 9]))).toEqual(before);
    expect(await delivered(story)).toEqual(["3 body 3", "4 later 1"]);
  });

  test("RD2: not behind what is settled already, unless forced", async () => {
    const story = await dead(1, 2);
    await delivered(story);
    expect(await story.call(redrive([1]))).toMatchObject({ moved: 0, refused: 1 });
    expect(story.machine.queueInfo("dead")).toMatchObject({ ready: 1 });
    expect(await story.call(redrive([1], { force: true }))).toMatchObject({ moved: 1, refused: 0 });
    expect(places(story.grants)).toEqual(["a/1"]);
  });

  test("without order nothing is in the way", async () => {
    const story = await dead(2, 1, { ordering: "none" });
    const command = { ...redrive([]), letters: [{ lane: "", keySeq: 1 }] } as Command;
    expect(await story.call(command)).toMatchObject({ moved: 1, refused: 0 });
    await story.restart();
    expect(await delivered(story)).toEqual(["1 body 1", "3 later 1"]);
  });

  test("letters that are parked, back off or wait again go too; those that are leased do not", async () => {
    const story = await dead(4, 0);
    await story.call({
      kind: "update-queue",
      ...{ name: "dead", revision: 0, changes: { maxInFlightPerKey: 4, maxAttempts: 2 } },
    });
    const session = await story.session("dead");
    const [one, two, three] = story.machine.liveGrants(session);
    await story.call({ kind: "detach" }, { session, sequence: 0, floor: 0 });
    await story.nack(one!, 60_000);
    await story.settle(two!, { kind: "reject", error: "" });
    await story.settle(three!, { kind: "release" });
    expect(story.machine.queueInfo("dead")).toMatchObject({
      ...{ ready: 1, retrying: 1, parked: 1, leased: 1 },
    });
    const reply = await story.call(redrive([1, 2, 3, 4, 1], { force: true }));
    expect(reply).toEqual({ kind: "redriven", moved: 3, refused: 0, gone: 2 });
    expect(story.machine.queueInfo("dead")).toMatchObject({
      ...{ ready: 0, retrying: 0, parked: 0, leased: 1, parkedKeys: 0 },
    });
    expect(await delivered(story)).toEqual(["1 body 1", "2 body 2", "3 body 3"]);
  });

  test("RD3: nowhere to go", async () => {
    const story = await dead(1, 0);
    await story.put("dead", "a", "no letter");
    expect(await story.call(redrive([2]))).toMatchObject({ moved: 0, gone: 1 });
    await story.call({ kind: "delete-queue", name: "q", revision: 0, ifEmpty: false });
    expect(await story.call(redrive([1]))).toMatchObject({ moved: 0, gone: 1 });
    await story.queue("q");
    await story.put("q", "a");
    expect(await story.call(redrive([1]))).toMatchObject({ moved: 0, gone: 1 });
    const nowhere = { ...redrive([1]), queue: "x" } as Command;
    expect(await story.refusal(nowhere)).toMatchObject({ reason: "QUEUE_NOT_FOUND" });
  });

  const short = { expiresAt: 0, dedupId: "", expectKeySeq: 0, notBefore: 0, delayMs: 0 };

  function withTtl(ttlMs: number, body: string): Command {
    const extras = { ...short, ttlMs, priority: 0, headers: {} };
    return { kind: "enqueue", queue: "q", message: { ...message("a", body), extras } };
  }

  test("RD4: what comes back does not expire any more", async () => {
    const story = await dead(0, 0, { onExpiry: "discard" });
    const session = [...story.machine.state.sessions.keys()][0]!;
    await story.call(withTtl(5000, "one"));
    await story.in(session, { kind: "subscribe", consumer: 1, queue: "q", credit: 1, leaseMs: 0 });
    await story.nack(only(story.grants));
    await story.in(session, { kind: "unsubscribe", consumer: 1 });
    await story.call(redrive([1]));
    await story.restart();
    await story.pass(6000);
    expect(story.machine.queueInfo("q")).toMatchObject({ ready: 1, expired: 0 });
    expect(await delivered(story)).toEqual(["1 one"]);
  });

  test("what expired while it waited waits again, among the others", async () => {
    const story = await dead(0, 1, { onExpiry: "dead-letter" });
    await story.call(withTtl(1000, "two"));
    await story.put("q", "a", "three");
    await story.pass(1100);
    expect(story.machine.queueInfo("q")).toMatchObject({ ready: 2, expired: 1 });
    expect(await story.call(redrive([1]))).toMatchObject({ moved: 1, refused: 0 });
    await story.restart();
    expect(story.machine.queueInfo("q")).toMatchObject({ ready: 3, activeKeys: 1 });
    expect(await delivered(story)).toEqual(["1 later 1", "2 two", "3 three"]);
  });

  test("a message that comes back can be dead again", async () => {
    const story = await dead(1, 0);
    for (let round = 0; round < 3; round++) {
      await story.call(redrive([round + 1]));
      await story.session("q");
      const grant = only(story.grants);
      expect(grant).toMatchObject({ keySeq: 1, attempts: 0, deliveries: 1, redelivery: "" });
      if (round === 1) await story.restart();
      await story.nack(grant);
      for (const id of story.machine.state.sessions.keys()) {
        await story.call({ kind: "close-session" }, { session: id, sequence: 0, floor: 0 });
      }
    }
    expect(story.machine.queueInfo("dead")).toMatchObject({ ready: 1, enqueued: 4, redriven: 3 });
  });

  test("is the same on a replica that takes at other moments", async () => {
    const ends = await Promise.all(
      [false, true].map(async (often) => {
        const story = await dead(3, 2);
        if (often) await story.replica.flush();
        const reply: Reply = await story.call(redrive([1, 2, 3]));
        if (often) await story.restart();
        await delivered(story);
        await story.replica.flush();
        return { reply, digest: story.machine.digest, state: await story.replica.stored() };
      }),
    );
    expect(ends[0]).toEqual(ends[1]);
  });
});
