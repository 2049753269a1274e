// Looks at every message that is delivered: was it seen before, and is it the next one of its key?

export class Witness {
  #seen = new Uint8Array(1 << 16);
  /** For each queue, the last `keySeq` of each key. */
  readonly #last: readonly Map<string, number>[];
  distinct = 0;
  doubled = 0;
  outOfOrder = 0;

  constructor(queues: number) {
    this.#last = Array.from({ length: queues }, () => new Map<string, number>());
  }

  /** `keySeq` is dense from 1 in each key of a queue: a gap is a message that was lost, or is yet to come too late. */
  note(queue: number, key: string, keySeq: number, sequence: number): void {
    if (sequence >= this.#seen.length) this.#grow(sequence);
    if (this.#seen[sequence] === 1) this.doubled++;
    else this.distinct++;
    this.#seen[sequence] = 1;
    const last = this.#last[queue]?.get(key) ?? 0;
    if (keySeq !== last + 1) this.outOfOrder++;
    if (keySeq > last) this.#last[queue]?.set(key, keySeq);
  }

  #grow(sequence: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#seen.length, sequence + 1));
    larger.set(this.#seen);
    this.#seen = larger;
  }
}
