// The first and the last calls of a run, made by the controller: queues are created; what is left is taken out, counted, looked at; a
// barrier is enqueued.
//
//   B1. The barrier is enqueued when no other process has a session any more: whatever they ever asked for is decided before it, or
//       never will be.
//   B2. A queue is drained when nothing of it is leased or waits for its time, and a receive finds nothing. What is ready then is
//       behind a parked message, and is browsed.

import type { Calls } from "./calls.ts";
import { pause } from "./pacing.ts";
import { queueNamed, type WorkloadQueue } from "./workload.ts";

type Counted = Awaited<ReturnType<Calls["getQueue"]>>;

const takenAtOnce = 100;
const againMs = 200;

export const barrierQueue = queueNamed("barrier", { workload: "barrier" });

/** Resolves to what could not be created within the time, as sentences. */
export async function createAll(
  calls: Calls,
  queues: readonly WorkloadQueue[],
  ends: AbortSignal,
): Promise<string[]> {
  for (const { declared, options } of queues) {
    for (;;) {
      const outcome = await calls.createQueue(declared.name, options);
      if (outcome.type === "ok") break;
      // What is wrong with the request is wrong the next time, too.
      const why = `queue ${declared.name} could not be created: ${outcome.reason}`;
      if (outcome.reason === "QUEUE_DIFFERS" || outcome.reason === "MALFORMED") return [why];
      if (!(await pause(againMs, ends))) return [why];
    }
  }
  return [];
}

/** Takes out what is left (B2). Resolves to what it could not finish before `ends`, as sentences. */
export async function drainAll(
  calls: Calls,
  queues: readonly WorkloadQueue[],
  ends: AbortSignal,
): Promise<string[]> {
  const work = queues.filter(({ holds }) => holds === "work");
  // All at once: nobody is left who could fill one of them again.
  const left = await Promise.all(work.map(({ declared }) => drain(calls, declared.name, ends)));
  return left.flat();
}

async function drain(calls: Calls, queue: string, ends: AbortSignal): Promise<string[]> {
  for (;;) {
    const received = await calls.receive(queue, takenAtOnce, 0);
    if (received.type === "ok" && received.value.length > 0) {
      await Promise.all(received.value.map((held) => calls.settle("ack", held)));
      continue;
    }
    const counted = await calls.getQueue(queue);
    if (received.type === "ok" && isAtRest(counted)) return [];
    if (!(await pause(againMs, ends))) return [`queue ${queue} is not drained: ${shown(counted)}`];
  }
}

/** Leaves the work to others, and only counts. Resolves to nothing: what is left is drained later. */
export async function waitDrained(
  calls: Calls,
  queues: readonly WorkloadQueue[],
  ends: AbortSignal,
): Promise<string[]> {
  for (const { declared, holds } of queues) {
    if (holds !== "work") continue;
    while (!isAtRest(await calls.getQueue(declared.name))) {
      if (!(await pause(againMs, ends))) return [];
    }
  }
  return [];
}

/**
 * Counters and content of every queue, as they are at rest; `queues` as they were created. A dead-letter queue comes after those
 * whose letters it gets: what is not in it then, and was no longer in theirs, is lost, and did not only go from here to there.
 */
export async function lookAtAll(
  calls: Calls,
  queues: readonly WorkloadQueue[],
  ends: AbortSignal,
): Promise<string[]> {
  const missing: string[] = [];
  for (const { name } of queues.map(({ declared }) => declared).reverse()) {
    const seen =
      (await untilOk(() => calls.getQueue(name), ends)) &&
      (await untilOk(() => calls.browse(name), ends));
    if (!seen) missing.push(`queue ${name} could not be looked at`);
  }
  return missing;
}

/** Log index of the barrier (B1); 0: it could not be enqueued before `ends`. */
export async function enqueueBarrier(calls: Calls, ends: AbortSignal): Promise<number> {
  for (;;) {
    const message = { key: "barrier", body: calls.newBody() };
    const outcome = await calls.enqueue(barrierQueue.declared.name, message);
    if (outcome.type === "ok") return outcome.value.logIndex;
    if (!(await pause(againMs, ends))) return 0;
  }
}

/** B2, but for the receive. */
function isAtRest(counted: Counted): boolean {
  if (counted.type !== "ok") return false;
  const { ready = 0, leased = 0, retrying = 0, delayed = 0, parked = 0 } = counted.value;
  return leased + retrying + delayed === 0 && (ready === 0 || parked > 0);
}

async function untilOk(
  call: () => Promise<{ readonly type: string }>,
  ends: AbortSignal,
): Promise<boolean> {
  for (;;) {
    if ((await call()).type === "ok") return true;
    if (!(await pause(againMs, ends))) return false;
  }
}

function shown(outcome: Counted): string {
  if (outcome.type !== "ok") return `it does not answer (${outcome.reason})`;
  const { ready, leased, retrying, delayed, parked } = outcome.value;
  return JSON.stringify({ ready, leased, retrying, delayed, parked });
}
