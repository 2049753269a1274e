// The producing side of a measurement.

import type { Queue } from "../client/index.ts";
import { makeBody, nowMs } from "./body.ts";
import { Latencies } from "./latency.ts";
import type { Produced, ProduceOrder, Recovery, Slice } from "./protocol.ts";

/** With a fixed rate: so many unanswered messages mean that the cluster cannot keep up; what is due waits, and its clock runs. */
const openLoopOutstandingMax = 20_000;
/** A cluster that refuses everything is no measurement. */
const errorsMax = 1_000;
/** The timer's own unevenness: a message that is sent so late was late because of the timer. Later ones waited for this process. */
const timerMs = 2;
/** What `recovery` looks back on: at 500/s more than half an hour. */
const remembered = 1 << 20;

export class Production {
  /** All that was sent is answered. */
  readonly done: Promise<Produced>;
  readonly #queues: readonly Queue<Uint8Array>[];
  readonly #order: ProduceOrder;
  readonly #keys: readonly string[];
  readonly #latencies = new Latencies();
  readonly #startMs = nowMs();
  #finish!: () => void;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #sent = 0;
  #confirmed = 0;
  #outstanding = 0;
  #errors = 0;
  #firstError = "";
  #lastConfirmMs = this.#startMs;
  #slice: { ms: number; confirmed: number } = { ms: this.#startMs, confirmed: 0 };
  /** With a rate, by sequence modulo `remembered`: when it was sent, and when confirmed. */
  readonly #sentMs: Float64Array;
  readonly #confirmedMs: Float64Array;

  constructor(queues: readonly Queue<Uint8Array>[], order: ProduceOrder) {
    this.#queues = queues;
    this.#order = order;
    this.#keys = Array.from({ length: order.keys }, (_, index) => `key-${index}`);
    const slots = order.rate === 0 ? 0 : remembered;
    this.#sentMs = new Float64Array(slots);
    this.#confirmedMs = new Float64Array(slots);
    this.done = new Promise<void>((resolve) => (this.#finish = resolve)).then(() => ({
      sent: this.#sent,
      confirmed: this.#confirmed,
      errors: this.#errors,
      firstError: this.#firstError,
      ms: this.#lastConfirmMs - this.#startMs,
    }));
    if (order.rate === 0) this.#fill();
    else this.#timer = setInterval(() => this.#sendDue(), 1);
  }

  stop(): void {
    this.#stopped = true;
    this.#settled();
  }

  slice(): Slice {
    const [now, before] = [nowMs(), this.#slice];
    this.#slice = { ms: now, confirmed: this.#confirmed };
    const histogram = this.#latencies.encode();
    this.#latencies.reset();
    return { ms: now - before.ms, count: this.#confirmed - before.confirmed, histogram };
  }

  /** With a rate: the first confirmation of what was first sent after `sinceMs`. */
  recovery(sinceMs: number): Recovery {
    let first = Infinity;
    for (let sequence = this.#sent - 1; sequence >= 0; sequence--) {
      const slot = sequence % remembered;
      if (this.#sent - sequence > remembered || (this.#sentMs[slot] ?? 0) <= sinceMs) break;
      const confirmedMs = this.#confirmedMs[slot] ?? 0;
      if (confirmedMs > 0 && confirmedMs < first) first = confirmedMs;
    }
    return { confirmedMs: Number.isFinite(first) ? first : undefined };
  }

  get #more(): boolean {
    return !this.#stopped && (this.#order.count === 0 || this.#sent < this.#order.count);
  }

  #settled(): void {
    if (this.#outstanding > 0 || this.#more) return;
    clearInterval(this.#timer);
    this.#finish();
  }

  #fill(): void {
    while (this.#outstanding < this.#order.outstanding && this.#more) this.#send(nowMs());
  }

  /**
   * Open loop: a message is sent when it is due, whether or not earlier ones were answered, so that a pause of the cluster is felt
   * by every message that falls into it; and one that this process sends late is counted from when it was due (no coordinated
   * omission).
   */
  #sendDue(): void {
    const now = nowMs();
    const msPerMessage = 1_000 / this.#order.rate;
    const due = Math.floor((now - this.#startMs) / msPerMessage);
    while (this.#sent < due && this.#outstanding < openLoopOutstandingMax && this.#more) {
      const dueMs = this.#startMs + (this.#sent + 1) * msPerMessage;
      this.#send(now - dueMs > timerMs ? dueMs : nowMs());
    }
  }

  #send(startMs: number): void {
    const sequence = this.#sent++;
    this.#outstanding++;
    const lane = sequence % this.#queues.length;
    const queue = this.#queues[lane] as Queue<Uint8Array>;
    const turn = (sequence - lane) / this.#queues.length;
    const key = this.#keys[turn % this.#keys.length] ?? "";
    if (this.#order.rate > 0) {
      this.#sentMs[sequence % remembered] = nowMs();
      this.#confirmedMs[sequence % remembered] = 0;
    }
    queue.enqueue(makeBody(this.#order.bytes, sequence, startMs), { key }).then(
      () => this.#answered(sequence, startMs),
      (error: unknown) => this.#failed(error),
    );
  }

  #answered(sequence: number, startMs: number): void {
    const now = nowMs();
    this.#outstanding--;
    this.#confirmed++;
    this.#lastConfirmMs = now;
    this.#latencies.add(now - startMs);
    if (this.#order.rate > 0) this.#confirmedMs[sequence % remembered] = now;
    else this.#fill();
    this.#settled();
  }

  #failed(error: unknown): void {
    this.#outstanding--;
    this.#errors++;
    if (this.#firstError === "") this.#firstError = String(error);
    if (this.#errors >= errorsMax) this.#stopped = true;
    if (this.#order.rate === 0) this.#fill();
    this.#settled();
  }
}
