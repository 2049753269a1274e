// The consuming side of a measurement: receives, acks at once, counts.

import type { Consumer, Queue } from "../client/index.ts";
import { nowMs, sentAtOf } from "./body.ts";
import { Latencies } from "./latency.ts";
import type { Consumed, Counts } from "./protocol.ts";

interface Mark {
  readonly ms: number;
  readonly acked: number;
}

export class Consumption {
  readonly #latencies = new Latencies();
  readonly #consumer: Consumer<Uint8Array>;
  #received = 0;
  #redelivered = 0;
  #fromMs = Infinity;
  #toMs = Infinity;
  #first: Mark | undefined;
  #last: Mark | undefined;
  #failure: Error | undefined;

  constructor(queue: Queue<Uint8Array>, credit: number) {
    // The handler is done at once: what is measured is the queue.
    this.#consumer = queue.consume(({ message }) => this.#note(message.deliveries, message.body), {
      concurrency: credit,
      credit,
    });
    this.#consumer.done.catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    });
  }

  count(fromMs: number, toMs: number): void {
    this.#fromMs = fromMs;
    this.#toMs = toMs;
    const mark = (): Mark => ({ ms: nowMs(), acked: this.#consumer.stats.acked });
    setTimeout(() => (this.#first = mark()), Math.max(0, fromMs - nowMs()));
    setTimeout(() => (this.#last = mark()), Math.max(0, toMs - nowMs()));
  }

  counts(): Counts {
    if (this.#failure !== undefined) throw this.#failure;
    return { received: this.#received, acked: this.#consumer.stats.acked };
  }

  result(): Consumed {
    const [first, last] = [this.#first, this.#last];
    return {
      ...this.counts(),
      redelivered: this.#redelivered,
      ackedPerSecond:
        first === undefined || last === undefined
          ? 0
          : (last.acked - first.acked) / ((last.ms - first.ms) / 1e3),
      latency: this.#latencies.summary(),
    };
  }

  async end(): Promise<void> {
    await this.#consumer.drain();
  }

  #note(deliveries: number, body: Uint8Array): void {
    const now = nowMs();
    this.#received++;
    if (deliveries > 1) this.#redelivered++;
    if (now >= this.#fromMs && now < this.#toMs) this.#latencies.add(now - sentAtOf(body));
  }
}
