// What the queues hold after each entry, as far as it is certain: this checker's own idea of the contract (semantics.md), made from
// the log and from what clients were told. Where only time decides, or a command whose outcome nobody learned, it says "maybe".
//   W1. What is certain stays certain. A message that may have left is never again said to be there.
//   W2. Tokens are one rising count over all queues (P5): a grant after this moment has a higher token than each that was used before.

import type { QueueRules } from "./log.ts";

/** A count that is known up to commands of unknown outcome. */
export class Count {
  low = 0;
  high = 0;

  /** One more, certainly. Returns its number if it is certain; `known`: the number that somebody was told. */
  add(known?: number): number | undefined {
    const certain = this.low === this.high;
    this.low = known ?? this.low + 1;
    this.high = known ?? this.high + 1;
    return known ?? (certain ? this.low : undefined);
  }

  /** One more, or not. */
  maybe(): void {
    this.high++;
  }

  /** Any number more: nobody here counts them. */
  open(): void {
    this.high = Infinity;
  }

  /** Whether the next one can have this number. */
  fits(next: number): boolean {
    return next > this.low && next <= this.high + 1;
  }

  get next(): string {
    if (this.low === this.high) return String(this.low + 1);
    return this.high === Infinity ? `more than ${this.low}` : `${this.low + 1} to ${this.high + 1}`;
  }
}

export interface Message {
  readonly key: string;
  readonly keySeq: number;
  readonly body: string;
  /** Cluster time of its coming, and its entry. */
  readonly time: number;
  readonly index: number;
  /** "maybe": it may have left (W1). "parked": certainly, until somebody decides. */
  state: "there" | "parked" | "maybe" | "gone";
  /** It may go at any time, by its own wish. */
  readonly mortal: boolean;
  /** Failures that may have been counted. Those by time are not in it. */
  nacksMax: number;
  /** And those that certainly were. */
  nacks: number;
  /** The highest token whose lease is certainly over. */
  ended: number;
  /** Each of its tokens is higher (W2). */
  after: number;
  /** Entry and token that took it out; 0: nothing certain did. */
  goneAt: number;
  goneBy: number;
}

export interface Lane {
  readonly last: Count;
  readonly messages: Map<number, Message>;
  /** Nothing below is certainly there. */
  first: number;
}

export interface Named {
  readonly key: string;
  readonly body: string;
  readonly seq: number | undefined;
  readonly keySeq: number | undefined;
  readonly index: number;
  /** By the clock of its entry, until when it counts. */
  readonly until: number;
  readonly certain: boolean;
}

export class QueueModel {
  readonly name: string;
  readonly rules: QueueRules;
  readonly seq = new Count();
  readonly acked = new Count();
  readonly lanes = new Map<string, Lane>();
  /** By dedup_id. */
  readonly named = new Map<string, Named>();
  /** Why it is not judged; empty: it is. */
  loose = "";
  /** Dead letters of other queues come in: numbers are only known to grow. */
  takesLetters = false;
  /** The shortest lease that anybody asked for. Milliseconds. */
  leaseMs: number;
  /** The last entry that may have changed it. */
  changed = 0;

  constructor(name: string, rules: QueueRules) {
    this.name = name;
    this.rules = rules;
    this.leaseMs = rules.leaseMs;
  }

  get isOrdered(): boolean {
    return this.rules.ordering !== "none" && this.rules.maxInFlightPerKey <= 1;
  }

  laneOf(key: string): string {
    return this.rules.ordering === "key" ? key : "";
  }

  lane(key: string): Lane {
    const name = this.laneOf(key);
    let lane = this.lanes.get(name);
    if (lane === undefined) {
      lane = { last: new Count(), messages: new Map(), first: 1 };
      this.lanes.set(name, lane);
    }
    return lane;
  }

  /** Whether it is certainly there, at this cluster time (W1). */
  isThere(message: Message, time: number): boolean {
    if (message.state === "parked") return true;
    if (message.state !== "there") return false;
    if (!this.mayHaveLeft(message, time)) return true;
    message.state = "maybe";
    return false;
  }

  private mayHaveLeft({ mortal, nacksMax, time: came }: Message, time: number): boolean {
    if (mortal || this.rules.expires) return true;
    if (this.rules.onExhausted === "park") return false;
    const expired = Math.floor((time - came) / Math.max(1, this.leaseMs));
    return nacksMax + expired >= this.rules.maxAttempts;
  }

  /** The first message of the lane that is certainly there, if it is before `below`. */
  firstThere(lane: Lane, below: number, time: number): Message | undefined {
    for (; lane.first < below; lane.first++) {
      const message = lane.messages.get(lane.first);
      if (message !== undefined && this.isThere(message, time)) return message;
    }
    return undefined;
  }
}

export class Model {
  readonly queues = new Map<string, QueueModel>();
  /** The highest token that a settlement has proved to be given (W2). */
  proved = 0;
  /** Names that are no queues, or queues that came about in a way that is not modelled. */
  readonly strange = new Set<string>();
  readonly #letterQueues = new Set<string>();

  create(name: string, rules: QueueRules, index: number): void {
    if (this.queues.has(name)) return;
    const queue = new QueueModel(name, rules);
    queue.changed = index;
    if (this.strange.has(name)) queue.loose = "it was there before";
    queue.takesLetters = this.#letterQueues.has(name);
    this.queues.set(name, queue);
    const target = rules.deadLetterQueue;
    if (target === "") return;
    this.#letterQueues.add(target);
    const letters = this.queues.get(target);
    if (letters !== undefined) letters.takesLetters = true;
  }

  /** `name` empty: all of them. */
  meddle(name: string, index: number): void {
    const targets = name === "" ? [...this.queues.keys()] : [name];
    for (const target of targets) {
      this.strange.add(target);
      const queue = this.queues.get(target);
      if (queue === undefined) continue;
      queue.loose = `entry ${index} did to it what is not modelled`;
      queue.changed = index;
    }
  }

  isJudged(name: string): boolean {
    return this.queues.get(name)?.loose === "";
  }
}
