// The result of a run, as a table for people and as JSON for scripts.

import { duration, grouped, sheet, type Paint } from "../../cli/output.ts";
import type { QueueInfo } from "../../client/index.ts";
import type { Failover } from "./failover.ts";
import type { Redeliveries } from "./recorder.ts";

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Result {
  readonly ledger: string;
  readonly messages: number;
  readonly accounts: number;
  readonly consumers: number;
  readonly seconds: number;
  readonly messagesPerSecond: number;
  readonly failovers: readonly Failover[];
  /** From the enqueue call to its answer, and to the handler. */
  readonly confirmMs: Percentiles;
  readonly handledMs: Percentiles;
  readonly redeliveries: {
    /** Seen by the consumers, by cause. */
    readonly observed: Redeliveries;
    /** Counted by the queue since its creation. */
    readonly counted: Redeliveries;
    readonly byFailover: number;
  };
  readonly steps: number;
  /** Empty: proved. */
  readonly problems: readonly string[];
}

export function percentiles(values: Iterable<number>): Percentiles {
  const sorted = Float64Array.from(values).sort();
  const at = (part: number): number => {
    const value = sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
    return Math.round((value ?? 0) * 100) / 100;
  };
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/**
 * In this run no handler fails, no consumer leaves before the end, and a lease outlives the whole run: whatever came twice
 * and was neither a nack nor a release came by a failover, and that must not be (P7).
 */
export function byFailover(redeliveries: Redeliveries): number {
  return Object.entries(redeliveries)
    .filter(([cause]) => cause !== "nack" && cause !== "release")
    .reduce((sum, [, count]) => sum + count, 0);
}

export function countedRedeliveries(info: QueueInfo): Redeliveries {
  return {
    nack: info.redeliveredNack,
    release: info.redeliveredRelease,
    "lease-expired": info.redeliveredLeaseExpired,
    "session-ended": info.redeliveredSessionEnded,
  };
}

/** What the queue's own counters say against the run; empty when they agree with it. */
export function counterProblems(info: QueueInfo, messages: number): string[] {
  const expected = {
    enqueued: messages,
    acked: messages,
    ready: 0,
    leased: 0,
    retrying: 0,
    parked: 0,
    deadLettered: 0,
    discarded: 0,
  };
  return Object.entries(expected)
    .filter(([field, value]) => info[field as keyof typeof expected] !== value)
    .map(
      ([field, value]) =>
        `the queue counts ${field} = ${info[field as keyof typeof expected]}; expected ${value}`,
    );
}

const problemsShown = 20;

export function resultText(result: Result, paint: Paint): string {
  const { redeliveries } = result;
  const lines: (readonly [string, string])[] = [
    [
      "ledger",
      `${result.ledger}: ${grouped(result.messages)} messages, ${grouped(result.accounts)} accounts`,
    ],
    [
      "time",
      `${result.seconds.toFixed(1)} s, ${grouped(Math.round(result.messagesPerSecond))} messages/s, ${result.consumers} consumers`,
    ],
    ...result.failovers.map((failover, index) => failoverLine(failover, index)),
    ["enqueue → confirmed", percentilesText(result.confirmMs)],
    ["enqueue → handled", percentilesText(result.handledMs)],
    [
      "redelivered",
      `${grouped(redeliveries.byFailover)} by failover; seen by consumers: ${causesText(redeliveries.observed)}; counted by the queue: ${causesText(redeliveries.counted)}`,
    ],
  ];
  const verdict =
    result.problems.length === 0
      ? paint.good(
          `proved: ${grouped(result.steps)} steps of ${grouped(result.accounts)} accounts, every balance right at every step; nothing lost, nothing twice, nothing out of order`,
        )
      : [
          paint.bad(`NOT PROVED: ${grouped(result.problems.length)} problems`),
          ...result.problems.slice(0, problemsShown).map((problem) => `  ${problem}`),
          ...(result.problems.length > problemsShown ? ["  …"] : []),
        ].join("\n");
  return `${sheet(lines, paint)}\n\n${verdict}`;
}

function failoverLine(failover: Failover, index: number): readonly [string, string] {
  return [
    `failover ${index + 1}`,
    `leader node ${failover.killedNode} → ${failover.newLeader} (term ${failover.termBefore} → ${failover.termAfter}), ` +
      `killed after ${grouped(failover.handledBefore)} messages: ${duration(failover.withoutServiceMs)} without service; ` +
      `the killed node was back after ${duration(failover.caughtUpMs)}`,
  ];
}

function percentilesText({ p50, p99, max }: Percentiles): string {
  return `p50 ${p50} ms, p99 ${p99} ms, longest ${max} ms`;
}

function causesText(redeliveries: Redeliveries): string {
  const total = Object.values(redeliveries).reduce((sum, count) => sum + count, 0);
  const causes = Object.entries(redeliveries)
    .filter(([, count]) => count > 0)
    .map(([cause, count]) => `${grouped(count)} ${cause === "" ? "without a cause" : cause}`);
  return causes.length === 0 ? "0" : `${grouped(total)} (${causes.join(", ")})`;
}
