// `client.commit(tx => …)`: settlements, enqueues and conditions in one log entry, all or nothing (O4).
//
//   T1. The function only gathers; it is synchronous, and nothing is sent unless it returns.
//   T2. A delivery that a commit settles is settled by nothing else: its handler's end waits for the answer (consumer.ts).
//   T3. A refused commit has changed nothing: its deliveries are held as before, but for one that was lost.

import type {
  ClientResult,
  CommitOperation,
  CommitSettle,
  Condition,
  LeaseName,
  NewMessage,
} from "../proto/frame.ts";
import { errorText, leaseOf, nackDelay, type Handling, type NackOptions } from "./delivery.ts";
import { asError, invalid, QueueError } from "./errors.ts";
import { clipped, type Lease } from "./lease.ts";
import type { Enqueued, EnqueueOptions, SignalOptions } from "./options.ts";
import { checkSize, newMessage, type Target } from "./producing.ts";
import { request, type RequestParts } from "./request.ts";

const operationsMax = 1_000;

export interface Committed {
  /** One for each `tx.enqueue`, in their order. */
  readonly messages: Enqueued[];
  readonly logIndex: number;
}

/** What must hold for a commit to take effect: made by `Queue.tailIs` and `Queue.lengthIs`. */
export class Expectation {
  readonly condition: Condition;

  constructor(condition: Condition) {
    this.condition = condition;
  }
}

/** What a commit will do, gathered. */
export class Transaction {
  readonly #conditions: Condition[] = [];
  readonly #settles: CommitSettle[] = [];
  readonly #leases = new Set<Lease>();
  readonly #enqueues: { readonly queue: string; readonly message: NewMessage }[] = [];
  #bytes = 0;
  #open = true;

  /** Done: the message leaves its queue. */
  ack(delivery: Handling<unknown>): this {
    return this.#settle("ack", delivery, undefined, "");
  }

  /** Failed: it comes again after `delayMs` (default: the queue's back-off). */
  nack(delivery: Handling<unknown>, options: NackOptions = {}): this {
    return this.#settle("nack", delivery, nackDelay(options), errorText(options.error));
  }

  /** Not now: ready again at once, no attempt counted. */
  release(delivery: Handling<unknown>): this {
    return this.#settle("release", delivery, undefined, "");
  }

  /** Never: the queue's `onExhausted` at once. */
  reject(delivery: Handling<unknown>, error?: unknown): this {
    return this.#settle("reject", delivery, undefined, errorText(error));
  }

  /** To any queue or topic, in the order of these calls. @throws {QueueError} CODEC, SCHEMA, MALFORMED, TOO_LARGE */
  enqueue<In>(target: Target<In>, value: In, options: EnqueueOptions = {}): this {
    this.#check();
    const message = newMessage(target.format, value, options);
    checkSize((this.#bytes += message.content.length));
    this.#enqueues.push({ queue: target.name, message });
    return this;
  }

  /** Only if this holds; else CONDITION_FAILED. */
  expect(expectation: Expectation): this {
    this.#check();
    this.#conditions.push(expectation.condition);
    return this;
  }

  /** Only if the delivery is still ours. One that this commit settles need not be named. */
  expectHeld(delivery: Handling<unknown>): this {
    this.#check();
    this.#conditions.push({ kind: "leaseHeld", lease: nameOf(leaseOf(delivery)) });
    return this;
  }

  /** @internal */
  finish(): { readonly operation: CommitOperation; readonly leases: readonly Lease[] } {
    this.#open = false;
    const [conditions, settles, enqueues] = [this.#conditions, this.#settles, this.#enqueues];
    if (settles.length + enqueues.length === 0) {
      throw invalid("settles", "a commit settles or enqueues something; this one does neither");
    }
    return {
      operation: { op: "commit", conditions, settles, enqueues },
      leases: [...this.#leases],
    };
  }

  #settle(
    kind: CommitSettle["kind"],
    delivery: Handling<unknown>,
    delayMs: number | undefined,
    error: string,
  ): this {
    this.#check();
    const lease = leaseOf(delivery);
    const again = this.#leases.has(lease);
    if (again || (lease.state !== "held" && lease.state !== "lost")) {
      const { messageId } = lease.delivery;
      throw invalid(
        `settles[${this.#settles.length}].lease`,
        `message ${messageId} is settled ${again ? "twice by this commit" : "already"}; a delivery is settled once`,
      );
    }
    this.#leases.add(lease);
    this.#settles.push({ kind, lease: nameOf(lease), delayMs, error: clipped(error) });
    return this;
  }

  #check(): void {
    if (!this.#open) {
      throw invalid("commit", "the commit has been sent: its function gathers synchronously");
    }
    const count = this.#conditions.length + this.#settles.length + this.#enqueues.length;
    if (count >= operationsMax) {
      throw invalid("settles", `a commit has at most ${operationsMax} operations; split it`);
    }
  }
}

/** @throws {QueueError} CONDITION_FAILED, STALE_LEASE and every refusal of an enqueue, naming the part in `field` */
export async function commit(
  parts: RequestParts,
  gather: (tx: Transaction) => unknown,
  options: SignalOptions,
): Promise<Committed> {
  const tx = new Transaction();
  const returned = gather(tx);
  const { operation, leases } = tx.finish();
  if (returned instanceof Promise) {
    returned.catch(() => undefined);
    throw invalid("commit", "the function gathers synchronously: await before the commit");
  }
  const ends = leases.map((lease) => lease.beginCommit());
  try {
    const committed = await request(parts, operation, readCommitted, options);
    for (const end of ends) end(undefined);
    return committed;
  } catch (thrown) {
    const error = asError(thrown);
    if (!(error instanceof QueueError)) throw error;
    refusedLease(error, leases)?.refuse(error);
    for (const end of ends) end(error);
    throw error;
  }
}

function readCommitted(result: ClientResult, logIndex: number): Committed | undefined {
  if (result.kind !== "committed") return undefined;
  return { messages: result.messages.map((message) => ({ ...message, logIndex })), logIndex };
}

/** The one of `settles` that is not ours any more. */
function refusedLease(error: QueueError, leases: readonly Lease[]): Lease | undefined {
  if (error.reason !== "STALE_LEASE") return undefined;
  const index = /^settles\[(\d+)\]/.exec(error.field)?.[1];
  return index === undefined ? undefined : leases[Number(index)];
}

function nameOf({ delivery }: Lease): LeaseName {
  const { queue, key, keySeq, fencingToken } = delivery;
  return { queue, key, keySeq, fencingToken };
}
