// What a queue promises, as plainly as it can be said: arrays, no sharing with the code under test. The model does not
// predict whom a message goes to; it is told what happened and says whether that was allowed (P3-P8), and whether
// something that had to happen did not.

import type { Answer, Command, Effects, Grant, Origin, Reply } from "../../queue/index.ts";
import type { QueueInfo, QueueOptions } from "../../queue/index.ts";

type State = "ready" | "leased" | "retrying" | "parked" | "settled";

export interface ModelMessage {
  readonly keySeq: number;
  readonly key: string;
  readonly lane: string;
  readonly body: string;
  state: State;
  token: number;
  settledToken: number;
  settledBy: string;
  attempts: number;
  deliveries: number;
  ended: string;
  deadline: number;
  leaseMs: number;
  session: number;
  consumer: number;
  letter: string;
}

interface ModelLane {
  /** Messages that ever came. */
  count: number;
  /** Those that are not settled, in the order in which they came. */
  readonly messages: ModelMessage[];
  lastSettled: ModelMessage | undefined;
}

interface ModelQueue {
  readonly name: string;
  readonly id: number;
  options: QueueOptions;
  revision: number;
  readonly lanes: Map<string, ModelLane>;
  /** Messages that are not settled. */
  depth: number;
  /** Those that are leased, and those that wait for another try. */
  readonly timed: Set<ModelMessage>;
  enqueued: number;
  acked: number;
  deadLettered: number;
  discarded: number;
}

interface ModelSession {
  readonly id: number;
  readonly ttlMs: number;
  lastSeen: number;
  last: number;
  floor: number;
  attached: boolean;
  readonly answers: Map<number, Answer>;
  readonly consumers: Map<number, { queue: ModelQueue; credit: number; leaseMs: number }>;
  readonly receives: Map<
    number,
    { queue: ModelQueue; max: number; deadline: number; leaseMs: number; deleted: boolean }
  >;
}

/** Everything in the queue that is not settled. */
function messagesOf(queue: {
  readonly lanes: ReadonlyMap<string, { readonly messages: readonly ModelMessage[] }>;
}): ModelMessage[] {
  return [...queue.lanes.values()].flatMap(({ messages }) => messages);
}

/** What the queue's own back-off comes to; its jitter of a tenth is nothing below 10 ms, and longer ones are not predicted. */
function backOff({ options: { retry } }: ModelQueue, { attempts }: ModelMessage): number {
  const delay = Math.floor(
    Math.min(retry.initialMs * retry.multiplier ** (attempts - 1), retry.maxMs),
  );
  if (delay >= 10) throw new Error(`the model cannot predict a back-off of ${delay} ms`);
  return delay;
}

const ceil16 = (time: number): number => Math.ceil(time / 16) * 16;

export class Model {
  readonly queues = new Map<string, ModelQueue>();
  readonly sessions = new Map<number, ModelSession>();
  private clusterTime = 0;
  private clock = 0;
  private token = 0;
  private nextSession = 1;
  private nextQueue = 1;
  private index = 0;
  /** Everything that was wrong. */
  readonly faults: string[] = [];

  private expect(holds: boolean, what: string): void {
    if (!holds) this.faults.push(`entry ${this.index}: ${what}`);
  }

  /** One entry: what was asked, what was answered, what else happened. */
  entry(
    index: number,
    stamp: number,
    calls: readonly (readonly [Origin, Command])[],
    answers: readonly (Answer | undefined)[],
    effects: Effects,
  ): void {
    this.index = index;
    const time = Math.max(this.clusterTime + 1, stamp);
    this.clock += Math.min(2000, time - this.clusterTime);
    this.clusterTime = time;
    const grants = [...effects.grants];
    const completions = [...effects.completions];
    const ended: number[] = [];
    this.timePasses(ended);
    this.observe(grants, completions);
    calls.forEach(([origin, command], at) => {
      this.command(origin, command, answers[at], ended, grants, completions);
      this.observe(grants, completions);
    });
    this.expect(grants.length === 0, `grants that nothing allows: ${JSON.stringify(grants)}`);
    this.expect(
      completions.length === 0,
      `answers that nothing allows: ${JSON.stringify(completions)}`,
    );
    this.expect(
      JSON.stringify(ended) === JSON.stringify(effects.endedSessions),
      `sessions ended: ${effects.endedSessions.join()}, expected ${ended.join()}`,
    );
    this.nothingIsLeftUndone();
  }

  /** Everything due happens in the order of its deadline; sessions, then receives, then leases. */
  private timePasses(ended: number[]): void {
    const due: { deadline: number; rank: number; id: number; act: () => void }[] = [];
    for (const session of this.sessions.values()) {
      const deadline = ceil16(session.lastSeen + session.ttlMs);
      due.push({ deadline, rank: 0, id: session.id, act: () => this.endSession(session, ended) });
      for (const [sequence, call] of session.receives) {
        const act = (): void => {
          if (!session.receives.delete(sequence)) return;
          this.over.set(`${session.id}/${sequence}`, "empty");
        };
        due.push({ deadline: call.deadline, rank: 1, id: sequence, act });
      }
    }
    for (const queue of this.queues.values()) {
      for (const message of queue.timed) {
        const state = message.state;
        const token = message.token;
        const act = (): void => {
          if (message.state !== state || message.token !== token) return;
          if (state === "retrying") this.become(queue, message, "ready");
          else this.leaseExpires(queue, message);
        };
        due.push({ deadline: message.deadline, rank: 2, id: message.token, act });
      }
    }
    due
      .filter((one) => one.deadline <= this.clock)
      .sort((a, b) => a.deadline - b.deadline || a.rank - b.rank || a.id - b.id)
      .forEach((one) => one.act());
  }

  private leaseExpires(queue: ModelQueue, message: ModelMessage): void {
    message.attempts++;
    message.ended = "lease-expired";
    this.become(queue, message, "ready");
    message.session = 0;
    if (message.attempts >= queue.options.maxAttempts) {
      this.exhaust(queue, message, "exhausted", "the lease expired", "");
    }
  }

  private exhaust(
    queue: ModelQueue,
    message: ModelMessage,
    cause: string,
    error: string,
    by: string,
  ): void {
    const target = this.queues.get(queue.options.deadLetterQueue);
    if (queue.options.onExhausted === "dead-letter" && target !== undefined) {
      const letter = `${cause} ${message.attempts} ${error} ${queue.name}`;
      this.add(target, message.key, message.body, letter);
      queue.deadLettered++;
      this.settle(queue, message, by);
    } else if (queue.options.onExhausted === "discard") {
      queue.discarded++;
      this.settle(queue, message, by);
    } else {
      this.become(queue, message, "parked");
    }
  }

  private become(queue: ModelQueue, message: ModelMessage, state: State): void {
    message.state = state;
    if (state === "leased" || state === "retrying") queue.timed.add(message);
    else queue.timed.delete(message);
  }

  private lane(queue: ModelQueue, name: string): ModelLane {
    let lane = queue.lanes.get(name);
    if (lane === undefined) {
      lane = { count: 0, messages: [], lastSettled: undefined };
      queue.lanes.set(name, lane);
    }
    return lane;
  }

  private settle(queue: ModelQueue, message: ModelMessage, by: string): void {
    this.become(queue, message, "settled");
    message.settledToken = message.token;
    message.settledBy = by;
    const lane = this.lane(queue, message.lane);
    lane.lastSettled = message;
    lane.messages.splice(lane.messages.indexOf(message), 1);
    queue.depth--;
  }

  private add(queue: ModelQueue, key: string, body: string, letter: string): ModelMessage {
    const lane = queue.options.ordering === "key" ? key : "";
    const there = this.lane(queue, lane);
    const keySeq = ++there.count;
    const message: ModelMessage = {
      ...{ keySeq, key, lane, body, letter, state: "ready", token: 0, settledToken: 0 },
      ...{ settledBy: "", attempts: 0, deliveries: 0, ended: "", deadline: 0, leaseMs: 0 },
      ...{ session: 0, consumer: 0 },
    };
    there.messages.push(message);
    queue.depth++;
    queue.enqueued++;
    return message;
  }

  private endSession(session: ModelSession, ended: number[]): void {
    this.sessions.delete(session.id);
    session.receives.forEach((_, sequence) =>
      this.over.set(`${session.id}/${sequence}`, "expired"),
    );
    session.receives.clear();
    ended.push(session.id);
    for (const queue of this.queues.values()) {
      for (const message of [...queue.timed]) {
        if (message.state !== "leased" || message.session !== session.id) continue;
        this.become(queue, message, "ready");
        message.ended = "session-ended";
        message.session = 0;
      }
    }
  }

  /** Receives that must be answered now: their wait is over, or their session. */
  private readonly over = new Map<string, "empty" | "expired">();

  /** Takes the grants and late answers that are allowed now, in the order of their tokens, and checks each. */
  private observe(
    grants: Grant[],
    completions: { session: number; sequence: number; answer: Answer }[],
    beforeToken = Infinity,
  ): void {
    for (;;) {
      const grant = grants[0];
      const late = completions[0];
      const first =
        late?.answer.reply.kind === "received" ? late.answer.reply.grants[0] : undefined;
      const lateToken = late === undefined ? Infinity : (first?.token ?? 0);
      const grantToken = grant?.token ?? Infinity;
      if (Math.min(lateToken, grantToken) >= beforeToken) return;
      if (late !== undefined && lateToken < grantToken && this.completed(late)) {
        completions.shift();
      } else if (grant !== undefined && grantToken < beforeToken && this.allowed(grant)) {
        this.granted(grant);
        grants.shift();
      } else {
        return;
      }
    }
  }

  private completed(one: { session: number; sequence: number; answer: Answer }): boolean {
    const name = `${one.session}/${one.sequence}`;
    const { reply, index } = one.answer;
    this.expect(index === this.index, `completion of ${name} says index ${index}`);
    const over = this.over.get(name);
    if (over !== undefined) {
      this.over.delete(name);
      const given = reply.kind === "refused" ? reply.refusal.reason : JSON.stringify(reply);
      const expected = { kind: "received", grants: [] };
      const right = over === "expired" ? "SESSION_EXPIRED" : JSON.stringify(expected);
      this.expect(given === right, `receive ${name}, which is over: ${given}`);
      this.sessions.get(one.session)?.answers.set(one.sequence, one.answer);
      return true;
    }
    const session = this.sessions.get(one.session);
    const call = session?.receives.get(one.sequence);
    if (session === undefined || call === undefined) return false;
    if (reply.kind === "received" && reply.grants.length > 0) {
      if (!this.allowed(reply.grants[0]!)) return false;
    } else if (!call.deleted) {
      return false;
    }
    session.receives.delete(one.sequence);
    session.answers.set(one.sequence, one.answer);
    this.receiveReply(name, call, reply);
    return true;
  }

  private receiveReply(
    name: string,
    call: { queue: ModelQueue; max: number; leaseMs: number; deleted: boolean },
    reply: Reply,
  ): void {
    if (call.deleted) {
      const reason = reply.kind === "refused" ? reply.refusal.reason : "";
      this.expect(reason === "QUEUE_NOT_FOUND", `receive ${name} from a deleted queue`);
      return;
    }
    if (reply.kind !== "received") {
      this.expect(false, `receive ${name}: ${reply.kind}`);
      return;
    }
    this.expect(reply.grants.length <= call.max, `receive ${name} got too many`);
    for (const grant of reply.grants) {
      this.expect(
        this.allowed(grant),
        `receive ${name}: ${grant.lane}/${grant.keySeq} not allowed`,
      );
      this.expect(grant.consumer === 0, "a receive has no consumer");
      this.granted(grant, call.leaseMs);
    }
  }

  private find(queueName: string, lane: string, keySeq: number): ModelMessage | undefined {
    const there = this.queues.get(queueName)?.lanes.get(lane);
    return there?.messages.find((one) => one.keySeq === keySeq);
  }

  /** P3: may this message be given to somebody now? */
  private grantable(queue: ModelQueue, message: ModelMessage): boolean {
    if (message.state !== "ready") return false;
    const lane = this.lane(queue, message.lane).messages;
    if (lane.find((one) => one.state === "ready") !== message) return false;
    if (queue.options.ordering === "none") return true;
    if (lane.some((one) => one.state === "retrying" || one.state === "parked")) return false;
    const started = (one: ModelMessage): boolean => one.deliveries > 0 || one === message;
    const leased = lane.filter((one) => one.state === "leased").length;
    const window = queue.options.maxInFlightPerKey;
    return leased < window && (message.deliveries > 0 || lane.filter(started).length <= window);
  }

  private allowed(grant: Grant): boolean {
    const queue = this.queues.get(grant.queue);
    const message = this.find(grant.queue, grant.lane, grant.keySeq);
    const session = this.sessions.get(grant.session);
    if (queue === undefined || message === undefined || session === undefined) return false;
    if (queue.options.paused || !this.grantable(queue, message)) return false;
    if (grant.consumer === 0) return true;
    return this.hasCredit(session, grant.consumer, queue);
  }

  private hasCredit(session: ModelSession, consumer: number, queue: ModelQueue): boolean {
    const subscription = session.consumers.get(consumer);
    if (!session.attached || subscription?.queue !== queue) return false;
    let held = 0;
    for (const { state, session: holder, consumer: by } of queue.timed)
      if (state === "leased" && holder === session.id && by === consumer) held++;
    return held < subscription.credit;
  }

  private granted(grant: Grant, receiveLeaseMs = 0): void {
    const queue = this.queues.get(grant.queue);
    const message = this.find(grant.queue, grant.lane, grant.keySeq);
    if (queue === undefined || message === undefined) return;
    const name = `grant of ${grant.queue}/${grant.lane}/${grant.keySeq}`;
    this.expect(grant.token > this.token, `${name}: P5: token ${grant.token} after ${this.token}`);
    this.token = grant.token;
    this.become(queue, message, "leased");
    message.token = grant.token;
    message.deliveries++;
    message.session = grant.session;
    message.consumer = grant.consumer;
    this.expect(grant.queueId === queue.id, `${name}: queue id`);
    this.expect(grant.attempts === message.attempts, `${name}: attempts ${grant.attempts}`);
    this.expect(grant.deliveries === message.deliveries, `${name}: deliveries ${grant.deliveries}`);
    this.expect(grant.redelivery === message.ended, `${name}: redelivery ${grant.redelivery}`);
    const asked =
      this.sessions.get(grant.session)?.consumers.get(grant.consumer)?.leaseMs ?? receiveLeaseMs;
    const leaseMs = asked === 0 ? queue.options.leaseMs : asked;
    this.expect(grant.leaseMs === leaseMs, `${name}: lease of ${grant.leaseMs} ms`);
    message.leaseMs = leaseMs;
    message.deadline = ceil16(this.clock + leaseMs);
  }

  /** Whoever wants something that is there must have got it; whoever waited long enough must have been told. */
  private nothingIsLeftUndone(): void {
    for (const queue of this.queues.values()) {
      const wanting = [...this.sessions.values()].some(
        (session) =>
          [...session.consumers.keys()].some((id) => this.hasCredit(session, id, queue)) ||
          [...session.receives.values()].some((call) => call.queue === queue),
      );
      if (!wanting || queue.options.paused) continue;
      // Only the first that is ready can be the next one of its lane.
      const there = [...queue.lanes.values()].some(({ messages }) => {
        const first = messages.find((message) => message.state === "ready");
        return first !== undefined && this.grantable(queue, first);
      });
      this.expect(!there, `${queue.name}: a message and a consumer wait for each other`);
    }
    for (const session of this.sessions.values()) {
      for (const [sequence, call] of session.receives) {
        this.expect(!call.deleted, `receive ${session.id}/${sequence} of a queue that is gone`);
        this.expect(call.deadline > this.clock, `receive ${session.id}/${sequence} waits too long`);
      }
    }
    this.expect(this.over.size === 0, "a receive was never told that it is over");
  }

  private command(
    origin: Origin,
    command: Command,
    answer: Answer | undefined,
    ended: number[],
    grants: Grant[],
    completions: { session: number; sequence: number; answer: Answer }[],
  ): void {
    if (origin.session === 0) {
      this.reply(undefined, 0, command, answer, ended, grants, completions);
      return;
    }
    const session = this.sessions.get(origin.session);
    if (session === undefined) {
      this.refused(answer, "SESSION_EXPIRED", `${command.kind} of a session that is over: H2`);
      return;
    }
    session.lastSeen = this.clock;
    const { sequence } = origin;
    const next = session.last + 1;
    const floor = Math.min(origin.floor, sequence === 0 ? next : sequence);
    if (floor > session.floor) {
      session.floor = floor;
      for (const waiting of session.receives.keys()) {
        if (waiting < floor) session.receives.delete(waiting);
      }
    }
    if (sequence === 0) {
      this.reply(session, 0, command, answer, ended, grants, completions);
    } else if (sequence > next) {
      this.refused(answer, "SEQUENCE_GAP", `sequence ${sequence} after ${session.last}`);
    } else if (sequence < session.floor) {
      this.refused(answer, "MALFORMED", `sequence ${sequence} below the floor`);
    } else if (sequence < next) {
      const first = session.answers.get(sequence);
      const same = JSON.stringify(first) === JSON.stringify(answer);
      this.expect(same, `P6: sequence ${sequence} of ${session.id} answered differently`);
    } else {
      session.last = sequence;
      this.reply(session, sequence, command, answer, ended, grants, completions);
      if (answer !== undefined) session.answers.set(sequence, answer);
    }
  }

  private refused(answer: Answer | undefined, reason: string, what: string): void {
    const given =
      answer?.reply.kind === "refused" ? answer.reply.refusal.reason : answer?.reply.kind;
    this.expect(given === reason, `${what}: ${given}, expected ${reason}`);
  }

  private reply(
    session: ModelSession | undefined,
    sequence: number,
    command: Command,
    answer: Answer | undefined,
    ended: number[],
    grants: Grant[],
    completions: { session: number; sequence: number; answer: Answer }[],
  ): void {
    const expectKind = (kind: Reply["kind"]): void => {
      this.expect(answer?.reply.kind === kind, `${command.kind}: ${answer?.reply.kind}`);
    };
    this.expect(answer === undefined || answer.index === this.index, `${command.kind}: index`);
    switch (command.kind) {
      case "open-session": {
        const id = this.nextSession++;
        this.sessions.set(id, {
          ...{ id, ttlMs: command.ttlMs, lastSeen: this.clock, last: 0, floor: 1, attached: false },
          ...{ answers: new Map(), consumers: new Map(), receives: new Map() },
        });
        const reply = answer?.reply;
        this.expect(reply?.kind === "session-opened" && reply.session === id, "session id");
        return;
      }
      case "enqueue": {
        const queue = this.queues.get(command.queue);
        if (queue === undefined) {
          this.refused(answer, "QUEUE_NOT_FOUND", "enqueue");
          return;
        }
        const body = String.fromCharCode(...command.message.content);
        const { ordering, maxMessages } = queue.options;
        if (ordering === "key" && command.message.key === "") {
          this.refused(answer, "KEY_REQUIRED", "enqueue");
          return;
        }
        if (maxMessages > 0 && queue.depth >= maxMessages) {
          this.refused(answer, "QUEUE_FULL", "enqueue");
          return;
        }
        const message = this.add(queue, command.message.key, body, "");
        const reply = answer?.reply;
        const right =
          reply?.kind === "enqueued" &&
          reply.message.keySeq === message.keySeq &&
          reply.message.seq === queue.enqueued &&
          reply.message.lane === message.lane;
        this.expect(right, `enqueue: ${JSON.stringify(reply)}, expected ${message.keySeq}`);
        return;
      }
      case "enqueue-batch": {
        const queue = this.queues.get(command.queue);
        if (queue === undefined) {
          this.refused(answer, "QUEUE_NOT_FOUND", "batch");
          return;
        }
        const { ordering, maxMessages } = queue.options;
        if (ordering === "key" && command.messages.some((one) => one.key === "")) {
          this.refused(answer, "KEY_REQUIRED", "batch");
          return;
        }
        if (maxMessages > 0 && queue.depth + command.messages.length > maxMessages) {
          this.refused(answer, "QUEUE_FULL", "batch");
          return;
        }
        const seqs = command.messages.map((one) => {
          return this.add(queue, one.key, String.fromCharCode(...one.content), "").keySeq;
        });
        const reply = answer?.reply;
        const given = reply?.kind === "batch-enqueued" ? reply.messages.map((m) => m.keySeq) : [];
        this.expect(
          given.join() === seqs.join(),
          `batch: ${given.join()}, expected ${seqs.join()}`,
        );
        return;
      }
      case "settle":
        this.settleCommand(command, answer);
        return;
      case "close-session":
        if (session === undefined) {
          this.refused(answer, "MALFORMED", "close");
          return;
        }
        this.endSession(session, ended);
        expectKind("done");
        return;
      case "keep-alive":
        for (const id of command.sessions) {
          const alive = this.sessions.get(id);
          if (alive !== undefined) alive.lastSeen = this.clock;
        }
        expectKind("done");
        return;
      case "attach":
      case "detach":
        if (session === undefined) {
          this.refused(answer, "MALFORMED", command.kind);
          return;
        }
        session.attached = command.kind === "attach";
        expectKind("done");
        return;
      case "subscribe": {
        if (session === undefined) {
          this.refused(answer, "MALFORMED", "subscribe");
          return;
        }
        const queue = this.queues.get(command.queue);
        if (queue === undefined) {
          this.refused(answer, "QUEUE_NOT_FOUND", "subscribe");
          return;
        }
        const present = session.consumers.get(command.consumer);
        if (present !== undefined && present.queue !== queue) {
          this.refused(answer, "MALFORMED", "subscribe");
          return;
        }
        const { credit, leaseMs } = command;
        session.consumers.set(command.consumer, { queue, credit, leaseMs });
        expectKind("done");
        return;
      }
      case "unsubscribe":
        if (session === undefined) {
          this.refused(answer, "MALFORMED", "unsubscribe");
          return;
        }
        session.consumers.delete(command.consumer);
        expectKind("done");
        return;
      case "receive": {
        if (session === undefined) {
          this.refused(answer, "MALFORMED", "receive");
          return;
        }
        if (sequence === 0) {
          this.refused(answer, "MALFORMED", "receive");
          return;
        }
        const queue = this.queues.get(command.queue);
        if (queue === undefined) {
          this.refused(answer, "QUEUE_NOT_FOUND", "receive");
          return;
        }
        const deadline = ceil16(this.clock + command.maxWaitMs);
        const call = {
          ...{ queue, max: command.maxMessages, deadline, deleted: false },
          leaseMs: command.leaseMs,
        };
        if (answer === undefined) {
          this.expect(command.maxWaitMs > 0, "a receive waits although it may not");
          session.receives.set(sequence, call);
          return;
        }
        const got = answer.reply.kind === "received" ? answer.reply.grants[0] : undefined;
        this.observe(grants, completions, got?.token);
        if (answer.reply.kind === "received" && answer.reply.grants.length === 0) {
          this.expect(command.maxWaitMs === 0, "an empty answer at once");
        }
        this.receiveReply(`${session.id}/${sequence}`, call, answer.reply);
        return;
      }
      case "create-queue": {
        const present = this.queues.get(command.name);
        if (present !== undefined) {
          const same = JSON.stringify(present.options) === JSON.stringify(command.options);
          if (!same) {
            this.refused(answer, "QUEUE_DIFFERS", "create");
            return;
          }
          expectKind("queue");
          return;
        }
        this.queues.set(command.name, {
          ...{ name: command.name, id: this.nextQueue++, options: command.options, revision: 1 },
          ...{ lanes: new Map(), depth: 0, timed: new Set() },
          ...{ enqueued: 0, acked: 0, deadLettered: 0, discarded: 0 },
        });
        expectKind("queue");
        return;
      }
      case "update-queue": {
        const queue = this.queues.get(command.name);
        if (queue === undefined) {
          this.refused(answer, "QUEUE_NOT_FOUND", "update");
          return;
        }
        if (command.revision !== 0 && command.revision !== queue.revision) {
          this.refused(answer, "REVISION_CONFLICT", "update");
          return;
        }
        queue.options = { ...queue.options, ...command.changes };
        queue.revision++;
        expectKind("queue");
        return;
      }
      case "delete-queue": {
        const queue = this.queues.get(command.name);
        if (queue === undefined) {
          this.refused(answer, "QUEUE_NOT_FOUND", "delete");
          return;
        }
        if (command.revision !== 0 && command.revision !== queue.revision) {
          this.refused(answer, "REVISION_CONFLICT", "delete");
          return;
        }
        if (command.ifEmpty && queue.depth > 0) {
          this.refused(answer, "QUEUE_NOT_EMPTY", "delete");
          return;
        }
        this.queues.delete(command.name);
        for (const one of this.sessions.values()) {
          for (const [id, consumer] of one.consumers) {
            if (consumer.queue === queue) one.consumers.delete(id);
          }
          for (const call of one.receives.values()) {
            if (call.queue === queue) call.deleted = true;
          }
        }
        expectKind("done");
        return;
      }
      case "tick":
      case "raise-version":
        expectKind("done");
        return;
      case "refuse":
        this.refused(answer, command.refusal.reason, "refuse");
        return;
    }
  }

  private settleCommand(command: Command & { kind: "settle" }, answer: Answer | undefined): void {
    const { lease, settlement } = command;
    const queue = this.queues.get(lease.queue);
    if (queue === undefined) {
      this.refused(answer, "QUEUE_NOT_FOUND", "settle");
      return;
    }
    const laneName = queue.options.ordering === "key" ? lease.lane : "";
    const lane = queue.lanes.get(laneName);
    if (lane === undefined || lease.keySeq < 1 || lease.keySeq > lane.count) {
      this.refused(answer, "MESSAGE_NOT_FOUND", "settle");
      return;
    }
    const message = this.find(lease.queue, laneName, lease.keySeq);
    if (message?.state !== "leased" || message.token !== lease.token) {
      const last = lane.lastSettled;
      const again =
        message === undefined &&
        last?.keySeq === lease.keySeq &&
        last.settledToken === lease.token &&
        last.settledBy === settlement.kind;
      const reply = answer?.reply;
      if (again) {
        this.expect(reply?.kind === "settled" && reply.already, "settled already");
        return;
      }
      const present = message?.state ?? "settled";
      this.refused(answer, "STALE_LEASE", `P5: settle of a message that is ${present}`);
      if (reply?.kind !== "refused") return;
      const { currentToken, state } = reply.refusal;
      this.expect(state === present.toUpperCase(), `STALE_LEASE says ${state}`);
      const token = message?.token ?? 0;
      this.expect(currentToken === token, `STALE_LEASE says token ${currentToken}`);
      return;
    }
    const reply = answer?.reply;
    this.expect(reply?.kind === "settled" && !reply.already, `settle: ${JSON.stringify(reply)}`);
    if (settlement.kind === "extend") {
      if (settlement.leaseMs > 0) message.leaseMs = settlement.leaseMs;
      message.deadline = ceil16(this.clock + message.leaseMs);
      return;
    }
    message.session = 0;
    switch (settlement.kind) {
      case "ack":
        queue.acked++;
        this.settle(queue, message, "ack");
        return;
      case "release":
        this.become(queue, message, "ready");
        message.ended = "release";
        return;
      case "reject":
        message.attempts++;
        message.ended = "nack";
        this.exhaust(queue, message, "rejected", settlement.error, "reject");
        return;
      case "nack": {
        message.attempts++;
        message.ended = "nack";
        if (message.attempts >= queue.options.maxAttempts) {
          this.exhaust(queue, message, "exhausted", settlement.error, "nack");
          return;
        }
        const delay = settlement.delayMs ?? backOff(queue, message);
        this.become(queue, message, delay === 0 ? "ready" : "retrying");
        message.deadline = ceil16(this.clock + delay);
        return;
      }
    }
  }

  /** The counters that GetQueue must show. */
  compare(info: QueueInfo | undefined, name: string): void {
    const queue = this.queues.get(name);
    if (queue === undefined || info === undefined) {
      this.expect(queue === undefined && info === undefined, `${name}: is it there?`);
      return;
    }
    const there = messagesOf(queue);
    const inState = (state: State): number => there.filter((one) => one.state === state).length;
    const parked = there.filter((one) => one.state === "parked");
    const expected = {
      ready: inState("ready"),
      leased: inState("leased"),
      retrying: inState("retrying"),
      parked: parked.length,
      activeKeys: new Set(there.map((one) => one.lane)).size,
      parkedKeys:
        queue.options.ordering === "none" ? 0 : new Set(parked.map((one) => one.lane)).size,
      enqueued: queue.enqueued,
      acked: queue.acked,
      deadLettered: queue.deadLettered,
      discarded: queue.discarded,
    };
    for (const [field, value] of Object.entries(expected)) {
      const given = info[field as keyof typeof expected];
      this.expect(given === value, `${name}: ${field} is ${given}, expected ${value}`);
    }
  }
}
