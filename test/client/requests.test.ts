import { describe, expect, test } from "vitest";
import { PermanentError } from "../../client/index.ts";
import { decodeContent, encodeContent, type ClientCommand } from "../../proto/frame.ts";
import { rejection, start as startPlain } from "./clients.ts";
import { defaultReply, delivery, grpcError, wireError, type FakeCluster } from "./fake-cluster.ts";

type Enqueue = Extract<ClientCommand, { op: "enqueue" }>;
type Commit = Extract<ClientCommand, { op: "commit" }>;
const asked = (cluster: FakeCluster): Enqueue[] =>
  cluster.stream.commands.filter((command) => command.op === "enqueue");
const commits = (cluster: FakeCluster): Commit[] =>
  cluster.stream.commands.filter((command) => command.op === "commit");

const anyQueue = { queue: { options: { retry: {} }, topic: "" }, created: true };

async function start(): ReturnType<typeof startPlain> {
  const started = await startPlain();
  started.cluster.onUnary = () => anyQueue;
  return started;
}

/** Answers a request as a consumer elsewhere would. */
function answer(
  cluster: FakeCluster,
  request: Enqueue,
  body: string,
  headers: Record<string, string> = {},
  token = request.sequence,
): void {
  const { correlationId, replyTo } = decodeContent(request.content);
  const content = encodeContent({ body, headers, correlationId });
  cluster.stream.deliver(delivery({ queue: replyTo, fencingToken: token, consumer: 1, content }));
}

describe("O7, asking", () => {
  test("one temporary reply queue for all requests; answers are found by correlation id", async () => {
    const { client, cluster } = await start();
    const created: object[] = [];
    cluster.onUnary = (_, request) => {
      created.push(request);
      return anyQueue;
    };
    const first = client.request<{ ok: number }>("stock", { sku: 1 }, { key: "a" });
    const second = client.request<{ ok: number }>("stock", { sku: 2 }, { key: "b" });
    await cluster.until(() => asked(cluster).length === 2);
    const [one, two] = asked(cluster);
    answer(cluster, two!, '{"ok":2}');
    answer(cluster, one!, '{"ok":1}');
    expect(await Promise.all([first, second])).toEqual([{ ok: 1 }, { ok: 2 }]);
    expect(created).toMatchObject([
      {
        temporary: true,
        name: "reply.s1",
        caller: { sessionId: "s1", sequence: 0 },
        options: { ordering: "NONE" },
      },
    ]);
    expect(decodeContent(one!.content).replyTo).toBe("reply.s1");
    await client.drain();
    const acks = cluster.stream.commands.filter((command) => command.op === "ack");
    expect(acks).toHaveLength(2);
  });

  test("REQUEST_FAILED: the consumer says that it cannot be done", async () => {
    const { client, cluster } = await start();
    const request = rejection(client.request("stock", 1));
    await cluster.until(() => asked(cluster).length === 1);
    answer(cluster, asked(cluster)[0]!, "", { "raftq-error": "no such article" });
    expect(await request).toMatchObject({ reason: "REQUEST_FAILED", outcome: "APPLIED" });
    expect((await request).message).toContain("no such article");
  });

  test("Q2: no answer in time is a TIMEOUT, UNKNOWN; the late answer is acked and forgotten", async () => {
    const { client, cluster } = await start();
    const error = await rejection(client.request("stock", 1, { timeoutMs: 20 }));
    expect(error).toMatchObject({ reason: "TIMEOUT", outcome: "UNKNOWN" });
    answer(cluster, asked(cluster)[0]!, "1");
    await cluster.until(() => cluster.stream.commands.some((command) => command.op === "ack"));
  });

  test("the time runs from the call, also while the enqueue has no answer", async () => {
    const { client, cluster } = await start();
    cluster.respond = (command) => (command.op === "enqueue" ? undefined : defaultReply(command));
    const error = await rejection(client.request("stock", 1, { timeoutMs: 20 }));
    expect(error).toMatchObject({ reason: "TIMEOUT", outcome: "UNKNOWN" });
    const [command] = asked(cluster);
    cluster.answer(cluster.stream, command!.sequence, defaultReply(command!));
    await client.drain();
  });

  test("without a reply queue in time nothing is asked", async () => {
    const { client, cluster } = await startPlain();
    // The leader takes the call and does not answer.
    cluster.leader!.hung = true;
    const error = await rejection(client.request("stock", 1, { timeoutMs: 20 }));
    expect(error.reason).toBe("TIMEOUT");
    cluster.leader!.hung = false;
    cluster.onUnary = () => anyQueue;
    const second = client.request("stock", 2);
    await cluster.until(() => asked(cluster).length > 0);
    expect(asked(cluster).map(({ content }) => decodeContent(content).body.toString())).toEqual([
      "2",
    ]);
    answer(cluster, asked(cluster)[0]!, "7");
    expect(await second).toBe(7);
  });

  test("aborted while it waits", async () => {
    const { client, cluster } = await start();
    const stop = new AbortController();
    const request = rejection(client.request("stock", 1, { signal: stop.signal }));
    await cluster.until(() => asked(cluster).length === 1);
    stop.abort();
    expect(await request).toMatchObject({ reason: "ABORTED", outcome: "UNKNOWN" });
  });

  test("a request that is refused waits for nothing", async () => {
    const { client, cluster } = await start();
    cluster.respond = (command) =>
      command.op === "enqueue"
        ? { kind: "error", error: wireError({ reason: "QUEUE_NOT_FOUND", code: 5 }) }
        : defaultReply(command);
    expect((await rejection(client.request("stock", 1))).reason).toBe("QUEUE_NOT_FOUND");
    await client.drain();
  });

  test("Q1: with the session the answers are lost, and a new reply queue is made", async () => {
    const { client, cluster } = await start();
    const names: string[] = [];
    cluster.onUnary = (_, request) => {
      names.push((request as { name: string }).name);
      return anyQueue;
    };
    const request = rejection(client.request("stock", 1));
    await cluster.until(() => asked(cluster).length === 1);
    cluster.sessions.delete("s1");
    cluster.stream.end(5, { reason: "SESSION_EXPIRED" });
    expect(await request).toMatchObject({ reason: "SESSION_EXPIRED", outcome: "UNKNOWN" });
    await cluster.until(() => cluster.stream.sessionId === "s2");
    const again = client.request("stock", 2);
    await cluster.until(() => asked(cluster).length === 1);
    expect(names).toEqual(["reply.s1", "reply.s2"]);
    const { commands } = cluster.stream;
    const consumer = commands.flatMap((c) => (c.op === "subscribe" ? [c.consumer] : [])).at(-1)!;
    const { correlationId } = decodeContent(asked(cluster)[0]!.content);
    const content = encodeContent({ body: "3", correlationId });
    cluster.stream.deliver(delivery({ fencingToken: 9, consumer, content }));
    expect(await again).toBe(3);
  });

  test("no reply queue can be made: the request is refused, and the next one tries again", async () => {
    const { client, cluster } = await start();
    cluster.onUnary = () => {
      throw grpcError(9, { reason: "VERSION_TOO_OLD" });
    };
    expect((await rejection(client.request("stock", 1))).reason).toBe("VERSION_TOO_OLD");
    cluster.onUnary = () => anyQueue;
    const request = client.request("stock", 1);
    await cluster.until(() => asked(cluster).length === 1);
    answer(cluster, asked(cluster)[0]!, "1");
    expect(await request).toBe(1);
  });
});

describe("O7, answering", () => {
  const request = (replyTo: string) =>
    delivery({
      fencingToken: 1,
      content: encodeContent({ body: "5", replyTo, correlationId: "c7" }),
    });
  const serve = (cluster: FakeCluster, replyTo: string) => {
    cluster.respond = (command, stream) => {
      if (command.op === "subscribe") setImmediate(() => stream.deliver(request(replyTo)));
      return defaultReply(command);
    };
  };

  test("Q3: what the handler returns goes to reply_to, in one commit with the ack", async () => {
    const { client, cluster } = await start();
    serve(cluster, "reply.x");
    const consumer = client
      .queue<number>("stock")
      .consume(({ value }) => ({ doubled: 2 * value }), { reply: true });
    await cluster.until(() => consumer.stats.committed === 1);
    const [commit] = commits(cluster);
    expect(commit).toMatchObject({
      settles: [{ kind: "ack", lease: { fencingToken: 1 } }],
      enqueues: [{ queue: "reply.x" }],
    });
    const content = decodeContent(commit!.enqueues[0]!.message.content);
    expect([content.correlationId, Buffer.from(content.body).toString()]).toEqual([
      "c7",
      '{"doubled":10}',
    ]);
    await consumer.close();
  });

  test("a PermanentError is rejected and told", async () => {
    const { client, cluster } = await start();
    serve(cluster, "reply.x");
    const consumer = client.queue("stock").consume(
      () => {
        throw new PermanentError("no such article");
      },
      { reply: true },
    );
    await cluster.until(() => consumer.stats.committed === 1);
    const [commit] = commits(cluster);
    expect(commit!.settles).toMatchObject([{ kind: "reject", error: "no such article" }]);
    const { headers } = decodeContent(commit!.enqueues[0]!.message.content);
    expect({ ...headers }).toEqual({ "raftq-error": "no such article" });
    await consumer.close();
  });

  test.each([
    ["without reply_to", ""],
    ["Q4: whose reply queue is gone", "reply.gone"],
  ])("a message %s is only acked", async (_, replyTo) => {
    const { client, cluster } = await start();
    serve(cluster, replyTo);
    const inner = cluster.respond;
    cluster.respond = (command, stream) =>
      command.op === "commit"
        ? { kind: "error", error: wireError({ reason: "QUEUE_NOT_FOUND", code: 5 }) }
        : inner(command, stream);
    const consumer = client.queue("stock").consume(() => 1, { reply: true });
    await cluster.until(() => consumer.stats.acked === 1);
    await consumer.close();
  });
});
