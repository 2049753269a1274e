// The state that every concern shares, and the transitions between roles. Each concern is a file of functions over it.
//   T1. term never decreases.
//   T2. In one term the vote, once given, does not change; it is cleared only when the term grows (A2, A3).
//   T3. applied <= handedOut <= commit <= log.lastIndex, handedOut <= log.durable; commit never decreases.
//   T4. Roles change only along `transitions`; a leader appends to its log and never truncates it (§5.3).

import { assert } from "./assert.ts";
import { assertConfig, delaysOf, type Delays, type RaftConfig, type Restored } from "./config.ts";
import { Log } from "./log.ts";
import { isMember, isVoter, MembershipHistory, membersOf } from "./membership.ts";
import type { Message } from "./message.ts";
import { OutputBuilder } from "./output.ts";
import { failReads } from "./reads.ts";
import { transitions, type Follower, type Role } from "./role.ts";
import type { NodeId, SnapshotId } from "./types.ts";

export class Core {
  readonly config: RaftConfig;
  readonly delays: Delays;
  readonly id: NodeId;
  readonly log: Log;
  readonly memberships: MembershipHistory;

  /** Ticks since start. */
  now = 0;
  term: number;
  vote: NodeId | undefined;
  role: Role;
  /** Why the role last changed, for the log line. */
  cause = "start";
  commit: number;
  /** Committed entries through here were given to the shell. */
  handedOut: number;
  applied: number;
  /** Sequence of the last persist. */
  sequence = 0;
  /** The last persist that carried a hard state, while it is not durable. */
  hardStateUnderWay: number | undefined = undefined;
  /** The whole snapshot was handed to the shell; until it is installed the log does not move (S3). */
  installing: SnapshotId | undefined = undefined;
  /** First index of the fetch under way for the own state machine. */
  fetchingFrom: number | undefined = undefined;
  /** The next such fetch waits until this much is applied, so that a replay is bounded in memory. */
  fetchGate = 0;
  out = new OutputBuilder();

  constructor(config: RaftConfig, restored: Restored) {
    assertConfig(config);
    this.config = config;
    this.delays = delaysOf(config);
    this.id = config.id;
    this.log = new Log(restored, config.cacheBytesMax);
    const { last, membership } = restored.snapshot;
    this.memberships = new MembershipHistory(
      { index: last.index, membership },
      restored.memberships,
    );
    this.term = restored.hardState.term;
    this.vote = restored.hardState.vote;
    assert(this.log.last.term <= this.term, "T1: a log of a later term than the hard state");
    this.commit = restored.applied;
    this.handedOut = restored.applied;
    this.applied = restored.applied;
    this.role = {
      kind: "follower",
      leader: undefined,
      heardAt: undefined,
      since: 0,
      timeoutTicks: this.electionTimeout(),
      hurriedPreVotes: 0,
      receiving: undefined,
    };
  }

  /** The leader of this term, if known. */
  get leader(): NodeId | undefined {
    if (this.role.kind === "leader") return this.id;
    return this.role.kind === "follower" ? this.role.leader : undefined;
  }

  get isDiskStalled(): boolean {
    const since = this.log.waitingSince;
    return since !== undefined && this.now - since > this.delays.diskTicks;
  }

  /** Uniform in [n, 2n), drawn anew at every change of state (§5.2, A13). */
  drawTicks(n: number): number {
    return n + Math.floor(this.config.random() * n);
  }

  /** Nobody else can be the leader of a cluster with one voter: no waiting. */
  electionTimeout(): number {
    const { voters } = this.memberships.current;
    if (voters.length === 1 && voters[0] === this.id) return 0;
    return this.drawTicks(this.config.electionTicks);
  }

  /** T1, T2: the only place that changes the term, with the vote that belongs to it. */
  setTerm(term: number, vote: NodeId | undefined): void {
    assert(term > this.term, "T1: the term grows");
    this.term = term;
    this.vote = vote;
    this.out.hardStateChanged = true;
  }

  /** T2: the only place that gives a vote in the current term. */
  giveVote(candidate: NodeId): void {
    assert(this.vote === undefined || this.vote === candidate, "T2: one vote in a term");
    if (this.vote === candidate) return;
    this.vote = candidate;
    this.out.hardStateChanged = true;
  }

  become(role: Role, cause: string): void {
    assert(transitions[this.role.kind].includes(role.kind), "T4: a transition between roles");
    // D3, R10: nobody waits for an answer that this node can no longer give.
    if (this.role.kind === "leader") failReads(this, this.role);
    this.role = role;
    this.cause = cause;
  }

  /** Of `leader`, or of nobody known. A vote given in the same term stays given (A2). */
  becomeFollower(term: number, leader: NodeId | undefined, cause: string): Follower {
    if (term > this.term) this.setTerm(term, undefined);
    const role: Follower = {
      kind: "follower",
      leader,
      heardAt: leader === undefined ? undefined : this.now,
      since: this.now,
      timeoutTicks: this.electionTimeout(),
      hurriedPreVotes: 0,
      receiving: undefined,
    };
    this.become(role, cause);
    return role;
  }

  /**
   * A voter of the membership in force, or, while that may still be rolled back, of the one before: without the latter nobody
   * might be left to finish the change (A12, §4.2.2 of the thesis). After a restart nothing is known to be committed, and the
   * one before is not the one at the commit index.
   */
  get mayCampaign(): boolean {
    if (this.installing !== undefined || this.isDiskStalled) return false;
    const { current, previous } = this.memberships;
    if (isVoter(current, this.id)) return true;
    return this.isChangePending && previous !== undefined && isVoter(previous, this.id);
  }

  /** Who is on its way out: in the previous membership, and not in the current, which may still be rolled back. */
  leaving(): NodeId[] {
    const { current, previous } = this.memberships;
    if (!this.isChangePending || previous === undefined) return [];
    return membersOf(previous).filter((id) => !isMember(current, id));
  }

  /** The membership in force is not committed: it may still be rolled back. */
  get isChangePending(): boolean {
    return this.memberships.currentIndex > this.commit;
  }

  get isRemoved(): boolean {
    const { memberships, id, role } = this;
    if (isMember(memberships.current, id) || role.kind === "leader") return false;
    return !this.isChangePending && memberships.hasHad(id);
  }

  advanceCommit(index: number): void {
    assert(index <= this.log.lastIndex, "T3: commit is in the log");
    assert(index >= this.commit, "T3: commit never decreases");
    this.commit = index;
  }

  send(message: Message): void {
    this.out.sendNow.push(message);
  }

  /** For an answer that promises something about the disk (O3, A1). */
  sendAfterPersist(message: Message): void {
    this.out.sendAfterPersist.push(message);
  }

  /** For an answer that promises nothing by itself, but must not overtake the term it is given in, of whichever step (R2). */
  reply(message: Message): void {
    const waits = this.out.hardStateChanged || this.hardStateUnderWay !== undefined;
    (waits ? this.out.sendAfterPersist : this.out.sendNow).push(message);
  }
}
