// One replica as its shell would drive it: entries go through their encoding, rows through a store, reads where apply asks.

import { expect } from "vitest";
import { openMachine, readDue } from "../../node/open-machine.ts";
import { logicalRows, type StoredState } from "./logical-rows.ts";
import {
  decodeEntry,
  Machine,
  MemoryStore,
  stateRange,
  defaultLimits,
  StoredAt,
  type MessagePlace,
  defaultOptions,
  standardRules,
  violations,
  type Answer,
  type Command,
  type Effects,
  type Grant,
  type Limits,
  type MessageExtras,
  type NewMessage,
  type Origin,
  type QueueOptions,
  type Refusal,
  type Reply,
  type Row,
  type Rules,
  type Settlement,
  type StoredMessage,
} from "../../queue/index.ts";
import { EntryWriter } from "./entry-writer.ts";

export const nobody: Origin = { session: 0, sequence: 0, floor: 0 };

export type Call = readonly [Origin, Command];

export interface Outcome {
  readonly answers: readonly (Answer | undefined)[];
  readonly effects: Effects;
}

export function payloadOf(calls: readonly Call[], stamp: number): Uint8Array {
  const writer = new EntryWriter();
  for (const [origin, command] of calls) writer.add(origin, command);
  return writer.finish(stamp);
}

export class Replica {
  machine: Machine;
  readonly store: MemoryStore;
  /** Rows read for apply. */
  reads = 0;
  private readonly limits: Limits;
  private readonly rules: Rules;
  private readonly firstVersion: number;

  private constructor(
    machine: Machine,
    store: MemoryStore,
    limits: Limits,
    rules: Rules,
    firstVersion: number,
  ) {
    this.machine = machine;
    this.store = store;
    this.limits = limits;
    this.rules = rules;
    this.firstVersion = firstVersion;
  }

  /** `version`: of the rules, as if they had been raised before. */
  static empty(
    limits: Limits = defaultLimits,
    rules: Rules = standardRules,
    version = rules.versionMax,
  ): Replica {
    const machine = Machine.empty(limits, rules);
    machine.state.version = version;
    return new Replica(machine, new MemoryStore(), limits, rules, version);
  }

  /** `watch` looks at the machine after the begin of the entry, and after each command. */
  async apply(
    payload: Uint8Array,
    index: number,
    watch: (machine: Machine) => void = () => undefined,
  ): Promise<Outcome> {
    const { machine } = this;
    const { time, records } = decodeEntry(payload);
    // Every other entry is read ahead: both ways must do.
    if (index % 2 === 0) await this.read(machine.hint(records));
    const at = { index, time };
    for (let due = machine.missingDue(at); due !== undefined; due = machine.missingDue(at)) {
      machine.provideDue(await readDue(this.store, due));
    }
    await this.readAll(() => machine.missingToBegin(at));
    machine.begin(at);
    watch(machine);
    const answers: (Answer | undefined)[] = [];
    for (const { origin, command } of records) {
      await this.readAll(() => machine.missing(origin, command));
      answers.push(machine.apply(origin, command));
      watch(machine);
    }
    machine.end();
    expect(violations(machine)).toEqual([]);
    const effects = machine.takeEffects();
    // Whether it was at hand is this replica's affair.
    const grants = effects.grants.map((grant) => ({ ...grant, message: undefined }));
    return { answers, effects: { ...effects, grants } };
  }

  private async readAll(missing: () => readonly string[]): Promise<void> {
    for (let rows = missing(); rows.length > 0; rows = missing()) {
      await this.read(rows);
    }
  }

  private async read(rows: readonly string[]): Promise<void> {
    const values = await this.store.getMany(rows);
    this.reads += rows.length;
    rows.forEach((row, at) => this.machine.provide(row, values[at]));
  }

  /** Takes what changed and stores it. */
  async flush(): Promise<void> {
    await this.store.write(this.machine.takeWrites());
    this.machine.writesStored();
  }

  /** A new machine from what is in the store now. */
  async restored(limits: Limits = this.limits): Promise<Replica> {
    const copy = new MemoryStore();
    for await (const rows of this.store.range(stateRange.from, stateRange.to)) {
      await copy.write(rows.map(({ key, value }) => ({ kind: "put", key, value })));
    }
    const machine = await openMachine(copy, limits, this.rules);
    // Of an empty store nothing is known, not even the version that it began with.
    if (machine.appliedIndex === 0) machine.state.version = this.firstVersion;
    const replica = new Replica(machine, copy, limits, this.rules, this.firstVersion);
    expect(violations(replica.machine)).toEqual([]);
    return replica;
  }

  async image(): Promise<Row[]> {
    const image: Row[] = [];
    for await (const rows of this.store.range("", "\xff")) image.push(...rows);
    return image;
  }

  /** What the rows of the store say. */
  async stored(): Promise<StoredState> {
    const rows = new Map((await this.image()).map(({ key, value }) => [key, value]));
    return logicalRows(rows, this.rules);
  }

  /** By its place, as it is given outside. */
  async message(place: MessagePlace): Promise<StoredMessage | undefined> {
    const found = this.machine.message(place);
    if (!(found instanceof StoredAt)) return found;
    const [value] = await this.store.getMany([found.row]);
    return found.read(value);
  }
}

/** A log of one replica, written call by call: for tests that tell a story. */
export class Story {
  replica: Replica;
  index = 0;
  time = 1_000_000;
  /** Of the last entry. */
  grants: readonly Grant[] = [];
  effects: Effects = { grants: [], completions: [], endedSessions: [], events: [] };
  private readonly sequences = new Map<number, number>();

  constructor(replica: Replica = Replica.empty()) {
    this.replica = replica;
  }

  get machine(): Machine {
    return this.replica.machine;
  }

  async entry(calls: readonly Call[], passMs = 1): Promise<readonly (Answer | undefined)[]> {
    this.time += passMs;
    const outcome = await this.replica.apply(payloadOf(calls, this.time), ++this.index);
    this.effects = outcome.effects;
    this.grants = outcome.effects.grants;
    return outcome.answers;
  }

  /** Time passes, in entries that a leader would make. */
  async pass(ms: number, stepMs = 1000): Promise<readonly Grant[]> {
    const grants: Grant[] = [];
    for (let left = ms; left > 0; left -= stepMs) {
      await this.entry([[nobody, { kind: "tick" }]], Math.min(left, stepMs));
      grants.push(...this.grants);
    }
    this.grants = grants;
    return grants;
  }

  async call(command: Command, origin: Origin = nobody): Promise<Reply> {
    const [answer] = await this.entry([[origin, command]]);
    if (answer === undefined) throw new Error("no answer yet");
    return answer.reply;
  }

  async refusal(command: Command, origin: Origin = nobody): Promise<Refusal> {
    const reply = await this.call(command, origin);
    if (reply.kind !== "refused") throw new Error(`${reply.kind}, not refused`);
    return reply.refusal;
  }

  /** The next command of a session. */
  async in(session: number, command: Command, floor = 1): Promise<Reply> {
    return this.call(command, this.next(session, floor));
  }

  next(session: number, floor = 1): Origin {
    const sequence = (this.sequences.get(session) ?? 0) + 1;
    this.sequences.set(session, sequence);
    return { session, sequence, floor };
  }

  async queue(name: string, options: Partial<QueueOptions> = {}): Promise<void> {
    const base = defaultOptions(options.ordering ?? "key");
    const reply = await this.call({
      kind: "create-queue",
      name,
      options: { ...base, ...options },
    });
    expect(reply.kind).toBe("queue");
  }

  /** Opens a session with a stream, and a consumer 1 on the queue when there is one. */
  async session(queue = "", credit = 10, ttlMs = 60_000): Promise<number> {
    const opened = await this.call({ kind: "open-session", name: "client", ttlMs });
    if (opened.kind !== "session-opened") throw new Error(opened.kind);
    const { session } = opened;
    await this.call({ kind: "attach" }, { session, sequence: 0, floor: 0 });
    if (queue !== "") {
      await this.in(session, { kind: "subscribe", consumer: 1, queue, credit, leaseMs: 0 });
    }
    return session;
  }

  async put(queue: string, key: string, body = "x"): Promise<Reply> {
    return this.call({ kind: "enqueue", queue, message: message(key, body) });
  }

  async putWith(queue: string, key: string, extras: Partial<MessageExtras>): Promise<Reply> {
    return this.call({ kind: "enqueue", queue, message: extraMessage(key, extras) });
  }

  async settle(grant: Grant, settlement: Settlement): Promise<Reply> {
    return this.call(settleCommand(grant, settlement));
  }

  ack(grant: Grant): Promise<Reply> {
    return this.settle(grant, { kind: "ack" });
  }

  nack(grant: Grant, delayMs?: number): Promise<Reply> {
    return this.settle(grant, { kind: "nack", delayMs, error: "no" });
  }

  /** Stores everything and starts again from the rows. */
  async restart(limits?: Limits): Promise<void> {
    await this.replica.flush();
    this.replica = await this.replica.restored(limits);
  }
}

export function message(key: string, body = "x"): NewMessage {
  return { key, content: bytes(body) };
}

/** With something of what a producer may ask for besides. */
export function extraMessage(key: string, extras: Partial<MessageExtras>, body = "x"): NewMessage {
  return { key, content: bytes(body), extras: { ...noExtras, ...extras } };
}

const noExtras: MessageExtras = {
  ...{ dedupId: "", expectKeySeq: 0, notBefore: 0, expiresAt: 0 },
  ...{ ttlMs: 0, delayMs: 0, priority: 0, headers: {} },
};

export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

export function text(content: Uint8Array): string {
  return String.fromCharCode(...content);
}

export function settleCommand(grant: Grant, settlement: Settlement): Command {
  const { queue, lane, keySeq, token } = grant;
  return { kind: "settle", lease: { queue, lane, keySeq, token }, settlement };
}

/** "key/key_seq" of each grant. */
export function places(grants: readonly Grant[]): string[] {
  return grants.map((grant) => `${grant.lane}/${grant.keySeq}`);
}

export function only<T>(all: readonly T[]): T {
  expect(all).toHaveLength(1);
  return all[0]!;
}
