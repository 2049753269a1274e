// The program of docs/client.md, whole: one thing after the other. `node dist/examples/tour.js` beside `npm start`.

import { connect, PermanentError, QueueError, type StandardSchema } from "raftq";

const endpoints = process.env["RAFTQ_ENDPOINTS"] ?? "127.0.0.1:7400,127.0.0.1:7410,127.0.0.1:7420";
const client = await connect({ endpoints: endpoints.split(",") });

interface Payment {
  readonly amount: number;
}

// zod, valibot and others make such a schema; this one is made by hand.
const schema: StandardSchema<Payment> = {
  "~standard": {
    version: 1,
    vendor: "by-hand",
    validate: (value) => {
      const amount = (value as Partial<Payment> | null)?.amount;
      return Number.isInteger(amount)
        ? { value: value as Payment }
        : { issues: [{ message: "expected a whole number", path: ["amount"] }] };
    },
  },
};

// ---------------------------------------------------------------- producing

await client.createQueue("dead");
await client.createQueue("payments", {
  deadLetterQueue: "dead",
  dedupWindowMs: 3_600_000,
  orderedDelay: "BLOCK_KEY",
  onExpiry: "DEAD_LETTER",
  historyMs: 86_400_000,
});
const payments = client.queue("payments", { schema });

await payments.enqueue({ amount: 100 }, { key: "anna", dedupId: "order-17" });
const again = await payments.enqueue({ amount: 100 }, { key: "anna", dedupId: "order-17" });
console.log(`stored once: ${again.deduplicated}`);

const second = await payments.enqueue({ amount: 50 }, { key: "anna", expectKeySeq: 2 });
await payments.enqueue({ amount: 1 }, { key: "ben", delayMs: 50, ttlMs: 600_000 });
const outcomes = await payments.enqueueBatch(
  [
    { value: { amount: 2 }, key: "cora" },
    { value: { amount: 3 }, key: "cora", expectKeySeq: 9 },
  ],
  { perItem: true },
);
console.log(outcomes.map(({ error }) => error?.reason ?? "stored").join(", "));

try {
  await payments.enqueue({ amount: 0.5 }, { key: "anna" });
} catch (error) {
  if (!(error instanceof QueueError)) throw error;
  console.log(error.message);
}

// ---------------------------------------------------------------- commit

await client.createQueue("bookings");
const bookings = client.queue<Payment>("bookings");
const [delivery] = await payments.receiveBatch({ keys: ["anna"] });
if (delivery === undefined) throw new Error("anna's payment is there");

await client.commit((tx) => {
  tx.expect(bookings.tailIs("anna", 0));
  tx.ack(delivery);
  tx.enqueue(bookings, delivery.value, { key: "anna" });
});

// ---------------------------------------------------------------- consuming, parked messages

const parked = new Promise<string>((resolve) => {
  client.on("parked", ({ key, keySeq, error }) => resolve(`${key} ${keySeq}: ${error}`));
});
const consumer = payments.consume(
  ({ value, message }) => {
    if (message.messageId === second.messageId) throw new PermanentError("no such account");
    return value;
  },
  { keys: ["anna", "cora"], creditBytes: 1_000_000 },
);
console.log(`parked: ${await parked}`);
await consumer.drain();

const events = await payments.history({ key: "anna", keySeq: 2 });
console.log(events.map(({ kind }) => kind).join(", "));
await payments.resolveParked("anna", { action: { replace: { amount: 51 } } });
await payments.resolveParked("anna", { action: { skip: "closed" } }).catch((error: unknown) => {
  if (!(error instanceof QueueError)) throw error;
  console.log(error.reason);
});

// ---------------------------------------------------------------- looking and managing

for await (const message of payments.peek({ key: "anna" })) {
  console.log(`${message.key} ${message.keySeq} ${message.state} ${message.value.amount}`);
}
for await (const { key, messages } of payments.keys({ byBacklog: true })) {
  console.log(`${key} has ${messages}`);
}
await payments.pauseKey("anna");
await payments.resumeKey("anna");
const { messages } = await payments.purge({ dryRun: true });
console.log(`a purge would take ${messages}`);
await payments.cancel({ key: "anna", keySeq: 2 });
const { moved } = await client
  .queue("dead")
  .redrive({ filter: { queue: "payments" }, dryRun: true });
console.log(`a redrive would move ${moved}`);

// ---------------------------------------------------------------- topics

await client.createTopic("news", { retentionMs: 86_400_000 });
await client.createSubscription("sport", { topic: "news", filter: { headers: { kind: "sport" } } });
const news = client.topic<string>("news");
await news.publish("goal", { key: "cup", headers: { kind: "sport" } });
await news.publish("rain", { key: "cup", headers: { kind: "weather" } });
for await (const received of client.queue<string>("sport").receive()) {
  console.log(received.value);
  await received.ack();
  break;
}
await client.replay("sport", "earliest");

// ---------------------------------------------------------------- request and reply

await client.createQueue("prices");
const prices = client
  .queue<string>("prices")
  .consume(({ value: article }) => ({ article, cents: 990 }), { reply: true });
const price = await client.request<{ cents: number }>("prices", "book", { key: "book" });
console.log(`${price.cents} cents`);
await prices.drain();
await client.close();
