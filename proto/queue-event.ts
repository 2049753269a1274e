// `raftq.v1.QueueEvent`: the server writes keys as byte strings, the SDK reads them as text.

import { numberSize, Reader, stringSize, utf8Length, Writer } from "./wire.ts";

interface EventNumbers {
  /** parked, stalled. */
  readonly kind: string;
  readonly queue: string;
  readonly keySeq: number;
  readonly attempts: number;
  readonly error: string;
}

export interface QueueEventBytes extends EventNumbers {
  readonly keyBytes: string;
}

export interface QueueEvent extends EventNumbers {
  readonly key: string;
}

export function eventSize(event: QueueEventBytes): number {
  return (
    stringSize(event.kind.length) +
    stringSize(utf8Length(event.queue)) +
    stringSize(event.keyBytes.length) +
    numberSize(event.keySeq) +
    numberSize(event.attempts) +
    stringSize(utf8Length(event.error))
  );
}

export function writeEvent(writer: Writer, event: QueueEventBytes): void {
  writer.byteString(10, event.kind);
  writer.text(18, event.queue, utf8Length(event.queue));
  writer.byteString(26, event.keyBytes);
  writer.number(32, event.keySeq);
  writer.number(40, event.attempts);
  writer.text(50, event.error, utf8Length(event.error));
}

/** Reads the nested message that comes next. */
export function readEvent(reader: Reader): QueueEvent {
  let kind = "";
  let queue = "";
  let key = "";
  let keySeq = 0;
  let attempts = 0;
  let error = "";
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 10:
        kind = reader.text();
        break;
      case 18:
        queue = reader.name();
        break;
      case 26:
        key = reader.text();
        break;
      case 32:
        keySeq = reader.varint();
        break;
      case 40:
        attempts = reader.varint();
        break;
      case 50:
        error = reader.text();
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  return { kind, queue, key, keySeq, attempts, error };
}
