// `raftq.v1.NewMessage` and its `MessageOptions`: in Enqueue, in a batch and in a commit. Field numbers are those of queue.proto.

import { fieldSize, numberSize, Reader, stringSize, utf8Length, Writer } from "./wire.ts";

interface OptionNumbers {
  readonly expectKeySeq?: number | undefined;
  readonly notBeforeMs?: number | undefined;
  readonly delayMs?: number | undefined;
  readonly expiresAtMs?: number | undefined;
  readonly ttlMs?: number | undefined;
  readonly priority?: number | undefined;
}

/** What a producer may ask for besides, as the SDK says it. What is left out is 0 or empty. */
export interface MessageOptions extends OptionNumbers {
  readonly dedupId?: string | undefined;
}

/** As the server gets it: values are as they came. */
export interface MessageOptionsBytes {
  readonly dedupIdBytes: string;
  readonly expectKeySeq: number;
  readonly notBeforeMs: number;
  readonly delayMs: number;
  readonly expiresAtMs: number;
  readonly ttlMs: number;
  readonly priority: number;
}

export interface NewMessage {
  readonly key: string;
  /** A serialized `raftq.v1.Content`. */
  readonly content: Uint8Array;
  readonly options?: MessageOptions | undefined;
}

export interface NewMessageBytes {
  /** UTF-8, one char per byte. */
  readonly keyBytes: string;
  /** A view into the frame: a serialized `raftq.v1.Content`, not looked into. */
  readonly content: Uint8Array;
  /** undefined: none, as nearly always. */
  readonly options: MessageOptionsBytes | undefined;
}

const noContent = Buffer.alloc(0);

/** Size of the options as a field of their message; 0: there are none. */
export function optionsFieldSize(options: MessageOptions | undefined): number {
  return options === undefined ? 0 : fieldSize(optionsSize(options));
}

export function writeOptionsField(
  writer: Writer,
  tag: number,
  options: MessageOptions | undefined,
): void {
  if (options === undefined) return;
  const dedupId = options.dedupId ?? "";
  writer.head(tag, optionsSize(options));
  writer.text(10, dedupId, utf8Length(dedupId));
  writer.number(16, options.expectKeySeq ?? 0);
  writer.number(24, options.notBeforeMs ?? 0);
  writer.number(32, options.delayMs ?? 0);
  writer.number(40, options.expiresAtMs ?? 0);
  writer.number(48, options.ttlMs ?? 0);
  writer.number(56, options.priority ?? 0);
}

function optionsSize(options: MessageOptions): number {
  return (
    stringSize(utf8Length(options.dedupId ?? "")) +
    numberSize(options.expectKeySeq ?? 0) +
    numberSize(options.notBeforeMs ?? 0) +
    numberSize(options.delayMs ?? 0) +
    numberSize(options.expiresAtMs ?? 0) +
    numberSize(options.ttlMs ?? 0) +
    numberSize(options.priority ?? 0)
  );
}

export function newMessageSize(message: NewMessage): number {
  return (
    stringSize(utf8Length(message.key)) +
    fieldSize(message.content.length) +
    optionsFieldSize(message.options)
  );
}

/** Writes the fields; the writer has `newMessageSize` bytes of room. */
export function writeNewMessage(writer: Writer, message: NewMessage): void {
  writer.text(10, message.key, utf8Length(message.key));
  writer.bytes(18, message.content);
  writeOptionsField(writer, 26, message.options);
}

/** Reads the nested message that comes next. */
export function readNewMessage(reader: Reader): NewMessageBytes {
  let keyBytes = "";
  let content: Uint8Array = noContent;
  let options: MessageOptionsBytes | undefined;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) keyBytes = reader.byteString();
    else if (tag === 18) content = reader.bytes();
    else if (tag === 26) options = readOptions(reader);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { keyBytes, content, options };
}

/** Reads the nested message that comes next. */
export function readOptions(reader: Reader): MessageOptionsBytes {
  let dedupIdBytes = "";
  let expectKeySeq = 0;
  let notBeforeMs = 0;
  let delayMs = 0;
  let expiresAtMs = 0;
  let ttlMs = 0;
  let priority = 0;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 10:
        dedupIdBytes = reader.byteString();
        break;
      case 16:
        expectKeySeq = reader.varint();
        break;
      case 24:
        notBeforeMs = reader.varint();
        break;
      case 32:
        delayMs = reader.varint();
        break;
      case 40:
        expiresAtMs = reader.varint();
        break;
      case 48:
        ttlMs = reader.varint();
        break;
      case 56:
        priority = reader.int32();
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  return { dedupIdBytes, expectKeySeq, notBeforeMs, delayMs, expiresAtMs, ttlMs, priority };
}
