// What the parent asks of a client process, and what comes back. One command at a time.

import type { LatencySummary } from "./latency.ts";

export interface ProduceOrder {
  readonly queue: string;
  readonly bytes: number;
  /** Keys 0 … keys-1 in turn. */
  readonly keys: number;
  /** Enqueues on their way at once. */
  readonly outstanding: number;
  /** Not counted: the first so many milliseconds. */
  readonly warmMs: number;
  /** The counted window; with `count` it only bounds the time. */
  readonly windowMs: number;
  /** Messages per second, sent when they are due and not when the last answer came; 0: as fast as answers come. */
  readonly rate: number;
  /** So many messages instead of a window; 0: a window. */
  readonly count: number;
}

export interface Produced {
  readonly sent: number;
  readonly confirmed: number;
  readonly errors: number;
  readonly firstError: string;
  /** Confirmed per second in the window. */
  readonly perSecond: number;
  readonly latency: LatencySummary;
}

export interface Counts {
  readonly received: number;
  readonly acked: number;
}

export interface Consumed extends Counts {
  readonly redelivered: number;
  /** Confirmed acks per second in the window. */
  readonly ackedPerSecond: number;
  /** From the producer's send to the consumer's handler. */
  readonly latency: LatencySummary;
}

export interface Commands {
  readonly connect: (order: { endpoints: readonly string[]; outstanding: number }) => null;
  readonly produce: (order: ProduceOrder) => Produced;
  readonly consume: (order: { queue: string; credit: number }) => null;
  /** Counts what is received and acked between two moments of the monotonic clock. */
  readonly window: (order: { fromMs: number; toMs: number }) => null;
  readonly counts: (order: null) => Counts;
  readonly consumed: (order: null) => Consumed;
  readonly close: (order: null) => null;
}

export type CommandName = keyof Commands;
export type OrderOf<K extends CommandName> = Parameters<Commands[K]>[0];
export type AnswerOf<K extends CommandName> = ReturnType<Commands[K]>;

export interface Request {
  readonly id: number;
  readonly name: CommandName;
  readonly order: unknown;
}

export type Response =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string };
