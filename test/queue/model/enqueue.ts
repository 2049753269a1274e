// Messages come in: one by one, many at once all or none, or many each for itself. A group of messages is judged in the
// order in which they come, each as if those before it were there already; the first reason found need not be the one given.

import type { Answer, Command, Enqueued, NewMessage, Refusal } from "../../../queue/index.ts";
import { add, ageLimit, laneNameFor, nextKeySeq, type Extra } from "./messages.ts";
import { publish, publishReasons } from "./publish.ts";
import { windowOf, type Message, type Queue, type Remembered } from "./world.ts";
import type { Topic, World } from "./world.ts";

export const bodyOf = (content: Uint8Array): string => String.fromCharCode(...content);
export const sizeOf = (messages: readonly { readonly body: string }[]): number =>
  messages.reduce((sum, { body }) => sum + body.length, 0);

const aheadMaxMs = 366 * 24 * 60 * 60 * 1000;

/** What its producer asks for, as times. */
export function extraOf(world: World, queue: Queue, { extras }: NewMessage): Extra {
  const now = world.clusterTime;
  const age = ageLimit(world, queue);
  if (extras === undefined) return { expiresAt: age };
  const ends = age === 0 ? [] : [age];
  const { notBefore, delayMs, expiresAt, ttlMs, priority } = extras;
  if (expiresAt > 0) ends.push(expiresAt);
  if (ttlMs > 0) ends.push(now + ttlMs);
  return {
    notBefore: Math.max(notBefore, delayMs > 0 ? now + delayMs : 0),
    expiresAt: ends.length === 0 ? 0 : Math.min(...ends),
    priority,
  };
}

/** What is wrong with a message whatever is in the queue; "": nothing. */
function wrongWith(world: World, queue: Queue, message: NewMessage): string {
  const { ordering, maxMessageBytes, orderedDelay, onExpiry, dedupWindowMs } = queue.options;
  if (ordering === "key" && message.key === "") return "KEY_REQUIRED";
  if (message.content.length > maxMessageBytes) return "TOO_LARGE";
  const { extras } = message;
  if (extras === undefined) return "";
  const now = world.clusterTime;
  const { notBefore, delayMs, expiresAt, ttlMs } = extras;
  if (extras.priority > 0 && ordering !== "none") return "MALFORMED";
  if (notBefore + delayMs > 0 && ordering !== "none" && orderedDelay === "reject") {
    return "DELAY_NOT_ALLOWED";
  }
  if (expiresAt + ttlMs > 0 && onExpiry === "refuse") return "MALFORMED";
  if (extras.dedupId !== "" && dedupWindowMs === 0) return "MALFORMED";
  const ahead = Math.max(notBefore - now, delayMs, expiresAt - now, ttlMs);
  if (ahead > aheadMaxMs) return "MALFORMED";
  return "";
}

/** What a group of messages has added to a queue so far. */
interface Added {
  messages: number;
  bytes: number;
  readonly lanes: Map<string, { messages: number; bytes: number }>;
  readonly dedup: Map<string, Remembered>;
}

/** Messages that go in together. */
export class Group {
  /** Why it is refused: each of these may be the answer. */
  readonly reasons: string[] = [];
  private readonly added = new Map<Queue, Added>();
  private readonly letters = new Map<Queue, Map<string, number>>();
  private readonly topics = new Map<Topic, Map<string, Remembered>>();
  private readonly world: World;
  /** Messages and bytes of each queue that are on their way out, by the same step. */
  private readonly room: ReadonlyMap<Queue, readonly Message[]>;

  constructor(world: World, room: ReadonlyMap<Queue, readonly Message[]> = new Map()) {
    this.world = world;
    this.room = room;
  }

  /** A dead letter of the same step: it has its place before what is enqueued (CT2). */
  arrives(queue: Queue, key: string): void {
    const letters = this.letters.get(queue) ?? new Map<string, number>();
    this.letters.set(queue, letters);
    const lane = laneNameFor(this.world, queue, key, {});
    letters.set(lane, (letters.get(lane) ?? 0) + 1);
  }

  check(queueName: string, message: NewMessage): void {
    const queue = this.world.queues.get(queueName);
    if (queue !== undefined) this.checkQueue(queue, message);
    else if (!this.world.topics.has(queueName)) this.reasons.push("QUEUE_NOT_FOUND");
    else this.reasons.push(...publishReasons(this.world, queueName, message, this));
  }

  private checkQueue(queue: Queue, message: NewMessage): void {
    const wrong = wrongWith(this.world, queue, message);
    if (wrong !== "") {
      this.reasons.push(wrong);
      return;
    }
    const { extras } = message;
    const extra = extraOf(this.world, queue, message);
    const added = this.of(queue);
    const body = bodyOf(message.content);
    const dedupId = extras?.dedupId ?? "";
    const seen = added.dedup.get(dedupId) ?? queue.dedup.get(dedupId);
    if (dedupId !== "" && seen !== undefined) {
      const same = seen.body === body && seen.key === message.key;
      if (!same) this.reasons.push("IDEMPOTENCY_CONFLICT");
      return;
    }
    const past =
      extra.expiresAt !== undefined &&
      extra.expiresAt > 0 &&
      extra.expiresAt <= this.world.clusterTime;
    if (past) this.reasons.push("MALFORMED");
    const lane = laneNameFor(this.world, queue, message.key, extra);
    const inLane =
      (added.lanes.get(lane)?.messages ?? 0) + (this.letters.get(queue)?.get(lane) ?? 0);
    const keySeq = nextKeySeq(queue, lane) + inLane;
    if (extras !== undefined && extras.expectKeySeq > 0 && extras.expectKeySeq !== keySeq) {
      this.reasons.push("KEY_SEQ_MISMATCH");
    }
    this.put(queue, lane, body);
    if (dedupId !== "") {
      added.dedup.set(dedupId, {
        ...windowOf(this.world, 0),
        key: message.key,
        body,
        seq: 0,
        keySeq,
      });
    }
  }

  /** Of a batch without messages: a queue that holds more than it may, its quota being lower now, refuses it too. */
  checkNothing(queueName: string): void {
    const queue = this.world.queues.get(queueName);
    const nothing = { messages: 0, bytes: 0 };
    if (queue !== undefined && this.full(queue, undefined, nothing, nothing)) {
      this.reasons.push("QUEUE_FULL");
    }
  }

  /** Counts a message, and whether it still fits. */
  put(queue: Queue, lane: string, body: string): void {
    const added = this.of(queue);
    const inLane = added.lanes.get(lane) ?? { messages: 0, bytes: 0 };
    added.lanes.set(lane, inLane);
    added.messages++;
    added.bytes += body.length;
    inLane.messages++;
    inLane.bytes += body.length;
    if (this.full(queue, lane, added, inLane)) this.reasons.push("QUEUE_FULL");
  }

  private full(
    queue: Queue,
    lane: string | undefined,
    added: { readonly messages: number; readonly bytes: number },
    inLane: { readonly messages: number; readonly bytes: number },
  ): boolean {
    const { maxMessages, maxBytes, maxMessagesPerKey, maxBytesPerKey } = queue.options;
    const leaving = this.room.get(queue) ?? [];
    const fromLane = leaving.filter((one) => one.lane === lane);
    const there = lane === undefined ? [] : (queue.lanes.get(lane)?.messages ?? []);
    const all = [...queue.lanes.values()].reduce((sum, one) => sum + sizeOf(one.messages), 0);
    const exceeds = (max: number, count: number): boolean => max > 0 && count > max;
    return (
      exceeds(maxMessages, queue.depth - leaving.length + added.messages) ||
      exceeds(maxBytes, all - sizeOf(leaving) + added.bytes) ||
      exceeds(maxMessagesPerKey, there.length - fromLane.length + inLane.messages) ||
      exceeds(maxBytesPerKey, sizeOf(there) - sizeOf(fromLane) + inLane.bytes)
    );
  }

  /** A dedup_id of the same group. */
  published(topic: Topic, dedupId: string): Remembered | undefined {
    return this.topics.get(topic)?.get(dedupId);
  }

  publishes(topic: Topic, dedupId: string, { key, content }: NewMessage): void {
    const seen = this.topics.get(topic) ?? new Map<string, Remembered>();
    this.topics.set(topic, seen);
    seen.set(dedupId, {
      ...windowOf(this.world, 0),
      key,
      body: bodyOf(content),
      seq: 0,
      keySeq: 0,
    });
  }

  private of(queue: Queue): Added {
    const added = this.added.get(queue) ?? {
      ...{ messages: 0, bytes: 0, lanes: new Map(), dedup: new Map() },
    };
    this.added.set(queue, added);
    return added;
  }
}

/** It may come in: it does, and this is what must be answered. */
export function store(
  world: World,
  queueName: string,
  message: NewMessage,
): Omit<Enqueued, "lane"> | undefined {
  const queue = world.queues.get(queueName);
  if (queue === undefined) return publish(world, queueName, message);
  const body = bodyOf(message.content);
  const dedupId = message.extras?.dedupId ?? "";
  const seen = queue.dedup.get(dedupId);
  if (seen !== undefined) {
    queue.count.deduplicated++;
    return { queueId: queue.id, seq: seen.seq, keySeq: seen.keySeq, deduplicated: true };
  }
  const { seq, keySeq } = add(world, queue, message.key, body, extraOf(world, queue, message));
  if (dedupId !== "") {
    const window = windowOf(world, queue.options.dedupWindowMs);
    queue.dedup.set(dedupId, { ...window, key: message.key, body, seq, keySeq });
  }
  return { queueId: queue.id, seq, keySeq };
}

export function judgeEnqueued(
  world: World,
  given: Enqueued | undefined,
  expected: Omit<Enqueued, "lane"> | undefined,
  what: string,
): void {
  const right =
    given?.queueId === expected?.queueId &&
    given?.seq === expected?.seq &&
    given?.keySeq === expected?.keySeq &&
    (given?.deduplicated ?? false) === (expected?.deduplicated ?? false);
  world.expect(right, `${what}: ${JSON.stringify(given)}, expected ${JSON.stringify(expected)}`);
}

export function enqueue(
  world: World,
  command: Command & { kind: "enqueue" },
  answer: Answer | undefined,
): void {
  const { queue, message } = command;
  const group = new Group(world);
  group.check(queue, message);
  if (group.reasons.length > 0) {
    world.refused(answer, group.reasons, "enqueue");
    return;
  }
  const reply = answer?.reply;
  world.answered(answer, "enqueued", "enqueue");
  const given = reply?.kind === "enqueued" ? reply.message : undefined;
  judgeEnqueued(world, given, store(world, queue, message), "enqueue");
}

export function enqueueBatch(
  world: World,
  command: Command & { kind: "enqueue-batch" },
  answer: Answer | undefined,
): void {
  const { queue, messages, perItem = false } = command;
  if (perItem && (world.queues.has(queue) || world.topics.has(queue))) {
    enqueueItems(world, queue, messages, answer);
    return;
  }
  const group = new Group(world);
  for (const message of messages) group.check(queue, message);
  if (messages.length === 0) group.checkNothing(queue);
  if (!world.queues.has(queue) && !world.topics.has(queue)) group.reasons.push("QUEUE_NOT_FOUND");
  if (group.reasons.length > 0) {
    world.refused(answer, group.reasons, "batch");
    return;
  }
  const reply = answer?.reply;
  world.answered(answer, "batch-enqueued", "batch");
  const given = reply?.kind === "batch-enqueued" ? reply.messages : [];
  world.expect(given.length === messages.length, `batch: ${given.length} of ${messages.length}`);
  messages.forEach((message, at) => {
    judgeEnqueued(world, given[at], store(world, queue, message), `batch, message ${at}`);
  });
}

function enqueueItems(
  world: World,
  queue: string,
  messages: readonly NewMessage[],
  answer: Answer | undefined,
): void {
  const reply = answer?.reply;
  world.answered(answer, "items-enqueued", "items");
  const items: readonly (Enqueued | Refusal)[] =
    reply?.kind === "items-enqueued" ? reply.items : [];
  world.expect(items.length === messages.length, `items: ${items.length} of ${messages.length}`);
  messages.forEach((message, at) => {
    const group = new Group(world);
    group.check(queue, message);
    const item = items[at];
    if (group.reasons.length > 0) {
      const reason = item !== undefined && "reason" in item ? item.reason : "none";
      world.expect(
        group.reasons.includes(reason),
        `item ${at}: ${reason}, not ${group.reasons.join()}`,
      );
      return;
    }
    const given = item !== undefined && "queueId" in item ? item : undefined;
    judgeEnqueued(world, given, store(world, queue, message), `item ${at}`);
  });
}
