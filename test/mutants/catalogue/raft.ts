// Bugs in elections, replication, reads and snapshots.

import type { Mutant } from "../mutant.ts";

export const raftMutants: readonly Mutant[] = [
  {
    name: "vote-not-persisted",
    trap: "A1",
    file: "raft/core.ts",
    find: `    this.vote = candidate;
    this.out.hardStateChanged = true;`,
    replace: `    this.vote = candidate;`,
  },
  {
    name: "term-not-persisted",
    trap: "A1",
    file: "raft/core.ts",
    find: `    this.vote = vote;
    this.out.hardStateChanged = true;`,
    replace: `    this.vote = vote;`,
  },
  {
    name: "vote-told-before-persist",
    trap: "A1",
    file: "raft/election.ts",
    find: `  core.sendAfterPersist({
    kind: "vote-reply",`,
    replace: `  core.send({
    kind: "vote-reply",`,
  },
  {
    name: "own-vote-before-persist",
    trap: "A1",
    file: "raft/election.ts",
    find: `      votes: new Map(),
      ownVoteSequence: core.sequence + 1,`,
    replace: `      votes: new Map([[core.id, true]]),
      ownVoteSequence: core.sequence + 1,`,
  },
  {
    name: "vote-request-before-persist",
    trap: "A1",
    file: "raft/election.ts",
    find: `    core.sendAfterPersist({
      kind: "vote-request",`,
    replace: `    core.send({
      kind: "vote-request",`,
  },
  {
    name: "append-acknowledged-before-persist",
    trap: "R1",
    file: "raft/follower.ts",
    find: `  core.sendAfterPersist({
    kind: "append-reply",`,
    replace: `  core.send({
    kind: "append-reply",`,
  },
  {
    name: "vote-cleared-in-the-same-term",
    trap: "A2",
    file: "raft/core.ts",
    find: `    if (term > this.term) this.setTerm(term, undefined);
    const role`,
    replace: `    if (term > this.term) this.setTerm(term, undefined);
    else this.vote = undefined;
    const role`,
  },
  {
    name: "votes-for-everybody",
    trap: "A2",
    file: "raft/election.ts",
    find: `    (core.vote === from || isFree) &&`,
    replace: `    (core.leader === undefined || isFree) &&`,
  },
  {
    name: "up-to-date-by-index",
    trap: "A4",
    file: "raft/log.ts",
    find: `  if (candidate.term !== own.term) return candidate.term > own.term;
`,
    replace: "",
  },
  {
    name: "up-to-date-by-term",
    trap: "A4",
    file: "raft/log.ts",
    find: `  return candidate.index >= own.index;`,
    replace: `  return true;`,
  },
  {
    name: "vote-without-looking-at-the-log",
    trap: "A4",
    file: "raft/election.ts",
    find: `    (core.vote === from || isFree) &&
    isAtLeastAsUpToDate(message.last, core.log.last);`,
    replace: `    (core.vote === from || isFree);`,
  },
  {
    name: "pre-vote-has-side-effects",
    trap: "A6",
    file: "raft/election.ts",
    find: `export function onPreVoteRequest(core: Core, message: PreVoteRequest): void {`,
    replace: `export function onPreVoteRequest(core: Core, message: PreVoteRequest): void {
  if (message.term > core.term) core.setTerm(message.term, undefined);`,
  },
  {
    name: "pre-vote-ignores-a-living-leader",
    trap: "A8",
    file: "raft/election.ts",
    find: `    message.term > core.term && !isSticky(core) && isAtLeastAsUpToDate`,
    replace: `    message.term > core.term && isAtLeastAsUpToDate`,
  },
  {
    name: "pre-vote-refusal-without-the-own-term",
    trap: "A7",
    file: "raft/election.ts",
    find: `    term: granted ? message.term : core.term,`,
    replace: `    term: message.term,`,
  },
  {
    name: "no-check-quorum",
    trap: "A8",
    file: "raft/leader.ts",
    find: `  if (core.now - heardAt >= core.config.electionTicks) {`,
    replace: `  if (core.now - heardAt >= Infinity) {`,
  },
  {
    name: "election-time-outs-all-alike",
    trap: "A13",
    file: "raft/core.ts",
    find: `    return n + Math.floor(this.config.random() * n);`,
    replace: `    return n + Math.floor(0.5 * n);`,
  },
  {
    name: "old-term-committed-by-counting",
    trap: "B1",
    file: "raft/replication.ts",
    find: `  if (core.log.termAt(reached) !== core.term) return;
`,
    replace: "",
  },
  {
    name: "truncation-without-conflict",
    trap: "B2",
    file: "raft/follower.ts",
    find: `    if (!log.has(entry)) break;
    known += 1;`,
    replace: `    if (!log.has(entry)) break;
    if (entry.index > core.commit) break;
    known += 1;`,
  },
  {
    name: "no-consistency-check",
    trap: "B2",
    file: "raft/follower.ts",
    find: `  if (!log.has(previous)) {`,
    replace: `  if (previous.index > log.lastIndex) {`,
  },
  {
    name: "conflict-not-truncated",
    trap: "B2",
    file: "raft/follower.ts",
    find: `    if (!log.has(entry)) break;
    known += 1;`,
    replace: `    if (entry.index > log.lastIndex) break;
    known += 1;`,
  },
  {
    name: "stale-rejection-lowers-the-match",
    trap: "B3",
    file: "raft/replication.ts",
    find: `  if (previous.index <= peer.match || previous.index >= peer.next) return;`,
    replace: `  peer.match = Math.min(peer.match, conflict.index);`,
  },
  {
    name: "match-may-move-back",
    trap: "B3",
    file: "raft/progress.ts",
    find: `    if (match <= this.match) return;
`,
    replace: "",
  },
  {
    name: "durable-although-overwritten",
    trap: "B4",
    file: "raft/log.ts",
    find: `      persist.through = Math.min(persist.through, index);`,
    replace: `      persist.through = Math.max(persist.through, index);`,
  },
  {
    name: "commit-not-bounded-by-the-match",
    trap: "B5",
    file: "raft/follower.ts",
    find: `Math.min(message.commit, match)`,
    replace: `Math.min(message.commit, log.lastIndex)`,
  },
  {
    name: "heartbeat-commit-not-bounded",
    trap: "B5",
    file: "raft/heartbeat.ts",
    find: `  const commit = Math.min(core.commit, peer.match);
  peer.toldCommit`,
    replace: `  const commit = core.commit;
  peer.toldCommit`,
  },
  {
    name: "quorum-of-half",
    trap: "B6",
    file: "raft/quorum.ts",
    find: `  return Math.floor(voters / 2) + 1;`,
    replace: `  return Math.max(1, Math.floor(voters / 2));`,
  },
  {
    name: "quorum-of-the-next-best",
    trap: "B6",
    file: "raft/quorum.ts",
    find: `  return descending[quorumOf(voters.length) - 1] ?? 0;`,
    replace: `  return descending[Math.max(0, quorumOf(voters.length) - 2)] ?? 0;`,
  },
  {
    name: "leader-counts-itself-before-its-fsync",
    trap: "B7",
    file: "raft/leader.ts",
    find: `(id === core.id ? core.log.durable : peers.get(id)?.match)`,
    replace: `(id === core.id ? core.log.lastIndex : peers.get(id)?.match)`,
  },
  {
    name: "probe-never-sent-again",
    trap: "B10",
    file: "raft/leader.ts",
    find: `        mode.sentAt = undefined;`,
    replace: `        mode.sentAt = core.now;`,
  },
  {
    name: "lost-appends-never-sent-again",
    trap: "B10",
    file: "raft/leader.ts",
    find: `core.now - mode.movedAt >= core.delays.lostTicks`,
    replace: `core.now - mode.movedAt >= Infinity`,
  },
  {
    name: "membership-not-rolled-back",
    trap: "C3",
    file: "raft/follower.ts",
    find: `  core.memberships.truncateAfter(index);
`,
    replace: "",
  },
  {
    name: "snapshot-keeps-a-newer-membership",
    trap: "C4",
    file: "raft/snapshot.ts",
    find: `  core.memberships.reset(last.index, installing.membership);`,
    replace: `  core.memberships.compact(last.index);`,
  },
  {
    name: "read-before-the-own-term-committed",
    trap: "D1",
    file: "raft/reads.ts",
    find: `  if (leader.waitingReads.length === 0 || leader.readRounds.length > 0) return;
  if (core.commit < leader.firstIndex) return;
  broadcastHeartbeat(core, leader);
  joinRound(core, leader);`,
    replace: `  if (leader.waitingReads.length === 0 || leader.readRounds.length > 0) return;
  broadcastHeartbeat(core, leader);
  leader.readRounds.push({ round: leader.round, index: core.commit, ids: leader.waitingReads });
  leader.waitingReads = [];`,
  },
  {
    name: "read-without-a-heartbeat-round",
    trap: "D1",
    file: "raft/reads.ts",
    find: `  const confirmed = reachedByQuorum(core.memberships.current.voters, leader.rounds);`,
    replace: `  const confirmed = leader.round;`,
  },
  {
    name: "any-heartbeat-answer-confirms-reads",
    trap: "D2",
    file: "raft/leader.ts",
    find: `  if (message.round <= leader.round) peer.round = Math.max(peer.round, message.round);`,
    replace: `  peer.round = leader.round;`,
  },
  {
    name: "reads-forgotten-on-step-down",
    trap: "D3",
    file: "raft/core.ts",
    find: `    if (this.role.kind === "leader") failReads(this, this.role);
`,
    replace: "",
  },
  {
    name: "commit-forgotten-on-install",
    trap: "E2",
    file: "raft/snapshot.ts",
    find: `  core.advanceCommit(last.index);
  core.handedOut = last.index;`,
    replace: `  core.advanceCommit(last.index);`,
  },
  {
    name: "chunks-in-any-order",
    trap: "E3",
    file: "raft/snapshot.ts",
    find: `  else if (receiving.next !== chunk) wantChunk(core, last, receiving.next);`,
    replace: `  else if (receiving.next > chunk) wantChunk(core, last, receiving.next);`,
  },
  {
    name: "lost-snapshot-never-begun-again",
    trap: "E7",
    file: "raft/snapshot.ts",
    find: `      if (waited >= core.config.heartbeatTicks) beginSnapshot(core, peer);`,
    replace: `      if (waited >= Infinity) beginSnapshot(core, peer);`,
  },
  {
    name: "handed-out-before-durable",
    trap: "F6",
    file: "raft/apply.ts",
    find: `  const through = Math.min(core.commit, log.durable);`,
    replace: `  const through = core.commit;`,
  },
  {
    name: "leads-with-a-stalled-disk",
    trap: "F8",
    file: "raft/core.ts",
    find: `    return since !== undefined && this.now - since > this.delays.diskTicks;`,
    replace: `    return since !== undefined && this.now - since > Infinity;`,
  },
  {
    name: "uncommitted-without-bound",
    trap: "I1",
    file: "raft/replication.ts",
    find: `  if (leader.uncommittedBytes >= core.config.uncommittedBytesMax) {`,
    replace: `  if (leader.uncommittedBytes >= Infinity) {`,
  },
  {
    name: "appends-without-bound",
    trap: "I2",
    file: "raft/progress.ts",
    find: `        return this.mode.appends.length < appendsMax && this.mode.bytes < bytesMax;`,
    replace: `        return this.mode.appends.length < Infinity && appendsMax + bytesMax > 0;`,
  },
  {
    name: "answer-overtakes-the-term-of-an-earlier-step",
    trap: "R2",
    file: "raft/core.ts",
    find: ` || this.hardStateUnderWay !== undefined;`,
    replace: `;`,
  },
];
