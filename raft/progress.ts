// One follower (or learner) as the leader sees it.
//   PR1. match only grows while the leader leads (B3): it is what the follower said it holds durably.
//   PR2. next > match.
//   PR3. probe: at most one append under way, next is a guess; replicate: next runs ahead of what is acknowledged, within
//        the bounds of count and bytes; snapshot: no appends at all.
//   PR4. At most one fetch from the leader's disk is under way for a follower.

import { assert, must } from "./assert.ts";
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
  /** Tick of the last message of this term from it. */
  heardAt: number;
  /** The last round of heartbeats it answered (RI2). */
  round = 0;
  /** The highest commit index that was sent to it for entries it has. */
  toldCommit = 0;
  /** First index of the fetch under way. */
  fetchingFrom: number | undefined = undefined;

  constructor(id: NodeId, next: number, tick: number) {
    this.id = id;
    this.next = next;
    this.heardAt = tick;
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

  get isIdle(): boolean {
    return this.mode.kind === "replicate" && this.mode.appends.length === 0;
  }

  /** An append through `last` leaves. */
  sent(last: number, bytes: number, tick: number): void {
    const { mode } = this;
    assert(mode.kind !== "snapshot", "PR3: an append during a snapshot");
    if (mode.kind === "probe") {
      mode.sentAt = tick;
      return;
    }
    if (mode.appends.length === 0) mode.movedAt = tick;
    mode.appends.push({ last, bytes });
    mode.bytes += bytes;
    this.next = last + 1;
  }

  /** The follower holds everything through `match`. */
  acknowledged(match: number, tick: number): void {
    if (match <= this.match) return;
    this.match = match;
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
