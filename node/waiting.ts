// Who waits for what on this node, besides the entries under way (proposer.ts): reads, and receives without a message yet.
// Every one of them is answered: when it can be, or when leadership is lost (D3, R10).

import type { Answer } from "../queue/index.ts";
import type { ReadOutcome } from "../raft/index.ts";
import type { Respond, Unanswered } from "./proposer.ts";

/** Leadership was lost before the read could be confirmed. */
export class NotLeading extends Error {
  override readonly name = "NotLeading";
}

interface Read {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  index: number | undefined;
}

export class Waiting {
  #nextRead = 1;
  readonly #reads = new Map<number, Read>();
  readonly #receives = new Map<string, Respond>();

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
    for (const { id, index } of outcomes) {
      const read = this.#reads.get(id);
      if (read === undefined) continue;
      if (index === undefined) {
        this.#reads.delete(id);
        read.reject(new NotLeading("leadership was lost"));
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
    const name = `${session}/${sequence}`;
    const previous = this.#receives.get(name);
    this.#receives.set(name, respond);
    // The same call again, over another stream: the older one is not listened to any more.
    previous?.({ kind: "unknown" });
  }

  completed(session: number, sequence: number, answer: Answer): void {
    const name = `${session}/${sequence}`;
    const respond = this.#receives.get(name);
    if (respond === undefined) return;
    this.#receives.delete(name);
    respond(answer);
  }

  abandonReceives(why: Unanswered): void {
    const receives = [...this.#receives.values()];
    this.#receives.clear();
    for (const respond of receives) respond(why);
  }
}
