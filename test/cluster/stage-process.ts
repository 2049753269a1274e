// One stage of a pipeline, in a process of its own so that it can be killed: takes from one queue, puts into the next, in one
// commit (O4). Arguments: endpoints (comma-separated), from, to.

import { connect } from "../../client/index.ts";

const [endpoints = "", from = "", to = ""] = process.argv.slice(2);
const client = await connect({ endpoints: endpoints.split(","), sessionTtlMs: 2_000 });
const next = client.queue<number>(to);
const consumer = client.queue<number>(from).consume(
  async (handling) => {
    const { key } = handling.message;
    await client.commit((tx) => tx.ack(handling).enqueue(next, handling.value, { key }));
  },
  { concurrency: 50, credit: 100 },
);
await consumer.done;
