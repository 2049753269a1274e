// A random history: steps become log entries, with what clients and people would know by then.

import type { Command, Effects, LeaseRef, Origin } from "../../../queue/index.ts";
import type { Answer, Condition, MessageRef, NewMessage } from "../../../queue/index.ts";
import { bytes, nobody, type Call, type Outcome } from "../harness.ts";
import { base, keys, queueNames, queues, subscriptions } from "./queues.ts";
import { targetNames, topicNames, topics } from "./queues.ts";
import type { Move, Step, Wish } from "./steps.ts";

const tick: Call = [nobody, { kind: "tick" }];

/** The one that came `back` places before the last. */
function fromEnd<T>(all: readonly T[], back: number): T | undefined {
  return all[all.length - 1 - back];
}

export class History {
  index = 0;
  time = 1000;
  /** Whether all messages have the same size. */
  readonly equalSizes: boolean;
  private readonly sessions: number[] = [];
  private readonly sequences = new Map<number, number>();
  private readonly leases: LeaseRef[] = [];
  private readonly parked: MessageRef[] = [];
  /** Where messages went, as far as producers were told. */
  private readonly stored: MessageRef[] = [];
  private readonly sent: Call[] = [];
  private bodies = 0;
  private ended = 77;

  constructor(equalSizes = false) {
    this.equalSizes = equalSizes;
  }

  /** The queues, two sessions with streams, and a consumer on everything. */
  opening(): Call[] {
    const calls: Call[] = Object.keys(queues).map((name) => [nobody, this.create(name)]);
    for (const name of topicNames) calls.push([nobody, this.createTopic(name)]);
    for (const name of Object.keys(subscriptions)) calls.push([nobody, this.create(name)]);
    for (const id of [1, 2]) {
      calls.push([nobody, { kind: "open-session", name: "s", ttlMs: 60_000 }]);
      calls.push([{ session: id, sequence: 0, floor: 0 }, { kind: "attach" }]);
      this.sessions.push(id);
    }
    queueNames.forEach((name, at) => {
      const consumer = { consumer: at + 1, queue: name, credit: 2, leaseMs: 0 };
      calls.push([this.next(1), { kind: "subscribe", ...consumer }]);
    });
    return calls;
  }

  /** The entries of these moves: calls, and how much time passes before them. */
  entries(moves: readonly Move[]): { readonly steps: readonly Step[]; readonly ms: number }[] {
    const entries: { steps: Step[]; ms: number }[] = [];
    for (const { step, joins } of moves) {
      const last = entries.at(-1);
      if (step.do === "tick") entries.push({ steps: [], ms: step.ms });
      else if (joins && last !== undefined) last.steps.push(step);
      else entries.push({ steps: [step], ms: 1 });
    }
    return entries;
  }

  calls(steps: readonly Step[]): Call[] {
    const calls: Call[] = [];
    for (const one of steps) {
      const call = this.call(one);
      this.sent.push(call);
      calls.push(call);
    }
    return calls;
  }

  learn({ answers, effects }: Outcome, calls: readonly Call[]): void {
    calls.forEach(([, command], at) => this.learnAnswer(answers[at], command));
    this.learnEffects(effects);
  }

  private learnEffects(effects: Effects): void {
    for (const id of effects.endedSessions) {
      const at = this.sessions.indexOf(id);
      if (at >= 0) this.sessions.splice(at, 1);
      this.ended = id;
    }
    this.leases.push(...effects.grants);
    for (const { answer } of effects.completions) this.learnAnswer(answer);
    this.parked.push(...effects.events);
  }

  private learnAnswer(answer: Answer | undefined, command?: Command): void {
    const reply = answer?.reply;
    if (reply?.kind === "received") this.leases.push(...reply.grants);
    if (reply?.kind === "session-opened" && !this.sessions.includes(reply.session)) {
      this.sessions.push(reply.session);
    }
    if (reply?.kind === "enqueued" && command?.kind === "enqueue") {
      this.stored.push({ queue: command.queue, ...reply.message });
    }
    if (reply?.kind === "batch-enqueued" && command?.kind === "enqueue-batch") {
      for (const one of reply.messages) this.stored.push({ queue: command.queue, ...one });
    }
  }

  /** One that is open; now and then one that is not. */
  private session(pick: number): number {
    if (this.bodies % 16 === 0 || this.sessions.length === 0) return this.ended;
    return this.sessions[this.sessions.length - 1 - (pick % this.sessions.length)] ?? 1;
  }

  private next(session: number): Origin {
    const sequence = (this.sequences.get(session) ?? 0) + 1;
    this.sequences.set(session, sequence);
    return { session, sequence, floor: Math.max(0, sequence - 3) };
  }

  private in(pick: number, command: Command): Call {
    return [this.next(this.session(pick)), command];
  }

  private create(name: string): Command {
    const subscription = subscriptions[name];
    if (subscription === undefined) {
      return { kind: "create-queue", name, options: queues[name] ?? base };
    }
    const start = this.bodies % 2 === 0 ? ({ at: "new" } as const) : ({ at: "earliest" } as const);
    return { kind: "create-subscription", name, start, ...subscription };
  }

  private createTopic(name: string): Command {
    const options = topics[name];
    return options === undefined ? { kind: "tick" } : { kind: "create-topic", name, options };
  }

  private call(step: Step): Call {
    switch (step.do) {
      case "enqueue": {
        const queue = targetNames[step.queue] ?? "";
        const message = this.message(queue, step.key, step.wish);
        return this.in(step.key, { kind: "enqueue", queue, message });
      }
      case "batch": {
        const queue = targetNames[step.queue] ?? "";
        const messages = step.messages.map(({ key, wish }) => this.message(queue, key, wish));
        return [nobody, { kind: "enqueue-batch", queue, messages, perItem: step.perItem }];
      }
      case "settle": {
        const lease = fromEnd(this.leases, step.lease);
        if (lease === undefined) return tick;
        const command: Command = { kind: "settle", lease: refOf(lease), settlement: step.how };
        return step.session === 0 ? [nobody, command] : this.in(step.session, command);
      }
      case "commit":
        return this.in(step.session, this.commit(step));
      case "repeat":
        return fromEnd(this.sent, step.call) ?? tick;
      case "tick":
        return tick;
      case "open":
      case "close":
      case "attach":
      case "detach":
      case "gap":
      case "keep-alive":
      case "subscribe":
      case "unsubscribe":
      case "receive":
      case "temporary":
        return this.sessionCall(step);
      case "update":
      case "delete":
      case "create":
      case "resolve":
      case "cancel":
      case "purge":
      case "pause":
      case "redrive":
      case "create-topic":
      case "update-topic":
      case "delete-topic":
      case "replay":
        return [nobody, this.management(step)];
    }
  }

  private commit(step: Step & { do: "commit" }): Command {
    const settles = step.settles.flatMap(({ lease, how }) => {
      const there = fromEnd(this.leases, lease);
      return there === undefined ? [] : [{ lease: refOf(there), settlement: how }];
    });
    const enqueues = step.enqueues.map(({ queue, key, wish }) => {
      const name = targetNames[queue] ?? "";
      return { queue: name, message: this.message(name, key, wish) };
    });
    const conditions = step.conditions.flatMap((one) => this.condition(one));
    return { kind: "commit", settles, enqueues, conditions };
  }

  private condition({ kind, pick, off }: { kind: string; pick: number; off: number }): Condition[] {
    if (kind === "lease") {
      const lease = fromEnd(this.leases, pick);
      return lease === undefined ? [] : [{ kind: "lease", lease: refOf(lease) }];
    }
    const there = fromEnd(this.stored, pick);
    if (there === undefined) return [];
    const { queue, lane } = there;
    if (kind === "length") return [{ kind, queue, lane, messages: 1 + off }];
    return [{ kind: "tail", queue, lane, keySeq: there.keySeq + off }];
  }

  private sessionCall(
    step: Extract<
      Step,
      | { do: "open" | "close" | "attach" | "detach" | "gap" | "keep-alive" }
      | { do: "subscribe" | "unsubscribe" | "receive" | "temporary" }
    >,
  ): Call {
    switch (step.do) {
      case "open":
        return [nobody, { kind: "open-session", name: "s", ttlMs: step.ttlMs }];
      case "close":
        return this.in(step.session, { kind: "close-session" });
      case "attach":
      case "detach":
        return [{ session: this.session(step.session), sequence: 0, floor: 0 }, { kind: step.do }];
      case "gap": {
        const origin = this.next(this.session(step.session));
        this.sequences.set(origin.session, origin.sequence - 1);
        return [{ ...origin, sequence: origin.sequence + 1 }, { kind: "tick" }];
      }
      case "keep-alive":
        return [nobody, { kind: "keep-alive", sessions: [this.session(step.session), 99] }];
      case "subscribe": {
        const { consumer, credit } = step;
        // The room is counted by the mean of a lane, which the model does not know: then nobody could say since when there was some.
        const creditBytes = this.equalSizes ? step.creditBytes : 0;
        const queue = queueNames[step.queue] ?? "";
        const leaseMs = credit === 3 ? 1200 : 0;
        return this.in(step.session, {
          ...{ kind: "subscribe", consumer, queue, credit, leaseMs, creditBytes },
          keys: keyNames(step.keys),
        });
      }
      case "unsubscribe":
        return this.in(step.session, { kind: "unsubscribe", consumer: step.consumer });
      case "receive":
        return this.in(step.session, {
          ...{ kind: "receive", queue: queueNames[step.queue] ?? "", maxMessages: step.max },
          ...{ maxWaitMs: step.waitMs, leaseMs: 0, maxBytes: step.maxBytes },
          keys: keyNames(step.keys),
        });
      case "temporary": {
        const options = { ...base, leaseMs: 700 };
        return this.in(step.session, {
          kind: "create-temporary-queue",
          name: "temporary",
          options,
        });
      }
    }
  }

  private message(queue: string, key: number, wish: Wish | undefined): NewMessage {
    // With a dedup_id nearly always the same message again.
    const name = keys[wish?.dedupId === undefined ? key : 0] ?? "";
    const number = ++this.bodies;
    const again = wish?.dedupId !== undefined && number % 4 > 0;
    const body = `${number}`.padStart(4, "0").repeat(this.equalSizes ? 1 : 1 + (number % 7));
    const content = bytes(again ? "same" : body);
    if (wish === undefined) return { key: name, content };
    const { expect, notBefore, expiresAt, ...others } = wish;
    const extras = {
      ...{ dedupId: "", notBefore: 0, expiresAt: 0, ttlMs: 0, delayMs: 0, priority: 0 },
      ...{ headers: {}, ...others },
      ...(notBefore === undefined ? {} : { notBefore: this.time + notBefore }),
      ...(expiresAt === undefined ? {} : { expiresAt: this.time + expiresAt }),
      expectKeySeq: expect === undefined ? 0 : this.tail(queue, name, others.priority) + expect,
    };
    return { key: name, content, extras };
  }

  /** As far as its producers know. Without order it is that of a priority. */
  private tail(queue: string, key: string, priority = 0): number {
    const base = priority * 2 ** 48;
    const there = this.stored.filter(({ queue: name, lane, keySeq }) => {
      return name === queue && (base > 0 ? keySeq > base : lane === key || lane === "");
    });
    return Math.max(there.at(-1)?.keySeq ?? 0, base);
  }

  private management(
    step: Extract<
      Step,
      | { do: "update" | "delete" | "create" | "resolve" | "cancel" | "purge" }
      | { do: "pause" | "redrive" | "create-topic" | "update-topic" | "delete-topic" | "replay" }
    >,
  ): Command {
    const queue = "queue" in step ? (queueNames.at(step.queue) ?? "") : "";
    const topic = "topic" in step ? (topicNames[step.topic] ?? "") : "";
    switch (step.do) {
      case "update": {
        const { changes } = step;
        const bound = "maxBytes" in changes || "maxBytesPerKey" in changes;
        if (bound && !this.equalSizes) return { kind: "tick" };
        return { kind: "update-queue", name: queue, revision: 0, changes };
      }
      case "delete":
        return { kind: "delete-queue", name: queue, revision: 0, ifEmpty: step.queue === 0 };
      case "create":
        return this.create(queue);
      case "resolve": {
        const message = fromEnd(this.parked, step.pick);
        if (message === undefined) return { kind: "tick" };
        const { lane } = message;
        const first = step.pick % 2 === 1;
        const ref = { queue: message.queue, lane, keySeq: first ? 0 : message.keySeq };
        return { kind: "resolve-parked", message: ref, resolution: this.resolution(step.how) };
      }
      case "cancel": {
        const message = fromEnd([...this.leases.slice(-3), ...this.stored], step.pick);
        if (message === undefined) return { kind: "tick" };
        const { lane, keySeq } = message;
        return { kind: "cancel", message: { queue: message.queue, lane, keySeq } };
      }
      case "purge": {
        const lane = step.key === undefined ? undefined : keys[step.key];
        return { kind: "purge", queue, lane, dryRun: step.dryRun };
      }
      case "pause":
        return { kind: "pause-key", queue, lane: keys[step.key] ?? "", paused: step.paused };
      case "redrive": {
        const letters = keyNames(step.keys).flatMap((lane) =>
          [1, 2, 3, 4, 5, 6, 7, 8].map((keySeq) => ({ lane, keySeq })),
        );
        const { force, dryRun } = step;
        return { kind: "redrive", queue: "dead", letters, force, dryRun };
      }
      case "create-topic":
        return this.createTopic(topic);
      case "update-topic":
        return { kind: "update-topic", name: topic, revision: 0, changes: step.changes };
      case "delete-topic":
        return { kind: "delete-topic", name: topic, revision: 0, force: step.force };
      case "replay":
        return { kind: "replay", subscription: queue, start: this.start(step) };
    }
  }

  private resolution(
    how: "retry" | "skip" | "replace",
  ): (Command & { kind: "resolve-parked" })["resolution"] {
    switch (how) {
      case "retry":
        return { kind: "retry" };
      case "skip":
        return { kind: "skip", error: "given up" };
      case "replace":
        return { kind: "replace", content: bytes(this.equalSizes ? "anew" : "altogether anew") };
    }
  }

  private start({ start, back }: Step & { do: "replay" }): (Command & { kind: "replay" })["start"] {
    if (start === "sequence") return { at: start, sequence: 1 + back };
    if (start === "time") return { at: start, time: this.time - back * 250 };
    return { at: start };
  }
}

const refOf = ({ queue, lane, keySeq, token }: LeaseRef): LeaseRef => ({
  queue,
  lane,
  keySeq,
  token,
});

function keyNames(picks: readonly number[]): string[] {
  return [...new Set(picks)].map((pick) => keys[pick] ?? "");
}
