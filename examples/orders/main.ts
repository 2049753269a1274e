// A shop: what is ordered is published once, to the topic `orders`, with the account as key. `inventory` answers each order,
// `payment` records it; both see every order of an account, in order. `node dist/examples/orders/main.js` beside `npm start`.

import { connect, type Client } from "raftq";
import { problemsOf, type Booked, type Order } from "./proof.ts";

const accounts = ["account-1", "account-2", "account-3", "account-4"];
const ordersPerAccount = 25;
const endpoints = process.env["RAFTQ_ENDPOINTS"] ?? "127.0.0.1:7400,127.0.0.1:7410,127.0.0.1:7420";

interface Reservation {
  readonly reserved: boolean;
  /** Pieces of the article that are left. */
  readonly left: number;
}

async function main(client: Client): Promise<string[]> {
  await client.createTopic("orders", { retentionMs: 86_400_000 });
  // A subscription is a queue: its own leases, retries, parked messages.
  for (const name of ["inventory", "payment"]) {
    await client.createSubscription(name, { topic: "orders" });
  }
  const orders = client.topic<Order>("orders");
  const seenByInventory: Order[] = [];
  const booked: Booked[] = [];
  const stock = new Map([["book", 150]]);

  // What a handler returns is the answer, sent in one step with the ack.
  const inventory = client.queue<Order>("inventory").consume(
    ({ value: order }): Reservation => {
      seenByInventory.push(order);
      const left = stock.get(order.article) ?? 0;
      if (left < order.pieces) return { reserved: false, left };
      stock.set(order.article, left - order.pieces);
      return { reserved: true, left: left - order.pieces };
    },
    { reply: true },
  );
  // key_seq is dense in each account, and the token grows: stored beside a booking, they tell a real database what it has seen.
  const payment = client
    .queue<Order>("payment")
    .consume(({ value: order, message, fencingToken }) => {
      booked.push({ order, keySeq: message.keySeq, fencingToken });
    });

  let reserved = 0;
  const placed = await Promise.all(
    accounts.map(async (account) => {
      const own: Order[] = [];
      for (let number = 1; number <= ordersPerAccount; number++) {
        const order: Order = { account, number, article: "book", pieces: 1 + (number % 3) };
        own.push(order);
        const answer = await client.request<Reservation, Order>(orders, order, { key: account });
        if (answer.reserved) reserved += order.pieces;
      }
      return own;
    }),
  );
  // All answers are here, so inventory has seen everything; payment may be behind.
  const total = accounts.length * ordersPerAccount;
  while ((await client.getQueue("payment")).acked < total) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await Promise.all([inventory.drain(), payment.drain()]);

  const problems = problemsOf(placed.flat(), seenByInventory, booked);
  if (reserved + (stock.get("book") ?? 0) !== 150) problems.push("pieces were lost or made up");
  console.log(`${total} orders of ${accounts.length} accounts: ${reserved} pieces reserved`);
  return problems;
}

const client = await connect({ endpoints: endpoints.split(",") });
try {
  const problems = await main(client);
  for (const problem of problems) console.log(problem);
  if (problems.length > 0) process.exitCode = 1;
  else console.log("inventory and payment saw every order of each account, once, in order");
} finally {
  await client.close();
}
