// Looking into a queue without taking anything: messages, their history, keys (O6).

import type { UnaryMethod } from "./channel.ts";
import type { DeadLetterInfo } from "./delivery.ts";
import { integer, type SignalOptions } from "./options.ts";
import type { Decoder } from "./schema.ts";
import { callLeader, type UnaryParts } from "./unary.ts";

export type MessageState = "READY" | "DELAYED" | "LEASED" | "RETRYING" | "PARKED";

/** Names a message within its queue; a Message or a MessageInfo does so as well. */
export interface MessageRef {
  readonly key: string;
  readonly keySeq: number;
}

export interface ReadOptions extends SignalOptions {
  /** What the asked node has applied, instead of everything acknowledged before the call. */
  readonly stale?: boolean | undefined;
}

export interface PeekOptions extends ReadOptions {
  /** Only of this key; default: of all. */
  readonly key?: string | undefined;
}

export interface PageOptions {
  /** 1 to 1,000; default 100. */
  readonly max?: number | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
}

export interface KeysOptions extends ReadOptions {
  /** Only keys that have a message in this state. */
  readonly state?: MessageState | undefined;
  /** Only paused keys. */
  readonly paused?: boolean | undefined;
  /** The keys with most messages first; then there is one page only. Default: by name. */
  readonly byBacklog?: boolean | undefined;
}

export interface Page<T> {
  readonly items: T[];
  /** Empty: that was all. */
  readonly next: string;
}

export interface KeyInfo {
  readonly key: string;
  readonly messages: number;
  readonly bytes: number;
  readonly leased: number;
  readonly retrying: number;
  readonly parked: number;
  readonly delayed: number;
  readonly paused: boolean;
  /** The last key_seq that was given. */
  readonly lastKeySeq: number;
  /** The first that is not settled; 0: all are. */
  readonly firstKeySeq: number;
}

export interface HistoryEvent {
  /** enqueued, delivered, acked, nacked, released, rejected, lease-expired, session-ended, parked, retried, replaced, … */
  readonly kind: string;
  readonly logIndex: number;
  /** Cluster time in milliseconds since 1970. */
  readonly time: number;
  /** Of a delivery, and of what ended it; else 0. */
  readonly fencingToken: number;
  readonly sessionId: string;
  readonly sessionName: string;
  readonly consumer: number;
  readonly error: string;
  /** Of what ended a delivery: how long it took. */
  readonly durationMs: number;
}

interface WireContent {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly correlationId: string;
  readonly replyTo: string;
  readonly traceparent: string;
}

interface WireMessage {
  readonly queue: string;
  readonly key: string;
  readonly keySeq: number;
  readonly seq: number;
  readonly messageId: string;
  readonly state: MessageState;
  readonly attempts: number;
  readonly deliveries: number;
  readonly error: string;
  readonly logIndex: number;
  readonly enqueuedAtMs: number;
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
  readonly priority: number;
  readonly content: WireContent | null;
  readonly deadLetter: DeadLetterInfo | null;
}

const noContent: WireContent = {
  body: new Uint8Array(0),
  headers: {},
  contentType: "",
  correlationId: "",
  replyTo: "",
  traceparent: "",
};

/** A message as it lies in its queue. Times are milliseconds since 1970, cluster time; 0: none. */
export class MessageInfo<T> {
  readonly queue: string;
  readonly key: string;
  readonly keySeq: number;
  readonly seq: number;
  readonly messageId: string;
  readonly state: MessageState;
  readonly attempts: number;
  readonly deliveries: number;
  /** Of the last failure. */
  readonly error: string;
  readonly logIndex: number;
  readonly enqueuedAt: number;
  readonly notBefore: number;
  readonly expiresAt: number;
  readonly priority: number;
  readonly deadLetter: DeadLetterInfo | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly correlationId: string;
  readonly replyTo: string;
  readonly traceparent: string;
  readonly body: Uint8Array;
  readonly #format: Decoder<T>;

  constructor(wire: object, format: Decoder<T>) {
    const message = wire as WireMessage;
    const content = message.content ?? noContent;
    this.queue = message.queue;
    this.key = message.key;
    this.keySeq = message.keySeq;
    this.seq = message.seq;
    this.messageId = message.messageId;
    this.state = message.state;
    this.attempts = message.attempts;
    this.deliveries = message.deliveries;
    this.error = message.error;
    this.logIndex = message.logIndex;
    this.enqueuedAt = message.enqueuedAtMs;
    this.notBefore = message.notBeforeMs;
    this.expiresAt = message.expiresAtMs;
    this.priority = message.priority;
    this.deadLetter = message.deadLetter ?? undefined;
    this.headers = content.headers;
    this.contentType = content.contentType;
    this.correlationId = content.correlationId;
    this.replyTo = content.replyTo;
    this.traceparent = content.traceparent;
    this.body = content.body;
    this.#format = format;
  }

  /** @throws {QueueError} reason CODEC or SCHEMA */
  get value(): T {
    return this.#format.decode(this.body);
  }
}

export async function peekPage<T>(
  parts: UnaryParts,
  queue: string,
  format: Decoder<T>,
  options: PeekOptions & PageOptions,
): Promise<Page<MessageInfo<T>>> {
  const { reply } = await read(parts, "Peek", options, {
    queue,
    ...(options.key === undefined ? {} : { key: options.key }),
    maxMessages: pageSize(options),
    after: options.after ?? "",
  });
  const { messages, next } = reply as { messages: object[]; next: string };
  return { items: messages.map((message) => new MessageInfo(message, format)), next };
}

export async function keysPage(
  parts: UnaryParts,
  queue: string,
  options: KeysOptions & PageOptions,
): Promise<Page<KeyInfo>> {
  const { reply } = await read(parts, "ListKeys", options, {
    queue,
    state: options.state ?? "MESSAGE_STATE_UNSPECIFIED",
    paused: options.paused ?? false,
    byBacklog: options.byBacklog ?? false,
    maxKeys: pageSize(options),
    after: options.after ?? "",
  });
  const { keys, next } = reply as { keys: KeyInfo[]; next: string };
  return { items: keys, next };
}

/** All pages, one after the other: the next is asked for when this one has been gone through. */
export async function* everyItem<T>(
  pageAfter: (after: string) => Promise<Page<T>>,
): AsyncGenerator<T, undefined> {
  for (let after = ""; ;) {
    const page = await pageAfter(after);
    yield* page.items;
    if (page.next === "") return undefined;
    after = page.next;
  }
}

/** `ref`: `{ queue, key, keySeq }` or `{ messageId }`. */
export async function getMessage<T>(
  parts: UnaryParts,
  ref: object,
  format: Decoder<T>,
  options: ReadOptions,
): Promise<MessageInfo<T>> {
  const { reply } = await read(parts, "GetMessage", options, ref);
  return new MessageInfo((reply as { message: object }).message, format);
}

export async function getHistory(
  parts: UnaryParts,
  ref: object,
  options: ReadOptions,
): Promise<HistoryEvent[]> {
  const { reply } = await read(parts, "GetMessageHistory", options, ref);
  const { events } = reply as { events: (Omit<HistoryEvent, "time"> & { timeMs: number })[] };
  return events.map(({ timeMs, ...event }) => ({ ...event, time: timeMs }));
}

/** What `ref` says of a message; fields that it may have besides are left out. */
export function refIn(queue: string, { key, keySeq }: MessageRef): object {
  return { queue, key, keySeq: integer("keySeq", keySeq, 1, Number.MAX_SAFE_INTEGER) };
}

function read(
  parts: UnaryParts,
  method: UnaryMethod,
  { stale = false, signal }: ReadOptions,
  request: object,
): ReturnType<typeof callLeader> {
  const consistency = stale ? "STALE" : "LINEARIZABLE";
  return callLeader(parts, method, { ...request, consistency }, signal);
}

function pageSize({ max = 100 }: PageOptions): number {
  return integer("max", max, 1, 1_000);
}
