// The consuming side of a measurement: receives, acks at once or after a while, counts.

import { setTimeout as sleep } from "node:timers/promises";
import type { Consumer, Handling, Queue } from "../client/index.ts";
import { nowMs, sequenceOf, startOf } from "./body.ts";
import { Latencies } from "./latency.ts";
import type { ConsumeOrder, Counts, Slice } from "./protocol.ts";
import { Witness } from "./witness.ts";

export class Consumption {
  readonly #latencies = new Latencies();
  readonly #consumers: readonly Consumer<Uint8Array>[];
  readonly #witness: Witness | undefined;
  #received = 0;
  #redelivered = 0;
  #slice: { ms: number; acked: number };
  #failure: Error | undefined;

  constructor(queues: readonly Queue<Uint8Array>[], order: ConsumeOrder) {
    this.#witness = order.isChecked ? new Witness(queues.length) : undefined;
    this.#slice = { ms: nowMs(), acked: 0 };
    const credit = Math.max(1, Math.floor(order.credit / queues.length));
    this.#consumers = queues.map((queue, lane) => {
      // Without a hold the handler is done at once: what is measured is the queue.
      const handler = (handling: Handling<Uint8Array>): unknown => {
        this.#note(lane, handling);
        return order.holdMs === 0 ? undefined : sleep(order.holdMs);
      };
      const consumer = queue.consume(handler, { concurrency: credit, credit });
      consumer.done.catch((error: unknown) => {
        this.#failure = error instanceof Error ? error : new Error(String(error));
      });
      return consumer;
    });
  }

  slice(): Slice {
    const [now, acked, before] = [nowMs(), this.#acked, this.#slice];
    this.#slice = { ms: now, acked };
    const histogram = this.#latencies.encode();
    this.#latencies.reset();
    return { ms: now - before.ms, count: acked - before.acked, histogram };
  }

  counts(): Counts {
    if (this.#failure !== undefined) throw this.#failure;
    return {
      received: this.#received,
      acked: this.#acked,
      redelivered: this.#redelivered,
      distinct: this.#witness?.distinct ?? 0,
      doubled: this.#witness?.doubled ?? 0,
      outOfOrder: this.#witness?.outOfOrder ?? 0,
    };
  }

  async end(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.drain()));
  }

  get #acked(): number {
    return this.#consumers.reduce((sum, { stats }) => sum + stats.acked, 0);
  }

  #note(lane: number, { message }: Handling<Uint8Array>): void {
    this.#latencies.add(nowMs() - startOf(message.body));
    this.#received++;
    if (message.deliveries > 1) this.#redelivered++;
    this.#witness?.note(lane, message.key, message.keySeq, sequenceOf(message.body));
  }
}
