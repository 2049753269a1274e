// One command as a promise: refusals become errors, and "full, come back later" becomes another try.
//
// A refusal by the state machine has used up its sequence number and is remembered as that number's answer. So another try
// is a new number at the end of the line: calls made meanwhile may overtake it. Who needs the order awaits each call.

import type { ClientOperation, ClientResult } from "../proto/frame.ts";
import type { CallHandlers } from "./calls.ts";
import { pause, type Clock } from "./clock.ts";
import { errorFromWire, QueueError, status } from "./errors.ts";
import { refusalPauseMs } from "./retry.ts";
import type { Session } from "./session.ts";

export interface RequestParts {
  readonly session: Session;
  readonly clock: Clock;
  readonly random: () => number;
  readonly timeoutMs: number;
}

/** How an answer becomes a value; undefined: it is not the answer to this question. */
export type Read<R> = (result: ClientResult, logIndex: number) => R | undefined;

export function request<R>(
  parts: RequestParts,
  operation: ClientOperation,
  read: Read<R>,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly urgent?: boolean;
    readonly late?: (result: ClientResult) => void;
  } = {},
): Promise<R> {
  return new Promise((resolve, reject) => {
    parts.session.submit(
      operation,
      new Request(parts, operation, read, options, resolve, reject),
      options,
    );
  });
}

class Request<R> implements CallHandlers {
  readonly #parts: RequestParts;
  readonly #operation: ClientOperation;
  readonly #read: Read<R>;
  readonly #options: Parameters<typeof request>[3] & object;
  readonly #resolve: (value: R) => void;
  readonly failed: (error: QueueError) => void;
  #deadline = 0;

  constructor(
    parts: RequestParts,
    operation: ClientOperation,
    read: Read<R>,
    options: Parameters<typeof request>[3] & object,
    resolve: (value: R) => void,
    reject: (error: QueueError) => void,
  ) {
    this.#parts = parts;
    this.#operation = operation;
    this.#read = read;
    this.#options = options;
    this.#resolve = resolve;
    this.failed = reject;
  }

  answered(result: ClientResult, logIndex: number): void {
    if (result.kind === "error") {
      this.#refused(errorFromWire(result.error, status.UNKNOWN, "NOT_APPLIED"));
      return;
    }
    const value = this.#read(result, logIndex);
    if (value === undefined) this.failed(strangeAnswer(this.#operation.op, result.kind));
    else this.#resolve(value);
  }

  late(result: ClientResult): void {
    this.#options.late?.(result);
  }

  #refused(error: QueueError): void {
    const { clock, random, session, timeoutMs } = this.#parts;
    const waitMs = refusalPauseMs(error, random);
    const now = clock.now();
    if (this.#deadline === 0) this.#deadline = now + timeoutMs;
    if (waitMs === undefined || now + waitMs > this.#deadline) {
      this.failed(error);
      return;
    }
    const release = session.hold();
    const { signal } = this.#options;
    const stop = signal === undefined ? session.closed : AbortSignal.any([signal, session.closed]);
    void pause(clock, waitMs, stop).then(() => {
      session.submit(this.#operation, this, this.#options);
      release();
    });
  }
}

function strangeAnswer(asked: string, got: string): QueueError {
  return new QueueError(
    `the server answered ${asked} with ${got}: it is newer than this client, or broken`,
    {
      reason: "OTHER",
      code: status.UNKNOWN,
      outcome: "UNKNOWN",
    },
  );
}
