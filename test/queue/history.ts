// Random histories: steps that fast-check can shrink, made into commands by what happened before.

import fc from "fast-check";
import { defaultOptions, type Command, type Grant, type Origin } from "../../queue/index.ts";
import type { Answer, Effects, QueueOptions, Settlement } from "../../queue/index.ts";
import { message, nobody, settleCommand, type Call, type Outcome } from "./harness.ts";

const base: QueueOptions = {
  ...defaultOptions("key"),
  leaseMs: 4000,
  maxAttempts: 3,
  retry: { initialMs: 0, multiplier: 2, maxMs: 0 },
};

export const queues: Readonly<Record<string, QueueOptions>> = {
  key: { ...base, onExhausted: "dead-letter", deadLetterQueue: "dead" },
  wide: { ...base, maxInFlightPerKey: 3, leaseMs: 300, maxAttempts: 2 },
  total: { ...base, ordering: "total", onExhausted: "discard" },
  none: { ...base, ordering: "none", onExhausted: "dead-letter", deadLetterQueue: "dead" },
  dead: { ...base, maxMessages: 20, maxAttempts: 3 },
};
export const queueNames = Object.keys(queues);
const keys = ["a", "b\x00", "b\x00\x01", "", "c", "\xff"];

export type Step =
  | { readonly do: "enqueue"; readonly queue: number; readonly key: number }
  | { readonly do: "batch"; readonly queue: number; readonly keys: readonly number[] }
  | {
      readonly do: "settle";
      readonly lease: number;
      readonly how: Settlement;
      readonly session: number;
    }
  | { readonly do: "tick"; readonly ms: number }
  | { readonly do: "open"; readonly ttlMs: number }
  | { readonly do: "close" | "attach" | "detach" | "gap"; readonly session: number }
  | { readonly do: "keep-alive"; readonly session: number }
  | {
      readonly do: "subscribe";
      readonly session: number;
      readonly consumer: number;
      readonly queue: number;
      readonly credit: number;
    }
  | { readonly do: "unsubscribe"; readonly session: number; readonly consumer: number }
  | {
      readonly do: "receive";
      readonly session: number;
      readonly queue: number;
      readonly max: number;
      readonly waitMs: number;
    }
  | { readonly do: "repeat"; readonly call: number }
  | { readonly do: "update"; readonly queue: number; readonly changes: Partial<QueueOptions> }
  | { readonly do: "delete" | "create"; readonly queue: number };

/** A step, and whether it shares the entry of the one before it. */
export interface Move {
  readonly step: Step;
  readonly joins: boolean;
}

const queue = fc.nat(queueNames.length - 1);
const session = fc.nat(3);
const settlement: fc.Arbitrary<Settlement> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Settlement>({ kind: "ack" }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("nack" as const),
      delayMs: fc.constantFrom(undefined, 0, 40, 500, 2500),
      error: fc.constantFrom("", "no"),
    }),
  },
  { weight: 2, arbitrary: fc.constant<Settlement>({ kind: "release" }) },
  { weight: 2, arbitrary: fc.constant<Settlement>({ kind: "reject", error: "never" }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("extend" as const),
      leaseMs: fc.constantFrom(0, 50, 900),
    }),
  },
);
const changes: fc.Arbitrary<Partial<QueueOptions>> = fc.constantFrom<Partial<QueueOptions>>(
  { paused: true },
  { paused: false },
  { paused: false },
  { paused: false },
  { maxInFlightPerKey: 1 },
  { maxInFlightPerKey: 3 },
  { onExhausted: "park" },
  { maxAttempts: 1 },
  { maxMessages: 4 },
  { leaseMs: 700 },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("enqueue" as const),
      queue,
      key: fc.nat(keys.length - 1),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("batch" as const),
      queue,
      keys: fc.array(fc.nat(keys.length - 1), { maxLength: 4 }),
    }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      lease: fc.nat(9),
      how: settlement,
      session,
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant("tick" as const),
      ms: fc.constantFrom(0, 1, 15, 50, 100, 200, 400, 1000, 5000, 3_600_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("open" as const),
      ttlMs: fc.constantFrom(500, 3000, 60_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const), session }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("attach" as const, "attach" as const, "detach" as const),
      session,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom("gap" as const, "keep-alive" as const), session }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("subscribe" as const),
      session,
      consumer: fc.integer({ min: 1, max: 3 }),
      queue,
      credit: fc.constantFrom(0, 1, 2, 3, 3, 4, 4),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("unsubscribe" as const),
      session,
      consumer: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("receive" as const),
      session,
      queue,
      max: fc.integer({ min: 1, max: 3 }),
      waitMs: fc.constantFrom(0, 200, 3000),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("repeat" as const), call: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("update" as const), queue, changes }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom("delete" as const, "create" as const), queue }),
  },
);

export function moves(maxLength: number): fc.Arbitrary<Move[]> {
  return fc.array(fc.record({ step, joins: fc.boolean() }), { maxLength, size: "max" });
}

/** Turns moves into log entries, with what a client would know by then. */
export class History {
  index = 0;
  time = 1000;
  private readonly sessions: number[] = [];
  private readonly sequences = new Map<number, number>();
  private readonly leases: Grant[] = [];
  private readonly sent: Call[] = [];
  private bodies = 0;
  private ended = 77;

  /** The queues, two sessions with streams, and a consumer on everything. */
  opening(): Call[] {
    const calls: Call[] = queueNames.map((name) => [nobody, this.create(name)]);
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

  learn({ answers, effects }: Outcome): void {
    for (const answer of answers) this.learnAnswer(answer);
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
  }

  private learnAnswer(answer: Answer | undefined): void {
    const reply = answer?.reply;
    if (reply?.kind === "received") this.leases.push(...reply.grants);
    if (reply?.kind === "session-opened" && !this.sessions.includes(reply.session)) {
      this.sessions.push(reply.session);
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

  private create(name: string): Command {
    return { kind: "create-queue", name, options: queues[name] ?? base };
  }

  private call(step: Step): Call {
    const name = "queue" in step ? (queueNames[step.queue] ?? "") : "";
    switch (step.do) {
      case "enqueue":
        return [
          this.next(this.session(step.key)),
          { kind: "enqueue", queue: name, message: this.message(step.key) },
        ];
      case "batch": {
        const messages = step.keys.map((key) => this.message(key));
        return [nobody, { kind: "enqueue-batch", queue: name, messages }];
      }
      case "settle": {
        const lease = this.leases[this.leases.length - 1 - step.lease];
        if (lease === undefined) return [nobody, { kind: "tick" }];
        const origin = step.session === 0 ? nobody : this.next(this.session(step.session));
        return [origin, settleCommand(lease, step.how)];
      }
      case "open":
        return [nobody, { kind: "open-session", name: "s", ttlMs: step.ttlMs }];
      case "close":
        return [this.next(this.session(step.session)), { kind: "close-session" }];
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
        return [
          this.next(this.session(step.session)),
          { kind: "subscribe", consumer, queue: name, credit, leaseMs: credit === 3 ? 1200 : 0 },
        ];
      }
      case "unsubscribe":
        return [
          this.next(this.session(step.session)),
          { kind: "unsubscribe", consumer: step.consumer },
        ];
      case "receive":
        return [
          this.next(this.session(step.session)),
          {
            kind: "receive",
            queue: name,
            maxMessages: step.max,
            maxWaitMs: step.waitMs,
            leaseMs: 0,
          },
        ];
      case "repeat":
        return this.sent[this.sent.length - 1 - step.call] ?? [nobody, { kind: "tick" }];
      case "update":
        return [nobody, { kind: "update-queue", name, revision: 0, changes: step.changes }];
      case "delete":
        return [nobody, { kind: "delete-queue", name, revision: 0, ifEmpty: step.queue === 0 }];
      case "create":
        return [nobody, this.create(name)];
      case "tick":
        return [nobody, { kind: "tick" }];
    }
  }

  private message(key: number): ReturnType<typeof message> {
    return message(keys[key] ?? "", `${++this.bodies}`.repeat(1 + (this.bodies % 7)));
  }
}
