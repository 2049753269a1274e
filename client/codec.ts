// How a value becomes a message's body. A codec is synchronous: order of calls is order of messages.

import { QueueError, status } from "./errors.ts";

export interface Codec<T> {
  /** Written into the message when the caller gives none; empty: none. */
  readonly contentType: string;
  /** Text is sent as UTF-8. */
  encode(value: T): Uint8Array | string;
  /** `body` is a view into a frame: copy what you keep for long. */
  decode(body: Uint8Array): T;
}

/** JSON (the default). `undefined` is no JSON and is refused. */
export function jsonCodec<T = unknown>(): Codec<T> {
  return {
    contentType: "application/json",
    encode(value) {
      // The types say string; functions, symbols and undefined give undefined.
      const text = JSON.stringify(value) as string | undefined;
      if (text === undefined) throw new TypeError("the value has no JSON form");
      return text;
    },
    decode: (body) => JSON.parse(textOf(body)) as T,
  };
}

/** The body as it is. */
export const bytesCodec: Codec<Uint8Array> = {
  contentType: "",
  encode: (value) => value,
  decode: (body) => body,
};

/** UTF-8 text. */
export const textCodec: Codec<string> = {
  contentType: "text/plain; charset=utf-8",
  encode: (value) => value,
  decode: textOf,
};

function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
}

export function encodeValue<T>(codec: Codec<T>, value: T): Uint8Array | string {
  try {
    return codec.encode(value);
  } catch (cause) {
    throw codecError("the value could not be encoded; nothing was sent", cause);
  }
}

export function decodeValue<T>(codec: Codec<T>, body: Uint8Array): T {
  try {
    return codec.decode(body);
  } catch (cause) {
    throw codecError(
      "the body could not be decoded; is another codec used for this queue elsewhere?",
      cause,
    );
  }
}

function codecError(what: string, cause: unknown): QueueError {
  const detail = cause instanceof Error ? `: ${cause.message}` : "";
  return new QueueError(what + detail, {
    reason: "CODEC",
    code: status.INVALID_ARGUMENT,
    outcome: "NOT_APPLIED",
    cause,
  });
}
