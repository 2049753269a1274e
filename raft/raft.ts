// The consensus module: one input, one step, one output. It reads no clock, rolls no dice and waits for nothing.
// This file is the one switch on role and message, and the rules about terms (§5.1); each concern has a file of its own.
//   T5. A message of a newer term makes this node a follower of that term before anything else, except that a PreVote
//       changes nothing (A6), a vote request is not heard while a leader is (V4), and a grant of a PreVote names a term that
//       nobody is in yet.
//   T6. A message of an older term changes nothing; a leader or candidate of an older term is told the newer one.
//   T7. What comes from strangers, late or twice is ignored. What contradicts our own invariants throws: after that the
//       member must not be used any more, and its process should end.

import { handOutCommitted, onApplied, onCompacted, onFetchedCommitted } from "./apply.ts";
import { assert } from "./assert.ts";
import * as change from "./change.ts";
import type { RaftConfig, Restored } from "./config.ts";
import { Core } from "./core.ts";
import * as election from "./election.ts";
import * as follower from "./follower.ts";
import type { Input } from "./input.ts";
import * as leader from "./leader.ts";
import type { Message } from "./message.ts";
import { OutputBuilder, type Output, type Persist } from "./output.ts";
import { read } from "./reads.ts";
import * as replication from "./replication.ts";
import type { Follower } from "./role.ts";
import * as snapshots from "./snapshot.ts";
import { statusOf, type RaftStatus } from "./status.ts";
import * as transfer from "./transfer.ts";
import type { NodeId, RoleKind, SnapshotId } from "./types.ts";

export class Raft {
  readonly #core: Core;
  // As of the last output, to tell what changed.
  #role: RoleKind = "follower";
  #term: number;
  #leader: NodeId | undefined = undefined;

  constructor(config: RaftConfig, restored: Restored) {
    this.#core = new Core(config, restored);
    this.#term = this.#core.term;
  }

  step(input: Input): Output {
    const core = this.#core;
    core.out = new OutputBuilder();
    takeInput(core, input);
    if (core.role.kind === "leader") change.dismissRemoved(core, core.role);
    if (core.role.kind === "leader") transfer.handOver(core, core.role);
    return this.#output();
  }

  status(): RaftStatus {
    return statusOf(this.#core);
  }

  /** What a snapshot of the state after applying `index` is called. `index` is not below the compacted one. */
  snapshotIdAt(index: number): SnapshotId {
    const { log, memberships, commit } = this.#core;
    assert(index <= commit, "a snapshot holds committed entries only");
    return { last: log.idAt(index), membership: memberships.at(index) };
  }

  #output(): Output {
    const core = this.#core;
    const { out } = core;
    let persist: Persist | undefined;
    if (out.hasPersist) {
      core.sequence += 1;
      if (out.hardStateChanged) core.hardStateUnderWay = core.sequence;
      core.log.handedOut(core.sequence, core.now);
      persist = {
        sequence: core.sequence,
        hardState: out.hardStateChanged ? { term: core.term, vote: core.vote } : undefined,
        truncateAfter: out.truncateAfter,
        entries: out.entries,
      };
    }
    return {
      sendNow: out.sendNow,
      persist,
      sendAfterPersist: out.sendAfterPersist,
      committed: out.committed,
      reads: out.reads,
      proposed: out.proposed,
      transfer: out.transfer,
      fetches: out.fetches,
      snapshotReads: out.snapshotReads,
      snapshotWrite: out.snapshotWrite,
      roleChange: this.#roleChange(),
    };
  }

  #roleChange(): Output["roleChange"] {
    const { role, term, leader: known, cause } = this.#core;
    if (role.kind === this.#role && term === this.#term && known === this.#leader) return undefined;
    this.#role = role.kind;
    this.#term = term;
    this.#leader = known;
    return { role: role.kind, term, leader: known, cause };
  }
}

function takeInput(core: Core, input: Input): void {
  switch (input.kind) {
    case "tick":
      core.now += 1;
      if (core.role.kind === "leader") leader.tickLeader(core, core.role);
      else election.tickElection(core, core.role);
      return;
    case "message":
      takeMessage(core, input.message);
      return;
    case "propose":
      replication.propose(core, input.payload);
      return;
    case "change-membership":
      change.changeMembership(core, input.change);
      return;
    case "transfer":
      transfer.transfer(core, input.to);
      return;
    case "read":
      read(core, input.id);
      return;
    case "persisted":
      onPersisted(core, input.sequence);
      return;
    case "applied":
      onApplied(core, input.index);
      return;
    case "compacted":
      onCompacted(core, input.index);
      return;
    case "fetched":
      if (input.for === core.id) onFetchedCommitted(core, input.from, input.entries);
      else if (core.role.kind === "leader") {
        replication.onFetched(core, core.role, input.for, input.from, input.entries);
      }
      return;
    case "snapshot-read":
      if (core.role.kind === "leader") snapshots.onSnapshotRead(core, core.role, input);
      return;
    case "snapshot-lost":
      if (core.role.kind === "leader") snapshots.onSnapshotLost(core, core.role, input.to);
      return;
    case "snapshot-written":
      snapshots.onSnapshotWritten(core, input.last, input.chunk);
      return;
    case "snapshot-rejected":
      snapshots.onSnapshotRejected(core, input.last);
      return;
    case "snapshot-installed":
      snapshots.onSnapshotInstalled(core, input.snapshot);
      return;
    case "unreachable":
      if (core.role.kind === "leader") leader.onUnreachable(core, core.role, input.peer);
      return;
    case "leader-gone":
      election.onLeaderGone(core);
      return;
  }
}

function onPersisted(core: Core, sequence: number): void {
  assert(sequence <= core.sequence, "O2: persisted what was not handed out");
  core.log.persisted(sequence);
  if (sequence >= (core.hardStateUnderWay ?? Infinity)) core.hardStateUnderWay = undefined;
  if (core.role.kind === "candidate") election.onOwnVoteDurable(core, core.role, sequence);
  // Not `else`: the own vote may just have made this node the leader.
  if (core.role.kind === "leader") replication.onOwnProgress(core, core.role);
  handOutCommitted(core);
}

function takeMessage(core: Core, message: Message): void {
  if (message.to !== core.id || message.from === core.id) return;
  if (message.kind === "pre-vote-request") {
    election.onPreVoteRequest(core, message);
    return;
  }
  if (message.term < core.term) {
    answerOlderTerm(core, message);
    return;
  }
  if (message.term > core.term && !adoptTerm(core, message)) return;
  takeCurrent(core, message);
}

/** T6. */
function answerOlderTerm(core: Core, message: Message): void {
  switch (message.kind) {
    case "vote-request":
      election.onVoteRequest(core, message);
      return;
    case "append-request":
      follower.refuseAppend(core, message);
      return;
    case "heartbeat":
      follower.replyToHeartbeat(core, message);
      return;
    case "snapshot-chunk":
      core.reply({
        kind: "snapshot-chunk-reply",
        from: core.id,
        to: message.from,
        term: core.term,
        last: message.snapshot.last,
        next: 0,
      });
      return;
    case "pre-vote-reply":
      if (!message.granted && core.role.kind === "pre-candidate") {
        election.onPreVoteReply(core, core.role, message);
      }
      return;
    case "pre-vote-request":
    case "vote-reply":
    case "append-reply":
    case "heartbeat-reply":
    case "snapshot-chunk-reply":
    case "timeout-now":
      return;
  }
}

/** T5: false when the message must not be looked at any further. */
function adoptTerm(core: Core, message: Message): boolean {
  const { kind, term, from } = message;
  switch (kind) {
    case "pre-vote-reply":
      if (message.granted) return true;
      break;
    case "vote-request":
      if (!message.transfer && election.isSticky(core)) return false;
      break;
    case "timeout-now":
      return false;
    case "append-request":
    case "heartbeat":
    case "snapshot-chunk":
      core.becomeFollower(term, from, `${from} leads term ${term}`);
      return true;
    case "pre-vote-request":
    case "vote-reply":
    case "append-reply":
    case "heartbeat-reply":
    case "snapshot-chunk-reply":
      break;
  }
  core.becomeFollower(term, undefined, `${from} is at term ${term} (${kind})`);
  return true;
}

function takeCurrent(core: Core, message: Message): void {
  const { role } = core;
  switch (message.kind) {
    case "pre-vote-request":
      return;
    case "pre-vote-reply":
      if (role.kind === "pre-candidate") election.onPreVoteReply(core, role, message);
      return;
    case "vote-request":
      election.onVoteRequest(core, message);
      return;
    case "vote-reply":
      if (role.kind === "candidate") election.onVoteReply(core, role, message);
      return;
    case "append-request": {
      const following = follow(core, message.from);
      if (following !== undefined) follower.onAppendRequest(core, following, message);
      return;
    }
    case "heartbeat": {
      const following = follow(core, message.from);
      if (following !== undefined) follower.onHeartbeat(core, following, message);
      return;
    }
    case "snapshot-chunk": {
      const following = follow(core, message.from);
      if (following !== undefined) snapshots.onSnapshotChunk(core, following, message);
      return;
    }
    case "append-reply":
      if (role.kind === "leader") replication.onAppendReply(core, role, message);
      return;
    case "heartbeat-reply":
      if (role.kind === "leader") leader.onHeartbeatReply(core, role, message);
      return;
    case "snapshot-chunk-reply":
      if (role.kind === "leader") snapshots.onSnapshotChunkReply(core, role, message);
      return;
    case "timeout-now":
      election.onTimeoutNow(core, message);
      return;
  }
}

/** The leader of the current term spoke (§5.2: a candidate of the same term returns to follower state). */
function follow(core: Core, from: NodeId): Follower | undefined {
  let { role } = core;
  if (role.kind === "leader") return undefined;
  if (role.kind !== "follower" || role.leader === undefined) {
    role = core.becomeFollower(core.term, from, `${from} leads term ${core.term}`);
  }
  if (role.leader !== from) return undefined;
  role.heardAt = core.now;
  role.since = core.now;
  return role;
}
