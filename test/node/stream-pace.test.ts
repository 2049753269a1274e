// Streams that are held to the pace of the consumers (pacing.ts), from a client's side.

import { expect, test } from "vitest";
import { enqueue, subscribe, world, type Client } from "./stream-client.ts";

const credit = 200;

/** All that it has been given. */
function ackAll(consumer: Client): Client {
  for (const [i, { key, keySeq, fencingToken }] of consumer.call.deliveries.entries())
    consumer.command(i + 2, {
      op: "ack",
      queue: "q",
      key,
      keySeq,
      fencingToken,
      delayMs: undefined,
      error: "",
      leaseMs: 0,
    });
  return consumer.floor(2);
}

/**
 * A consumer with all that it has credit for, and more waits; then its acks are under way for two seconds, because the disk takes
 * so long.
 */
async function busyWorld(enqueueFloor: number) {
  const disk = { ms: 1 };
  const all = await world({
    diskMs: (_id, { kind }) => (kind === "sync" ? disk.ms : 0),
    config: { electionMs: 20_000, enqueueFloor },
  });
  const { cluster, session, client } = all;
  for (let i = 0; i < credit + 150; i += 1)
    cluster.askNode(1, {
      kind: "enqueue",
      queue: "q",
      message: { key: `k${i}`, content: new Uint8Array(10) },
    });
  await cluster.run(100);
  const consumer = client((await session()).name);
  await consumer.command(1, subscribe(credit, 60_000)).said(100);
  expect(consumer.call.deliveries).toHaveLength(credit);
  const producer = client((await session()).name);
  const other = client((await session()).name);
  await producer.said(100);
  disk.ms = 2_000;
  await ackAll(consumer).said(500);
  return { ...all, disk, consumer, producer, other };
}

test("PA1, PA2: what follows the first frame waits in the socket until the acks are applied; nothing is lost", async () => {
  const { cluster, producer, consumer } = await busyWorld(1);
  producer.command(1, enqueue("p")).say();
  for (let i = 2; i <= 9; i += 1) producer.command(i, enqueue("p")).say();
  await cluster.run(150);
  expect(producer.call.unreadFrames).toBeGreaterThan(5);
  // 200 ms at most for each frame; the disk needs longer.
  await cluster.run(100);
  const later = producer.call.unreadFrames;
  expect(later).toBeGreaterThan(4);
  await cluster.run(1_400);
  expect(consumer.call.deliveries.length).toBeGreaterThan(credit);
  expect(producer.call.unreadFrames).toBe(0);
  await cluster.run(5_000);
  expect(producer.call.replies.map(({ sequence, result }) => [sequence, result.kind])).toEqual(
    Array.from({ length: 9 }, (_, i) => [i + 1, "enqueued"]),
  );
});

test("PA1: also what follows the frame with which a stream attaches", async () => {
  const { cluster, other } = await busyWorld(1);
  other.command(1, enqueue("p")).say();
  other.command(2, enqueue("p")).say();
  other.command(3, enqueue("p")).say();
  await cluster.run(50);
  expect(other.call.frames[0]?.attached).toBeDefined();
  expect(other.call.unreadFrames).toBeGreaterThan(0);
});

test("a batch counts as many messages as it has: at the floor its stream goes on after so long", async () => {
  const { cluster, producer } = await busyWorld(1_000);
  producer.command(1, { op: "enqueueBatch", queue: "q", messages: batch(100) }).say();
  producer.command(2, enqueue("p")).say();
  await cluster.run(99);
  expect(producer.call.unreadFrames).toBe(1);
  await cluster.run(2);
  expect(producer.call.unreadFrames).toBe(0);
});

test("who settles, too, is never held: that would hold up what the others wait for", async () => {
  const { cluster, consumer } = await busyWorld(1);
  for (let i = 0; i < 9; i += 1) consumer.command(1_000 + i, enqueue("p")).say();
  await cluster.run(1);
  expect(consumer.call.unreadFrames).toBe(0);
});

test("a stream that ends while it is held leaves its turn to the others", async () => {
  const { cluster, producer, other } = await busyWorld(1_000);
  await other.said(1);
  producer.command(1, { op: "enqueueBatch", queue: "q", messages: batch(150) }).say();
  await cluster.run(10);
  producer.call.cancel();
  await cluster.run(10);
  other.command(1, { op: "enqueueBatch", queue: "q", messages: batch(50) }).say();
  other.command(2, enqueue("p")).say();
  await cluster.run(49);
  expect(other.call.unreadFrames).toBe(1);
  await cluster.run(2);
  expect(other.call.unreadFrames).toBe(0);
  expect(cluster.failures).toEqual([]);
});

function batch(messages: number) {
  return Array.from({ length: messages }, () => ({ key: "p", content: new Uint8Array(10) }));
}
