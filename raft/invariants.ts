// What must hold in the state of a member, and between two of its states, one step apart. For tests and the simulation, after
// every step: nothing is allocated unless something is wrong.

import { membersMax, votersMax } from "./config.ts";
import { isMember, isVoter, votersApart } from "./membership.ts";
import type { RaftStatus } from "./status.ts";

const none: readonly string[] = [];

/** What is violated, in words that begin with the number of the invariant; empty: nothing. `before` is undefined after a start. */
export function violations(before: RaftStatus | undefined, after: RaftStatus): readonly string[] {
  let found: string[] | undefined;
  const report: Report = (violation) => {
    found ??= [];
    found.push(violation);
  };
  checkState(after, report);
  if (before !== undefined) checkBetween(before, after, report);
  return found ?? none;
}

type Report = (violation: string) => void;

function checkState(state: RaftStatus, report: Report): void {
  const { applied, handedOut, commit, last, durable, compacted } = state;
  if (applied > handedOut) report("T3: applied beyond what was handed out");
  if (handedOut > commit) report("T3: handed out what is not committed");
  if (handedOut > durable) report("AP1: handed out what is not durable");
  if (commit > last.index) report("T3: committed beyond the log");
  if (durable > last.index) report("L4: durable beyond the log");
  if (compacted.index > applied) report("E8: compacted what is not applied");
  if (last.term > state.term) report("T1: an entry of a later term");
  checkMembership(state, report);
  if (state.role === "leader") checkLeader(state, report);
  else {
    if (state.progress.length > 0) report("T4: progress without leadership");
    if (state.transferee !== undefined) report("T4: a hand-over without leadership");
  }
}

function checkMembership(state: RaftStatus, report: Report): void {
  const { membership, membershipIndex, membershipCommitted, compacted, commit, last, role } = state;
  const { voters, learners } = membership;
  if (membershipIndex > last.index) report("M2: a membership of an entry that is gone");
  if (membershipCommitted !== membershipIndex <= commit) report("M1: committed with its entry");
  // A new machine may compact what it caught up with before it has met the first entry of a membership.
  if (voters.length === 0 && membershipIndex > compacted.index) {
    report("M5: a membership without a voter");
  }
  if (voters.length > votersMax) report("M5: too many voters");
  if (voters.length + learners.length > membersMax) report("M5: too many members");
  const campaigns = role === "pre-candidate" || role === "candidate";
  if (campaigns && membershipCommitted && !isVoter(membership, state.id)) {
    report("A12: a campaign of one who is no voter for good");
  }
}

function checkLeader(state: RaftStatus, report: Report): void {
  const { id: self, term, last, membership, membershipCommitted, transferee } = state;
  if (state.leader !== self) report("T4: a leader that follows another");
  if (state.installing) report("S3: a leader that installs a snapshot");
  if (last.term !== term) report("LE1: a leader without an entry of its term");
  for (const { match, next, id } of state.progress) {
    if (match > last.index) report(`PR1: match of ${id} beyond the log`);
    if (next <= match) report(`PR2: next of ${id} at or below match`);
    if (next > last.index + 1) report(`PR2: next of ${id} beyond the log`);
    if (membershipCommitted && !isMember(membership, id)) report(`CH4: ${id} is still served`);
  }
  for (const id of membership.voters) {
    if (id !== self && !hasProgress(state, id)) report(`T4: no progress of ${id}`);
  }
  for (const id of membership.learners) {
    if (!hasProgress(state, id)) report(`T4: no progress of ${id}`);
  }
  if (transferee !== undefined) {
    if (!membershipCommitted) report("TR5: a change is in doubt during a hand-over");
    if (!isVoter(membership, transferee)) report("TR2: a hand-over to one who cannot win");
  } else if (membershipCommitted && !isVoter(membership, self)) {
    report("CH5: a removed leader that does not hand over");
  }
}

function hasProgress({ progress }: RaftStatus, id: number): boolean {
  for (const { id: known } of progress) if (known === id) return true;
  return false;
}

function checkBetween(before: RaftStatus, after: RaftStatus, report: Report): void {
  if (after.term < before.term) report("T1: term moved back");
  if (after.commit < before.commit) report("T3: commit moved back");
  if (after.handedOut < before.handedOut) report("T3: handed out moved back");
  if (after.applied < before.applied) report("T3: applied moved back");
  if (after.compacted.index < before.compacted.index) report("L1: compacted moved back");
  if (after.last.index < before.commit) report("AE2: a committed entry was removed");
  if (before.membershipCommitted && after.membershipIndex < before.membershipIndex) {
    report("M2: a committed membership was rolled back");
  }
  if (after.role === "leader" && before.role !== "leader" && before.role !== "candidate") {
    report("T4: a leader that was no candidate");
  }
  if (after.term !== before.term) return;
  if (before.vote !== undefined && after.vote !== before.vote)
    report("T2: voted twice in one term");
  if (before.leader !== undefined && after.leader !== undefined && before.leader !== after.leader) {
    report("election safety: two leaders in one term");
  }
  if (before.role !== "leader") return;
  if (after.role === "leader") checkReign(before, after, report);
  else if (after.role !== "follower") report("T4: a leader that campaigns");
}

function checkReign(before: RaftStatus, after: RaftStatus, report: Report): void {
  if (after.last.index < before.last.index) report("T4: a leader truncated its log");
  const { transferee } = before;
  if (transferee !== undefined && after.transferee === transferee) {
    if (after.last.index !== before.last.index) report("TR1: an append during a hand-over");
  }
  if (after.membershipIndex !== before.membershipIndex) {
    if (!before.membershipCommitted) report("CH1: a change before the last one is committed");
    if (votersApart(before.membership, after.membership) > 1) report("M5: two voters at once");
  }
  // Both in the order of the leader's table: those that are gone are skipped, those that are new come last.
  let at = 0;
  for (const { id, match } of before.progress) {
    const now = after.progress[at];
    if (now?.id !== id) continue;
    at += 1;
    if (now.match < match) report(`PR1: match of ${id} moved back`);
  }
}
