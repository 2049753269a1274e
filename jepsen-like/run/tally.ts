// How many calls there were and what became of them, while the run goes on: reads what the history files have grown by. Knows of
// a line only how it begins, so that it costs next to nothing.

import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";

export interface Counts {
  readonly invoked: number;
  readonly ok: number;
  readonly fail: number;
  readonly unknown: number;
  readonly delivered: number;
}

type Kind = "invoke" | "ok" | "fail" | "unknown" | "delivered";

const type = /^\{"type":"([a-z]+)"/;
const pieceBytes = 1024 * 1024;

interface Followed {
  at: number;
  rest: string;
}

export class Tally {
  readonly #directory: string;
  readonly #files = new Map<string, Followed>();
  readonly #counts = new Map<string, number>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Reads on. Completions are counted as they are written: calls under way are in `invoked` alone. */
  look(): Counts {
    for (const name of readdirSync(this.#directory)) {
      if (name.endsWith(".jsonl")) this.#follow(name);
    }
    const count = (kind: Kind): number => this.#counts.get(kind) ?? 0;
    return {
      invoked: count("invoke"),
      ok: count("ok"),
      fail: count("fail"),
      unknown: count("unknown"),
      delivered: count("delivered"),
    };
  }

  #follow(name: string): void {
    const followed = this.#files.get(name) ?? { at: 0, rest: "" };
    this.#files.set(name, followed);
    const file = openSync(join(this.#directory, name), "r");
    try {
      const { size } = fstatSync(file);
      const piece = Buffer.alloc(Math.min(pieceBytes, Math.max(0, size - followed.at)));
      while (followed.at < size) {
        const read = readSync(file, piece, 0, piece.length, followed.at);
        if (read === 0) return;
        followed.at += read;
        // Only the beginning of a line is looked at, which is ASCII: where a piece cuts a character does not matter.
        const lines = `${followed.rest}${piece.toString("latin1", 0, read)}`.split("\n");
        followed.rest = lines.pop() ?? "";
        for (const line of lines) this.#count(line);
      }
    } finally {
      closeSync(file);
    }
  }

  #count(line: string): void {
    const kind = type.exec(line)?.[1];
    if (kind !== undefined) this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }
}
