import { describe, expect, test } from "vitest";
import { Replica, Story, message, nobody, only, payloadOf, places } from "./harness.ts";
import { defaultLimits, standardRules, type Command } from "../../queue/index.ts";

const put = (key: string): Command => ({ kind: "enqueue", queue: "q", message: message(key) });

describe("P6, H1: exactly once inside", () => {
  test("a retry gets the first answer, index included, and executes nothing", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session();
    const origin = { session, sequence: 1, floor: 1 };
    const [first] = await story.entry([[origin, put("a")]]);
    for (const restart of [false, true]) {
      if (restart) await story.restart();
      const [again] = await story.entry([[origin, put("a")]]);
      expect(again).toEqual(first);
    }
    expect(story.machine.queueInfo("q")).toMatchObject({ enqueued: 1 });
    expect(story.machine.answerOf(session, 1)).toEqual(first);
  });

  test("a retry in the same entry, too", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session();
    const origin = { session, sequence: 1, floor: 1 };
    const [first, again] = await story.entry([
      [origin, put("a")],
      [origin, put("a")],
    ]);
    expect(again).toEqual(first);
    expect(story.machine.queueInfo("q")).toMatchObject({ enqueued: 1 });
  });

  test("every kind of answer is remembered, through a restart", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session("q", 1);
    const commands: Command[] = [
      put("a"),
      { kind: "enqueue-batch", queue: "q", messages: [message("b"), message("c")] },
      { kind: "create-queue", name: "q", options: story.machine.queueInfo("q")!.options },
      { kind: "update-queue", name: "q", revision: 9, changes: {} },
      { kind: "update-queue", name: "q", revision: 1, changes: { labels: { 10: "x", 9: "é" } } },
      { kind: "open-session", name: "another", ttlMs: 1000 },
      { kind: "receive", queue: "q", maxMessages: 2, maxWaitMs: 0, leaseMs: 0 },
      { kind: "receive", queue: "none", maxMessages: 2, maxWaitMs: 0, leaseMs: 0 },
      {
        kind: "settle",
        lease: { queue: "q", lane: "a", keySeq: 1, token: 1 },
        settlement: { kind: "ack" },
      },
      { kind: "tick" },
      { kind: "unsubscribe", consumer: 7 },
    ];
    const firsts = [];
    const origins = [];
    for (const command of commands) {
      const origin = story.next(session);
      origins.push(origin);
      firsts.push((await story.entry([[origin, command]]))[0]);
    }
    expect(firsts.map((answer) => answer?.reply.kind)).toEqual([
      ...["enqueued", "batch-enqueued", "queue", "refused", "queue", "session-opened"],
      ...["received", "refused", "settled", "done", "done"],
    ]);
    await story.restart();
    const again = [];
    for (const origin of origins) again.push((await story.entry([[origin, { kind: "tick" }]]))[0]);
    expect(again).toEqual(firsts);
  });

  test("without a time window: an answer is kept as long as the session lives", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session("", 0, 60_000);
    const origin = { session, sequence: 1, floor: 1 };
    const [first] = await story.entry([[origin, put("a")]]);
    for (let hour = 0; hour < 200; hour++) {
      await story.pass(30_000, 2000);
      await story.call({ kind: "keep-alive", sessions: [session] });
    }
    expect((await story.entry([[origin, put("a")]]))[0]).toEqual(first);
  });

  test("a gap is refused, not remembered, and uses up nothing", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session();
    const refusal = await story.refusal(put("a"), { session, sequence: 2, floor: 1 });
    expect(refusal).toMatchObject({ reason: "SEQUENCE_GAP", field: "sequence" });
    expect((await story.call(put("a"), { session, sequence: 1, floor: 1 })).kind).toBe("enqueued");
    expect((await story.call(put("a"), { session, sequence: 2, floor: 1 })).kind).toBe("enqueued");
    expect(story.machine.queueInfo("q")).toMatchObject({ enqueued: 2 });
  });

  test("below the floor an answer is forgotten, and the command does not run", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session();
    for (let sequence = 1; sequence <= 100; sequence++) {
      await story.call(put("a"), { session, sequence, floor: Math.max(1, sequence - 10) });
      if (sequence % 25 === 0) await story.replica.flush();
    }
    await story.restart();
    const refusal = await story.refusal(put("a"), { session, sequence: 89, floor: 1 });
    expect(refusal).toMatchObject({ reason: "MALFORMED", field: "sequence" });
    const [kept] = await story.entry([[{ session, sequence: 90, floor: 1 }, put("a")]]);
    expect(kept?.reply).toMatchObject({ kind: "enqueued", message: { seq: 90 } });
    expect(story.machine.answerOf(session, 89)).toBe("forgotten");
    expect(story.machine.answerOf(session, 101)).toBe("unknown");
    expect(story.machine.answerOf(99, 1)).toBe("unknown");
    expect(story.machine.queueInfo("q")).toMatchObject({ enqueued: 100 });
    await story.replica.flush();
    const rows = (await story.replica.image()).filter((row) => row.key.startsWith("\x04"));
    expect(rows).toHaveLength(2);
  });

  test("R11: answers kept are bounded; raising the floor makes room", async () => {
    const rules = { ...standardRules, rememberedAnswersMax: 3 };
    const story = new Story(Replica.empty(defaultLimits, rules));
    await story.queue("q");
    const session = await story.session();
    for (let sequence = 1; sequence <= 3; sequence++) {
      await story.call(put("a"), { session, sequence, floor: 1 });
    }
    const refusal = await story.refusal(put("a"), { session, sequence: 4, floor: 1 });
    expect(refusal).toMatchObject({ reason: "TOO_MANY_IN_FLIGHT", retryAfterMs: 1000 });
    expect((await story.call(put("a"), { session, sequence: 4, floor: 2 })).kind).toBe("enqueued");
  });

  test("sequence 0 runs every time", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session();
    const origin = { session, sequence: 0, floor: 0 };
    await story.call(put("a"), origin);
    await story.call(put("a"), origin);
    expect(story.machine.queueInfo("q")).toMatchObject({ enqueued: 2 });
  });

  test("what was refused at the door uses up its sequence and is remembered", async () => {
    const story = new Story();
    const session = await story.session();
    const refusal = { ...refusalOf("TOO_LARGE"), field: "body" };
    expect(await story.in(session, { kind: "refuse", refusal })).toEqual({
      kind: "refused",
      refusal,
    });
    expect(story.machine.answerOf(session, 1)).toMatchObject({ reply: { refusal } });
  });
});

function refusalOf(reason: "TOO_LARGE") {
  return { reason, message: "m", field: "", currentToken: 0, state: "", retryAfterMs: 0 };
}

describe("H2, G3: the end of a session", () => {
  test("an expired session never executes again, nor does one that never was", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session("", 0, 5000);
    await story.pass(6000);
    expect(story.machine.sessionInfo(session)).toBeUndefined();
    for (const id of [session, 99]) {
      const origin = { session: id, sequence: 1, floor: 1 };
      expect((await story.refusal(put("a"), origin)).reason).toBe("SESSION_EXPIRED");
    }
    expect(await story.session()).toBeGreaterThan(session);
    expect(story.machine.queueInfo("q")).toMatchObject({ enqueued: 0 });
  });

  test("any sign of life postpones it: a command, a repeated one, a keep-alive", async () => {
    const story = new Story();
    const session = await story.session("", 0, 5000);
    const signs = [
      () => story.call({ kind: "tick" }, { session, sequence: 1, floor: 1 }),
      () => story.call({ kind: "tick" }, { session, sequence: 1, floor: 1 }),
      () => story.call({ kind: "keep-alive", sessions: [99, session] }),
      () => story.call({ kind: "tick" }, { session, sequence: 0, floor: 0 }),
    ];
    for (const sign of signs) {
      await story.pass(4000);
      await sign();
      await story.restart();
    }
    expect(story.machine.sessionInfo(session)).toBeDefined();
    await story.pass(6000);
    expect(story.machine.sessionInfo(session)).toBeUndefined();
  });

  test("its leases go back in order, at once, at the cost of a delivery but no attempt", async () => {
    const story = new Story();
    await story.queue("q", { maxInFlightPerKey: 2 });
    await story.queue("p", { ordering: "none" });
    const session = await story.session("q");
    await story.in(session, { kind: "subscribe", consumer: 2, queue: "p", credit: 9, leaseMs: 0 });
    for (const key of ["b", "a", "b", "a"]) {
      await story.put("q", key);
      await story.put("p", key);
    }
    const heir = await story.session("q");
    await story.in(heir, { kind: "subscribe", consumer: 2, queue: "p", credit: 9, leaseMs: 0 });
    expect(story.grants).toEqual([]);
    await story.in(session, { kind: "close-session" });
    const [q, p] = ["q", "p"].map((queue) => story.grants.filter((grant) => grant.queue === queue));
    expect(places(q!)).toEqual(["a/1", "b/1", "a/2", "b/2"]);
    expect(places(p!)).toEqual(["/1", "/2", "/3", "/4"]);
    for (const grant of story.grants) {
      expect(grant).toMatchObject({
        session: heir,
        attempts: 0,
        deliveries: 2,
        redelivery: "session-ended",
      });
    }
    expect(story.effects.endedSessions).toEqual([session]);
  });

  test("nothing of it is left, in memory or in the store", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session("q");
    await story.entry([[story.next(session), receive]]);
    await story.replica.flush();
    await story.in(session, { kind: "close-session" });
    expect(story.effects.completions).toMatchObject([
      { session, sequence: 2, answer: { reply: { refusal: { reason: "SESSION_EXPIRED" } } } },
    ]);
    await story.replica.flush();
    const rows = (await story.replica.image()).filter((row) => /^[\x03-\x06]/.test(row.key));
    expect(rows).toEqual([]);
    expect(story.machine.queueInfo("q")).toMatchObject({ consumers: 0 });
    expect(story.machine.nextDeadline()).toBeUndefined();
  });
});

const receive: Command = {
  kind: "receive",
  queue: "q",
  maxMessages: 1,
  maxWaitMs: 10_000,
  leaseMs: 0,
};

describe("O2: streams and consumers", () => {
  test("a broken stream loses nothing: leases stay, and come again with the same token", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session("q");
    await story.put("q", "a");
    const grant = only(story.grants);
    const stream = { session, sequence: 0, floor: 0 };
    await story.call({ kind: "detach" }, stream);
    await story.put("q", "b");
    expect(story.grants).toEqual([]);
    await story.restart();
    await story.pass(100);
    await story.call({ kind: "attach" }, stream);
    expect(places(story.grants)).toEqual(["b/1"]);
    const [first] = story.machine.liveGrants(session);
    expect(first).toMatchObject({
      token: grant.token,
      keySeq: 1,
      lane: "a",
      deliveries: 1,
    });
    expect(first!.leaseMs).toBeLessThan(grant.leaseMs);
    expect(await story.ack(first!)).toEqual({ kind: "settled", already: false });
  });

  test("G1: consumers take their places by number when a session attaches, whatever order they came in", async () => {
    const served: number[][] = [];
    for (const restarts of [false, true]) {
      const story = new Story();
      await story.queue("q");
      const session = await story.session();
      const origin = { session, sequence: 0, floor: 0 };
      for (const consumer of [3, 1, 2])
        await story.in(session, { kind: "subscribe", consumer, queue: "q", credit: 1, leaseMs: 0 });
      await story.call({ kind: "detach" }, origin);
      for (const key of ["a", "b", "c"]) await story.put("q", key);
      if (restarts) await story.restart();
      await story.call({ kind: "attach" }, origin);
      served.push(story.grants.map(({ consumer }) => consumer));
    }
    expect(served).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  test("a session has no stream until it attaches", async () => {
    const story = new Story();
    await story.queue("q");
    await story.call({ kind: "open-session", name: "s", ttlMs: 60_000 });
    await story.in(1, { kind: "subscribe", consumer: 1, queue: "q", credit: 1, leaseMs: 0 });
    await story.put("q", "a");
    expect(story.grants).toEqual([]);
    await story.call({ kind: "attach" }, { session: 1, sequence: 0, floor: 0 });
    expect(places(story.grants)).toEqual(["a/1"]);
  });

  test("credit is the number of leases held; subscribing again changes it", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session("q", 1);
    for (const key of ["a", "b", "c", "d"]) await story.put("q", key);
    const again = { kind: "subscribe", consumer: 1, queue: "q", leaseMs: 7000 } as const;
    await story.in(session, { ...again, credit: 3 });
    expect(story.grants).toMatchObject([
      { lane: "b", leaseMs: 7000 },
      { lane: "c", leaseMs: 7000 },
    ]);
    await story.in(session, { ...again, credit: 1 });
    await story.ack(story.machine.liveGrants(session)[0]!);
    await story.ack(story.machine.liveGrants(session)[0]!);
    expect(story.grants).toEqual([]);
    await story.ack(story.machine.liveGrants(session)[0]!);
    expect(places(story.grants)).toEqual(["d/1"]);
  });

  test("after unsubscribe nothing new comes, and leases stay; they count when it subscribes again", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session("q", 2);
    for (const key of ["a", "b", "c"]) await story.put("q", key);
    await story.in(session, { kind: "unsubscribe", consumer: 1 });
    const [a, b] = story.machine.liveGrants(session);
    await story.ack(a!);
    expect(story.grants).toEqual([]);
    await story.restart();
    const again = { kind: "subscribe", consumer: 1, queue: "q", credit: 1, leaseMs: 0 } as const;
    await story.in(session, again);
    expect(story.grants).toEqual([]);
    await story.restart();
    await story.ack(b!);
    expect(places(story.grants)).toEqual(["c/1"]);
  });

  test("who asks for what cannot be is refused", async () => {
    const rules = { ...standardRules, consumersPerSessionMax: 1, sessionsMax: 2 };
    const story = new Story(Replica.empty(defaultLimits, rules));
    await story.queue("q");
    await story.queue("p");
    const session = await story.session("q");
    const ask = { kind: "subscribe", consumer: 1, queue: "q", credit: 1, leaseMs: 0 } as const;
    const reason = async (command: Command, alone = false): Promise<string> => {
      const refusal = await story.refusal(command, alone ? nobody : story.next(session));
      return `${refusal.reason} ${refusal.field}`;
    };
    expect(await reason({ ...ask, queue: "none" })).toBe("QUEUE_NOT_FOUND queue");
    expect(await reason({ ...ask, queue: "p" })).toBe("MALFORMED consumer");
    expect(await reason({ ...ask, consumer: 0 })).toBe("MALFORMED consumer");
    expect(await reason({ ...ask, credit: 10_001 })).toBe("MALFORMED credit");
    expect(await reason({ ...ask, consumer: 2 })).toBe("TOO_MANY_IN_FLIGHT ");
    const forSessions: Command[] = [
      ask,
      receive,
      { kind: "unsubscribe", consumer: 1 },
      { kind: "attach" },
      { kind: "detach" },
      { kind: "close-session" },
    ];
    for (const command of forSessions)
      expect(await reason(command, true)).toBe("MALFORMED session");
    await story.session();
    const open: Command = { kind: "open-session", name: "s", ttlMs: 1000 };
    expect(await reason(open)).toBe("TOO_MANY_IN_FLIGHT ");
  });
});

describe("O2: Receive", () => {
  test("answers at once with what is there, up to what was asked for", async () => {
    const story = new Story();
    await story.queue("q");
    for (const key of ["a", "b", "c"]) await story.put("q", key);
    const session = await story.session();
    const reply = await story.in(session, { ...receive, maxMessages: 2, leaseMs: 4000 });
    if (reply.kind !== "received") throw new Error(reply.kind);
    expect(places(reply.grants)).toEqual(["a/1", "b/1"]);
    expect(reply.grants).toMatchObject([{ consumer: 0, leaseMs: 4000 }, { consumer: 0 }]);
    expect(story.grants).toEqual([]);
  });

  test("waits for a message; asking again joins it; the answer is remembered", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session();
    const origin = story.next(session);
    expect(await story.entry([[origin, receive]])).toEqual([undefined]);
    expect(story.machine.answerOf(session, 1)).toBe("pending");
    await story.restart();
    expect(await story.entry([[origin, receive]])).toEqual([undefined]);
    expect(story.machine.sessionInfo(session)?.receives).toEqual([1]);
    await story.put("q", "a");
    const completion = only(story.effects.completions);
    expect(completion).toMatchObject({ session, sequence: 1, answer: { index: story.index } });
    expect(story.effects.grants).toEqual([]);
    await story.restart();
    expect(await story.entry([[origin, receive]])).toEqual([completion.answer]);
    expect(only(story.machine.liveGrants(session))).toMatchObject({ lane: "a", consumer: 0 });
  });

  test("an empty answer comes when the wait is over, or at once when there is none", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session();
    const reply = await story.in(session, { ...receive, maxWaitMs: 0 });
    expect(reply).toEqual({ kind: "received", grants: [] });
    await story.entry([[story.next(session), receive]]);
    await story.pass(9000);
    expect(story.effects.completions).toEqual([]);
    await story.restart();
    await story.pass(1200, 1200);
    expect(only(story.effects.completions).answer.reply).toEqual({ kind: "received", grants: [] });
    expect(story.machine.state.receives).toBe(0);
  });

  test("a queue that is deleted answers those who wait", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session();
    await story.entry([[story.next(session), receive]]);
    await story.call({ kind: "delete-queue", name: "q", revision: 0, ifEmpty: false });
    expect(only(story.effects.completions).answer.reply).toMatchObject({
      refusal: { reason: "QUEUE_NOT_FOUND" },
    });
  });

  test("one that nobody waits for any more takes nothing", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session();
    await story.entry([[story.next(session), receive]]);
    await story.in(session, { kind: "tick" }, 2);
    await story.put("q", "a");
    expect(story.effects.completions).toEqual([]);
    expect(story.machine.queueInfo("q")).toMatchObject({ ready: 1, leased: 0 });
  });

  test("what cannot be is refused", async () => {
    const rules = { ...standardRules, pendingReceivesMax: 1 };
    const story = new Story(Replica.empty(defaultLimits, rules));
    await story.queue("q");
    const session = await story.session();
    const unnumbered = { session, sequence: 0, floor: 0 };
    expect(await story.refusal(receive, unnumbered)).toMatchObject({
      reason: "MALFORMED",
      field: "sequence",
    });
    for (const maxMessages of [0, 10_001]) {
      const refusal = await story.in(session, { ...receive, maxMessages });
      expect(refusal).toMatchObject({ refusal: { reason: "MALFORMED", field: "max_messages" } });
    }
    await story.entry([[story.next(session), receive]]);
    const refusal = await story.in(session, receive);
    expect(refusal).toMatchObject({ refusal: { reason: "TOO_MANY_IN_FLIGHT" } });
  });
});

test("R8: two replicas given the same bytes say the same", async () => {
  const [one, two] = [Replica.empty(), Replica.empty()];
  const payload = payloadOf([[nobody, { kind: "open-session", name: "s", ttlMs: 1000 }]], 5);
  expect(await one.apply(payload, 1)).toEqual(await two.apply(payload, 1));
  expect(one.machine.digest).toBe(two.machine.digest);
});
