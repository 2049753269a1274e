// Topics and subscriptions as bytes, and back: commands, rows, answers. Numbers of kinds are in command-kind.ts.

import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { Command, Filter, StartFrom, TopicInfo } from "./command.ts";
import type { Bytes } from "./store.ts";
import { Topic } from "./topic.ts";
import { readTopicChanges, readTopicOptions } from "./topic-options.ts";
import { writeTopicChanges, writeTopicOptions } from "./topic-options.ts";
import { readAllOptions, writeAllOptions } from "./option-codec.ts";
import { readStrings, writeStrings } from "./value-codec.ts";

type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;

export type Publishing = Of<
  "create-topic" | "update-topic" | "delete-topic" | "create-subscription" | "replay"
>;

const starts = [
  "new",
  "earliest",
  "sequence",
  "time",
] as const satisfies readonly StartFrom["at"][];

export function writePublishing(writer: ByteWriter, command: Publishing): void {
  switch (command.kind) {
    case "create-topic":
      writer.text(command.name);
      writeTopicOptions(writer, command.options);
      return;
    case "update-topic":
      writer.text(command.name);
      writer.int(command.revision);
      writeTopicChanges(writer, command.changes);
      return;
    case "delete-topic":
      writer.text(command.name);
      writer.int(command.revision);
      writer.u8(command.force ? 1 : 0);
      return;
    case "create-subscription":
      writer.text(command.name);
      writer.text(command.topic);
      writeAllOptions(writer, command.options);
      writeFilter(writer, command.filter);
      writeStart(writer, command.start);
      return;
    case "replay":
      writer.text(command.subscription);
      writeStart(writer, command.start);
      return;
  }
}

export function readPublishing(reader: ByteReader, kind: Publishing["kind"]): Publishing {
  const name = reader.text();
  switch (kind) {
    case "create-topic":
      return { kind, name, options: readTopicOptions(reader) };
    case "update-topic":
      return { kind, name, revision: reader.int(), changes: readTopicChanges(reader) };
    case "delete-topic":
      return { kind, name, revision: reader.int(), force: reader.u8() === 1 };
    case "create-subscription": {
      const topic = reader.text();
      const options = readAllOptions(reader);
      const filter = readFilter(reader);
      return { kind, name, topic, options, filter, start: readStart(reader) };
    }
    case "replay":
      return { kind, subscription: name, start: readStart(reader) };
  }
}

export function writeFilter(writer: ByteWriter, filter: Filter): void {
  writer.byteString(filter.keyPrefix);
  writeStrings(writer, filter.headers);
}

export function readFilter(reader: ByteReader): Filter {
  return { keyPrefix: reader.byteString(), headers: readStrings(reader) };
}

function writeStart(writer: ByteWriter, start: StartFrom): void {
  writer.u8(starts.indexOf(start.at));
  if (start.at === "sequence") writer.int(start.sequence);
  else if (start.at === "time") writer.int(start.time);
}

function readStart(reader: ByteReader): StartFrom {
  const at = starts[reader.u8()];
  if (at === undefined) throw new Error("queue: an unknown start of a subscription");
  switch (at) {
    case "new":
    case "earliest":
      return { at };
    case "sequence":
      return { at, sequence: reader.int() };
    case "time":
      return { at, time: reader.int() };
  }
}

export function encodeTopic(writer: ByteWriter, topic: Topic): void {
  writer.text(topic.name);
  writer.int(topic.createdAt);
  writeTopicOptions(writer, topic.options);
  writer.int(topic.revision);
  writer.int(topic.last);
  for (const block of topic.blocks) {
    writer.int(block.first);
    writer.int(block.bytes);
    writer.int(block.lastTime);
  }
}

export function decodeTopic(id: number, value: Uint8Array): Topic {
  const reader = new ByteReader(value);
  const name = reader.text();
  const createdAt = reader.int();
  const topic = new Topic(id, name, readTopicOptions(reader), createdAt);
  topic.revision = reader.int();
  topic.last = reader.int();
  while (!reader.done) {
    const block = { first: reader.int(), bytes: reader.int(), lastTime: reader.int() };
    topic.blocks.push(block);
    topic.bytes += block.bytes;
  }
  return topic;
}

/** A message that a topic retains. */
export interface TopicMessage {
  readonly key: Bytes;
  readonly content: Uint8Array;
  /** Cluster time of publishing. */
  readonly time: number;
  /** For the filters of those who come later. */
  readonly headers: Readonly<Record<string, string>>;
}

export function encodeTopicMessage(writer: ByteWriter, message: TopicMessage): void {
  writer.int(message.time);
  writer.byteString(message.key);
  writeStrings(writer, message.headers);
  writer.raw(message.content);
}

/** The content is a view into the value. */
export function decodeTopicMessage(value: Uint8Array): TopicMessage {
  const reader = new ByteReader(value);
  const [time, key, headers] = [reader.int(), reader.byteString(), readStrings(reader)];
  return { time, key, headers, content: reader.rest() };
}

export function writeTopicInfo(writer: ByteWriter, info: TopicInfo): void {
  writer.int(info.id);
  writer.text(info.name);
  writeTopicOptions(writer, info.options);
  for (const number of [info.revision, info.createdAt, info.last, info.first, info.bytes]) {
    writer.int(number);
  }
  writer.int(info.subscriptions.length);
  for (const name of info.subscriptions) writer.text(name);
}

export function readTopicInfo(reader: ByteReader): TopicInfo {
  const [id, name, options] = [reader.int(), reader.text(), readTopicOptions(reader)];
  const [revision, createdAt] = [reader.int(), reader.int()];
  const [last, first, bytes] = [reader.int(), reader.int(), reader.int()];
  const subscriptions: string[] = [];
  for (let left = reader.int(); left > 0; left--) subscriptions.push(reader.text());
  return { id, name, options, revision, createdAt, last, first, bytes, subscriptions };
}
