// What this project wants to reach, in numbers; docs/performance.md says where they come from. They hold for the sizes that are
// the items' defaults, on two cores; those that are ratios to other systems are in peers/rows.ts.

export interface Target {
  readonly item: string;
  /** Of which case; undefined: each. */
  readonly label?: string;
  readonly figure: string;
  readonly atMost?: number;
  readonly atLeast?: number;
  /** What is promised at any speed: a run that breaks it has failed. */
  readonly isPromise?: boolean;
}

const promised = (item: string): readonly Target[] =>
  ["lost", "doubled", "out_of_order", "redelivered"].map((figure) => ({
    item,
    figure,
    atMost: 0,
    isPromise: true,
  }));

export const targets: readonly Target[] = [
  { item: "closed", figure: "confirm_p99_ms", atMost: 2.5 },
  { item: "e2e", figure: "e2e_p50_ms", atMost: 50 },
  { item: "e2e1k", figure: "e2e_p50_ms", atMost: 1.5 },
  { item: "e2e1k", figure: "e2e_p99_ms", atMost: 6 },
  { item: "keys", label: "100,000 keys", figure: "acked_per_s_ratio", atLeast: 1 / 1.3 },
  { item: "nodes", label: "5 nodes", figure: "acked_per_s_ratio", atLeast: 0.7 },
  { item: "failover", figure: "median_ms", atMost: 300 },
  { item: "failover", figure: "worst_ms", atMost: 600 },
  { item: "hang", figure: "worst_ms", atMost: 1_500 },
  // 400 MB for ten million messages.
  { item: "backlog", figure: "above_empty_mib", atMost: 400e6 / 2 ** 20 },
  { item: "backlog", figure: "start_whole_s", atMost: 10 },
  { item: "backlog", figure: "beside_ratio", atLeast: 0.8 },
  { item: "soak", figure: "p99_of_first_ratio", atMost: 1.25 },
  ...["drain", "failover", "hang"].flatMap(promised),
];

export function targetOf(item: string, label: string, figure: string): Target | undefined {
  return targets.find(
    (target) =>
      target.item === item &&
      target.figure === figure &&
      (target.label === undefined || target.label === label),
  );
}

export function isMet({ atMost, atLeast }: Target, value: number): boolean {
  return value <= (atMost ?? Infinity) && value >= (atLeast ?? -Infinity);
}
