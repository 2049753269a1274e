// Commands that wait for room in the log, so that nobody's many keep another's few from going on.
//   FQ1. Pieces of one session leave in the order in which they came.
//   FQ2. Sessions take turns: at each turn as many pieces as begin within quantumBytes. Who has few waits for one turn of each
//        other at most, however many those have.

import { assert } from "./assert.ts";

/** Commands of one session that came one after the other, encoded. */
export interface Piece<T> {
  readonly session: number;
  readonly records: Uint8Array;
  /** For each record, in order. */
  readonly waiting: readonly T[];
}

const quantumBytes = 4096;

/** Of one session. */
class Line<T> {
  #pieces: Piece<T>[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#pieces.length;
  }

  get first(): Piece<T> {
    const piece = this.#pieces[this.#head];
    assert(piece !== undefined, "a line that is empty has no first piece");
    return piece;
  }

  push(piece: Piece<T>): void {
    this.#pieces.push(piece);
  }

  shift(): Piece<T> {
    const { first } = this;
    this.#head += 1;
    if (this.#head >= 64 && this.#head * 2 > this.#pieces.length) {
      this.#pieces = this.#pieces.slice(this.#head);
      this.#head = 0;
    }
    return first;
  }

  rest(): Piece<T>[] {
    return this.#pieces.slice(this.#head);
  }
}

export class FairQueue<T> {
  /** Whose turn it is comes first. */
  readonly #lines = new Map<number, Line<T>>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  push(piece: Piece<T>): void {
    this.#bytes += piece.records.length;
    let line = this.#lines.get(piece.session);
    if (line === undefined) {
      line = new Line<T>();
      this.#lines.set(piece.session, line);
    }
    line.push(piece);
  }

  /** Pieces for one entry: as many as fit, or a single larger one. */
  take(bytesMax: number): Piece<T>[] {
    const taken: Piece<T>[] = [];
    let bytes = 0;
    let isFull = false;
    for (const [session, line] of this.#lines) {
      for (let turn = 0; turn < quantumBytes && !line.isEmpty;) {
        const { length } = line.first.records;
        isFull = taken.length > 0 && bytes + length > bytesMax;
        if (isFull) break;
        taken.push(line.shift());
        bytes += length;
        turn += length;
      }
      if (isFull) break;
      this.#lines.delete(session);
      // Behind the others: a Map also goes on to what is put in meanwhile.
      if (!line.isEmpty) this.#lines.set(session, line);
    }
    this.#bytes -= bytes;
    return taken;
  }

  /** Everything, in no order between sessions. */
  drain(): Piece<T>[] {
    const all = [...this.#lines.values()].flatMap((line) => line.rest());
    this.#lines.clear();
    this.#bytes = 0;
    return all;
  }
}
