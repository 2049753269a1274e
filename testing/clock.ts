// The clock of one process in virtual time: it may run fast or slow, and its wall clock may be wrong (P9).

import type { Clock as ClientClock, Timer as ClientTimer } from "../client/clock.ts";
import type { Clock as NodeClock, Timer as NodeTimer } from "../node/clock.ts";
import type { Process, Time } from "./time.ts";

interface SimTimer extends ClientTimer, NodeTimer {}

/** Cluster time begins in 2023. */
const epochMs = 1_700_000_000_000;

export class SimClock implements NodeClock, ClientClock {
  readonly #time: Time;
  readonly #process: Process;
  /** Its seconds per second. */
  readonly #rate: number;
  /** What each look at the clock costs: code that measures itself must see time pass. */
  readonly #lookMs: number;
  #last = 0;
  #looks = 0;
  #looksAt = -1;
  wallSkewMs = 0;

  constructor(time: Time, process: Process, rate = 1, lookMs = 0) {
    this.#time = time;
    this.#process = process;
    this.#rate = rate;
    this.#lookMs = lookMs;
  }

  monotonicMs(): number {
    if (this.#looksAt !== this.#time.steps) {
      this.#looksAt = this.#time.steps;
      this.#looks = 0;
    }
    this.#looks += 1;
    const now = this.#time.now * this.#rate + this.#looks * this.#lookMs;
    this.#last = Math.max(this.#last, now);
    return this.#last;
  }

  now(): number {
    return this.monotonicMs();
  }

  wallMs(): number {
    return Math.floor(epochMs + this.#time.now * this.#rate + this.wallSkewMs);
  }

  after(ms: number, run: () => void): SimTimer {
    const at = this.#time.now + Math.max(1, ms) / this.#rate;
    const { cancel } = this.#time.at(at, this.#process, run, "timer");
    return { cancel, stop: cancel };
  }

  every(ms: number, run: () => void): SimTimer {
    let timer: SimTimer;
    const next = (): void => {
      timer = this.after(ms, () => {
        next();
        run();
      });
    };
    next();
    const cancel = (): void => timer.cancel();
    return { cancel, stop: cancel };
  }

  soon(run: () => void): void {
    this.#time.soon(this.#process, run);
  }
}
