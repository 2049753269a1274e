// A test of a handler against a whole cluster in this process: `node --test`, and any other runner, can run it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createTestCluster } from "raftq/testing";
import { bookInto, type Balances, type Booking } from "./wallets.ts";

class SlowBalances implements Balances {
  readonly rows = new Map<string, { readonly balance: number; readonly lastBooking: number }>();

  async read(account: string) {
    await sleep(1);
    return this.rows.get(account) ?? { balance: 0, lastBooking: 0 };
  }

  async write(account: string, balance: number, lastBooking: number) {
    await sleep(1);
    this.rows.set(account, { balance, lastBooking });
  }
}

await test("a failover loses no booking and makes none twice", async () => {
  const cluster = await createTestCluster({ nodes: 3, seed: 7 });
  const client = await cluster.connect();
  await client.createQueue("bookings");
  const bookings = client.queue<Booking>("bookings");

  const balances = new SlowBalances();
  bookings.consume(bookInto(balances));
  for (let amount = 1; amount <= 10; amount += 1) {
    await bookings.enqueue({ amount }, { key: "alice" });
    if (amount === 5) await cluster.killLeader();
  }

  await cluster.until(() => balances.rows.get("alice")?.lastBooking === 10);
  assert.equal(balances.rows.get("alice")?.balance, 55);
  await cluster.close();
});

await test("a consumer that dies in the middle of a booking is replaced by another", async () => {
  const cluster = await createTestCluster({ nodes: 3, seed: 8 });
  const dies = await cluster.connect({ sessionTtlMs: 10_000 });
  const lives = await cluster.connect();
  await lives.createQueue("bookings");

  const balances = new SlowBalances();
  const book = bookInto(balances);
  let booked = false;
  dies.queue<Booking>("bookings").consume(async (handling) => {
    await book(handling);
    booked = true;
    // Its acknowledgement never leaves.
    cluster.kill(dies);
  });
  await lives.queue<Booking>("bookings").enqueue({ amount: 100 }, { key: "bob" });
  await cluster.until(() => booked);

  // Ten seconds of the cluster later its session ends, and its message goes to somebody else.
  const again: string[] = [];
  lives.queue<Booking>("bookings").consume(async (handling) => {
    await book(handling);
    again.push(handling.message.redelivery);
  });
  await cluster.until(() => again.length === 1);
  assert.deepEqual(again, ["session-ended"]);
  assert.equal(balances.rows.get("bob")?.balance, 100);
  await cluster.close();
});
