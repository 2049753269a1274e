// The state machine: a log in, answers and effects out. Same log, same state, same bytes, on every node (R8, G1, G4).
// For each entry: missingToBegin/provide, begin, then for each command missing/provide, apply; then end.
//   M1. Nothing but the log decides: no clock, no randomness, no order of a Map, no configuration of a node.
//   M2. Refusals are answers. Whatever throws is a defect, or a log written by newer rules: the process stops (G4, G5).
//   M3. Cluster time = max(previous + 1, stamp): it grows with every entry (P9).
//   M4. The lease clock, for leases, back-off, sessions, waits and windows of dedup_ids, advances by the same amount but by
//       leaseClockStepMaxMs at most per entry. Time in which no entry came, without a leader or by a jump of a wall clock, ends no lease (P7).
//       So whoever leads proposes a tick at least every second while nextDeadline is defined.
//   M5. Rows are handed out between entries only, together with the applied index (R4, F6).
//   M6. The version of the rules is state: a command raises it, nothing lowers it, the rows keep it. A command of a later
//       version is refused, on every node alike; a version that this release does not know throws (G5).
//   M7. The digests of the last few whole multiples of checkpointEvery are kept, for comparison at an equal index (R9).

import type { DueRange } from "./agenda.ts";
import { recall, remember } from "./answers.ts";
import { assert } from "./assert.ts";
import { firstByName, type NamePage } from "./by-name.ts";
import {
  leasesWhenAhead,
  QueueView,
  sessionsConsuming,
  stalledQueues,
  type StalledQueue,
} from "./browse.ts";
import { canCatchUp, catchUp, missingToCatchUp } from "./catch-up.ts";
import type { LogRecord } from "./codec.ts";
import { kindNumber } from "./command-kind.ts";
import type { Answer, Command, Grant, LogPosition, Origin, QueueInfo } from "./command.ts";
import type { MessageRef, StoredMessage, TopicInfo } from "./command.ts";
import { carryOutDue, missingToCarryOut } from "./due.ts";
import { execute } from "./execute.ts";
import { grantOf, match } from "./grants.ts";
import { historyOf } from "./history.ts";
import {
  keySeqInLane,
  keySeqOutside,
  subLaneNumber,
  under,
  type KeyRange,
  type MessagePlace,
} from "./keys.ts";
import { evictIdleLanes, laneNameAt } from "./lanes.ts";
import { missingForCommand, missingForTimers } from "./missing.ts";
import { defaultLimits, standardRules, type Limits, type Rules } from "./options.ts";
import { describe } from "./queues.ts";
import { completeReceive } from "./receive.ts";
import { done } from "./refusal.ts";
import { trimAged } from "./retention.ts";
import { admit, expired, fireSession, leasesOf } from "./session.ts";
import { fireFlight } from "./settle.ts";
import { Flight, Receive, Session, State, type Checkpoint, type Effects } from "./state.ts";
import type { Bytes, Row, Write } from "./store.ts";
import type { StoredAt } from "./stored-at.ts";
import { takeWrites } from "./take-writes.ts";
import type { Timer } from "./timers.ts";
import { describeTopic } from "./topics.ts";
import { reasonNumber } from "./value-codec.ts";
import { isDelayedLane, isThere } from "./waiting.ts";

export const leaseClockStepMaxMs = 2000;

/**
 * Entries between two checkpoints: tens of milliseconds of a busy cluster, so that the last eight still overlap when one
 * node is thousands of entries behind. A quiet cluster compares where everybody stands.
 */
export const checkpointEvery = 1024;
const checkpointsMax = 8;

export interface SessionInfo {
  readonly id: number;
  readonly name: string;
  readonly ttlMs: number;
  readonly attached: boolean;
  readonly lastSequence: number;
  readonly floor: number;
  readonly leases: number;
  readonly consumers: readonly {
    readonly id: number;
    readonly queue: string;
    readonly credit: number;
  }[];
  /** Sequences of receives that wait. */
  readonly receives: readonly number[];
}

export class Machine {
  /** For invariants.ts and tests. Everybody else uses the methods. */
  readonly state: State;

  constructor(state: State) {
    this.state = state;
  }

  static empty(limits: Limits = defaultLimits, rules: Rules = standardRules): Machine {
    return new Machine(new State(limits, rules));
  }

  // Before apply: what must be read.

  /** A guess at the rows that a whole entry needs, to read them at once. Misses are found by the exact methods. */
  hint(records: readonly LogRecord[]): readonly Bytes[] {
    const rows = new Set<Bytes>();
    for (const { origin, command } of records) {
      for (const row of missingForCommand(this.state, command, origin)) rows.add(row);
    }
    return [...rows];
  }

  /** A part of the store that begin needs to know in order: read it, provideDue, and ask again, until there is none. */
  missingDue(at: LogPosition): DueRange | undefined {
    const { agenda, windows } = this.state;
    return agenda.missing(this.clusterTimeAt(at)) ?? windows.missing(this.leaseClockAt(at));
  }

  /** The same, whatever the time: for whoever has just opened a store. Without it the first entry asks. */
  firstDue(): DueRange | undefined {
    return this.state.agenda.first() ?? this.state.windows.first();
  }

  /** The keys of that range in the store, in order: all of them, or as many as its limit. */
  provideDue(rows: readonly Bytes[]): void {
    const { agenda, windows } = this.state;
    (agenda.isAsking ? agenda : windows).provide(rows);
  }

  /** Rows that begin needs, when no part of the agenda is missing. Provide them and ask again, until there is none. */
  missingToBegin(at: LogPosition): readonly Bytes[] {
    const state = this.state;
    const clusterTime = this.clusterTimeAt(at);
    const forTimers = missingForTimers(state, this.leaseClockAt(at));
    // As nearly always.
    if (state.catchingUp.size === 0 && !state.agenda.isDue(clusterTime)) return forTimers;
    const missing = new Set(forTimers);
    missingToCarryOut(state, clusterTime, missing);
    missingToCatchUp(state, missing);
    return [...missing];
  }

  /** Rows that this command needs, right before its apply. Provide them and ask again, until there is none. */
  missing(origin: Origin, command: Command): readonly Bytes[] {
    return missingForCommand(this.state, command, origin);
  }

  /** What the store has in a row; undefined: nothing. Holds until the end of the entry. */
  provide(row: Bytes, value: Uint8Array | undefined): void {
    this.state.rows.provide(row, value);
  }

  // Apply.

  /** Starts an entry: time passes, and what was due happens. */
  begin(at: LogPosition): void {
    const state = this.state;
    assert(state.entry === undefined, "an entry begins inside another");
    assert(at.index > state.appliedIndex, "an entry is applied twice");
    const leaseClock = this.leaseClockAt(at);
    state.clusterTime = this.clusterTimeAt(at);
    state.leaseClock = leaseClock;
    state.entry = { index: at.index, time: state.clusterTime };
    state.digest.mix(at.index);
    state.digest.mix(state.clusterTime);
    catchUp(state);
    trimAged(state);
    carryOutDue(state);
    state.timers.advance(leaseClock, this.fire);
    match(state);
  }

  /** undefined: the answer comes later, as a completion. */
  apply(origin: Origin, command: Command): Answer | undefined {
    const state = this.state;
    assert(state.entry !== undefined, "a command outside an entry");
    state.digest.mix(kindNumber[command.kind]);
    const answer = this.run(state.entry, origin, command);
    match(state);
    const result = answer ?? this.settleWait(origin, command);
    if (result !== undefined) this.mixReply(result);
    return result;
  }

  /** Ends the entry: it is applied. */
  end(): void {
    const state = this.state;
    assert(state.entry !== undefined, "no entry to end");
    state.appliedIndex = state.entry.index;
    state.entry = undefined;
    state.rows.entryDone();
    this.checkpoint();
  }

  /** An entry that is not for the queues was committed: the applied index moves, nothing else does. */
  skip(index: number): void {
    assert(this.state.entry === undefined, "an entry is skipped inside another");
    assert(index > this.state.appliedIndex, "an entry is skipped twice");
    this.state.appliedIndex = index;
    this.checkpoint();
  }

  // After apply.

  /** Whether grants and events are gathered for takeEffects: a leader wants them, a follower saves the work. Decides nothing. */
  set collectGrants(on: boolean) {
    this.state.collectGrants = on;
    if (on) return;
    this.state.grants = [];
    this.state.events = [];
  }

  /** What happened since the last call. Only the leader acts on it; everyone must take it, to let go of it. */
  takeEffects(): Effects {
    const { grants, completions, endedSessions, events } = this.state;
    if (grants.length > 0) this.state.grants = [];
    if (completions.length > 0) this.state.completions = [];
    if (endedSessions.length > 0) this.state.endedSessions = [];
    if (events.length > 0) this.state.events = [];
    return { grants, completions, endedSessions, events };
  }

  /** Every change since the last call, as one atomic batch with the applied index (M5). One batch is out at a time. */
  takeWrites(): readonly Write[] {
    assert(this.state.entry === undefined, "M5: rows taken in the middle of an entry");
    return takeWrites(this.state);
  }

  /** The last batch is in the store. */
  writesStored(): void {
    this.state.rows.stored();
    this.state.messages.stored();
    this.state.history.stored();
    evictIdleLanes(this.state);
  }

  /** Roughly what waits to be stored, the batch being written included. */
  get writeBehindBytes(): number {
    const { rows, messages, history } = this.state;
    return rows.bytes + messages.bytes + history.bytes;
  }

  /** Lanes that the next batch has to tell of: how long takeWrites takes. */
  get changedLanes(): number {
    return this.state.dirtyLanes.length + this.state.messages.lanes;
  }

  /** Whether a batch is out. */
  get writing(): boolean {
    return this.state.rows.writing;
  }

  /** A message by its place, as it is given outside: itself, or where the store has it. undefined: it is gone. */
  message({ queueId, lane: name, keySeq }: MessagePlace): StoredMessage | StoredAt | undefined {
    const { queuesById, messages } = this.state;
    const queue = queuesById.get(queueId);
    const lane = queue?.lanes.get(laneNameAt(queue, name, keySeq));
    if (lane === undefined) return undefined;
    const inLane = lane.pool === undefined ? keySeq : keySeqInLane(keySeq);
    if (!isDelayedLane(lane) && !isThere(lane, inLane)) return undefined;
    const message = messages.find(lane, inLane);
    return message === "not-here" ? messages.storedAt(lane, inLane) : message;
  }

  // Looking.

  get appliedIndex(): number {
    return this.state.appliedIndex;
  }

  get clusterTime(): number {
    return this.state.clusterTime;
  }

  /** Equal on all nodes at an equal applied index (R9). Sixteen hexadecimal digits. */
  get digest(): string {
    return this.state.digest.hex;
  }

  /** M7, oldest first. Empty after a start: what was before is compared by what follows from it. */
  get checkpoints(): readonly Checkpoint[] {
    return this.state.checkpoints;
  }

  /** Of the rules that apply, and the newest that this release knows (M6). */
  get version(): number {
    return this.state.version;
  }

  get versionMax(): number {
    return this.state.rules.versionMax;
  }

  /** Milliseconds until something is due, by the lease clock or by cluster time; undefined: nothing is. */
  nextDeadline(): number | undefined {
    if (canCatchUp(this.state)) return 0;
    const { timers, agenda, windows, leaseClock, clusterTime } = this.state;
    const next = Math.min(
      (timers.next() ?? Infinity) - leaseClock,
      (windows.next() ?? Infinity) - leaseClock,
      (agenda.next() ?? Infinity) - clusterTime,
    );
    return next === Infinity ? undefined : Math.max(0, next);
  }

  /** Where the history of a message lies (history.ts decodes it); undefined: there is no such queue. */
  historyRange(ref: MessageRef): KeyRange | undefined {
    const message = historyOf(this.state, ref);
    return message === undefined ? undefined : under(message);
  }

  /** Rows of that range that the store may not have yet, oldest first. What was dropped is in the store until the next batch is. */
  pendingHistory(ref: MessageRef): readonly Row[] {
    const message = historyOf(this.state, ref);
    return message === undefined ? [] : this.state.history.rowsOf(message);
  }

  queueInfo(name: string): QueueInfo | undefined {
    const queue = this.state.queues.get(name);
    return queue === undefined ? undefined : describe(queue);
  }

  /** What its consumers hold, when producers are ahead of them (browse.ts); else 0. */
  leasesWhenAhead(name: string): number {
    const queue = this.state.queues.get(name);
    return queue === undefined ? 0 : leasesWhenAhead(queue);
  }

  hasQueue(name: string): boolean {
    return this.state.queues.has(name);
  }

  /** The queue with this number, as message ids name it. */
  queueNameOf(id: number): string | undefined {
    return this.state.queuesById.get(id)?.name;
  }

  /** Where a message lies in the rows → as it is named outside: sub-lanes are not told (keys.ts). */
  placeOutside(place: MessagePlace): MessagePlace {
    if (this.state.queuesById.get(place.queueId)?.unordered !== true) return place;
    const keySeq = keySeqOutside(subLaneNumber(place.lane), place.keySeq);
    return { queueId: place.queueId, lane: "", keySeq };
  }

  /** What is in a queue, for looking (browse.ts); undefined: there is none of this name. */
  browse(name: string): QueueView | undefined {
    const queue = this.state.queues.get(name);
    return queue === undefined ? undefined : new QueueView(this.state, queue);
  }

  sessionsConsuming(name: string): readonly number[] {
    const queue = this.state.queues.get(name);
    return queue === undefined ? [] : sessionsConsuming(queue);
  }

  stalledQueues(): readonly StalledQueue[] {
    return stalledQueues(this.state);
  }

  listQueues(page: NamePage = {}): readonly QueueInfo[] {
    return firstByName(this.state.queues.values(), page).map(describe);
  }

  topicInfo(name: string): TopicInfo | undefined {
    const topic = this.state.topics.get(name);
    return topic === undefined ? undefined : describeTopic(topic);
  }

  listTopics(page: NamePage = {}): readonly TopicInfo[] {
    return firstByName(this.state.topics.values(), page).map(describeTopic);
  }

  sessionInfo(id: number): SessionInfo | undefined {
    const session = this.state.sessions.get(id);
    if (session === undefined) return undefined;
    const consumers = [...session.consumers.values()].sort((a, b) => a.id - b.id);
    return {
      id,
      name: session.name,
      ttlMs: session.ttlMs,
      attached: session.attached,
      lastSequence: session.last,
      floor: session.floor,
      leases: session.leases,
      consumers: consumers.map((one) => ({
        id: one.id,
        queue: one.queue.name,
        credit: one.credit,
      })),
      receives: [...session.receives.keys()].sort((a, b) => a - b),
    };
  }

  /** The live leases of a session, oldest first, to be delivered again when it attaches. `leaseMs` is what is left of each. */
  liveGrants(id: number): readonly Grant[] {
    const session = this.state.sessions.get(id);
    if (session === undefined) return [];
    const leases = leasesOf(session).sort((a, b) => a.token - b.token);
    const clock = this.state.leaseClock;
    return leases.map((flight) =>
      grantOf(flight, session, Math.min(flight.leaseMs, flight.deadline - clock)),
    );
  }

  /** "pending": its receive waits. "forgotten": below the floor. "unknown": no such session, or not applied yet. */
  answerOf(sessionId: number, sequence: number): Answer | "pending" | "forgotten" | "unknown" {
    const session = this.state.sessions.get(sessionId);
    if (session === undefined || sequence > session.last || sequence < 1) return "unknown";
    if (sequence < session.floor) return "forgotten";
    return recall(session, sequence) ?? "pending";
  }

  private checkpoint(): void {
    const { appliedIndex, digest, checkpoints } = this.state;
    if (appliedIndex % checkpointEvery !== 0) return;
    checkpoints.push({ index: appliedIndex, digest: digest.hex });
    if (checkpoints.length > checkpointsMax) checkpoints.shift();
  }

  private clusterTimeAt(at: LogPosition): number {
    assert(Number.isFinite(at.time), "a stamp that is not a time");
    return Math.max(this.state.clusterTime + 1, Math.floor(at.time));
  }

  private leaseClockAt(at: LogPosition): number {
    const passed = this.clusterTimeAt(at) - this.state.clusterTime;
    return this.state.leaseClock + Math.min(passed, leaseClockStepMaxMs);
  }

  private readonly fire = (timer: Timer): void => {
    const state = this.state;
    if (timer instanceof Flight) fireFlight(state, timer);
    else if (timer instanceof Session) fireSession(state, timer);
    else if (timer instanceof Receive)
      completeReceive(state, timer, { kind: "received", grants: [] });
  };

  private run(entry: LogPosition, origin: Origin, command: Command): Answer | undefined {
    const state = this.state;
    if (origin.session === 0) {
      return { index: entry.index, reply: execute(state, undefined, 0, command) ?? done };
    }
    const session = state.sessions.get(origin.session);
    if (session === undefined) return { index: entry.index, reply: expired };
    const admission = admit(state, session, origin);
    if (admission === "pending") return undefined;
    if (admission !== "run") {
      return "index" in admission ? admission : { index: entry.index, reply: admission };
    }
    const reply = execute(state, session, origin.sequence, command);
    if (reply === undefined) return undefined;
    if (origin.sequence === 0) return { index: entry.index, reply };
    return remember(state, session, origin.sequence, reply);
  }

  /** After matching: a receive that was just applied may have its answer already, or may not want to wait for one. */
  private settleWait(origin: Origin, command: Command): Answer | undefined {
    const call = this.state.receiving;
    if (call === undefined) return undefined;
    if (call.live && command.kind === "receive" && command.maxWaitMs === 0) {
      completeReceive(this.state, call, { kind: "received", grants: [] });
    }
    this.state.receiving = undefined;
    return recall(call.session, origin.sequence);
  }

  private mixReply({ index, reply }: Answer): void {
    const digest = this.state.digest;
    digest.mix(index);
    if (reply.kind === "refused") digest.mix(reasonNumber(reply.refusal.reason) + 16);
    else if (reply.kind === "settled") digest.mix(reply.already ? 2 : 1);
    else if (reply.kind === "session-opened") digest.mix(reply.session);
    else if (reply.kind === "queue") digest.mix(reply.queue.revision);
    else if (reply.kind === "committed") digest.mix(reply.messages.length);
    else if (reply.kind === "items-enqueued") {
      for (const item of reply.items)
        digest.mix("reason" in item ? reasonNumber(item.reason) + 16 : 1);
    } else if (reply.kind === "topic") digest.mix(reply.topic.revision);
    else if (reply.kind === "resolved") digest.mix(reply.keySeq);
    else if (reply.kind === "redriven") digest.mix(reply.moved);
    else if (reply.kind === "purged") digest.mix(reply.messages);
  }
}
