// Topics and subscriptions as resources: unary calls, in plain objects. Publishing is in topic.ts.

import {
  integer,
  timeMs,
  type Filter,
  type ListOptions,
  type QueueInfo,
  type QueueOptions,
  type Time,
} from "./options.ts";
import { listAll } from "./listing.ts";
import { callOnce } from "./own-session.ts";
import { filterToWire, given, queueInfoFromWire, queueOptionsToWire } from "./queue-info.ts";
import { callLeader, type UnaryParts } from "./unary.ts";

export interface TopicOptions {
  /** How long a message is kept for replay. 0: no bound (default), to 366 days. Both 0: nothing is kept. */
  readonly retentionMs?: number | undefined;
  /** How much is kept for replay. 0: no bound (default). */
  readonly retentionBytes?: number | undefined;
  /** 1 to 4,194,304; default 1,048,576. */
  readonly maxMessageBytes?: number | undefined;
  /** How long a `dedupId` is remembered. 0: not allowed (default), to 7 days. */
  readonly dedupWindowMs?: number | undefined;
  /** Replaces all labels. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface TopicInfo {
  readonly id: number;
  readonly name: string;
  readonly options: {
    readonly retentionMs: number;
    readonly retentionBytes: number;
    readonly maxMessageBytes: number;
    readonly dedupWindowMs: number;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly revision: number;
  /** Milliseconds since 1970, cluster time. */
  readonly createdAtMs: number;
  /** The last sequence that was published. */
  readonly lastSequence: number;
  /** The first that is retained; lastSequence + 1: none is. */
  readonly firstSequence: number;
  /** That are retained. */
  readonly bytes: number;
  readonly subscriptions: readonly string[];
}

/** What a subscription gets first: what is published from now on, all that is retained, or from a place or a time on. */
export type StartFrom =
  "now" | "earliest" | { readonly sequence: number } | { readonly time: Time };

export interface SubscriptionOptions extends QueueOptions {
  readonly topic: string;
  readonly filter?: Filter | undefined;
  /** Default "now". */
  readonly start?: StartFrom | undefined;
}

export class TopicAdmin {
  readonly #parts: UnaryParts;

  constructor(parts: UnaryParts) {
    this.#parts = parts;
  }

  async create(
    name: string,
    options: TopicOptions,
  ): Promise<{ topic: TopicInfo; created: boolean }> {
    const request = { name, options: optionsToWire(options) };
    const { reply } = await callLeader(this.#parts, "CreateTopic", request);
    const { topic, created } = reply as { topic: object; created: boolean };
    return { topic: infoFromWire(topic), created };
  }

  async get(name: string, stale: boolean, signal: AbortSignal | undefined): Promise<TopicInfo> {
    const request = { name, consistency: stale ? "STALE" : "LINEARIZABLE" };
    const { reply } = await callLeader(this.#parts, "GetTopic", request, signal);
    return infoFromWire((reply as { topic: object }).topic);
  }

  async list(options: ListOptions): Promise<TopicInfo[]> {
    const topics = await listAll(this.#parts, "ListTopics", "topics", options);
    return topics.map(infoFromWire);
  }

  async update(name: string, changes: TopicOptions, revision: number): Promise<TopicInfo> {
    const request = { name, options: optionsToWire(changes), revision };
    const { reply } = await callLeader(this.#parts, "UpdateTopic", request);
    return infoFromWire((reply as { topic: object }).topic);
  }

  async delete(name: string, revision: number, force: boolean): Promise<void> {
    await callLeader(this.#parts, "DeleteTopic", { name, revision, force }, undefined, (error) =>
      // An earlier try may have deleted it: gone is what was asked for.
      error.reason === "TOPIC_NOT_FOUND" ? {} : undefined,
    );
  }

  async createSubscription(
    name: string,
    { topic, filter = {}, start = "now", ...options }: SubscriptionOptions,
  ): Promise<{ queue: QueueInfo; created: boolean }> {
    const { reply } = await callLeader(this.#parts, "CreateSubscription", {
      name,
      topic,
      options: queueOptionsToWire(options),
      filter: filterToWire(filter),
      start: startToWire(start),
    });
    const { queue, created } = reply as { queue: object; created: boolean };
    return { queue: queueInfoFromWire(queue), created };
  }

  async replay(subscription: string, start: StartFrom): Promise<void> {
    await callOnce(this.#parts, "Replay", { subscription, start: startToWire(start) });
  }
}

function startToWire(start: StartFrom): object {
  if (start === "now") return { now: {} };
  if (start === "earliest") return { earliest: {} };
  if ("time" in start) return { timeMs: timeMs("start.time_ms", start.time) };
  return { sequence: integer("start.sequence", start.sequence, 1, Number.MAX_SAFE_INTEGER) };
}

function optionsToWire(options: TopicOptions): object {
  return { ...given(options), ...(options.labels === undefined ? {} : { setLabels: true }) };
}

function infoFromWire(topic: object): TopicInfo {
  const { options, ...rest } = topic as TopicInfo;
  const { retentionMs, retentionBytes, maxMessageBytes, dedupWindowMs, labels } = options;
  // By name: the loader adds a member for each `optional` that is none of the user's.
  return {
    ...rest,
    options: {
      retentionMs,
      retentionBytes,
      maxMessageBytes,
      dedupWindowMs,
      labels: { ...labels },
    },
  };
}
