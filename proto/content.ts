// `raftq.v1.Content`: made by the producer, read by the consumer, opaque bytes to everything between them.

import {
  Reader,
  repeatedMax,
  stringSize,
  utf8Length,
  varintSize,
  Writer,
  MalformedFrame,
} from "./wire.ts";

interface Content {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty: none. So are the others. */
  readonly contentType: string;
  readonly correlationId: string;
  readonly replyTo: string;
  /** W3C trace context. */
  readonly traceparent: string;
}

/** What may be left out is empty. A body of text is written as UTF-8, without a copy of its own. */
export interface ContentInput {
  readonly body: Uint8Array | string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly contentType?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly traceparent?: string | undefined;
}

const noHeaders: Readonly<Record<string, string>> = Object.freeze({});
const noBody = Buffer.alloc(0);

export function encodeContent(content: ContentInput): Buffer {
  const { body, contentType = "", correlationId = "", replyTo = "", traceparent = "" } = content;
  const bodyLength = typeof body === "string" ? utf8Length(body) : body.length;
  const contentTypeLength = utf8Length(contentType);
  const correlationIdLength = utf8Length(correlationId);
  const replyToLength = utf8Length(replyTo);
  const traceparentLength = utf8Length(traceparent);
  let size =
    stringSize(bodyLength) +
    stringSize(contentTypeLength) +
    stringSize(correlationIdLength) +
    stringSize(replyToLength) +
    stringSize(traceparentLength);
  if (content.headers !== undefined) size += headersSize(content.headers);

  const writer = new Writer(Buffer.allocUnsafe(size));
  if (bodyLength > 0) {
    writer.head(10, bodyLength);
    if (typeof body === "string") writer.utf8(body, bodyLength);
    else writer.raw(body);
  }
  if (content.headers !== undefined) writeHeaders(writer, content.headers);
  writer.text(26, contentType, contentTypeLength);
  writer.text(34, correlationId, correlationIdLength);
  writer.text(42, replyTo, replyToLength);
  writer.text(50, traceparent, traceparentLength);
  return writer.only();
}

function headersSize(headers: Readonly<Record<string, string>>): number {
  let size = 0;
  for (const [name, value] of Object.entries(headers)) {
    const entry = entrySize(utf8Length(name), utf8Length(value));
    size += 1 + varintSize(entry) + entry;
  }
  return size;
}

/** A map entry always carries both of its fields, as every protobuf writer does it. */
function entrySize(nameLength: number, valueLength: number): number {
  return 2 + varintSize(nameLength) + nameLength + varintSize(valueLength) + valueLength;
}

function writeHeaders(writer: Writer, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    const nameLength = utf8Length(name);
    const valueLength = utf8Length(value);
    writer.head(18, entrySize(nameLength, valueLength));
    writer.head(10, nameLength);
    writer.utf8(name, nameLength);
    writer.head(18, valueLength);
    writer.utf8(value, valueLength);
  }
}

/** @throws {MalformedFrame} */
export function decodeContent(bytes: Uint8Array): Content {
  const reader = new Reader(bytes);
  let body: Uint8Array = noBody;
  let headers: Record<string, string> | undefined;
  let contentType = "";
  let correlationId = "";
  let replyTo = "";
  let traceparent = "";
  let entries = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 10:
        body = reader.bytes();
        break;
      case 18:
        if (++entries > repeatedMax) throw new MalformedFrame("too many headers");
        readHeader(reader, (headers ??= Object.create(null) as Record<string, string>));
        break;
      case 26:
        contentType = reader.text();
        break;
      case 34:
        correlationId = reader.text();
        break;
      case 42:
        replyTo = reader.text();
        break;
      case 50:
        traceparent = reader.text();
        break;
      default:
        reader.skip(tag);
    }
  }
  return { body, headers: headers ?? noHeaders, contentType, correlationId, replyTo, traceparent };
}

// The record has no prototype: a header named `__proto__` is only a header.
function readHeader(reader: Reader, headers: Record<string, string>): void {
  let name = "";
  let value = "";
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 10) name = reader.text();
    else if (tag === 18) value = reader.text();
    else reader.skip(tag);
  }
  reader.leave(outer);
  headers[name] = value;
}
