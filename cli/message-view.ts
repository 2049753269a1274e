// How messages, keys and histories look to a person, and to a script.

import type { HistoryEvent, KeyInfo, MessageInfo } from "../client/index.ts";
import { byteSize, duration, grouped, painter, printable, sheet, table } from "./output.ts";

/** A body as text, where it is some; JSON has no bytes, so what is not text travels as base64 under another name. */
export function bodyFields(body: Uint8Array): { body: string } | { bodyBase64: string } {
  const bytes = Buffer.from(body);
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes)
    ? { body: text }
    : { bodyBase64: bytes.toString("base64") };
}

export function shownBody(body: Uint8Array): string {
  const fields = bodyFields(body);
  return "body" in fields ? printable(fields.body) : `<${body.length} bytes>`;
}

export function messageJson(message: MessageInfo<Uint8Array>): object {
  const { body, ...fields } = message;
  return { ...fields, ...bodyFields(body) };
}

export function messageLine(message: MessageInfo<Uint8Array>): string {
  const failed = message.error === "" ? "" : `  (${printable(message.error)})`;
  return `${message.messageId}  ${message.state.toLowerCase()}  ${shownBody(message.body)}${failed}`;
}

export function messageSheet(message: MessageInfo<Uint8Array>): string {
  const headers = Object.entries(message.headers).map(([name, value]) => `${name}=${value}`);
  const { deadLetter } = message;
  const rows: readonly (readonly [string, string])[] = [
    ["message", message.messageId],
    ["queue", message.queue],
    ["key", printable(message.key)],
    ["place", `${grouped(message.keySeq)} in its key, ${grouped(message.seq)} in its queue`],
    ["state", message.state.toLowerCase()],
    ["attempts", `${grouped(message.attempts)} failed, ${grouped(message.deliveries)} deliveries`],
    ["last error", message.error === "" ? "-" : printable(message.error)],
    ["enqueued", `${timeOf(message.enqueuedAt)} (log index ${message.logIndex})`],
    ["not before", timeOf(message.notBefore)],
    ["expires", timeOf(message.expiresAt)],
    ["priority", grouped(message.priority)],
    ["headers", headers.length === 0 ? "-" : printable(headers.join(", "))],
    ["content type", message.contentType === "" ? "-" : printable(message.contentType)],
    ["body", shownBody(message.body)],
  ];
  if (deadLetter === undefined) return sheet(rows, painter(process.stdout, process.env));
  const { cause, queue, messageId, attempts, error } = deadLetter;
  const origin = `${messageId} of ${queue}: ${cause.toLowerCase()} after ${grouped(attempts)} failures`;
  return sheet(
    [...rows, ["comes from", error === "" ? origin : `${origin} (${printable(error)})`]],
    painter(process.stdout, process.env),
  );
}

export function historyTable(events: readonly HistoryEvent[]): string {
  if (events.length === 0) {
    return "no history: the queue keeps none (--history-ms), or no longer";
  }
  const right = "right" as const;
  return table(
    [
      { title: "time" },
      { title: "event" },
      { title: "index", align: right },
      { title: "token", align: right },
      { title: "took", align: right },
      { title: "session" },
      { title: "error" },
    ],
    events.map((event) => [
      timeOf(event.time),
      event.kind,
      grouped(event.logIndex),
      event.fencingToken === 0 ? "" : grouped(event.fencingToken),
      event.durationMs === 0 ? "" : duration(event.durationMs),
      printable(event.sessionName === "" ? event.sessionId : event.sessionName),
      printable(event.error),
    ]),
    painter(process.stdout, process.env),
  );
}

export function keyTable(keys: readonly KeyInfo[]): string {
  if (keys.length === 0) return "no such keys";
  const right = "right" as const;
  const numbers = ["messages", "bytes", "leased", "retrying", "parked", "delayed", "next", "last"];
  return table(
    [{ title: "key" }, ...numbers.map((title) => ({ title, align: right }))],
    keys.map((info) => [
      printable(info.key) + (info.paused ? " (paused)" : ""),
      grouped(info.messages),
      byteSize(info.bytes),
      ...[info.leased, info.retrying, info.parked, info.delayed].map(grouped),
      ...[info.firstKeySeq, info.lastKeySeq].map(grouped),
    ]),
    painter(process.stdout, process.env),
  );
}

function timeOf(ms: number): string {
  return ms === 0 ? "-" : new Date(ms).toISOString();
}
