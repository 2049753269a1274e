// Calls of one client, each written into the history before it is made and when it is answered.
//
//   C1. A call never throws: how it ended is its value. Whatever the client throws as a QueueError is an ending like another.
//   C2. Anything else that is thrown is a bug of the client: an unknown outcome, and a complaint.
//   C3. "fail" only for what the client knows not to have happened (outcome NOT_APPLIED).

import {
  QueueError,
  textCodec,
  type Client,
  type Delivery,
  type Enqueued,
  type Queue,
} from "../../client/index.ts";
import type { Asked, Lease, Placed, Told } from "../history/record.ts";
import type { HistoryWriter } from "../history/writer.ts";

/** Numbers of a queue's description that count nothing. */
const notCounters: ReadonlySet<string> = new Set(["id", "revision", "createdAtMs"]);

export type Outcome<T> =
  | { readonly type: "ok"; readonly value: T }
  | { readonly type: "fail" | "unknown"; readonly reason: string };

/** A delivery, with what the history calls it. */
export interface Held {
  readonly delivery: Delivery<string>;
  readonly lease: Lease;
}

export interface NewMessage {
  readonly key: string;
  readonly body: string;
}

/** Calls by outcome so far. */
export interface Counts {
  ok: number;
  fail: number;
  unknown: number;
}

type Settlement = "ack" | "nack" | "reject" | "release";

/** What several clients of one process share. */
export interface Shared {
  readonly writer: HistoryWriter;
  readonly counts: Counts;
  /** Makes the bodies of a process unique. */
  bodies: number;
  readonly complain: (what: string) => void;
}

export class Calls {
  readonly client: Client;
  readonly #shared: Shared;
  readonly #queues = new Map<string, Queue<string>>();

  constructor(client: Client, shared: Shared) {
    this.client = client;
    this.#shared = shared;
    const { writer } = shared;
    client.on("leader", ({ endpoint, term }) => writer.note("attached", { endpoint, term }));
    client.on("leaseLost", ({ queue, key, fencingToken, cause }) => {
      writer.note("lease-lost", { queue, key, token: fencingToken, reason: cause.reason });
    });
    client.on("sessionLost", ({ sessionId, error }) => {
      writer.note("session-lost", { session: sessionId, reason: error.reason });
    });
    client.on("stalled", (stall) => {
      if (stall.what !== "deliveries") return;
      shared.complain(
        `queue ${stall.queue}: the server says that it delivers nothing although it could`,
      );
    });
  }

  /** "p3.2" */
  get process(): string {
    return this.#shared.writer.process;
  }

  /** "p3.2-17": of this process, never made before. */
  newBody(): string {
    this.#shared.bodies += 1;
    return `${this.#shared.writer.process}-${this.#shared.bodies}`;
  }

  enqueue(
    queue: string,
    { key, body }: NewMessage,
    { dedupId }: { readonly dedupId?: string } = {},
  ): Promise<Outcome<Enqueued>> {
    const named = dedupId === undefined ? {} : { dedupId };
    return this.#call(
      { f: "enqueue", queue, key, body, ...named },
      () => this.queue(queue).enqueue(body, { key, ...named }),
      (enqueued) => ({ logIndex: enqueued.logIndex, placed: [placedOf(body, enqueued)] }),
    );
  }

  enqueueBatch(queue: string, messages: readonly NewMessage[]): Promise<Outcome<Enqueued[]>> {
    return this.#call(
      { f: "enqueue-batch", queue, messages },
      () => this.queue(queue).enqueueBatch(messages.map(({ key, body }) => ({ key, value: body }))),
      (enqueued) => placedOfAll(messages, enqueued),
    );
  }

  /** @param waitMs at most 500: then the client makes one call of it. The leases are not renewed. */
  receive(queue: string, max: number, waitMs: number): Promise<Outcome<Held[]>> {
    return this.#call(
      { f: "receive", queue, max },
      async (op) => {
        const deliveries = await this.queue(queue).receiveBatch({
          maxMessages: max,
          maxWaitMs: waitMs,
        });
        return deliveries.map((delivery) => this.taken(delivery, op));
      },
      (held) => ({ received: held.length }),
    );
  }

  /** Writes down that a delivery came, by the receive `op` or by a stream. */
  taken(delivery: Delivery<string>, op?: number): Held {
    const { message, fencingToken: token, value: body } = delivery;
    const { queue, key, keySeq, seq, deliveries, attempts, redelivery, leaseMs } = message;
    const lease: Lease = { queue, key, keySeq, token, body };
    this.#shared.writer.delivered(
      { ...lease, seq, deliveries, attempts, redelivery, ...(op === undefined ? {} : { op }) },
      leaseMs,
    );
    return { delivery, lease };
  }

  settle(how: Settlement, { delivery, lease }: Held): Promise<Outcome<{ already: boolean }>> {
    return this.#call(
      { f: how, ...lease },
      () => delivery[how](),
      ({ already, logIndex }) => ({ already, logIndex }),
    );
  }

  commit(
    acks: readonly Held[],
    enqueues: readonly (NewMessage & { readonly queue: string })[],
  ): Promise<Outcome<unknown>> {
    return this.#call(
      { f: "commit", acks: acks.map(({ lease }) => lease), enqueues },
      () =>
        this.client.commit((tx) => {
          for (const { delivery } of acks) tx.ack(delivery);
          for (const { queue, key, body } of enqueues) tx.enqueue(this.queue(queue), body, { key });
        }),
      ({ messages, logIndex }) => ({ logIndex, ...placedOfAll(enqueues, messages) }),
    );
  }

  getQueue(queue: string): Promise<Outcome<Readonly<Record<string, number>>>> {
    return this.#call(
      { f: "get-queue", queue },
      async () => {
        const info = await this.client.getQueue(queue);
        return Object.fromEntries(
          Object.entries(info).filter((entry): entry is [string, number] => {
            return typeof entry[1] === "number" && !notCounters.has(entry[0]);
          }),
        );
      },
      (counters) => ({ counters }),
    );
  }

  /** Every message that is in the queue; at rest only, because it is read page by page. */
  browse(queue: string): Promise<Outcome<number>> {
    return this.#call(
      { f: "browse", queue },
      async () => {
        const there: NonNullable<Told["there"]>[number][] = [];
        for await (const { key, keySeq, value, state } of this.queue(queue).peek())
          there.push({ key, keySeq, body: value, state });
        return there;
      },
      (there) => ({ there }),
    ).then((outcome) => {
      return outcome.type === "ok" ? { type: "ok", value: outcome.value.length } : outcome;
    });
  }

  createQueue(
    queue: string,
    options: Parameters<Client["createQueue"]>[1],
  ): Promise<Outcome<unknown>> {
    return this.#call(
      { f: "create-queue", queue },
      () => this.client.createQueue(queue, options),
      () => ({}),
    );
  }

  /** A stream may end by any QueueError, which is no complaint; it is begun anew. */
  streamEnded(queue: string, error: unknown): void {
    if (error instanceof QueueError) return;
    this.#shared.complain(`a stream of ${queue} ended by what is no QueueError: ${textOf(error)}`);
  }

  queue(name: string): Queue<string> {
    let queue = this.#queues.get(name);
    if (queue === undefined)
      this.#queues.set(name, (queue = this.client.queue(name, { codec: textCodec })));
    return queue;
  }

  async #call<T>(
    asked: Asked,
    make: (op: number) => Promise<T>,
    told: (value: T) => Told,
  ): Promise<Outcome<T>> {
    const { writer, counts } = this.#shared;
    const op = writer.invoke(asked);
    try {
      const value = await make(op);
      writer.complete(op, { type: "ok", told: told(value) });
      counts.ok += 1;
      return { type: "ok", value };
    } catch (error) {
      const ending = this.#endingOf(asked, error);
      writer.complete(op, ending);
      counts[ending.type] += 1;
      return ending;
    }
  }

  #endingOf(
    asked: Asked,
    error: unknown,
  ): { type: "fail" | "unknown"; reason: string; message: string } {
    if (error instanceof QueueError) {
      const { outcome, reason, message } = error;
      return { type: outcome === "NOT_APPLIED" ? "fail" : "unknown", reason, message };
    }
    const message = textOf(error);
    this.#shared.complain(`${asked.f}: the client threw what is no QueueError: ${message}`);
    return { type: "unknown", reason: "UNTYPED", message };
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function placedOf(body: string, { seq, keySeq, logIndex, deduplicated }: Enqueued): Placed {
  return { body, seq, keySeq, logIndex, deduplicated };
}

function placedOfAll(
  messages: readonly NewMessage[],
  enqueued: readonly Enqueued[],
): { readonly logIndex?: number; readonly placed: Placed[] } {
  const placed = enqueued.flatMap((one, index) => {
    const body = messages[index]?.body;
    return body === undefined ? [] : [placedOf(body, one)];
  });
  const logIndex = placed[0]?.logIndex;
  return logIndex === undefined ? { placed } : { logIndex, placed };
}
