// A queue server of a hundred lines, right by design unless a bug is asked for: what the checkers are tried on.

import type { DeclaredQueue } from "../../../jepsen-like/checkers/contract.ts";

export type Bug =
  | "loses an enqueue that it acknowledged"
  | "invents a message"
  | "leases a message twice"
  | "takes an old token"
  | "redelivers at the tail"
  | "says empty although something is ready"
  | "stores again what it had stored"
  | "keeps what was acked"
  | "does half a commit"
  | "counts an ack twice"
  | "goes back in the log"
  | "puts a message before others"
  | "ends leases without a reason"
  | "delivers the next one too early"
  | "blames a session that lives"
  | "ends leases long before their time"
  | "acks twice"
  | "gives a number twice"
  | "reports a failure for what it did"
  | "discards what should be parked";

export interface Rules extends DeclaredQueue {
  readonly dedup: boolean;
}

export interface Stored {
  readonly queue: Queue;
  readonly key: string;
  readonly body: string;
  readonly keySeq: number;
  readonly seq: number;
  readonly logIndex: number;
  place: number;
  state: "READY" | "LEASED" | "RETRYING" | "PARKED" | "GONE";
  token: number;
  holder: string;
  deliveries: number;
  attempts: number;
  ended: string;
}

interface Queue {
  readonly rules: Rules;
  readonly lines: Map<string, Stored[]>;
  readonly tails: Map<string, number>;
  /** By body, for ever. */
  readonly known: Map<string, Stored>;
  /** Who settled last, by token. */
  readonly settledBy: Map<number, string>;
  readonly counters: Record<string, number>;
}

export class Refused extends Error {}

export class QueueServer {
  logIndex = 0;
  tokens = 0;
  readonly queues = new Map<string, Queue>();
  readonly #bug: Bug | undefined;
  readonly #strikes: () => boolean;

  /** `strikes`: whether the bug shows this time. */
  constructor(rules: readonly Rules[], bug: Bug | undefined, strikes: () => boolean) {
    this.#bug = bug;
    this.#strikes = strikes;
    for (const one of rules)
      this.queues.set(one.name, {
        rules: one,
        lines: new Map(),
        tails: new Map(),
        known: new Map(),
        settledBy: new Map(),
        counters: { enqueued: 0, acked: 0, deadLettered: 0, discarded: 0 },
      });
  }

  has(bug: Bug): boolean {
    return this.#bug === bug && this.#strikes();
  }

  /** One entry of the log. */
  next(): number {
    this.logIndex += this.has("goes back in the log") ? -3 : 1;
    return this.logIndex;
  }

  queue(name: string): Queue {
    return this.queues.get(name)!;
  }

  enqueue(name: string, key: string, body: string): { stored: Stored; deduplicated: boolean } {
    const queue = this.queue(name);
    const before = queue.known.get(body);
    if (queue.rules.dedup && before !== undefined && !this.has("stores again what it had stored"))
      return { stored: before, deduplicated: true };
    const line = this.#line(queue, key);
    const keySeq = (queue.tails.get(line.name) ?? 0) + 1;
    queue.tails.set(line.name, keySeq);
    const twice = queue.counters["enqueued"]! > 0 && this.has("gives a number twice");
    if (!twice) queue.counters["enqueued"]! += 1;
    const stored: Stored = {
      ...{ queue, key, body, keySeq, seq: queue.counters["enqueued"]!, logIndex: this.logIndex },
      ...{ place: keySeq, state: "READY", token: 0, holder: "", deliveries: 0, attempts: 0 },
      ended: "",
    };
    queue.known.set(body, stored);
    if (this.has("loses an enqueue that it acknowledged")) return { stored, deduplicated: false };
    if (this.has("puts a message before others")) stored.place -= 2.5;
    line.messages.push(stored);
    line.messages.sort((a, b) => a.place - b.place);
    return { stored, deduplicated: false };
  }

  /** The next message that may be leased, leased to this process. */
  grant(name: string, process: string): Stored | undefined {
    const queue = this.queue(name);
    if (this.has("says empty although something is ready")) return undefined;
    if (this.has("invents a message")) this.enqueue(name, "k1", `ghost-${this.logIndex}`);
    for (const messages of queue.lines.values()) {
      const found = this.#grantable(queue, messages);
      if (found === undefined) continue;
      this.tokens += 1;
      found.state = "LEASED";
      found.token = this.tokens;
      found.holder = process;
      found.deliveries += 1;
      return found;
    }
    return undefined;
  }

  #grantable({ rules }: Queue, messages: readonly Stored[]): Stored | undefined {
    if (this.has("leases a message twice")) {
      const leased = messages.find(({ state }) => state === "LEASED");
      if (leased !== undefined) return leased;
    }
    const ready = messages.find(({ state }) => state === "READY");
    if (rules.ordering === "NONE" || this.has("delivers the next one too early")) return ready;
    return messages[0]?.state === "READY" ? messages[0] : undefined;
  }

  /** Answers whether it had been done before. @throws Refused */
  settle(f: "ack" | "nack" | "reject" | "release", lease: Lease): boolean {
    const queue = this.queue(lease.queue);
    const found = this.held(lease);
    if (found === undefined) {
      if (queue.settledBy.get(lease.token) === f) return true;
      if (f === "ack" && queue.settledBy.size > 0 && this.has("acks twice")) return false;
      throw new Refused("STALE_LEASE");
    }
    queue.settledBy.set(found.token, f);
    if (f === "ack") {
      queue.counters["acked"]! += this.has("counts an ack twice") ? 2 : 1;
      if (!this.has("keeps what was acked")) this.#leave(found);
      else found.state = "READY";
    } else if (f === "release") this.again(found, "release");
    else if (f === "nack") this.fail(found, "nack");
    else this.#exhaust(found);
    return false;
  }

  held({ queue: name, body, token }: Lease): Stored | undefined {
    for (const messages of this.queue(name).lines.values())
      for (const one of messages)
        if (one.body === body && one.state === "LEASED")
          if (one.token === token || this.has("takes an old token")) return one;
    return undefined;
  }

  again(found: Stored, ended: string): void {
    found.state = "READY";
    found.ended = ended;
  }

  /** Counts a failure: it comes again, or has failed for good. */
  fail(found: Stored, ended: string): void {
    found.attempts += 1;
    if (found.attempts >= found.queue.rules.maxAttempts) {
      this.#exhaust(found);
      return;
    }
    this.again(found, ended);
    if (ended === "nack") found.state = "RETRYING";
    if (!this.has("redelivers at the tail")) return;
    found.place = (found.queue.tails.get(this.#line(found.queue, found.key).name) ?? 0) + 0.5;
    this.#line(found.queue, found.key).messages.sort((a, b) => a.place - b.place);
  }

  #exhaust(found: Stored): void {
    const { rules, counters } = found.queue;
    if (rules.onExhausted === "PARK" && !this.has("discards what should be parked")) {
      found.state = "PARKED";
      return;
    }
    this.#leave(found);
    if (rules.onExhausted === "DEAD_LETTER") {
      counters["deadLettered"]! += 1;
      this.enqueue(rules.deadLetterQueue, found.key, found.body);
    } else counters["discarded"]! += 1;
  }

  #leave(found: Stored): void {
    const { messages } = this.#line(found.queue, found.key);
    found.state = "GONE";
    messages.splice(messages.indexOf(found), 1);
  }

  leasesOf(process: string): Stored[] {
    return this.all().filter(({ state, holder }) => state === "LEASED" && holder === process);
  }

  all(): Stored[] {
    return [...this.queues.values()].flatMap(({ lines }) => [...lines.values()].flat());
  }

  counters(name: string): Record<string, number> {
    const { lines, counters } = this.queue(name);
    const count = (state: Stored["state"]): number =>
      [...lines.values()].flat().filter((one) => one.state === state).length;
    return {
      ...counters,
      ready: count("READY"),
      leased: count("LEASED"),
      retrying: count("RETRYING"),
      parked: count("PARKED"),
    };
  }

  #line(queue: Queue, key: string): { name: string; messages: Stored[] } {
    const name = queue.rules.ordering === "KEY" ? key : "";
    const messages = queue.lines.get(name) ?? [];
    queue.lines.set(name, messages);
    return { name, messages };
  }
}

interface Lease {
  readonly queue: string;
  readonly body: string;
  readonly token: number;
}
