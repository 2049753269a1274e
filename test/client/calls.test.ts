import { createServer, type AddressInfo } from "node:net";
import { status } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "vitest";
import { connect, QueueError, type Client } from "../../client/index.ts";
import type { ConnectOptions } from "../../client/index.ts";
import { defaultReply, FakeCluster, grpcError, type FakeNode } from "./fake-cluster.ts";

let cluster: FakeCluster;
const clients: Client[] = [];

async function start(nodes = 1, options: Partial<ConnectOptions> = {}): Promise<Client> {
  cluster = await FakeCluster.start(nodes);
  const client = await connect({ endpoints: cluster.endpoints, ...options });
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  cluster.stop();
});

const names = (nodes: FakeNode[]) => nodes.map((node) => cluster.nodes.indexOf(node));

const rejection = async (promise: Promise<unknown>): Promise<QueueError> => {
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(QueueError);
    return error as QueueError;
  }
  throw new Error("did not reject");
};

describe("frames and sequence numbers", () => {
  test("calls of one turn travel in one frame, with dense numbers from 1, in the order of the calls", async () => {
    const client = await start();
    const q = client.queue<number>("orders");
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, i) => q.enqueue(i, { key: `k${i % 3}` })),
    );
    const { frames, commands } = cluster.stream;
    expect(frames).toHaveLength(1);
    expect(frames[0]!.firstOutstanding).toBe(1);
    expect(commands.map((command) => command.sequence)).toEqual(
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
    expect(results.map((result) => result.seq)).toEqual(commands.map((c) => c.sequence));
    expect(results[4]).toEqual({
      messageId: "1/k1/5",
      seq: 5,
      keySeq: 5,
      logIndex: 105,
      deduplicated: false,
    });
  });

  test("the next frame says that what was answered may be forgotten", async () => {
    const client = await start();
    const q = client.queue("orders");
    await Promise.all([q.enqueue(1), q.enqueue(2)]);
    await q.enqueue(3);
    expect(cluster.stream.frames.map((frame) => frame.firstOutstanding)).toEqual([1, 3]);
  });

  test("a turn with more bytes than fit goes in several frames, in order", async () => {
    const client = await start();
    const q = client.queue("orders");
    await Promise.all(Array.from({ length: 10 }, () => q.enqueue("x".repeat(100_000))));
    const { frames, commands } = cluster.stream;
    expect(frames.length).toBeGreaterThan(1);
    expect(commands.map((c) => c.sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("at most maxOutstanding calls are unanswered; the others wait, and settlements pass them", async () => {
    const client = await start(1, { maxOutstanding: 3 });
    cluster.respond = (command) => (command.op === "enqueue" ? undefined : defaultReply(command));
    const q = client.queue("orders");
    const calls = Array.from({ length: 5 }, (_, i) => q.enqueue(i));
    await cluster.until(() => cluster.stream.commands.length === 3);
    const consumer = q.consume(() => undefined);
    await cluster.until(() => cluster.stream.commands.length === 4);
    expect(cluster.stream.commands.map((c) => c.op)).toEqual([
      "enqueue",
      "enqueue",
      "enqueue",
      "subscribe",
    ]);
    for (const sequence of [1, 2, 3]) {
      const command = cluster.stream.commands[sequence - 1]!;
      cluster.answer(cluster.stream, sequence, defaultReply(command));
    }
    await cluster.until(() => cluster.stream.commands.length === 6);
    cluster.respond = defaultReply;
    for (const sequence of [5, 6]) {
      const command = cluster.stream.commands[sequence - 1]!;
      cluster.answer(cluster.stream, sequence, defaultReply(command));
    }
    expect(await Promise.all(calls)).toHaveLength(5);
    await consumer.close();
  });

  test("more than maxWaiting are refused at once, naming what to do", async () => {
    const client = await start(1, { maxOutstanding: 2, maxWaiting: 1 });
    cluster.respond = () => undefined;
    const q = client.queue("orders");
    const calls = [1, 2, 3].map((n) => rejection(q.enqueue(n)));
    const error = await rejection(q.enqueue(4));
    expect(error).toMatchObject({ reason: "TOO_MANY_IN_FLIGHT", outcome: "NOT_APPLIED" });
    expect(error.message).toContain("raise maxWaiting");
    await client.close();
    await Promise.all(calls);
  });

  test("a call that no server could take is refused before it is sent", async () => {
    const client = await start();
    const error = await rejection(client.queue("orders").enqueue("x".repeat(5_000_000)));
    expect(error).toMatchObject({ reason: "TOO_LARGE", outcome: "NOT_APPLIED" });
    expect((await client.queue("orders").enqueue(1)).seq).toBe(1);
  });
});

describe("P6, exactly once through the loss of a stream", () => {
  test("what is unanswered is sent again with its numbers, executed once, and resolves once", async () => {
    const client = await start();
    const q = client.queue<number>("orders");
    await q.enqueue(0);
    // Executed, and the answers get lost with the stream.
    const first = cluster.stream;
    first.muted = true;
    cluster.respond = (command) => {
      if (command.sequence === 5) setImmediate(() => first.end(status.UNAVAILABLE));
      return defaultReply(command);
    };
    const results = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => q.enqueue(n)));
    expect(results.map((result) => result.seq)).toEqual([2, 3, 4, 5, 6, 7]);
    expect(cluster.stream.commands.map((c) => c.sequence)).toEqual([2, 3, 4, 5, 6, 7]);
    expect(cluster.stream.frames[0]!.firstOutstanding).toBe(2);
    expect(new Set(cluster.executed).size).toBe(cluster.executed.length);
  });

  test("SEQUENCE_GAP: everything unanswered is sent again from the first", async () => {
    const client = await start();
    const q = client.queue<number>("orders");
    let lost = false;
    const original = cluster.execute.bind(cluster);
    cluster.execute = (stream, command) => {
      if (command.sequence === 2 && !lost) lost = true;
      else original(stream, command);
    };
    const results = await Promise.all([1, 2, 3].map((n) => q.enqueue(n)));
    expect(results.map((result) => result.seq)).toEqual([1, 2, 3]);
    expect(cluster.executed).toEqual(["s1:1", "s1:2", "s1:3"]);
  });
});

describe("H7, finding the leader", () => {
  test("a follower's hint is followed", async () => {
    cluster = await FakeCluster.start(3);
    cluster.lead(cluster.nodes[2]!);
    const client = await connect({ endpoints: [cluster.endpoints[0]!] });
    clients.push(client);
    await client.queue("orders").enqueue(1);
    expect(names(cluster.tried)).toEqual([2]);
  });

  test("NOT_LEADER at the end of a stream leads straight to the new leader", async () => {
    const client = await start(3);
    const leaders: string[] = [];
    client.on("leader", ({ endpoint }) => leaders.push(endpoint));
    const reconnects: number[] = [];
    client.on("reconnect", ({ resent }) => reconnects.push(resent));
    cluster.respond = () => undefined;
    const call = client.queue("orders").enqueue(1);
    await cluster.until(() => cluster.stream.commands.length === 1);
    const old = cluster.stream;
    cluster.lead(cluster.nodes[1]!);
    cluster.respond = defaultReply;
    cluster.sessions.get("s1")!.next = 1; // it had not been committed
    old.end(status.UNAVAILABLE, {
      reason: "NOT_LEADER",
      leader: { nodeId: 2, endpoint: cluster.nodes[1]!.endpoint, term: 2 },
    });
    expect((await call).seq).toBe(1);
    expect(names(cluster.tried)).toEqual([0, 1]);
    expect(leaders).toEqual([cluster.nodes[1]!.endpoint]);
    expect(reconnects).toEqual([1]);
  });

  test("a killed leader: the client goes round until there is another one", async () => {
    const client = await start(3);
    cluster.respond = () => undefined;
    const call = client.queue("orders").enqueue(1);
    await cluster.until(() => cluster.stream.commands.length === 1);
    cluster.respond = defaultReply;
    cluster.sessions.get("s1")!.next = 1;
    const [first, , third] = cluster.nodes;
    cluster.leader = undefined;
    first!.kill();
    await cluster.until(() => cluster.tried.length > 4);
    cluster.lead(third!);
    expect((await call).seq).toBe(1);
  });

  test("H5: a leader that hangs is left as soon as the others follow another one", async () => {
    const client = await start(3);
    const [first, second] = cluster.nodes;
    first!.hung = true;
    const call = client.queue("orders").enqueue(1);
    cluster.lead(second!);
    expect((await call).seq).toBe(1);
    expect(first!.stream.commands).toEqual([]);
  });

  test("H5: with nobody else to ask, the watchdog ends a silent stream", async () => {
    const client = await start(1);
    const node = cluster.nodes[0]!;
    node.hung = true;
    const call = client.queue("orders").enqueue(1);
    await cluster.until(() => cluster.tried.length > 1);
    node.hung = false;
    expect((await call).seq).toBe(1);
  });

  test("H5: a node that takes connections and says nothing was told nothing: certainly not applied", async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    const error = await rejection(connect({ endpoints: [`127.0.0.1:${port}`], timeoutMs: 200 }));
    silent.close();
    expect(["UNREACHABLE", "TIMEOUT"]).toContain(error.reason);
    expect(error.outcome).toBe("NOT_APPLIED");
  });

  test("no node at all: connect rejects and says what it tried", async () => {
    cluster = await FakeCluster.start(1);
    cluster.stop();
    const error = await rejection(connect({ endpoints: cluster.endpoints, timeoutMs: 200 }));
    expect(["UNREACHABLE", "TIMEOUT"]).toContain(error.reason);
    expect(error.outcome).toBe("NOT_APPLIED");
  });
});

describe("outcomes (H3)", () => {
  test("aborted before it was sent: NOT_APPLIED, and its number is given to the next call", async () => {
    const client = await start();
    const q = client.queue("orders");
    const controller = new AbortController();
    const call = q.enqueue(1, { signal: controller.signal });
    const next = q.enqueue(2);
    controller.abort();
    expect(await rejection(call)).toMatchObject({ reason: "ABORTED", outcome: "NOT_APPLIED" });
    expect((await next).seq).toBe(1);
    expect(await rejection(q.enqueue(3, { signal: controller.signal }))).toMatchObject({
      reason: "ABORTED",
      outcome: "NOT_APPLIED",
    });
  });

  test("aborted after it was sent: UNKNOWN, and the session stays dense", async () => {
    const client = await start();
    const q = client.queue("orders");
    cluster.respond = () => undefined;
    const controller = new AbortController();
    const call = q.enqueue(1, { signal: controller.signal });
    await cluster.until(() => cluster.stream.commands.length === 1);
    controller.abort();
    expect(await rejection(call)).toMatchObject({ reason: "ABORTED", outcome: "UNKNOWN" });
    cluster.respond = defaultReply;
    expect((await q.enqueue(2)).seq).toBe(2);
    expect(cluster.stream.frames[1]!.firstOutstanding).toBe(1);
  });

  test("R10: a call without an answer ends by itself, as UNKNOWN", async () => {
    const client = await start(1, { timeoutMs: 200 });
    cluster.respond = () => undefined;
    expect(await rejection(client.queue("orders").enqueue(1))).toMatchObject({
      reason: "TIMEOUT",
      outcome: "UNKNOWN",
    });
  });

  test("QUEUE_FULL is tried again under a new number after the server's pause", async () => {
    const client = await start();
    const q = client.queue("orders");
    cluster.respond = (command) =>
      command.sequence === 1
        ? {
            kind: "error",
            error: {
              reason: "QUEUE_FULL",
              outcome: "NOT_APPLIED",
              field: "",
              message: "full",
              leader: undefined,
              retryAfterMs: 5,
              currentToken: 0,
              state: "",
              code: status.RESOURCE_EXHAUSTED,
              currentKeySeq: 0,
            },
          }
        : defaultReply(command);
    expect((await q.enqueue(1)).seq).toBe(2);
  });

  test("a refusal is one typed error with all that the server said", async () => {
    const client = await start();
    const refusals = new Map<number, object>([
      [1, { reason: "KEY_REQUIRED", code: status.INVALID_ARGUMENT, field: "key" }],
    ]);
    cluster.respond = (command, stream) => {
      stream.refuse(command.sequence, refusals.get(command.sequence)!);
      return undefined;
    };
    expect(await rejection(client.queue("orders").enqueue(1))).toMatchObject({
      reason: "KEY_REQUIRED",
      code: status.INVALID_ARGUMENT,
      field: "key",
      outcome: "NOT_APPLIED",
    });
  });

  test("close: sent calls fail as UNKNOWN, unsent ones as NOT_APPLIED; the session is closed", async () => {
    const client = await start();
    const q = client.queue("orders");
    cluster.respond = () => undefined;
    const sent = rejection(q.enqueue(1));
    await cluster.until(() => cluster.stream.commands.length === 1);
    const unsent = rejection(q.enqueue(2));
    await client.close();
    expect(await sent).toMatchObject({ reason: "CLOSED", outcome: "UNKNOWN" });
    expect(await unsent).toMatchObject({ reason: "CLOSED", outcome: "NOT_APPLIED" });
    expect(await rejection(q.enqueue(3))).toMatchObject({ reason: "CLOSED" });
    expect(cluster.closed).toEqual(["s1"]);
  });

  test("drain waits for every answer", async () => {
    const client = await start();
    const call = client.queue("orders").enqueue(1);
    await client.drain();
    expect(cluster.executed).toEqual(["s1:1"]);
    expect((await call).seq).toBe(1);
  });
});

describe("H2, an expired session", () => {
  test("its calls fail and are not executed again; a new session serves the next ones", async () => {
    const client = await start();
    const q = client.queue("orders");
    const lost: string[] = [];
    client.on("sessionLost", ({ sessionId }) => lost.push(sessionId));
    cluster.respond = () => undefined;
    const sent = rejection(q.enqueue(1));
    await cluster.until(() => cluster.stream.commands.length === 1);
    cluster.sessions.delete("s1");
    cluster.respond = defaultReply;
    const [node] = cluster.nodes;
    cluster.stream.end(status.UNAVAILABLE);
    cluster.leader = undefined;
    await cluster.until(() => cluster.tried.length > 1);
    const unsent = rejection(q.enqueue(2));
    cluster.leader = node;
    expect(await sent).toMatchObject({ reason: "SESSION_EXPIRED", outcome: "UNKNOWN" });
    expect(await unsent).toMatchObject({ reason: "SESSION_EXPIRED", outcome: "NOT_APPLIED" });
    expect((await q.enqueue(3)).seq).toBe(1);
    expect(lost).toEqual(["s1"]);
    expect(client.sessionId).toBe("s2");
    expect(cluster.executed).toEqual(["s1:1", "s2:1"]);
  });
});

describe("administration", () => {
  const options = { ordering: "KEY", retry: { initialMs: 1, multiplier: 2, maxMs: 3 }, labels: {} };

  test("createQueue follows the leader and gives plain objects", async () => {
    const client = await start(3);
    cluster.lead(cluster.nodes[1]!);
    cluster.onUnary = (_, request) => ({
      queue: { name: (request as { name: string }).name, options, ready: 3 },
      created: true,
    });
    const { queue, created } = await client.createQueue("orders", { labels: { team: "a" } });
    expect(created).toBe(true);
    expect(queue.ready).toBe(3);
    expect(queue.options.ordering).toBe("KEY");
    expect(queue.options.retry).toEqual({ initialMs: 1, multiplier: 2, maxMs: 3 });
    expect(Object.keys(queue.options)).not.toContain("setLabels");
  });

  test("a refusal is typed, and is not tried again", async () => {
    const client = await start();
    let calls = 0;
    cluster.onUnary = () => {
      calls++;
      throw grpcError(status.ALREADY_EXISTS, { reason: "QUEUE_DIFFERS", message: "lease_ms" });
    };
    expect(await rejection(client.createQueue("orders"))).toMatchObject({
      reason: "QUEUE_DIFFERS",
      outcome: "NOT_APPLIED",
      message: "lease_ms",
    });
    expect(calls).toBe(1);
  });

  test("cluster answers from any node", async () => {
    const client = await start(2);
    const info = await client.cluster(cluster.endpoints[1]);
    expect(info.nodeId).toBe(2);
    expect(info.leader?.endpoint).toBe(cluster.endpoints[0]);
  });
});
