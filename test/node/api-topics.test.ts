// Topics and subscriptions through the unary calls: what each answers.

import { expect, test } from "vitest";
import { Api, bodies, Receiver, type Reply } from "./api.ts";

async function publish(api: Api, key: string, body: string, headers = {}): Promise<Reply> {
  const content = { body: Buffer.from(body), headers };
  return (await api.call("Enqueue", { queue: "t", key, content }))["message"] as Reply;
}

async function drained(api: Api, queue: string): Promise<string[]> {
  const receiver = await Receiver.of(api);
  const got: string[] = [];
  for (;;) {
    const deliveries = await receiver.receive(queue);
    if (deliveries.length === 0) return got;
    got.push(...bodies(deliveries));
    for (const each of deliveries) await receiver.settle("Ack", each);
  }
}

test("what is published reaches every subscription that matches, by key and by headers", async () => {
  const api = await Api.started();
  await api.call("CreateTopic", { name: "t" });
  await api.call("CreateSubscription", { name: "all", topic: "t" });
  await api.call("CreateSubscription", { name: "eu", topic: "t", filter: { keyPrefix: "eu-" } });
  const filter = { headers: { kind: "paid", land: "Österreich" } };
  const { queue } = await api.call("CreateSubscription", { name: "paid", topic: "t", filter });
  expect(queue).toMatchObject({ topic: "t", filter: { keyPrefix: "", ...filter } });

  expect(await publish(api, "eu-1", "1")).toMatchObject({
    messageId: "1/eu-1/1",
    seq: 1,
    keySeq: 0,
  });
  await publish(api, "us-1", "2", { kind: "paid", land: "Österreich", more: "x" });
  await publish(api, "us-1", "3", { kind: "paid" });
  const batch = {
    queue: "t",
    messages: [{ key: "eu-2", content: { body: Buffer.from("4"), headers: filter.headers } }],
  };
  await api.call("EnqueueBatch", batch);
  expect(await drained(api, "all")).toEqual(["1", "2", "4", "3"]);
  expect(await drained(api, "eu")).toEqual(["1", "4"]);
  expect(await drained(api, "paid")).toEqual(["2", "4"]);
});

test("a commit may publish", async () => {
  const api = await Api.started();
  await api.call("CreateTopic", { name: "t" });
  const filter = { headers: { a: "1" } };
  await api.call("CreateSubscription", { name: "s", topic: "t", filter });
  const message = { key: "k", content: { body: Buffer.from("x"), headers: { a: "1" } } };
  const reply = await api.call("Commit", { enqueues: [{ queue: "t", message }] });
  expect(reply["messages"]).toMatchObject([{ seq: 1, keySeq: 0 }]);
  expect(await drained(api, "s")).toEqual(["x"]);
});

test("a later subscription begins with what is retained; replay gives it again", async () => {
  const api = await Api.started();
  await api.call("CreateTopic", { name: "t", options: { retentionMs: 3_600_000 } });
  for (const body of ["1", "2", "3"]) await publish(api, "k", body);
  for (const [name, start] of Object.entries({
    now: { now: {} },
    earliest: { earliest: {} },
    second: { sequence: 2 },
    since: { timeMs: 1 },
  }))
    await api.call("CreateSubscription", { name, topic: "t", start });
  await publish(api, "k", "4");
  await api.cluster.run(500);
  expect(await drained(api, "now")).toEqual(["4"]);
  expect(await drained(api, "earliest")).toEqual(["1", "2", "3", "4"]);
  expect(await drained(api, "second")).toEqual(["2", "3", "4"]);
  expect(await drained(api, "since")).toEqual(["1", "2", "3", "4"]);
  await api.call("Replay", { subscription: "now", start: { earliest: {} } });
  await api.cluster.run(500);
  expect(await drained(api, "now")).toEqual(["1", "2", "3", "4"]);
  expect(await api.info("now")).toMatchObject({ topic: "t", catchingUpFrom: 0 });
});

test("a topic's options, numbers and subscriptions; changed by revision; deleted", async () => {
  const api = await Api.started();
  const options = { retentionBytes: 1_000, labels: { ä: "ö" } };
  const { topic, created } = await api.call("CreateTopic", { name: "t", options });
  expect(created).toBe(true);
  expect(topic).toMatchObject({ name: "t", options, revision: 1, subscriptions: [] });
  await api.call("CreateSubscription", { name: "s", topic: "t" });
  await publish(api, "k", "x");
  const read = await api.call("GetTopic", { name: "t" });
  expect(read["topic"]).toMatchObject({ lastSequence: 1, firstSequence: 1, subscriptions: ["s"] });
  const update = { name: "t", revision: 1, options: { dedupWindowMs: 60_000 } };
  expect((await api.call("UpdateTopic", update))["topic"]).toMatchObject({
    revision: 2,
    options: { ...options, dedupWindowMs: 60_000 },
  });
  expect((await api.refusal("UpdateTopic", update)).reason).toBe("REVISION_CONFLICT");
  expect((await api.call("ListTopics"))["topics"]).toMatchObject([{ name: "t" }]);
  await api.call("DeleteTopic", { name: "t", force: true });
  expect(await api.info("s")).toMatchObject({ topic: "", ready: 1 });
});
