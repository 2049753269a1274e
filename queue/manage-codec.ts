// Commands that manage queues and messages, what they answer, and takers that ask for more than the first rules knew, as bytes
// and back.
// Numbers of kinds are in command-kind.ts.

import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { Command, MessageRef, Reply, Resolution } from "./command.ts";
import type { Bytes } from "./store.ts";
import { readTopicInfo, writeTopicInfo } from "./topic-codec.ts";
import { readAllOptions, writeAllOptions } from "./option-codec.ts";

type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;

export type Managing = Of<
  "resolve-parked" | "redrive" | "cancel" | "purge" | "pause-key" | "create-temporary-queue"
>;

const resolutionNumber = { retry: 1, skip: 2, replace: 3 } as const;

export function writeManaging(writer: ByteWriter, command: Managing): void {
  switch (command.kind) {
    case "resolve-parked":
      writeRef(writer, command.message);
      writeResolution(writer, command.resolution);
      return;
    case "redrive":
      writer.text(command.queue);
      writer.u8((command.force ? 1 : 0) + (command.dryRun ? 2 : 0));
      writer.int(command.letters.length);
      for (const { lane, keySeq } of command.letters) {
        writer.byteString(lane);
        writer.int(keySeq);
      }
      return;
    case "cancel":
      writeRef(writer, command.message);
      return;
    case "purge":
      writer.text(command.queue);
      writer.u8((command.dryRun ? 1 : 0) + (command.lane !== undefined ? 2 : 0));
      if (command.lane !== undefined) writer.byteString(command.lane);
      return;
    case "pause-key":
      writer.text(command.queue);
      writer.byteString(command.lane);
      writer.u8(command.paused ? 1 : 0);
      return;
    case "create-temporary-queue":
      writer.text(command.name);
      writeAllOptions(writer, command.options);
      return;
  }
}

export function readManaging(reader: ByteReader, kind: Managing["kind"]): Managing {
  switch (kind) {
    case "resolve-parked":
      return { kind, message: readRef(reader), resolution: readResolution(reader) };
    case "redrive":
      return readRedrive(reader);
    case "cancel":
      return { kind, message: readRef(reader) };
    case "purge": {
      const queue = reader.text();
      const marks = reader.u8();
      const lane = (marks & 2) === 0 ? undefined : reader.byteString();
      return { kind, queue, lane, dryRun: (marks & 1) !== 0 };
    }
    case "pause-key":
      return {
        kind,
        queue: reader.text(),
        lane: reader.byteString(),
        paused: reader.u8() === 1,
      };
    case "create-temporary-queue":
      return { kind, name: reader.text(), options: readAllOptions(reader) };
  }
}

function readRedrive(reader: ByteReader): Managing {
  const queue = reader.text();
  const marks = reader.u8();
  const letters: { lane: Bytes; keySeq: number }[] = [];
  for (let left = reader.int(); left > 0; left--) {
    letters.push({ lane: reader.byteString(), keySeq: reader.int() });
  }
  return { kind: "redrive", queue, letters, force: (marks & 1) !== 0, dryRun: (marks & 2) !== 0 };
}

function writeRef(writer: ByteWriter, ref: MessageRef): void {
  writer.text(ref.queue);
  writer.byteString(ref.lane);
  writer.int(ref.keySeq);
}

function readRef(reader: ByteReader): MessageRef {
  return { queue: reader.text(), lane: reader.byteString(), keySeq: reader.int() };
}

function writeResolution(writer: ByteWriter, resolution: Resolution): void {
  writer.u8(resolutionNumber[resolution.kind]);
  if (resolution.kind === "skip") writer.text(resolution.error);
  else if (resolution.kind === "replace") writer.blob(resolution.content);
}

function readResolution(reader: ByteReader): Resolution {
  const number = reader.u8();
  switch (number) {
    case resolutionNumber.retry:
      return { kind: "retry" };
    case resolutionNumber.skip:
      return { kind: "skip", error: reader.text() };
    case resolutionNumber.replace:
      return { kind: "replace", content: reader.blob() };
    default:
      throw new Error(`queue: unknown resolution ${number}`);
  }
}

export type Managed = Extract<Reply, { kind: "resolved" | "redriven" | "purged" | "topic" }>;

export function writeManaged(writer: ByteWriter, reply: Managed): void {
  switch (reply.kind) {
    case "resolved":
      writer.int(reply.keySeq);
      return;
    case "redriven":
      writer.int(reply.moved);
      writer.int(reply.refused);
      writer.int(reply.gone);
      return;
    case "purged":
      writer.int(reply.messages);
      writer.int(reply.keys);
      return;
    case "topic":
      writer.u8(reply.created ? 1 : 0);
      writeTopicInfo(writer, reply.topic);
      return;
  }
}

export function readManaged(reader: ByteReader, kind: Managed["kind"]): Managed {
  switch (kind) {
    case "resolved":
      return { kind, keySeq: reader.int() };
    case "redriven":
      return { kind, moved: reader.int(), refused: reader.int(), gone: reader.int() };
    case "purged":
      return { kind, messages: reader.int(), keys: reader.int() };
    case "topic": {
      const created = reader.u8() === 1;
      return { kind, topic: readTopicInfo(reader), created };
    }
  }
}

/** A taker that wants some keys only, or so many bytes: what follows the fields that every one has. */
export function isChoosy(command: Of<"subscribe" | "receive">): boolean {
  const bytes = command.kind === "subscribe" ? command.creditBytes : command.maxBytes;
  return (bytes ?? 0) > 0 || (command.keys?.length ?? 0) > 0;
}

export function writeChoice(writer: ByteWriter, bytes = 0, keys: readonly Bytes[] = []): void {
  writer.int(bytes);
  writer.int(keys.length);
  for (const key of keys) writer.byteString(key);
}

export function readChoice(reader: ByteReader): { bytes: number; keys: readonly Bytes[] } {
  const bytes = reader.int();
  const keys: Bytes[] = [];
  for (let left = reader.int(); left > 0; left--) keys.push(reader.byteString());
  return { bytes, keys };
}
