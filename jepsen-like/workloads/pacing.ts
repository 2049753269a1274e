// When a role does its next step.

import { setTimeout as sleep } from "node:timers/promises";
import type { Outcome, Calls, Held } from "./calls.ts";

/** What an outage left out is not made up for: it would come as a flood. */
const behindMsMax = 1_000;
/** After a call that failed or a stream that broke: trouble is not hammered. */
const troubleMs = 100;

/** Resolves after `ms`, or when `ends` fires; true: the time is over. */
export async function pause(ms: number, ends: AbortSignal): Promise<boolean> {
  if (ends.aborted) return false;
  try {
    await sleep(ms, undefined, { signal: ends });
    return true;
  } catch {
    return false;
  }
}

/**
 * Does a step so often, until `ends` fires; resolves when the last has ended. Steps overlap, at most `atOnce` (default 16) of them:
 * beyond that the next one waits.
 */
export async function every(
  perSecond: number,
  ends: AbortSignal,
  step: () => Promise<unknown>,
  atOnce = 16,
): Promise<void> {
  const running = new Set<Promise<unknown>>();
  let due = performance.now();
  for (;;) {
    due = Math.max(due + 1_000 / perSecond, performance.now() - behindMsMax);
    const waitMs = due - performance.now();
    if (waitMs > 0 && !(await pause(waitMs, ends))) break;
    while (running.size >= atOnce) await Promise.race(running);
    if (ends.aborted) break;
    const one: Promise<unknown> = step().finally(() => running.delete(one));
    running.add(one);
  }
  await Promise.all(running);
}

/**
 * Receives, again at once as long as something comes, else `perSecond` times, until `ends` fires. One receive at a time; `use` is
 * waited for.
 */
export async function poll(
  perSecond: number,
  ends: AbortSignal,
  receive: () => Promise<Outcome<Held[]>>,
  use: (held: Held) => Promise<unknown>,
): Promise<void> {
  while (!ends.aborted) {
    const received = await receive();
    if (received.type === "ok" && received.value.length > 0)
      await Promise.all(received.value.map(use));
    else await pause(Math.max(1_000 / perSecond, received.type === "ok" ? 0 : troubleMs), ends);
  }
}

/** Everything that a stream brings, at most `credit` at once, until `ends` fires; the leases are renewed while `use` runs. */
export async function stream(
  calls: Calls,
  queue: string,
  credit: number,
  ends: AbortSignal,
  use: (held: Held) => Promise<unknown>,
): Promise<void> {
  const running = new Set<Promise<unknown>>();
  while (!ends.aborted) {
    try {
      const receiver = calls.queue(queue).receive({ credit, signal: ends });
      for await (const delivery of receiver) {
        const one: Promise<unknown> = use(calls.taken(delivery)).finally(() => running.delete(one));
        running.add(one);
      }
    } catch (error) {
      calls.streamEnded(queue, error);
    }
    await pause(troubleMs, ends);
  }
  await Promise.all(running);
}
