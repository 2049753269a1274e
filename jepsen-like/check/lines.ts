// A file line by line, of any length: only one line is ever held.

import { createReadStream } from "node:fs";
import { Malformed } from "./fields.ts";

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
}

const newline = 0x0a;
const lineBytesMax = 256 * 1024 * 1024;

export async function* linesOf(file: string): AsyncGenerator<Line> {
  let number = 1;
  let parts: Buffer[] = [];
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let to = chunk.indexOf(newline); to >= 0; to = chunk.indexOf(newline, from)) {
      yield { number, bytes: Buffer.concat([...parts, chunk.subarray(from, to)]) };
      number++;
      parts = [];
      from = to + 1;
    }
    parts.push(chunk.subarray(from));
    checkLength(parts, number);
  }
  const bytes = Buffer.concat(parts);
  if (bytes.length > 0) yield { number, bytes };
}

function checkLength(parts: readonly Buffer[], number: number): void {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length > lineBytesMax)
    throw new Error(`line ${number}: longer than ${lineBytesMax} bytes, the most that is read`);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Bytes that are no text are refused: replaced by a sign for "unknown", different values would become equal. */
export function textOf({ bytes }: Line): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Malformed("the line", "UTF-8", "other bytes");
  }
}
