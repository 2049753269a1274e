// A consumer that makes trouble, in a process of its own so that it can be killed: fails, rejects, lets leases expire. What it
// does it writes down first, where a SIGKILL cannot take it back. Arguments: endpoints (comma-separated), file, queues.

import { openSync, writeSync } from "node:fs";
import { connect, QueueError, type Delivery } from "../../client/index.ts";

export interface Note {
  readonly queue: string;
  readonly key: string;
  readonly keySeq: number;
  readonly token: number;
  /** What is about to be asked for, and what came of it. */
  readonly did: "ack" | "acked" | "nack" | "reject" | "forget";
}

const [endpoints = "", file = "", ...queues] = process.argv.slice(2);
const out = openSync(file, "a");
const client = await connect({ endpoints: endpoints.split(","), sessionTtlMs: 2_000 });
await Promise.all(queues.map(work));

async function work(name: string): Promise<void> {
  const queue = client.queue<number>(name);
  for (;;) {
    try {
      const deliveries = await queue.receiveBatch({
        maxMessages: 100,
        maxWaitMs: 2_000,
        leaseMs: 1_000,
      });
      await Promise.all(deliveries.map(settle));
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
    }
  }
}

async function settle(delivery: Delivery<number>): Promise<void> {
  const { queue, key, keySeq } = delivery.message;
  const token = delivery.fencingToken;
  const note = (did: Note["did"]): void => {
    writeSync(out, `${JSON.stringify({ queue, key, keySeq, token, did } satisfies Note)}\n`);
  };
  const dice = Math.random();
  try {
    if (dice < 0.1) {
      note("nack");
      await delivery.nack({ delayMs: 50, error: "not now" });
    } else if (dice < 0.11) {
      note("reject");
      await delivery.reject("never");
    } else if (dice < 0.12) {
      note("forget");
    } else {
      note("ack");
      await delivery.ack();
      note("acked");
    }
  } catch (error) {
    // The lease was lost, or nobody knows: the message comes again, or the ack is open.
    if (!(error instanceof QueueError)) throw error;
  }
}
