// Calls on their way: waiting for a number, sent and waiting for an answer, answered.
//
//   S1. Sequence numbers are dense from 1: a call gets its number when it is written into a frame, and keeps it (P6).
//   S2. A call that has a number stays until the server has answered it, even when its caller has gone.
//   S3. Calls get numbers in the order in which they were made; only settlements and subscriptions may pass calls that
//       wait because the window is full, so that a full pipe never costs a lease.
//   S4. At most `maxOutstanding` numbers lie between the first unanswered call and the next; settlements may double that.

import { ClientFrameWriter, type ClientOperation, type ClientResult } from "../proto/frame.ts";
import { abortedError, type QueueError } from "./errors.ts";

/** A frame is closed when it has so many bytes; one command more may still be in it. */
const frameBytesMax = 262_144;

export interface CallHandlers {
  answered(result: ClientResult, logIndex: number): void;
  failed(error: QueueError): void;
  /** The answer came after `failed`. */
  late?(result: ClientResult, logIndex: number): void;
}

export class Call {
  readonly operation: ClientOperation;
  readonly handlers: CallHandlers;
  /** May pass calls that wait for room (S3). */
  readonly urgent: boolean;
  /** Fails with TIMEOUT when it is too old. */
  readonly expires: boolean;
  /** 0: not sent yet. */
  sequence = 0;
  /** Order in which calls were made. */
  order = 0;
  /** Milliseconds, coarse. */
  since = 0;
  /** Its caller has heard. */
  done = false;

  constructor(
    operation: ClientOperation,
    handlers: CallHandlers,
    urgent: boolean,
    expires: boolean,
  ) {
    this.operation = operation;
    this.handlers = handlers;
    this.urgent = urgent;
    this.expires = expires;
  }

  answer(result: ClientResult, logIndex: number): void {
    if (this.done) {
      this.handlers.late?.(result, logIndex);
      return;
    }
    this.done = true;
    this.handlers.answered(result, logIndex);
  }

  fail(error: QueueError): void {
    if (this.done) return;
    this.done = true;
    this.handlers.failed(error);
  }
}

/** Fails the call when `signal` fires first. */
export function withSignal(call: Call, signal: AbortSignal): Call {
  const { handlers } = call;
  const forget = (): void => signal.removeEventListener("abort", abort);
  const guarded = new Call(
    call.operation,
    {
      answered(result, logIndex) {
        forget();
        handlers.answered(result, logIndex);
      },
      failed(error) {
        forget();
        handlers.failed(error);
      },
      late: (result, logIndex) => handlers.late?.(result, logIndex),
    },
    call.urgent,
    call.expires,
  );
  const abort = (): void =>
    guarded.fail(abortedError(guarded.sequence === 0 ? "NOT_APPLIED" : "UNKNOWN", signal.reason));
  signal.addEventListener("abort", abort, { once: true });
  return guarded;
}

/** First in, first out; taking is O(1). */
class Fifo {
  #items: (Call | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(call: Call): void {
    this.#items.push(call);
  }

  /** The first whose caller still waits. */
  peek(): Call | undefined {
    while (this.#head < this.#items.length) {
      const call = this.#items[this.#head] as Call;
      if (!call.done) return call;
      this.shift();
    }
    return undefined;
  }

  shift(): void {
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head >= 4_096 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  *[Symbol.iterator](): IterableIterator<Call> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i] as Call;
  }
}

export class Outbox {
  readonly #maxOutstanding: number;
  readonly #maxWaiting: number;
  readonly #writer = new ClientFrameWriter();
  readonly #waiting = new Fifo();
  readonly #urgent = new Fifo();
  /** Sent calls by sequence, from #base; answered ones are undefined. */
  #sent: (Call | undefined)[] = [];
  #base = 1;
  #first = 1;
  #next = 1;
  /** Up to here everything has been written to the present stream. */
  #cursor = 1;
  #order = 0;

  constructor(maxOutstanding: number, maxWaiting: number) {
    this.#maxOutstanding = maxOutstanding;
    this.#maxWaiting = maxWaiting;
  }

  /** The lowest sequence whose answer is awaited. */
  get firstOutstanding(): number {
    return this.#first;
  }

  get nextSequence(): number {
    return this.#next;
  }

  /** Calls without an answer, sent or not; callers that have gone count until the server answers. */
  get size(): number {
    return this.#next - this.#first + this.#waiting.length + this.#urgent.length;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0 || this.#urgent.length > 0;
  }

  get isFull(): boolean {
    return (
      this.#next - this.#first + this.#waiting.length >= this.#maxOutstanding + this.#maxWaiting
    );
  }

  add(call: Call, now: number): void {
    call.order = ++this.#order;
    call.since = now;
    (call.urgent ? this.#urgent : this.#waiting).push(call);
  }

  /** A new stream: everything that has no answer is to be sent on it, with the numbers that it has. */
  rewind(): void {
    this.#cursor = this.#first;
  }

  /** The next frame for the present stream; undefined when there is nothing that may be sent now. */
  nextFrame(): Buffer | undefined {
    const writer = this.#writer;
    let empty = true;
    while (writer.size < frameBytesMax) {
      const call = this.#cursor < this.#next ? this.#sentAt(this.#cursor) : this.#number();
      if (call === undefined) {
        if (this.#cursor >= this.#next) break;
        this.#cursor++;
        continue;
      }
      if (empty) writer.firstOutstanding(this.#first);
      empty = false;
      writer.command(call.sequence, call.operation);
      this.#cursor = call.sequence + 1;
    }
    return empty ? undefined : writer.finish();
  }

  /** Takes the call that this answers; undefined when it has been answered before. */
  take(sequence: number): Call | undefined {
    const call = this.#sentAt(sequence);
    if (call === undefined) return undefined;
    this.#sent[sequence - this.#base] = undefined;
    while (this.#first < this.#next && this.#sent[this.#first - this.#base] === undefined)
      this.#first++;
    const gone = this.#first - this.#base;
    if (this.#first === this.#next) {
      this.#sent = [];
      this.#base = this.#first;
    } else if (gone >= 4_096 && gone * 2 > this.#sent.length) {
      this.#sent = this.#sent.slice(gone);
      this.#base = this.#first;
    }
    return call;
  }

  /** Calls older than `before` whose callers should hear so. */
  *expired(before: number): IterableIterator<Call> {
    for (const calls of [this.#sent, this.#waiting, this.#urgent]) {
      for (const call of calls) {
        if (call === undefined || call.done || !call.expires) continue;
        if (call.since >= before) break;
        yield call;
      }
    }
  }

  /** The session is over: all calls, in order, and none is left. Numbers start at 1 again. */
  clear(): Call[] {
    const calls = [...this.#sent, ...this.#waiting, ...this.#urgent].filter(
      (call) => call !== undefined,
    );
    while (this.#waiting.length > 0) this.#waiting.shift();
    while (this.#urgent.length > 0) this.#urgent.shift();
    this.#sent = [];
    this.#base = this.#first = this.#next = this.#cursor = 1;
    return calls.sort((a, b) => a.order - b.order);
  }

  #sentAt(sequence: number): Call | undefined {
    return sequence < this.#first ? undefined : this.#sent[sequence - this.#base];
  }

  /** Gives the next call its number (S1, S3, S4). */
  #number(): Call | undefined {
    const span = this.#next - this.#first;
    const urgent = span < 2 * this.#maxOutstanding ? this.#urgent.peek() : undefined;
    const waiting = span < this.#maxOutstanding ? this.#waiting.peek() : undefined;
    const call =
      waiting === undefined || (urgent !== undefined && urgent.order < waiting.order)
        ? urgent
        : waiting;
    if (call === undefined) return undefined;
    (call === urgent ? this.#urgent : this.#waiting).shift();
    call.sequence = this.#next++;
    this.#sent.push(call);
    return call;
  }
}
