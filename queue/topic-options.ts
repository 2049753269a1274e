// What a topic may be told, and what it does when not told. Bounds of single values are checked at the door, as for queues.

import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { TopicOptions } from "./command.ts";
import { bounds } from "./options.ts";
import { readStrings, writeStrings } from "./value-codec.ts";

export function defaultTopicOptions(): TopicOptions {
  return {
    retentionMs: 0,
    retentionBytes: 0,
    maxMessageBytes: bounds.messageBytesDefault,
    dedupWindowMs: 0,
    labels: {},
  };
}

/** In the order of the bits in an update: new ones go to the end. */
const numbers = ["retentionMs", "retentionBytes", "maxMessageBytes", "dedupWindowMs"] as const;
const labelsBit = 1 << numbers.length;

const spelling = {
  retentionMs: "retention_ms",
  retentionBytes: "retention_bytes",
  maxMessageBytes: "max_message_bytes",
  dedupWindowMs: "dedup_window_ms",
} as const satisfies Record<(typeof numbers)[number], string>;

/** One line for each option that differs, in the API's spelling. */
export function topicDifferences(present: TopicOptions, wanted: TopicOptions): string[] {
  const lines: string[] = [];
  for (const name of numbers) {
    const [is, asked] = [present[name], wanted[name]];
    if (is !== asked) lines.push(`${spelling[name]} is ${is}, asked for ${asked}`);
  }
  const [is, asked] = [spellLabels(present), spellLabels(wanted)];
  if (is !== asked) lines.push(`labels is ${is}, asked for ${asked}`);
  return lines;
}

function spellLabels({ labels }: TopicOptions): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(sorted));
}

export function writeTopicOptions(writer: ByteWriter, options: TopicOptions): void {
  writeTopicChanges(writer, options);
}

export function readTopicOptions(reader: ByteReader): TopicOptions {
  return { ...defaultTopicOptions(), ...readTopicChanges(reader) };
}

export function writeTopicChanges(writer: ByteWriter, changes: Partial<TopicOptions>): void {
  let present = changes.labels === undefined ? 0 : labelsBit;
  numbers.forEach((name, bit) => {
    if (changes[name] !== undefined) present |= 1 << bit;
  });
  writer.int(present);
  for (const name of numbers) {
    const value = changes[name];
    if (value !== undefined) writer.int(value);
  }
  if (changes.labels !== undefined) writeStrings(writer, changes.labels);
}

export function readTopicChanges(reader: ByteReader): Partial<TopicOptions> {
  const changes: { -readonly [K in keyof TopicOptions]?: TopicOptions[K] } = {};
  const present = reader.int();
  if (present >= labelsBit * 2) throw new Error("queue: an unknown option of a topic");
  numbers.forEach((name, bit) => {
    if ((present & (1 << bit)) !== 0) changes[name] = reader.int();
  });
  if ((present & labelsBit) !== 0) changes.labels = readStrings(reader);
  return changes;
}
