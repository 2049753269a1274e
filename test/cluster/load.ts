// A load whose every message is accounted for: numbered messages over a few keys, enqueued and acknowledged all the time.

import { expect } from "vitest";
import type { Client, Delivery } from "../../client/index.ts";
import { until } from "./support.ts";

interface Item {
  readonly key: string;
  readonly n: number;
}

const keys = 40;
const outstandingMax = 200;
const backlogMax = 1_000;

export interface Load {
  /** Messages that were acknowledged so far. */
  readonly acked: number;
  /** The longest time without a confirmed enqueue since the last call, in milliseconds. */
  takeGap(): number;
  /** Ends it, and checks that nothing was lost, doubled, redelivered or out of order. Resolves to the number of messages. */
  finish(): Promise<number>;
}

export async function startLoad(
  producer: Client,
  consumer: Client,
  name: string,
  bodyBytes = 0,
): Promise<Load> {
  await producer.createQueue(name);
  const queue = producer.queue<Item & { readonly body: string }>(name);
  const body = "x".repeat(bodyBytes);
  const deliveredOf = new Map<string, number[]>();
  const redeliveries: string[] = [];
  const failures: unknown[] = [];
  const stop = new AbortController();
  let sent = 0;
  let confirmed = 0;
  let acked = 0;
  let enough = false;
  let gap = 0;
  let confirmedAt = performance.now();

  const handle = async (delivery: Delivery<Item>): Promise<void> => {
    const { n, key } = delivery.value;
    if (delivery.message.redelivery !== "") redeliveries.push(delivery.message.redelivery);
    const seen = deliveredOf.get(key) ?? [];
    seen.push(n);
    deliveredOf.set(key, seen);
    await delivery.ack();
    acked += 1;
  };
  const consuming = (async () => {
    const received = consumer.queue<Item>(name).receive({ credit: 200, signal: stop.signal });
    for await (const delivery of received)
      handle(delivery).catch((error: unknown) => failures.push(error));
  })();
  const confirm = (): void => {
    const now = performance.now();
    gap = Math.max(gap, now - confirmedAt);
    confirmedAt = now;
    confirmed += 1;
  };
  const producing = (async () => {
    const pending = new Set<Promise<unknown>>();
    while (!enough) {
      const n = sent;
      sent += 1;
      const key = `k${n % keys}`;
      const call = queue
        .enqueue({ key, n, body }, { key })
        .then(confirm, (error: unknown) => failures.push(error))
        .finally(() => pending.delete(call));
      pending.add(call);
      if (pending.size >= outstandingMax) await Promise.race(pending);
      if (sent - acked > backlogMax)
        await until("the backlog is smaller", () => sent - acked < backlogMax);
    }
    await Promise.all(pending);
  })();

  return {
    get acked() {
      return acked;
    },
    takeGap: () => {
      const taken = Math.max(gap, performance.now() - confirmedAt);
      gap = 0;
      return taken;
    },
    finish: async () => {
      enough = true;
      await producing;
      await until("everything is acknowledged", () => acked === sent || failures.length > 0);
      stop.abort();
      await consuming.catch(() => undefined);
      expect(failures).toEqual([]);
      expect(confirmed).toBe(sent);
      expect(redeliveries).toEqual([]);
      for (const [key, numbers] of deliveredOf) {
        const first = Number(key.slice(1));
        expect(numbers, key).toEqual(numbers.map((_, i) => first + i * keys));
      }
      const info = await producer.getQueue(name);
      expect(info).toMatchObject({ ready: 0, leased: 0, enqueued: sent, acked: sent });
      return sent;
    },
  };
}
