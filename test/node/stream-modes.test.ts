// What a stream has besides: commits, deliveries that the server settles, events of the queues that its session consumes.

import { describe, expect, test } from "vitest";
import type { ClientOperation } from "../../proto/frame.ts";
import { defaultOptions, type QueueOptions } from "../../queue/index.ts";
import { Client, enqueue, subscribe, world } from "./stream-client.ts";

/** A world whose rules are at the newest version. */
async function newest() {
  const it = await world();
  const { machine } = it.leader.running;
  await it.cluster.until(() => machine.version === machine.versionMax);
  const create = (name: string, options: Partial<QueueOptions> = {}) =>
    it.cluster.ask({
      kind: "create-queue",
      name,
      options: { ...defaultOptions(options.ordering), ...options },
    });
  const info = (name = "q") => machine.queueInfo(name);
  return { ...it, create, info, machine };
}

const onDelivery = (credit: number): ClientOperation => ({
  op: "subscribe",
  consumer: 1,
  queue: "q",
  credit,
  leaseMs: 0,
  ackMode: "ON_DELIVERY",
});

async function started(client: Client): Promise<Client> {
  await client.said();
  return client;
}

describe("commands of version 2", () => {
  test("a commit: what it enqueues is answered in order", async () => {
    const { session, client, info } = await newest();
    const one = client((await session()).name);
    await one.command(1, enqueue("a")).command(2, subscribe(5)).said();
    const [delivery] = one.call.deliveries;
    const { queue = "", key = "", keySeq = 0, fencingToken = 0 } = delivery ?? {};
    const lease = { queue, key, keySeq, fencingToken };
    const message = { key: "a", content: new Uint8Array(1) };
    await one
      .command(3, {
        op: "commit",
        conditions: [{ kind: "leaseHeld", lease }],
        settles: [{ kind: "ack", lease, delayMs: undefined, error: "" }],
        enqueues: [
          { queue: "q", message },
          { queue: "q", message },
        ],
      })
      .said();
    expect(one.call.replies.at(-1)?.result).toMatchObject({
      kind: "committed",
      messages: [{ keySeq: 2 }, { keySeq: 3 }],
    });
    expect(info()).toMatchObject({ acked: 1, enqueued: 3 });
  });

  test("a batch per item, a refusal in the words of the request", async () => {
    const { session, client } = await newest();
    const one = client((await session()).name);
    const content = new Uint8Array(1);
    const messages = [
      { key: "a", content },
      { key: "", content },
    ];
    const delayed = { ...messages[0], key: "a", content, options: { delayMs: 5 } };
    await one
      .command(1, { op: "enqueueBatch", queue: "q", messages, perItem: true })
      .command(2, { op: "enqueue", queue: "q", ...delayed })
      .said();
    expect(one.call.replies.map(({ result }) => result)).toMatchObject([
      {
        kind: "batchEnqueued",
        messages: [{ keySeq: 1 }, { messageId: "" }],
        errors: [{ index: 1, error: { reason: "KEY_REQUIRED" } }],
      },
      {
        kind: "error",
        error: { reason: "DELAY_NOT_ALLOWED", field: "message_options.delay_ms" },
      },
    ]);
  });
});

describe("ON_DELIVERY", () => {
  test("settles what the client has taken; credit does not run out; no sequence of the session is used", async () => {
    const { session, client, info, machine } = await newest();
    const { name, id } = await session();
    const one = await started(client(name));
    for (let i = 1; i <= 20; i += 1) one.command(i, enqueue("a"));
    await one.command(21, onDelivery(2)).said(500);
    expect(one.call.deliveries.map(({ keySeq }) => keySeq)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    expect(info()).toMatchObject({ acked: 20, leased: 0, ready: 0 });
    expect(machine.sessionInfo(id)).toMatchObject({ lastSequence: 21 });
  });

  test("what the client does not take is not settled, and comes again to who takes it", async () => {
    const { session, client, info, cluster } = await newest();
    const { name } = await session();
    const one = await started(client(name));
    one.call.taking = false;
    await one.command(1, enqueue("a")).command(2, onDelivery(5)).said(500);
    expect(info()).toMatchObject({ acked: 0, leased: 1 });
    one.call.cancel();
    const two = client(name);
    await two.command(3, onDelivery(5)).said(500);
    expect(two.call.deliveries.map(({ keySeq }) => keySeq)).toEqual([1]);
    expect(info()).toMatchObject({ acked: 1, leased: 0 });
    expect(cluster.failures).toEqual([]);
  });

  test("said only after what was left has been delivered: that is settled too", async () => {
    const { session, client, info } = await newest();
    const { name } = await session();
    const one = await started(client(name));
    await one.command(1, enqueue("a")).command(2, subscribe(5)).said();
    one.call.cancel();
    const two = await started(client(name));
    expect(two.call.deliveries).toHaveLength(1);
    expect(info()).toMatchObject({ leased: 1 });
    await two.command(3, onDelivery(5)).said();
    expect(info()).toMatchObject({ leased: 0, acked: 1 });
  });

  test("EXPLICIT again: from then on the client settles", async () => {
    const { session, client, info } = await newest();
    const one = await started(client((await session()).name));
    await one.command(1, onDelivery(5)).command(2, enqueue("a")).said();
    expect(info()).toMatchObject({ acked: 1 });
    await one.command(3, subscribe(5)).command(4, enqueue("a")).said();
    expect(info()).toMatchObject({ acked: 1, leased: 1 });
  });

  test("an unknown mode is refused by name", async () => {
    const { session, client } = await newest();
    const one = await started(client((await session()).name));
    // Command 1: subscribe, consumer 1, queue q, credit 1, ack_mode 9.
    one.call.say(
      Buffer.from("1a0d" + "0801" + "2209" + "0801" + "120171" + "1801" + "3809", "hex"),
    );
    await one.said();
    expect(one.call.replies[0]?.result).toMatchObject({
      kind: "error",
      error: { reason: "MALFORMED", field: "ack_mode" },
    });
  });
});

describe("events", () => {
  test("a message that parks is told to the sessions that consume its queue", async () => {
    const { session, client, create } = await newest();
    await create("p", { maxAttempts: 1 });
    const [one, two] = [client((await session()).name), client((await session()).name)];
    await two.command(1, subscribe(1)).said();
    await one
      .command(1, { op: "enqueue", queue: "p", key: "kä", content: new Uint8Array(1) })
      .command(2, { op: "subscribe", consumer: 1, queue: "p", credit: 1, leaseMs: 0 })
      .said();
    const [delivery] = one.call.deliveries;
    await one
      .command(3, {
        op: "reject",
        queue: "p",
        key: "kä",
        keySeq: 1,
        fencingToken: delivery?.fencingToken ?? 0,
        delayMs: undefined,
        error: "no güd",
        leaseMs: 0,
      })
      .said();
    expect(one.call.frames.flatMap(({ events }) => events)).toEqual([
      { kind: "parked", queue: "p", key: "kä", keySeq: 1, attempts: 1, error: "no güd" },
    ]);
    expect(two.call.frames.flatMap(({ events }) => events)).toEqual([]);
  });

  test("a queue that stands still although it could go on: alarm, once", async () => {
    const { session, client, cluster, machine } = await newest();
    const one = client((await session()).name);
    await one.command(1, subscribe(1)).said();
    await cluster.ask({
      kind: "enqueue",
      queue: "q",
      message: { key: "a", content: new Uint8Array(1) },
    });
    expect(one.call.deliveries).toHaveLength(1);
    // The state machine does not come into this state: somebody else has to put it there.
    const queue = machine.state.queues.get("q");
    const consumer = [...(queue?.consumers ?? [])][0];
    await cluster.ask({
      kind: "enqueue",
      queue: "q",
      message: { key: "b", content: new Uint8Array(1) },
    });
    if (queue !== undefined && consumer !== undefined) queue.takers.push(consumer);
    await cluster.run(30_000);
    const events = one.call.frames.flatMap((frame) => frame.events);
    expect(events).toMatchObject([{ kind: "stalled", queue: "q" }]);
  });

  test("a client that takes nothing does not gather events", async () => {
    const { session, client, leader } = await newest();
    const { name, id } = await session();
    const one = await started(client(name, 1_000));
    one.call.taking = false;
    const event = { kind: "parked", queue: "q", keyBytes: "k", keySeq: 1, attempts: 1, error: "" };
    for (let i = 0; i < 1_000; i += 1) leader.running.streams.event([id], event);
    await one.said();
    expect(one.call.untakenBytes).toBeLessThan(3_000);
    one.call.accept();
    await one.said();
  });
});
