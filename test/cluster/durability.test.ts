// P1, R1, F1: what was acknowledged is there after every node was killed at once; P7: and nothing is redelivered.

import { expect, test } from "vitest";
import type { Delivery } from "../../client/index.ts";
import { client, startCluster, until } from "./support.ts";

interface Item {
  readonly key: string;
  readonly n: number;
}

const ackedBeforeKill = 3_000;
const ackedAfterRestart = 3_000;
const keys = 50;
const outstandingMax = 500;
const backlogUsual = 2_000;

test("P1: kill -9 of all three nodes at once under load loses no message and undoes no ack", async () => {
  const cluster = await startCluster();
  const producer = await client(cluster, { name: "producer" });
  const consumer = await client(cluster, { name: "consumer" });
  await producer.createQueue("ledger");
  const queue = producer.queue<Item>("ledger");

  const confirmed = new Set<number>();
  const acked = new Set<number>();
  const deliveredOf = new Map<string, number[]>();
  const redeliveries: string[] = [];
  let goneForGood: ReadonlySet<number> = new Set();
  const undone: number[] = [];
  const failures: unknown[] = [];

  const stop = new AbortController();
  const handle = async (delivery: Delivery<Item>): Promise<void> => {
    const { n, key } = delivery.value;
    if (goneForGood.has(n)) undone.push(n);
    if (delivery.message.redelivery !== "") redeliveries.push(delivery.message.redelivery);
    const seen = deliveredOf.get(key) ?? [];
    seen.push(n);
    deliveredOf.set(key, seen);
    await delivery.ack();
    acked.add(n);
  };
  const consuming = (async () => {
    const received = consumer.queue<Item>("ledger").receive({ credit: 200, signal: stop.signal });
    for await (const delivery of received) {
      // A handler that fails (the client was closed under it, say) ends the test by the bounds below, not the process.
      handle(delivery).catch((error: unknown) => failures.push(error));
    }
  })();

  let messages = 0;
  let backlogMax = backlogUsual;
  let enough = false;
  const producing = (async () => {
    const pending = new Set<Promise<unknown>>();
    while (!enough) {
      const n = messages;
      messages += 1;
      const key = `account-${n % keys}`;
      const call = queue
        .enqueue({ key, n }, { key })
        .then(() => confirmed.add(n))
        .finally(() => pending.delete(call));
      pending.add(call);
      if (pending.size >= outstandingMax) await Promise.race(pending);
      // 50 keys are 50 messages in flight: the consumer is the slower one.
      if (messages - acked.size > backlogMax)
        await until("the backlog is smaller", () => messages - acked.size <= backlogMax);
    }
    await Promise.all(pending);
  })();

  await until("some are done", () => acked.size > ackedBeforeKill);
  const killed = Promise.all(cluster.nodeIds.map((id) => cluster.kill(id)));
  // Under load, whatever the backlog was at that moment: the producer does not wait for the consumer any more.
  backlogMax = Infinity;
  await killed;
  await until("calls wait for an answer", () => messages - confirmed.size >= outstandingMax);
  const confirmedBefore = new Set(confirmed);
  goneForGood = new Set(acked);
  backlogMax = backlogUsual;
  await Promise.all(cluster.nodeIds.map((id) => cluster.restart(id)));

  await until("more are done", () => acked.size > goneForGood.size + ackedAfterRestart);
  enough = true;
  await producing;
  await until("everything is acknowledged", () => acked.size === messages);
  stop.abort();
  await consuming.catch(() => undefined);

  expect(failures).toEqual([]);
  expect(undone).toEqual([]);
  expect([...confirmedBefore].filter((n) => !acked.has(n))).toEqual([]);
  // P7: the leases were in the replicated state all the time.
  expect(redeliveries).toEqual([]);
  for (const [key, numbers] of deliveredOf) {
    const account = Number(key.slice("account-".length));
    expect(numbers, key).toEqual(numbers.map((_, i) => account + i * keys));
  }
  const info = await producer.getQueue("ledger");
  expect(info).toMatchObject({ ready: 0, leased: 0, enqueued: messages, acked: messages });
});
