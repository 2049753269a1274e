// What is asked of a cluster whose power is about to go, and what must be there afterwards.
//   SL1. Bodies are unique: a key and a number that counts up. A key's next message is asked for when the one before it is
//        answered, so its messages have one order, answered or not.
//   SL2. A call that was under way at the crash goes on asking until the cluster is back: its answer counts, too (P6).

import { connect, QueueError, type Client } from "../../client/index.ts";

export interface Item {
  readonly key: string;
  readonly n: number;
}

const queueName = "sweep";
const keys = ["a", "b", "c", "d"];
const callMsMax = 60_000;
/** A node that is down is tried again at once: it is back in a second. */
const sessionTtlMs = 120_000;
const batchMax = 1_000;

export class SweepLoad {
  readonly #client: Promise<Client>;
  readonly #producing: Promise<void>;
  readonly #acked: Item[] = [];
  readonly #unknown: Item[] = [];
  #stopping = false;

  constructor(endpoints: readonly string[]) {
    this.#client = connect({ endpoints, timeoutMs: callMsMax, sessionTtlMs });
    this.#producing = this.#produce();
    // Told by `finish`.
    this.#producing.catch(() => undefined);
  }

  /** So far. */
  get acked(): number {
    return this.#acked.length;
  }

  async #produce(): Promise<void> {
    const client = await this.#client;
    await client.createQueue(queueName, { maxInFlightPerKey: batchMax });
    const queue = client.queue<Item>(queueName);
    await Promise.all(
      keys.map(async (key) => {
        for (let n = 1; !this.#stopping; n++) {
          const item = { key, n };
          try {
            await queue.enqueue(item, { key });
            this.#acked.push(item);
          } catch (error) {
            if (!(error instanceof QueueError) || error.outcome === "NOT_APPLIED") throw error;
            this.#unknown.push(item);
          }
        }
      }),
    );
  }

  /** Ends when every call is answered (SL2). @throws what no crash excuses: a refusal. */
  async finish(): Promise<{ readonly acked: readonly Item[]; readonly unknown: readonly Item[] }> {
    this.#stopping = true;
    try {
      await this.#producing;
    } finally {
      await (await this.#client).close();
    }
    return { acked: this.#acked, unknown: this.#unknown };
  }
}

export interface Found extends Item {
  readonly keySeq: number;
  readonly redelivery: string;
}

/** Takes everything out of the queue, until it says that it is empty. */
export async function drain(endpoints: readonly string[]): Promise<Found[]> {
  const client = await connect({ endpoints, timeoutMs: callMsMax });
  try {
    const queue = client.queue<Item>(queueName);
    const found: Found[] = [];
    for (;;) {
      const batch = await queue.receiveBatch({ maxMessages: batchMax });
      if (batch.length === 0) return found;
      for (const { value, message } of batch) {
        const { keySeq, redelivery } = message;
        found.push({ key: value.key, n: value.n, keySeq, redelivery });
      }
      await Promise.all(batch.map((delivery) => delivery.ack()));
    }
  } finally {
    await client.close();
  }
}

/** What is wrong with what was found; empty: nothing. */
export function judge(
  acked: readonly Item[],
  unknown: readonly Item[],
  found: readonly Found[],
): string[] {
  const wrong: string[] = [];
  const name = ({ key, n }: Item): string => `${key}-${n}`;
  const asked = new Set([...acked, ...unknown].map(name));
  const there = new Set<string>();
  const last = new Map<string, Found>();
  for (const item of found) {
    const before = last.get(item.key);
    if (there.has(name(item))) wrong.push(`Q3: ${name(item)} is there twice`);
    else if (before !== undefined && before.n > item.n)
      wrong.push(`Q5: ${name(item)} comes after ${name(before)}`);
    if (!asked.has(name(item))) wrong.push(`Q2: ${name(item)} was never asked for`);
    if (item.keySeq !== (before?.keySeq ?? 0) + 1)
      wrong.push(`${name(item)} has number ${item.keySeq} of its key after ${before?.keySeq ?? 0}`);
    if (item.redelivery !== "") wrong.push(`P7: ${name(item)} was redelivered: ${item.redelivery}`);
    there.add(name(item));
    last.set(item.key, item);
  }
  for (const item of acked)
    if (!there.has(name(item))) wrong.push(`Q1: ${name(item)} was acknowledged and is gone`);
  return wrong;
}
