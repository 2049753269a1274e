// When virtual time moves.
//   W1. It moves only while somebody waits: the test, in `until`; or a program of a client, for an answer or a delivery. Then it
//       moves from event to event, and what waited goes on before the next event.
//   W2. It stands still while a handler waits for something real, for at most `patienceMs` real milliseconds each, unless a
//       client waits for an answer: what a handler's database does takes no virtual time.
//   W3. After a few events the real event loop turns: sockets are read, timers run. Nothing is left behind in it: a flow that
//       nobody waits for holds no timer and no handle.

import type { Process, Time } from "./time.ts";

/** What programs of users do in this world. */
export interface Programs {
  /** A client waits for an answer. */
  readonly isUnanswered: boolean;
  /** A program waits for a delivery. */
  readonly isAwaited: boolean;
  readonly inHand: Iterable<object>;
}

interface Wait {
  readonly done: () => boolean;
  readonly resolve: (isDone: boolean) => void;
  readonly reject: (error: Error) => void;
  readonly bound: { cancel(): void };
  isLate: boolean;
}

const eventsPerTurn = 64;

// A test may put others in their places: those are for its own code.
const { setImmediate } = globalThis;
const realNow = performance.now.bind(performance);

export class Flow {
  readonly #time: Time;
  readonly #programs: Programs;
  readonly #patienceMs: number;
  readonly #afterStep: (process: Process | undefined) => void;
  readonly #waits = new Set<Wait>();
  /** Real milliseconds that time has stood still for each. */
  readonly #waitedFor = new WeakMap<object, number>();
  #wake: (() => void) | undefined;
  #ended: Error | undefined;

  constructor(
    time: Time,
    programs: Programs,
    patienceMs: number,
    afterStep: (process: Process | undefined) => void,
  ) {
    this.#time = time;
    this.#programs = programs;
    this.#patienceMs = patienceMs;
    this.#afterStep = afterStep;
    void this.#run();
  }

  /** Somebody may wait now who did not before. */
  readonly woken = (): void => {
    this.#wake?.();
    this.#wake = undefined;
  };

  /** Whether `done` came true within `ms`; it is asked before every event. Rejects with what it throws, and when the flow ends. */
  until(done: () => boolean, ms: number): Promise<boolean> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const bound = this.#time.after(ms, undefined, () => (wait.isLate = true));
      const wait: Wait = { done, resolve, reject, bound, isLate: false };
      this.#waits.add(wait);
      this.woken();
    });
  }

  /** Whoever waits is told `why`, and whoever waits later. */
  end(why: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    for (const wait of this.#waits) wait.reject(why);
    this.#waits.clear();
    this.woken();
  }

  get #isWaitedFor(): boolean {
    return this.#waits.size > 0 || this.#programs.isUnanswered || this.#programs.isAwaited;
  }

  async #run(): Promise<void> {
    while (this.#ended === undefined) {
      this.#look();
      if (!this.#isWaitedFor) await new Promise<void>((resolve) => (this.#wake = resolve));
      else if (this.#standsStill) await this.#patientTurn();
      else await this.#someEvents();
    }
  }

  async #someEvents(): Promise<void> {
    let left = eventsPerTurn;
    const isOver = (): boolean => {
      if (this.#look() || left === 0 || this.#ended !== undefined) return true;
      left -= 1;
      return !this.#isWaitedFor || this.#standsStill;
    };
    try {
      await this.#time.run(isOver, this.#afterStep);
    } catch (error) {
      this.#failed(error as Error);
    }
    await realTurn();
  }

  /** True: somebody has not to wait any more, and goes on first (W1). */
  #look(): boolean {
    let isOver = false;
    for (const wait of this.#waits) {
      try {
        const isDone = wait.done();
        if (!isDone && !wait.isLate) continue;
        wait.resolve(isDone);
      } catch (error) {
        wait.reject(error as Error);
      }
      wait.bound.cancel();
      this.#waits.delete(wait);
      isOver = true;
    }
    return isOver;
  }

  /** W2. */
  get #standsStill(): boolean {
    if (this.#patienceMs === 0 || this.#programs.isUnanswered) return false;
    for (const one of this.#programs.inHand)
      if ((this.#waitedFor.get(one) ?? 0) < this.#patienceMs) return true;
    return false;
  }

  async #patientTurn(): Promise<void> {
    const before = [...this.#programs.inHand];
    const from = realNow();
    await realTurn();
    const ms = realNow() - from;
    for (const one of before) this.#waitedFor.set(one, (this.#waitedFor.get(one) ?? 0) + ms);
  }

  /** An error of the world, which is one of raftq. Nobody may miss it. */
  #failed(error: Error): void {
    const isTold = this.#waits.size > 0;
    this.end(error);
    if (!isTold)
      queueMicrotask(() => {
        throw error;
      });
  }
}

function realTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
