import { describe, expect, test } from "vitest";
import type { Client } from "../../client/index.ts";
import type { ClientCommand } from "../../proto/frame.ts";
import { gate, rejection, start } from "./clients.ts";
import { defaultReply, delivery, wireError, type FakeCluster } from "./fake-cluster.ts";

type Commit = Extract<ClientCommand, { op: "commit" }>;
const commits = (cluster: FakeCluster): Commit[] =>
  cluster.stream.commands.filter((command) => command.op === "commit");
const settlements = (cluster: FakeCluster): string[] =>
  cluster.stream.commands.flatMap((command) =>
    "fencingToken" in command ? [`${command.op} ${command.fencingToken}`] : [],
  );

function handOut(cluster: FakeCluster, ...tokens: number[]): void {
  cluster.respond = (command) =>
    command.op === "receive"
      ? {
          kind: "received",
          deliveries: tokens.map((token) =>
            delivery({ fencingToken: token, keyBytes: `k${token}`, consumer: 0 }),
          ),
        }
      : defaultReply(command);
}

async function received(client: Client, cluster: FakeCluster, ...tokens: number[]) {
  handOut(cluster, ...tokens);
  const deliveries = await client.queue("orders").receiveBatch({ maxMessages: tokens.length });
  cluster.respond = defaultReply;
  return deliveries;
}

const refuse = (cluster: FakeCluster, fields: Parameters<typeof wireError>[0]) => {
  cluster.respond = (command) =>
    command.op === "commit"
      ? { kind: "error", error: wireError({ code: 10, ...fields }) }
      : defaultReply(command);
};

describe("O4, a commit", () => {
  test("is one command: conditions, settlements and messages as they were gathered", async () => {
    const { client, cluster } = await start();
    const [a, b, c] = await received(client, cluster, 1, 2, 3);
    const [orders, shipped] = [client.queue("orders"), client.queue<{ n: number }>("shipped")];
    const { messages, logIndex } = await client.commit((tx) => {
      tx.expect(orders.tailIs("k1", 7)).expect(shipped.lengthIs("x", 0)).expectHeld(c!);
      tx.ack(a!).nack(b!, { delayMs: 5, error: new Error("later") });
      tx.enqueue(shipped, { n: 1 }, { key: "x", dedupId: "d" });
      tx.enqueue(client.topic("news"), "told", { key: "y" });
    });
    expect(messages.map(({ messageId }) => messageId)).toEqual(["1/x/1", "1/y/2"]);
    expect(messages[0]!.logIndex).toBe(logIndex);
    const lease = (n: number) => ({
      queue: "orders",
      keyBytes: `k${n}`,
      keySeq: n,
      fencingToken: n,
    });
    expect(commits(cluster)).toMatchObject([
      {
        conditions: [
          { kind: "tailIs", queue: "orders", keyBytes: "k1", keySeq: 7 },
          { kind: "lengthIs", queue: "shipped", keyBytes: "x", messages: 0 },
          { kind: "leaseHeld", lease: lease(3) },
        ],
        settles: [
          { kind: "ack", lease: lease(1) },
          { kind: "nack", lease: lease(2), delayMs: 5, error: "later" },
        ],
        enqueues: [
          { queue: "shipped", message: { keyBytes: "x", options: { dedupIdBytes: "d" } } },
          { queue: "news", message: { keyBytes: "y" } },
        ],
      },
    ]);
  });

  test("T2: a handler that commits its delivery is done; its return settles nothing more", async () => {
    const { client, cluster } = await start();
    cluster.respond = (command, stream) => {
      if (command.op === "subscribe") {
        setImmediate(() => stream.deliver(delivery({ fencingToken: 1 })));
      }
      return defaultReply(command);
    };
    const shipped = client.queue("shipped");
    const consumer = client.queue("orders").consume(async (handling) => {
      await client.commit((tx) => tx.ack(handling).enqueue(shipped, 1));
    });
    await cluster.until(() => consumer.stats.committed === 1);
    await consumer.drain();
    expect(settlements(cluster)).toEqual([]);
    expect(consumer.stats).toMatchObject({ acked: 0, committed: 1, lost: 0 });
  });

  test("T2: a handler that does not await its commit: refused, the message is tried again", async () => {
    const { client, cluster } = await start();
    const refused = gate();
    cluster.respond = (command, stream) => {
      if (command.op === "subscribe") {
        setImmediate(() => stream.deliver(delivery({ fencingToken: 1 })));
      }
      if (command.op !== "commit") return defaultReply(command);
      const error = wireError({ reason: "CONDITION_FAILED", code: 10 });
      void refused.opened.then(() =>
        cluster.answer(stream, command.sequence, { kind: "error", error }),
      );
      return undefined;
    };
    let failure: Promise<unknown> | undefined;
    const consumer = client.queue("orders").consume((handling) => {
      failure = rejection(client.commit((tx) => tx.ack(handling)));
    });
    await cluster.until(() => commits(cluster).length === 1);
    expect([settlements(cluster), consumer.stats.running]).toEqual([[], 1]);
    refused.open();
    await failure;
    await cluster.until(() => settlements(cluster).length === 1);
    expect(settlements(cluster)).toEqual(["nack 1"]);
    await consumer.drain();
  });

  test("a commit that waits keeps its leases: they are renewed meanwhile", async () => {
    const { client, cluster } = await start();
    cluster.respond = (command, stream) => {
      if (command.op === "subscribe") {
        setImmediate(() => stream.deliver(delivery({ fencingToken: 1, leaseMs: 100 })));
      }
      return command.op === "commit" ? undefined : defaultReply(command);
    };
    const consumer = client.queue("orders").consume(async (handling) => {
      await client.commit((tx) => tx.ack(handling));
    });
    await cluster.until(() => settlements(cluster).length >= 2);
    expect(settlements(cluster).slice(0, 2)).toEqual(["extend 1", "extend 1"]);
    const [commit] = commits(cluster);
    cluster.answer(cluster.stream, commit!.sequence, defaultReply(commit!));
    await consumer.drain();
    expect(consumer.stats).toMatchObject({ committed: 1, lost: 0 });
  });

  test("close() waits for a commit on its way; refused, the delivery is given back", async () => {
    const { client, cluster } = await start();
    cluster.respond = (command, stream) => {
      if (command.op === "subscribe") {
        setImmediate(() => stream.deliver(delivery({ fencingToken: 1 })));
      }
      return command.op === "commit" ? undefined : defaultReply(command);
    };
    const consumer = client.queue("orders").consume(async (handling) => {
      await client.commit((tx) => tx.ack(handling)).catch(() => undefined);
    });
    await cluster.until(() => commits(cluster).length === 1);
    const closed = consumer.close();
    await cluster.until(() => cluster.stream.commands.some(({ op }) => op === "unsubscribe"));
    expect(settlements(cluster)).toEqual([]);
    const [{ sequence }] = commits(cluster) as [Commit];
    const error = wireError({ reason: "CONDITION_FAILED", code: 10 });
    cluster.answer(cluster.stream, sequence, { kind: "error", error });
    await closed;
    expect(settlements(cluster)).toEqual(["release 1"]);
  });

  test("T3: refused, its deliveries are held as before", async () => {
    const { client, cluster } = await start();
    const [a] = await received(client, cluster, 1);
    refuse(cluster, { reason: "CONDITION_FAILED", field: "conditions[0]", currentKeySeq: 9 });
    const orders = client.queue("orders");
    const error = await rejection(client.commit((tx) => tx.expect(orders.tailIs("k1", 7)).ack(a!)));
    expect(error).toMatchObject({
      reason: "CONDITION_FAILED",
      field: "conditions[0]",
      currentKeySeq: 9,
    });
    expect(a!.signal.aborted).toBe(false);
    await a!.ack();
    expect(settlements(cluster)).toEqual(["ack 1"]);
  });

  test("T3: the one lease that is not ours any more is lost, the others are held", async () => {
    const { client, cluster } = await start();
    const [a, b] = await received(client, cluster, 1, 2);
    const lost: number[] = [];
    client.on("leaseLost", ({ fencingToken }) => lost.push(fencingToken));
    refuse(cluster, { reason: "STALE_LEASE", code: 9, field: "settles[1].lease" });
    await rejection(client.commit((tx) => tx.ack(a!).ack(b!)));
    expect([a!.signal.aborted, b!.signal.aborted, lost]).toEqual([false, true, [2]]);
  });

  test("a delivery is settled once, by a commit or otherwise", async () => {
    const { client, cluster } = await start();
    const [a, b] = await received(client, cluster, 1, 2);
    const twice = await rejection(client.commit((tx) => tx.ack(a!).nack(a!)));
    expect(twice).toMatchObject({ reason: "MALFORMED", field: "settles[1].lease" });
    expect(twice.message).toContain("twice by this commit");
    await b!.ack();
    const already = await rejection(client.commit((tx) => tx.ack(b!)));
    expect(already.message).toContain("settled already");
    expect(commits(cluster)).toEqual([]);
    await client.commit((tx) => tx.ack(a!));
    expect(commits(cluster)).toHaveLength(1);
  });

  test("T1: nothing is sent when gathering fails, is empty, late or too much", async () => {
    const { client, cluster } = await start();
    const q = client.queue("orders");
    const failed = client.commit(() => {
      throw new TypeError("mine");
    });
    await expect(failed).rejects.toThrow("mine");
    expect((await rejection(client.commit(() => undefined))).message).toContain("does neither");
    expect(
      (
        await rejection(
          // eslint-disable-next-line @typescript-eslint/no-misused-promises -- what a caller without types may do
          client.commit(async (tx) => {
            tx.enqueue(q, 1);
            await Promise.resolve();
          }),
        )
      ).message,
    ).toContain("synchronously");
    const many = rejection(
      client.commit((tx) => Array.from({ length: 1_001 }, (_, i) => tx.enqueue(q, i))),
    );
    expect((await many).message).toContain("at most 1000 operations");
    const large = rejection(
      client.commit((tx) => {
        for (let i = 0; i < 5; i++) tx.enqueue(q, "x".repeat(1_000_000));
      }),
    );
    expect((await large).reason).toBe("TOO_LARGE");
    expect(cluster.stream.commands).toEqual([]);
  });

  test("P6: sent again after the loss of the stream, under the same number", async () => {
    const { client, cluster } = await start();
    const [a] = await received(client, cluster, 1);
    const first = cluster.stream;
    first.muted = true;
    cluster.respond = (command) => {
      if (command.op === "commit") setImmediate(() => first.end(14));
      return defaultReply(command);
    };
    await client.commit((tx) => tx.ack(a!).enqueue(client.queue("shipped"), 1));
    const [again] = commits(cluster);
    expect(again!.sequence).toBe(2);
    expect(cluster.executed.filter((each) => each === "s1:2")).toHaveLength(1);
  });
});
