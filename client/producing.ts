// What a producer sends, as the wire has it: shared by queues, topics and commits.

import {
  encodeContent,
  type ClientResult,
  type ContentInput,
  type MessageOptions,
  type NewMessage,
} from "../proto/frame.ts";
import { asError, errorFromWire, invalid, QueueError, status } from "./errors.ts";
import {
  integer,
  timeMs,
  type BatchMessage,
  type ContentOptions,
  type Enqueued,
  type EnqueueOptions,
  type ItemOutcome,
  type SignalOptions,
} from "./options.ts";
import { request, type RequestParts } from "./request.ts";
import type { Encoder } from "./schema.ts";

/** One command's content, all its messages together: beyond it no server takes the frame, and the stream would break. */
const commandBytesMax = 4 * 1_048_576 + 65_536;
const batchMax = 1_000;
const yearMs = 366 * 86_400_000;

/** Where messages go: a queue or a topic. */
export interface Target<In> {
  readonly name: string;
  readonly format: Encoder<In>;
}

/** Sends one message. Never throws: what is wrong with it rejects. */
export function enqueueTo<In>(
  parts: RequestParts,
  target: Target<In>,
  value: In,
  options: EnqueueOptions & SignalOptions,
): Promise<Enqueued> {
  try {
    const message = newMessage(target.format, value, options);
    const operation = {
      op: "enqueue",
      queue: target.name,
      key: message.key,
      content: message.content,
      options: message.options,
    } as const;
    return request(parts, operation, readEnqueued, options);
  } catch (error) {
    return Promise.reject(asError(error));
  }
}

/** Sends several, in one step. */
export function enqueueBatchTo<In>(
  parts: RequestParts,
  target: Target<In>,
  batch: readonly BatchMessage<In>[],
  options: SignalOptions & { readonly perItem?: boolean },
): Promise<Enqueued[] | ItemOutcome[]> {
  try {
    const { perItem = false } = options;
    const messages = newMessages(target.format, batch);
    const operation = { op: "enqueueBatch", queue: target.name, messages, perItem } as const;
    return request<Enqueued[] | ItemOutcome[]>(
      parts,
      operation,
      perItem ? readItems : readBatch,
      options,
    );
  } catch (error) {
    return Promise.reject(asError(error));
  }
}

function readEnqueued(result: ClientResult, logIndex: number): Enqueued | undefined {
  if (result.kind !== "enqueued") return undefined;
  const { messageId, seq, keySeq, deduplicated } = result;
  return { messageId, seq, keySeq, logIndex, deduplicated };
}

function readBatch(result: ClientResult, logIndex: number): Enqueued[] | undefined {
  if (result.kind !== "batchEnqueued") return undefined;
  return result.messages.map((message) => ({ ...message, logIndex }));
}

function readItems(result: ClientResult, logIndex: number): ItemOutcome[] | undefined {
  if (result.kind !== "batchEnqueued") return undefined;
  const outcomes: ItemOutcome[] = result.messages.map((message) => ({
    enqueued: { ...message, logIndex },
  }));
  for (const { index, error } of result.errors) {
    outcomes[index] = { error: errorFromWire(error, status.UNKNOWN, "NOT_APPLIED") };
  }
  return outcomes;
}

/** @throws {QueueError} CODEC, SCHEMA, MALFORMED, TOO_LARGE */
export function newMessage<In>(
  format: Encoder<In>,
  value: In,
  options: EnqueueOptions,
): NewMessage {
  const content = encodeContent(newContent(format, value, options));
  checkSize(content.length);
  return { key: options.key ?? "", content, options: messageOptions(options) };
}

/** @throws {QueueError} as `newMessage` */
export function newMessages<In>(
  format: Encoder<In>,
  batch: readonly (EnqueueOptions & { readonly value: In })[],
): NewMessage[] {
  if (batch.length > batchMax) {
    throw invalid(
      "messages",
      `a batch of ${batch.length} messages; at most 1,000: send several batches`,
    );
  }
  const messages = batch.map((each) => newMessage(format, each.value, each));
  checkSize(messages.reduce((sum, { content }) => sum + content.length, 0));
  return messages;
}

export function newContent<In>(
  format: Encoder<In>,
  value: In,
  options: ContentOptions,
): ContentInput {
  return {
    body: format.encode(value),
    headers: options.headers,
    contentType: options.contentType ?? format.contentType,
    correlationId: options.correlationId,
    replyTo: options.replyTo,
    traceparent: options.traceparent,
  };
}

/** Undefined: nothing is asked for, as nearly always. */
function messageOptions(options: EnqueueOptions): MessageOptions | undefined {
  const { dedupId, expectKeySeq, notBefore, delayMs, expiresAt, ttlMs, priority } = options;
  if (
    dedupId === undefined &&
    expectKeySeq === undefined &&
    notBefore === undefined &&
    delayMs === undefined &&
    expiresAt === undefined &&
    ttlMs === undefined &&
    priority === undefined
  ) {
    return undefined;
  }
  return {
    dedupId: dedupId ?? "",
    expectKeySeq: optional("expect_key_seq", expectKeySeq, 1, Number.MAX_SAFE_INTEGER),
    notBeforeMs: notBefore === undefined ? 0 : timeMs("not_before_ms", notBefore),
    delayMs: optional("delay_ms", delayMs, 0, yearMs),
    expiresAtMs: expiresAt === undefined ? 0 : timeMs("expires_at_ms", expiresAt),
    ttlMs: optional("ttl_ms", ttlMs, 1, yearMs),
    priority: optional("priority", priority, 0, 9),
  };
}

/** On the wire 0 is "not asked for". */
function optional(field: string, value: number | undefined, min: number, max: number): number {
  return value === undefined ? 0 : integer(field, value, min, max);
}

/** @throws {QueueError} TOO_LARGE */
export function checkSize(bytes: number): void {
  if (bytes <= commandBytesMax) return;
  throw new QueueError(
    `${bytes} bytes of content in one call; at most ${commandBytesMax}: split it, or store the body elsewhere and send a reference`,
    {
      reason: "TOO_LARGE",
      code: status.INVALID_ARGUMENT,
      outcome: "NOT_APPLIED",
      field: "content",
    },
  );
}
