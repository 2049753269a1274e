// The value of a message's row. Its key is in keys.ts; what a key says is not said again in its value.

import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { DeadLetter, StoredMessage } from "./command.ts";

const deadLetterCauses: readonly DeadLetter["cause"][] = [
  "exhausted",
  "rejected",
  "expired",
  "skipped",
];

/** The mark of a message: its cause in a dead-letter queue, 0 for none; and whether its times and its priority follow. */
const messageMark = { cause: 0x0f, extras: 0x80 } as const;

export function encodeMessage(writer: ByteWriter, message: StoredMessage): void {
  writer.int(message.seq);
  writer.int(message.logIndex);
  writer.int(message.enqueuedAt);
  writer.byteString(message.key);
  const deadLetter = message.deadLetter;
  const { notBefore, expiresAt, priority } = message;
  const extras = notBefore > 0 || expiresAt > 0 || priority > 0 ? messageMark.extras : 0;
  if (deadLetter === undefined) {
    writer.u8(extras);
  } else {
    writer.u8(extras + 1 + deadLetterCauses.indexOf(deadLetter.cause));
    writer.int(deadLetter.attempts);
    writer.text(deadLetter.error);
    writer.text(deadLetter.queue);
    writer.byteString(deadLetter.messageId);
  }
  if (extras > 0) {
    writer.int(notBefore);
    writer.int(expiresAt);
    writer.int(priority);
  }
  writer.raw(message.content);
}

/** The content is a view into the value. */
export function decodeMessage(value: Uint8Array): StoredMessage {
  const reader = new ByteReader(value);
  const seq = reader.int();
  const logIndex = reader.int();
  const enqueuedAt = reader.int();
  const key = reader.byteString();
  const mark = reader.u8();
  const deadLetter = readDeadLetter(reader, mark & messageMark.cause);
  const hasExtras = (mark & messageMark.extras) !== 0;
  const notBefore = hasExtras ? reader.int() : 0;
  const expiresAt = hasExtras ? reader.int() : 0;
  const priority = hasExtras ? reader.int() : 0;
  const content = reader.rest();
  return { seq, logIndex, enqueuedAt, key, deadLetter, notBefore, expiresAt, priority, content };
}

function readDeadLetter(reader: ByteReader, mark: number): DeadLetter | undefined {
  if (mark === 0) return undefined;
  const cause = deadLetterCauses[mark - 1];
  if (cause === undefined) throw new Error("queue: an unknown cause of a dead letter");
  const attempts = reader.int();
  const error = reader.text();
  const queue = reader.text();
  return { cause, attempts, error, queue, messageId: reader.byteString() };
}
