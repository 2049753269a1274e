// The state machine: a log in, answers and effects out. Same log, same state, same bytes, on every node (R8, G1, G4).
// For each entry: missingToBegin/provide, begin, then for each command missing/provide, apply; then end.
//   M1. Nothing but the log decides: no clock, no randomness, no order of a Map, no configuration of a node.
//   M2. Refusals are answers. Whatever throws is a defect, or a log written by newer rules: the process stops (G4, G5).
//   M3. Cluster time = max(previous + 1, stamp): it grows with every entry (P9).
//   M4. The lease clock, for leases, back-off, sessions and waits, advances by the same amount but by leaseClockStepMaxMs at
//       most per entry. Time in which no entry came, without a leader or by a jump of a wall clock, ends no lease (P7).
//       So whoever leads proposes a tick at least every second while nextDeadline is defined.
//   M5. Rows are handed out between entries only, together with the applied index (R4, F6).
//   M6. The version of the rules is state: a command raises it, nothing lowers it, the rows keep it. A command of a later
//       version is refused, on every node alike; a version that this release does not know throws (G5).
//   M7. The digests of the last few whole multiples of checkpointEvery are kept, for comparison at an equal index (R9).

import { recall, remember } from "./answers.ts";
import { assert } from "./assert.ts";
import type { LogRecord } from "./codec.ts";
import { kindNumber } from "./command-codec.ts";
import type { Answer, Command, Grant, LogPosition, Origin, QueueInfo } from "./command.ts";
import type { Reply, StoredMessage } from "./command.ts";
import { subscribe, unsubscribe } from "./consumers.ts";
import { enqueue, enqueueBatch } from "./enqueue.ts";
import { grantOf, match } from "./grants.ts";
import { evictIdleLanes } from "./lanes.ts";
import { missingForCommand, missingForTimers } from "./missing.ts";
import { defaultLimits, standardRules, type Limits, type Rules } from "./options.ts";
import { createQueue, deleteQueue, describe, updateQueue } from "./queues.ts";
import { completeReceive, receive } from "./receive.ts";
import { done, needsSession } from "./refusal.ts";
import { admit, attach, endSession, expired, fireSession } from "./session.ts";
import { leasesOf, openSession, showLife } from "./session.ts";
import { fireFlight, settleLease } from "./settle.ts";
import { Flight, Receive, Session, State, type Checkpoint, type Effects } from "./state.ts";
import type { Bytes, Write } from "./store.ts";
import { takeWrites } from "./take-writes.ts";
import type { Timer } from "./timers.ts";
import { reasonNumber } from "./value-codec.ts";
import { raiseVersion, refusalByVersion } from "./version.ts";

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
    for (const { command } of records) {
      for (const row of missingForCommand(this.state, command)) rows.add(row);
    }
    return [...rows];
  }

  /** Rows that begin needs. Provide them and ask again, until there is none. */
  missingToBegin(at: LogPosition): readonly Bytes[] {
    return missingForTimers(this.state, this.leaseClockAt(at));
  }

  /** Rows that this command needs, right before its apply. Provide them and ask again, until there is none. */
  missing(command: Command): readonly Bytes[] {
    return missingForCommand(this.state, command);
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

  /** Whether grants are gathered for takeEffects: a leader wants them, a follower saves the work. Decides nothing. */
  set collectGrants(on: boolean) {
    this.state.collectGrants = on;
    if (!on) this.state.grants = [];
  }

  /** What happened since the last call. Only the leader acts on it; everyone must take it, to let go of it. */
  takeEffects(): Effects {
    const { grants, completions, endedSessions } = this.state;
    if (grants.length > 0) this.state.grants = [];
    if (completions.length > 0) this.state.completions = [];
    if (endedSessions.length > 0) this.state.endedSessions = [];
    return { grants, completions, endedSessions };
  }

  /** Every change since the last call, as one atomic batch with the applied index (M5). One batch is out at a time. */
  takeWrites(): readonly Write[] {
    assert(this.state.entry === undefined, "M5: rows taken in the middle of an entry");
    return takeWrites(this.state);
  }

  /** The last batch is in the store. */
  writesStored(): void {
    this.state.rows.stored();
    evictIdleLanes(this.state);
  }

  /** Roughly what waits to be stored, the batch being written included. */
  get writeBehindBytes(): number {
    return this.state.rows.bytes;
  }

  /** Whether a batch is out. */
  get writing(): boolean {
    return this.state.rows.writing;
  }

  /** A message that has not reached the store yet; undefined: it is gone; "not-here": ask the store. */
  message(row: Bytes): StoredMessage | undefined | "not-here" {
    return this.state.rows.message(row);
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

  /** Milliseconds of the lease clock until something is due; undefined: nothing is. */
  nextDeadline(): number | undefined {
    const next = this.state.timers.next();
    return next === undefined ? undefined : Math.max(0, next - this.state.leaseClock);
  }

  queueInfo(name: string): QueueInfo | undefined {
    const queue = this.state.queues.get(name);
    return queue === undefined ? undefined : describe(queue);
  }

  listQueues(): readonly QueueInfo[] {
    const queues = [...this.state.queues.values()].map(describe);
    return queues.sort((a, b) => (a.name < b.name ? -1 : 1));
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
      return { index: entry.index, reply: this.execute(undefined, 0, command) ?? done };
    }
    const session = state.sessions.get(origin.session);
    if (session === undefined) return { index: entry.index, reply: expired };
    const admission = admit(state, session, origin);
    if (admission === "pending") return undefined;
    if (admission !== "run") {
      return "index" in admission ? admission : { index: entry.index, reply: admission };
    }
    const reply = this.execute(session, origin.sequence, command);
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

  /** The one switch. undefined: a receive that waits. */
  private execute(
    session: Session | undefined,
    sequence: number,
    command: Command,
  ): Reply | undefined {
    const state = this.state;
    const tooOld = refusalByVersion(state, command.kind);
    if (tooOld !== undefined) return tooOld;
    switch (command.kind) {
      case "enqueue":
        return enqueue(state, command.queue, command.message);
      case "enqueue-batch":
        return enqueueBatch(state, command.queue, command.messages);
      case "settle":
        return settleLease(state, command.lease, command.settlement);
      case "receive":
        return session === undefined ? needsSession() : receive(state, session, sequence, command);
      case "subscribe":
        return session === undefined ? needsSession() : subscribe(state, session, command);
      case "unsubscribe":
        return session === undefined
          ? needsSession()
          : unsubscribe(state, session, command.consumer);
      case "open-session":
        return openSession(state, command.name, command.ttlMs);
      case "keep-alive":
        return this.keepAlive(command.sessions);
      case "attach":
      case "detach":
        return session === undefined
          ? needsSession()
          : attach(state, session, command.kind === "attach");
      case "close-session":
        if (session === undefined) return needsSession();
        endSession(state, session);
        return done;
      case "create-queue":
        return createQueue(state, command.name, command.options);
      case "update-queue":
        return updateQueue(state, command.name, command.revision, command.changes);
      case "delete-queue":
        return deleteQueue(state, command.name, command.revision, command.ifEmpty);
      case "refuse":
        return { kind: "refused", refusal: command.refusal };
      case "tick":
        return done;
      case "raise-version":
        return raiseVersion(state, command.version);
    }
  }

  private keepAlive(ids: readonly number[]): Reply {
    for (const id of ids) {
      const session = this.state.sessions.get(id);
      if (session !== undefined) showLife(this.state, session);
    }
    return done;
  }

  private mixReply({ index, reply }: Answer): void {
    const digest = this.state.digest;
    digest.mix(index);
    if (reply.kind === "refused") digest.mix(reasonNumber(reply.refusal.reason) + 16);
    else if (reply.kind === "settled") digest.mix(reply.already ? 2 : 1);
    else if (reply.kind === "session-opened") digest.mix(reply.session);
    else if (reply.kind === "queue") digest.mix(reply.queue.revision);
  }
}
