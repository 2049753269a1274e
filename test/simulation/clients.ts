// Programs that use the SDK: the real one (client/), each with a process of its own that can be paused and killed. What they
// ask and what they are told is the history.

import {
  connect,
  PermanentError,
  QueueError,
  type Client,
  type Delivery,
  type Settled,
} from "../../client/index.ts";
import type { Failure, UnaryMethod } from "../../client/channel.ts";
import type { Calls } from "./calls.ts";
import type { Counters } from "./counters.ts";
import type { History, Operation } from "./history.ts";
import type { Random } from "./random.ts";
import { Process, SimClock, type Time } from "./time.ts";
import type { Trace } from "./trace.ts";
import { queues, type QueuePlan } from "./queues.ts";

export interface ClientWorld {
  readonly time: Time;
  readonly trace: Trace;
  readonly counters: Counters;
  readonly calls: Calls;
  readonly history: History;
  readonly endpoints: readonly string[];
  /** Mean pause of a program between two calls. */
  readonly thinkMs: number;
  readonly keys: number;
  /** False: nothing new is begun. */
  readonly goesOn: boolean;
  /** Programs may still ask for so many operations. */
  operationsLeft: number;
  clientFailed(client: SimClient, error: unknown): void;
}

export type Role = "producer" | "batches" | "consumer" | "receiver" | "admin" | "plain";
export const roles: readonly Role[] = [
  ...(["producer", "consumer", "receiver", "batches", "plain", "admin"] as const),
];

export class SimClient {
  readonly name: string;
  readonly role: Role;
  readonly process: Process;
  readonly clock: SimClock;
  readonly #world: ClientWorld;
  readonly #random: Random;
  client: Client | undefined;
  /** Calls of this program that have no answer yet. */
  pending = 0;
  /** Its consumers are asked to end; they wait for the cluster, if need be for ever. */
  draining = 0;
  isDead = false;
  /** Those it was told of at its beginning. */
  readonly endpoints: readonly string[];
  #bodies = 0;

  constructor(world: ClientWorld, name: string, role: Role, random: Random, rate: number) {
    this.#world = world;
    this.name = name;
    this.role = role;
    this.#random = random;
    const { endpoints } = world;
    this.endpoints = random.shuffled(endpoints).slice(0, random.int(1, endpoints.length));
    this.process = new Process(name);
    this.clock = new SimClock(world.time, this.process, rate);
  }

  start(): void {
    void this.#live().catch((error: unknown) => this.#world.clientFailed(this, error));
  }

  kill(): void {
    this.isDead = true;
    const { life } = this.process;
    this.process.life += 1;
    this.#world.calls.clientEnded(this.process, life);
  }

  async #live(): Promise<void> {
    const world = this.#world;
    const random = this.#random;
    const options = {
      endpoints: this.endpoints,
      name: this.name,
      sessionTtlMs: random.pick([1_500, 5_000, 30_000]),
      timeoutMs: random.pick([2_000, 10_000, 30_000]),
      maxOutstanding: random.pick([4, 100, 10_000]),
    };
    const dial = world.calls.dial(this.process, this.clock);
    for (;;) {
      try {
        this.client = await connect(options, { clock: this.clock, random: random.next, dial });
        break;
      } catch (error) {
        if (!(error instanceof QueueError)) throw error;
        world.trace.event("not-connected", this.name, error.message);
        await this.#pause(500);
      }
    }
    world.trace.event("connected", this.name, this.role);
    for (const plan of queues) {
      if (!world.goesOn) break;
      await this.#untilDone(() => this.#create(plan));
    }
    switch (this.role) {
      case "producer":
        await this.#produce();
        break;
      case "batches":
        await this.#produceBatches();
        break;
      case "consumer":
        await this.#consume();
        break;
      case "receiver":
        await this.#receive();
        break;
      case "admin":
        await this.#administer();
        break;
      case "plain":
        await this.#callPlainly();
        break;
    }
  }

  get #goesOn(): boolean {
    return this.#world.goesOn && this.#world.operationsLeft > 0;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve));
  }

  #think(): Promise<void> {
    return this.#pause(2 * this.#world.thinkMs * this.#random.next());
  }

  get #up(): Client {
    if (this.client === undefined) throw new Error(`${this.name} is not connected`);
    return this.client;
  }

  #newBody(): string {
    this.#bodies += 1;
    return `${this.name}.${this.#bodies}`;
  }

  #key(): string {
    return `k${this.#random.int(1, this.#world.keys)}`;
  }

  // ---------------------------------------------------------------- asking

  /** Writes down what is asked and what comes of it; never rejects. */
  async #ask<T>(
    call: Operation["call"],
    run: () => Promise<T>,
    told: (operation: Operation, value: T) => void = () => undefined,
  ): Promise<T | undefined> {
    const { time, history, counters } = this.#world;
    const operation: Operation = {
      client: this.name,
      call,
      from: time.steps,
      to: Infinity,
      outcome: "open",
      index: 0,
      keySeqs: [],
      reason: "",
    };
    history.operations.push(operation);
    this.pending += 1;
    try {
      const value = await run();
      operation.outcome = "ok";
      this.#world.operationsLeft -= 1;
      counters.ok += 1;
      told(operation, value);
      return value;
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      operation.reason = error.reason;
      operation.outcome = error.outcome === "NOT_APPLIED" ? "fail" : "unknown";
      counters[operation.outcome === "fail" ? "fail" : "unknown"] += 1;
      return undefined;
    } finally {
      operation.to = time.steps;
      this.pending -= 1;
    }
  }

  /** An operation of the administration, until it has an outcome that is certain. */
  async #untilDone(run: () => Promise<unknown>): Promise<void> {
    while ((await run()) === undefined && this.#world.goesOn) await this.#pause(200);
  }

  #create({ name, options }: QueuePlan): Promise<object | undefined> {
    return this.#ask({ kind: "admin", what: `create ${name}` }, () =>
      this.#up.createQueue(name, options),
    );
  }

  enqueue(queue: string, key: string): Promise<unknown> {
    const body = this.#newBody();
    return this.#ask(
      { kind: "enqueue", queue, key, bodies: [body] },
      () => this.#up.queue<string>(queue).enqueue(body, { key }),
      (operation, { keySeq, logIndex }) => {
        operation.index = logIndex;
        operation.keySeqs = [keySeq];
      },
    );
  }

  #enqueueBatch(queue: string): Promise<unknown> {
    const messages = Array.from({ length: this.#random.int(1, 8) }, () => ({
      value: this.#newBody(),
      key: this.#key(),
    }));
    return this.#ask(
      { kind: "enqueue", queue, key: "", bodies: messages.map(({ value }) => value) },
      () => this.#up.queue<string>(queue).enqueueBatch(messages),
      (operation, done) => {
        operation.index = done[0]?.logIndex ?? 0;
        operation.keySeqs = done.map(({ keySeq }) => keySeq);
      },
    );
  }

  /** Once it is connected: something is written and read again, whatever was there before. */
  async served(): Promise<void> {
    const [plan] = queues.filter(({ name }) => name === "ledger");
    while (this.client === undefined) await this.#pause(100);
    for (;;) {
      if (plan !== undefined) await this.#create(plan);
      if ((await this.read("ledger")) !== undefined) break;
      await this.#pause(100);
    }
    await this.enqueue("ledger", "last");
  }

  read(queue: string): Promise<object | undefined> {
    return this.#ask({ kind: "admin", what: `read ${queue}` }, () => this.#up.getQueue(queue));
  }

  // ---------------------------------------------------------------- roles

  async #produce(): Promise<void> {
    const random = this.#random;
    while (this.#goesOn) {
      const queue = random.pick(queues).name;
      const calls = Array.from({ length: random.chance(0.2) ? random.int(2, 12) : 1 }, () =>
        this.enqueue(queue, this.#key()),
      );
      await Promise.all(calls);
      await this.#think();
    }
  }

  async #produceBatches(): Promise<void> {
    while (this.#goesOn) {
      await this.#enqueueBatch(this.#random.pick(queues).name);
      await this.#think();
    }
  }

  /** A consumer for each queue, for a while; then others. */
  async #consume(): Promise<void> {
    const random = this.#random;
    while (this.#goesOn) {
      const consumers = queues.map(({ name, leaseMs }) => {
        const consumer = this.#up.queue<string>(name).consume(
          async (handling) => {
            const { message, fencingToken } = handling;
            this.#delivered(name, message, fencingToken);
            this.#world.operationsLeft -= 1;
            const dice = random.next();
            // Now and then longer than the lease, although it is renewed.
            await this.#pause(dice < 0.02 ? 2 * leaseMs : this.#world.thinkMs * random.next());
            if (dice > 0.97) throw new PermanentError("never");
            if (dice > 0.9) throw new Error("not now");
          },
          { concurrency: random.int(1, 8), credit: random.int(1, 16) },
        );
        consumer.done.catch((error: unknown) => {
          if (!(error instanceof QueueError)) this.#world.clientFailed(this, error);
        });
        return consumer;
      });
      await this.#pause(random.between(500, 8_000));
      this.draining += 1;
      const ends = consumers.map((consumer) =>
        random.chance(0.3) ? consumer.close() : consumer.drain(),
      );
      await Promise.allSettled(ends);
      this.draining -= 1;
    }
  }

  async #receive(): Promise<void> {
    const random = this.#random;
    while (this.#goesOn) {
      const { name } = random.pick(queues);
      const deliveries = await this.#ask({ kind: "receive", queue: name }, () =>
        this.#up.queue<string>(name).receiveBatch({
          maxMessages: random.int(1, 8),
          maxWaitMs: random.pick([0, 0, 200, 2_000]),
          ...(random.chance(0.5) ? { leaseMs: random.int(200, 3_000) } : {}),
        }),
      );
      for (const delivery of deliveries ?? []) {
        this.#delivered(name, delivery.message, delivery.fencingToken);
        if (random.chance(0.05)) continue;
        if (random.chance(0.3)) await this.#think();
        const settled = this.#settle(name, delivery);
        if (random.chance(0.5)) await settled;
      }
      await this.#think();
    }
  }

  async #settle(queue: string, delivery: Delivery<string>): Promise<void> {
    const random = this.#random;
    const { message, fencingToken: token } = delivery;
    const { key, keySeq } = message;
    const ask = (
      kind: "ack" | "nack" | "release" | "reject" | "extend",
      run: () => Promise<Settled>,
    ): Promise<unknown> =>
      this.#ask({ kind, queue, key, keySeq, token }, run, (operation, { logIndex }) => {
        operation.index = logIndex;
      });
    const dice = random.next();
    if (dice < 0.1) await ask("extend", () => delivery.extend(random.int(200, 3_000)));
    if (dice < 0.75) await ask("ack", () => delivery.ack());
    else if (dice < 0.85) {
      const delayMs = random.pick([undefined, 0, 100, 1_000]);
      await ask("nack", () => delivery.nack({ delayMs, error: "no" }));
    } else if (dice < 0.93) await ask("release", () => delivery.release());
    else if (dice < 0.96) await ask("reject", () => delivery.reject("never"));
    else {
      // Twice: the second one must be told that it is too late, or that it was this very lease.
      await Promise.all([ask("ack", () => delivery.ack()), ask("ack", () => delivery.ack())]);
    }
  }

  async #administer(): Promise<void> {
    const random = this.#random;
    const paused = new Set<string>();
    while (this.#goesOn || paused.size > 0) {
      const { name } = random.pick(queues);
      const dice = random.next();
      const update = (changes: {
        paused?: boolean;
        maxInFlightPerKey?: number;
      }): Promise<unknown> =>
        this.#ask({ kind: "admin", what: `update ${name}` }, () =>
          this.#up.updateQueue(name, changes),
        );
      if (!this.#goesOn) {
        for (const each of paused)
          await this.#ask({ kind: "admin", what: `resume ${each}` }, () =>
            this.#up.updateQueue(each, { paused: false }),
          );
        return;
      } else if (dice < 0.6) await this.read(name);
      else if (dice < 0.7)
        await this.#ask({ kind: "admin", what: "list" }, () => this.#up.listQueues());
      else if (dice < 0.75) {
        paused.add(name);
        await update({ paused: true });
      } else if (dice < 0.88) {
        if ((await update({ paused: false })) !== undefined) paused.delete(name);
      } else {
        const temporary = `t${random.int(1, 3)}`;
        await this.#ask({ kind: "admin", what: `create ${temporary}` }, () =>
          this.#up.createQueue(temporary),
        );
        await this.enqueue(temporary, this.#key());
        if (random.chance(0.7))
          await this.#ask({ kind: "admin", what: `delete ${temporary}` }, () =>
            this.#up.deleteQueue(temporary),
          );
      }
      await this.#think();
    }
  }

  /** Unary calls as any language makes them: no session, no second try, whatever node answers (H3). */
  async #callPlainly(): Promise<void> {
    const { calls, endpoints } = this.#world;
    const random = this.#random;
    const dial = calls.dial(this.process, this.clock);
    while (this.#goesOn) {
      const { name: queue } = random.pick(queues);
      const [body, key] = [this.#newBody(), this.#key()];
      const channel = dial(random.pick(endpoints.length > 0 ? endpoints : this.endpoints));
      if (random.chance(0.5)) {
        // Of a node that has just been deposed, or stood still: it must not answer from its memory (D1, D2).
        const consistency = "LINEARIZABLE";
        await this.#ask({ kind: "admin", what: `read ${queue}` }, () =>
          plainly(channel.unary("GetQueue", { name: queue, consistency }, 500)),
        );
        channel.close();
        await this.#think();
        continue;
      }
      const request = { queue, key, content: { body: Buffer.from(JSON.stringify(body)) } };
      await this.#ask(
        { kind: "enqueue", queue, key, bodies: [body] },
        () =>
          plainly(channel.unary("Enqueue" as UnaryMethod, request, random.pick([50, 500, 5_000]))),
        (operation, reply) => {
          const { header, message } = reply as {
            header: { logIndex: number };
            message: { keySeq: number };
          };
          operation.index = header.logIndex;
          operation.keySeqs = [message.keySeq];
        },
      );
      channel.close();
      await this.#think();
    }
  }

  /** Takes everything out of a queue that can be had now; what it cannot settle it leaves. */
  async empty(queue: string): Promise<number> {
    let taken = 0;
    for (;;) {
      const deliveries = await this.#ask({ kind: "receive", queue }, () =>
        this.#up.queue<string>(queue).receiveBatch({ maxMessages: 100, maxWaitMs: 0 }),
      );
      if (deliveries === undefined || deliveries.length === 0) return taken;
      taken += deliveries.length;
      await Promise.all(
        deliveries.map((delivery) => {
          const { message, fencingToken: token } = delivery;
          const { key, keySeq } = message;
          this.#delivered(queue, message, token);
          return this.#ask(
            { kind: "ack", queue, key, keySeq, token },
            () => delivery.ack(),
            (operation, { logIndex }) => {
              operation.index = logIndex;
            },
          );
        }),
      );
    }
  }

  #delivered(
    queue: string,
    {
      key,
      keySeq,
      value: body,
    }: { readonly key: string; readonly keySeq: number; readonly value: string },
    token: number,
  ): void {
    const step = this.#world.time.steps;
    this.#world.history.delivered.push({
      client: this.name,
      step,
      queue,
      key,
      keySeq,
      token,
      body,
    });
  }
}

/** What the SDK makes of a failure, without its other tries (client/retry.ts). */
async function plainly(call: Promise<object>): Promise<object> {
  try {
    return await call;
  } catch (failure) {
    const { error, neverSent, message, code } = failure as Failure;
    const outcome = error?.outcome ?? (neverSent === true ? "NOT_APPLIED" : "UNKNOWN");
    throw new QueueError(message, {
      ...{ code, reason: "OTHER" },
      outcome: outcome === "NOT_APPLIED" ? outcome : "UNKNOWN",
    });
  }
}
