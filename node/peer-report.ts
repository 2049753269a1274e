// What members tell each other beside Raft: as soon as they hear of each other, then about once a second, over the same links, as
// unreliably as everything there.
//   E1. A report says facts about its sender. Raft knows nothing of it; no safety of the log depends on it.
//   E2. Rules are raised only when every member, learners too, has lately said that it knows them (G5).
//   E3. Digests are facts of an index and stay true; how full a disk is holds for a few seconds only.
//   E5. Who is heard of for the first time, or after a silence, gets a report at once: its link is open, and a new cluster, or one
//       whose last member was upgraded, waits for nothing else to raise its rules.
//   E4. A longer report than this release knows is read as far as it is known: later releases add at its end.

import type { Logger } from "pino";
import type { Checkpoint } from "../queue/index.ts";
import { quorumOf, type Membership, type Message, type NodeId } from "../raft/index.ts";
import type { Clock, Timer } from "./clock.ts";
import { compareDigests, describe, StateDiffers } from "./digest-check.ts";

/** What a node says about itself. */
export interface Condition {
  /** Version of the rules that its state machine is at, and the newest that its release knows (queue/version.ts). */
  readonly rulesVersion: number;
  readonly rulesVersionMax: number;
  /** Oldest first. */
  readonly digests: readonly Checkpoint[];
  /** Undefined: not known. */
  readonly diskFreeBytes: number | undefined;
  /** Below the watermark (disk-space.ts). */
  readonly diskLow: boolean;
}

export interface PeerReport extends Condition {
  readonly kind: "report";
  readonly from: NodeId;
  readonly to: NodeId;
}

/** Everything that goes over a link between members. */
export type PeerMessage = Message | PeerReport;

/** Often enough that a full disk or a drifted state is known within seconds; a hundred bytes each time. */
const reportMs = 1_000;
/** Five reports: a few may be lost. */
const recentMs = 5_000;

interface Surroundings {
  readonly id: NodeId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly membership: () => Membership;
  readonly condition: () => Condition;
  readonly send: (reports: readonly PeerReport[]) => void;
  /** D2: this node must end. */
  readonly failed: (error: StateDiffers) => void;
}

interface Heard {
  readonly report: PeerReport;
  readonly at: number;
}

export class PeerReports {
  readonly #surroundings: Surroundings;
  readonly #timer: Timer;
  #heard = new Map<NodeId, Heard>();
  /** When the last message of any kind came. */
  #met = new Map<NodeId, number>();
  /** The index of the difference that was told last: each is told once. */
  #told = 0;
  #quorumLow = false;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#timer = surroundings.clock.every(reportMs, () => this.#tick());
  }

  /** Any message of this member has come (E5). */
  met(id: NodeId): void {
    const now = this.#surroundings.clock.monotonicMs();
    const last = this.#met.get(id);
    this.#met.set(id, now);
    if (last !== undefined && now - last <= recentMs) return;
    if (this.#others.includes(id)) this.#sendTo([id]);
  }

  received(report: PeerReport): void {
    if (!this.#others.includes(report.from)) return;
    this.#heard.set(report.from, { report, at: this.#surroundings.clock.monotonicMs() });
    this.#judge();
  }

  /** The latest report of a member, if it is recent. */
  of(id: NodeId): Condition | undefined {
    const heard = this.#heard.get(id);
    const now = this.#surroundings.clock.monotonicMs();
    return heard === undefined || now - heard.at > recentMs ? undefined : heard.report;
  }

  /** E2: the newest rules that every member knows; 0 while one of them is silent. */
  get rulesVersionOfAll(): number {
    const { condition } = this.#surroundings;
    return Math.min(
      condition().rulesVersionMax,
      ...this.#others.map((id) => this.of(id)?.rulesVersionMax ?? 0),
    );
  }

  /** Too few voters for a quorum have room. Who is silent counts as having room. */
  get quorumLow(): boolean {
    return this.#quorumLow;
  }

  stop(): void {
    this.#timer.stop();
  }

  get #others(): readonly NodeId[] {
    const { id: own, membership } = this.#surroundings;
    const { voters, learners } = membership();
    return [...voters, ...learners].filter((id) => id !== own);
  }

  #tick(): void {
    const others = this.#others;
    // Who is no member any more is forgotten.
    this.#heard = new Map([...this.#heard].filter(([id]) => others.includes(id)));
    this.#met = new Map([...this.#met].filter(([id]) => others.includes(id)));
    this.#sendTo(others);
    this.#judge();
  }

  #sendTo(members: readonly NodeId[]): void {
    const { id: from, condition, send } = this.#surroundings;
    const own = condition();
    send(members.map((to) => ({ kind: "report", from, to, ...own })));
  }

  #judge(): void {
    const { id, condition, membership, logger, failed } = this.#surroundings;
    const { voters } = membership();
    const own = condition();
    const low = (voter: NodeId): boolean => (voter === id ? own : this.of(voter))?.diskLow === true;
    this.#quorumLow = voters.length - voters.filter(low).length < quorumOf(voters.length);
    const reported = new Map([...this.#heard].map(([peer, { report }]) => [peer, report.digests]));
    const verdict = compareDigests(own.digests, reported, voters);
    if (verdict.kind === "wrong") failed(new StateDiffers(id, verdict));
    if (verdict.kind !== "unequal" || verdict.index <= this.#told) return;
    this.#told = verdict.index;
    logger.error(
      { reason: "DIGEST_MISMATCH", index: verdict.index },
      `replicas differ: node ${id} at entry ${describe(verdict)}. No quorum agrees against this node, so it goes on`,
    );
  }
}
