// Virtual time: a heap of events, and one thread that runs them. Nothing waits for anything real.
//   T1. One event at a time. After each, every promise that can go on has gone on; then what was to run `soon` runs, in
//       order, in the same manner; then comes the next event.
//   T2. Events of one moment run in the order in which they were scheduled.
//   T3. What belongs to a process that has ended never runs. What belongs to one that stands still waits, and runs at once
//       when it goes on: first its timers, then what lies in its sockets, then what was to run soon (node/clock.ts K3).

/** Something that can be killed or stopped as a whole: a node, a client. */
export class Process {
  readonly name: string;
  /** Counts its lives. */
  life = 1;
  paused = false;

  constructor(name: string) {
    this.name = name;
  }
}

/** Who runs an event: `timer` and `socket` matter when a process goes on after a pause (T3). */
type Kind = "timer" | "socket";

class Scheduled {
  readonly at: number;
  readonly order: number;
  readonly process: Process | undefined;
  readonly life: number;
  readonly kind: Kind;
  /** undefined: it was taken back. */
  run: (() => void) | undefined;

  constructor(
    at: number,
    order: number,
    process: Process | undefined,
    kind: Kind,
    run: () => void,
  ) {
    this.at = at;
    this.order = order;
    this.process = process;
    this.life = process?.life ?? 0;
    this.kind = kind;
    this.run = run;
  }

  get isVoid(): boolean {
    return (
      this.run === undefined || (this.process !== undefined && this.process.life !== this.life)
    );
  }
}

const settled = Promise.resolve();

export class Time {
  /** Milliseconds since the world began. */
  now = 0;
  /** Events that were run. */
  steps = 0;
  readonly #heap: Scheduled[] = [];
  #order = 0;
  #soon: Scheduled[] = [];
  #soonAt = 0;
  /** What a process that goes on has to do first (T3). */
  #burst: Scheduled[] = [];
  readonly #waiting = new Map<Process, Scheduled[]>();

  /** At `ms`, not before now. */
  at(
    ms: number,
    process: Process | undefined,
    run: () => void,
    kind: Kind = "socket",
  ): { cancel: () => void } {
    const scheduled = this.#scheduled(Math.max(ms, this.now), process, kind, run);
    this.#push(scheduled);
    return { cancel: () => (scheduled.run = undefined) };
  }

  after(ms: number, process: Process | undefined, run: () => void): { cancel: () => void } {
    return this.at(this.now + ms, process, run);
  }

  soon(process: Process, run: () => void): void {
    this.#soon.push(this.#scheduled(this.now, process, "socket", run));
  }

  sleep(ms: number, process?: Process): Promise<void> {
    return new Promise((resolve) => this.at(this.now + ms, process, resolve));
  }

  /** As SIGSTOP. */
  pause(process: Process): void {
    process.paused = true;
  }

  /** As SIGCONT. */
  resume(process: Process): void {
    process.paused = false;
    const waiting = this.#waiting.get(process) ?? [];
    this.#waiting.delete(process);
    const timers = waiting.filter(({ kind }) => kind === "timer");
    const sockets = waiting.filter(({ kind }) => kind === "socket");
    this.#burst.push(...timers, ...sockets);
  }

  /**
   * Runs events until `done`, which is asked before each. `afterStep` is told whose event ran, when everything that follows
   * from it has happened (T1). Rejects with what an event or `afterStep` throws.
   */
  run(done: () => boolean, afterStep: (process: Process | undefined) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          if (done()) {
            resolve();
            return;
          }
          const next = this.#take();
          if (next === undefined) throw new Error("nothing is left that could happen");
          this.steps += 1;
          ran = next;
          next.run?.();
        } catch (error) {
          reject(asError(error));
          return;
        }
        void settled.then(drained);
      };
      let ran: Scheduled | undefined;
      const after = (): void => {
        try {
          afterStep(ran?.process);
        } catch (error) {
          reject(asError(error));
          return;
        }
        turn();
      };
      // A tick that is asked for in a microtask runs when there are no more microtasks: everything has gone on (T1).
      const drained = (): void => process.nextTick(after);
      // Also the first event comes after everything that the caller set in motion, whether he runs in a microtask or in a tick.
      void settled.then(() => process.nextTick(turn));
    });
  }

  #scheduled(at: number, process: Process | undefined, kind: Kind, run: () => void): Scheduled {
    this.#order += 1;
    return new Scheduled(at, this.#order, process, kind, run);
  }

  #take(): Scheduled | undefined {
    for (;;) {
      const next = this.#burst.shift() ?? this.#takeSoon() ?? this.#pop();
      if (next === undefined) return undefined;
      if (next.isVoid) continue;
      this.now = Math.max(this.now, next.at);
      if (next.process?.paused !== true) return next;
      const waiting = this.#waiting.get(next.process);
      if (waiting === undefined) this.#waiting.set(next.process, [next]);
      else waiting.push(next);
    }
  }

  #takeSoon(): Scheduled | undefined {
    const next = this.#soon[this.#soonAt++];
    if (next !== undefined) return next;
    this.#soon = [];
    this.#soonAt = 0;
    return undefined;
  }

  #push(item: Scheduled): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(item, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = item;
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || last === top) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      let least = left;
      if (right !== undefined && before(right, left)) {
        least = right;
        child += 1;
      }
      if (!before(least, last)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error("not an error", { cause: thrown });
}

function before(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
