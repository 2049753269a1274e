// Changes by hand: parked messages, dead letters, taking out, pausing (O5, O6).

import { pause } from "./clock.ts";
import { abortedError, closedError } from "./errors.ts";
import { integer, type SignalOptions } from "./options.ts";
import { callOnce, withOwnSession } from "./own-session.ts";
import { given } from "./queue-info.ts";
import type { UnaryParts } from "./unary.ts";

/** What becomes of a parked message. `skip`: to the dead-letter queue if there is one, with the reason; else it is gone. */
export type ParkedAction<In> =
  "retry" | "skip" | { readonly skip: string } | { readonly replace: In };

/** As the wire has it: one of `retry`, `skip`, `replace`. */
export type WireAction =
  | { readonly retry: object }
  | { readonly skip: { readonly reason: string } }
  | { readonly replace: object };

export interface DeadLetterFilter {
  /** The queue that it comes from. */
  readonly queue?: string | undefined;
  readonly key?: string | undefined;
  readonly cause?: "EXHAUSTED" | "REJECTED" | "EXPIRED" | "SKIPPED" | undefined;
  /** A part of the error's text. */
  readonly error?: string | undefined;
}

export interface RedriveOptions extends SignalOptions {
  /** All of it must match; default: everything. */
  readonly filter?: DeadLetterFilter | undefined;
  /** 1 to 100,000; default: as fast as it goes. */
  readonly ratePerSecond?: number | undefined;
  /** Only counts. */
  readonly dryRun?: boolean | undefined;
  /** Also where a later message of the key is settled already. */
  readonly force?: boolean | undefined;
  /** After each step, with the sums so far. */
  readonly onProgress?: ((sofar: Redriven) => void) | undefined;
}

export interface Redriven {
  readonly moved: number;
  /** A later message of the key is settled already (ORDER_VIOLATION): see `force`. */
  readonly refused: number;
  /** Settled or leased meanwhile, or the queue that they came from is gone. */
  readonly gone: number;
}

export interface Purged {
  readonly messages: number;
  readonly keys: number;
}

/** `keySeq` 0: the first parked message of the key. Resolves to the key_seq of the message that it was. */
export async function resolveParked(
  parts: UnaryParts,
  queue: string,
  key: string,
  keySeq: number,
  action: WireAction,
): Promise<number> {
  const request = {
    queue,
    key,
    keySeq: integer("keySeq", keySeq, 0, Number.MAX_SAFE_INTEGER),
    ...action,
  };
  const reply = await callOnce(parts, "ResolveParked", request);
  return (reply as { keySeq: number }).keySeq;
}

const stepMax = 1_000;
/** So often a paced redrive moves something. */
const stepsPerSecond = 4;

/** Step by step until the server says that this was all. */
export function redrive(
  parts: UnaryParts,
  queue: string,
  options: RedriveOptions,
): Promise<Redriven> {
  const { ratePerSecond, dryRun = false, force = false, signal, onProgress } = options;
  const rate =
    ratePerSecond === undefined ? undefined : integer("ratePerSecond", ratePerSecond, 1, 100_000);
  const maxMessages =
    rate === undefined ? stepMax : Math.min(stepMax, Math.ceil(rate / stepsPerSecond));
  const fixed = { queue, maxMessages, dryRun, force, filter: given(options.filter ?? {}) };
  return withOwnSession(parts, async (call) => {
    const sum = { moved: 0, refused: 0, gone: 0 };
    const begun = parts.clock.now();
    for (let after = ""; ;) {
      const reply = await call("Redrive", { ...fixed, after }, signal);
      const { moved, refused, gone, next } = reply as Redriven & { readonly next: string };
      sum.moved += moved;
      sum.refused += refused;
      sum.gone += gone;
      onProgress?.({ ...sum });
      if (next === "") return sum;
      after = next;
      if (rate === undefined) continue;
      const dueAt = begun + (1_000 * sum.moved) / rate;
      await paced(parts, dueAt - parts.clock.now(), signal);
    }
  });
}

async function paced(
  parts: UnaryParts,
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stop = signal === undefined ? parts.closed : AbortSignal.any([parts.closed, signal]);
  if (waitMs > 0) await pause(parts.clock, waitMs, stop);
  // What was moved before is moved, and told by onProgress.
  if (parts.closed.aborted) throw closedError("NOT_APPLIED");
  if (signal?.aborted === true) throw abortedError("NOT_APPLIED", signal.reason);
}

export async function cancel(parts: UnaryParts, ref: object): Promise<void> {
  await callOnce(parts, "CancelMessage", ref);
}

export async function purge(
  parts: UnaryParts,
  queue: string,
  options: { readonly key?: string | undefined; readonly dryRun?: boolean | undefined },
): Promise<Purged> {
  const { key, dryRun = false } = options;
  const request = { queue, dryRun, ...(key === undefined ? {} : { key }) };
  const { messages, keys } = (await callOnce(parts, "PurgeQueue", request)) as Purged;
  return { messages, keys };
}
