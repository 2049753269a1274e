// Programs that use the SDK: the real one (client/), each with a process of its own that can be paused and killed. What they
// ask and what they are told is the history.

import { connect, QueueError, type Client } from "../../client/index.ts";
import type { Calls } from "../../testing/calls/calls.ts";
import { SimClock } from "../../testing/clock.ts";
import type { Random } from "../../testing/random.ts";
import { Process, type Time } from "../../testing/time.ts";
import type { Trace } from "../../testing/trace.ts";
import type { Counters } from "./counters.ts";
import type { History, Operation } from "./history.ts";
import { queues, type QueuePlan } from "./queues.ts";
import { administer } from "./roles/administering.ts";
import { consume, receive } from "./roles/consuming.ts";
import { callPlainly } from "./roles/plain.ts";
import { produce, produceBatches } from "./roles/producing.ts";

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

const lives: Readonly<Record<Role, (program: SimClient) => Promise<void>>> = {
  producer: produce,
  batches: produceBatches,
  consumer: consume,
  receiver: receive,
  admin: administer,
  plain: callPlainly,
};

export class SimClient {
  readonly name: string;
  readonly role: Role;
  readonly process: Process;
  readonly clock: SimClock;
  readonly world: ClientWorld;
  readonly random: Random;
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
    this.world = world;
    this.name = name;
    this.role = role;
    this.random = random;
    const { endpoints } = world;
    this.endpoints = random.shuffled(endpoints).slice(0, random.int(1, endpoints.length));
    this.process = new Process(name);
    this.clock = new SimClock(world.time, this.process, rate);
  }

  start(): void {
    void this.#live().catch((error: unknown) => this.world.clientFailed(this, error));
  }

  kill(): void {
    this.isDead = true;
    const { life } = this.process;
    this.process.life += 1;
    this.world.calls.clientEnded(this.process, life);
  }

  async #live(): Promise<void> {
    const world = this.world;
    const random = this.random;
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
        await this.pause(500);
      }
    }
    world.trace.event("connected", this.name, this.role);
    for (const plan of queues) {
      if (!world.goesOn) break;
      await this.#untilDone(() => this.#create(plan));
    }
    await lives[this.role](this);
  }

  get goesOn(): boolean {
    return this.world.goesOn && this.world.operationsLeft > 0;
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve));
  }

  think(): Promise<void> {
    return this.pause(2 * this.world.thinkMs * this.random.next());
  }

  get up(): Client {
    if (this.client === undefined) throw new Error(`${this.name} is not connected`);
    return this.client;
  }

  newBody(): string {
    this.#bodies += 1;
    return `${this.name}.${this.#bodies}`;
  }

  key(): string {
    return `k${this.random.int(1, this.world.keys)}`;
  }

  // ---------------------------------------------------------------- asking

  /** Writes down what is asked and what comes of it; never rejects. */
  async ask<T>(
    call: Operation["call"],
    run: () => Promise<T>,
    told: (operation: Operation, value: T) => void = () => undefined,
  ): Promise<T | undefined> {
    const { time, history, counters } = this.world;
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
      this.world.operationsLeft -= 1;
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
    while ((await run()) === undefined && this.world.goesOn) await this.pause(200);
  }

  #create({ name, options }: QueuePlan): Promise<object | undefined> {
    return this.ask({ kind: "admin", what: `create ${name}` }, () =>
      this.up.createQueue(name, options),
    );
  }

  enqueue(queue: string, key: string): Promise<unknown> {
    const body = this.newBody();
    return this.ask(
      { kind: "enqueue", queue, key, bodies: [body] },
      () => this.up.queue<string>(queue).enqueue(body, { key }),
      (operation, { keySeq, logIndex }) => {
        operation.index = logIndex;
        operation.keySeqs = [keySeq];
      },
    );
  }

  enqueueBatch(queue: string): Promise<unknown> {
    const messages = Array.from({ length: this.random.int(1, 8) }, () => ({
      value: this.newBody(),
      key: this.key(),
    }));
    return this.ask(
      { kind: "enqueue", queue, key: "", bodies: messages.map(({ value }) => value) },
      () => this.up.queue<string>(queue).enqueueBatch(messages),
      (operation, done) => {
        operation.index = done[0]?.logIndex ?? 0;
        operation.keySeqs = done.map(({ keySeq }) => keySeq);
      },
    );
  }

  /** Once it is connected: something is written and read again, whatever was there before. */
  async served(): Promise<void> {
    const [plan] = queues.filter(({ name }) => name === "ledger");
    while (this.client === undefined) await this.pause(100);
    for (;;) {
      if (plan !== undefined) await this.#create(plan);
      if ((await this.read("ledger")) !== undefined) break;
      await this.pause(100);
    }
    await this.enqueue("ledger", "last");
  }

  read(queue: string): Promise<object | undefined> {
    return this.ask({ kind: "admin", what: `read ${queue}` }, () => this.up.getQueue(queue));
  }

  /** Takes everything out of a queue that can be had now; what it cannot settle it leaves. */
  async empty(queue: string): Promise<number> {
    let taken = 0;
    for (;;) {
      const deliveries = await this.ask({ kind: "receive", queue }, () =>
        this.up.queue<string>(queue).receiveBatch({ maxMessages: 100, maxWaitMs: 0 }),
      );
      if (deliveries === undefined || deliveries.length === 0) return taken;
      taken += deliveries.length;
      await Promise.all(
        deliveries.map((delivery) => {
          const { message, fencingToken: token } = delivery;
          const { key, keySeq } = message;
          this.delivered(queue, message, token);
          return this.ask(
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

  delivered(
    queue: string,
    {
      key,
      keySeq,
      value: body,
    }: { readonly key: string; readonly keySeq: number; readonly value: string },
    token: number,
  ): void {
    const step = this.world.time.steps;
    this.world.history.delivered.push({
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
