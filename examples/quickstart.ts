import { connect } from "raftq";

const endpoints = process.env["RAFTQ_ENDPOINTS"] ?? "127.0.0.1:7400,127.0.0.1:7410,127.0.0.1:7420";
const client = await connect({ endpoints: endpoints.split(",") });
await client.createQueue("payments");
const payments = client.queue<{ amount: number }>("payments");

await payments.enqueue({ amount: 100 }, { key: "account-1" });
const last = await payments.enqueue({ amount: -30 }, { key: "account-1" });

for await (const delivery of payments.receive()) {
  console.log(`${delivery.message.key} #${delivery.message.keySeq}: ${delivery.value.amount}`);
  await delivery.ack();
  if (delivery.message.messageId === last.messageId) break;
}
await client.close();
