// Membership changes (§4 of the thesis): one voter at a time, decided by the leader, in force as soon as appended (M1).
//   CH1. No change before an entry of the leader's own term is committed (C1, R7), nor before the last change is.
//   CH2. A learner is promoted only when it is caught up and heard (C6, PR5).
//   CH3. A change of voters is made only if those heard within an election time-out, the leader among them if it stays a
//        voter, are a quorum afterwards: a change that cannot be committed would stop the cluster.
//   CH4. A removed member gets the log until its removal is committed; then it is told so, once, and no more.
//   CH5. A leader that removes itself does not count itself, leads until that is committed, and hands over to the voter that
//        holds most of the log (C8, §4.2.2).

import { assert, must } from "./assert.ts";
import { membersMax, votersMax } from "./config.ts";
import type { Core } from "./core.ts";
import { encodeMembership, isMember, isVoter, membersOf } from "./membership.ts";
import type { ProposalRefusal, Proposed } from "./output.ts";
import { Progress } from "./progress.ts";
import { quorumOf } from "./quorum.ts";
import { confirmReads } from "./reads.ts";
import { appendAsLeader, tellEnd } from "./replication.ts";
import type { Leader } from "./role.ts";
import { beginHandOver } from "./transfer.ts";
import type { EntryId, Membership, MembershipChange, NodeId } from "./types.ts";

export function changeMembership(core: Core, change: MembershipChange): void {
  core.out.proposed = decide(core, change);
}

function decide(core: Core, change: MembershipChange): Proposed {
  const { role: leader } = core;
  if (leader.kind !== "leader") return { kind: "refused", reason: "not-leader" };
  const { current } = core.memberships;
  const premature = refusalNow(core, leader) ?? refusalBy(current, change);
  if (premature !== undefined) return { kind: "refused", reason: premature };
  const next = changed(current, change);
  const unsafe = refusalOfVoters(core, leader, change, next);
  if (unsafe !== undefined) return { kind: "refused", reason: unsafe };
  return { kind: "appended", id: appendMembership(core, leader, next) };
}

/** Whatever the change. */
function refusalNow(core: Core, leader: Leader): ProposalRefusal | undefined {
  if (leader.handOver !== undefined) return "transferring";
  if (core.commit < leader.firstIndex) return "term-not-committed";
  if (core.isChangePending) return "change-pending";
  return undefined;
}

/** What the membership alone says against a change of it. */
function refusalBy(membership: Membership, change: MembershipChange): ProposalRefusal | undefined {
  const { voters, learners } = membership;
  switch (change.kind) {
    case "add-learner":
      if (isMember(membership, change.id)) return "already-member";
      return voters.length + learners.length >= membersMax ? "too-many-members" : undefined;
    case "promote":
      if (!isMember(membership, change.id)) return "not-a-member";
      if (isVoter(membership, change.id)) return "not-a-learner";
      return voters.length >= votersMax ? "too-many-voters" : undefined;
    case "remove":
      if (!isMember(membership, change.id)) return "not-a-member";
      return voters.length === 1 && voters[0] === change.id ? "last-voter" : undefined;
    case "set-context":
      return undefined;
  }
}

/** CH2, CH3: what the state of the members says against it. */
function refusalOfVoters(
  core: Core,
  leader: Leader,
  change: MembershipChange,
  { voters }: Membership,
): ProposalRefusal | undefined {
  if (voters.length === core.memberships.current.voters.length) return undefined;
  const { now, config, commit } = core;
  const { electionTicks } = config;
  if (change.kind === "promote") {
    const learner = must(leader.peers.get(change.id), "T4: every other member has a progress");
    if (!learner.isCaughtUp(now, electionTicks, commit)) return "lagging";
  }
  const isHeard = (id: NodeId): boolean =>
    id === core.id || leader.peers.get(id)?.isAlive(now, electionTicks) === true;
  const heard = voters.filter(isHeard).length;
  return heard < quorumOf(voters.length) ? "quorum-unreachable" : undefined;
}

function changed({ voters, learners }: Membership, change: MembershipChange): Membership {
  switch (change.kind) {
    case "add-learner":
      return { voters, learners: including(learners, change.id), context: change.context };
    case "promote":
      return {
        voters: including(voters, change.id),
        learners: without(learners, change.id),
        context: change.context,
      };
    case "remove":
      return {
        voters: without(voters, change.id),
        learners: without(learners, change.id),
        context: change.context,
      };
    case "set-context":
      return { voters, learners, context: change.context };
  }
}

function including(ids: readonly NodeId[], id: NodeId): NodeId[] {
  return [...ids, id].sort((a, b) => a - b);
}

function without(ids: readonly NodeId[], id: NodeId): NodeId[] {
  return ids.filter((other) => other !== id);
}

function appendMembership(core: Core, leader: Leader, membership: Membership): EntryId {
  assert(core.commit >= leader.firstIndex, "CH1: an entry of the own term is committed");
  assert(!core.isChangePending, "CH1: one change at a time");
  const id: EntryId = { term: core.term, index: core.log.lastIndex + 1 };
  const payload = encodeMembership(membership);
  for (const member of membersOf(membership)) {
    if (member === core.id || leader.peers.has(member)) continue;
    leader.peers.set(member, new Progress(member, id.index, core.now));
  }
  appendAsLeader(core, leader, { ...id, kind: "membership", payload });
  leader.leaving = core.leaving();
  // A read may have waited for one who counts no more, and whose answer will not come.
  confirmReads(core, leader);
  return id;
}

/** After every step of a leader: CH4, CH5. */
export function dismissRemoved(core: Core, leader: Leader): void {
  if (leader.leaving.length === 0 || core.isChangePending) return;
  for (const id of leader.leaving) {
    const peer = leader.peers.get(id);
    if (peer === undefined) continue;
    if (peer.toldCommit < core.memberships.currentIndex) tellEnd(core, peer);
    leader.peers.delete(id);
  }
  if (leader.leaving.includes(core.id)) beginHandOver(core, leader, successor(core, leader));
  leader.leaving = [];
}

/** CH5: of the voters that are heard, the one that holds most. */
function successor(core: Core, leader: Leader): NodeId {
  let best: Progress | undefined;
  for (const id of core.memberships.current.voters) {
    const peer = must(leader.peers.get(id), "T4: every other member has a progress");
    if (!peer.isAlive(core.now, core.config.electionTicks)) continue;
    if (best === undefined || peer.match > best.match) best = peer;
  }
  return must(best, "CH5: a voter has just acknowledged the removal").id;
}
