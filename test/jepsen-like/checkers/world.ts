// Processes that talk to one queue server over a bad network, in virtual time: calls and answers get lost or come late, processes are
// killed and come back, sessions and leases end. What they write down is a history that a right server may give, whatever the seed.

import type { Call, Evidence } from "../../../jepsen-like/checkers/contract.ts";
import type {
  Asked,
  Completed,
  Delivered,
  Invoked,
  Lease,
  Noted,
  Placed,
  Told,
} from "../../../jepsen-like/history/record.ts";
import { mulberry32 } from "../mulberry32.ts";
import { QueueServer, Refused, type Bug, type Rules, type Stored } from "./queue-server.ts";

const ms = 1_000;

function rules(name: string, more: Partial<Rules> = {}): Rules {
  return {
    ...{ name, ordering: "KEY", leaseMs: 400, maxAttempts: 4, onExhausted: "PARK" },
    ...{ deadLetterQueue: "", workload: name, dedup: false },
    ...more,
  };
}

const allRules: readonly Rules[] = [
  rules("dead"),
  rules("keys"),
  rules("mixed", { onExhausted: "DEAD_LETTER", deadLetterQueue: "dead", maxAttempts: 2 }),
  rules("bag", { ordering: "NONE", onExhausted: "DISCARD", maxAttempts: 3 }),
  rules("fifo", { ordering: "TOTAL", maxAttempts: 1_000 }),
  rules("ledger", { maxAttempts: 1_000 }),
  rules("retries", { dedup: true, maxAttempts: 1_000 }),
  rules("empty"),
];

/** Bugs that have few occasions. */
const rare = new Set<Bug | undefined>([
  "takes an old token",
  "says empty although something is ready",
  "does half a commit",
  "ends leases without a reason",
  "blames a session that lives",
  "acks twice",
  "discards what should be parked",
]);

/** Everything that a run leaves. The same for the same seed. */
export function simulate(seed: number, bug?: Bug): Evidence {
  const world = new World(seed, bug);
  world.run();
  return world.evidence();
}

interface Process {
  readonly name: string;
  alive: boolean;
  ops: number;
  bodies: number;
  /** Receives one after the other, as the fifo's dequeuer does. */
  readonly dequeues: boolean;
}

class World {
  now = 0;
  readonly #server: QueueServer;
  readonly #events: { readonly at: number; readonly run: () => void }[] = [];
  readonly #calls: { asked: Invoked; told?: Completed }[] = [];
  readonly #delivered: Delivered[] = [];
  readonly #notes: Noted[] = [];
  readonly #random: () => number;
  #term = 1;
  #isDraining = false;
  readonly #balances = new Map<string, number>();

  constructor(seed: number, bug: Bug | undefined) {
    this.#random = mulberry32(seed);
    this.#server = new QueueServer(allRules, bug, () => this.#chance(rare.has(bug) ? 0.5 : 0.08));
  }

  evidence(): Evidence {
    const byTime = <T extends { time: number }>(a: T, b: T): number => a.time - b.time;
    const end = this.#server.logIndex;
    return {
      queues: allRules,
      history: {
        calls: this.#calls.toSorted((a, b) => byTime(a.asked, b.asked)) satisfies Call[],
        delivered: this.#delivered.toSorted(byTime),
        notes: this.#notes.toSorted(byTime),
      },
      logs: [],
      digests: [1, 2, 3].map((nodeId) => ({ nodeId, appliedIndex: end, digest: "d" })),
      barrier: end,
    };
  }

  run(): void {
    for (const name of ["p1", "p2", "p3"]) this.#start(name, 1);
    this.#after(this.#between(0, 300) * ms, () => this.#newLeader());
    this.#until(3_000 * ms);
    this.#isDraining = true;
    this.#until(9_000 * ms);
    this.#drain();
  }

  #start(slot: string, life: number): void {
    const name = `${slot}.${life}`;
    const process: Process = { name, alive: true, ops: 0, bodies: 0, dequeues: slot === "p1" };
    this.#note(process, "started");
    this.#after(this.#between(1, 40) * ms, () => this.#step(process));
    if (process.dequeues) this.#after(ms, () => this.#dequeue(process));
    for (const queue of ["keys", "mixed", "ledger", "retries"])
      this.#after(this.#between(1, 90) * ms, () => this.#stream(process, queue));
    if (this.#chance(0.7))
      this.#after(this.#between(100, 2_500) * ms, () => {
        process.alive = false;
        this.#after(this.#between(20, 900) * ms, () => this.#endSession(name));
        if (life < 3) this.#after(this.#between(1, 500) * ms, () => this.#start(slot, life + 1));
      });
    else if (this.#chance(0.4))
      this.#after(this.#between(100, 2_500) * ms, () => {
        this.#endSession(name);
        this.#after(this.#between(1, 900) * ms, () => this.#note(process, "session-lost"));
      });
  }

  #newLeader(): void {
    this.#term += 1;
    if (this.#server.has("ends leases without a reason"))
      for (const one of this.#server.all())
        if (one.state === "LEASED") this.#server.again(one, "lease-expired");
    if (this.#server.has("blames a session that lives"))
      for (const one of this.#server.all())
        if (one.state === "LEASED") this.#server.again(one, "session-ended");
    this.#after(this.#between(50, 400) * ms, () => this.#newLeader());
  }

  #step(process: Process): void {
    if (!process.alive || this.#isDraining) return;
    this.#after(this.#between(5, 60) * ms, () => this.#step(process));
    const draw = this.#random();
    if (draw < 0.5) this.#produce(process);
    else if (draw < 0.85) this.#receive(process, this.#pick(["keys", "bag", "empty", "mixed"]), 2);
    else if (draw < 0.95) this.#read(process, this.#pick(allRules).name);
    else this.#note(process, "attached", { endpoint: `n${this.#term % 3}`, term: this.#term });
  }

  #produce(process: Process): void {
    const queue = this.#pick(allRules.slice(1)).name;
    const body = `${process.name}-${++process.bodies}`;
    if (queue === "ledger") this.#transact(process, body);
    else if (queue === "retries") this.#retry(process, body, this.#between(1, 4));
    else if (queue !== "fifo" && this.#chance(0.2)) {
      const messages = [body, `${process.name}-${++process.bodies}`].map((one) => {
        return { key: `k${this.#between(1, 3)}`, body: one };
      });
      this.#call(process, { f: "enqueue-batch", queue, messages }, () => {
        return { placed: messages.map((one) => this.#place(queue, one.key, one.body)) };
      });
    } else {
      const key = queue === "empty" ? body : queue === "fifo" ? "" : `k${this.#between(1, 3)}`;
      this.#enqueue(process, queue, key, body);
    }
  }

  #transact(process: Process, body: string): void {
    const key = `${process.name}/${this.#between(1, 2)}`;
    const balance = this.#balances.get(key) ?? 0;
    if (Number.isNaN(balance)) return;
    const amount = this.#between(-9, 9);
    this.#balances.set(key, NaN);
    const whole = `${body} ${amount} ${balance + amount}`;
    this.#enqueue(process, "ledger", key, whole, (type) => {
      if (type !== "unknown") this.#balances.set(key, type === "ok" ? balance + amount : balance);
    });
  }

  #retry(process: Process, body: string, tries: number): void {
    if (tries === 0) return;
    this.#enqueue(process, "retries", process.name, body, () => {
      this.#retry(process, body, tries - 1);
    });
  }

  #enqueue(
    process: Process,
    queue: string,
    key: string,
    body: string,
    done?: (type: Completed["type"]) => void,
  ): void {
    this.#call(
      process,
      { f: "enqueue", queue, key, body },
      () => {
        const placed = this.#place(queue, key, body);
        return { logIndex: placed.logIndex, placed: [placed] };
      },
      done,
    );
  }

  #place(queue: string, key: string, body: string): Placed {
    const { stored, deduplicated } = this.#server.enqueue(queue, key, body);
    const { keySeq, seq, logIndex } = stored;
    return { body, keySeq, seq, logIndex, deduplicated };
  }

  #read(process: Process, queue: string): void {
    this.#call(process, { f: "get-queue", queue }, () => {
      return { counters: this.#server.counters(queue) };
    });
  }

  #receive(process: Process, queue: string, max: number, done?: () => void): void {
    let granted: Stored[] = [];
    const op = process.ops + 1;
    let leases: { lease: Lease; delivered: Delivered }[] = [];
    this.#call(
      process,
      { f: "receive", queue, max },
      () => {
        granted = Array.from({ length: max }, () => this.#grant(process, queue)).flatMap(
          (one) => one ?? [],
        );
        leases = granted.map((one) => this.#came(process, one, op));
        return { received: granted.length };
      },
      (type) => {
        if (type === "ok")
          for (const { lease, delivered } of leases) {
            this.#delivered.push({ ...delivered, time: this.now });
            this.#use(process, lease);
          }
        done?.();
      },
    );
  }

  /** O2 of the workload: one message after the other, and it holds nothing while it receives. */
  #dequeue(process: Process): void {
    if (!process.alive || this.#isDraining) return;
    const again = (): void => this.#after(this.#between(1, 30) * ms, () => this.#dequeue(process));
    this.#receive(process, "fifo", 1, again);
  }

  #stream(process: Process, queue: string): void {
    if (!process.alive) return;
    this.#after(this.#between(5, 90) * ms, () => this.#stream(process, queue));
    this.#server.next();
    const one = this.#grant(process, queue);
    if (one === undefined) return;
    const { lease, delivered } = this.#came(process, one);
    const wait = this.#chance(0.1) ? this.#between(100, 900) : this.#between(0, 20);
    this.#after(wait * ms, () => {
      if (!process.alive) return;
      this.#delivered.push({ ...delivered, time: this.now, leaseEnds: this.now + 400 * ms });
      this.#use(process, lease);
    });
  }

  #grant(process: Process, queue: string): Stored | undefined {
    const one = this.#server.grant(queue, process.name);
    if (one === undefined) return undefined;
    const { token } = one;
    const early = this.#server.has("ends leases long before their time") ? 0.02 : 0.6;
    const leaseUs = 400 * ms * (early + this.#random());
    this.#after(leaseUs, () => {
      if (one.state === "LEASED" && one.token === token) this.#server.fail(one, "lease-expired");
    });
    return one;
  }

  #came(process: Process, one: Stored, op?: number): { lease: Lease; delivered: Delivered } {
    const { key, keySeq, token, body, seq, deliveries, attempts, ended } = one;
    const lease = { queue: one.queue.rules.name, key, keySeq, token, body };
    const delivered = {
      ...{ type: "delivered" as const, process: process.name, time: this.now, ...lease },
      ...{ seq, deliveries, attempts, redelivery: ended, leaseEnds: this.now + 400 * ms },
      ...(op === undefined ? {} : { op }),
    };
    return { lease, delivered };
  }

  #use(process: Process, lease: Lease): void {
    const plain = lease.queue === "fifo" || lease.queue === "ledger" || lease.queue === "retries";
    const draw = this.#random() * (plain ? 0.6 : 1);
    const wait = this.#chance(0.1) ? this.#between(200, 900) : this.#between(0, 20);
    this.#after(wait * ms, () => {
      if (draw < 0.56) this.#settle(process, "ack", lease);
      else if (draw < 0.6)
        return; // Left to expire.
      else if (draw < 0.7) this.#settle(process, "nack", lease);
      else if (draw < 0.74) this.#settle(process, "reject", lease);
      else if (draw < 0.82) this.#settle(process, "release", lease);
      else this.#commit(process, lease);
    });
  }

  #settle(process: Process, f: "ack" | "nack" | "reject" | "release", lease: Lease): void {
    this.#call(
      process,
      { f, ...lease },
      () => {
        const already = this.#server.settle(f, lease);
        this.#retryLater(f, lease);
        return { already, logIndex: this.#server.logIndex };
      },
      (type) => {
        // Who was not answered asks again, now and then.
        if (type === "unknown" && f === "ack" && this.#chance(0.5)) this.#settle(process, f, lease);
      },
    );
  }

  #retryLater(f: string, { queue, body }: Lease): void {
    if (f !== "nack") return;
    const one = this.#server.all().find((each) => {
      return each.body === body && each.queue.rules.name === queue && each.state === "RETRYING";
    });
    if (one !== undefined)
      this.#after(this.#between(10, 80) * ms, () => {
        if (one.state === "RETRYING") one.state = "READY";
      });
  }

  #commit(process: Process, lease: Lease): void {
    const queue = this.#pick(["keys", "bag"]);
    const message = { queue, key: lease.key, body: `${process.name}-${++process.bodies}` };
    this.#call(process, { f: "commit", acks: [lease], enqueues: [message] }, () => {
      if (this.#server.held(lease) === undefined) throw new Refused("STALE_LEASE");
      if (!this.#server.has("does half a commit")) this.#server.settle("ack", lease);
      const placed = this.#place(queue, message.key, message.body);
      return { logIndex: placed.logIndex, placed: [placed] };
    });
  }

  #endSession(name: string): void {
    for (const one of this.#server.leasesOf(name)) this.#server.again(one, "session-ended");
  }

  /** One call over a bad network. */
  #call(
    process: Process,
    asked: Asked,
    effect: () => Told,
    done?: (type: Completed["type"]) => void,
    network = this.#random(),
  ): void {
    if (!process.alive) return;
    const op = ++process.ops;
    const head = { process: process.name, op };
    const call: { asked: Invoked; told?: Completed } = {
      asked: { type: "invoke", ...head, time: this.now, ...asked },
    };
    this.#calls.push(call);
    const complete = (type: Completed["type"], told?: Told): void => {
      if (!process.alive || call.told !== undefined) return;
      call.told = { type, ...head, time: this.now, ...(told === undefined ? {} : { told }) };
      done?.(type);
    };
    const there = this.#between(1, 15) * ms;
    const back = this.#between(1, 15) * ms;
    const apply = (answers: boolean): void => {
      this.#server.next();
      try {
        const told = effect();
        const fails = this.#server.has("reports a failure for what it did");
        if (answers) this.#after(back, () => complete(fails ? "fail" : "ok", fails ? {} : told));
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (answers) this.#after(back, () => complete("fail"));
      }
    };
    if (network < 0.86) this.#after(there, () => apply(true));
    else if (network < 0.9) this.#after(back, () => complete("fail"));
    else {
      const timeout = this.#between(30, 200) * ms;
      this.#after(timeout, () => complete("unknown"));
      // Answer lost, call lost, or call late.
      if (network < 0.94) this.#after(there, () => apply(false));
      else if (network > 0.97) this.#after(timeout + there * 5, () => apply(false));
    }
  }

  #drain(): void {
    const process: Process = { name: "end.1", alive: true, ops: 0, bodies: 0, dequeues: false };
    const sure = (asked: Asked, effect: () => Told): void => {
      this.#call(process, asked, effect, undefined, 0);
      this.#until(this.now + 50 * ms);
    };
    for (const { name } of allRules.slice(1))
      for (let count = 1; count > 0;) {
        const op = process.ops + 1;
        const came: { lease: Lease; delivered: Delivered }[] = [];
        sure({ f: "receive", queue: name, max: 50 }, () => {
          for (let one = this.#grant(process, name); one !== undefined && came.length < 50;) {
            came.push(this.#came(process, one, op));
            one = came.length < 50 ? this.#grant(process, name) : undefined;
          }
          count = came.length;
          this.#delivered.push(...came.map(({ delivered }) => delivered));
          return { received: count };
        });
        for (const { lease } of came)
          this.#call(
            process,
            { f: "ack", ...lease },
            () => {
              return {
                already: this.#server.settle("ack", lease),
                logIndex: this.#server.logIndex,
              };
            },
            undefined,
            0,
          );
        this.#until(this.now + 50 * ms);
      }
    for (const { name: queue } of allRules.toReversed()) {
      sure({ f: "browse", queue }, () => ({ there: this.#there(queue) }));
      sure({ f: "get-queue", queue }, () => ({ counters: this.#server.counters(queue) }));
    }
  }

  #there(queue: string): NonNullable<Told["there"]> {
    return this.#server
      .all()
      .filter((one) => one.queue.rules.name === queue)
      .map(({ key, keySeq, body, state }) => ({ key, keySeq, body, state }));
  }

  #note(process: Process, what: Noted["what"], detail?: Noted["detail"]): void {
    if (!process.alive) return;
    const note = { type: "note" as const, process: process.name, time: this.now, what };
    this.#notes.push(detail === undefined ? note : { ...note, detail });
  }

  #after(us: number, run: () => void): void {
    this.#events.push({ at: this.now + Math.max(1, Math.round(us)), run });
  }

  #until(time: number): void {
    for (;;) {
      let next: number | undefined;
      for (const [index, { at }] of this.#events.entries())
        if (at <= time && at < (this.#events[next ?? -1]?.at ?? Infinity)) next = index;
      if (next === undefined) break;
      const [event] = this.#events.splice(next, 1);
      this.now = Math.max(this.now, event!.at);
      event!.run();
    }
    this.now = Math.max(this.now, time);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #between(from: number, to: number): number {
    return from + Math.floor(this.#random() * (to - from + 1));
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#between(0, from.length - 1)]!;
  }
}
