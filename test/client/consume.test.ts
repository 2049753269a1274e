import { status } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "vitest";
import { connect, PermanentError, QueueError, type Client } from "../../client/index.ts";
import type { Clock } from "../../client/clock.ts";
import { defaultReply, delivery, FakeCluster, type FakeStream } from "./fake-cluster.ts";
import type { ClientCommand } from "../../proto/frame.ts";

let cluster: FakeCluster;
const clients: Client[] = [];

async function start(clock?: Clock): Promise<Client> {
  cluster = await FakeCluster.start();
  const client = await connect(
    { endpoints: cluster.endpoints },
    clock === undefined ? {} : { clock },
  );
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  cluster.stop();
});

/** Real timers, and a clock that can be moved on: what was due meanwhile runs. */
class MovableClock implements Clock {
  #offset = 0;
  readonly #timers = new Set<{ at: number; run: () => void; real: NodeJS.Timeout }>();

  now(): number {
    return performance.now() + this.#offset;
  }

  after(ms: number, run: () => void) {
    const timer = {
      at: this.now() + ms,
      run,
      real: setTimeout(() => {
        this.#timers.delete(timer);
        run();
      }, ms),
    };
    this.#timers.add(timer);
    return {
      cancel: () => {
        clearTimeout(timer.real);
        this.#timers.delete(timer);
      },
    };
  }

  soon(run: () => void): void {
    setImmediate(run);
  }

  advance(ms: number): void {
    this.#offset += ms;
    for (const timer of [...this.#timers].filter((each) => each.at <= this.now())) {
      clearTimeout(timer.real);
      this.#timers.delete(timer);
      timer.run();
    }
  }
}

/** Hands out `deliveries` when the consumer subscribes. */
function deliverOnSubscribe(...tokens: number[]): void {
  cluster.respond = (command, stream) => {
    if (command.op === "subscribe") {
      setImmediate(() =>
        stream.deliver(
          ...tokens.map((token) =>
            delivery({ fencingToken: token, consumer: command.consumer, keyBytes: `k${token}` }),
          ),
        ),
      );
    }
    return defaultReply(command);
  };
}

type Settlement = Extract<ClientCommand, { op: "ack" | "nack" | "release" | "reject" | "extend" }>;
const isSettlement = (command: ClientCommand): command is Settlement => "fencingToken" in command;
const settlements = (stream: FakeStream = cluster.stream) =>
  stream.commands.filter(isSettlement).map((c) => `${c.op} ${c.fencingToken}`);
const settled = (count: number) => cluster.until(() => settlements().length >= count);

const gate = () => {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
};

describe("consume", () => {
  test("a handler's return is an ack, its throw a nack with the error, PermanentError a reject", async () => {
    const client = await start();
    deliverOnSubscribe(1, 2, 3, 4);
    const consumer = client.queue<{ n: number }>("orders").consume(async ({ value }) => {
      if (value.n === 2) throw new Error("out of stock");
      if (value.n === 3) throw new PermanentError("no such account");
      await Promise.resolve();
    });
    await settled(4);
    expect(settlements().sort()).toEqual(["ack 1", "ack 4", "nack 2", "reject 3"]);
    const errors = cluster.stream.commands.filter(isSettlement).map((c) => c.error);
    expect(errors.filter((error) => error !== "").sort()).toEqual([
      "no such account",
      "out of stock",
    ]);
    await consumer.drain();
    expect(consumer.stats).toMatchObject({ acked: 2, nacked: 1, rejected: 1, running: 0 });
  });

  test("the handler gets the message with all that is known of it", async () => {
    const client = await start();
    deliverOnSubscribe(7);
    const seen: unknown[] = [];
    const consumer = client.queue("orders").consume(({ message, fencingToken, signal }) => {
      seen.push(message.value, message.key, message.keySeq, message.enqueuedAt, fencingToken);
      seen.push(signal.aborted, message.messageId, message.attempts, message.deliveries);
    });
    await settled(1);
    expect(seen).toEqual([{ n: 7 }, "k7", 7, 1_700_000_000_000, 7, false, "1/a/7", 0, 1]);
    await consumer.drain();
  });

  test("handlers start in the order of arrival, at most `concurrency` at once", async () => {
    const client = await start();
    deliverOnSubscribe(1, 2, 3, 4, 5);
    const started: number[] = [];
    const gates = new Map<number, () => void>();
    const consumer = client.queue<{ n: number }>("orders").consume(
      async ({ value }) => {
        started.push(value.n);
        const { open, opened } = gate();
        gates.set(value.n, open);
        await opened;
      },
      { concurrency: 2 },
    );
    await cluster.until(() => started.length === 2);
    expect(consumer.stats).toMatchObject({ running: 2, waiting: 3 });
    gates.get(2)!();
    await cluster.until(() => started.length === 3);
    expect(started).toEqual([1, 2, 3]);
    const subscribe = cluster.stream.commands.find((c) => c.op === "subscribe");
    expect(subscribe).toMatchObject({ credit: 4, leaseMs: 0, consumer: 1 });
    for (const n of [1, 3, 4, 5]) {
      await cluster.until(() => gates.has(n));
      gates.get(n)!();
    }
    await settled(5);
    await consumer.drain();
  });

  test("drain: what runs is finished, what waits is given back in order, and no more comes", async () => {
    const client = await start();
    deliverOnSubscribe(1, 2, 3, 4);
    const { open, opened } = gate();
    const consumer = client.queue("orders").consume(() => opened, { concurrency: 1 });
    await cluster.until(() => consumer.stats.running === 1);
    const drained = consumer.drain();
    await settled(3);
    cluster.stream.deliver(delivery({ fencingToken: 9, consumer: 1 }));
    await settled(4);
    open();
    await drained;
    await consumer.done;
    const operations = cluster.stream.commands.map((c) => c.op);
    expect(operations.indexOf("unsubscribe")).toBeLessThan(operations.indexOf("release"));
    expect(settlements()).toEqual(["release 2", "release 3", "release 4", "release 9", "ack 1"]);
  });

  test("close: signals fire, everything is given back, late results are ignored", async () => {
    const client = await start();
    deliverOnSubscribe(1);
    const aborted: unknown[] = [];
    const { open, opened } = gate();
    const consumer = client.queue("orders").consume(({ signal }) => {
      signal.addEventListener("abort", () => aborted.push(signal.reason));
      return opened;
    });
    await cluster.until(() => consumer.stats.running === 1);
    await consumer.close();
    open();
    await client.drain();
    expect(aborted).toHaveLength(1);
    expect(settlements()).toEqual(["release 1"]);
  });

  test("U2: a queue that is not there ends the loop with a typed error", async () => {
    const client = await start();
    cluster.respond = (command, stream) => {
      stream.refuse(command.sequence, { reason: "QUEUE_NOT_FOUND", code: status.NOT_FOUND });
      return undefined;
    };
    const consumer = client.queue("nowhere").consume(() => undefined);
    await expect(consumer.done).rejects.toMatchObject({ reason: "QUEUE_NOT_FOUND" });
  });

  test("the same stream error does not reach consumers: they go on with the next stream", async () => {
    const client = await start();
    deliverOnSubscribe(1);
    const consumer = client.queue("orders").consume(() => undefined);
    await settled(1);
    deliverOnSubscribe(2);
    cluster.stream.end(status.UNAVAILABLE);
    await cluster.until(() => cluster.leader!.streams.length === 2 && settlements().length === 1);
    expect(settlements()).toEqual(["ack 2"]);
    const subscribe = cluster.stream.commands.find((c) => c.op === "subscribe");
    expect(subscribe).toMatchObject({ consumer: 1 });
    await consumer.drain();
  });
});

describe("leases", () => {
  test("L1: a lease that comes again after a new stream is not handled twice", async () => {
    const client = await start();
    deliverOnSubscribe(1);
    let handled = 0;
    const { open, opened } = gate();
    const consumer = client.queue("orders").consume(() => {
      handled++;
      return opened;
    });
    await cluster.until(() => handled === 1);
    deliverOnSubscribe();
    cluster.onAttach = (stream) =>
      stream.deliver(delivery({ fencingToken: 1 }), delivery({ fencingToken: 2 }));
    cluster.stream.end(status.UNAVAILABLE);
    await cluster.until(() => handled === 2);
    open();
    await settled(2);
    // Its content may come from disk, long after the ack.
    cluster.stream.deliver(delivery({ fencingToken: 1 }));
    cluster.stream.deliver(delivery({ fencingToken: 3 }));
    await settled(3);
    expect(settlements()).toEqual(["ack 1", "ack 2", "ack 3"]);
    await consumer.drain();
  });

  test("a lease is renewed while its handler runs", async () => {
    const clock = new MovableClock();
    const client = await start(clock);
    deliverOnSubscribe(1);
    const { open, opened } = gate();
    const consumer = client.queue("orders").consume(() => opened);
    await cluster.until(() => consumer.stats.running === 1);
    clock.advance(16_000);
    await settled(1);
    const extend = cluster.stream.commands.find((c) => c.op === "extend");
    expect(extend).toMatchObject({ leaseMs: 30_000, fencingToken: 1 });
    await client.queue("orders").enqueue(1, { key: "x" });
    clock.advance(16_000);
    await settled(2);
    open();
    await settled(3);
    expect(settlements()).toEqual(["extend 1", "extend 1", "ack 1"]);
    await consumer.drain();
  });

  test("L2: a lease that cannot be renewed in time fires the signal; the server still decides", async () => {
    const clock = new MovableClock();
    const client = await start(clock);
    deliverOnSubscribe(1);
    const lost: number[] = [];
    client.on("leaseLost", ({ fencingToken }) => lost.push(fencingToken));
    const { open, opened } = gate();
    let signal: AbortSignal | undefined;
    const consumer = client.queue("orders").consume((handling) => {
      signal = handling.signal;
      return opened;
    });
    await cluster.until(() => consumer.stats.running === 1);
    clock.advance(31_000);
    expect(signal?.aborted).toBe(true);
    expect(lost).toEqual([1]);
    open();
    await settled(1);
    expect(settlements()).toEqual(["ack 1"]);
    await consumer.drain();
    expect(lost).toEqual([1]);
  });

  test("STALE_LEASE: the signal fires, the event tells, an ack rejects with the newest token", async () => {
    const client = await start();
    const stale = { reason: "STALE_LEASE", code: 9, currentToken: 8, state: "LEASED" } as const;
    cluster.respond = (command, stream) => {
      if (command.op === "ack") {
        stream.refuse(command.sequence, stale);
        return undefined;
      }
      if (command.op === "subscribe") {
        setImmediate(() => stream.deliver(delivery({ fencingToken: 1 })));
      }
      return defaultReply(command);
    };
    const lost: QueueError[] = [];
    client.on("leaseLost", ({ cause }) => lost.push(cause));
    for await (const each of client.queue("orders").receive()) {
      await expect(each.ack()).rejects.toMatchObject(stale);
      expect(each.signal.aborted).toBe(true);
      break;
    }
    expect(lost).toHaveLength(1);
    expect(lost[0]).toMatchObject(stale);
    expect(settlements()).toEqual(["ack 1"]);
  });

  test("an expired session takes all leases with it, and the consumer goes on in the next one", async () => {
    const client = await start();
    deliverOnSubscribe(1);
    const { open, opened } = gate();
    const signals: AbortSignal[] = [];
    const consumer = client.queue("orders").consume(({ signal }) => {
      signals.push(signal);
      return signals.length === 1 ? opened : undefined;
    });
    await cluster.until(() => signals.length === 1);
    deliverOnSubscribe(2);
    cluster.sessions.clear();
    cluster.stream.end(status.UNAVAILABLE);
    await settled(1);
    expect(signals[0]!.aborted).toBe(true);
    expect(signals[1]!.aborted).toBe(false);
    open();
    await consumer.drain();
    expect(settlements()).toEqual(["ack 2"]);
    expect(cluster.stream.sessionId).toBe("s2");
  });
});

describe("receive", () => {
  test("deliveries one by one, settled by the body; break gives back the rest in order", async () => {
    const client = await start();
    deliverOnSubscribe(1, 2, 3, 4, 5);
    const seen: unknown[] = [];
    for await (const each of client.queue<{ n: number }>("orders").receive({ credit: 5 })) {
      seen.push(each.value.n);
      if (each.value.n === 1) expect(await each.ack()).toMatchObject({ already: false });
      if (each.value.n === 2) await each.nack({ delayMs: 100, error: new Error("later") });
      if (each.value.n === 3) break;
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(settlements()).toEqual(["ack 1", "nack 2", "release 3", "release 4", "release 5"]);
    const nack = cluster.stream.commands.find((c) => c.op === "nack");
    expect(nack).toMatchObject({ delayMs: 100, error: "later" });
    const operations = cluster.stream.commands.map((c) => c.op);
    expect(operations.indexOf("unsubscribe")).toBeLessThan(operations.indexOf("release"));
  });

  test("the signal ends the loop as break does", async () => {
    const client = await start();
    deliverOnSubscribe(1);
    const controller = new AbortController();
    for await (const each of client.queue("orders").receive({ signal: controller.signal })) {
      await each.reject("never");
      controller.abort();
    }
    expect(settlements()).toEqual(["reject 1"]);
  });

  test("what ends the subscription is thrown into the loop", async () => {
    const client = await start();
    cluster.respond = (command, stream) => {
      stream.refuse(command.sequence, { reason: "QUEUE_NOT_FOUND", code: status.NOT_FOUND });
      return undefined;
    };
    const loop = async () => {
      for await (const each of client.queue("nowhere").receive()) await each.ack();
    };
    await expect(loop()).rejects.toMatchObject({ reason: "QUEUE_NOT_FOUND" });
  });

  test("receiveBatch: leases at once, or the empty answer", async () => {
    const client = await start();
    const q = client.queue<{ n: number }>("orders");
    expect(await q.receiveBatch()).toEqual([]);
    cluster.respond = (command) =>
      command.op === "receive"
        ? {
            kind: "received",
            deliveries: [1, 2].map((n) => delivery({ fencingToken: n, consumer: 0 })),
          }
        : defaultReply(command);
    const [first, second] = await q.receiveBatch({ maxMessages: 2, maxWaitMs: 1_000 });
    expect([first!.value.n, second!.value.n]).toEqual([1, 2]);
    await first!.ack();
    await second!.release();
    expect(cluster.stream.commands.find((c) => c.op === "receive")).toMatchObject({
      maxMessages: 1,
    });
    expect(settlements()).toEqual(["ack 1", "release 2"]);
  });

  test("receiveBatch, aborted while it waited: what comes nevertheless is given back", async () => {
    const client = await start();
    const controller = new AbortController();
    cluster.respond = (command) => (command.op === "receive" ? undefined : defaultReply(command));
    const call = client
      .queue("orders")
      .receiveBatch({ maxWaitMs: 60_000, signal: controller.signal });
    await cluster.until(() => cluster.stream.commands.length === 1);
    controller.abort();
    await expect(call).rejects.toMatchObject({ reason: "ABORTED", outcome: "UNKNOWN" });
    cluster.answer(cluster.stream, 1, {
      kind: "received",
      deliveries: [1, 2].map((n) => delivery({ fencingToken: n, consumer: 0 })),
    });
    await settled(2);
    expect(settlements()).toEqual(["release 1", "release 2"]);
  });
});

test("a whole client drains with `await using`: consumers first, then every answer", async () => {
  const client = await start();
  deliverOnSubscribe(1, 2);
  const consumer = client.queue("orders").consume(() => undefined, { concurrency: 1 });
  await settled(2);
  await client[Symbol.asyncDispose]();
  await consumer.done;
  expect(cluster.closed).toEqual(["s1"]);
});
