// Commits and requests through the death of a leader: whole nodes and clients in virtual time.

import { afterEach, expect, test } from "vitest";
import type { Client } from "../../client/index.ts";
import { createTestCluster, type TestCluster } from "../../testing/index.ts";

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

const keys = ["a", "b", "c"];
const perKey = 12;
const wanted = Array.from({ length: perKey }, (_, i) => i + 1);

/** Takes from one queue and gives to the next, in one commit; says so after each. */
function stage(client: Client, from: string, to: string, done: () => void): void {
  client.queue<number>(from).consume(async (handling) => {
    const { key } = handling.message;
    await client.commit((tx) => {
      tx.ack(handling);
      tx.enqueue(client.queue<number>(to), handling.value, { key });
    });
    done();
  });
}

/** The leader dies; once the others have a new one, it comes back. */
async function killAndRestart(): Promise<void> {
  const dead = await cluster!.killLeader();
  await cluster!.until(() => cluster!.leader !== undefined && cluster!.leader !== dead);
  cluster!.start(dead);
}

test.each([11, 12, 13])(
  "O4, P6: a pipeline through leaders that die: count in = count out, in order (seed %i)",
  async (seed) => {
    cluster = await createTestCluster({ nodes: 3, seed });
    const client = await cluster.connect();
    for (const name of ["raw", "read", "out"]) await client.createQueue(name);
    let commits = 0;
    const killed: Promise<unknown>[] = [];
    const done = (): void => {
      commits++;
      if (commits === 5 || commits === 30) killed.push(killAndRestart());
    };
    stage(client, "raw", "read", done);
    stage(client, "read", "out", done);
    const raw = client.queue<number>("raw");
    await Promise.all(keys.flatMap((key) => wanted.map((number) => raw.enqueue(number, { key }))));
    await cluster.until(() => commits === 2 * keys.length * perKey);
    await Promise.all(killed);
    const out = new Map<string, number[]>(keys.map((key) => [key, []]));
    for await (const { key, value } of client.queue<number>("out").peek())
      out.get(key)?.push(value);
    expect([...out.values()]).toEqual(keys.map(() => wanted));
    const { enqueued, acked } = await client.getQueue("read");
    expect([enqueued, acked]).toEqual([keys.length * perKey, keys.length * perKey]);
    expect(killed).toHaveLength(2);
  },
);

test("O7: a request whose consumer answers after the leader has died", async () => {
  cluster = await createTestCluster({ nodes: 3, seed: 5 });
  const server = await cluster.connect();
  await server.createQueue("double");
  server.queue<number>("double").consume(
    async ({ value }) => {
      await cluster!.killLeader();
      return 2 * value;
    },
    { reply: true },
  );
  const client = await cluster.connect();
  expect(await client.request<number>("double", 21, { key: "k" })).toBe(42);
});

test("Y1: a decision is made once, whoever leads", async () => {
  cluster = await createTestCluster({ nodes: 3, seed: 6 });
  const client = await cluster.connect();
  await client.createQueue("work", { maxAttempts: 1 });
  const work = client.queue<number>("work");
  for (const number of [1, 2]) await work.enqueue(number, { key: "k" });
  const [first] = await work.receiveBatch();
  await first!.reject("bad");
  const killing = cluster.killLeader();
  expect(await work.resolveParked("k", { action: "skip" })).toBe(1);
  await killing;
  expect((await client.getQueue("work")).skipped).toBe(1);
});
