// One run of the demo on a running cluster: stream, kill, prove.

import { setTimeout as sleep } from "node:timers/promises";
import type { LocalCluster } from "../../cli/local-cluster.ts";
import { grouped, duration } from "../../cli/output.ts";
import { connect, type Client, type Queue } from "../../client/index.ts";
import { failOver, type Failover } from "./failover.ts";
import { Producer } from "./producer.ts";
import type { Progress } from "./progress.ts";
import { prove } from "./proof.ts";
import { Recorder } from "./recorder.ts";
import {
  byFailover,
  counterProblems,
  countedRedeliveries,
  percentiles,
  type Result,
} from "./report.ts";
import type { LedgerRow } from "./row.ts";

const queueName = "ledger";
const consumerCount = 4;
/** Longer than any run: no lease ends by itself, so that every redelivery has another cause. */
const leaseMs = 3_600_000;
const sessionTtlMs = 120_000;
/** Without a handled message for so long the run has failed. */
const stallMsMax = 60_000;

export interface RunOptions {
  readonly ledger: string;
  readonly kills: number;
  readonly ratePerSecond: number;
  /** 0 for a ledger that was computed; 1 tenth for one that a bank has rounded. */
  readonly toleranceTenths: number;
}

export async function run(
  cluster: LocalCluster,
  rows: readonly LedgerRow[],
  options: RunOptions,
  progress: Progress,
): Promise<Result> {
  const producing = await connect({
    endpoints: [...cluster.endpoints],
    name: "producer",
    sessionTtlMs,
  });
  await producing.createQueue(queueName, { ordering: "KEY", leaseMs });
  const producer = new Producer(producing.queue(queueName), rows, options.ratePerSecond);
  const recorder = new Recorder(rows, (index) => producer.sentAt(index));
  const consumers = await Promise.all(
    Array.from({ length: consumerCount }, (_, index) => consume(cluster, index, recorder)),
  );

  const startedAt = performance.now();
  const stop = new AbortController();
  const watch = watchProgress(recorder, rows.length, startedAt, progress, stop.signal);
  const failing = killLeaders(cluster, producer, recorder, rows.length, options.kills, progress);
  const sending = producer.run();
  // Whatever fails first ends the run: a consumer that has stopped, say, would otherwise be waited for until the stall limit.
  const broken = Promise.race(consumers.map((each) => each.broken));
  const finished = Promise.all([sending, failing, allHandled(recorder, rows.length)]);
  const [, failovers] = await Promise.race([finished, watch, broken]);
  const seconds = (performance.now() - startedAt) / 1_000;

  // The last acks may still be on their way when the last handler returns.
  const info = await settled(producing);
  stop.abort();
  await Promise.all(consumers.map((each) => each.end()));
  await producing.close();

  const proof = prove(rows, recorder.history, options.toleranceTenths);
  const redelivered = byFailover(recorder.redeliveries);
  return {
    ledger: options.ledger,
    messages: rows.length,
    accounts: proof.accounts,
    consumers: consumerCount,
    seconds,
    messagesPerSecond: rows.length / seconds,
    failovers,
    confirmMs: percentiles(producer.confirmMs),
    handledMs: percentiles(recorder.handledMs),
    redeliveries: {
      observed: recorder.redeliveries,
      counted: countedRedeliveries(info),
      byFailover: redelivered,
    },
    steps: proof.steps,
    problems: [
      ...proof.problems.map(
        ({ account, kind, detail }) => `account ${account}: ${kind}: ${detail}`,
      ),
      ...counterProblems(info, rows.length),
      ...(redelivered === 0 ? [] : [`${grouped(redelivered)} messages came again by a failover`]),
    ],
  };
}

interface RunningConsumer {
  /** Rejects when the consumer ends before it was told to. */
  readonly broken: Promise<never>;
  readonly end: () => Promise<void>;
}

async function consume(
  cluster: LocalCluster,
  index: number,
  recorder: Recorder,
): Promise<RunningConsumer> {
  const client = await connect({
    endpoints: [...cluster.endpoints],
    name: `consumer-${index + 1}`,
    sessionTtlMs,
  });
  const queue: Queue<LedgerRow> = client.queue(queueName);
  // One account is handled by one consumer at a time, in order, so a thousand handlers at once are safe.
  const consumer = queue.consume(
    ({ message, value, fencingToken }) => {
      recorder.note(message, value, fencingToken);
    },
    { concurrency: 250 },
  );
  let ending = false;
  const broken = new Promise<never>((_, reject) => {
    const ended = (cause?: unknown): void => {
      if (!ending) reject(new Error(`consumer ${index + 1} ended: ${String(cause)}`, { cause }));
    };
    consumer.done.then(() => ended("without an error"), ended);
  });
  // It may fail before anybody waits for it.
  broken.catch(() => undefined);
  return {
    broken,
    end: async () => {
      ending = true;
      await consumer.drain();
      await client.close();
    },
  };
}

/** Kills the leader when 1/(n+1), 2/(n+1) … of the messages are handled, each time with all members in good health. */
async function killLeaders(
  cluster: LocalCluster,
  producer: Producer,
  recorder: Recorder,
  messages: number,
  kills: number,
  progress: Progress,
): Promise<Failover[]> {
  const failovers: Failover[] = [];
  // A fast cluster must not have finished before the killed node is back: some of the ledger waits for each kill.
  const hold = (kill: number): void =>
    producer.holdAt(Math.ceil((messages * (kill + 1.5)) / (kills + 1)));
  if (kills > 0) hold(0);
  for (let kill = 0; kill < kills; kill++) {
    await handledAtLeast(recorder, Math.floor((messages * (kill + 1)) / (kills + 1)));
    const leader = await cluster.leader();
    progress.say(`  killing the leader, node ${leader.nodeId} (SIGKILL)`);
    const failover = await failOver(cluster, producer, recorder.handled, () => hold(kill + 1));
    failovers.push(failover);
    progress.say(
      `  node ${failover.newLeader} leads; ${duration(failover.withoutServiceMs)} without service; node ${failover.killedNode} is back`,
    );
  }
  return failovers;
}

async function handledAtLeast(recorder: Recorder, count: number): Promise<void> {
  while (recorder.handled < count) await sleep(2);
}

async function allHandled(recorder: Recorder, messages: number): Promise<void> {
  await handledAtLeast(recorder, messages);
}

/** Shows progress until told to stop; rejects when there is none for too long. */
async function watchProgress(
  recorder: Recorder,
  messages: number,
  startedAt: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<never> {
  let handled = -1;
  let movedAt = performance.now();
  while (!signal.aborted) {
    const now = performance.now();
    if (recorder.handled !== handled) {
      handled = recorder.handled;
      movedAt = now;
    }
    progress.update(handled, messages, (1_000 * handled) / Math.max(1, now - startedAt));
    if (now - movedAt > stallMsMax) {
      throw new Error(
        `nothing was handled for ${stallMsMax / 1_000} s: ${grouped(handled)} of ${grouped(messages)} so far`,
      );
    }
    await sleep(100);
  }
  return await new Promise<never>(() => undefined);
}

/** The queue's counters once nothing is left in it, or as they stay for five seconds. */
async function settled(client: Client): ReturnType<Client["getQueue"]> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const info = await client.getQueue(queueName);
    const left = info.ready + info.leased + info.retrying + info.parked;
    if (left === 0 || performance.now() > deadline) return info;
    await sleep(20);
  }
}
