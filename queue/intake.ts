// Messages that come in together, checked one after the other as if those before were there already, and then stored: a batch, or
// the enqueues of a commit.
//   Z1. All of them are stored, or none.

import { assert } from "./assert.ts";
import type { Enqueued, NewMessage, Refusal } from "./command.ts";
import { fingerprintOf, isSame, rememberSeen, seenBefore, type Fingerprint } from "./dedup.ts";
import { append, laneNameFor, quota, quotaRefusal } from "./enqueue.ts";
import { dedupRow, keySeqOutside, subLaneNumber } from "./keys.ts";
import { findLane, laneNameOf } from "./lanes.ts";
import { messageRefusal, passedRefusal, plainTimes, timesOf, type Times } from "./message-rules.ts";
import { publish, targets, topicRefusal } from "./publish.ts";
import { refusal } from "./refusal.ts";
import { Queue, type Lane, type State } from "./state.ts";
import type { Bytes } from "./store.ts";
import type { Topic } from "./topic.ts";

/** What is wrong with a message, whatever else comes in with it. */
export function targetRefusal(
  state: State,
  target: Queue | Topic,
  message: NewMessage,
): Refusal | undefined {
  return target instanceof Queue
    ? messageRefusal(state, target, message)
    : topicRefusal(target, message);
}

/** Where an enqueue goes: queues and topics share their names. */
export function targetNamed(state: State, name: string): Queue | Topic | undefined {
  return state.queues.get(name) ?? state.topics.get(name);
}

/** What is added to a queue or a lane before this batch is there. */
interface Tally {
  messages: number;
  bytes: number;
}

interface LaneTally extends Tally {
  /** key_seqs given. */
  given: number;
  /** The last one of these that is held back, and the runs that they make. */
  blockedLast: number;
  blockedRuns: number;
}

type Plan =
  | {
      readonly kind: "store";
      readonly target: Queue | Topic;
      readonly message: NewMessage;
      readonly times: Times;
      /** Of a message with a dedup_id. */
      readonly fingerprint: Fingerprint | undefined;
    }
  | { readonly kind: "seen"; readonly target: Queue | Topic; readonly message: Enqueued }
  /** The same as an earlier one of these. */
  | { readonly kind: "again"; readonly target: Queue | Topic; readonly plan: number };

export class Intake {
  private readonly state: State;
  private readonly queues = new Map<Queue, Tally>();
  private readonly lanes = new Map<Queue, Map<Bytes, LaneTally>>();
  private readonly dedups = new Map<Bytes, { fingerprint: Fingerprint; plan: number }>();
  private readonly plans: Plan[] = [];

  constructor(state: State) {
    this.state = state;
  }

  /** Makes room: a message of this lane is settled before anything comes in. */
  leave(lane: Lane): void {
    const tally = this.laneTally(lane.queue, lane.name);
    const messages = lane.messages + tally.messages;
    const bytes = Math.floor((lane.bytes + tally.bytes) / messages);
    for (const one of [tally, this.queueTally(lane.queue)]) {
      one.messages--;
      one.bytes -= bytes;
    }
  }

  /** A message gets there before anything comes in, whatever the quotas. */
  arrive(queue: Queue, key: Bytes, bytes: number): void {
    const tally = this.laneTally(queue, laneNameOf(queue, key));
    tally.given++;
    for (const one of [tally, this.queueTally(queue)]) {
      one.messages++;
      one.bytes += bytes;
    }
  }

  /** undefined: it will be stored. What is wrong with the message itself was checked before (targetRefusal). */
  add(target: Queue | Topic, message: NewMessage): Refusal | undefined {
    const dedupId = message.extras?.dedupId ?? "";
    const fingerprint = dedupId === "" ? undefined : fingerprintOf(message);
    if (fingerprint !== undefined) {
      const known = this.known(target, dedupId, fingerprint);
      if (known !== undefined && "reason" in known) return known;
      if (known !== undefined) {
        this.plans.push(known);
        return undefined;
      }
    }
    const times = timesOf(this.state, message.extras);
    const refused =
      target instanceof Queue
        ? (passedRefusal(this.state, message) ??
          this.seqRefusal(target, message, times) ??
          this.roomRefusal(target, message, times))
        : this.publishRefusal(target, message);
    if (refused !== undefined) return refused;
    if (fingerprint !== undefined) {
      this.dedups.set(dedupRow(target.id, dedupId), { fingerprint, plan: this.plans.length });
    }
    this.plans.push({ kind: "store", target, message, times, fingerprint });
    return undefined;
  }

  /** Stores everything that was added. */
  store(): Enqueued[] {
    const stored: Enqueued[] = [];
    for (const plan of this.plans) stored.push(this.carryOut(plan, stored));
    return stored;
  }

  private carryOut(plan: Plan, stored: readonly Enqueued[]): Enqueued {
    if (plan.kind === "store") return this.storeOne(plan);
    if (plan.target instanceof Queue) countSeen(this.state, plan.target);
    if (plan.kind === "seen") return plan.message;
    const first = stored[plan.plan];
    assert(first !== undefined, "Z1: the same as a message that is not there");
    return { ...first, deduplicated: true };
  }

  private storeOne({
    target,
    message,
    times,
    fingerprint,
  }: Extract<Plan, { kind: "store" }>): Enqueued {
    const state = this.state;
    const enqueued =
      target instanceof Queue
        ? append(state, target, message.key, message.content, undefined, times)
        : publish(state, target, message);
    if (fingerprint !== undefined && message.extras !== undefined) {
      const { dedupWindowMs } = target.options;
      rememberSeen(state, message.extras.dedupId, fingerprint, enqueued, dedupWindowMs);
    }
    return enqueued;
  }

  private known(
    target: Queue | Topic,
    dedupId: Bytes,
    fingerprint: Fingerprint,
  ): Plan | Refusal | undefined {
    const earlier = this.dedups.get(dedupRow(target.id, dedupId));
    if (earlier !== undefined) {
      if (!isSame(earlier.fingerprint, fingerprint)) return conflict(target.name);
      return { kind: "again", target, plan: earlier.plan };
    }
    const seen = seenBefore(this.state, target.id, dedupId);
    if (seen === undefined) return undefined;
    if (!isSame(seen, fingerprint)) return conflict(target.name);
    return { kind: "seen", target, message: seen.message };
  }

  /** Every live subscription that the message goes to must take it. */
  private publishRefusal(topic: Topic, { key, content, extras }: NewMessage): Refusal | undefined {
    for (const queue of targets(topic, { key, content, extras })) {
      const plain = { key, content };
      const refused =
        messageRefusal(this.state, queue, plain) ?? this.roomRefusal(queue, plain, plainTimes);
      if (refused !== undefined) return refused;
    }
    return undefined;
  }

  private seqRefusal(queue: Queue, message: NewMessage, times: Times): Refusal | undefined {
    const expected = message.extras?.expectKeySeq ?? 0;
    if (expected === 0) return undefined;
    const name = laneNameFor(queue, message.key, times);
    const lane = findLane(this.state, queue, name);
    const inLane = (lane?.tail ?? 0) + this.laneTally(queue, name).given + 1;
    const next = queue.unordered ? keySeqOutside(subLaneNumber(name), inLane) : inLane;
    if (next === expected) return undefined;
    const text = `the message would get key_seq ${next}, not ${expected}`;
    const refused = refusal("KEY_SEQ_MISMATCH", text, "expect_key_seq");
    return { ...refused, currentKeySeq: next };
  }

  /** Quotas of the queue and of the key, and what else is bounded. Counts the message when there is room. */
  private roomRefusal(
    queue: Queue,
    { key, content }: NewMessage,
    times: Times,
  ): Refusal | undefined {
    const state = this.state;
    const size = content.length;
    const total = this.queueTally(queue);
    const full = quotaRefusal(state, queue, total.messages + 1, total.bytes + size);
    if (full !== undefined) return full;
    const name = laneNameFor(queue, key, times);
    const lane = findLane(state, queue, name);
    const tally = this.laneTally(queue, name);
    const { maxMessagesPerKey, maxBytesPerKey } = queue.options;
    const messages = (lane?.messages ?? 0) + tally.messages;
    if (maxMessagesPerKey > 0 && messages + 1 > maxMessagesPerKey) {
      return quota(state, `the key holds ${messages} of ${maxMessagesPerKey} messages`, "key");
    }
    const bytes = (lane?.bytes ?? 0) + tally.bytes;
    if (maxBytesPerKey > 0 && bytes + size > maxBytesPerKey) {
      return quota(state, `the key holds ${bytes} of ${maxBytesPerKey} bytes`, "key");
    }
    const keySeq = (lane?.tail ?? 0) + tally.given + 1;
    if (times.notBefore > 0 && !queue.unordered) {
      const last = Math.max(lane?.blocked?.last ?? 0, tally.blockedLast);
      const runs = (lane?.blocked?.count ?? 0) + tally.blockedRuns;
      const grows = last === 0 || last !== keySeq - 1;
      const { spansPerLaneMax, retryAfterMs } = state.rules;
      if (grows && runs >= spansPerLaneMax) {
        const text = `the key is held back at ${runs} places already`;
        return refusal("TOO_MANY_IN_FLIGHT", text, "key", retryAfterMs);
      }
      tally.blockedLast = keySeq;
      if (grows) tally.blockedRuns++;
    }
    tally.given++;
    for (const one of [tally, total]) {
      one.messages++;
      one.bytes += size;
    }
    return undefined;
  }

  private queueTally(queue: Queue): Tally {
    let tally = this.queues.get(queue);
    if (tally === undefined) {
      tally = { messages: 0, bytes: 0 };
      this.queues.set(queue, tally);
    }
    return tally;
  }

  private laneTally(queue: Queue, name: Bytes): LaneTally {
    let lanes = this.lanes.get(queue);
    if (lanes === undefined) {
      lanes = new Map();
      this.lanes.set(queue, lanes);
    }
    let tally = lanes.get(name);
    if (tally === undefined) {
      tally = { messages: 0, bytes: 0, given: 0, blockedLast: 0, blockedRuns: 0 };
      lanes.set(name, tally);
    }
    return tally;
  }
}

function countSeen(state: State, queue: Queue): void {
  queue.deduplicated++;
  state.changedQueue(queue);
}

function conflict(name: string): Refusal {
  const text = `${name} has seen this dedup_id with another key or content`;
  return refusal("IDEMPOTENCY_CONFLICT", text, "dedup_id");
}
