// The lines of the comparison: which figure of a measurement they show, and what this project wants it to be. Where these numbers
// come from docs/performance.md says.

/** One line of the scripts' results.jsonl. */
export interface ResultLine {
  readonly system: string;
  readonly item: string;
  readonly size: number;
  readonly error?: string;
  readonly [figure: string]: unknown;
}

export interface Row {
  readonly says: string;
  readonly item: string;
  readonly size: number;
  readonly figure: string;
  /** Of all repetitions; default: the median. */
  readonly of?: "median" | "max" | "sum";
  readonly isMoreBetter: boolean;
  /** Of the first thing that a new cluster did: memory of one that has worked says something else. */
  readonly isFresh?: boolean;
  /** Ours over theirs: at least so much where more is better, else at most. */
  readonly ratios?: Readonly<Record<string, number>>;
  /** Ours itself, in the same way. */
  readonly limit?: number;
}

const enqueue = (size: number, rabbitmq: number, redis: number): Row => ({
  says: `enqueue, 1,000 outstanding, ${size} B: /s`,
  item: "pipelined",
  size,
  figure: "rate",
  isMoreBetter: true,
  ratios: { rabbitmq, redis },
});

const time = (says: string, item: string, figure: string, wanted: Partial<Row> = {}): Row => ({
  says,
  item,
  size: 256,
  figure,
  isMoreBetter: false,
  ...wanted,
});

export const rows: readonly Row[] = [
  enqueue(256, 6, 2),
  enqueue(1_024, 4, 2),
  time("one at a time: p50 ms", "closed", "lat_p50", { ratios: { redis: 1 } }),
  time("one at a time: p99 ms", "closed", "lat_p99", { limit: 2.5 }),
  time("one at a time: p99.9 ms", "closed", "lat_p999"),
  {
    says: "end to end, saturated, 256 B: acked/s",
    item: "e2e",
    size: 256,
    figure: "ackRate",
    isMoreBetter: true,
    ratios: { rabbitmq: 7, redis: 2 },
  },
  time("the same: p50 ms", "e2e", "e2e_p50", { limit: 50 }),
  time("the same: CPU s of the servers per 100,000", "e2e", "cpuPer100k", {
    ratios: { redis: 1 },
  }),
  time("end to end at 1,000/s: p50 ms", "e2e1k", "e2e_p50", { limit: 1.5 }),
  time("end to end at 1,000/s: p99 ms", "e2e1k", "e2e_p99", { limit: 6 }),
  {
    says: "drain of 200,000: /s",
    item: "drain",
    size: 256,
    figure: "drainRate",
    isMoreBetter: true,
    ratios: { rabbitmq: 4, redis: 2 },
  },
  time("memory of a waiting message, three nodes: bytes", "drain", "bytesPerMsgAllNodes", {
    isFresh: true,
  }),
  time("leader killed, median: ms", "failover", "unavailableMs", { limit: 300 }),
  time("leader killed, worst: ms", "failover", "unavailableMs", { of: "max", limit: 600 }),
  time("confirmed and lost", "failover", "lost", { of: "sum", limit: 0 }),
  time("stored twice", "failover", "duplicates", { of: "sum", limit: 0 }),
];
