import { createTestCluster } from "raftq/testing";

const cluster = await createTestCluster({ nodes: 3, seed: 7 });
const client = await cluster.connect();
await client.createQueue("ledger");
const ledger = client.queue<{ amount: number }>("ledger");

let balance = 0;
ledger.consume(({ value }) => {
  balance += value.amount;
});
await ledger.enqueue({ amount: 5 }, { key: "alice" });
await cluster.killLeader();
await ledger.enqueue({ amount: 5 }, { key: "alice" });
await cluster.until(() => balance === 10);
console.log(`the balance is ${balance}, after ${Math.round(cluster.now)} virtual milliseconds`);
await cluster.close();
