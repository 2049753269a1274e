import { describe, expect, test } from "vitest";
import type { ClientCommand } from "../../proto/frame.ts";
import { gate, start } from "./clients.ts";
import { defaultReply, delivery, type FakeCluster } from "./fake-cluster.ts";

const ops = (cluster: FakeCluster): string[] =>
  cluster.stream.commands.map((command: ClientCommand) => command.op);

function deliverOnSubscribe(cluster: FakeCluster, ...tokens: number[]): void {
  let delivered = false;
  cluster.respond = (command, stream) => {
    if (command.op === "subscribe" && !delivered) {
      delivered = true;
      setImmediate(() =>
        stream.deliver(
          ...tokens.map((token) =>
            delivery({ fencingToken: token, consumer: command.consumer, keyBytes: `k${token}` }),
          ),
        ),
      );
    }
    return defaultReply(command);
  };
}

describe("what a consumer asks for", () => {
  test("keys, credit in bytes and the kind of acknowledgement arrive", async () => {
    const { client, cluster } = await start();
    const q = client.queue("orders");
    q.consume(() => undefined, { keys: ["a", "b"], creditBytes: 5_000, ack: "onDelivery" });
    await cluster.until(() => ops(cluster).length === 1);
    await q.receiveBatch({ maxBytes: 900, keys: ["c"] });
    expect(cluster.stream.commands).toMatchObject([
      { op: "subscribe", creditBytes: 5_000, keyBytes: ["a", "b"], ackMode: "ON_DELIVERY" },
      { op: "receive", maxBytes: 900, keyBytes: ["c"] },
    ]);
  });

  test("by default none of it is asked for", async () => {
    const { client, cluster } = await start();
    client.queue("orders").consume(() => undefined);
    await cluster.until(() => ops(cluster).length === 1);
    expect(cluster.stream.commands).toMatchObject([
      { op: "subscribe", creditBytes: 0, keyBytes: [], ackMode: "EXPLICIT" },
    ]);
  });
});

describe("U3, onDelivery: the server settles", () => {
  test("nothing is settled from here, whatever the handler does; its throw is an event", async () => {
    const { client, cluster } = await start();
    deliverOnSubscribe(cluster, 1, 2);
    const failed: unknown[] = [];
    client.on("handlerFailed", ({ messageId, error }) => failed.push([messageId, String(error)]));
    const consumer = client.queue<{ n: number }>("orders").consume(
      ({ value }) => {
        if (value.n === 2) throw new Error("no paper");
      },
      { ack: "onDelivery" },
    );
    await cluster.until(() => consumer.stats.handled === 2);
    await consumer.drain();
    expect(ops(cluster)).toEqual(["subscribe", "unsubscribe"]);
    expect(failed).toEqual([["1/a/2", "Error: no paper"]]);
    expect(consumer.stats).toMatchObject({ handled: 2, acked: 0, nacked: 0, lost: 0 });
  });

  test("drain handles what has arrived: it cannot be given back", async () => {
    const { client, cluster } = await start();
    deliverOnSubscribe(cluster, 1, 2, 3);
    const first = gate();
    const seen: number[] = [];
    const consumer = client.queue<{ n: number }>("orders").consume(
      async ({ value }) => {
        seen.push(value.n);
        await first.opened;
      },
      { ack: "onDelivery", concurrency: 1 },
    );
    await cluster.until(() => seen.length === 1);
    const drained = consumer.drain();
    first.open();
    await drained;
    expect(seen).toEqual([1, 2, 3]);
  });

  test("a slow handler stops the flow, and has it go on when few are left", async () => {
    const { client, cluster } = await start();
    deliverOnSubscribe(cluster, 1, 2, 3, 4, 5, 6);
    const first = gate();
    const consumer = client
      .queue("orders")
      .consume(() => first.opened, { ack: "onDelivery", concurrency: 1, credit: 2 });
    await cluster.until(() => ops(cluster).length === 2);
    expect(ops(cluster)).toEqual(["subscribe", "unsubscribe"]);
    expect(consumer.stats.waiting).toBe(5);
    first.open();
    await cluster.until(() => ops(cluster).length === 3);
    expect(ops(cluster)[2]).toBe("subscribe");
    await consumer.close();
  });

  test("a stream that is attached while the flow is stopped does not start it", async () => {
    const { client, cluster } = await start();
    deliverOnSubscribe(cluster, 1, 2, 3, 4, 5, 6);
    const first = gate();
    const consumer = client
      .queue("orders")
      .consume(() => first.opened, { ack: "onDelivery", concurrency: 1, credit: 2 });
    await cluster.until(() => ops(cluster).length === 2);
    const before = cluster.stream;
    before.end(14);
    await cluster.until(() => cluster.stream !== before);
    await client.queue("orders").enqueue(1);
    expect(ops(cluster)).toEqual(["enqueue"]);
    first.open();
    await consumer.close();
  });
});

describe("events of the server", () => {
  test("parked and stalled are told; kinds that this version does not know are not", async () => {
    const { client, cluster } = await start();
    const told: unknown[] = [];
    client.on("parked", (event) => told.push(["parked", event]));
    client.on("stalled", (event) => told.push(["stalled", event]));
    await client.queue("orders").enqueue(1);
    const event = { queue: "orders", keyBytes: "a", keySeq: 3, attempts: 5, error: "out of stock" };
    cluster.stream.tell(
      { kind: "parked", ...event },
      { kind: "later", ...event },
      { kind: "stalled", ...event },
    );
    await cluster.until(() => told.length === 2);
    expect(told).toEqual([
      ["parked", { queue: "orders", key: "a", keySeq: 3, attempts: 5, error: "out of stock" }],
      ["stalled", { what: "deliveries", queue: "orders" }],
    ]);
  });
});
