// Counters of the log, for whoever exports them. They only grow.

export interface LogCounters {
  /** Groups written: one write and one fdatasync each. */
  readonly groups: number;
  readonly appends: number;
  readonly entries: number;
  readonly bytes: number;
  /** Time of write and fdatasync, summed over groups. Unit: that of the clock given, milliseconds by default. */
  readonly groupTime: number;
  /** groupSizes[n]: groups with 2^n to 2^(n+1)-1 appends; the last one counts all above. */
  readonly groupSizes: readonly number[];
}

export class LogMetrics {
  private groups = 0;
  private appends = 0;
  private entries = 0;
  private bytes = 0;
  private groupTime = 0;
  private readonly groupSizes = new Array<number>(12).fill(0);

  group(appends: number, entries: number, bytes: number, time: number): void {
    this.groups++;
    this.appends += appends;
    this.entries += entries;
    this.bytes += bytes;
    this.groupTime += time;
    const size = Math.min(31 - Math.clz32(appends), this.groupSizes.length - 1);
    this.groupSizes[size] = (this.groupSizes[size] ?? 0) + 1;
  }

  get counters(): LogCounters {
    const { groups, appends, entries, bytes, groupTime } = this;
    return { groups, appends, entries, bytes, groupTime, groupSizes: [...this.groupSizes] };
  }
}
