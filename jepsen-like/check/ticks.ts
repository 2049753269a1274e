// Time as the order of events, which is all of it that linearizability looks at.
//   T1. A call is before another exactly when it returned before the other was invoked: a.ret < b.inv. Else they are concurrent.
//   T2. At equal times invocations come before returns: calls that only touch are concurrent.
//   T3. What never returned returns after everything: Infinity. All other ticks differ from each other.

/** A call as the history tells it. */
export interface Timed {
  readonly inv: number;
  readonly ret: number | null;
}

/** When a call was under way, in ticks. */
export interface Interval {
  readonly inv: number;
  readonly ret: number;
}

export function toTicks(calls: readonly Timed[]): Interval[] {
  const events: { readonly call: number; readonly time: number; readonly returns: boolean }[] = [];
  for (const [call, { inv, ret }] of calls.entries()) {
    events.push({ call, time: inv, returns: false });
    if (ret !== null) events.push({ call, time: ret, returns: true });
  }
  events.sort((a, b) => a.time - b.time || Number(a.returns) - Number(b.returns));
  const intervals = calls.map(() => ({ inv: 0, ret: Infinity }));
  for (const [tick, { call, returns }] of events.entries()) {
    const interval = intervals[call];
    if (interval === undefined) continue;
    if (returns) interval.ret = tick;
    else interval.inv = tick;
  }
  return intervals;
}

/** How many of ascending ticks are below a bound. */
export function countBelow(ticks: ArrayLike<number>, bound: number): number {
  let low = 0;
  let high = ticks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ticks[middle] ?? Infinity) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
