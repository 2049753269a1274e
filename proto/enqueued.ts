// `raftq.v1.Enqueued` and what holds several of them: the answers to Enqueue, EnqueueBatch and Commit. Field numbers are those of
// queue.proto.

import { errorSize, readError, writeError, type WireError } from "./error.ts";
import { fieldSize, MalformedFrame, numberSize, Reader, repeatedMax } from "./wire.ts";
import { stringSize, Writer } from "./wire.ts";

/** As the server writes it. */
export interface EnqueuedBytes {
  /** `<queue id>/<key>/<key_seq>`, one char per byte of UTF-8; empty in the place of a message that was refused. */
  readonly messageIdBytes: string;
  readonly seq: number;
  readonly keySeq: number;
  readonly deduplicated: boolean;
}

/** As the SDK reads it. */
export interface Enqueued {
  readonly messageId: string;
  readonly seq: number;
  readonly keySeq: number;
  /** Its dedup_id was seen before: these are the first message's ids. */
  readonly deduplicated: boolean;
}

/** Why one message of a batch was refused, and its place in the request. */
export interface ItemError {
  readonly index: number;
  readonly error: WireError;
}

export function enqueuedSize(message: EnqueuedBytes): number {
  return (
    stringSize(message.messageIdBytes.length) +
    numberSize(message.seq) +
    numberSize(message.keySeq) +
    (message.deduplicated ? 2 : 0)
  );
}

export function writeEnqueued(writer: Writer, message: EnqueuedBytes): void {
  writer.byteString(10, message.messageIdBytes);
  writer.number(16, message.seq);
  writer.number(24, message.keySeq);
  writer.number(32, message.deduplicated ? 1 : 0);
}

/** Reads to the end of the present message. */
export function readEnqueued(reader: Reader): Enqueued {
  let messageId = "";
  let seq = 0;
  let keySeq = 0;
  let deduplicated = false;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) messageId = reader.text();
    else if (tag === 16) seq = reader.varint();
    else if (tag === 24) keySeq = reader.varint();
    else if (tag === 32) deduplicated = reader.boolean();
    else reader.skip(tag);
  }
  return { messageId, seq, keySeq, deduplicated };
}

/** Size of BatchEnqueued and of Committed, which has no errors. */
export function batchSize(
  messages: readonly EnqueuedBytes[],
  errors: readonly ItemError[],
): number {
  let size = 0;
  for (const message of messages) size += fieldSize(enqueuedSize(message));
  for (const each of errors) size += fieldSize(itemErrorSize(each));
  return size;
}

export function writeBatch(
  writer: Writer,
  messages: readonly EnqueuedBytes[],
  errors: readonly ItemError[],
): void {
  for (const message of messages) {
    writer.head(10, enqueuedSize(message));
    writeEnqueued(writer, message);
  }
  for (const each of errors) {
    writer.head(18, itemErrorSize(each));
    writer.number(8, each.index);
    writer.head(18, errorSize(each.error));
    writeError(writer, each.error);
  }
}

function itemErrorSize({ index, error }: ItemError): number {
  return numberSize(index) + fieldSize(errorSize(error));
}

/** Reads to the end of the present message. */
export function readBatch(reader: Reader): { messages: Enqueued[]; errors: ItemError[] } {
  const messages: Enqueued[] = [];
  const errors: ItemError[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag !== 10 && tag !== 18) {
      reader.skip(tag);
      continue;
    }
    if (messages.length + errors.length === repeatedMax)
      throw new MalformedFrame("too many messages in one reply");
    const outer = reader.enter();
    if (tag === 10) messages.push(readEnqueued(reader));
    else errors.push(readItemError(reader));
    reader.leave(outer);
  }
  return { messages, errors };
}

function readItemError(reader: Reader): ItemError {
  let index = 0;
  let error: WireError | undefined;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8) index = reader.int32();
    else if (tag === 18) {
      const outer = reader.enter();
      error = readError(reader);
      reader.leave(outer);
    } else reader.skip(tag);
  }
  return { index, error: error ?? readError(new Reader(new Uint8Array(0))) };
}
