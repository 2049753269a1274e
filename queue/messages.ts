// Where the messages of the lanes lie, and how they get into the store.
//   MS1. A message that is there lies in one place: fresh, on its way to the store (taken), in a bundle, in a run, or alone in a
//        row of its own.
//   MS2. It becomes fresh when it comes in. The next batch takes everything fresh: of keys that have much of it run by run
//        (message-run.ts), of the others many in a bundle (bundle.ts). Of what was settled before nothing is written (W3).
//   MS3. What lies alone: whatever was put back at an old place; what is delayed without order, where only a row can tell that a
//        message is there (delay.ts I1); and all that came in before version 3 of the rules, which rows of lanes do not mention
//        until that version: a member that has not been upgraded can read them.

import { assert } from "./assert.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { StoredMessage } from "./command.ts";
import {
  bundleRow,
  bundleTellsRow,
  messageRow,
  messagesOfLane,
  runPrefix,
  runRow,
  runsOfLane,
  under,
} from "./keys.ts";
import { Fresh, LaneMessages } from "./lane-messages.ts";
import { flightsOf } from "./lanes.ts";
import { MessageArena } from "./message-arena.ts";
import { isBundled, MessageBatch } from "./message-batch.ts";
import { withValue, type Spans } from "./spans.ts";
import type { Flight, Lane, Queue, State } from "./state.ts";
import type { Bytes, Write } from "./store.ts";
import { StoredAt } from "./stored-at.ts";
import { isDelayedLane, isWaiting } from "./waiting.ts";
import { runsSince } from "./version.ts";
import type { WriteBehind } from "./write-behind.ts";

/** What a fresh message costs besides its bytes. */
const placeBytes = 16;
export class Messages {
  private readonly state: State;
  private readonly rows: WriteBehind;
  private listed: Lane[] = [];
  private taken: Lane[] | undefined = undefined;
  private arena = new MessageArena();
  /** Places of the arena that are in use, and those of the batch that is being written. */
  private places = 0;
  private takenBytes = 0;

  constructor(state: State) {
    this.state = state;
    this.rows = state.rows;
  }

  /** The rules are of version 3 from now on. */
  beginRuns(): void {
    for (const queue of this.state.queues.values()) {
      for (const lane of queue.lanes.values()) {
        if (lane.messages === 0 || isDelayedLane(lane)) continue;
        lane.stored = allAlone(lane);
        this.state.changedLane(lane);
      }
    }
  }

  /** Roughly what waits to be stored, the batch being written included. */
  get bytes(): number {
    return this.arena.bytes + this.places * placeBytes + this.takenBytes;
  }

  /** Lanes that the next batch looks at. */
  get lanes(): number {
    return this.listed.length;
  }

  /** The newest message of its lane. */
  put(lane: Lane, keySeq: number, message: StoredMessage): void {
    if (!this.canBeInRun(lane)) {
      this.rows.put(rowAlone(lane, keySeq), message);
      return;
    }
    const of = (lane.stored ??= new LaneMessages());
    of.fresh ??= new Fresh(this.arena, keySeq);
    of.fresh.push(keySeq, message);
    this.places++;
    if (of.listed) return;
    of.listed = true;
    this.listed.push(lane);
  }

  /** A message that comes back to an old place. */
  putBack(lane: Lane, keySeq: number, message: StoredMessage): void {
    if (this.canBeInRun(lane)) {
      const of = (lane.stored ??= new LaneMessages());
      of.alone = withValue(of.alone, keySeq);
    }
    this.rows.putBack(rowAlone(lane, keySeq), message);
  }

  /** Another message in the place of one that is there. */
  replace(lane: Lane, keySeq: number, message: StoredMessage): void {
    if (this.isAlone(lane, keySeq)) {
      this.rows.putBack(rowAlone(lane, keySeq), message);
    } else {
      this.leave(lane, keySeq);
      this.putBack(lane, keySeq, message);
    }
  }

  /** A message that is there is settled. */
  leave(lane: Lane, keySeq: number): void {
    const of = lane.stored;
    if (this.isAlone(lane, keySeq)) {
      this.rows.delete(rowAlone(lane, keySeq));
      of?.alone?.delete(keySeq);
      if (of?.alone?.size === 0) of.alone = undefined;
    } else {
      assert(of !== undefined, "MS1: a message that is there lies nowhere");
      const { fresh } = of;
      if (fresh !== undefined && keySeq >= fresh.first) {
        fresh.leave(keySeq);
        return;
      }
      if (!this.leaveBundle(lane.queue, of, keySeq)) this.leaveRun(lane, of, keySeq);
    }
    if (of?.isEmpty === true) lane.stored = undefined;
  }

  /** MS3. */
  private canBeInRun(lane: Lane): boolean {
    return this.state.version >= runsSince && !isDelayedLane(lane);
  }

  private isAlone(lane: Lane, keySeq: number): boolean {
    return !this.canBeInRun(lane) || lane.stored?.alone?.has(keySeq) === true;
  }

  /** False: it is in none. */
  private leaveBundle(
    { id, lanePrefix, bundles }: Queue,
    of: LaneMessages,
    keySeq: number,
  ): boolean {
    const bundle = of.bundled?.of(keySeq);
    if (bundle === undefined) return false;
    of.bundled?.remove(keySeq);
    if (of.bundled?.size === 0) of.bundled = undefined;
    if (!bundles.leave(bundle)) return true;
    this.rows.delete(bundleRow(id, bundle.number));
    if (bundle.tells) this.rows.delete(bundleTellsRow(lanePrefix, bundle.number));
    return true;
  }

  private leaveRun(lane: Lane, of: LaneMessages, keySeq: number): void {
    const { runs } = of;
    assert(runs !== undefined, "MS1: a message that is there lies nowhere");
    const emptied = runs.leave(keySeq);
    if (emptied === undefined) return;
    this.rows.delete(runRow(lane.queue.id, lane.name, emptied));
    if (runs.count === 0) of.runs = undefined;
  }

  /** A message that is there, as far as it can be known without the store. In a lane of what is delayed, undefined: it is not. */
  find(lane: Lane, keySeq: number): StoredMessage | undefined | "not-here" {
    if (this.isAlone(lane, keySeq)) return this.rows.message(rowAlone(lane, keySeq));
    const waits = this.atHand(lane, keySeq);
    if (waits !== undefined) return waits;
    if (!this.rows.isAnyProvided) return "not-here";
    const at = this.storedAt(lane, keySeq);
    const { row } = at;
    return this.rows.isProvided(row) ? at.read(this.rows.providedValue(row)) : "not-here";
  }

  /** A message that is there, if it has just come in. */
  atHand(lane: Lane, keySeq: number): StoredMessage | undefined {
    const of = lane.stored;
    if (of === undefined || of.alone?.has(keySeq) === true) return undefined;
    return of.fresh?.at(keySeq) ?? of.taken?.at(keySeq);
  }

  /** Where to read a message that is there and "not-here". */
  storedAt(lane: Lane, keySeq: number): StoredAt {
    if (this.isAlone(lane, keySeq)) return new StoredAt(lane, keySeq);
    const bundle = lane.stored?.bundled?.of(keySeq);
    if (bundle !== undefined) return new StoredAt(lane, keySeq, bundle);
    const runs = lane.stored?.runs;
    const first = runs?.firstOf(keySeq);
    assert(first !== undefined, "MS1: a message that is there lies nowhere");
    return new StoredAt(lane, keySeq, runs, first);
  }

  /** Everything of these lanes goes but what is kept; `name` undefined: they are all lanes of the queue. */
  leaveAllBut(queue: Queue, name: Bytes | undefined, kept: readonly Flight[]): void {
    const lane = name === undefined ? undefined : queue.lanes.get(name);
    const lanes = name === undefined ? queue.lanes.values() : lane === undefined ? [] : [lane];
    const alone: Bytes[] = [];
    const runs: Bytes[] = [];
    const byLane = new Map<Lane, number[]>();
    for (const flight of kept) {
      const of = byLane.get(flight.lane);
      if (of === undefined) byLane.set(flight.lane, [flight.keySeq]);
      else of.push(flight.keySeq);
    }
    for (const each of lanes) this.leaveLane(each, byLane.get(each) ?? [], alone, runs);
    const { id, messagePrefix } = queue;
    const ofMessages = name === undefined ? under(messagePrefix) : messagesOfLane(id, name);
    const ofRuns = name === undefined ? under(runPrefix(id)) : runsOfLane(id, name);
    this.rows.deleteAllBut(ofMessages, alone.sort());
    this.rows.deleteAllBut(ofRuns, runs.sort());
  }

  /** Tells the rows that are kept. */
  private leaveLane(lane: Lane, kept: readonly number[], alone: Bytes[], runs: Bytes[]): void {
    const of = lane.stored;
    const inRuns: number[] = [];
    const inBundles = new Set<number>();
    const fresh = new Set<number>();
    let keptAlone: Spans | undefined;
    for (const keySeq of kept) {
      if (this.isAlone(lane, keySeq)) {
        alone.push(rowAlone(lane, keySeq));
        if (of?.alone !== undefined) keptAlone = withValue(keptAlone, keySeq);
      } else if (of?.fresh?.has(keySeq) === true) fresh.add(keySeq);
      else if (of?.bundled?.of(keySeq) !== undefined) inBundles.add(keySeq);
      else inRuns.push(keySeq);
    }
    if (of === undefined) return;
    for (const keySeq of of.bundled?.all() ?? []) {
      if (!inBundles.has(keySeq)) this.leaveBundle(lane.queue, of, keySeq);
    }
    for (const keySeq of of.fresh?.keySeqs() ?? []) {
      if (!fresh.has(keySeq)) this.leave(lane, keySeq);
    }
    for (const first of of.runs?.leaveAllBut(inRuns) ?? [])
      runs.push(runRow(lane.queue.id, lane.name, first));
    if (of.runs?.count === 0) of.runs = undefined;
    of.alone = keptAlone;
    if (of.isEmpty) lane.stored = undefined;
  }

  /** The queue goes, with all its rows. */
  forget(queue: Queue): void {
    for (const lane of queue.lanes.values()) lane.stored = undefined;
  }

  /** Whether a bundle will tell that this lane was extended, if nothing else happens to it (BU3). */
  willTell(lane: Lane): boolean {
    return isBundled(this.state, lane);
  }

  /** Appends everything fresh to a batch, which is out from now on. */
  take(into: Write[], writer: ByteWriter): void {
    assert(this.taken === undefined, "W2: the last batch is still being written");
    const taken: Lane[] = [];
    const batch = new MessageBatch(this.state, into, writer);
    for (const lane of this.listed) {
      const of = lane.stored;
      const fresh = of?.fresh;
      if (of === undefined || fresh === undefined) continue;
      of.listed = false;
      of.fresh = undefined;
      if (fresh.live > 0) {
        of.taken = fresh;
        batch.add(lane, fresh);
        taken.push(lane);
      } else if (of.isEmpty) {
        lane.stored = undefined;
      }
    }
    batch.finish();
    for (const lane of this.listed) lane.isExtended = false;
    this.listed = [];
    this.taken = taken;
    this.takenBytes = this.arena.bytes + this.places * placeBytes;
    this.arena = new MessageArena();
    this.places = 0;
  }

  stored(): void {
    assert(this.taken !== undefined, "W2: no batch is being written");
    for (const lane of this.taken) {
      const of = lane.stored;
      if (of === undefined) continue;
      of.taken = undefined;
      if (of.isEmpty) lane.stored = undefined;
    }
    this.taken = undefined;
    this.takenBytes = 0;
  }
}

function allAlone(lane: Lane): LaneMessages {
  const of = new LaneMessages();
  for (const flight of flightsOf(lane)) of.alone = withValue(of.alone, flight.keySeq);
  for (let keySeq = lane.cursor; keySeq <= lane.tail; keySeq++) {
    if (isWaiting(lane, keySeq)) of.alone = withValue(of.alone, keySeq);
  }
  return of;
}

function rowAlone(lane: Lane, keySeq: number): Bytes {
  return messageRow(lane.queue.messagePrefix, lane.name, keySeq);
}
