// What a queue promises, as plainly as it can be said: arrays, no sharing with the code under test. The model does not
// predict whom a message goes to; it is told what happened and says whether that was allowed (P3-P8), and whether
// something that had to happen did not. Reading order: world.ts, messages.ts, deliveries.ts, then a file for each concern.

import type {
  Answer,
  Command,
  Effects,
  Origin,
  QueueInfo,
  TopicInfo,
} from "../../../queue/index.ts";
import { receive, subscribe } from "./consumers.ts";
import { nothingIsLeftUndone, observe } from "./deliveries.ts";
import { commit } from "./commit.ts";
import { enqueue, enqueueBatch } from "./enqueue.ts";
import { cancel, pauseKey, purge, redrive, resolveParked } from "./manage.ts";
import { catchUp, retention, type Seen } from "./publish.ts";
import { compareQueue, createQueue, deleteQueue, updateQueue } from "./queues.ts";
import { admitted, endSession, keepAlive, openSession } from "./sessions.ts";
import { settleCommand } from "./settle.ts";
import { nextDeadline, timePasses } from "./time.ts";
import { compareTopic, createSubscription, createTopic, deleteTopic } from "./topics.ts";
import { replay, updateTopic } from "./topics.ts";
import { World, type Happened, type Session } from "./world.ts";

type SessionCommand = Extract<
  Command,
  {
    kind:
      | "receive"
      | "subscribe"
      | "unsubscribe"
      | "attach"
      | "detach"
      | "close-session"
      | "create-temporary-queue";
  }
>;

/** What there is to judge of one entry. */
export interface Entry {
  readonly index: number;
  readonly stamp: number;
  readonly calls: readonly (readonly [Origin, Command])[];
  readonly answers: readonly (Answer | undefined)[];
  readonly effects: Effects;
  /** Topics as they were after its begin, and after each call. None where there are no topics. */
  readonly seen?: readonly Seen[];
}

const nothingSeen: Seen = { first: new Map(), catchingUpFrom: new Map() };

/** Bounds that decide outcomes, as the state machine was told. */
export interface ModelRules {
  readonly topicBlockMessagesMax: number;
}

export class Model {
  readonly world = new World();
  private readonly rules: ModelRules;

  constructor(rules: ModelRules = { topicBlockMessagesMax: 1000 }) {
    this.rules = rules;
  }

  /** Everything that was wrong. */
  get faults(): readonly string[] {
    return this.world.faults;
  }

  /** One entry: what was asked, what was answered, what else happened. */
  entry({ index, stamp, calls, answers, effects, seen = [] }: Entry): void {
    const { world } = this;
    world.index = index;
    world.events.length = 0;
    const time = Math.max(world.clusterTime + 1, stamp);
    world.clock += Math.min(2000, time - world.clusterTime);
    world.clusterTime = time;
    const { grants, completions } = effects;
    const happened: Happened = { grants: [...grants], completions: [...completions], ended: [] };
    this.begins(seen[0] ?? nothingSeen, happened);
    calls.forEach(([origin, command], at) => {
      const now = seen[at + 1] ?? nothingSeen;
      this.call(origin, command, answers[at], happened, now);
      retention(world, now, this.rules.topicBlockMessagesMax, "at once");
    });
    this.ends(happened, effects);
  }

  private begins(seen: Seen, happened: Happened): void {
    const { world } = this;
    catchUp(world, seen);
    retention(world, seen, this.rules.topicBlockMessagesMax, "in time");
    timePasses(world, happened);
    observe(world, happened);
  }

  private call(
    origin: Origin,
    command: Command,
    answer: Answer | undefined,
    happened: Happened,
    seen: Seen,
  ): void {
    const { world } = this;
    const caller = admitted(world, origin, command, answer);
    if (caller !== undefined) {
      const session = caller === "nobody" ? undefined : caller;
      const { index } = world;
      world.expect(answer === undefined || answer.index === index, `${command.kind}: index`);
      this.command(session, origin.sequence, command, answer, happened, seen);
      if (origin.sequence > 0 && answer !== undefined) {
        session?.answers.set(origin.sequence, answer);
      }
    }
    observe(world, happened);
  }

  private ends(happened: Happened, { endedSessions, events }: Effects): void {
    const { world } = this;
    const left = JSON.stringify([happened.grants, happened.completions]);
    world.expect(left === "[[],[]]", `grants and answers that nothing allows: ${left}`);
    const [ended, given] = [happened.ended.join(), endedSessions.join()];
    world.expect(ended === given, `sessions ended: ${given}, expected ${ended}`);
    const [right, told] = [JSON.stringify(world.events), JSON.stringify(events)];
    world.expect(right === told, `events: ${told}, expected ${right}`);
    nothingIsLeftUndone(world);
  }

  /** What GetQueue shows after an entry. */
  compare(info: QueueInfo | undefined, name: string): void {
    compareQueue(this.world, info, name);
  }

  /** What GetTopic shows. */
  compareTopic(info: TopicInfo | undefined, name: string): void {
    compareTopic(this.world, info, name);
  }

  /** Whoever makes entries must know in time that something is due. */
  compareDeadline(next: number | undefined): void {
    const { world } = this;
    const due = nextDeadline(world);
    const right = due === undefined || (next !== undefined && next <= due);
    world.expect(right, `the next deadline is in ${next} ms, expected ${due}`);
  }

  private command(
    session: Session | undefined,
    sequence: number,
    command: Command,
    answer: Answer | undefined,
    happened: Happened,
    seen: Seen,
  ): void {
    const { world } = this;
    switch (command.kind) {
      case "open-session":
        openSession(world, command, answer);
        return;
      case "keep-alive":
        keepAlive(world, command.sessions);
        world.answered(answer, "done", command.kind);
        return;
      case "enqueue":
        enqueue(world, command, answer);
        return;
      case "enqueue-batch":
        enqueueBatch(world, command, answer);
        return;
      case "settle":
        settleCommand(world, command, answer);
        return;
      case "create-queue":
        createQueue(world, command, answer);
        return;
      case "update-queue":
        updateQueue(world, command, answer);
        return;
      case "delete-queue":
        deleteQueue(world, command, answer);
        return;
      case "raise-version":
        world.version = Math.max(world.version, command.version);
        world.answered(answer, "done", command.kind);
        return;
      case "tick":
        world.answered(answer, "done", command.kind);
        return;
      case "refuse":
        world.refused(answer, command.refusal.reason, "refuse");
        return;
      case "receive":
      case "subscribe":
      case "unsubscribe":
      case "attach":
      case "detach":
      case "close-session":
      case "create-temporary-queue":
        if (session === undefined) world.refused(answer, "MALFORMED", command.kind);
        else this.ofSession(session, sequence, command, answer, happened);
        return;
      case "commit":
        commit(world, command, answer);
        return;
      case "resolve-parked":
        resolveParked(world, command, answer);
        return;
      case "redrive":
        redrive(world, command, answer);
        return;
      case "cancel":
        cancel(world, command, answer);
        return;
      case "purge":
        purge(world, command, answer);
        return;
      case "pause-key":
        pauseKey(world, command, answer);
        return;
      case "create-topic":
        createTopic(world, command, answer);
        return;
      case "update-topic":
        updateTopic(world, command, answer);
        return;
      case "delete-topic":
        deleteTopic(world, command, answer);
        return;
      case "create-subscription":
        createSubscription(world, command, answer);
        return;
      case "replay":
        replay(world, command, answer, seen.catchingUpFrom.get(command.subscription) ?? 0);
        return;
    }
  }

  /** What only a session can ask for. */
  private ofSession(
    session: Session,
    sequence: number,
    command: SessionCommand,
    answer: Answer | undefined,
    happened: Happened,
  ): void {
    const { world } = this;
    switch (command.kind) {
      case "receive":
        receive(world, session, sequence, command, answer, happened);
        return;
      case "subscribe":
        subscribe(world, session, command, answer);
        return;
      case "unsubscribe":
        session.consumers.delete(command.consumer);
        world.answered(answer, "done", command.kind);
        return;
      case "attach":
      case "detach":
        session.attached = command.kind === "attach";
        world.answered(answer, "done", command.kind);
        return;
      case "close-session":
        endSession(world, session, happened);
        world.answered(answer, "done", command.kind);
        return;
      case "create-temporary-queue":
        createQueue(world, command, answer, session.id);
        return;
    }
  }
}
