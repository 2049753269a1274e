// What the model remembers: everything that ever happened and still matters, in plain arrays and maps.

import type { Answer, Completion, DeadLetter, Filter, Grant } from "../../../queue/index.ts";
import type { HistoryEvent, QueueEvent, QueueOptions, Reply } from "../../../queue/index.ts";
import type { TopicOptions } from "../../../queue/index.ts";

export type MessageState = "ready" | "delayed" | "leased" | "retrying" | "parked" | "settled";

/** Where a dead letter comes from, and why. */
export interface Letter {
  readonly cause: DeadLetter["cause"];
  readonly attempts: number;
  readonly error: string;
  readonly queue: string;
  readonly queueId: number;
  readonly lane: string;
  readonly number: number;
}

export interface Message {
  /** As the API says it; `number` counts within the lane. They differ in queues without order, where a lane is a priority. */
  readonly keySeq: number;
  readonly number: number;
  readonly key: string;
  readonly lane: string;
  readonly seq: number;
  body: string;
  state: MessageState;
  /** Delivered once, or put back: it is before everything that was never delivered. */
  begun: boolean;
  token: number;
  attempts: number;
  deliveries: number;
  ended: Grant["redelivery"];
  /** Of the last failure. */
  error: string;
  deadline: number;
  leaseMs: number;
  /** Of the lease; cluster time of the delivery, and the bytes that count for the consumer's credit. */
  session: number;
  consumer: number;
  countedBytes: number;
  readonly letter: Letter | undefined;
  readonly notBefore: number;
  /** 0: it does not expire. */
  expiresAt: number;
  /** Its time came while it was leased: it does not come back. */
  overdue: boolean;
  readonly priority: number;
}

export interface Lane {
  /** Messages that ever came. */
  count: number;
  /** Those that are not settled, by number. */
  readonly messages: Message[];
  /** How those that are settled were: by which token. */
  readonly settled: Map<number, { readonly token: number; readonly by: string }>;
  lastSettled: number;
}

export interface Subscription {
  readonly topic: string;
  readonly filter: Filter;
  /** Next sequence of the topic that it gets from what is retained; 0: it gets what is published. */
  catchingUpFrom: number;
  /** What was published before is passed over. */
  fromTime: number;
}

export const counters = {
  ...{ enqueued: 0, acked: 0, deadLettered: 0, discarded: 0, expired: 0, cancelled: 0 },
  ...{ skipped: 0, redriven: 0, deduplicated: 0 },
};

export interface Queue {
  readonly name: string;
  readonly id: number;
  options: QueueOptions;
  revision: number;
  /** Whose options were compared. */
  comparedRevision: number;
  readonly lanes: Map<string, Lane>;
  /** Messages that are not settled. */
  depth: number;
  /** Those that are leased, and those that wait for another try. */
  readonly timed: Set<Message>;
  /** Those that are delayed or may expire. */
  readonly dated: Set<Message>;
  readonly pausedLanes: Set<string>;
  readonly dedup: Map<string, Remembered>;
  readonly count: typeof counters;
  readonly redelivered: Record<Exclude<Grant["redelivery"], "">, number>;
  /** Of messages, by lane and number. */
  readonly stories: Map<string, Story>;
  /** How long stories are kept was changed: what was settled before, and put back, may be forgotten early. */
  storiesChanged: boolean;
  /** Session that it goes with; 0: none. */
  readonly owner: number;
  subscription: Subscription | undefined;
}

/** What happened to a message. */
export interface Story {
  readonly events: HistoryEvent[];
  /** When it is forgotten; Infinity while the message is there. */
  over: number;
  /** The end of it may be all that is left. */
  doubtful: boolean;
}

/** Windows are counted by the lease clock from this version of the rules on. */
export function windowOf(world: World, ms: number): Pick<Remembered, "byLeaseClock" | "expires"> {
  const byLeaseClock = world.version >= 3;
  return { byLeaseClock, expires: ms + (byLeaseClock ? world.clock : world.clusterTime) };
}

/** How long a window goes on. */
export function leftOf(world: World, { byLeaseClock, expires }: Remembered): number {
  return expires - (byLeaseClock ? world.clock : world.clusterTime);
}

/** A dedup_id that was seen. */
export interface Remembered {
  readonly byLeaseClock: boolean;
  readonly expires: number;
  readonly key: string;
  readonly body: string;
  readonly seq: number;
  readonly keySeq: number;
}

export interface Consumer {
  readonly queue: Queue;
  readonly credit: number;
  readonly creditBytes: number;
  readonly leaseMs: number;
  /** undefined: all. */
  readonly keys: readonly string[] | undefined;
}

/** A receive that waits. */
export interface Wait {
  readonly queue: Queue;
  readonly max: number;
  readonly maxBytes: number;
  readonly deadline: number;
  readonly leaseMs: number;
  readonly keys: readonly string[] | undefined;
  deleted: boolean;
}

export interface Session {
  readonly id: number;
  readonly name: string;
  readonly ttlMs: number;
  lastSeen: number;
  last: number;
  floor: number;
  attached: boolean;
  readonly answers: Map<number, Answer>;
  readonly consumers: Map<number, Consumer>;
  readonly receives: Map<number, Wait>;
}

export interface Published {
  readonly seq: number;
  readonly key: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly time: number;
}

export interface Topic {
  readonly name: string;
  readonly id: number;
  options: TopicOptions;
  revision: number;
  last: number;
  /** What is retained, in order. */
  readonly retained: Published[];
  readonly dedup: Map<string, Remembered>;
}

/** What an entry caused and the model has not accounted for yet. */
export interface Happened {
  readonly grants: Grant[];
  readonly completions: Completion[];
  /** Sessions that must have ended, in that order. */
  readonly ended: number[];
}

export class World {
  readonly queues = new Map<string, Queue>();
  readonly topics = new Map<string, Topic>();
  readonly sessions = new Map<number, Session>();
  clusterTime = 0;
  /** Of the rules. */
  version = 0;
  /** For leases, retries, sessions and waits: stands still while nobody leads. */
  clock = 0;
  /** The newest fencing token. */
  token = 0;
  nextSession = 1;
  /** Of queues and topics. */
  nextQueue = 1;
  index = 0;
  /** Whether all messages have the same size: then bytes can be predicted, since the queue remembers sums only. */
  equalSizes = false;
  /** What the consumers of a queue must have been told in this entry. */
  readonly events: QueueEvent[] = [];
  /** Receives that must be answered now: their wait is over, their session, or their queue. */
  readonly over = new Map<string, "empty" | "expired">();
  /** Everything that was wrong. */
  readonly faults: string[] = [];

  expect(holds: boolean, what: string): void {
    if (!holds) this.faults.push(`entry ${this.index}: ${what}`);
  }

  /** The answer is of this kind. */
  answered(answer: Answer | undefined, kind: Reply["kind"], what: string): void {
    if (answer?.reply.kind === kind) return;
    this.expect(false, `${what}: ${JSON.stringify(answer?.reply)}, expected ${kind}`);
  }

  /** The answer is a refusal for this reason, or one of these. */
  refused(answer: Answer | undefined, reason: string | readonly string[], what: string): void {
    const reply = answer?.reply;
    const given = reply?.kind === "refused" ? reply.refusal.reason : (reply?.kind ?? "nothing");
    const reasons = typeof reason === "string" ? [reason] : reason;
    this.expect(reasons.includes(given), `${what}: ${given}, expected ${reasons.join(" or ")}`);
  }
}

/** Deadlines are kept to 16 ms. */
export const ceil16 = (time: number): number => Math.ceil(time / 16) * 16;
