// A topic: what was published to it and is retained, and the queues that subscribe to it. Plain data, beside state.ts.
//   PS1. Sequences are dense from 1. Retained is everything from `first` to `last`, in blocks: [first of one, first of the next).
//   PS2. A block goes whole: when what follows it is enough for retention_bytes, or when its newest message is older than retention_ms.

import type { TopicOptions } from "./command.ts";
import type { Rules } from "./options.ts";
import type { Queue } from "./state.ts";

/** A run of retained messages. */
export interface Block {
  readonly first: number;
  bytes: number;
  /** Cluster time of the newest. */
  lastTime: number;
}

export class Topic {
  readonly id: number;
  readonly name: string;
  readonly createdAt: number;
  options: TopicOptions;
  revision = 1;
  /** The last sequence published. */
  last = 0;
  bytes = 0;
  /** Oldest first; none is empty. */
  blocks: Block[] = [];
  /** By name. */
  subscriptions: Queue[] = [];
  dirty = false;
  live = true;

  constructor(id: number, name: string, options: TopicOptions, createdAt: number) {
    this.id = id;
    this.name = name;
    this.options = options;
    this.createdAt = createdAt;
  }

  /** The first sequence retained; last + 1: none is. */
  get first(): number {
    return this.blocks[0]?.first ?? this.last + 1;
  }

  get retains(): boolean {
    return this.options.retentionMs > 0 || this.options.retentionBytes > 0;
  }
}

/** Counts in the message that was just published, which is retained. */
export function extendBlocks(topic: Topic, rules: Rules, bytes: number, time: number): void {
  topic.bytes += bytes;
  const block = topic.blocks.at(-1);
  const full =
    block === undefined ||
    topic.last - block.first >= rules.topicBlockMessagesMax ||
    block.bytes + bytes > rules.topicBlockBytesMax;
  if (full) {
    if (topic.blocks.length >= rules.topicBlocksMax) topic.blocks = inPairs(topic.blocks);
    topic.blocks.push({ first: topic.last, bytes, lastTime: time });
  } else {
    block.bytes += bytes;
    block.lastTime = time;
  }
}

/** Half as many, twice as large: what a topic costs in memory is bounded, however much it retains. */
function inPairs(blocks: readonly Block[]): Block[] {
  const pairs: Block[] = [];
  for (let at = 0; at < blocks.length; at += 2) {
    const [one, two] = [blocks[at], blocks[at + 1]];
    if (one === undefined) break;
    pairs.push(
      two === undefined ? one : { ...two, first: one.first, bytes: one.bytes + two.bytes },
    );
  }
  return pairs;
}

/** PS2: how many blocks, from the oldest on, may go at this time. */
export function blocksOver(topic: Topic, time: number): number {
  const { retentionMs, retentionBytes } = topic.options;
  if (!topic.retains) return topic.blocks.length;
  let left = topic.bytes;
  let count = 0;
  for (const block of topic.blocks) {
    const old = retentionMs > 0 && block.lastTime + retentionMs <= time;
    const enough = retentionBytes > 0 && left - block.bytes >= retentionBytes;
    if (!old && !enough) break;
    left -= block.bytes;
    count++;
  }
  return count;
}

/** When the oldest block goes by age; undefined: not by age. */
export function nextAging(topic: Topic): number | undefined {
  const oldest = topic.blocks[0];
  const { retentionMs } = topic.options;
  return oldest === undefined || retentionMs === 0 ? undefined : oldest.lastTime + retentionMs;
}

/** The first retained sequence that may have been published at this time or later: that of its block. */
export function sequenceAt(topic: Topic, time: number): number {
  let [low, high] = [0, topic.blocks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((topic.blocks[middle]?.lastTime ?? time) < time) low = middle + 1;
    else high = middle;
  }
  return topic.blocks[low]?.first ?? topic.last + 1;
}
