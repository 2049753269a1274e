// A user's own database, outside the cluster: it takes a write only from whoever shows the greatest fencing token so far (P5).
// It lives in the controller, which handles one write at a time and outlives all workers.
//
//   F1. Tokens grow with the places of the messages they were given for: after a message was settled, none before it comes again
//       (P3), and no two grants have one token (P5). A write that shows otherwise is a complaint.

export interface Write {
  readonly queue: string;
  readonly key: string;
  readonly keySeq: number;
  readonly token: number;
  readonly body: string;
}

/** `accepted: false`: a greater token was shown before. */
export interface Written {
  readonly accepted: boolean;
}

export class Database {
  readonly #newest = new Map<string, Write>();
  readonly #complain: (what: string) => void;
  #accepted = 0;
  #refused = 0;

  constructor(complain: (what: string) => void) {
    this.#complain = complain;
  }

  get accepted(): number {
    return this.#accepted;
  }

  /** By the token: zombies that were kept out. */
  get refused(): number {
    return this.#refused;
  }

  put(write: Write): Written {
    const name = JSON.stringify([write.queue, write.key]);
    const newest = this.#newest.get(name);
    if (newest !== undefined && write.token < newest.token) {
      this.#refused += 1;
      if (write.keySeq > newest.keySeq) this.#contradicts(newest, write);
      return { accepted: false };
    }
    if (newest !== undefined) {
      const same = newest.token === write.token;
      if (same ? newest.body !== write.body : write.keySeq < newest.keySeq)
        this.#contradicts(newest, write);
    }
    this.#newest.set(name, write);
    this.#accepted += 1;
    return { accepted: true };
  }

  /** F1 */
  #contradicts(one: Write, other: Write): void {
    const [less, more] = one.token <= other.token ? [one, other] : [other, one];
    this.#complain(
      `queue ${one.queue}, key ${one.key}: token ${less.token} was given for message ${less.keySeq} (${less.body}), ` +
        `and token ${more.token} for message ${more.keySeq} (${more.body})`,
    );
  }
}
