// What the SDK has in place of a gRPC channel.

import type { ByteStream, Channel, Dial, Failure, UnaryMethod } from "../../client/channel.ts";
import type { SimClock } from "../clock.ts";
import type { Process } from "../time.ts";
import type { Call } from "./call.ts";
import type { CallWorld, Listener } from "./call-world.ts";
import type { Calls } from "./calls.ts";
import { code } from "./failures.ts";
import { StreamCall, type StreamHandlers } from "./stream-call.ts";
import { definitionOf, UnaryCall } from "./unary-call.ts";

/** How the SDK of `client` reaches nodes. */
export function dialIn(world: CallWorld, calls: Calls, client: Process, clock: SimClock): Dial {
  return (endpoint) => new SimChannel(world, calls, client, clock, endpoint);
}

class SimChannel implements Channel {
  readonly endpoint: string;
  readonly #world: CallWorld;
  readonly #calls: Calls;
  readonly #client: Process;
  readonly #clock: SimClock;
  readonly #open = new Set<Call>();

  constructor(world: CallWorld, calls: Calls, client: Process, clock: SimClock, endpoint: string) {
    this.#world = world;
    this.#calls = calls;
    this.#client = client;
    this.#clock = clock;
    this.endpoint = endpoint;
  }

  unary(
    method: UnaryMethod,
    request: object,
    deadlineMs: number,
    signal?: AbortSignal,
  ): Promise<object> {
    const definition = definitionOf(method);
    const bytes = definition.requestSerialize(request);
    const { observer, time } = this.#world;
    const from = time.steps;
    return new Promise((resolve, reject) => {
      const settle = (failure: Failure | undefined, reply: Buffer | undefined): void => {
        timer.cancel();
        signal?.removeEventListener("abort", abort);
        if (call !== undefined) this.#open.delete(call);
        const answer = reply === undefined ? undefined : definition.responseDeserialize(reply);
        this.#world.trace.event("call", this.#client.name, method, this.endpoint, failure?.message);
        if (answer !== undefined)
          observer?.answered(this.#client.name, method, request, answer, from, time.steps);
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- Channel.unary rejects with a Failure
        if (answer === undefined) reject(failure);
        else resolve(answer);
      };
      const fail = (status: number, message: string): void => {
        const failure = { code: status, message, error: undefined };
        if (call === undefined) settle(failure, undefined);
        else call.failed(failure);
      };
      const abort = (): void => fail(code.cancelled, "Cancelled on client");
      const timer = this.#clock.after(deadlineMs, () =>
        fail(code.deadline, `Deadline exceeded after ${deadlineMs} ms`),
      );
      const listener = this.#listener();
      let call: UnaryCall | undefined;
      if (listener !== undefined) {
        call = new UnaryCall(this.#world, this.#client, listener, method, bytes, settle);
        this.#open.add(call);
        this.#calls.opened(call);
      }
      signal?.addEventListener("abort", abort, { once: true });
      if (signal?.aborted === true) this.#clock.after(0, abort);
    });
  }

  connect(handlers: StreamHandlers): ByteStream {
    const listener = this.#listener();
    // Nobody answers, not even with a refusal: the caller's own watchdog ends it.
    if (listener === undefined) return { write: () => true, cancel: () => undefined };
    const call = new StreamCall(this.#world, this.#client, listener, handlers);
    this.#open.add(call);
    this.#calls.opened(call);
    return call;
  }

  close(): void {
    const failure = { code: code.cancelled, message: "the channel is closed", error: undefined };
    for (const call of this.#open) {
      if (call.isOver) continue;
      call.clientEnded();
      this.#clock.after(0, () => call.failed(failure));
    }
    this.#open.clear();
  }

  #listener(): Listener | undefined {
    const listener = this.#world.listener(this.endpoint);
    return listener === undefined || listener.isDark ? undefined : listener;
  }
}
