// The order of a key under everything at once (P3, P8): a thousand keys, nacks, rejections, leases that expire, consumers and
// leaders that die. What was acked of a key is what was enqueued, in that order, but for what is accounted for elsewhere.

import { expect, test } from "vitest";
import { defaultOptions, partsOfMessageRow } from "../../queue/index.ts";
import { rowOfMessageId, rulesVersionMax } from "../../queue/index.ts";
import type { Command, Grant, MessageRef, QueueOptions } from "../../queue/index.ts";
import { message, nobody, only, payloadOf, Replica, settleCommand } from "./harness.ts";
import type { Call, Outcome } from "./harness.ts";
import { logicalRows } from "./logical-rows.ts";

const queues: Readonly<Record<string, Partial<QueueOptions>>> = {
  dead: {},
  transfers: { onExhausted: "dead-letter", deadLetterQueue: "dead", maxAttempts: 2, leaseMs: 900 },
  ledger: { onExhausted: "park", deadLetterQueue: "dead", maxAttempts: 2, leaseMs: 900 },
};
const keyCount = 1000;
const consumers = 6;

/** Dice that fall alike each time. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The cluster: a log, the replica that leads, and those who produce and consume. */
class Scene {
  private replica = Replica.empty();
  private readonly log: Uint8Array[] = [];
  private time = 1_000_000;
  private readonly roll: () => number;
  private readonly held: Grant[] = [];
  private readonly parked: MessageRef[] = [];
  private readonly sessions: number[] = [];
  readonly enqueued = new Map<string, number>();
  readonly acked = new Map<string, number[]>();
  /** How often each thing happened. */
  readonly count = {
    acked: 0,
    nacked: 0,
    rejected: 0,
    forgotten: 0,
    killed: 0,
    led: 1,
    decided: 0,
  };

  constructor(seed: number) {
    this.roll = dice(seed);
  }

  get machine(): Replica["machine"] {
    return this.replica.machine;
  }

  async begin(): Promise<void> {
    const calls: Call[] = [[nobody, { kind: "raise-version", version: rulesVersionMax }]];
    for (const [name, options] of Object.entries(queues)) {
      const all = { ...defaultOptions("key"), retry: { initialMs: 40, multiplier: 2, maxMs: 200 } };
      calls.push([nobody, { kind: "create-queue", name, options: { ...all, ...options } }]);
    }
    await this.entry(calls);
    for (let i = 0; i < consumers; i++) await this.openSession();
  }

  private async entry(calls: readonly Call[], ms = 10): Promise<Outcome> {
    this.time += ms;
    const payload = payloadOf(calls, this.time);
    this.log.push(payload);
    const outcome = await this.replica.apply(payload, this.log.length);
    this.held.push(...outcome.effects.grants);
    this.parked.push(...outcome.effects.events);
    return outcome;
  }

  private async openSession(): Promise<void> {
    const open: Command = { kind: "open-session", name: "consumer", ttlMs: 60_000 };
    const reply = only((await this.entry([[nobody, open]])).answers)?.reply;
    if (reply?.kind !== "session-opened") throw new Error("no session");
    const { session } = reply;
    const calls: Call[] = [[{ session, sequence: 0, floor: 0 }, { kind: "attach" }]];
    Object.keys(queues).forEach((queue, at) => {
      if (queue === "dead") return;
      const subscribe: Command = { kind: "subscribe", consumer: at, queue, credit: 40, leaseMs: 0 };
      calls.push([{ session, sequence: 0, floor: 0 }, subscribe]);
    });
    await this.entry(calls);
    this.sessions.push(session);
  }

  /** A moment in which much happens, or (quiet) only what leads to the end. */
  async moment(quiet = false): Promise<void> {
    const calls: Call[] = [];
    if (!quiet) for (let i = 0; i < 20; i++) calls.push(this.produce());
    const settled: Grant[] = [];
    for (const grant of this.held.splice(0)) {
      if (!quiet && this.roll() < 0.02) this.count.forgotten++;
      else if (!quiet && this.roll() < 0.2) this.held.push(grant);
      else {
        calls.push([nobody, this.decide(grant, quiet)]);
        settled.push(grant);
      }
    }
    const settles = calls.length - settled.length;
    for (const ref of this.parked.splice(0)) calls.push(this.resolve(ref));
    const { answers } = await this.entry(calls, 30);
    settled.forEach((grant, at) => {
      const command = calls[settles + at]?.[1];
      const reply = answers[settles + at]?.reply;
      const ack = command?.kind === "settle" && command.settlement.kind === "ack";
      if (!ack || reply?.kind !== "settled") return;
      this.count.acked++;
      const name = `${grant.queue}/${grant.lane}`;
      this.acked.set(name, [...(this.acked.get(name) ?? []), grant.keySeq]);
    });
    if (!quiet && this.roll() < 0.05) await this.killConsumer();
    if (this.roll() < 0.03) await this.replica.flush();
    if (!quiet && this.roll() < 0.02) await this.killLeader();
  }

  private produce(): Call {
    const queue = this.roll() < 0.5 ? "transfers" : "ledger";
    const key = `account-${Math.floor(this.roll() * this.roll() * keyCount)}`;
    const name = `${queue}/${key}`;
    const number = (this.enqueued.get(name) ?? 0) + 1;
    this.enqueued.set(name, number);
    return [nobody, { kind: "enqueue", queue, message: message(key, `${number}`) }];
  }

  private decide(grant: Grant, quiet: boolean): Command {
    const fate = quiet ? 1 : this.roll();
    if (fate < 0.01) {
      this.count.rejected++;
      return settleCommand(grant, { kind: "reject", error: "never" });
    }
    if (fate < 0.11) {
      this.count.nacked++;
      return settleCommand(grant, { kind: "nack", delayMs: undefined, error: "not now" });
    }
    return settleCommand(grant, { kind: "ack" });
  }

  private resolve({ queue, lane, keySeq }: MessageRef): Call {
    this.count.decided++;
    const ref = { queue, lane, keySeq };
    const resolution =
      this.roll() < 0.5
        ? ({ kind: "retry" } as const)
        : ({ kind: "skip", error: "given up" } as const);
    return [nobody, { kind: "resolve-parked", message: ref, resolution }];
  }

  /** Its process is gone: its session ends, and what it held is for others. */
  private async killConsumer(): Promise<void> {
    this.count.killed++;
    const session = this.sessions.shift() ?? 0;
    await this.entry([[{ session, sequence: 0, floor: 0 }, { kind: "close-session" }]]);
    await this.openSession();
  }

  /** The next leader has what it stored, and applies the rest of the log again. It tells nothing twice that was told. */
  private async killLeader(): Promise<void> {
    this.count.led++;
    const { digest } = this.machine;
    this.replica = await this.replica.restored();
    for (let at = this.machine.appliedIndex; at < this.log.length; at++) {
      const payload = this.log[at];
      if (payload !== undefined) await this.replica.apply(payload, at + 1);
    }
    expect(this.machine.digest).toBe(digest);
  }

  /** key_seqs of each key that lie in the dead-letter queue, with how they came there. */
  async letters(): Promise<Map<string, { keySeq: number; cause: string }[]>> {
    const letters = new Map<string, { keySeq: number; cause: string }[]>();
    await this.replica.flush();
    const names = new Map(this.machine.listQueues().map(({ id, name }) => [id, name]));
    const deadId = this.machine.queueInfo("dead")?.id ?? 0;
    const image = await this.replica.image();
    const state = logicalRows(new Map(image.map(({ key, value }) => [key, value])));
    for (const [place, stored] of state.messages) {
      if (place.queueId !== deadId) continue;
      const from = stored.deadLetter;
      const origin = partsOfMessageRow(rowOfMessageId(from?.messageId ?? "") ?? "");
      if (from === undefined || origin === undefined) throw new Error("a letter from nowhere");
      expect(names.get(origin.queueId)).toBe(from.queue);
      const name = `${from.queue}/${origin.lane}`;
      const { cause } = from;
      letters.set(name, [...(letters.get(name) ?? []), { keySeq: origin.keySeq, cause }]);
    }
    return letters;
  }
}

test("P3, P8: each key's acked sequence is its enqueued one, but for what is accounted for", async () => {
  const scene = new Scene(20_261_121);
  await scene.begin();
  for (let i = 0; i < 600; i++) await scene.moment();
  const open = (): number =>
    ["transfers", "ledger"].reduce((sum, name) => {
      const info = scene.machine.queueInfo(name);
      if (info === undefined) throw new Error(`${name} is gone`);
      return sum + info.ready + info.leased + info.retrying + info.parked;
    }, 0);
  for (let i = 0; i < 2000 && open() > 0; i++) await scene.moment(true);
  expect(open()).toBe(0);

  const letters = await scene.letters();
  let accounted = 0;
  for (const [name, last] of scene.enqueued) {
    const elsewhere = letters.get(name) ?? [];
    const missing = new Set(elsewhere.map(({ keySeq }) => keySeq));
    expect(missing.size, name).toBe(elsewhere.length);
    const enqueued = Array.from({ length: last }, (_, at) => at + 1);
    const wanted = enqueued.filter((keySeq) => !missing.has(keySeq));
    expect(scene.acked.get(name) ?? [], name).toEqual(wanted);
    accounted += elsewhere.length;
  }
  const [transfers, ledger] = [
    scene.machine.queueInfo("transfers"),
    scene.machine.queueInfo("ledger"),
  ];
  expect(accounted).toBe((transfers?.deadLettered ?? 0) + (ledger?.skipped ?? 0));
  expect(scene.enqueued.size).toBeGreaterThan(keyCount / 2);
  for (const [what, times] of Object.entries(scene.count))
    expect([what, times]).not.toEqual([what, 0]);
  const causes = new Set([...letters.values()].flat().map(({ cause }) => cause));
  expect([...causes].sort()).toEqual(["exhausted", "rejected", "skipped"]);
}, 60_000);
