// Values that log entries and rows share: one of a few, names with texts, refusals; as bytes and back. Numbers are for ever.

import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { Reason, Refusal } from "./command.ts";

const reasons: readonly Reason[] = [
  "STALE_LEASE",
  "QUEUE_NOT_FOUND",
  "MESSAGE_NOT_FOUND",
  "SESSION_EXPIRED",
  "QUEUE_DIFFERS",
  "QUEUE_NOT_EMPTY",
  "QUEUE_FULL",
  "REVISION_CONFLICT",
  "SEQUENCE_GAP",
  "KEY_REQUIRED",
  "TOO_LARGE",
  "TOO_MANY_IN_FLIGHT",
  "MALFORMED",
  "VERSION_TOO_OLD",
  "DISK_WATERMARK",
  "MESSAGE_LEASED",
  "ORDER_VIOLATION",
  "CONDITION_FAILED",
  "KEY_SEQ_MISMATCH",
  "IDEMPOTENCY_CONFLICT",
  "DELAY_NOT_ALLOWED",
  "TOPIC_NOT_FOUND",
  "TOPIC_IN_USE",
];

export function writeOne<T>(writer: ByteWriter, all: readonly T[], value: T): void {
  const at = all.indexOf(value);
  if (at < 0) throw new Error(`queue: ${String(value)} has no number`);
  writer.u8(at);
}

export function readOne<T>(reader: ByteReader, all: readonly T[]): T {
  const value = all[reader.u8()];
  if (value === undefined) throw new Error("queue: a number without a meaning");
  return value;
}

/** Sorted by name: an object's own order is not the same everywhere (G1). */
export function writeStrings(writer: ByteWriter, strings: Readonly<Record<string, string>>): void {
  const names = Object.keys(strings).sort();
  writer.int(names.length);
  for (const name of names) {
    writer.text(name);
    writer.text(strings[name] ?? "");
  }
}

export function readStrings(reader: ByteReader): Record<string, string> {
  const strings: [string, string][] = [];
  for (let left = reader.int(); left > 0; left--) strings.push([reader.text(), reader.text()]);
  return Object.fromEntries(strings);
}

export function reasonNumber(reason: Reason): number {
  return reasons.indexOf(reason);
}

export function writeRefusal(writer: ByteWriter, refusal: Refusal): void {
  writeOne(writer, reasons, refusal.reason);
  writer.text(refusal.message);
  writer.text(refusal.field);
  writer.int(refusal.currentToken);
  writer.text(refusal.state);
  writer.int(refusal.retryAfterMs);
}

export function readRefusal(reader: ByteReader): Refusal {
  return {
    reason: readOne(reader, reasons),
    message: reader.text(),
    field: reader.text(),
    currentToken: reader.int(),
    state: reader.text(),
    retryAfterMs: reader.int(),
  };
}
