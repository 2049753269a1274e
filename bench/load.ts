// One producer process and one consumer process at work on some queues, and what was seen of them in a window.

import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "./bench.ts";
import { nowMs } from "./body.ts";
import type { Figures, Measured } from "./item.ts";
import { Latencies } from "./latency.ts";
import { costs } from "./meter.ts";
import type { Counts, Produced, Slice } from "./protocol.ts";
import type { WorkerProcess } from "./worker-process.ts";

export interface LoadOrder {
  readonly queues: readonly string[];
  /** Default: the command line's. */
  readonly bytes?: number;
  readonly keys?: number;
  /** Clients in each of the two processes; default 1. */
  readonly clients?: number;
  /** Enqueues on their way at once; default 1,000. */
  readonly outstanding?: number;
  /** Messages a second; default 0: as fast as answers come. */
  readonly rate?: number;
  /** Default 500; 0: nobody consumes. */
  readonly credit?: number;
  /** See ConsumeOrder. */
  readonly holdMs?: number;
  readonly isChecked?: boolean;
}

export interface LoadSlice {
  readonly produced: Slice;
  readonly consumed: Slice | undefined;
}

export class Load {
  readonly producer: WorkerProcess;
  readonly consumer: WorkerProcess | undefined;
  readonly #producing: Promise<Produced>;

  private constructor(
    producer: WorkerProcess,
    consumer: WorkerProcess | undefined,
    producing: Promise<Produced>,
  ) {
    this.producer = producer;
    this.consumer = consumer;
    this.#producing = producing;
    // It is awaited at the end; a process that dies before is noticed by the next call.
    producing.catch(() => undefined);
  }

  static async start(bench: Bench, order: LoadOrder): Promise<Load> {
    const { queues, rate = 0, credit = 500, clients = 1 } = order;
    const { bytes = bench.options.bytes, keys = bench.options.keys, outstanding = 1_000 } = order;
    const consumer = credit === 0 ? undefined : await bench.worker(clients);
    const { holdMs = 0, isChecked = false } = order;
    await consumer?.call("consume", { queues, credit, holdMs, isChecked });
    const producer = await bench.worker(clients);
    const producing = producer.call("produce", {
      queues,
      bytes,
      keys,
      outstanding,
      rate,
      count: 0,
    });
    return new Load(producer, consumer, producing);
  }

  /** What happened since the slice before. */
  async slice(): Promise<LoadSlice> {
    const [produced, consumed] = await Promise.all([
      this.producer.call("producedSlice", null),
      this.consumer?.call("consumedSlice", null),
    ]);
    return { produced, consumed };
  }

  /** Ends producing; resolves when everything that was sent is answered. */
  async stop(): Promise<Produced> {
    await this.producer.call("stopProducing", null);
    const produced = await this.#producing;
    if (produced.errors > 0)
      process.stderr.write(`${produced.errors} errors, the first: ${produced.firstError}\n`);
    return produced;
  }

  /** Resolves when so many messages are acked, or nothing more has been for three seconds. */
  async drained(messages: number): Promise<Counts | undefined> {
    return this.consumer === undefined ? undefined : await drained(this.consumer, messages);
  }
}

export async function drained(consumer: WorkerProcess, messages: number): Promise<Counts> {
  let counts = await consumer.call("counts", null);
  let movedMs = nowMs();
  while (counts.acked < messages && nowMs() - movedMs < 3_000) {
    await sleep(20);
    const next = await consumer.call("counts", null);
    if (next.acked !== counts.acked) movedMs = nowMs();
    counts = next;
  }
  return counts;
}

export interface Window {
  readonly label?: string;
  readonly warmMs?: number;
  readonly windowMs: number;
  /** Waits until all is consumed; default true. Without it nothing is said about what a message costs. */
  readonly isDrained?: boolean;
}

/** Load for a while, of which a window counts; the client processes end with it. */
export async function measureLoad(
  bench: Bench,
  order: LoadOrder,
  { label = "", warmMs = 2_500, windowMs, isDrained = true }: Window,
): Promise<Measured> {
  const before = bench.meter();
  const load = await Load.start(bench, order);
  await sleep(warmMs);
  await Promise.all([load.slice(), bench.loopDelay()]);
  await sleep(windowMs);
  const [slice, loopDelay] = await Promise.all([load.slice(), bench.loopDelay()]);
  const produced = await load.stop();
  const atEnd = await load.consumer?.call("counts", null);
  const counts = isDrained ? await load.drained(produced.confirmed) : atEnd;
  // The whole of it, its last part too: what was enqueued in it has been delivered in it.
  const cost = isDrained ? costs(before, bench.meter(), produced.confirmed) : {};
  const resident = bench.resident();
  await bench.endWorkers();
  return {
    label,
    figures: {
      ...figuresOf(slice),
      errors: produced.errors,
      ...(counts === undefined || atEnd === undefined
        ? {}
        : { redelivered: counts.redelivered, backlog_at_end: produced.confirmed - atEnd.acked }),
      ...(counts === undefined || !isDrained
        ? {}
        : { never_acked: produced.confirmed - counts.acked }),
      ...cost,
      ...loopDelay,
      resident_max_mib: resident.length === 0 ? undefined : Math.max(...resident),
    },
    histograms: histogramsOf(slice),
  };
}

/** What a window shows: rates, and how long things took. */
export function figuresOf({ produced, consumed }: LoadSlice): Figures {
  return {
    ...(consumed === undefined ? {} : sideOf(consumed, "acked", "e2e")),
    ...sideOf(produced, "enqueued", "confirm"),
  };
}

function sideOf({ count, ms, histogram }: Slice, what: string, way: string): Figures {
  const latency = Latencies.of([histogram]).summary();
  return {
    [`${what}_per_s`]: count / (ms / 1_000),
    [`${way}_p50_ms`]: latency.p50,
    [`${way}_p99_ms`]: latency.p99,
    [`${way}_p999_ms`]: latency.p999,
  };
}

export function histogramsOf({ produced, consumed }: LoadSlice): Readonly<Record<string, string>> {
  return {
    confirm: produced.histogram,
    ...(consumed === undefined ? {} : { "end to end": consumed.histogram }),
  };
}
