// Who waits for what on this node, besides the entries under way (proposer.ts): reads, and receives without a message yet.
// Every one of them is answered: when it can be, or when leadership is lost (D3, R10).

import type { Answer, Origin, Refusal } from "../queue/index.ts";
import type { ReadOutcome } from "../raft/index.ts";
import type { Respond } from "./proposer.ts";

/** Leadership was lost before the read could be confirmed. */
export class NotLeading extends Error {
  override readonly name = "NotLeading";
}

/** As many reads as may wait do so already: later. */
export class TooManyReads extends Error {
  override readonly name = "TooManyReads";
}

interface Read {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  index: number | undefined;
}

export class Waiting {
  #nextRead = 1;
  readonly #reads = new Map<number, Read>();
  /** By session and sequence. */
  readonly #receives = new Map<number, Map<number, Respond>>();

  /** A fresh id for each attempt (D2). */
  read(ask: (id: number) => void): Promise<void> {
    const id = this.#nextRead;
    this.#nextRead += 1;
    return new Promise((resolve, reject) => {
      this.#reads.set(id, { resolve, reject, index: undefined });
      ask(id);
    });
  }

  /** The outcomes of reads: confirmed at an index, or not any more. */
  confirmed(outcomes: readonly ReadOutcome[], applied: number): void {
    for (const { id, index, reason } of outcomes) {
      const read = this.#reads.get(id);
      if (read === undefined) continue;
      if (index === undefined) {
        this.#reads.delete(id);
        if (reason === undefined) read.reject(new NotLeading("leadership was lost"));
        else read.reject(new TooManyReads("too many reads wait already"));
      } else read.index = index;
    }
    if (outcomes.length > 0) this.applied(applied);
  }

  /** D7: a read is served only from a state machine that has reached its index. */
  applied(index: number): void {
    for (const [id, read] of this.#reads) {
      if (read.index === undefined || read.index > index) continue;
      this.#reads.delete(id);
      read.resolve();
    }
  }

  receive(session: number, sequence: number, respond: Respond): void {
    let calls = this.#receives.get(session);
    if (calls === undefined) {
      calls = new Map();
      this.#receives.set(session, calls);
    }
    const previous = calls.get(sequence);
    calls.set(sequence, respond);
    // The same call again, over another stream: the older one is not listened to any more.
    previous?.({ kind: "unknown" });
  }

  completed(session: number, sequence: number, answer: Answer): void {
    this.#take(session, sequence)?.(answer);
  }

  /** The client says that it does not wait for what lies below its floor: the state machine has forgotten those receives. */
  raised({ session, sequence, floor }: Origin, index: number): void {
    const calls = this.#receives.get(session);
    if (calls === undefined) return;
    for (const waiting of [...calls.keys()]) {
      if (waiting >= floor || waiting === sequence) continue;
      this.#take(session, waiting)?.({ index, reply: { kind: "refused", refusal: givenUp } });
    }
  }

  /** Leadership is lost, or the node stops: nobody can be answered here any more (D3, H4). */
  abandon(): void {
    const receives = [...this.#receives.values()].flatMap((calls) => [...calls.values()]);
    const reads = [...this.#reads.values()];
    this.#receives.clear();
    this.#reads.clear();
    // They are in the log: who knows what they will get.
    for (const respond of receives) respond({ kind: "unknown" });
    for (const { reject } of reads) reject(new NotLeading("leadership was lost"));
  }

  #take(session: number, sequence: number): Respond | undefined {
    const calls = this.#receives.get(session);
    const respond = calls?.get(sequence);
    if (calls === undefined || respond === undefined) return undefined;
    calls.delete(sequence);
    if (calls.size === 0) this.#receives.delete(session);
    return respond;
  }
}

const givenUp: Refusal = {
  reason: "MALFORMED",
  message:
    "a later call of the session has said, with first_outstanding, that nobody waits for this receive any more",
  field: "first_outstanding",
  currentToken: 0,
  state: "",
  retryAfterMs: 0,
};
