// The logs of a real cluster, through a leader's death and compaction, exported and checked against what its clients were told.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { QueueError, textCodec, type Client, type Delivery } from "../../client/index.ts";
import type { Call, DeclaredQueue, Evidence } from "../../jepsen-like/checkers/contract.ts";
import { witness } from "../../jepsen-like/checkers/witness/check.ts";
import { nowUs, type Asked, type Delivered, type Told } from "../../jepsen-like/history/record.ts";
import { archive, exportLogs } from "../../jepsen-like/run/export.ts";
import { client, directoryOf, startCluster } from "./support.ts";

const archives = mkdtempSync(join(tmpdir(), "raftq-archive-"));
afterAll(() => rmSync(archives, { recursive: true, force: true }));

/** Writes down what it asks for and gets, as the workers of a run do. */
class Recorder {
  readonly calls: Call[] = [];
  readonly delivered: Delivered[] = [];
  readonly #client: Client;
  #bodies = 0;

  constructor(connected: Client) {
    this.#client = connected;
  }

  async call<T>(
    asked: Asked,
    make: () => Promise<T>,
    told: (value: T) => Told,
  ): Promise<T | undefined> {
    const op = this.calls.length + 1;
    const place = this.calls.length;
    const common = { process: "p1", op } as const;
    const invoked = { type: "invoke", ...common, time: nowUs(), ...asked } as const;
    this.calls.push({ asked: invoked });
    try {
      const value = await make();
      const completed = { type: "ok", ...common, time: nowUs(), told: told(value) } as const;
      this.calls[place] = { asked: invoked, told: completed };
      return value;
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      const type = error.outcome === "NOT_APPLIED" ? "fail" : "unknown";
      const { reason, message } = error;
      this.calls[place] = {
        asked: invoked,
        told: { type, ...common, time: nowUs(), reason, message },
      };
      return undefined;
    }
  }

  queue(name: string) {
    return this.#client.queue(name, { codec: textCodec });
  }

  body(): string {
    return `p1-${++this.#bodies}`;
  }

  async enqueue(queue: string, key: string, dedupId?: string, body = this.body()): Promise<void> {
    const named = dedupId === undefined ? {} : { dedupId };
    await this.call(
      { f: "enqueue", queue, key, body },
      () => this.queue(queue).enqueue(body, { key, ...named }),
      ({ seq, keySeq, logIndex, deduplicated }) => ({
        logIndex,
        placed: [{ body, seq, keySeq, logIndex, deduplicated }],
      }),
    );
  }

  async receive(queue: string, max: number): Promise<Delivery<string>[]> {
    const got = await this.call(
      { f: "receive", queue, max },
      () => this.queue(queue).receiveBatch({ maxMessages: max, maxWaitMs: 300 }),
      (deliveries) => ({ received: deliveries.length }),
    );
    for (const { message, fencingToken: token, value: body } of got ?? []) {
      const { key, keySeq, seq, deliveries, attempts, redelivery, leaseMs } = message;
      const time = nowUs();
      const lease = { queue, key, keySeq, token, body, leaseEnds: time + 1_000 * leaseMs };
      this.delivered.push({
        type: "delivered",
        process: "p1",
        time,
        seq,
        deliveries,
        attempts,
        redelivery,
        ...lease,
      });
    }
    return got ?? [];
  }

  async settle(
    how: "ack" | "nack" | "reject" | "release",
    delivery: Delivery<string>,
  ): Promise<void> {
    await this.call(
      { f: how, ...leaseOf(delivery) },
      () => delivery[how](),
      ({ already, logIndex }) => ({ already, logIndex }),
    );
  }

  async move(delivery: Delivery<string>, to: string): Promise<void> {
    const { key } = delivery.message;
    const body = this.body();
    await this.call(
      { f: "commit", acks: [leaseOf(delivery)], enqueues: [{ queue: to, key, body }] },
      () =>
        this.#client.commit((tx) => {
          tx.ack(delivery);
          tx.enqueue(this.queue(to), body, { key });
        }),
      ({ logIndex, messages }) => ({
        logIndex,
        placed: messages.map(({ seq, keySeq, deduplicated }) => ({
          body,
          seq,
          keySeq,
          logIndex,
          deduplicated,
        })),
      }),
    );
  }

  async look(queue: string): Promise<void> {
    await this.call(
      { f: "get-queue", queue },
      () => this.#client.getQueue(queue),
      ({ enqueued, acked, ready, leased, retrying, parked, delayed }) => ({
        counters: { enqueued, acked, ready, leased, retrying, parked, delayed },
      }),
    );
    await this.call(
      { f: "browse", queue },
      async () => {
        const there: NonNullable<Told["there"]>[number][] = [];
        for await (const { key, keySeq, value, state } of this.queue(queue).peek())
          there.push({ key, keySeq, body: value, state });
        return there;
      },
      (there) => ({ there }),
    );
  }
}

function leaseOf({ message, fencingToken, value }: Delivery<string>) {
  const { queue, key, keySeq } = message;
  return { queue, key, keySeq, token: fencingToken, body: value };
}

const declared = ["q", "out", "total", "dead", "named"].map((name): DeclaredQueue => ({
  ...{ name, ordering: "KEY", leaseMs: 30_000, maxAttempts: 5, onExhausted: "PARK" },
  ...{ deadLetterQueue: "", workload: "test" },
}));

test("the witness check holds on a real run", async () => {
  const cluster = await startCluster();
  const directory = directoryOf(cluster);
  const files = cluster.nodeIds.map((nodeId) => ({
    nodeId,
    dataDirectory: join(directory, `node-${nodeId}`, "data"),
    archiveDirectory: join(archives, String(nodeId)),
  }));
  const connected = await client(cluster);
  await connected.createQueue("dead");
  await connected.createQueue("q", { onExhausted: "DEAD_LETTER", deadLetterQueue: "dead" });
  await connected.createQueue("out");
  await connected.createQueue("total", { ordering: "TOTAL" });
  await connected.createQueue("named", { dedupWindowMs: 60_000 });
  const run = new Recorder(connected);
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 20; i++) await run.enqueue(i % 3 === 0 ? "total" : "q", `k${i % 4}`);
    await run.enqueue("named", "k", "one", "p1-named");
    const [first, second, ...rest] = await run.receive("q", 10);
    if (first !== undefined) await run.settle("nack", first);
    if (second !== undefined) await run.settle(round === 2 ? "reject" : "release", second);
    for (const delivery of rest) await run.move(delivery, "out");
    for (const delivery of await run.receive("total", 1)) await run.settle("ack", delivery);
    for (const { dataDirectory, archiveDirectory } of files)
      await archive(dataDirectory, archiveDirectory);
    if (round === 3) await cluster.kill((await cluster.leader()).nodeId);
    for (const queue of ["q", "out", "total", "dead"]) await run.look(queue);
  }
  for (const id of cluster.nodeIds) if (!cluster.isRunning(id)) await cluster.restart(id);
  const { logIndex: barrier } = await connected.queue("out").enqueue("barrier", { key: "x" });
  await cluster.caughtUp(1, 10_000, 0);
  const logs = await exportLogs(files);
  const evidence: Evidence = {
    queues: declared.filter(({ name }) => name !== "out"),
    history: { calls: run.calls, delivered: run.delivered, notes: [] },
    logs,
    digests: [],
    barrier,
  };
  const verdicts = [witness(evidence)].flat();
  expect(verdicts.filter(({ result }) => result !== "holds")).toMatchObject([
    { check: "witness: equal states", result: "inconclusive" },
  ]);
});
