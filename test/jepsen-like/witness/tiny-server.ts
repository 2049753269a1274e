// A server of a few lines, its clients and its log: makes random good histories for the witness-order check. It keeps every promise,
// loses answers, is asked twice, is refused, lets leases end by time, and changes its leader now and then.

import type {
  Call,
  DeclaredQueue,
  Evidence,
  LogCommand,
  LogEntry,
} from "../../../jepsen-like/checkers/contract.ts";
import type { Asked, Completed, Delivered, Told } from "../../../jepsen-like/history/record.ts";
import { mulberry32 } from "../mulberry32.ts";

interface Message {
  readonly queue: Queue;
  readonly key: string;
  readonly body: string;
  readonly seq: number;
  readonly keySeq: number;
  state: "ready" | "leased" | "parked" | "gone";
  token: number;
  deliveries: number;
  attempts: number;
  settledBy: number;
}

interface Queue {
  readonly name: string;
  readonly ordering: "key" | "total";
  enqueued: number;
  acked: number;
  readonly lanes: Map<string, Message[]>;
  readonly names: Map<string, Message>;
}

interface Lease {
  readonly message: Message;
  readonly token: number;
}

interface Process {
  readonly name: string;
  readonly session: number;
  sequence: number;
  ops: number;
  bodies: number;
  readonly held: Lease[];
  /** Over, but it may not know. */
  readonly over: Lease[];
}

const keys = ["a", "b", "c"];
const dedupWindowMs = 60_000;

export class TinyServer {
  readonly calls: Call[] = [];
  readonly delivered: Delivered[] = [];
  readonly #random: (below: number) => number;
  readonly #log: LogEntry[] = [];
  readonly #queues = new Map<string, Queue>();
  readonly #processes: Process[] = [];
  #term = 1;
  #stamp = 1_000_000;
  #time = 5_000;
  #token = 0;

  constructor(seed: number) {
    const next = mulberry32(seed);
    this.#random = (below) => Math.floor(next() * below);
    for (const [name, ordering] of [
      ["q", "key"],
      ["total", "total"],
      ["out", "key"],
    ] as const) {
      this.#queues.set(name, {
        ...{ name, ordering, enqueued: 0, acked: 0 },
        ...{ lanes: new Map(), names: new Map() },
      });
      const options = {
        ...{ ordering, maxInFlightPerKey: 1, leaseMs: 30_000, maxAttempts: 100 },
        ...{ onExhausted: "park", deadLetterQueue: "", dedupWindowMs },
      };
      this.#append([{ session: 0, sequence: 0, op: "create-queue", name, options }]);
    }
    for (let n = 1; n <= 3; n++) {
      this.#append([{ session: 0, sequence: 0, op: "open-session", name: `p${n}`, ttlMs: 1e9 }]);
      this.#processes.push({
        ...{ name: `p${n}`, session: n, sequence: 0, ops: 0, bodies: 0, held: [], over: [] },
      });
    }
  }

  run(steps: number): Evidence {
    for (let i = 0; i < steps; i++) this.#step();
    this.#time += 1_000;
    for (const name of this.#queues.keys()) this.#browse(name);
    const barrier = this.#append([{ session: 0, sequence: 0, op: "tick" }]);
    const queues = [...this.#queues.values()].map(({ name, ordering }): DeclaredQueue => ({
      ...{ name, ordering: ordering === "key" ? "KEY" : "TOTAL", leaseMs: 30_000 },
      ...{ maxAttempts: 100, onExhausted: "PARK", deadLetterQueue: "", workload: "tiny" },
    }));
    return {
      queues,
      history: { calls: this.#widened(), delivered: this.delivered, notes: [] },
      logs: [1, 2, 3].map((nodeId) => ({ nodeId, entries: [...this.#log] })),
      digests: [1, 2, 3].map((nodeId) => ({ nodeId, appliedIndex: barrier, digest: "d" })),
      barrier,
    };
  }

  /** Calls take longer at both ends: what was one after the other is at the same time now, and as good as before. */
  #widened(): Call[] {
    return this.calls.map(({ asked, told }) => ({
      asked: { ...asked, time: asked.time - this.#random(60) },
      ...(told === undefined ? {} : { told: { ...told, time: told.time + this.#random(60) } }),
    }));
  }

  #append(commands: readonly LogCommand[], kind = "command"): number {
    const index = this.#log.length + 1;
    const chainOf = (at: number): string => at.toString(16).padStart(8, "0");
    this.#stamp += this.#random(20);
    this.#log.push({
      ...{ index, term: this.#term, kind, stamp: kind === "command" ? this.#stamp : 0 },
      ...{ chain: chainOf(index), chainBefore: chainOf(index - 1), commands },
    });
    return index;
  }

  /** A while later. */
  #later(): number {
    return (this.#time += 1 + this.#random(50));
  }

  #step(): void {
    if (this.#random(40) === 0) {
      this.#term++;
      this.#append([], "noop");
    }
    const process = this.#processes[this.#random(3)]!;
    const lease = process.held[0];
    switch (this.#random(12)) {
      case 0:
      case 1:
      case 2:
        this.#enqueue(process, this.#random(3) === 0 ? "total" : "q", "");
        return;
      case 3:
        this.#enqueue(process, "q", `name-${this.#random(4)}`);
        return;
      case 4:
      case 5:
      case 6:
        this.#receive(process, this.#random(3) === 0 ? "total" : "q");
        return;
      case 7:
      case 8:
        if (lease !== undefined) this.#settle(process, lease, "ack");
        return;
      case 9:
        if (lease !== undefined) this.#settle(process, lease, this.#givenBack());
        return;
      case 10:
        if (lease !== undefined) this.#commit(process, lease);
        return;
      default:
        this.#oddity(process);
        return;
    }
  }

  #givenBack(): "nack" | "release" | "reject" {
    if (this.#random(20) === 0) return "reject";
    return this.#random(2) === 0 ? "nack" : "release";
  }

  #oddity(process: Process): void {
    const [over] = process.over;
    const [lease] = process.held;
    const kind = this.#random(4);
    if (kind === 0 && over !== undefined) this.#settle(process, over, "ack");
    else if (kind === 1 && lease !== undefined) {
      // Its lease ends by time: nobody says so in the log.
      this.#end(lease);
      lease.message.state = "ready";
    } else if (kind === 2) {
      const queue = [...this.#queues.values()][this.#random(3)]!;
      this.#look(process, queue);
    } else this.#repeatLast(process);
  }

  /** A command that was answered comes once more: the answer had been lost on its way to a client that asks again. */
  #repeatLast({ session, sequence }: Process): void {
    const before = this.#log
      .flatMap(({ commands }) => commands)
      .find((command) => command.session === session && command.sequence === sequence);
    if (before !== undefined) this.#append([before]);
  }

  /** What happened to a call. `apply` says what it was told; undefined: nobody ever hears. */
  #call(
    process: Process,
    asked: Asked,
    op: string,
    fields: object,
    apply: (index: number) => Told | string,
  ): Told | undefined {
    const common = { process: process.name, op: ++process.ops };
    const invoked = { type: "invoke", ...common, time: this.#later(), ...asked } as const;
    const fate = this.#random(25);
    if (fate === 0) {
      // Never got to the log; half of them learn that.
      const time = this.#later();
      const told: Completed = { type: "fail", ...common, time, reason: "NOT_LEADER" };
      this.calls.push(this.#random(2) === 0 ? { asked: invoked } : { asked: invoked, told });
      return undefined;
    }
    const { session } = process;
    const sequence = ++process.sequence;
    const index = this.#append([{ session, sequence, op, ...fields }]);
    const said = apply(index);
    const time = this.#later();
    if (fate === 1) {
      const told: Completed = { type: "unknown", ...common, time, reason: "TIMEOUT" };
      this.calls.push(this.#random(2) === 0 ? { asked: invoked } : { asked: invoked, told });
      return undefined;
    }
    if (typeof said === "string") {
      this.calls.push({ asked: invoked, told: { type: "fail", ...common, time, reason: said } });
      return undefined;
    }
    this.calls.push({ asked: invoked, told: { type: "ok", ...common, time, told: said } });
    return said;
  }

  #store(queue: Queue, key: string, body: string): Message {
    const name = queue.ordering === "key" ? key : "";
    const lane = queue.lanes.get(name) ?? [];
    queue.lanes.set(name, lane);
    const message: Message = {
      ...{ queue, key, body, seq: ++queue.enqueued, keySeq: lane.length + 1, state: "ready" },
      ...{ token: 0, deliveries: 0, attempts: 0, settledBy: 0 },
    };
    lane.push(message);
    return message;
  }

  #enqueue(process: Process, name: string, dedupId: string): void {
    const queue = this.#queues.get(name)!;
    const key = dedupId === "" ? keys[this.#random(3)]! : "named";
    const body = dedupId === "" ? `${process.name}-${++process.bodies}` : `body of ${dedupId}`;
    const named = dedupId === "" ? {} : { dedupId };
    this.#call(
      process,
      { f: "enqueue", queue: name, key, body, ...named },
      "enqueue",
      { queue: name, key, body, ...named },
      (logIndex) => {
        const seen = dedupId === "" ? undefined : queue.names.get(dedupId);
        const { seq, keySeq } = seen ?? this.#store(queue, key, body);
        if (dedupId !== "" && seen === undefined)
          queue.names.set(dedupId, queue.lanes.get(key)!.at(-1)!);
        const deduplicated = seen !== undefined;
        return { logIndex, placed: [{ body, seq, keySeq, logIndex, deduplicated }] };
      },
    );
  }

  #receive(process: Process, name: string): void {
    const queue = this.#queues.get(name)!;
    const max = 1 + this.#random(3);
    const got: Lease[] = [];
    const said = this.#call(
      process,
      { f: "receive", queue: name, max },
      "receive",
      { queue: name, maxMessages: max, leaseMs: 0 },
      () => {
        for (const lane of queue.lanes.values()) {
          const head = lane.find(({ state }) => state !== "gone");
          if (got.length >= max || head?.state !== "ready") continue;
          head.state = "leased";
          // Every other one: the rest went to queues that nobody looks at.
          head.token = this.#token += 2;
          head.deliveries++;
          got.push({ message: head, token: head.token });
        }
        return { received: got.length };
      },
    );
    for (const { message, token } of got) {
      process.held.push({ message, token });
      if (said === undefined) continue;
      const { key, body, seq, keySeq, deliveries, attempts } = message;
      const time = this.#time;
      const what = { queue: name, key, keySeq, token, body, seq, deliveries, attempts };
      this.delivered.push({
        type: "delivered",
        process: process.name,
        time,
        ...what,
        redelivery: "",
        leaseEnds: time + 30_000_000,
      });
    }
  }

  #end(lease: Lease): void {
    for (const { held, over } of this.#processes) {
      const at = held.indexOf(lease);
      if (at < 0) continue;
      held.splice(at, 1);
      over.unshift(lease);
      over.length = Math.min(over.length, 5);
    }
  }

  #nameOf({ message: { queue, key, keySeq }, token }: Lease) {
    return { queue: queue.name, key, keySeq, token };
  }

  #take({ message, token }: Lease, how: string): boolean {
    if (message.state !== "leased" || message.token !== token) return false;
    if (how === "ack") {
      message.state = "gone";
      message.settledBy = token;
      message.queue.acked++;
    } else message.state = how === "reject" ? "parked" : "ready";
    return true;
  }

  #settle(process: Process, lease: Lease, how: "ack" | "nack" | "reject" | "release"): void {
    const name = this.#nameOf(lease);
    const { token, ...place } = name;
    const key = lease.message.queue.ordering === "key" ? name.key : "";
    this.#call(
      process,
      { f: how, ...name, body: lease.message.body },
      how,
      { ...place, key, fencingToken: token },
      (logIndex) => {
        const { settledBy } = lease.message;
        if (how === "ack" && settledBy === token) return { logIndex, already: true };
        if (!this.#take(lease, how)) return "STALE_LEASE";
        this.#end(lease);
        return { logIndex, already: false };
      },
    );
  }

  #commit(process: Process, lease: Lease): void {
    const name = this.#nameOf(lease);
    const { token, ...place } = name;
    const key = keys[this.#random(3)]!;
    const body = `${process.name}-${++process.bodies}`;
    const laneKey = lease.message.queue.ordering === "key" ? name.key : "";
    const settles = [{ kind: "ack", ...place, key: laneKey, fencingToken: token }];
    const enqueues = [{ queue: "out", key, body }];
    const acks = [{ ...name, body: lease.message.body }];
    this.#call(
      process,
      { f: "commit", acks, enqueues },
      "commit",
      { settles, enqueues, conditions: [] },
      (logIndex) => {
        if (!this.#take(lease, "ack")) return "STALE_LEASE";
        this.#end(lease);
        const { seq, keySeq } = this.#store(this.#queues.get("out")!, key, body);
        return { logIndex, placed: [{ body, seq, keySeq, logIndex, deduplicated: false }] };
      },
    );
  }

  #readOnly(process: Process, asked: Asked, told: Told): void {
    const common = { process: process.name, op: ++process.ops };
    const invoked = { type: "invoke", ...common, time: this.#later(), ...asked } as const;
    this.calls.push({
      asked: invoked,
      told: { type: "ok", ...common, time: this.#later(), told },
    });
  }

  #look(process: Process, queue: Queue): void {
    const counters: Record<string, number> = { enqueued: queue.enqueued, acked: queue.acked };
    for (const state of ["ready", "leased", "parked"] as const)
      counters[state] = [...queue.lanes.values()]
        .flat()
        .filter((one) => one.state === state).length;
    Object.assign(counters, { retrying: 0, delayed: 0 });
    const at = this.#random(2) === 0 ? {} : { logIndex: this.#log.length };
    this.#readOnly(process, { f: "get-queue", queue: queue.name }, { counters, ...at });
  }

  #browse(name: string): void {
    const there = [...this.#queues.get(name)!.lanes.values()]
      .flat()
      .filter(({ state }) => state !== "gone")
      .map(({ key, keySeq, body, state }) => ({ key, keySeq, body, state }));
    this.#readOnly(this.#processes[0]!, { f: "browse", queue: name }, { there });
  }
}
