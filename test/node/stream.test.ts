import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ClientFrameWriter, encodeContent, type ClientOperation } from "../../proto/frame.ts";
import { defaultOptions, defaultTopicOptions, violations } from "../../queue/index.ts";
import { randomFrom, settled } from "./fakes.ts";
import { Client, enqueue, subscribe, world } from "./stream-client.ts";

describe("attaching", () => {
  test("the first frame answers `attached`; commands of the same frame are carried out", async () => {
    const { session, client } = await world();
    const one = client((await session()).name);
    await one.command(1, enqueue()).command(2, enqueue()).heartbeat(7).said();
    expect(one.call.frames[0]?.attached).toEqual({ nextSequence: 1, ttlMs: 60_000 });
    expect(one.call.frames.slice(1).every((frame) => frame.attached === undefined)).toBe(true);
    expect(one.call.replies.map(({ sequence, result }) => [sequence, result.kind])).toEqual([
      [1, "enqueued"],
      [2, "enqueued"],
    ]);
    expect(one.call.frames.some((frame) => frame.heartbeat === 7)).toBe(true);
  });

  test("attached again: the next sequence, and answers that are asked for again (P6)", async () => {
    const { session, client } = await world();
    const { name } = await session();
    const first = client(name);
    await first.command(1, enqueue()).said();
    first.call.cancel();
    const second = client(name);
    await second.command(1, enqueue()).command(2, enqueue()).floor(1).said();
    expect(second.call.frames[0]?.attached?.nextSequence).toBe(2);
    expect(second.call.replies[0]).toEqual(first.call.replies[0]);
    expect(second.call.replies[1]?.sequence).toBe(2);
  });

  test.each([
    ["without attach", () => new ClientFrameWriter(), "MALFORMED", "attach"],
    ["a session of another cluster", () => attach("other:1"), "MALFORMED", "session_id"],
    ["no session", () => attach("nonsense"), "MALFORMED", "session_id"],
    ["a session that never was", () => attach("test:4711"), "SESSION_EXPIRED", "session_id"],
    [
      "a number that no session has",
      () => attach("test:9999999999999999"),
      "MALFORMED",
      "session_id",
    ],
  ] as const)("refused: %s", async (_what, frame, reason, field) => {
    const { cluster, leader } = await world();
    const { call } = new Client(cluster, leader, "unused");
    const writer = frame();
    writer.heartbeat(1);
    call.say(writer.finish());
    await cluster.run(50);
    expect(call.end_?.error).toMatchObject({ reason, field, outcome: "NOT_APPLIED" });
    expect(call.frames).toEqual([]);
  });

  test("NOT_LEADER names the leader", async () => {
    const { cluster, leader, session } = await world({ nodes: 3 });
    const { name } = await session();
    await cluster.run(100);
    const other = cluster.running.find(({ id }) => id !== leader.id)!;
    const one = new Client(cluster, other, name);
    await one.said();
    expect(one.call.end_).toMatchObject({
      code: 14,
      error: {
        reason: "NOT_LEADER",
        leader: { nodeId: leader.id, endpoint: `client-${leader.id}:7400` },
      },
    });
  });

  test("frames that come while attaching wait, and are carried out in order", async () => {
    const { session, client, cluster } = await world();
    const one = client((await session()).name);
    one.say();
    for (let i = 1; i <= 20; i += 1) one.command(i, enqueue()).say();
    await cluster.run(100);
    expect(one.call.replies.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  });

  test("a stream that is gone before it was attached leaves nothing", async () => {
    const { session, client, cluster, leader } = await world();
    const { id, name } = await session();
    const one = client(name);
    one.command(1, enqueue()).say();
    one.call.cancel();
    await cluster.run(100);
    expect(leader.running.streams.count).toBe(0);
    expect(leader.running.machine.sessionInfo(id)?.attached).toBe(false);
  });
});

function attach(session: string): ClientFrameWriter {
  const writer = new ClientFrameWriter();
  writer.attach(session);
  return writer;
}

describe("commands", () => {
  test("what the door refuses uses up its sequence, and the stream goes on", async () => {
    const { session, client } = await world();
    const one = client((await session()).name);
    await one
      .command(1, enqueue("x".repeat(300)))
      .command(2, enqueue())
      .said();
    expect(one.call.replies[0]).toMatchObject({
      sequence: 1,
      result: { kind: "error", error: { reason: "MALFORMED", field: "key" } },
    });
    expect(one.call.replies[1]).toMatchObject({ sequence: 2, result: { kind: "enqueued" } });
    expect(one.call.end_).toBeUndefined();
  });

  test("a command without a number ends the stream; those behind it are not carried out", async () => {
    const { session, client, leader } = await world();
    const one = client((await session()).name);
    await one.command(0, enqueue()).command(1, enqueue()).said();
    expect(one.call.end_?.error).toMatchObject({ reason: "MALFORMED", field: "sequence" });
    expect(leader.running.machine.queueInfo("q")?.enqueued).toBe(0);
  });

  test("bytes that are no frame end the stream with the typed error", async () => {
    const { session, client, cluster } = await world();
    const one = client((await session()).name);
    await one.said();
    one.call.say(Buffer.from([0xff, 0xff, 0xff]));
    await cluster.run(10);
    expect(one.call.end_?.error).toMatchObject({ reason: "MALFORMED", field: "frame" });
    one.call.say(Buffer.from([0xff]));
    await cluster.run(10);
  });

  test("random bytes, before and after attaching, throw nothing and leave the node well", async () => {
    const { session, client, cluster, leader } = await world();
    const random = randomFrom(99);
    const samples = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 60 }), {
      numRuns: 300,
      seed: 5,
    });
    for (const noise of samples) {
      const one = client((await session()).name);
      if (random() < 0.7) {
        // Half right: a frame that was hit on the way.
        const frame = Buffer.from(attach("test:1").finish());
        if (random() < 0.5) one.say();
        frame[Math.floor(random() * frame.length)] = noise[0] ?? 0;
        one.call.say(Buffer.concat([frame, noise]));
      } else one.call.say(Buffer.from(noise));
      await settled();
      one.call.cancel();
    }
    await cluster.run(100);
    expect(cluster.failures).toEqual([]);
    await cluster.ask({ kind: "tick" });
    expect(leader.running.streams.count).toBe(0);
  });

  test("any command that can be said throws nothing, at the door or in the state machine", async () => {
    const { session, client, cluster, leader } = await world();
    await cluster.until(() => leader.running.machine.version === leader.running.machine.versionMax);
    await cluster.ask({ kind: "create-topic", name: "t", options: defaultTopicOptions() });
    const rules = { dedupWindowMs: 1_000, onExpiry: "discard", historyMs: 1_000 } as const;
    for (const [name, ordering] of [
      ["n", "none"],
      ["b", "key"],
    ] as const) {
      const options = { ...defaultOptions(ordering), ...rules, orderedDelay: "block-key" } as const;
      await cluster.ask({ kind: "create-queue", name, options });
    }
    const number = fc.oneof(
      fc.constantFrom(0, 1, 2, 255, 2 ** 31, 2 ** 32, 2 ** 48, 2 ** 53 - 1, 2 ** 53, -1),
      fc.nat(10),
    );
    const text = fc.oneof(
      fc.constantFrom("", "q", "a/b", "é", "x".repeat(257)),
      fc.string({ maxLength: 5 }),
    );
    const queue = fc.oneof(fc.constantFrom("q", "t", "n", "b"), text);
    const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
    const options = maybe(
      fc.record({
        dedupId: maybe(text),
        expectKeySeq: maybe(number),
        notBeforeMs: maybe(number),
        delayMs: maybe(number),
        expiresAtMs: maybe(number),
        ttlMs: maybe(number),
        priority: maybe(fc.integer({ min: -1, max: 11 })),
      }),
    );
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 5 }),
      fc.constant(encodeContent({ body: "x", headers: { a: "b" } })),
    );
    const message = fc.record({ key: text, content, options });
    const keys = maybe(fc.array(text, { maxLength: 2 }));
    const lease = fc.record({ queue, key: text, keySeq: number, fencingToken: number });
    const operation: fc.Arbitrary<ClientOperation> = fc.oneof(
      fc
        .tuple(queue, message)
        .map(([name, one]) => ({ op: "enqueue" as const, queue: name, ...one })),
      fc.record({
        op: fc.constant("enqueueBatch" as const),
        queue,
        messages: fc.array(message, { maxLength: 3 }),
        perItem: fc.boolean(),
      }),
      fc.record({
        op: fc.constant("commit" as const),
        conditions: fc.array(
          fc.oneof(
            fc.record({
              kind: fc.constant("tailIs" as const),
              queue,
              key: text,
              keySeq: number,
            }),
            fc.record({
              kind: fc.constant("lengthIs" as const),
              queue,
              key: text,
              messages: number,
            }),
            fc.record({ kind: fc.constant("leaseHeld" as const), lease }),
          ),
          { maxLength: 2 },
        ),
        settles: fc.array(
          fc.record({
            kind: fc.constantFrom("ack" as const, "nack", "release", "reject"),
            lease,
            delayMs: maybe(number),
            error: text,
          }),
          { maxLength: 2 },
        ),
        enqueues: fc.array(fc.record({ queue, message }), { maxLength: 2 }),
      }),
      fc.record({
        op: fc.constant("subscribe" as const),
        consumer: number,
        queue,
        credit: number,
        leaseMs: number,
        creditBytes: maybe(number),
        keys,
        ackMode: fc.constantFrom("EXPLICIT" as const, "ON_DELIVERY"),
      }),
      fc.record({ op: fc.constant("unsubscribe" as const), consumer: number }),
      fc.record({
        op: fc.constant("receive" as const),
        queue,
        maxMessages: number,
        maxWaitMs: number,
        leaseMs: number,
        maxBytes: maybe(number),
        keys,
      }),
      fc.record({
        op: fc.constantFrom(
          "ack" as const,
          "nack" as const,
          "release" as const,
          "reject" as const,
          "extend" as const,
        ),
        queue,
        key: text,
        keySeq: number,
        fencingToken: number,
        delayMs: fc.option(number, { nil: undefined }),
        error: text,
        leaseMs: number,
      }),
    );
    const one = client((await session()).name);
    await one.said();
    const operations = fc.sample(operation, { numRuns: 400, seed: 3 });
    for (const [i, each] of operations.entries()) {
      one.command(i + 1, each).floor(i + 1);
      if (i % 10 === 0) await one.said(5);
    }
    await one.said(200);
    await cluster.run(3_000);
    expect(one.call.end_).toBeUndefined();
    expect(cluster.failures).toEqual([]);
    expect(violations(leader.running.machine)).toEqual([]);
  });

  test("the session ends: the stream says so, although nobody asked (a consumer must not wait for ever)", async () => {
    const { session, client, cluster } = await world();
    const { id, name } = await session();
    const one = client(name);
    await one.command(1, subscribe(10)).said();
    await cluster.ask({ kind: "close-session" }, { session: id, sequence: 0, floor: 0 });
    await cluster.run(20);
    expect(one.call.end_?.error).toMatchObject({ reason: "SESSION_EXPIRED" });
  });

  test("after a half-close the answers that are still to come come, and then the end", async () => {
    const { session, client, cluster } = await world();
    const one = client((await session()).name);
    one
      .command(1, enqueue())
      .command(2, { op: "receive", queue: "q", maxMessages: 1, maxWaitMs: 0, leaseMs: 0 })
      .say();
    one.call.halfClose();
    await cluster.run(50);
    expect(one.call.replies.map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(one.call.end_?.code).toBe(0);
  });
});

describe("O2, D1-D3 of streams.ts: deliveries", () => {
  test("in the order of their grants, each once, while the stream is there", async () => {
    const { session, client, cluster } = await world();
    const one = client((await session()).name);
    await one.command(1, subscribe(10_000)).said();
    for (let i = 0; i < 200; i += 1)
      cluster.askNode(1, {
        kind: "enqueue",
        queue: "q",
        message: { key: `k${i % 200}`, content: Buffer.from([i]) },
      });
    await cluster.run(100);
    const tokens = one.call.deliveries.map(({ fencingToken }) => fencingToken);
    expect(tokens).toHaveLength(200);
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
    expect(new Set(tokens).size).toBe(200);
  });

  test("P7: after a broken stream the live leases come again, with the same tokens, and before new ones", async () => {
    const { session, client, cluster, leader } = await world();
    const { id, name } = await session();
    const first = client(name);
    await first.command(1, subscribe(50)).said();
    for (let i = 0; i < 30; i += 1)
      await cluster.ask({
        kind: "enqueue",
        queue: "q",
        message: { key: `k${i}`, content: new Uint8Array(1) },
      });
    await cluster.run(20);
    const before = first.call.deliveries.map(({ fencingToken }) => fencingToken);
    expect(before).toHaveLength(30);
    first.call.cancel();
    await cluster.run(20);
    expect(leader.running.machine.sessionInfo(id)?.attached).toBe(false);
    // Nothing is granted to a session without a stream.
    await cluster.ask({
      kind: "enqueue",
      queue: "q",
      message: { key: "later", content: new Uint8Array(1) },
    });
    expect(leader.running.machine.queueInfo("q")?.leased).toBe(30);
    const second = client(name);
    await second.said();
    const after = second.call.deliveries.map(({ fencingToken }) => fencingToken);
    expect(after.slice(0, 30)).toEqual(before);
    expect(after).toHaveLength(31);
  });

  test("a newer stream of the same session replaces the older one: nothing is lost, no detach follows", async () => {
    const { session, client, cluster, leader } = await world();
    const { id, name } = await session();
    const first = client(name);
    await first.command(1, subscribe(50)).said();
    const second = client(name);
    await second.said();
    expect(first.call.end_?.error?.message).toMatch(/another stream/);
    expect(leader.running.machine.sessionInfo(id)?.attached).toBe(true);
    await cluster.ask({
      kind: "enqueue",
      queue: "q",
      message: { key: "a", content: new Uint8Array(1) },
    });
    await cluster.run(20);
    expect(second.call.deliveries).toHaveLength(1);
    expect(first.call.deliveries).toHaveLength(0);
  });

  test("bodies come from the store when they are not in memory any more", async () => {
    const { session, client, cluster } = await world({ config: { writeBehindMs: 1 } });
    for (let i = 0; i < 40; i += 1)
      await cluster.ask({
        kind: "enqueue",
        queue: "q",
        message: { key: `k${i}`, content: Buffer.from([10, 1, i]) },
      });
    await cluster.run(50);
    const one = client((await session()).name);
    await one.command(1, subscribe(100)).said();
    expect(one.call.deliveries.map(({ content }) => content[2])).toEqual(
      Array.from({ length: 40 }, (_, i) => i),
    );
  });

  test("the smallest outbox stalls nothing: every lease of a large credit arrives", async () => {
    const { session, client, cluster } = await world();
    const { name } = await session();
    for (let i = 0; i < 3_000; i += 1)
      cluster.askNode(1, {
        kind: "enqueue",
        queue: "q",
        message: { key: `k${i}`, content: new Uint8Array(100) },
      });
    await cluster.run(300);
    const one = client(name, 65_536);
    await one.command(1, subscribe(10_000)).said(500);
    expect(one.call.deliveries).toHaveLength(3_000);
    one.call.cancel();
    await cluster.run(20);
    const two = client(name, 65_536);
    await two.said(500);
    expect(two.call.deliveries).toHaveLength(3_000);
  });
});

describe("R11: a client that takes nothing", () => {
  test("holds a bounded number of bytes; when it takes again, everything comes, in order", async () => {
    const { session, client, cluster } = await world({ config: { writeBehindMs: 1 } });
    for (let i = 0; i < 400; i += 1) {
      cluster.askNode(1, {
        kind: "enqueue",
        queue: "q",
        message: { key: `k${i}`, content: new Uint8Array(10_000) },
      });
      if (i % 20 === 0) await cluster.run(10);
    }
    await cluster.run(100);
    const outbox = 256 * 1024;
    const one = client((await session()).name, outbox);
    one.call.taking = false;
    await one.command(1, subscribe(10_000)).said(500);
    const held = one.call.writableLength;
    expect(one.call.frameBytes.length + held).toBeLessThan(10);
    expect(one.call.deliveries.length).toBeLessThan(400);
    while (one.call.deliveries.length < 400) {
      const before = one.call.deliveries.length;
      one.call.accept(1);
      await cluster.run(20);
      expect(one.call.untakenBytes).toBeLessThan(outbox + 600 * 1024);
      if (one.call.deliveries.length === before && one.call.untakenBytes === 0)
        throw new Error("stalled");
    }
    const tokens = one.call.deliveries.map(({ fencingToken }) => fencingToken);
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
    expect(new Set(tokens).size).toBe(400);
    expect(Math.max(...one.call.frameBytes)).toBeLessThan(600 * 1024);
  });

  test("is not listened to any more, so that its answers stay bounded too; later all of them come", async () => {
    const { session, client, cluster } = await world();
    const one = client((await session()).name, 65_536);
    one.call.taking = false;
    await one.said();
    const total = 400;
    for (let i = 0; i < total; i += 1) {
      for (let j = 1; j <= 20; j += 1) one.command(i * 20 + j, enqueue(`k${j}`));
      one.floor(i * 20 + 1).say();
      await cluster.run(5);
    }
    await cluster.run(200);
    expect(one.call.unreadFrames).toBeGreaterThan(100);
    one.call.taking = true;
    for (let i = 0; i < 200; i += 1) {
      one.call.accept();
      await cluster.run(10);
    }
    expect(one.call.replies.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: total * 20 }, (_, i) => i + 1),
    );
  });

  test("leases that expire again and again, while it takes nothing, do not pile up", async () => {
    const { session, client, cluster } = await world();
    for (let i = 0; i < 3_000; i += 1)
      cluster.askNode(1, {
        kind: "enqueue",
        queue: "q",
        message: { key: `k${i}`, content: new Uint8Array(100) },
      });
    await cluster.run(300);
    const one = client((await session(3_600_000)).name, 65_536);
    one.call.taking = false;
    await one.command(1, subscribe(3_000, 100)).said(10_000);
    one.call.taking = true;
    one.call.accept();
    await cluster.run(500);
    // Far more grants were made than the client ever gets: those that ended meanwhile were let go.
    const granted =
      (cluster.leader?.running.machine.queueInfo("q")?.redelivered.leaseExpired ?? 0) + 3_000;
    expect(granted).toBeGreaterThan(12_000);
    expect(one.call.deliveries.length).toBeLessThan(granted / 1.3);
  });

  test("the node is full: the client's frames wait in the socket, and go on when there is room", async () => {
    const stall = { ms: 1 };
    const { session, client, cluster, leader } = await world({
      diskMs: (_id, { kind }) => (kind === "sync" ? stall.ms : 0),
      config: { electionMs: 5_000 },
    });
    const one = client((await session()).name);
    await one.said();
    stall.ms = 2_000;
    for (let i = 1; i <= 60; i += 1) {
      one.command(i, enqueue("a", 700_000)).floor(1).say();
      await cluster.run(1);
    }
    expect(leader.running.full).toBe(true);
    expect(one.call.unreadFrames).toBeGreaterThan(5);
    stall.ms = 1;
    await cluster.run(10_000);
    expect(one.call.unreadFrames).toBe(0);
    expect(one.call.replies.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 60 }, (_, i) => i + 1),
    );
  });

  test("pausing while attaching does not lift the pause of a full node", async () => {
    const stall = { ms: 1 };
    const { session, client, cluster, leader } = await world({
      diskMs: (_id, { kind }) => (kind === "sync" ? stall.ms : 0),
      config: { electionMs: 5_000 },
    });
    const { name } = await session();
    stall.ms = 1_000;
    for (let i = 0; i < 40; i += 1)
      cluster.askNode(1, {
        kind: "enqueue",
        queue: "q",
        message: { key: "a", content: new Uint8Array(700_000) },
      });
    await cluster.run(5);
    expect(leader.running.full).toBe(true);
    const one = client(name);
    for (let i = 1; i <= 30; i += 1) one.command(i, enqueue("a", 700_000)).floor(1).say();
    await cluster.run(100);
    expect(one.call.unreadFrames).toBeGreaterThan(5);
    stall.ms = 1;
    await cluster.run(10_000);
    expect(one.call.replies).toHaveLength(30);
  });
});

describe("leadership and the end of the node", () => {
  test("C2: what was answered leaves before the stream ends", async () => {
    const { session, client, cluster, leader } = await world();
    const one = client((await session()).name);
    one.command(1, enqueue()).say();
    await cluster.until(() => leader.running.machine.queueInfo("q")?.enqueued === 1);
    const stopping = leader.running.stop();
    await cluster.finished(stopping);
    expect(one.call.replies.map(({ sequence }) => sequence)).toEqual([1]);
    expect(one.call.end_?.error).toMatchObject({ reason: "SHUTTING_DOWN" });
  });

  test("leadership lost: every stream ends, with where to go; the client goes on there (P6, P7)", async () => {
    const { session, cluster, leader } = await world({ nodes: 3, seed: 4 });
    const { name } = await session();
    const one = new Client(cluster, leader, name);
    await one.command(1, subscribe(10)).command(2, enqueue()).said();
    expect(one.call.deliveries).toHaveLength(1);
    cluster.isolate(leader.id);
    one.command(3, enqueue("b")).say();
    await cluster.until(() => one.call.end_ !== undefined, 5_000, "the end of the stream");
    expect(["NOT_LEADER", "NO_LEADER"]).toContain(one.call.end_?.error?.reason);
    expect(one.call.replies.map(({ sequence }) => sequence)).toEqual([1, 2]);
    cluster.heal();
    await cluster.converged();
    const next = await cluster.elected();
    const two = new Client(cluster, next, name);
    await two.command(3, enqueue("b")).floor(3).said(100);
    expect(two.call.replies[0]).toMatchObject({ sequence: 3, result: { kind: "enqueued" } });
    expect(two.call.deliveries[0]?.fencingToken).toBe(one.call.deliveries[0]?.fencingToken);
    expect(cluster.failures).toEqual([]);
  });

  test("a node that stopped leading while a stream was attaching refuses it", async () => {
    const { session, cluster, leader } = await world({ nodes: 3, seed: 6 });
    const { name } = await session();
    cluster.isolate(leader.id);
    const one = new Client(cluster, leader, name);
    await one.said();
    expect(one.call.frames).toEqual([]);
    await cluster.until(() => one.call.end_ !== undefined, 5_000, "the end of the stream");
    expect(["NOT_LEADER", "NO_LEADER"]).toContain(one.call.end_?.error?.reason);
    expect(leader.running.streams.count).toBe(0);
  });
});
