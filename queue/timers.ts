// What is to happen when the lease clock gets there: leases end, retries become ready, sessions expire, receives give up.
//   T1. A deadline is on the lease clock and is rounded up to timerStepMs; a timer fires at the first entry whose lease clock has reached it.
//   T2. Timers fire in the order (deadline, rank, id), whatever the order in which they were set, so that replicas agree (G1).
//   T3. Setting and clearing are O(1): fifty thousand leases a second of thirty seconds each leave no garbage.

import { assert } from "./assert.ts";
import { Heap } from "./heap.ts";

export const timerStepMs = 16;

/** Something that waits for the lease clock. */
export abstract class Timer {
  /** On the lease clock. Meaningful while the timer is set; kept by its owner afterwards. */
  deadline = 0;
  bucket: Bucket | undefined = undefined;
  sooner: Timer | undefined = undefined;
  later: Timer | undefined = undefined;
  /** Order among the kinds of timers that share a deadline. */
  abstract readonly rank: number;
  /** Order within one kind. */
  abstract get order(): number;
}

interface Bucket {
  readonly slot: number;
  first: Timer | undefined;
}

/** Where timers are while their bucket fires: one that leaves it in the meantime does not fire. */
const firing: Bucket = { slot: -1, first: undefined };

export function deadlineAfter(clock: number, delayMs: number): number {
  return Math.ceil((clock + delayMs) / timerStepMs) * timerStepMs;
}

export class Timers {
  private readonly buckets = new Map<number, Bucket>();
  private readonly slots = new Heap();
  private occupied = 0;
  count = 0;

  /** `deadline` as given by deadlineAfter. */
  set(timer: Timer, deadline: number): void {
    assert(timer.bucket === undefined, "T2: set twice");
    assert(deadline % timerStepMs === 0, "T1: a deadline between two steps");
    const slot = deadline / timerStepMs;
    let bucket = this.buckets.get(slot);
    if (bucket === undefined) {
      if (this.slots.size > 64 + 2 * this.occupied) this.sweep();
      bucket = { slot, first: undefined };
      this.buckets.set(slot, bucket);
      this.slots.push(slot);
    }
    const first = bucket.first;
    if (first === undefined) this.occupied++;
    else first.sooner = timer;
    timer.later = first;
    bucket.first = timer;
    timer.bucket = bucket;
    timer.deadline = deadline;
    this.count++;
  }

  /** Harmless when it is not set. */
  clear(timer: Timer): void {
    const bucket = timer.bucket;
    if (bucket === undefined) return;
    timer.bucket = undefined;
    if (bucket === firing) return;
    const { sooner, later } = timer;
    if (sooner === undefined) bucket.first = later;
    else sooner.later = later;
    if (later !== undefined) later.sooner = sooner;
    timer.sooner = undefined;
    timer.later = undefined;
    if (bucket.first === undefined) this.occupied--;
    this.count--;
  }

  /** Fires everything due at `clock`. What `fire` sets anew must lie later than its own deadline. */
  advance(clock: number, fire: (timer: Timer) => void): void {
    for (;;) {
      const slot = this.slots.least;
      if (slot === undefined || slot * timerStepMs > clock) return;
      this.slots.pop();
      const bucket = this.buckets.get(slot);
      this.buckets.delete(slot);
      if (bucket?.first === undefined) continue;
      const due = members(bucket);
      this.occupied--;
      this.count -= due.length;
      for (const timer of due) {
        timer.sooner = undefined;
        timer.later = undefined;
        timer.bucket = firing;
      }
      due.sort((a, b) => a.rank - b.rank || a.order - b.order);
      for (const timer of due) {
        if (timer.bucket !== firing) continue;
        timer.bucket = undefined;
        fire(timer);
      }
    }
  }

  /** What advance would fire, in no order; fires nothing. */
  due(clock: number): readonly Timer[] {
    const least = this.slots.least;
    if (least === undefined || least * timerStepMs > clock) return none;
    const due: Timer[] = [];
    for (const slot of this.slots.values()) {
      if (slot * timerStepMs > clock) continue;
      const bucket = this.buckets.get(slot);
      if (bucket !== undefined) for (const timer of members(bucket)) due.push(timer);
    }
    return due;
  }

  /** Deadline of the earliest timer. */
  next(): number | undefined {
    for (;;) {
      const slot = this.slots.least;
      if (slot === undefined) return undefined;
      if (this.buckets.get(slot)?.first !== undefined) return slot * timerStepMs;
      this.slots.pop();
      this.buckets.delete(slot);
    }
  }

  /** Drops empty buckets. Called when they are the majority: O(1) per bucket made. */
  private sweep(): void {
    for (const [slot, bucket] of this.buckets) {
      if (bucket.first === undefined) this.buckets.delete(slot);
    }
    this.slots.replace([...this.buckets.keys()]);
  }
}

const none: readonly Timer[] = [];

function members(bucket: Bucket): Timer[] {
  const all: Timer[] = [];
  for (let timer = bucket.first; timer !== undefined; timer = timer.later) all.push(timer);
  return all;
}
