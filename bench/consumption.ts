// The consuming side of a measurement: receives, acks at once, counts.

import type { Queue } from "../client/index.ts";
import { nowMs, sentAtOf } from "./body.ts";
import { Latencies } from "./latency.ts";
import type { Consumed, Counts } from "./protocol.ts";

interface Mark {
  readonly ms: number;
  readonly acked: number;
}

export class Consumption {
  readonly #latencies = new Latencies();
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #received = 0;
  #acked = 0;
  #redelivered = 0;
  #fromMs = Infinity;
  #toMs = Infinity;
  #first: Mark | undefined;
  #last: Mark | undefined;
  #failure: Error | undefined;

  constructor(queue: Queue<Uint8Array>, credit: number) {
    this.#ended = this.#run(queue, credit);
  }

  count(fromMs: number, toMs: number): void {
    this.#fromMs = fromMs;
    this.#toMs = toMs;
    const mark = (): Mark => ({ ms: nowMs(), acked: this.#acked });
    setTimeout(() => (this.#first = mark()), Math.max(0, fromMs - nowMs()));
    setTimeout(() => (this.#last = mark()), Math.max(0, toMs - nowMs()));
  }

  counts(): Counts {
    if (this.#failure !== undefined) throw this.#failure;
    return { received: this.#received, acked: this.#acked };
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
    this.#stop.abort();
    await this.#ended;
  }

  async #run(queue: Queue<Uint8Array>, credit: number): Promise<void> {
    try {
      for await (const delivery of queue.receive({ credit, signal: this.#stop.signal })) {
        const now = nowMs();
        this.#received++;
        if (delivery.message.deliveries > 1) this.#redelivered++;
        if (now >= this.#fromMs && now < this.#toMs) {
          this.#latencies.add(now - sentAtOf(delivery.value));
        }
        delivery.ack().then(
          () => this.#acked++,
          (error: unknown) => this.#fail(error),
        );
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
  }
}
