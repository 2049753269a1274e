// Time, as the node sees it. A port: the simulation drives the same code with a clock of its own.
//   K1. Intervals are measured on the monotonic clock; the wall clock only stamps entries (P9).
//   K2. Ticks that passed while the event loop stood still are dropped: nobody could be heard in that time (I3).
//   K3. A tick runs only after the poll phase has run, so that messages that wait in the sockets are read first (I3, R13).

export interface Timer {
  stop(): void;
}

export interface Clock {
  /** Milliseconds, never going back, from an arbitrary origin. */
  monotonicMs(): number;
  /** Milliseconds since 1970; may jump. */
  wallMs(): number;
  every(ms: number, run: () => void): Timer;
  after(ms: number, run: () => void): Timer;
  /** When the present turn of the event loop is over. */
  soon(run: () => void): void;
}

export const systemClock: Clock = {
  monotonicMs: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1_000 + nanoseconds / 1_000_000;
  },
  wallMs: () => Date.now(),
  every: (ms, run) => {
    const timer = setInterval(run, ms);
    return { stop: () => clearInterval(timer) };
  },
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return { stop: () => clearTimeout(timer) };
  },
  soon: (run) => void setImmediate(run),
};

/** Ticks that one wake-up may deliver; the others are dropped (K2). */
const ticksPerWakeMax = 3;

/** Calls `tick` once for each `tickMs` that passed while the event loop was turning (K1-K3). */
export function startTicker(clock: Clock, tickMs: number, tick: () => void): Timer {
  let last = clock.monotonicMs();
  let carried = 0;
  let waiting = false;
  const timer = clock.every(tickMs, () => {
    if (waiting) return;
    waiting = true;
    // Two turns: the first lets the poll phase that follows timers run, the second what it scheduled.
    clock.soon(() => {
      clock.soon(() => {
        waiting = false;
        const now = clock.monotonicMs();
        carried += (now - last) / tickMs;
        last = now;
        const due = Math.floor(carried);
        carried = due > ticksPerWakeMax ? 0 : carried - due;
        for (let i = 0; i < Math.min(due, ticksPerWakeMax); i += 1) tick();
      });
    });
  });
  return timer;
}
