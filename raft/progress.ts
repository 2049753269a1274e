// One follower (or learner) as the leader sees it.
//   PR1. match only grows while the leader leads (B3): it is what the follower said it holds durably.
//   PR2. next > match.
//   PR3. probe: at most one append under way, next is a guess; replicate: next runs ahead of what is acknowledged, within
//        the bounds of count and bytes; snapshot: no appends at all.
//   PR4. At most one fetch from the leader's disk is under way for a follower.
//   PR5. Catching up goes in rounds (§4.2.1 of the thesis, C6): a round brings everything that the leader's log held when the
//        round began. When nothing is left to bring, the round after takes no time: on an idle cluster one round is enough.

import { assert, must } from "./assert.ts";
import { promotionLagMax } from "./config.ts";
import { Deque } from "./deque.ts";
import type { EntryId, NodeId } from "./types.ts";

interface Probe {
  readonly kind: "probe";
  /** Tick of the append under way; undefined: none is. */
  sentAt: number | undefined;
}

interface Append {
  readonly last: number;
  readonly bytes: number;
}

interface Replicate {
  readonly kind: "replicate";
  readonly appends: Deque<Append>;
  bytes: number;
  /** Tick of the last progress: something acknowledged, or sent when nothing was under way. */
  movedAt: number;
}

interface SnapshotTransfer {
  readonly kind: "snapshot";
  /** undefined until the shell has said which snapshot it reads. */
  last: EntryId | undefined;
  chunk: number;
  /** `chunk` is the last one. */
  done: boolean;
  /**
   * reading: the shell reads the chunk. sent: the follower has the word. transferred: it has everything and installs (E4).
   * lost: the snapshot could not be read, begin again when the follower is heard.
   */
  stage: "reading" | "sent" | "transferred" | "lost";
  since: number;
}

export type ProgressState = "probe" | "replicate" | "snapshot";

export class Progress {
  readonly id: NodeId;
  match = 0;
  next: number;
  mode: Probe | Replicate | SnapshotTransfer = { kind: "probe", sentAt: undefined };
  /** Tick of the last message of this term from it, or of the beginning. */
  heardAt: number;
  /** `heardAt` is no mere beginning. */
  #isHeard = false;
  /** The last round of heartbeats it answered (RI2). */
  round = 0;
  /** The highest commit index that was sent to it for entries it has. */
  toldCommit = 0;
  /** First index of the fetch under way. */
  fetchingFrom: number | undefined = undefined;

  /** The round under way ends with this match; at or below match: none is. */
  #roundThrough: number;
  #roundBeganAt: number;
  /** Ticks that the last round took; undefined: the first one is under way. */
  roundTicks: number | undefined = undefined;

  /** `next` is the index of an entry that is about to be appended: the first round ends with it. */
  constructor(id: NodeId, next: number, tick: number) {
    this.id = id;
    this.next = next;
    this.heardAt = tick;
    this.#roundThrough = next;
    this.#roundBeganAt = tick;
  }

  heard(tick: number): void {
    this.heardAt = tick;
    this.#isHeard = true;
  }

  /** It has said something in the last `ticks`; at the beginning of a leadership this is not assumed of anybody. */
  isAlive(tick: number, ticks: number): boolean {
    return this.#isHeard && tick - this.heardAt < ticks;
  }

  /** PR5: heard, the last round took less than `ticks`, the one under way has not taken more, and few entries lack. */
  isCaughtUp(tick: number, ticks: number, commit: number): boolean {
    const { roundTicks } = this;
    if (roundTicks === undefined || roundTicks >= ticks || !this.isAlive(tick, ticks)) return false;
    const isRoundUnderWay = this.#roundThrough > this.match;
    if (isRoundUnderWay && tick - this.#roundBeganAt >= ticks) return false;
    return commit - this.match <= promotionLagMax;
  }

  /** May an append be sent now? */
  isOpen(appendsMax: number, bytesMax: number): boolean {
    switch (this.mode.kind) {
      case "probe":
        return this.mode.sentAt === undefined;
      case "replicate":
        return this.mode.appends.length < appendsMax && this.mode.bytes < bytesMax;
      case "snapshot":
        return false;
    }
  }

  /** An append through `last` leaves, of a log that ends at `logLast`. */
  sent(last: number, bytes: number, tick: number, logLast: number): void {
    const { mode } = this;
    assert(mode.kind !== "snapshot", "PR3: an append during a snapshot");
    if (this.#roundThrough <= this.match) this.#beginRound(logLast, tick);
    if (mode.kind === "probe") {
      mode.sentAt = tick;
      return;
    }
    if (mode.appends.length === 0) mode.movedAt = tick;
    mode.appends.push({ last, bytes });
    mode.bytes += bytes;
    this.next = last + 1;
  }

  #beginRound(through: number, tick: number): void {
    this.#roundThrough = through;
    this.#roundBeganAt = tick;
  }

  /** The follower holds everything through `match`, of a log that ends at `logLast`. */
  acknowledged(match: number, tick: number, logLast: number): void {
    if (match <= this.match) return;
    this.match = match;
    if (match >= this.#roundThrough) {
      this.roundTicks = match === logLast ? 0 : tick - this.#roundBeganAt;
      this.#beginRound(logLast, tick);
    }
    if (this.next <= match) this.next = match + 1;
    const { mode } = this;
    if (mode.kind !== "replicate") return;
    mode.movedAt = tick;
    while ((mode.appends.at(0)?.last ?? Infinity) <= match) {
      mode.bytes -= must(mode.appends.shift(), "PR3: an append under way").bytes;
    }
  }

  probe(next: number): void {
    this.next = Math.max(next, this.match + 1);
    this.mode = { kind: "probe", sentAt: undefined };
  }

  replicate(tick: number): void {
    this.next = this.match + 1;
    this.mode = { kind: "replicate", appends: new Deque(), bytes: 0, movedAt: tick };
  }

  beginSnapshot(tick: number): void {
    this.mode = {
      kind: "snapshot",
      last: undefined,
      chunk: 0,
      done: false,
      stage: "reading",
      since: tick,
    };
  }

  get inflight(): number {
    switch (this.mode.kind) {
      case "probe":
        return this.mode.sentAt === undefined ? 0 : 1;
      case "replicate":
        return this.mode.appends.length;
      case "snapshot":
        return this.mode.stage === "sent" ? 1 : 0;
    }
  }

  get inflightBytes(): number {
    return this.mode.kind === "replicate" ? this.mode.bytes : 0;
  }
}
